//! ECDAA, EC-Schnorr, SM2, agreement in two phases and encryption on all six curves against a model in Python, and the
//! examples of GM/T 0003.5.

#![cfg(all(
    feature = "tpm-sha1",
    feature = "tpm-p224",
    feature = "tpm-p384",
    feature = "tpm-p521",
    feature = "tpm-bn",
    feature = "tpm-sm",
    feature = "tpm-sha3"
))]

mod common;

use common::{Record, unhex, vectors};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::encrypt::{decrypt, encrypt, encrypt_with};
use ironroot_crypto::tpm::ec::exchange::{Agreement, agree};
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar, EcSignature};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts};
use ironroot_crypto::tpm::kdf::kdf2_xor;
use ironroot_crypto::{CryptoError, Secret};

const CURVES: [(&str, Curve); 6] = [
    ("p224", Curve::P224),
    ("p256", Curve::P256),
    ("p384", Curve::P384),
    ("p521", Curve::P521),
    ("bn256", Curve::BnP256),
    ("sm2", Curve::Sm2P256),
];

const HASHES: [(&str, HashAlgorithm); 8] = [
    ("sha1", HashAlgorithm::Sha1),
    ("sha256", HashAlgorithm::Sha256),
    ("sha384", HashAlgorithm::Sha384),
    ("sha512", HashAlgorithm::Sha512),
    ("sm3", HashAlgorithm::Sm3),
    ("sha3_256", HashAlgorithm::Sha3_256),
    ("sha3_384", HashAlgorithm::Sha3_384),
    ("sha3_512", HashAlgorithm::Sha3_512),
];

fn drbg(seed: u8) -> Drbg {
    Drbg::new(&Secret::new([seed; 32]), b"test")
}

/// A vector with its parts read.
struct Case {
    record: Record,
    curve: Curve,
    hash: HashAlgorithm,
}

impl Case {
    fn all() -> Vec<Self> {
        let cases: Vec<_> = vectors("tpm_schemes.txt")
            .into_iter()
            .map(|record| {
                let curve = CURVES.iter().find(|known| known.0 == record.text("curve"));
                let hash = HASHES.iter().find(|known| known.0 == record.text("hash"));
                Self {
                    curve: curve.unwrap().1,
                    hash: hash.unwrap().1,
                    record,
                }
            })
            .collect();
        assert_eq!(cases.len(), CURVES.len() * HASHES.len());
        cases
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.record.bytes(name)
    }

    fn scalar(&self, name: &str) -> EcScalar {
        EcScalar::new(self.curve, &self.bytes(name)).unwrap()
    }

    fn point(&self, x: &str, y: &str) -> EcPoint {
        EcPoint::new(self.curve, &self.bytes(x), &self.bytes(y)).unwrap()
    }
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

/// Everything near a right signature that must be refused.
fn check_refused(
    curve: Curve,
    digest: &[u8],
    r: &[u8],
    s: &[u8],
    verify: impl Fn(&[u8], &[u8], &[u8]) -> Result<(), CryptoError>,
) {
    let zero = vec![0; curve.coordinate_len()];
    let n = curve.parameters().n;
    let mut other = digest.to_vec();
    other[0] ^= 1;
    let long = [&[1], r].concat();
    for (digest, r, s) in [
        (&other[..], r, s),
        (digest, &flipped(r), s),
        (digest, r, &flipped(s)),
        (digest, s, r),
        (digest, &zero, s),
        (digest, r, &zero),
        (digest, &zero, &zero),
        (digest, n, s),
        (digest, r, n),
        (digest, &[], s),
        (digest, r, &[]),
        (digest, &long, s),
    ] {
        assert_eq!(verify(digest, r, s), Err(CryptoError::Verification));
    }
    assert_eq!(verify(digest, &[&[0], r].concat(), s), Ok(()));
}

#[test]
fn sm2_signatures_are_the_models() {
    for case in Case::all() {
        let (r, s, digest) = (
            case.bytes("sm2_r"),
            case.bytes("sm2_s"),
            case.bytes("digest"),
        );
        let signed = case.scalar("d").sign_sm2_with(&digest, &case.scalar("k"));
        let signed = signed.unwrap();
        assert_eq!((signed.r(), signed.s()), (&r[..], &s[..]));
        let public = case.point("x", "y");
        assert_eq!(public.verify_sm2(&digest, &r, &s), Ok(()));
        check_refused(case.curve, &digest, &r, &s, |digest, r, s| {
            public.verify_sm2(digest, r, s)
        });
    }
}

/// GM/T 0003.5, annex A.2: the key, the nonce and e of its example.
#[test]
fn the_sm2_signature_is_that_of_the_standards_example() {
    let scalar = |text| EcScalar::new(Curve::Sm2P256, &unhex(text)).unwrap();
    let key = scalar("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
    let nonce = scalar("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21");
    let e = unhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
    let signed = key.sign_sm2_with(&e, &nonce).unwrap();
    let r = unhex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3");
    let s = unhex("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa");
    assert_eq!((signed.r(), signed.s()), (&r[..], &s[..]));
    assert_eq!(key.public().unwrap().verify_sm2(&e, &r, &s), Ok(()));
}

#[test]
fn the_one_sm2_key_that_cannot_sign_says_so() {
    let mut last = Curve::Sm2P256.parameters().n.to_vec();
    *last.last_mut().unwrap() -= 1;
    let key = EcScalar::new(Curve::Sm2P256, &last).unwrap();
    let refused = key.sign_sm2(&[1; 32], &mut drbg(1)).err();
    assert_eq!(refused, Some(CryptoError::InvalidKey));
}

#[test]
fn schnorr_signatures_of_the_model_hold_and_changed_ones_do_not() {
    for case in Case::all() {
        let (r, s, digest) = (
            case.bytes("schnorr_r"),
            case.bytes("schnorr_s"),
            case.bytes("digest"),
        );
        let public = case.point("x", "y");
        assert_eq!(public.verify_schnorr(case.hash, &digest, &r, &s), Ok(()));
        check_refused(case.curve, &digest, &r, &s, |digest, r, s| {
            public.verify_schnorr(case.hash, digest, r, s)
        });
    }
}

#[test]
fn signatures_made_here_hold_for_their_key_and_scheme_alone() {
    let mut drbg = drbg(2);
    for (_, curve) in CURVES {
        let key = EcScalar::random(curve, &mut drbg).unwrap();
        let (public, other) = (key.public().unwrap(), EcPoint::generator(curve).unwrap());
        for (_, hash) in HASHES {
            let digest = vec![0xa5; hash.digest_len()];
            let schnorr = key.sign_schnorr(hash, &digest, &mut drbg).unwrap();
            let sm2 = key.sign_sm2(&digest, &mut drbg).unwrap();
            let by_schnorr = |key: &EcPoint, made: &EcSignature| {
                key.verify_schnorr(hash, &digest, made.r(), made.s())
                    .is_ok()
            };
            let by_sm2 = |key: &EcPoint, made: &EcSignature| {
                key.verify_sm2(&digest, made.r(), made.s()).is_ok()
            };
            assert!(by_schnorr(&public, &schnorr) && by_sm2(&public, &sm2));
            assert!(!by_schnorr(&public, &sm2) && !by_sm2(&public, &schnorr));
            assert!(!by_schnorr(&other, &schnorr) && !by_sm2(&other, &sm2));
            assert!(public.verify(&digest, sm2.r(), sm2.s()).is_err());
            // A nonce of its own each time.
            let again = key.sign_sm2(&digest, &mut drbg).unwrap();
            assert_ne!(sm2.r(), again.r());
            let again = key.sign_schnorr(hash, &digest, &mut drbg).unwrap();
            assert_ne!(schnorr.r(), again.r());
        }
    }
}

/// What a verifier of ECDAA checks: s·G = r·G + T·d·G, where T is the digest modulo n of nonce and digest.
#[test]
fn an_ecdaa_signature_opens_its_commitment() {
    let mut drbg = drbg(3);
    for case in Case::all() {
        let (d, commitment, digest) = (case.scalar("d"), case.scalar("k"), case.bytes("digest"));
        let made = d
            .sign_ecdaa(case.hash, &commitment, &digest, &mut drbg)
            .unwrap();
        assert_ne!(made.r()[0], 0);
        let challenge = digest_parts(case.hash, &[made.r(), &digest]);
        let challenge = EcScalar::reduced(case.curve, challenge.as_slice()).unwrap();
        let (left, public) = (
            EcScalar::new(case.curve, made.s()).unwrap(),
            case.point("x", "y"),
        );
        let right = challenge.multiply(&public).unwrap();
        let right = right.add(&commitment.public().unwrap());
        assert_eq!(left.public(), right);
        // With another base, as Commit has it: L = r·B, K = d·B.
        let base = EcPoint::with_hashed_x(
            case.curve,
            digest_parts(case.hash, &[&case.bytes("s2")]).as_slice(),
            &case.bytes("y2"),
        )
        .unwrap();
        let (k, l) = (
            d.multiply(&base).unwrap(),
            commitment.multiply(&base).unwrap(),
        );
        assert_eq!(
            left.multiply(&base),
            challenge.multiply(&k).unwrap().add(&l)
        );
        // Another nonce each time, and another message is another signature.
        let again = d
            .sign_ecdaa(case.hash, &commitment, &digest, &mut drbg)
            .unwrap();
        assert_ne!((made.r(), made.s()), (again.r(), again.s()));
    }
}

#[test]
fn numbers_are_reduced_and_hashed_points_found_as_the_model_does() {
    for case in Case::all() {
        let reduced = EcScalar::reduced(case.curve, &case.bytes("digest")).unwrap();
        assert_eq!(reduced.expose(<[u8]>::to_vec), case.bytes("reduced"));
        let digest = digest_parts(case.hash, &[&case.bytes("s2")]);
        let found = EcPoint::with_hashed_x(case.curve, digest.as_slice(), &case.bytes("y2"));
        assert_eq!(found, Ok(case.point("x2", "y2")));
        let wrong =
            EcPoint::with_hashed_x(case.curve, digest.as_slice(), &flipped(&case.bytes("y2")));
        assert_eq!(wrong, Err(CryptoError::InvalidKey));
    }
    for (_, curve) in CURVES {
        let refused = |bytes: &[u8]| EcScalar::reduced(curve, bytes).err();
        assert_eq!(refused(&[]), Some(CryptoError::InvalidKey));
        assert_eq!(refused(curve.parameters().n), Some(CryptoError::InvalidKey));
        assert_eq!(refused(&[1; 81]), Some(CryptoError::DataLength));
        assert!(EcScalar::reduced(curve, &[0xff; 80]).is_ok());
    }
}

#[test]
fn both_sides_agree_on_the_models_point() {
    for case in Case::all() {
        let own = (case.scalar("d"), case.scalar("k"));
        let peer = (case.scalar("peer_d"), case.scalar("peer_k"));
        let points =
            |(one, other): &(EcScalar, EcScalar)| (one.public().unwrap(), other.public().unwrap());
        let (own_points, peer_points) = (points(&own), points(&peer));
        for (agreement, name) in [(Agreement::Mqv, "mqv"), (Agreement::Sm2, "sm2")] {
            let expected = case.point(&format!("{name}_shared_x"), &format!("{name}_shared_y"));
            let one = agree(
                agreement,
                (&own.0, &own.1),
                (&peer_points.0, &peer_points.1),
            );
            assert_eq!(one, Ok(expected));
            let other = agree(
                agreement,
                (&peer.0, &peer.1),
                (&own_points.0, &own_points.1),
            );
            assert_eq!(other, Ok(expected));
            let swapped = agree(
                agreement,
                (&own.1, &own.0),
                (&peer_points.0, &peer_points.1),
            );
            assert_ne!(swapped, Ok(expected));
        }
    }
}

/// GM/T 0003.5, annex B: the key that both sides of its example derive.
#[test]
fn the_sm2_exchange_is_that_of_the_standards_example() {
    let scalar = |text| EcScalar::new(Curve::Sm2P256, &unhex(text)).unwrap();
    let a = (
        scalar("81eb26e941bb5af16df116495f90695272ae2cd63d6c4ae1678418be48230029"),
        scalar("d4de15474db74d06491c440d305e012400990f3e390c7e87153c12db2ea60bb3"),
    );
    let b = (
        scalar("785129917d45a9ea5437a59356b82338eaadda6ceb199088f14ae10defa229b5"),
        scalar("7e07124814b309489125eaed101113164ebf0f3458c5bd88335c1f9d596243d6"),
    );
    let (peer_static, peer_ephemeral) = (b.0.public().unwrap(), b.1.public().unwrap());
    let shared = agree(
        Agreement::Sm2,
        (&a.0, &a.1),
        (&peer_static, &peer_ephemeral),
    )
    .unwrap();
    let numbers = Curve::Sm2P256.parameters();
    let z = |key: &EcScalar| {
        let public = key.public().unwrap();
        let curve = [numbers.a, numbers.b, numbers.x, numbers.y].concat();
        let id = b"1234567812345678";
        digest_parts(
            HashAlgorithm::Sm3,
            &[&[0, 128], id, &curve, public.x(), public.y()],
        )
    };
    let mut key = [0; 16];
    let secret = [
        shared.x(),
        shared.y(),
        z(&a.0).as_slice(),
        z(&b.0).as_slice(),
    ]
    .concat();
    kdf2_xor(HashAlgorithm::Sm3, &[&secret], &mut key);
    assert_eq!(key.to_vec(), unhex("6c89347354de2484c60b4ab1fde4c6e5"));
}

#[test]
fn ciphertexts_are_the_models_and_changed_ones_are_refused() {
    for case in Case::all() {
        let message = case.bytes("message");
        let mut data = message.clone();
        let (c1, c3) = encrypt_with(
            case.hash,
            &case.point("x", "y"),
            &mut data,
            &case.scalar("k"),
        )
        .unwrap();
        assert_eq!(c1, case.point("c1_x", "c1_y"));
        assert_eq!(data, case.bytes("c2"));
        assert_eq!(c3.as_slice(), case.bytes("c3"));
        let d = case.scalar("d");
        assert_eq!(
            decrypt(case.hash, &d, &c1, &mut data, c3.as_slice()),
            Ok(())
        );
        assert_eq!(data, message);
        let c3 = c3.as_slice();
        for (key, c1, c3) in [
            (&case.scalar("k"), c1, c3),
            (&d, c1.negate().unwrap(), c3),
            (&d, EcPoint::generator(case.curve).unwrap(), c3),
            (&d, c1, &flipped(c3)),
            (&d, c1, &c3[1..]),
            (&d, c1, &[]),
        ] {
            let mut data = case.bytes("c2");
            let refused = decrypt(case.hash, key, &c1, &mut data, c3);
            assert_eq!(refused, Err(CryptoError::Verification));
            assert!(data.iter().all(|byte| *byte == 0));
        }
        if !message.is_empty() {
            let mut data = flipped(&case.bytes("c2"));
            let refused = decrypt(case.hash, &d, &c1, &mut data, c3);
            assert_eq!(refused, Err(CryptoError::Verification));
        }
    }
}

/// GM/T 0003.5, annex C.
#[test]
fn the_sm2_ciphertext_is_that_of_the_standards_example() {
    let scalar = |text| EcScalar::new(Curve::Sm2P256, &unhex(text)).unwrap();
    let key = scalar("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
    let k = scalar("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21");
    let mut data = *b"encryption standard";
    let (c1, c3) = encrypt_with(HashAlgorithm::Sm3, &key.public().unwrap(), &mut data, &k).unwrap();
    assert_eq!(
        c1.x(),
        unhex("04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73")
    );
    assert_eq!(
        data.to_vec(),
        unhex("21886ca989ca9c7d58087307ca93092d651efa")
    );
    assert_eq!(
        c3.as_slice(),
        unhex("59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766")
    );
}

#[test]
fn no_two_ciphertexts_of_a_message_are_alike() {
    let mut drbg = drbg(5);
    let key = EcScalar::random(Curve::BnP256, &mut drbg).unwrap();
    let public = key.public().unwrap();
    let mut make = || {
        let mut data = [7; 40];
        let made = encrypt(HashAlgorithm::Sha3_256, &public, &mut data, &mut drbg);
        (made.unwrap(), data)
    };
    let ((first, c3), data) = make();
    let ((second, _), other) = make();
    assert_ne!(first, second);
    assert_ne!(data, other);
    let mut data = data;
    let opened = decrypt(
        HashAlgorithm::Sha3_256,
        &key,
        &first,
        &mut data,
        c3.as_slice(),
    );
    assert_eq!((opened, data), (Ok(()), [7; 40]));
}
