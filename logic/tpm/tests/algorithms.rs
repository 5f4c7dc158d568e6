//! The algorithms that few ask for: in templates, sessions, parameters and signatures; and what is refused.
#![cfg(feature = "full")]

mod common;
mod object_common;

use common::rc::{self, parameter};
use common::{Auth, Command, Machine, alg, crypto, rh};
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use object_common::{NULL, SHA256, Template, attr, bad, load_external, primary, sensitive};
use object_common::{sized, words};

const SIGN: u32 = 0x15d;
const VERIFY_SIGNATURE: u32 = 0x177;
const ECC_PARAMETERS: u32 = 0x178;
const TEST_PARMS: u32 = 0x18a;
const ENCRYPT_DECRYPT_2: u32 = 0x193;
const HASH: u32 = 0x17d;
/// `TPM_RC_SIGNATURE`
const SIGNATURE_WRONG: u32 = 0x09b;

const CURVES: [(u16, Curve); 6] = [
    (2, Curve::P224),
    (3, Curve::P256),
    (4, Curve::P384),
    (5, Curve::P521),
    (0x10, Curve::BnP256),
    (0x20, Curve::Sm2P256),
];

const HASHES: [(u16, HashAlgorithm); 8] = [
    (alg::SHA1, HashAlgorithm::Sha1),
    (alg::SHA256, HashAlgorithm::Sha256),
    (alg::SHA384, HashAlgorithm::Sha384),
    (alg::SHA512, HashAlgorithm::Sha512),
    (alg::SM3_256, HashAlgorithm::Sm3),
    (alg::SHA3_256, HashAlgorithm::Sha3_256),
    (alg::SHA3_384, HashAlgorithm::Sha3_384),
    (alg::SHA3_512, HashAlgorithm::Sha3_512),
];

/// A signing key on a curve.
fn signing(curve: u16, name_alg: u16, scheme: &[u16]) -> Template {
    Template {
        kind: alg::ECC,
        name_alg,
        attributes: attr::USER | attr::NO_DA | attr::FIXED | attr::ORIGIN | attr::SIGN,
        policy: Vec::new(),
        parameters: words(&[&[NULL][..], scheme, &[curve, NULL]].concat()),
        unique: vec![0; 4],
    }
}

/// The public point in a `TPMT_PUBLIC` of a key that protects nothing.
fn point_of(curve: Curve, public: &[u8]) -> EcPoint {
    let len = curve.coordinate_len();
    let (rest, y) = public.split_at(public.len() - len);
    let x = &rest[rest.len() - 2 - len..rest.len() - 2];
    EcPoint::new(curve, x, y).unwrap()
}

fn sign(machine: &mut Machine, key: u32, digest: &[u8], scheme: &[u16]) -> Result<Vec<u8>, u32> {
    let command = Command::new(SIGN)
        .handle(key)
        .sized(digest)
        .raw(&words(scheme))
        .raw(&[0x80, 0x24, 0x40, 0, 0, 7, 0, 0]);
    let reply = machine.send(&command, &mut [Auth::password(b"")])?;
    Ok(reply.params)
}

fn verify(machine: &mut Machine, key: u32, digest: &[u8], signature: &[u8]) -> Result<(), u32> {
    let command = Command::new(VERIFY_SIGNATURE)
        .handle(key)
        .sized(digest)
        .raw(signature);
    machine.send(&command, &mut []).map(|_| ())
}

/// Algorithm, hash, r, s of a `TPMT_SIGNATURE` on a curve.
fn parts(signature: &[u8]) -> (u16, u16, Vec<u8>, Vec<u8>) {
    let word = |at: usize| u16::from_be_bytes([signature[at], signature[at + 1]]);
    let len = usize::from(word(4));
    (
        word(0),
        word(2),
        signature[6..6 + len].to_vec(),
        signature[8 + len..].to_vec(),
    )
}

#[test]
fn every_curve_signs_with_every_scheme_and_the_result_holds_outside() {
    for (number, curve) in CURVES {
        let mut machine = Machine::new();
        let key = primary(&mut machine, &signing(number, SHA256, &[NULL]));
        let point = point_of(curve, &key.public);
        for (hash_number, hash) in HASHES {
            let digest = digest(hash, b"message");
            let digest = digest.as_slice();
            for scheme in [alg::ECDSA, alg::SM2, alg::ECSCHNORR] {
                let signature = sign(&mut machine, key.handle, digest, &[scheme, hash_number]);
                let signature = signature.unwrap();
                let (named, named_hash, r, s) = parts(&signature);
                assert_eq!((named, named_hash), (scheme, hash_number));
                let outside = match scheme {
                    alg::SM2 => point.verify_sm2(digest, &r, &s),
                    alg::ECSCHNORR => point.verify_schnorr(hash, digest, &r, &s),
                    _ => point.verify(digest, &r, &s),
                };
                assert_eq!(outside, Ok(()), "{curve:?} {scheme:x}");
                assert_eq!(verify(&mut machine, key.handle, digest, &signature), Ok(()));
                // Another scheme's, another digest's.
                let mut other = signature.clone();
                other[1] = if scheme == alg::SM2 { 0x18 } else { 0x1b };
                let wrong = Err(parameter(SIGNATURE_WRONG, 2));
                assert_eq!(verify(&mut machine, key.handle, digest, &other), wrong);
                let flipped: Vec<_> = digest.iter().map(|byte| byte ^ 1).collect();
                assert_eq!(
                    verify(&mut machine, key.handle, &flipped, &signature),
                    wrong
                );
            }
        }
    }
}

#[test]
fn a_key_with_a_scheme_signs_with_that_alone() {
    let mut machine = Machine::new();
    let scheme = [alg::SM2, alg::SM3_256];
    let key = primary(&mut machine, &signing(0x20, alg::SM3_256, &scheme));
    assert_eq!(&key.name[..2], alg::SM3_256.to_be_bytes());
    assert_eq!(
        key.name[2..],
        *digest(HashAlgorithm::Sm3, &key.public).as_slice()
    );
    let digest = digest(HashAlgorithm::Sm3, b"message");
    let digest = digest.as_slice();
    for wanted in [&[NULL][..], &scheme] {
        let signature = sign(&mut machine, key.handle, digest, wanted).unwrap();
        assert_eq!(verify(&mut machine, key.handle, digest, &signature), Ok(()));
    }
    for wanted in [
        [alg::ECDSA, alg::SM3_256],
        [alg::SM2, SHA256],
        [alg::ECSCHNORR, alg::SM3_256],
    ] {
        let refused = sign(&mut machine, key.handle, digest, &wanted);
        assert_eq!(refused, Err(parameter(bad::SCHEME, 2)));
    }
}

#[test]
fn ecdaa_signs_once_per_commitment_and_says_which() {
    let mut machine = Machine::new();
    let key = primary(
        &mut machine,
        &signing(0x10, SHA256, &[alg::ECDAA, SHA256, 0]),
    );
    let digest = crypto::sha256(&[b"message"]);
    let commit = |machine: &mut Machine| {
        let none: &[u8] = &[0, 4, 0, 0, 0, 0];
        let command = Command::new(0x18b)
            .handle(key.handle)
            .raw(none)
            .raw(&[0; 4]);
        let reply = machine.send(&command, &mut [Auth::password(b"")]).unwrap();
        let count = reply.params.len() - 2;
        u16::from_be_bytes([reply.params[count], reply.params[count + 1]])
    };
    // The key's scheme is not enough: which commitment?
    let refused = sign(&mut machine, key.handle, &digest, &[NULL]);
    assert_eq!(refused, Err(parameter(bad::SCHEME, 2)));
    let count = commit(&mut machine);
    let unknown = sign(
        &mut machine,
        key.handle,
        &digest,
        &[alg::ECDAA, SHA256, count + 1],
    );
    assert_eq!(unknown, Err(rc::VALUE));
    let signature = sign(
        &mut machine,
        key.handle,
        &digest,
        &[alg::ECDAA, SHA256, count],
    );
    let signature = signature.unwrap();
    let (scheme, hash, nonce, s) = parts(&signature);
    assert_eq!(
        (scheme, hash, nonce.len(), s.len()),
        (alg::ECDAA, SHA256, 32, 32)
    );
    let again = sign(
        &mut machine,
        key.handle,
        &digest,
        &[alg::ECDAA, SHA256, count],
    );
    assert_eq!(again, Err(rc::VALUE));
    // No TPM checks such a signature.
    let refused = verify(&mut machine, key.handle, &digest, &signature);
    assert_eq!(refused, Err(parameter(bad::SCHEME, 2)));
    // The next is another.
    let count = commit(&mut machine);
    let next = sign(
        &mut machine,
        key.handle,
        &digest,
        &[alg::ECDAA, SHA256, count],
    );
    assert_ne!(next.unwrap(), signature);
}

#[test]
fn what_is_hashed_with_every_hash_is_what_the_library_hashes() {
    let mut machine = Machine::new();
    for (number, hash) in HASHES {
        let command = Command::new(HASH).sized(b"abc").u16(number).u32(rh::NULL);
        let reply = machine.send(&command, &mut []).unwrap();
        assert_eq!(reply.reader().sized(), digest(hash, b"abc").as_slice());
    }
}

#[test]
fn parts_that_no_build_has_are_refused_by_name() {
    let mut machine = Machine::new();
    let mut test = |parameters: &[u16]| {
        let command = Command::new(TEST_PARMS).raw(&words(parameters));
        machine.send(&command, &mut []).map(|_| ())
    };
    let ecc = |scheme: &[u16], curve: u16| [&[alg::ECC, NULL][..], scheme, &[curve, NULL]].concat();
    for (parameters, expected) in [
        (ecc(&[NULL], 2), Ok(())),
        (ecc(&[NULL], 0x10), Ok(())),
        (ecc(&[alg::SM2, alg::SM3_256], 0x20), Ok(())),
        (ecc(&[alg::ECDAA, SHA256, 7], 0x10), Ok(())),
        (ecc(&[alg::ECSCHNORR, alg::SHA3_512], 4), Ok(())),
        (ecc(&[alg::ECMQV, SHA256], 3), Ok(())),
        // P-192, BN-P638, Curve25519.
        (ecc(&[NULL], 1), Err(bad::CURVE)),
        (ecc(&[NULL], 0x11), Err(bad::CURVE)),
        (ecc(&[NULL], 0x40), Err(bad::CURVE)),
        (ecc(&[alg::SM2, 0x11], 3), Err(rc::HASH)),
        (ecc(&[0x60, SHA256], 3), Err(bad::SCHEME)),
        (vec![alg::SYMCIPHER, alg::SM4, 128, alg::CFB], Ok(())),
        (vec![alg::SYMCIPHER, alg::SM4, 128, alg::CMAC], Ok(())),
        (vec![alg::SYMCIPHER, alg::AES, 256, alg::CMAC], Ok(())),
        (
            vec![alg::SYMCIPHER, alg::SM4, 192, alg::CFB],
            Err(rc::VALUE),
        ),
        (
            vec![alg::SYMCIPHER, alg::SM4, 256, alg::CFB],
            Err(rc::VALUE),
        ),
        // TDES, Camellia.
        (
            vec![alg::SYMCIPHER, 0x03, 128, alg::CFB],
            Err(rc::SYMMETRIC),
        ),
        (
            vec![alg::SYMCIPHER, 0x26, 128, alg::CFB],
            Err(rc::SYMMETRIC),
        ),
        (vec![alg::SYMCIPHER, alg::SM4, 128, 0x3e], Err(rc::MODE)),
        (vec![0x25 + 1], Err(bad::TYPE)),
    ] {
        let expected = expected.map_err(|code| parameter(code, 1));
        assert_eq!(test(&parameters), expected, "{parameters:x?}");
    }
}

/// Debian's swtpm answered these.
#[test]
fn the_numbers_of_curves_are_those_that_swtpm_tells() {
    let mut machine = Machine::new();
    let lines = include_str!("vectors/curves.txt").lines();
    let (mut seen, mut wrong) = (0, Vec::new());
    for (command, expected) in lines.filter_map(|line| line.split_once(' ')) {
        let unhex = |text: &str| -> Vec<u8> {
            let byte = |at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
            (0..text.len() / 2).map(byte).collect()
        };
        let answer = machine.raw(0, &unhex(command));
        if answer != unhex(expected) {
            let answer: String = answer.iter().map(|byte| format!("{byte:02x}")).collect();
            wrong.push(format!("{command}\n  swtpm {expected}\n  ours  {answer}"));
        }
        seen += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(seen > 1000, "{seen}");
    let refused = machine.send(&Command::new(ECC_PARAMETERS).u16(1), &mut []);
    assert_eq!(refused.unwrap_err(), parameter(bad::CURVE, 1));
}

#[test]
fn sm4_keys_encrypt_in_every_mode_and_come_back() {
    let mut machine = Machine::new();
    let template = |mode: u16| Template {
        kind: alg::SYMCIPHER,
        name_alg: alg::SM3_256,
        attributes: attr::USER
            | attr::NO_DA
            | attr::ORIGIN
            | attr::FIXED
            | attr::SIGN
            | attr::DECRYPT,
        policy: Vec::new(),
        parameters: words(&[alg::SM4, 128, mode]),
        unique: vec![0; 2],
    };
    let key = primary(&mut machine, &template(NULL));
    for mode in [0x40u16, 0x41, 0x42, 0x43, 0x44] {
        let iv: &[u8] = if mode == 0x44 { &[] } else { &[5; 16] };
        let mut run = |decrypt: u8, data: &[u8]| {
            let command = Command::new(ENCRYPT_DECRYPT_2)
                .handle(key.handle)
                .sized(data)
                .raw(&[decrypt])
                .u16(mode)
                .sized(iv);
            let reply = machine.send(&command, &mut [Auth::password(b"")]).unwrap();
            reply.reader().sized().to_vec()
        };
        let hidden = run(0, b"thirty-two bytes, two blocks of.");
        assert_ne!(hidden, b"thirty-two bytes, two blocks of.");
        assert_eq!(run(1, &hidden), b"thirty-two bytes, two blocks of.");
    }
    // CMAC is no mode to encrypt in, and a key for it does nothing else.
    let command = Command::new(ENCRYPT_DECRYPT_2)
        .handle(key.handle)
        .sized(&[0; 16])
        .raw(&[0])
        .u16(alg::CMAC)
        .sized(&[5; 16]);
    let refused = machine
        .send(&command, &mut [Auth::password(b"")])
        .unwrap_err();
    assert_eq!(refused, parameter(rc::MODE, 3));
    let both = object_common::try_primary(&mut machine, rh::OWNER, &template(alg::CMAC), b"", b"");
    assert_eq!(both.err(), Some(parameter(bad::SCHEME, 2)));
    let mut mac = template(alg::CMAC);
    mac.attributes &= !attr::DECRYPT;
    assert!(object_common::try_primary(&mut machine, rh::OWNER, &mac, b"", b"").is_ok());
}

#[test]
fn a_parent_with_sm4_protects_its_children() {
    let mut machine = Machine::new();
    let storage = Template {
        kind: alg::ECC,
        name_alg: alg::SM3_256,
        attributes: attr::USER
            | attr::NO_DA
            | attr::ORIGIN
            | attr::FIXED
            | attr::RESTRICTED
            | attr::DECRYPT,
        policy: Vec::new(),
        parameters: words(&[alg::SM4, 128, alg::CFB, NULL, 0x20, NULL]),
        unique: vec![0; 4],
    };
    let parent = primary(&mut machine, &storage);
    let again = primary(&mut machine, &storage);
    assert_eq!(again.public, parent.public);
    let (child, _) = object_common::child(
        &mut machine,
        parent.handle,
        &signing(0x20, SHA256, &[NULL]),
        b"",
        b"",
    );
    let digest = crypto::sha256(&[b"message"]);
    let signature = sign(&mut machine, child, &digest, &[alg::SM2, SHA256]).unwrap();
    assert_eq!(verify(&mut machine, child, &digest, &signature), Ok(()));
}

#[test]
fn keys_loaded_from_outside_sign_on_their_curve() {
    let mut machine = Machine::new();
    for (number, curve) in CURVES {
        let own = EcScalar::reduced(curve, &crypto::sha256(&[&number.to_be_bytes()])).unwrap();
        let point = own.public().unwrap();
        let mut template = signing(number, SHA256, &[NULL]);
        template.attributes &= !(attr::FIXED | attr::ORIGIN);
        template.unique = [sized(point.x()), sized(point.y())].concat();
        let secret = sensitive(alg::ECC, b"", b"", &own.expose(<[u8]>::to_vec));
        let key = load_external(&mut machine, &secret, &template.bytes(), rh::NULL).unwrap();
        let digest = crypto::sha256(&[b"message"]);
        let signature = sign(&mut machine, key, &digest, &[alg::ECSCHNORR, SHA256]).unwrap();
        assert_eq!(verify(&mut machine, key, &digest, &signature), Ok(()));
        // The same point under another curve is none.
        let wrong = if number == 3 { 0x20 } else { 3 };
        template.parameters = words(&[NULL, NULL, wrong, NULL]);
        let refused = load_external(&mut machine, &[], &template.bytes(), rh::NULL);
        assert!(refused.is_err());
        machine.flush(key).unwrap();
    }
}

#[test]
fn a_key_of_a_cipher_signs_nothing_though_it_has_the_attribute() {
    let mut machine = Machine::new();
    let cipher = Template::cipher(128).with(attr::SIGN);
    let key = primary(&mut machine, &cipher).handle;
    for scheme in [&[NULL][..], &[alg::ECDSA, SHA256], &[5, SHA256]] {
        let refused = sign(&mut machine, key, &[7; 32], scheme).unwrap_err();
        assert_eq!(refused, rc::handle(bad::KEY, 1));
        // Quote of no register.
        let quote = Command::new(0x158).handle(key).sized(b"");
        let quote = quote.raw(&words(scheme)).raw(&[0; 4]);
        let refused = machine.send(&quote, &mut [Auth::password(b"")]);
        assert_eq!(refused.unwrap_err(), rc::handle(bad::KEY, 1));
    }
}
