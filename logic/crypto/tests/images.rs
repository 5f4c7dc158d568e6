//! What encrypted images need: AES in counter mode, AES key wrap, X25519, RSA-OAEP, and P-384 signatures.

mod common;

use common::{bit_flips, unhex, vectors};
use ironroot_crypto::ecdsa_p384::{self, MAX_DER_LEN, P384PrivateKey, P384PublicKey};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_crypto::{CryptoError, Secret, aes_ctr, key_wrap};

#[test]
fn counter_mode_gives_openssls_stream_from_any_byte_on() {
    for record in vectors("aes_ctr_openssl.txt") {
        let (key, stream) = (record.bytes("key"), record.bytes("stream"));
        for offset in 0..stream.len() {
            for len in [0, 1, 15, 16, 17, 31, 48, 64, 65, 80, 130, 600] {
                let len = len.min(stream.len() - offset);
                let mut data = vec![0; len];
                match key.len() {
                    16 => aes_ctr::aes128(
                        &Secret::from_slice(&key).unwrap(),
                        offset as u32,
                        &mut data,
                    ),
                    _ => aes_ctr::aes256(
                        &Secret::from_slice(&key).unwrap(),
                        offset as u32,
                        &mut data,
                    ),
                }
                assert!(
                    data == stream[offset..offset + len],
                    "{len} bytes from {offset}"
                );
            }
        }
    }
}

#[test]
fn the_last_offsets_do_not_wrap_into_the_first_ones() {
    let key = Secret::new([3; 16]);
    let (mut first, mut last) = ([0; 32], [0; 32]);
    aes_ctr::aes128(&key, 0, &mut first);
    aes_ctr::aes128(&key, u32::MAX - 15, &mut last);
    assert!(last[16..] != first[..16]);
}

fn wrap(kek: &[u8], key: &[u8], wrapped: &mut [u8]) -> Result<(), CryptoError> {
    match Secret::from_slice(kek) {
        Some(kek) => key_wrap::wrap_128(&kek, key, wrapped),
        None => key_wrap::wrap_256(&Secret::from_slice(kek).unwrap(), key, wrapped),
    }
}

fn unwrap(kek: &[u8], wrapped: &[u8], key: &mut [u8]) -> Result<(), CryptoError> {
    match Secret::from_slice(kek) {
        Some(kek) => key_wrap::unwrap_128(&kek, wrapped, key),
        None => key_wrap::unwrap_256(&Secret::from_slice(kek).unwrap(), wrapped, key),
    }
}

#[test]
fn keys_are_wrapped_as_rfc_3394_and_openssl_do() {
    for record in vectors("aes_key_wrap.txt") {
        let (kek, key, expected) = (
            record.bytes("kek"),
            record.bytes("key"),
            record.bytes("wrapped"),
        );
        let mut wrapped = vec![0; expected.len()];
        assert_eq!(wrap(&kek, &key, &mut wrapped), Ok(()));
        assert_eq!(wrapped, expected);
        let mut back = vec![0; key.len()];
        assert_eq!(unwrap(&kek, &wrapped, &mut back), Ok(()));
        assert_eq!(back, key);
        for altered in bit_flips(&wrapped) {
            back.fill(0xaa);
            let refused = unwrap(&kek, &altered, &mut back);
            assert_eq!(refused, Err(CryptoError::Verification));
            assert!(
                back.iter().all(|byte| *byte == 0),
                "nothing may be left of it"
            );
        }
        let mut other = kek.clone();
        other[0] ^= 1;
        assert_eq!(
            unwrap(&other, &wrapped, &mut back),
            Err(CryptoError::Verification)
        );
    }
}

#[test]
fn keys_of_other_lengths_are_not_wrapped() {
    let kek = [1; 16];
    for key_len in 0..40 {
        for wrapped_len in [0, 7, 8, key_len + 7, key_len + 8, key_len + 9] {
            let fits = matches!(key_len, 16 | 32) && wrapped_len == key_len + 8;
            let (key, mut wrapped) = (vec![0; key_len], vec![0; wrapped_len]);
            assert_eq!(
                wrap(&kek, &key, &mut wrapped).is_ok(),
                fits,
                "{key_len} {wrapped_len}"
            );
            let mut key = key;
            let back = unwrap(&kek, &wrapped, &mut key);
            let expected = if fits {
                Ok(())
            } else {
                Err(CryptoError::DataLength)
            };
            assert_eq!(back, expected, "{key_len} {wrapped_len}");
        }
    }
}

#[test]
fn x25519_is_rfc_7748s() {
    for record in vectors("x25519.txt") {
        let key = X25519PrivateKey::from_bytes(Secret::new(record.array("private")));
        let shared = key.diffie_hellman(&record.array("peer")).ok().unwrap();
        assert!(shared.matches(&record.array("shared")));
        if record.get("public").is_some() {
            assert_eq!(key.public(), record.array("public"));
        }
    }
    // RFC 7748, section 5.2: the function on itself, a thousand times.
    let (mut scalar, mut point) = ([0; 32], [0; 32]);
    (scalar[0], point[0]) = (9, 9);
    for _ in 0..1000 {
        let key = X25519PrivateKey::from_bytes(Secret::new(scalar));
        let next = key
            .diffie_hellman(&point)
            .ok()
            .unwrap()
            .expose(|bytes| *bytes);
        (point, scalar) = (scalar, next);
    }
    let expected = unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
    assert_eq!(scalar.to_vec(), expected);
}

#[test]
fn points_of_low_order_share_no_secret() {
    let key = X25519PrivateKey::from_bytes(Secret::new([7; 32]));
    // RFC 7748, section 6.1, and the list of curve25519's points of small order (D. J. Bernstein).
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let refused = key.diffie_hellman(&unhex(point).try_into().unwrap()).err();
        assert_eq!(refused, Some(CryptoError::InvalidKey), "{point}");
    }
}

#[test]
fn p384_signatures_are_those_of_rfc_6979_and_of_openssl() {
    for record in vectors("ecdsa_p384.txt") {
        let key = P384PrivateKey::from_bytes(&Secret::new(record.array("private")))
            .ok()
            .unwrap();
        let public = P384PublicKey::from_sec1(&record.bytes("public")).unwrap();
        let digest = digest(HashAlgorithm::Sha384, &record.bytes("message"));
        let expected = record.array("signature");
        assert!(key.to_bytes().matches(&record.array("private")));
        assert_eq!(key.public(), public);
        assert_eq!(public.to_sec1().to_vec(), record.bytes("public"));
        assert_eq!(key.sign_prehash(digest.as_slice()), Ok(expected));
        assert_eq!(public.verify_prehash(digest.as_slice(), &expected), Ok(()));
        assert_eq!(ecdsa_p384::parse_der(&record.bytes("der")), Ok(expected));
        let mut der = [0; MAX_DER_LEN];
        let len = ecdsa_p384::encode_der(&expected, &mut der);
        assert_eq!(der[..len], record.bytes("der"));
    }
}

#[test]
fn altered_p384_signatures_digests_and_keys_are_refused() {
    let record = &vectors("ecdsa_p384.txt")[0];
    let public = P384PublicKey::from_sec1(&record.bytes("public")).unwrap();
    let digest = digest(HashAlgorithm::Sha384, &record.bytes("message"));
    let signature: [u8; 96] = record.array("signature");
    let refused = Err(CryptoError::Verification);
    for altered in bit_flips(&signature).step_by(13) {
        let altered = altered.try_into().unwrap();
        assert_eq!(public.verify_prehash(digest.as_slice(), &altered), refused);
    }
    for altered in bit_flips(digest.as_slice()).step_by(29) {
        assert_eq!(public.verify_prehash(&altered, &signature), refused);
    }
    for half in [0..48, 48..96] {
        for value in [0, 0xff] {
            let mut altered = signature;
            altered[half.clone()].fill(value);
            assert_eq!(public.verify_prehash(digest.as_slice(), &altered), refused);
        }
    }
    let point = record.bytes("public");
    for altered in bit_flips(&point).skip(8).step_by(31) {
        assert_eq!(
            P384PublicKey::from_sec1(&altered),
            Err(CryptoError::InvalidKey)
        );
    }
    let mut zero = vec![0; 97];
    zero[0] = 4;
    assert_eq!(
        P384PublicKey::from_sec1(&zero),
        Err(CryptoError::InvalidKey)
    );
    for wrong in [
        &point[1..],
        &point[..96],
        &[],
        &[4],
        &[point.as_slice(), &[0]].concat(),
    ] {
        assert_eq!(P384PublicKey::from_sec1(wrong), Err(CryptoError::Encoding));
    }
    // Compressed and hybrid forms.
    for first in [2, 3, 6, 7, 0] {
        let mut other = point.clone();
        other[0] = first;
        assert_eq!(P384PublicKey::from_sec1(&other), Err(CryptoError::Encoding));
    }
}

#[test]
fn p384_keys_out_of_range_and_der_that_is_not_strict_are_refused() {
    // SP 800-186, section 3.2.1.4: the order.
    let order = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
    for bytes in [unhex(order), vec![0; 48], vec![0xff; 48]] {
        let key = P384PrivateKey::from_bytes(&Secret::from_slice(&bytes).unwrap());
        assert_eq!(key.err(), Some(CryptoError::InvalidKey));
    }
    let mut below = unhex(order);
    below[47] -= 1;
    assert!(P384PrivateKey::from_bytes(&Secret::from_slice(&below).unwrap()).is_ok());

    let der = vectors("ecdsa_p384.txt")[0].bytes("der");
    let mut longer = der.clone();
    longer.push(0);
    let mut tag = der.clone();
    tag[2] = 4;
    let mut long_length = vec![0x30, 0x81, der[1]];
    long_length.extend(&der[2..]);
    for wrong in [
        &longer,
        &tag,
        &long_length,
        &der[..der.len() - 1].to_vec(),
        &vec![],
        &vec![0x30, 0],
    ] {
        assert_eq!(ecdsa_p384::parse_der(wrong), Err(CryptoError::Encoding));
    }
    // An integer of 49 bytes that are all magnitude.
    let long = [
        &[0x30, 0x36, 0x02, 0x31, 0x01][..],
        &[0; 48],
        &[0x02, 0x01, 0x01],
    ]
    .concat();
    assert_eq!(ecdsa_p384::parse_der(&long), Err(CryptoError::Encoding));
}

#[cfg(feature = "rsa-private")]
mod oaep {
    use super::*;
    use ironroot_crypto::drbg::Drbg;
    use ironroot_crypto::rsa::RsaPrivateKey;

    #[test]
    fn oaep_is_opened_or_refused_as_openssl_does() {
        for record in vectors("rsa_oaep.txt") {
            let key = RsaPrivateKey::from_pkcs1_der(&record.bytes("private"))
                .ok()
                .unwrap();
            let (expected, ciphertext) = (record.bytes("message"), record.bytes("ciphertext"));
            let mut message = vec![0xaa; expected.len()];
            let opened = key.decrypt_oaep(HashAlgorithm::Sha256, &ciphertext, &mut message);
            if record.is_valid() {
                assert_eq!(opened, Ok(()));
                assert_eq!(message, expected);
                // Asked for a message of another length, it is as wrong as anything else.
                for len in [expected.len() + 1, expected.len().saturating_sub(1)] {
                    if len != expected.len() && len <= 190 {
                        let opened =
                            key.decrypt_oaep(HashAlgorithm::Sha256, &ciphertext, &mut vec![0; len]);
                        assert_eq!(opened, Err(CryptoError::Verification));
                    }
                }
            } else {
                assert_eq!(opened, Err(CryptoError::Verification));
                assert!(message.iter().all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    fn what_is_encrypted_comes_back_and_altered_it_does_not() {
        let record = &vectors("rsa_oaep.txt")[0];
        let key = RsaPrivateKey::from_pkcs1_der(&record.bytes("private"))
            .ok()
            .unwrap();
        let public = key.public().unwrap();
        let mut drbg = Drbg::new(&Secret::new([5; 32]), b"test");
        let mut ciphertext = [0; 256];
        for len in [0, 1, 16, 32, 190] {
            let message = vec![0x5a; len];
            public
                .encrypt_oaep(HashAlgorithm::Sha256, &message, &mut drbg, &mut ciphertext)
                .unwrap();
            let mut back = vec![0; len];
            assert_eq!(
                key.decrypt_oaep(HashAlgorithm::Sha256, &ciphertext, &mut back),
                Ok(())
            );
            assert_eq!(back, message);
        }
        let mut back = [0; 190];
        for byte in [0, 100, 255] {
            let mut altered = ciphertext;
            altered[byte] ^= 1;
            let opened = key.decrypt_oaep(HashAlgorithm::Sha256, &altered, &mut back);
            assert_eq!(opened, Err(CryptoError::Verification));
        }
        let wrong_hash = key.decrypt_oaep(HashAlgorithm::Sha384, &ciphertext, &mut back[..100]);
        assert_eq!(wrong_hash, Err(CryptoError::Verification));
        for len in [0, 255] {
            let opened = key.decrypt_oaep(HashAlgorithm::Sha256, &ciphertext[..len], &mut back);
            assert_eq!(opened, Err(CryptoError::DataLength));
        }
        let long =
            public.encrypt_oaep(HashAlgorithm::Sha256, &[0; 191], &mut drbg, &mut ciphertext);
        assert_eq!(long, Err(CryptoError::DataLength));
    }
}
