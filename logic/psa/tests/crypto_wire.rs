//! Messages that no honest client sends: wrong sizes, unknown functions, random bytes, and lengths at the limits.

mod common;

use common::Rig;
use ironroot_client::crypto::aead::{self, AeadParameters};
use ironroot_client::crypto::{hash, key, sign};
use ironroot_psa::limits;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, EccFamily, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::service::CRYPTO;
use ironroot_psa_api::{ClientId, Error, Status};
use ironroot_spm::{FailureCause, FailureOutcome};
use std::collections::BTreeMap;

#[test]
fn a_first_input_of_another_size_is_a_programmer_error() {
    let mut rig = Rig::default();
    let request = CryptoRequest::new(CryptoFunction::GenerateRandom).to_bytes();
    let long = [&request[..], &[0; 40]].concat();
    for len in 0..long.len() {
        let (status, outputs) = rig.message(CRYPTO.handle, 0, &[&long[..len]], &[16]);
        let right = len == CryptoRequest::SIZE;
        assert_eq!(status == Status::SUCCESS, right, "{len}");
        assert_eq!(outputs[0].len(), if right { 16 } else { 0 }, "{len}");
        if !right {
            assert_eq!(status, Error::ProgrammerError.status());
        }
    }
    let (status, _) = rig.message(CRYPTO.handle, 0, &[], &[16]);
    assert_eq!(status, Error::ProgrammerError.status());
}

#[test]
fn other_message_types_and_unknown_functions_are_not_supported() {
    let mut rig = Rig::default();
    let mut request = CryptoRequest::new(CryptoFunction::GenerateRandom).to_bytes();
    for kind in [1, 1001, 0x7fff] {
        let (status, _) = rig.message(CRYPTO.handle, kind, &[&request], &[16]);
        assert_eq!(status, Error::NotSupported.status());
    }
    let unknown = (0..=u16::MAX).filter(|code| CryptoFunction::from_code(*code).is_none());
    for code in unknown.step_by(7) {
        request[40..42].copy_from_slice(&code.to_le_bytes());
        let (status, outputs) = rig.message(CRYPTO.handle, 0, &[&request], &[16]);
        assert_eq!(status, Error::NotSupported.status(), "{code:#x}");
        assert!(outputs[0].is_empty());
    }
}

#[test]
fn every_function_survives_every_number_of_absent_and_empty_buffers() {
    let mut rig = Rig::default();
    for function in CryptoFunction::ALL {
        let request = CryptoRequest::new(*function);
        let no_inputs: &[&[u8]] = &[];
        for inputs in [no_inputs, &[&[]], &[&[], &[]]] {
            for outputs in [&[][..], &[0], &[0, 0], &[1], &[3, 1]] {
                if 1 + inputs.len() + outputs.len() > 4 {
                    continue;
                }
                let _ = rig.crypto(&request, inputs, outputs);
            }
        }
    }
}

/// A key type with an algorithm that suits it.
const SUITS: [(KeyType, u16, Algorithm); 7] = [
    (KeyType::HMAC, 256, Algorithm::hmac(Algorithm::SHA_256)),
    (KeyType::AES, 128, Algorithm::GCM),
    (KeyType::AES, 256, Algorithm::CCM),
    (KeyType::CHACHA20, 256, Algorithm::CHACHA20_POLY1305),
    (KeyType::DERIVE, 256, Algorithm::hkdf(Algorithm::SHA_256)),
    (
        KeyType::ecc_key_pair(EccFamily::SECP_R1),
        256,
        Algorithm::deterministic_ecdsa(Algorithm::SHA_256),
    ),
    (
        KeyType::ecc_key_pair(EccFamily::TWISTED_EDWARDS),
        255,
        Algorithm::PURE_EDDSA,
    ),
];

/// Lengths of inputs and outputs as a function has them; 24 stands for attributes.
fn shape(function: CryptoFunction) -> (&'static [usize], &'static [usize]) {
    use CryptoFunction as F;
    match function {
        F::ImportKey => (&[24, 32], &[4]),
        F::GenerateKey | F::CopyKey | F::KeyDerivationOutputKey => (&[24], &[4]),
        F::HashUpdate | F::MacUpdate | F::KeyDerivationInputBytes => (&[32], &[]),
        F::HashFinish | F::MacSignFinish => (&[], &[4, 64]),
        F::HashVerify | F::MacVerifyFinish => (&[32], &[4]),
        F::HashClone => (&[4], &[4]),
        F::HashCompare | F::MacVerify | F::VerifyHash | F::VerifyMessage => (&[32, 64], &[]),
        F::HashCompute | F::MacCompute | F::SignHash | F::SignMessage => (&[32], &[64]),
        F::AeadEncrypt | F::AeadDecrypt => (&[32, 16], &[64]),
        F::DestroyKey | F::PurgeKey | F::KeyDerivationInputKey => (&[], &[]),
        _ => (&[], &[64]),
    }
}

#[test]
fn random_requests_never_break_the_service_nor_reach_another_clients_key() {
    let mut rig = Rig::default();
    let victim = KeyAttributes::volatile(KeyType::RAW_DATA, 256, Usage::EXPORT, Algorithm::NONE);
    let secret = [0xa7; 32];
    let victim = key::import(rig.as_client(50), &victim, &secret).unwrap();
    rig.client = ClientId::new(7).unwrap();
    let mut random = Random(0x0123_4567_89ab_cdef);
    let mut keys = vec![(victim.0, SUITS[0])];
    let mut operations = vec![0];
    let mut successes = BTreeMap::new();
    for _ in 0..40_000 {
        let function = CryptoFunction::ALL[random.below(CryptoFunction::ALL.len())];
        let (key, suit) = keys[random.below(keys.len())];
        let suit = if random.below(4) == 0 {
            SUITS[random.below(SUITS.len())]
        } else {
            suit
        };
        let (kind, bits, algorithm) = suit;
        let of_hash = function.code() >> 8 == 3;
        let mut request = CryptoRequest::new(function)
            .key(KeyId(key))
            .algorithm(if of_hash {
                Algorithm::SHA_256
            } else {
                algorithm
            })
            .with_nonce(&[1; 16][..[12, 12, 12, 0, 16][random.below(5)]])
            .unwrap();
        let setup = setup_of(function) && random.below(8) > 0;
        request.operation = if setup {
            0
        } else {
            operations[random.below(operations.len())]
        };
        request.step.0 = [0x0101, 0x0202, 0x0203][random.below(3)];
        request.value = random.next() >> random.below(64);
        let mut attributes = KeyAttributes::volatile(kind, bits, Usage::ALL, algorithm);
        if random.below(8) == 0 {
            attributes.usage = Usage(random.next() as u32);
        }
        if random.below(3) == 0 {
            attributes = attributes.persistent(KeyId(1 + random.below(3) as u32));
        }
        let (in_lens, out_lens) = shape(function);
        let inputs: Vec<Vec<u8>> = in_lens
            .iter()
            .map(|len| match (random.below(10), *len) {
                (0, _) => vec![random.next() as u8; random.below(80)],
                (_, 24) => attributes.to_bytes().to_vec(),
                (_, 4) => vec![0; 4],
                (_, len) => vec![random.next() as u8; len],
            })
            .collect();
        let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let outputs: Vec<usize> = out_lens
            .iter()
            .map(|len| {
                if random.below(10) == 0 {
                    random.below(80)
                } else {
                    *len
                }
            })
            .collect();
        let (status, written) = rig.crypto(&request, &inputs, &outputs);
        for output in &written {
            assert!(
                !output.windows(16).any(|window| window == &secret[..16]),
                "{function:?}"
            );
        }
        if status != Status::SUCCESS {
            assert!(written.iter().all(Vec::is_empty), "{function:?} {status:?}");
            if status == Error::InsufficientMemory.status() {
                // The handles that would free the pools are lost: start the client anew.
                let outcome = FailureOutcome::Restarted { left: 9 };
                let failure = common::partition_failure(7, FailureCause::Hardware, outcome);
                common::fail_partition(&mut rig.root, failure);
            }
            continue;
        }
        *successes.entry(function.code()).or_insert(0) += 1;
        if let Some([a, b, c, d]) = written.first().map(|output| &output[..]) {
            let word = u32::from_le_bytes([*a, *b, *c, *d]);
            if [2, 9].contains(&(function.code() >> 8)) && !setup_of(function) {
                keys.push((word, suit));
            } else {
                operations.push(word);
            }
            keys.drain(..keys.len().saturating_sub(12));
            operations.drain(..operations.len().saturating_sub(4));
        }
    }
    assert!(
        successes.len() >= 26,
        "it reaches most functions: {successes:x?}"
    );
    let mut out = [0; 32];
    assert_eq!(key::export(rig.as_client(50), victim, &mut out), Ok(32));
    assert_eq!(out, secret);
}

fn setup_of(function: CryptoFunction) -> bool {
    use CryptoFunction as F;
    matches!(
        function,
        F::HashSetup | F::MacSignSetup | F::MacVerifySetup | F::KeyDerivationSetup
    )
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}

#[test]
fn whole_messages_work_at_the_limit_and_are_refused_above_it() {
    // TFMV-5: a block longer than the local buffer.
    let mut rig = Rig::default();
    let usage = Usage::ENCRYPT.union(Usage::DECRYPT);
    let attributes = KeyAttributes::volatile(KeyType::AES, 128, usage, Algorithm::CCM);
    let key = key::generate(&mut rig, &attributes).unwrap();
    let limit = limits::WHOLE_MESSAGE;
    for client in [-1, 1] {
        let rig = rig.as_client(client);
        let key = if client == -1 {
            key
        } else {
            key::generate(rig, &attributes).unwrap()
        };
        for additional_len in [0, 1, 100] {
            let additional_data = vec![3; additional_len];
            let parameters = AeadParameters {
                key,
                algorithm: Algorithm::CCM,
                nonce: &[0; 13],
                additional_data: &additional_data,
            };
            let fits = limit - additional_len - 16;
            for len in [
                0,
                1,
                fits - 1,
                fits,
                fits + 1,
                fits + 16,
                limit,
                limit + 1,
                5000,
            ] {
                let plaintext = vec![9; len];
                let mut sealed = vec![0; len + 16];
                let result = aead::encrypt(rig, &parameters, &plaintext, &mut sealed);
                if len > fits {
                    assert_eq!(result, Err(Error::InsufficientMemory), "{len}");
                    assert!(sealed.iter().all(|byte| *byte == 0));
                    continue;
                }
                assert_eq!(result, Ok(len + 16), "{len}");
                let mut opened = vec![0; len];
                assert_eq!(
                    aead::decrypt(rig, &parameters, &sealed, &mut opened),
                    Ok(len)
                );
                assert_eq!(opened, plaintext);
            }
        }
    }
}

#[test]
fn outputs_one_byte_short_get_nothing() {
    let mut rig = Rig::default();
    let usage = Usage::ENCRYPT.union(Usage::DECRYPT);
    let attributes = KeyAttributes::volatile(KeyType::AES, 128, usage, Algorithm::GCM);
    let key = key::generate(&mut rig, &attributes).unwrap();
    let parameters = AeadParameters {
        key,
        algorithm: Algorithm::GCM,
        nonce: &[0; 12],
        additional_data: &[],
    };
    let mut sealed = [0; 26];
    let short = aead::encrypt(&mut rig, &parameters, &[5; 10], &mut sealed[..25]);
    assert_eq!(short, Err(Error::BufferTooSmall));
    assert_eq!(sealed, [0; 26]);
    aead::encrypt(&mut rig, &parameters, &[5; 10], &mut sealed).unwrap();
    let mut opened = [0; 10];
    let short = aead::decrypt(&mut rig, &parameters, &sealed, &mut opened[..9]);
    assert_eq!(short, Err(Error::BufferTooSmall));
    assert_eq!(opened, [0; 10]);
    for (algorithm, len) in [
        (Algorithm::SHA_256, 32),
        (Algorithm::SHA_384, 48),
        (Algorithm::SHA_512, 64),
    ] {
        let mut out = vec![0; len];
        let short = hash::compute(&mut rig, algorithm, b"abc", &mut out[..len - 1]);
        assert_eq!(short, Err(Error::BufferTooSmall));
        assert_eq!(out, vec![0; len]);
    }
    let ecdsa = Algorithm::ecdsa(Algorithm::SHA_256);
    let pair = KeyType::ecc_key_pair(EccFamily::SECP_R1);
    let pair = KeyAttributes::volatile(pair, 256, Usage::SIGN_HASH, ecdsa);
    let pair = key::generate(&mut rig, &pair).unwrap();
    let mut out = [0; 63];
    let short = sign::message(&mut rig, pair, ecdsa, b"abc", &mut out);
    assert_eq!(short, Err(Error::BufferTooSmall));
}

#[test]
fn nonces_and_sealed_messages_of_wrong_lengths_are_invalid() {
    let mut rig = Rig::default();
    let usage = Usage::ENCRYPT.union(Usage::DECRYPT);
    let cases = [
        (Algorithm::GCM, KeyType::AES, 128, 1..=16),
        (Algorithm::CCM, KeyType::AES, 128, 7..=13),
        (
            Algorithm::CHACHA20_POLY1305,
            KeyType::CHACHA20,
            256,
            12..=12,
        ),
    ];
    for (algorithm, kind, bits, allowed) in cases {
        let attributes = KeyAttributes::volatile(kind, bits, usage, algorithm);
        let key = key::generate(&mut rig, &attributes).unwrap();
        for len in 0..=16 {
            let nonce = vec![1; len];
            let parameters = AeadParameters {
                key,
                algorithm,
                nonce: &nonce,
                additional_data: &[],
            };
            let result = aead::encrypt(&mut rig, &parameters, b"x", &mut [0; 17]);
            let expected = if allowed.contains(&len) {
                Ok(17)
            } else {
                Err(Error::InvalidArgument)
            };
            assert_eq!(result, expected, "{algorithm:?}, nonce of {len}");
        }
        let parameters = AeadParameters {
            key,
            algorithm,
            nonce: &[1; 12],
            additional_data: &[],
        };
        for len in 0..16 {
            let short = aead::decrypt(&mut rig, &parameters, &vec![0; len], &mut [0; 16]);
            assert_eq!(short, Err(Error::InvalidArgument), "{len}");
        }
    }
}

#[test]
fn hashes_to_be_signed_must_have_the_length_of_their_algorithm() {
    let mut rig = Rig::default();
    let pair = KeyType::ecc_key_pair(EccFamily::SECP_R1);
    for (algorithm, right) in [
        (Algorithm::ecdsa(Algorithm::SHA_256), Some(32)),
        (Algorithm::deterministic_ecdsa(Algorithm::SHA_384), Some(48)),
        (Algorithm::ECDSA_ANY, None),
    ] {
        let usage = Usage::SIGN_HASH.union(Usage::VERIFY_HASH);
        let key = KeyAttributes::volatile(pair, 256, usage, algorithm);
        let key = key::generate(&mut rig, &key).unwrap();
        for len in 0..=65 {
            let hashed = vec![1; len];
            let allowed = right.map_or((1..=64).contains(&len), |right| right == len);
            let mut signature = [0; 64];
            let signed = sign::hash(&mut rig, key, algorithm, &hashed, &mut signature);
            let expected = if allowed {
                Ok(64)
            } else {
                Err(Error::InvalidArgument)
            };
            assert_eq!(signed, expected, "{algorithm:?}, {len}");
            let verified = sign::verify_hash(&mut rig, key, algorithm, &hashed, &signature);
            assert_eq!(verified.is_ok(), allowed);
        }
        let message = sign::message(&mut rig, key, algorithm, b"m", &mut [0; 64]);
        let expected = if right.is_some() {
            Ok(64)
        } else {
            Err(Error::InvalidArgument)
        };
        assert_eq!(message, expected, "a message needs a hash algorithm");
    }
    let ed25519 = KeyType::ecc_key_pair(EccFamily::TWISTED_EDWARDS);
    let key = KeyAttributes::volatile(ed25519, 255, Usage::ALL, Algorithm::PURE_EDDSA);
    let key = key::generate(&mut rig, &key).unwrap();
    let refused = sign::hash(&mut rig, key, Algorithm::PURE_EDDSA, &[1; 64], &mut [0; 64]);
    assert_eq!(refused, Err(Error::InvalidArgument));
    let limit = vec![7; limits::WHOLE_MESSAGE];
    let mut signature = [0; 64];
    let algorithm = Algorithm::PURE_EDDSA;
    assert_eq!(
        sign::message(&mut rig, key, algorithm, &limit, &mut signature),
        Ok(64)
    );
    assert_eq!(
        sign::verify_message(&mut rig, key, algorithm, &limit, &signature),
        Ok(())
    );
    let longer = vec![7; limits::WHOLE_MESSAGE + 1];
    let refused = sign::message(&mut rig, key, algorithm, &longer, &mut signature);
    assert_eq!(refused, Err(Error::InsufficientMemory));
}
