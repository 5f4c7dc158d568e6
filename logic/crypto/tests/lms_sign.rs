//! LMS private keys: another implementation takes our signatures, and no leaf signs twice.
#![cfg(feature = "sign-lms")]

use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::lms::{LmsPrivateKey, MAX_SIGNATURE_LEN, OtsType, TreeType};
use ironroot_crypto::{CryptoError, Secret};
use lms_signature::lms::{
    LmsMode, LmsSha256M32H5, LmsSha256M32H10, Signature, SigningKey, VerifyingKey,
};
use lms_signature::ots::{
    LmsOtsSha256N32W1, LmsOtsSha256N32W2, LmsOtsSha256N32W4, LmsOtsSha256N32W8,
};
use signature::Verifier;

const MESSAGE: &[u8] = b"an image hash";

fn key(tree: TreeType, ots: OtsType) -> LmsPrivateKey {
    LmsPrivateKey::from_seed(tree, ots, [0x1d; 16], Secret::new([0x5e; 32]))
}

fn sign(key: &mut LmsPrivateKey, message: &[u8]) -> Vec<u8> {
    let mut out = [0; MAX_SIGNATURE_LEN];
    let leaf = key.reserve().unwrap();
    key.sign(leaf, message, &mut out).unwrap().to_vec()
}

/// Signs with the first and the last leaf; `lms-signature` knows single trees only, without the HSS word.
fn agrees<Mode: LmsMode>(tree: TreeType, ots: OtsType)
where
    VerifyingKey<Mode>: Verifier<Signature<Mode>>,
{
    let mut key = key(tree, ots);
    let public = key.public();
    let theirs = VerifyingKey::<Mode>::try_from(&public.to_bytes()[4..]).unwrap();
    for leaf in 0..tree.leaves() {
        if leaf != 0 && leaf != tree.leaves() - 1 {
            key.reserve().unwrap();
            continue;
        }
        let signature = sign(&mut key, MESSAGE);
        let parsed = Signature::<Mode>::try_from(&signature[4..]).unwrap();
        assert!(theirs.verify(MESSAGE, &parsed).is_ok());
        assert!(theirs.verify(b"another", &parsed).is_err());
        assert_eq!(public.verify(MESSAGE, &signature), Ok(()));
    }
    assert_eq!(key.remaining(), 0);
    assert!(key.reserve().is_none());
}

#[test]
fn another_implementation_takes_our_keys_and_signatures() {
    agrees::<LmsSha256M32H5<LmsOtsSha256N32W1>>(TreeType::Sha256M32H5, OtsType::Sha256N32W1);
    agrees::<LmsSha256M32H5<LmsOtsSha256N32W2>>(TreeType::Sha256M32H5, OtsType::Sha256N32W2);
    agrees::<LmsSha256M32H5<LmsOtsSha256N32W4>>(TreeType::Sha256M32H5, OtsType::Sha256N32W4);
    agrees::<LmsSha256M32H5<LmsOtsSha256N32W8>>(TreeType::Sha256M32H5, OtsType::Sha256N32W8);
    agrees::<LmsSha256M32H10<LmsOtsSha256N32W4>>(TreeType::Sha256M32H10, OtsType::Sha256N32W4);
}

#[test]
fn the_same_seed_makes_the_key_that_another_implementation_makes_of_it() {
    let ours = key(TreeType::Sha256M32H5, OtsType::Sha256N32W8).public();
    let theirs = SigningKey::<LmsSha256M32H5<LmsOtsSha256N32W8>>::new_from_seed(
        [0x1d; 16],
        &[0x5e_u8; 32][..],
    );
    let root = theirs.unwrap().public().k().to_vec();
    assert_eq!(ours.to_bytes()[28..], root);
}

#[test]
fn each_signature_takes_another_leaf_until_none_is_left() {
    let mut key = key(TreeType::Sha256M32H5, OtsType::Sha256N32W4);
    for leaf in 0..32 {
        assert_eq!((key.next(), key.remaining()), (leaf, 32 - leaf));
        let signature = sign(&mut key, MESSAGE);
        assert_eq!(signature[4..8], leaf.to_be_bytes());
        assert_eq!(key.public().verify(MESSAGE, &signature), Ok(()));
    }
    assert!(key.reserve().is_none());
    assert_eq!((key.next(), key.remaining()), (32, 0));
}

#[test]
fn a_key_from_its_parts_goes_on_where_it_was() {
    let mut first = key(TreeType::Sha256M32H5, OtsType::Sha256N32W4);
    let _ = sign(&mut first, MESSAGE);
    let seed = first.seed().expose(|seed| Secret::new(*seed));
    let mut again = LmsPrivateKey::from_parts(*first.public().top(), seed, first.next());
    let signature = sign(&mut again, MESSAGE);
    assert_eq!(signature[4..8], [0, 0, 0, 1]);
    assert_eq!(first.public().verify(MESSAGE, &signature), Ok(()));
    // Past its end, whatever was stored.
    let seed = first.seed().expose(|seed| Secret::new(*seed));
    let mut spent = LmsPrivateKey::from_parts(*first.public().top(), seed, u32::MAX);
    assert!(spent.reserve().is_none());
}

#[test]
fn parts_that_do_not_belong_together_release_no_signature() {
    let good = key(TreeType::Sha256M32H5, OtsType::Sha256N32W4);
    let public = *good.public().top();
    let mut wrong = LmsPrivateKey::from_parts(public, Secret::new([1; 32]), 0);
    let leaf = wrong.reserve().unwrap();
    let mut out = [0; MAX_SIGNATURE_LEN];
    let made = wrong.sign(leaf, MESSAGE, &mut out).map(<[u8]>::len);
    assert_eq!(made, Err(CryptoError::Corruption));
    assert_eq!(out, [0; MAX_SIGNATURE_LEN]);
}

#[test]
fn a_buffer_that_is_too_small_is_an_error() {
    let mut key = key(TreeType::Sha256M32H5, OtsType::Sha256N32W8);
    let len = sign(&mut key, MESSAGE).len();
    for short in [0, 40, len - 1] {
        let leaf = key.reserve().unwrap();
        let made = key
            .sign(leaf, MESSAGE, &mut vec![0; short])
            .map(<[u8]>::len);
        assert_eq!(made, Err(CryptoError::DataLength));
    }
    let leaf = key.reserve().unwrap();
    assert!(key.sign(leaf, MESSAGE, &mut vec![0; len]).is_ok());
}

#[test]
fn drawn_keys_differ() {
    let mut drbg = Drbg::new(&Secret::new([1; 32]), b"test");
    let mut draw = || {
        let key = LmsPrivateKey::generate(TreeType::Sha256M32H5, OtsType::Sha256N32W1, &mut drbg);
        key.public().to_bytes()
    };
    assert_ne!(draw(), draw());
}
