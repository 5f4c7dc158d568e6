//! Several signatures: how many keys must have signed, which count, and that no bad one hides among good ones.

use ironroot_crypto::Secret;
use ironroot_crypto::ecdsa::{P256PrivateKey, der};
use ironroot_crypto::lms::{LmsPrivateKey, MAX_SIGNATURE_LEN, OtsType, TreeType};
use ironroot_image::build::{BuildError, KeyForm, Recipe};
use ironroot_image::{
    AddSignature, Candidate, Keys, Policy, Refusal, Required, Signature, SignatureCount, Signers,
    Suite, Verified, Version, suites,
};

const P256_PREFIX: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// RFC 9802: id-alg-hss-lms-hashsig and 60 bytes.
const LMS_PREFIX: &[u8] = b"\x30\x4e\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x11\
    \x03\x3d\x00";

const P256: &Signature = suites::P256_SHA256.signature().unwrap();
const LMS: &Signature = suites::LMS_SHA256.signature().unwrap();

enum Key {
    P256(P256PrivateKey),
    Lms(LmsPrivateKey),
}

impl Key {
    fn p256(seed: u8) -> Self {
        Self::P256(P256PrivateKey::from_bytes(&Secret::new([seed; 32])).unwrap())
    }

    fn lms(seed: u8) -> Self {
        let (tree, ots) = (TreeType::Sha256M32H5, OtsType::Sha256N32W4);
        let secret = Secret::new([seed; 32]);
        Self::Lms(LmsPrivateKey::from_seed(tree, ots, [seed; 16], secret))
    }

    fn suite(&self) -> &'static Suite {
        match self {
            Self::P256(_) => &suites::P256_SHA256,
            Self::Lms(_) => &suites::LMS_SHA256,
        }
    }

    fn der(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => [P256_PREFIX, &key.public().to_sec1()].concat(),
            Self::Lms(key) => [LMS_PREFIX, &key.public().to_bytes()].concat(),
        }
    }

    fn sign(&mut self, digest: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let mut out = [0; der::MAX_LEN];
                let len = der::encode(&key.sign_prehash(digest), &mut out);
                out[..len].to_vec()
            }
            Self::Lms(key) => {
                let leaf = key.reserve().unwrap();
                let mut out = [0; MAX_SIGNATURE_LEN];
                key.sign(leaf, digest, &mut out).unwrap().to_vec()
            }
        }
    }
}

/// An image with a signature by each key, in this order.
fn image(keys: &mut [Key]) -> Vec<u8> {
    let mut out = vec![0xff; 0x8000];
    let (first, more) = keys.split_first_mut().unwrap();
    let der = first.der();
    let recipe = Recipe::new(
        first.suite(),
        Some(KeyForm::Whole(&der)),
        Version::new(1, 2, 3),
    );
    let unsigned = recipe.assemble(&[0x5a; 600], &mut out).unwrap();
    let signature = first.sign(unsigned.digest());
    let mut len = unsigned.finish(Some(&signature)).unwrap().len();
    for key in more {
        len = add(key, &mut out).unwrap();
    }
    out.truncate(len);
    out
}

fn add(key: &mut Key, out: &mut [u8]) -> Result<usize, BuildError> {
    let open = AddSignature::open(key.suite(), out)?;
    let signature = key.sign(open.digest());
    let der = key.der();
    open.finish(KeyForm::Whole(&der), &signature)
}

/// What a device with these keys says.
struct Device {
    hashes: Vec<Vec<u8>>,
    types: Vec<&'static Signature>,
    required: Required,
    revoked: u32,
}

impl Device {
    fn new(keys: &[Key], required: Required) -> Self {
        let hash = |key: &Key| suites::P256_SHA256.hash().of_bytes(&key.der()).unwrap();
        Self {
            hashes: keys
                .iter()
                .map(|key| hash(key).as_slice().to_vec())
                .collect(),
            types: keys
                .iter()
                .map(|key| key.suite().signature().unwrap())
                .collect(),
            required,
            revoked: 0,
        }
    }

    fn with<R>(&self, f: impl FnOnce(&Policy<'_>) -> R) -> R {
        let hashes: Vec<&[u8]> = self.hashes.iter().map(Vec::as_slice).collect();
        let policy = Policy::new(&suites::P256_SHA256, Keys::Hashes(&hashes), 0x8000);
        f(&Policy {
            signers: Signers {
                required: self.required,
                revoked: self.revoked,
                types: &self.types,
            },
            ..policy
        })
    }

    fn judge(&self, image: &[u8]) -> Result<u32, Refusal> {
        self.with(|policy| Verified::check(image, policy).map(|verified| verified.signing_keys()))
    }

    fn count(&self, image: &[u8]) -> Result<SignatureCount, Refusal> {
        self.with(|policy| Candidate::parse(image, policy)?.count_signatures())
    }
}

fn some(numbers: &[u8]) -> Vec<Key> {
    numbers.iter().map(|number| Key::p256(*number)).collect()
}

#[test]
fn every_subset_of_three_keys_is_judged_by_how_many_are_required_and_revoked() {
    let keys = some(&[1, 2, 3]);
    for signed in 1..8_u32 {
        let mut signers: Vec<Key> = (0..3)
            .filter(|key| signed >> key & 1 == 1)
            .map(|key| Key::p256(key + 1))
            .collect();
        let image = image(&mut signers);
        for required in 1..=3 {
            for revoked in 0..8_u32 {
                let mut device = Device::new(&keys, Required::Keys(required));
                device.revoked = revoked;
                let counted = signed & !revoked;
                let left = (!revoked & 7).count_ones();
                let expected = if left < u32::from(required) {
                    Err(Refusal::BadPolicy)
                } else if counted.count_ones() >= u32::from(required) {
                    Ok(counted)
                } else if counted == 0 {
                    Err(Refusal::KeyRevoked)
                } else {
                    Err(Refusal::TooFewSignatures)
                };
                assert_eq!(
                    device.judge(&image),
                    expected,
                    "{signed:b} {required} {revoked:b}"
                );
            }
        }
    }
}

#[test]
fn a_key_that_signs_twice_counts_once() {
    let mut twice = image(&mut some(&[1]));
    twice.resize(0x1000, 0xff);
    // The tool refuses; an attacker does not.
    assert_eq!(
        add(&mut Key::p256(1), &mut twice),
        Err(BuildError::AlreadySigned)
    );
    let once = image(&mut some(&[1]));
    let area = 32 + 600;
    let pair = once[area + 4 + 36..].to_vec();
    let total = (once.len() - area + pair.len()) as u16;
    let mut twice = [once, pair].concat();
    twice[area + 2..area + 4].copy_from_slice(&total.to_le_bytes());
    let device = |required| Device::new(&some(&[1, 2]), Required::Keys(required));
    assert_eq!(device(1).judge(&twice), Ok(1));
    assert_eq!(device(2).judge(&twice), Err(Refusal::TooFewSignatures));
}

#[test]
fn one_bad_signature_under_a_known_key_refuses_also_when_enough_are_good() {
    let keys = || vec![Key::p256(1), Key::lms(2), Key::p256(3)];
    let mut device = Device::new(&keys(), Required::Keys(1));
    let good = image(&mut keys());
    assert_eq!(device.judge(&good), Ok(0b111));
    // The last byte of each signature: of s, of the path, of s.
    let mut ends = Vec::new();
    let mut at = 32 + 600 + 4;
    while at < good.len() {
        let kind = u16::from_le_bytes([good[at], good[at + 1]]);
        at += 4 + usize::from(u16::from_le_bytes([good[at + 2], good[at + 3]]));
        if [0x22, 0x10a1].contains(&kind) {
            ends.push(at - 1);
        }
    }
    assert_eq!(ends.len(), 3);
    for end in ends {
        let mut bad = good.clone();
        bad[end] ^= 1;
        for revoked in [0, 0b001, 0b010, 0b011] {
            device.revoked = revoked;
            assert_eq!(device.judge(&bad), Err(Refusal::SignatureInvalid));
        }
    }
}

#[test]
fn signatures_by_unknown_keys_are_passed_over_and_counted() {
    let device = Device::new(&some(&[1, 2]), Required::Keys(2));
    let mixed = image(&mut [Key::p256(9), Key::p256(1), Key::lms(8), Key::p256(2)]);
    assert_eq!(device.judge(&mixed), Ok(0b11));
    let short = image(&mut [Key::p256(9), Key::p256(1), Key::lms(8)]);
    assert_eq!(device.judge(&short), Err(Refusal::TooFewSignatures));
    let count = |keys, revoked, unknown| {
        Ok(SignatureCount {
            keys,
            revoked,
            unknown,
        })
    };
    assert_eq!(device.count(&short), count(1, 0, 2));
    let strangers = image(&mut [Key::p256(9), Key::lms(8)]);
    assert_eq!(device.judge(&strangers), Err(Refusal::UnknownKey));
    assert_eq!(device.count(&strangers), count(0, 0, 2));
    let mut revoking = Device::new(&some(&[1, 2, 3]), Required::Keys(2));
    revoking.revoked = 1;
    assert_eq!(revoking.count(&short), count(0, 1, 2));
    assert_eq!(revoking.judge(&short), Err(Refusal::KeyRevoked));
}

#[test]
fn a_hybrid_needs_one_signature_of_each_type() {
    let keys = || vec![Key::p256(1), Key::p256(2), Key::lms(3), Key::lms(4)];
    let hybrid = Device::new(&keys(), Required::EachType);
    let judge = |mut signers: Vec<Key>| hybrid.judge(&image(&mut signers));
    assert_eq!(judge(vec![Key::p256(1), Key::lms(3)]), Ok(0b0101));
    assert_eq!(judge(vec![Key::lms(4), Key::p256(2)]), Ok(0b1010));
    assert_eq!(judge(keys()), Ok(0b1111));
    let few = Err(Refusal::TooFewSignatures);
    assert_eq!(judge(vec![Key::p256(1)]), few);
    assert_eq!(judge(vec![Key::lms(3)]), few);
    assert_eq!(judge(vec![Key::p256(1), Key::p256(2)]), few);
    assert_eq!(judge(vec![Key::lms(3), Key::lms(4)]), few);
    assert_eq!(
        judge(vec![Key::p256(9), Key::lms(3)]),
        few,
        "the other is unknown"
    );
    let mut worn = Device::new(&keys(), Required::EachType);
    worn.revoked = 0b0001;
    assert_eq!(worn.judge(&image(&mut [Key::p256(1), Key::lms(3)])), few);
    assert_eq!(
        worn.judge(&image(&mut [Key::p256(2), Key::lms(3)])),
        Ok(0b0110)
    );
}

#[test]
fn a_key_signs_in_its_own_way_only() {
    // The device holds the LMS key for an ECDSA key, and the reverse.
    let keys = [Key::p256(1), Key::lms(2)];
    let mut crossed = Device::new(&keys, Required::Keys(1));
    crossed.types = vec![LMS, P256];
    for signer in [Key::p256(1), Key::lms(2)] {
        let refused = crossed.judge(&image(&mut [signer]));
        assert_eq!(refused, Err(Refusal::SignatureType));
    }
}

#[test]
fn the_signer_is_the_first_of_the_devices_keys_that_counts() {
    let keys = some(&[1, 2, 3]);
    let mut device = Device::new(&keys, Required::Keys(1));
    let image = image(&mut [Key::p256(3), Key::p256(1), Key::p256(2)]);
    let signer = |device: &Device| {
        device.with(|policy| {
            let verified = Verified::check(image.as_slice(), policy).unwrap();
            let signer = verified.signer().unwrap().to_vec();
            device.hashes.iter().position(|hash| *hash == signer)
        })
    };
    assert_eq!(signer(&device), Some(0));
    device.revoked = 0b001;
    assert_eq!(signer(&device), Some(1));
    device.revoked = 0b011;
    assert_eq!(signer(&device), Some(2));
}

#[test]
fn embedded_keys_of_several_types_work_as_stored_hashes_do() {
    let mut keys = [Key::p256(1), Key::lms(2)];
    let ders: Vec<Vec<u8>> = keys.iter().map(Key::der).collect();
    let ders: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
    let policy = Policy {
        signers: Signers {
            required: Required::Keys(2),
            revoked: 0,
            types: &[P256, LMS],
        },
        ..Policy::new(&suites::P256_SHA256, Keys::Embedded(&ders), 0x8000)
    };
    let mut out = vec![0xff; 0x4000];
    let recipe = Recipe::new(
        &suites::P256_SHA256,
        Some(KeyForm::Hash(ders[0])),
        Version::new(1, 0, 0),
    );
    let unsigned = recipe.assemble(b"payload", &mut out).unwrap();
    let signature = keys[0].sign(unsigned.digest());
    let len = unsigned.finish(Some(&signature)).unwrap().len();
    let judge = |bytes: &[u8]| Verified::check(bytes, &policy).map(|image| image.signing_keys());
    assert_eq!(judge(&out[..len]), Err(Refusal::TooFewSignatures));
    let more = AddSignature::open(&suites::LMS_SHA256, &mut out).unwrap();
    let signature = keys[1].sign(more.digest());
    let form = more.key_form(ders[1]).unwrap();
    assert!(
        matches!(form, KeyForm::Hash(_)),
        "as the image names its first key"
    );
    let len = more.finish(form, &signature).unwrap();
    assert_eq!(judge(&out[..len]), Ok(0b11));
}

#[test]
fn a_signature_is_added_to_nothing_but_an_image_in_order_with_room() {
    let image = image(&mut some(&[1]));
    let opened = |bytes: &mut [u8]| AddSignature::open(&suites::P256_SHA256, bytes).map(|_| ());
    let damaged = Err(BuildError::NotAnImage(Refusal::HashMismatch));
    let mut altered = image.clone();
    altered[100] ^= 1;
    assert_eq!(opened(&mut altered), damaged);
    let none = Err(BuildError::NotAnImage(Refusal::NoImage));
    assert_eq!(opened(&mut [0xff; 64]), none);
    let mut whole = image.clone();
    let unsigned = AddSignature::open(&suites::UNSIGNED_SHA256, &mut whole).map(|_| ());
    assert_eq!(unsigned, Err(BuildError::Signature));
    let other_hash = AddSignature::open(&suites::ED25519_SHA512, &mut whole).map(|_| ());
    assert_eq!(other_hash, Err(BuildError::Signature));

    let mut short = image.clone();
    short.resize(image.len() + 40, 0xff);
    assert_eq!(
        add(&mut Key::p256(2), &mut short),
        Err(BuildError::BufferFull)
    );
    let mut used = image.clone();
    used.resize(image.len() + 400, 0xff);
    used[image.len() + 20] = 0;
    assert_eq!(
        add(&mut Key::p256(2), &mut used),
        Err(BuildError::SlotTooSmall)
    );
    // What failed has changed nothing.
    assert_eq!(used[..image.len()], image);
    assert_eq!(short[..image.len()], image);
}

#[test]
fn an_lms_signature_stands_unprotected_or_not_at_all() {
    let key = Key::p256(1);
    let der = key.der();
    let recipe = Recipe {
        custom: &[(0x10a1, b"signature")],
        ..Recipe::new(
            &suites::P256_SHA256,
            Some(KeyForm::Whole(&der)),
            Version::new(1, 0, 0),
        )
    };
    let mut out = [0xff; 0x400];
    let refused = recipe.assemble(b"payload", &mut out).map(|_| ());
    assert_eq!(refused, Err(BuildError::CustomType));
}
