//! What a TPM is given by anybody: points, moduli and their primes, signatures, ciphertexts, saved hash states,
//! templates. No panic, and what is taken holds together.

#![no_main]

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::cmac::{CMAC_STATE_LEN, Cmac};
use ironroot_crypto::tpm::derive;
use ironroot_crypto::tpm::ec::encrypt::decrypt;
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::{HASH_STATE_LEN, HMAC_STATE_LEN, HashAlgorithm, Hasher, Hmac};
use ironroot_crypto::tpm::rsa::{
    Encryption, RsaPrivateKey, RsaPublicKey, SaltLength, SignatureScheme,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&kind, input)) = input.split_first() else {
        return;
    };
    match kind % 6 {
        0 => curves(input),
        1 => rsa(input),
        2 => states(input),
        3 => aes(input),
        4 => template(input),
        _ => opened(input),
    }
});

fn drbg() -> Drbg {
    Drbg::new(&Secret::new([1; 32]), b"fuzz")
}

fn curves(input: &[u8]) {
    let Some((&choice, input)) = input.split_first() else {
        return;
    };
    let curve = Curve::ALL[usize::from(choice % 6)];
    let (first, second) = input.split_at(input.len() / 2);
    if let Ok(scalar) = EcScalar::new(curve, first) {
        let public = scalar.public().expect("a scalar has a point");
        assert!(EcPoint::new(curve, public.x(), public.y()).is_ok());
        let signature = scalar
            .sign(second, &mut drbg())
            .expect("there is a signature");
        assert!(public.verify(second, signature.r(), signature.s()).is_ok());
    }
    if let Ok(point) = EcPoint::new(curve, first, second) {
        let mut message = [7; 40];
        let key = EcScalar::new(curve, &[3]).expect("a small number");
        let opened = decrypt(HashAlgorithm::Sm3, &key, &point, &mut message, &[0; 32]);
        assert!(opened.is_err() && message == [0; 40]);
        assert!(point.negate().and_then(|other| point.add(&other)).is_err());
    }
    let generator = EcPoint::generator(curve).expect("it is built");
    // Nobody knows the key: nothing but an accident of 2^-256 holds.
    assert!(generator.verify(&[7; 32], first, second).is_err());
    assert!(generator.verify_sm2(&[7; 32], first, second).is_err());
    let by_schnorr = generator.verify_schnorr(HashAlgorithm::Sha3_256, &[7; 32], first, second);
    assert!(by_schnorr.is_err());
    let _ = EcScalar::reduced(curve, first);
    let _ = EcPoint::with_hashed_x(curve, first, second);
}

fn rsa(input: &[u8]) {
    let (first, rest) = input.split_at(input.len().min(4));
    let exponent = first
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte));
    // A modulus and what may be one of its primes; or two numbers that make one.
    let (modulus, prime) = rest.split_at(rest.len() / 3 * 2);
    let Ok(key) = RsaPublicKey::new(modulus, exponent) else {
        return;
    };
    assert_eq!(key.modulus().len(), key.size().modulus_len());
    let hash = HashAlgorithm::Sha256;
    let signature = vec![3; key.size().modulus_len()];
    let pss = SignatureScheme::Pss {
        hash,
        salt: SaltLength::Any,
    };
    for scheme in [SignatureScheme::Pkcs1 { hash }, pss] {
        let _ = key.verify(scheme, &[1; 32], &signature);
    }
    if let Ok(private) = RsaPrivateKey::from_prime(&key, prime) {
        assert!(RsaPrivateKey::check_prime(&key, prime).is_ok());
        let mut bytes = vec![0; key.size().modulus_len()];
        let _ = private.apply(&mut bytes, &mut drbg());
    }
}

fn states(input: &[u8]) {
    if let Ok(mut hasher) = Hasher::restore(input) {
        let mut saved = [0; HASH_STATE_LEN];
        let len = hasher.save(&mut saved);
        assert_eq!(&saved[..len], input);
        hasher.update(&[5; 300]);
        hasher.finish();
    }
    if let Ok(mut mac) = Hmac::restore(input) {
        let mut saved = [0; HMAC_STATE_LEN];
        let len = mac.save(&mut saved);
        assert_eq!(&saved[..len], input);
        mac.update(&[5; 300]);
        mac.finish();
    }
    if let Ok(mut mac) = Cmac::restore(input) {
        let mut saved = [0; CMAC_STATE_LEN];
        let len = mac.save(&mut saved);
        let again = Cmac::restore(&saved[..len]).expect("it was saved");
        mac.update(&[5; 300]);
        let mut again = again;
        again.update(&[5; 300]);
        assert_eq!(mac.finish(), again.finish());
    }
}

/// Cut anywhere between blocks, the message is the same as in one call, and comes back.
fn aes(input: &[u8]) {
    let [key, mode, cut, message @ ..] = input else {
        return;
    };
    let algorithm = CipherAlgorithm::ALL[usize::from(mode >> 7)];
    let aes = Cipher::new(algorithm, &[*key; 16]).expect("16 bytes");
    let modes = [Mode::Ecb, Mode::Cbc, Mode::Cfb, Mode::Ctr, Mode::Ofb];
    let mode = modes[usize::from(mode % 5)];
    let mut whole = message.to_vec();
    if aes.encrypt(mode, &mut [9; BLOCK_LEN], &mut whole).is_err() {
        assert!(matches!(mode, Mode::Ecb | Mode::Cbc) && message.len() % BLOCK_LEN != 0);
        return;
    }
    let (mut iv, mut parts) = ([9; BLOCK_LEN], message.to_vec());
    let cut = (usize::from(*cut) * BLOCK_LEN).min(message.len() / BLOCK_LEN * BLOCK_LEN);
    let (head, tail) = parts.split_at_mut(cut);
    aes.encrypt(mode, &mut iv, head).expect("whole blocks");
    aes.encrypt(mode, &mut iv, tail).expect("as before");
    assert_eq!(parts, whole);
    aes.decrypt(mode, &mut [9; BLOCK_LEN], &mut whole)
        .expect("as before");
    assert_eq!(whole, message);
}

fn template(input: &[u8]) {
    // The search of an RSA template is begun and dropped.
    let _ = derive::primary(b"seed", 1, input, b"");
}

/// Encoded messages of any content, under a key of which both halves are known.
fn opened(input: &[u8]) {
    // The primes 2^512 − 569 and 2^512 − 629 would be a key like any other.
    let mut p = [0xff; 64];
    p[62..].copy_from_slice(&(0u16.wrapping_sub(569)).to_be_bytes());
    let mut n = [0; 128];
    // (2^512 − 569)(2^512 − 629) = 2^1024 − 1198·2^512 + 357901.
    n[..64].fill(0xff);
    n[62..64].copy_from_slice(&(0u16.wrapping_sub(1198)).to_be_bytes());
    n[124..].copy_from_slice(&357_901u32.to_be_bytes());
    let key = RsaPublicKey::new(&n, 65537).expect("odd, of full length");
    let private = RsaPrivateKey::from_prime(&key, &p).expect("it divides");
    let mut encoded = [0; 128];
    let len = input.len().min(127);
    encoded[1..=len].copy_from_slice(&input[..len]);
    let mut ciphertext = encoded;
    key.apply(&mut ciphertext).expect("below the modulus");
    let hash = HashAlgorithm::Sha1;
    for scheme in [Encryption::Pkcs1, Encryption::Oaep { hash, label: b"" }] {
        let mut out = [0xaa; 128];
        match private.decrypt(scheme, &ciphertext, &mut drbg(), &mut out) {
            Ok(len) if scheme == Encryption::Pkcs1 => {
                assert_eq!(out[..len], encoded[128 - len..]);
                assert!(encoded[1] == 2 && encoded[128 - len - 1] == 0);
            }
            Ok(len) => assert!(len <= 128 - 42),
            Err(_) => assert_eq!(out, [0; 128]),
        }
    }
    let pss = SignatureScheme::Pss {
        hash,
        salt: SaltLength::Any,
    };
    let mut signature = encoded;
    if private.apply(&mut signature, &mut drbg()).is_ok() {
        let _ = key.verify(pss, &[1; 20], &signature);
        let _ = key.verify(SignatureScheme::Pkcs1 { hash }, &[1; 20], &signature);
    }
}
