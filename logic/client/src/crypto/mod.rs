//! Cryptography (PSA Crypto API): one module per group of functions.
//!
//! Errors that any of them can return besides those it names: `InsufficientMemory`,
//! `CommunicationFailure`, `ServiceFailure`, `CorruptionDetected`, `ConnectionBusy`.

pub mod aead;
pub mod derive;
pub mod hash;
pub mod key;
pub mod mac;
pub mod sign;

use crate::transport::{Output, Transport, call_into};
use ironroot_psa_api::crypto::{CALL_TYPE, CryptoFunction, CryptoRequest};
use ironroot_psa_api::service::CRYPTO;
use ironroot_psa_api::{Error, Handle};

const SERVICE: Handle = CRYPTO.handle;

/// `psa_generate_random`: fills `out`.
///
/// # Errors
/// `InsufficientEntropy`.
pub fn generate_random<T: Transport>(transport: &mut T, out: &mut [u8]) -> Result<(), Error> {
    if out.is_empty() {
        return Ok(());
    }
    let wanted = out.len();
    let got = call(
        transport,
        &CryptoRequest::new(CryptoFunction::GenerateRandom),
        &[],
        out,
    )?;
    if got == wanted {
        Ok(())
    } else {
        Err(Error::CommunicationFailure)
    }
}

/// A request with up to two more inputs and one output.
fn call<T: Transport>(
    transport: &mut T,
    request: &CryptoRequest,
    inputs: &[&[u8]],
    out: &mut [u8],
) -> Result<usize, Error> {
    let first = request.to_bytes();
    match inputs {
        [] => call_into(transport, SERVICE, CALL_TYPE, &[&first], out),
        [a] => call_into(transport, SERVICE, CALL_TYPE, &[&first, a], out),
        [a, b, ..] => call_into(transport, SERVICE, CALL_TYPE, &[&first, a, b], out),
    }
}

/// A request with up to two more inputs and no output.
fn tell<T: Transport>(
    transport: &mut T,
    request: &CryptoRequest,
    inputs: &[&[u8]],
) -> Result<(), Error> {
    let first = request.to_bytes();
    match inputs {
        [] => transport.call(SERVICE, CALL_TYPE, &[&first], &mut []).ok(),
        [a] => transport
            .call(SERVICE, CALL_TYPE, &[&first, a], &mut [])
            .ok(),
        [a, b, ..] => transport
            .call(SERVICE, CALL_TYPE, &[&first, a, b], &mut [])
            .ok(),
    }
}

/// A request answered with one word: a key id or an operation handle.
fn ask<T: Transport>(
    transport: &mut T,
    request: &CryptoRequest,
    inputs: &[&[u8]],
) -> Result<u32, Error> {
    let mut word = [0; 4];
    match call(transport, request, inputs, &mut word)? {
        4 => Ok(u32::from_le_bytes(word)),
        _ => Err(Error::CommunicationFailure),
    }
}

/// The last step of a multipart operation: output 0 is the operation handle, output 1 the result.
fn finish<T: Transport>(
    transport: &mut T,
    request: &CryptoRequest,
    inputs: &[&[u8]],
    out: &mut [u8],
) -> Result<usize, Error> {
    let first = request.to_bytes();
    let mut handle = request.operation.to_le_bytes();
    let mut outputs = [Output::new(&mut handle), Output::new(out)];
    let status = match inputs {
        [] => transport.call(SERVICE, CALL_TYPE, &[&first], &mut outputs),
        [a, ..] => transport.call(SERVICE, CALL_TYPE, &[&first, a], &mut outputs),
    };
    status.ok()?;
    let [_, result] = &outputs;
    Ok(result.written())
}

/// A step whose only output is the operation handle, which the service clears.
fn end<T: Transport>(
    transport: &mut T,
    request: &CryptoRequest,
    inputs: &[&[u8]],
) -> Result<(), Error> {
    let mut handle = request.operation.to_le_bytes();
    call(transport, request, inputs, &mut handle).map(drop)
}

/// A multipart operation that lives in the service.
#[derive(Debug, PartialEq, Eq)]
struct Operation(u32);

impl Operation {
    fn set_up<T: Transport>(transport: &mut T, request: &CryptoRequest) -> Result<Self, Error> {
        ask(transport, request, &[]).map(Self)
    }

    const fn request(&self, function: CryptoFunction) -> CryptoRequest {
        CryptoRequest::new(function).operation(self.0)
    }

    /// Best effort: the service frees it at the latest when the client fails.
    fn abort<T: Transport>(self, transport: &mut T, function: CryptoFunction) {
        let _ = end(transport, &self.request(function), &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::aead::AeadParameters;
    use super::derive::Derivation;
    use super::hash::HashOperation;
    use super::mac::MacOperation;
    use super::*;
    use crate::fake::Fake;
    use ironroot_psa_api::key::{Algorithm, DerivationStep, KeyAttributes, KeyId};
    use ironroot_psa_api::service;
    use std::vec::Vec;

    /// Lengths of what follows input 0, and of the outputs, of the call that `make` makes.
    fn shape(make: impl FnOnce(&mut Fake)) -> (CryptoFunction, Vec<usize>, Vec<usize>) {
        let mut fake = Fake::default();
        make(&mut fake);
        let call = &fake.calls[0];
        assert_eq!((call.handle, call.kind), (service::CRYPTO.handle, 0));
        assert_eq!(call.inputs[0].len(), CryptoRequest::SIZE);
        let inputs = call.inputs[1..].iter().map(Vec::len).collect();
        (call.request().function, inputs, call.outputs.clone())
    }

    /// What matters here is what went out, not what came back.
    fn ignore<R>(_: R) {}

    const KEY: KeyId = KeyId(5);
    const ALGORITHM: Algorithm = Algorithm::GCM;

    /// The vectors of TF-M 2.2's `tfm_crypto_api.c`, function by function.
    #[test]
    fn one_call_functions_pass_the_vectors_of_tf_m() {
        use CryptoFunction as F;
        let attributes = KeyAttributes::default();
        let (i, e) = ([1u8; 3], [2u8; 7]);
        let check = |function, inputs: &[usize], outputs: &[usize], make: &dyn Fn(&mut Fake)| {
            assert_eq!(
                shape(|t| make(t)),
                (function, inputs.to_vec(), outputs.to_vec())
            );
        };
        check(F::GenerateRandom, &[], &[9], &|t| {
            ignore(generate_random(t, &mut [0; 9]))
        });
        check(F::ImportKey, &[24, 3], &[4], &|t| {
            ignore(key::import(t, &attributes, &i))
        });
        check(F::GenerateKey, &[24], &[4], &|t| {
            ignore(key::generate(t, &attributes))
        });
        check(F::CopyKey, &[24], &[4], &|t| {
            ignore(key::copy(t, KEY, &attributes))
        });
        check(F::DestroyKey, &[], &[], &|t| ignore(key::destroy(t, KEY)));
        check(F::PurgeKey, &[], &[], &|t| ignore(key::purge(t, KEY)));
        check(F::ExportKey, &[], &[8], &|t| {
            ignore(key::export(t, KEY, &mut [0; 8]))
        });
        check(F::ExportPublicKey, &[], &[8], &|t| {
            ignore(key::export_public(t, KEY, &mut [0; 8]))
        });
        check(F::GetKeyAttributes, &[], &[24], &|t| {
            ignore(key::attributes(t, KEY))
        });
        check(F::HashCompute, &[3], &[8], &|t| {
            ignore(hash::compute(t, ALGORITHM, &i, &mut [0; 8]))
        });
        check(F::HashCompare, &[3, 7], &[], &|t| {
            ignore(hash::compare(t, ALGORITHM, &i, &e))
        });
        check(F::MacCompute, &[3], &[8], &|t| {
            ignore(mac::compute(t, KEY, ALGORITHM, &i, &mut [0; 8]));
        });
        check(F::MacVerify, &[3, 7], &[], &|t| {
            ignore(mac::verify(t, KEY, ALGORITHM, &i, &e))
        });
        check(F::SignMessage, &[3], &[8], &|t| {
            ignore(sign::message(t, KEY, ALGORITHM, &i, &mut [0; 8]));
        });
        check(F::SignHash, &[3], &[8], &|t| {
            ignore(sign::hash(t, KEY, ALGORITHM, &i, &mut [0; 8]))
        });
        check(F::VerifyMessage, &[3, 7], &[], &|t| {
            ignore(sign::verify_message(t, KEY, ALGORITHM, &i, &e));
        });
        check(F::VerifyHash, &[3, 7], &[], &|t| {
            ignore(sign::verify_hash(t, KEY, ALGORITHM, &i, &e));
        });
        check(F::RawKeyAgreement, &[3], &[8], &|t| {
            ignore(derive::raw_agreement(t, ALGORITHM, KEY, &i, &mut [0; 8]));
        });
    }

    #[test]
    fn aead_leaves_absent_additional_data_away_and_carries_the_nonce() {
        let parameters = |additional_data| AeadParameters {
            key: KEY,
            algorithm: ALGORITHM,
            nonce: &[9; 12],
            additional_data,
        };
        let mut fake = Fake::default();
        let _ = aead::encrypt(&mut fake, &parameters(&[]), &[0; 5], &mut [0; 21]);
        let _ = aead::decrypt(&mut fake, &parameters(&[1, 2]), &[0; 21], &mut [0; 5]);
        let lengths: Vec<Vec<usize>> = fake
            .calls
            .iter()
            .map(|c| c.inputs.iter().map(Vec::len).collect())
            .collect();
        assert_eq!(lengths, [std::vec![56, 5], std::vec![56, 21, 2]]);
        assert_eq!(fake.calls[0].request().nonce(), [9; 12]);
        let long = AeadParameters {
            nonce: &[0; 17],
            ..parameters(&[])
        };
        let refused = aead::encrypt(&mut fake, &long, &[], &mut [0; 16]);
        assert_eq!(refused, Err(Error::InvalidArgument));
        assert_eq!(fake.calls.len(), 2);
    }

    #[test]
    fn a_hash_in_parts_names_its_operation_in_every_step() {
        let handle: &[u8] = &7u32.to_le_bytes();
        let mut fake = Fake::answering(&[
            (0, &[handle]),
            (0, &[]),
            (0, &[&8u32.to_le_bytes()]),
            (0, &[&[0; 4], b"digest"]),
        ]);
        let mut operation = HashOperation::new(&mut fake, Algorithm::SHA_256).unwrap();
        operation.update(&mut fake, b"abc").unwrap();
        let copy = operation.try_clone(&mut fake).unwrap();
        let mut hash = [0; 32];
        assert_eq!(operation.finish(&mut fake, &mut hash), Ok(6));
        assert_eq!(&hash[..6], b"digest");
        copy.abort(&mut fake);
        let steps: Vec<_> = fake
            .calls
            .iter()
            .map(|c| (c.request().function, c.request().operation))
            .collect();
        use CryptoFunction as F;
        let expected = [
            (F::HashSetup, 0),
            (F::HashUpdate, 7),
            (F::HashClone, 7),
            (F::HashFinish, 7),
            (F::HashAbort, 8),
        ];
        assert_eq!(steps, expected);
        assert_eq!(fake.calls[3].outputs, [4, 32]);
    }

    #[test]
    fn a_last_step_that_fails_gives_the_place_in_the_service_back() {
        let handle: &[u8] = &7u32.to_le_bytes();
        let mut fake = Fake::answering(&[(0, &[handle]), (-138, &[])]);
        let operation = HashOperation::new(&mut fake, Algorithm::SHA_256).unwrap();
        let result = operation.finish(&mut fake, &mut [0; 4]);
        assert_eq!(result, Err(Error::BufferTooSmall));
        assert_eq!(fake.calls[2].request().function, CryptoFunction::HashAbort);

        let mut fake = Fake::answering(&[(0, &[handle]), (-149, &[])]);
        let operation = MacOperation::verify(&mut fake, KEY, ALGORITHM).unwrap();
        let result = operation.verify_finish(&mut fake, &[0; 16]);
        assert_eq!(result, Err(Error::InvalidSignature));
        assert_eq!(fake.calls[2].request().function, CryptoFunction::MacAbort);
    }

    #[test]
    fn a_derivation_carries_step_key_integer_and_capacity() {
        let handle: &[u8] = &3u32.to_le_bytes();
        let mut fake = Fake::answering(&[(0, &[handle])]);
        let mut derivation = Derivation::new(&mut fake, ALGORITHM).unwrap();
        derivation
            .input_key(&mut fake, DerivationStep::SECRET, KEY)
            .unwrap();
        derivation
            .input_bytes(&mut fake, DerivationStep::INFO, b"info")
            .unwrap();
        derivation
            .input_integer(&mut fake, DerivationStep::COST, 1 << 40)
            .unwrap();
        derivation.set_capacity(&mut fake, 99).unwrap();
        let requests: Vec<_> = fake.calls.iter().map(|call| call.request()).collect();
        assert_eq!(
            (requests[1].step, requests[1].key),
            (DerivationStep::SECRET, KEY)
        );
        assert_eq!(
            (requests[2].step, fake.calls[2].inputs[1].as_slice()),
            (DerivationStep::INFO, &b"info"[..])
        );
        assert_eq!(
            (requests[3].step, requests[3].value),
            (DerivationStep::COST, 1 << 40)
        );
        assert_eq!(requests[4].capacity(), 99);
        assert!(requests[1..].iter().all(|request| request.operation == 3));
    }

    #[test]
    fn a_convenience_derivation_is_ended_even_when_a_step_fails() {
        let handle: &[u8] = &3u32.to_le_bytes();
        for failing in 1..4 {
            let mut answers: Vec<(i32, &[&[u8]])> = std::vec![(0, &[&[3, 0, 0, 0]]); 1];
            answers[0] = (0, core::slice::from_ref(&handle));
            answers.extend((1..failing).map(|_| (0, &[][..])));
            answers.push((-133, &[]));
            let mut fake = Fake::answering(&answers);
            let attributes = KeyAttributes::default();
            let result = derive::hkdf_key(&mut fake, KEY, b"x", &attributes);
            assert_eq!(result, Err(Error::NotPermitted));
            let last = fake.calls.last().unwrap().request();
            assert_eq!(last.function, CryptoFunction::KeyDerivationAbort);
        }
    }

    #[test]
    fn a_short_answer_is_a_communication_failure_not_a_wrong_key() {
        let mut fake = Fake::answering(&[(0, &[&[1, 2]]), (0, &[&[0; 23]]), (0, &[&[0; 3]])]);
        let attributes = KeyAttributes::default();
        let failure = Error::CommunicationFailure;
        assert_eq!(key::generate(&mut fake, &attributes), Err(failure));
        assert_eq!(key::attributes(&mut fake, KEY), Err(failure));
        assert_eq!(generate_random(&mut fake, &mut [0; 4]), Err(failure));
    }
}
