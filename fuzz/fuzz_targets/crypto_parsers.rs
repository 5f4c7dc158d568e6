//! Keys and signatures of any bytes: no panic, and what is taken has one encoding, so that it comes back.

#![no_main]

use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey, der};
use ironroot_crypto::ecdsa_p384::{self, P384PublicKey};
use ironroot_crypto::ed25519::Ed25519PublicKey;
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::rsa::{MAX_PUBLIC_DER_LEN, RsaPrivateKey, RsaPublicKey};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_crypto::{Secret, key_wrap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(signature) = der::parse(input) {
        let mut out = [0; der::MAX_LEN];
        let len = der::encode(&signature, &mut out);
        assert_eq!(&out[..len], input);
    }
    if let Ok(signature) = ecdsa_p384::parse_der(input) {
        let mut out = [0; ecdsa_p384::MAX_DER_LEN];
        let len = ecdsa_p384::encode_der(&signature, &mut out);
        assert_eq!(&out[..len], input);
    }
    if let Ok(key) = P256PublicKey::from_sec1(input) {
        assert_eq!(key.to_sec1(), input);
        let _ = key.verify_prehash(&[1; 32], &[1; 64]);
        let own = P256PrivateKey::from_bytes(&Secret::new([7; 32])).ok();
        let _ = own.map(|own| own.diffie_hellman(&key));
    }
    if let Ok(key) = P384PublicKey::from_sec1(input) {
        assert_eq!(key.to_sec1(), input);
        let _ = key.verify_prehash(&[1; 48], &[1; 96]);
    }
    if let Ok(bytes) = <&[u8; 32]>::try_from(input) {
        if let Ok(key) = Ed25519PublicKey::from_bytes(bytes) {
            assert_eq!(key.to_bytes(), *bytes);
            assert!(key.verify_strict(b"message", &[1; 64]).is_err());
        }
        let _ = X25519PrivateKey::from_bytes(Secret::new([7; 32])).diffie_hellman(bytes);
    }
    if let Ok(key) = RsaPublicKey::from_pkcs1_der(input) {
        let mut out = [0; MAX_PUBLIC_DER_LEN];
        let len = key.to_pkcs1_der(&mut out);
        assert_eq!(&out[..len], input);
        let signature = vec![1; key.modulus_len()];
        assert!(
            key.verify_pss(HashAlgorithm::Sha256, &[1; 32], &signature)
                .is_err()
        );
    }
    if let Ok(key) = RsaPrivateKey::from_pkcs1_der(input) {
        assert!(key.public().is_ok());
    }
    for len in [16, 32] {
        let mut key = vec![0; len];
        if key_wrap::unwrap_128(&Secret::new([3; 16]), input, &mut key).is_ok() {
            let mut wrapped = vec![0; input.len()];
            key_wrap::wrap_128(&Secret::new([3; 16]), &key, &mut wrapped).unwrap();
            assert_eq!(wrapped, input);
        }
    }
});
