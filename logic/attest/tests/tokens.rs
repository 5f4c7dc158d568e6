//! Tokens against other implementations: Python's cbor2, cryptography and pycose, and the drafts of RFC 9783.

use ironroot_attest::{
    BootSeed, Challenge, Claims, ClaimsError, ClientId, Evidence, InstanceId, Lifecycle,
    LifecycleState, MakeError, Profile, SoftwareComponent, TokenError, UnverifiedToken, make, size,
};
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::{CryptoError, Secret};

struct Vector {
    name: &'static str,
    verdict: &'static str,
    bytes: Vec<u8>,
}

fn vectors(text: &'static str) -> Vec<Vector> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.split(' ');
            let mut next = || parts.next().unwrap();
            Vector {
                name: next(),
                verdict: next(),
                bytes: unhex(next()),
            }
        })
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn python() -> Vec<Vector> {
    vectors(include_str!("../testdata/vectors.txt"))
}

fn vector(name: &str) -> Vec<u8> {
    python()
        .into_iter()
        .find(|vector| vector.name == name)
        .unwrap()
        .bytes
}

fn signing_key() -> P256PrivateKey {
    P256PrivateKey::from_bytes(&Secret::from_slice(&vector("private-key")).unwrap()).unwrap()
}

fn public_key() -> P256PublicKey {
    P256PublicKey::from_sec1(&vector("public-key")).unwrap()
}

fn instance_id() -> InstanceId {
    let hash = digest(HashAlgorithm::Sha256, &vector("public-key"));
    InstanceId::from_key_hash(&hash.to_array().unwrap())
}

fn verdict(token: &[u8]) -> &'static str {
    let checked = UnverifiedToken::parse(token).and_then(|token| token.verify(&public_key()));
    match checked.map(|_| ()) {
        Ok(()) => "valid",
        Err(TokenError::Malformed) => "malformed",
        Err(TokenError::Algorithm) => "algorithm",
        Err(TokenError::Signature) => "signature",
        Err(TokenError::Claims(error)) => match error {
            ClaimsError::Malformed => "malformed-claims",
            ClaimsError::Profile => "profile",
            ClaimsError::Nonce => "nonce",
            ClaimsError::InstanceId => "instance-id",
            ClaimsError::ImplementationId => "implementation-id",
            ClaimsError::ClientId => "client-id",
            ClaimsError::Lifecycle => "lifecycle",
            ClaimsError::BootSeed => "boot-seed",
            ClaimsError::CertificationReference => "certification-reference",
            ClaimsError::SoftwareComponents => "software-components",
            ClaimsError::VerificationService => "verification-service",
        },
    }
}

#[test]
fn every_token_made_by_python_gets_its_verdict() {
    let mut judged = 0;
    for vector in python().iter().filter(|vector| vector.verdict != "-") {
        assert_eq!(verdict(&vector.bytes), vector.verdict, "{}", vector.name);
        judged += 1;
    }
    assert_eq!(judged, 60);
}

#[test]
fn the_example_tokens_of_the_rfc_drafts_are_verified() {
    for vector in vectors(include_str!("../testdata/rfc9783_drafts.txt")) {
        let token = UnverifiedToken::parse(&vector.bytes).unwrap();
        let token = token.verify(&public_key()).unwrap();
        let claims = token.claims();
        assert_eq!(claims.profile, Profile::Rfc9783);
        assert_eq!(claims.nonce.as_bytes(), [1; 32]);
        assert_eq!(claims.instance_id.as_bytes()[1..], [2; 32]);
        assert_eq!(claims.implementation_id, [0; 32]);
        assert_eq!(claims.client_id.get(), i32::MAX);
        assert_eq!(claims.lifecycle.state(), LifecycleState::Secured);
        assert_eq!(claims.boot_seed, None);
        let components: Vec<_> = claims.software_components.clone().collect();
        assert_eq!(components.len(), 1);
        assert_eq!(components[0].measurement_value, [3; 32]);
        assert_eq!(components[0].signer_id, [4; 32]);
    }
}

const BL: SoftwareComponent<'_> = SoftwareComponent {
    measurement_type: Some("BL"),
    measurement_value: &[0x11; 32],
    version: Some("1.0.0"),
    signer_id: &[0x21; 32],
    measurement_description: Some("SHA256"),
};
const SPE: SoftwareComponent<'_> = SoftwareComponent {
    measurement_type: Some("SPE"),
    measurement_value: &[0x12; 32],
    version: Some("2.3.4+5"),
    signer_id: &[0x22; 32],
    measurement_description: Some("SHA256"),
};
const NSPE: SoftwareComponent<'_> = SoftwareComponent {
    measurement_type: None,
    measurement_value: &[0x13; 48],
    version: None,
    signer_id: &[0x23; 32],
    measurement_description: None,
};
const NONCE: [u8; 64] = {
    let mut nonce = [0; 64];
    let mut i = 0;
    while i < 64 {
        nonce[i] = i as u8;
        i += 1;
    }
    nonce
};

fn full() -> Evidence<'static> {
    Evidence {
        profile: Profile::Rfc9783,
        challenge: Challenge::new(&NONCE[..32]).unwrap(),
        client_id: ClientId::new(-1).unwrap(),
        lifecycle: Lifecycle::new(0x3000).unwrap(),
        implementation_id: &[0x77; 32],
        instance_id: instance_id(),
        boot_seed: BootSeed::new(&[0x5a; 32]),
        certification_reference: Some("1234567890123-12345"),
        verification_service: Some("https://verify.example"),
        software_components: &[BL, SPE, NSPE],
    }
}

fn smallest() -> Evidence<'static> {
    Evidence {
        challenge: Challenge::new(&[0; 64]).unwrap(),
        client_id: ClientId::new(i32::MAX).unwrap(),
        lifecycle: Lifecycle::new(0x40a5).unwrap(),
        boot_seed: None,
        certification_reference: None,
        verification_service: None,
        software_components: &[NSPE],
        ..full()
    }
}

fn profile_1() -> Evidence<'static> {
    Evidence {
        profile: Profile::IotProfile1,
        certification_reference: Some("1234567890123"),
        ..full()
    }
}

fn unmeasured() -> Evidence<'static> {
    Evidence {
        challenge: Challenge::new(&[0; 48]).unwrap(),
        certification_reference: None,
        verification_service: None,
        software_components: &[],
        ..profile_1()
    }
}

fn made(evidence: &Evidence<'_>) -> Vec<u8> {
    let mut buffer = [0xee; 1024];
    let key = signing_key();
    let len = make(evidence, &mut buffer, |digest| {
        Ok::<_, CryptoError>(key.sign_prehash(digest))
    })
    .unwrap();
    buffer[..len].to_vec()
}

#[test]
fn what_we_make_equals_what_python_makes_in_every_byte() {
    for (name, evidence) in [
        ("exact-full", full()),
        ("exact-smallest", smallest()),
        ("exact-profile-1", profile_1()),
        ("exact-profile-1-unmeasured", unmeasured()),
    ] {
        assert_eq!(made(&evidence), vector(name), "{name}");
        assert_eq!(size(&evidence), Ok(vector(name).len()), "{name}");
    }
}

#[test]
fn all_claims_come_back_as_they_went_in() {
    let token = made(&full());
    let verified = UnverifiedToken::parse(&token)
        .unwrap()
        .verify(&public_key())
        .unwrap();
    let claims = verified.claims();
    assert_eq!(claims.nonce, full().challenge);
    assert_eq!(claims.client_id, full().client_id);
    assert!(claims.client_id.is_non_secure());
    assert_eq!(claims.lifecycle, full().lifecycle);
    assert_eq!(&claims.implementation_id, full().implementation_id);
    assert_eq!(claims.instance_id, full().instance_id);
    assert_eq!(claims.boot_seed, full().boot_seed);
    assert_eq!(
        claims.certification_reference,
        full().certification_reference
    );
    assert_eq!(claims.verification_service, full().verification_service);
    assert!(claims.software_components.clone().eq([BL, SPE, NSPE]));
}

#[test]
fn a_buffer_one_byte_short_gets_nothing_and_nothing_is_signed() {
    let len = size(&full()).unwrap();
    for short in [0, 1, len / 2, len - 1] {
        let mut buffer = vec![0xee; short];
        let refused = make(&full(), &mut buffer, |_| -> Result<[u8; 64], CryptoError> {
            panic!("signed")
        });
        assert_eq!(refused, Err(MakeError::BufferTooSmall));
        assert!(buffer.iter().all(|byte| *byte == 0xee));
    }
}

#[test]
fn when_signing_fails_nothing_of_the_token_is_left() {
    let mut buffer = [0xee; 1024];
    let refused = make(&full(), &mut buffer, |_| Err(CryptoError::Corruption));
    assert_eq!(refused, Err(MakeError::Sign(CryptoError::Corruption)));
    let len = size(&full()).unwrap();
    assert!(buffer[..len].iter().all(|byte| *byte == 0));
    assert!(buffer[len..].iter().all(|byte| *byte == 0xee));
}

#[test]
fn evidence_that_breaks_its_profile_is_refused() {
    let short = SoftwareComponent {
        measurement_value: &[0; 31],
        ..BL
    };
    let unsigned = SoftwareComponent {
        signer_id: &[],
        ..BL
    };
    for wrong in [
        Evidence {
            software_components: &[],
            ..full()
        },
        Evidence {
            software_components: &[BL; 17],
            ..full()
        },
        Evidence {
            software_components: &[BL, short],
            ..full()
        },
        Evidence {
            software_components: &[unsigned],
            ..full()
        },
        Evidence {
            certification_reference: Some("1234567890123"),
            ..full()
        },
        Evidence {
            certification_reference: Some("1234567890123-1234x"),
            ..full()
        },
        Evidence {
            verification_service: Some(""),
            ..full()
        },
        Evidence {
            boot_seed: None,
            ..profile_1()
        },
        Evidence {
            boot_seed: BootSeed::new(&[0; 8]),
            ..profile_1()
        },
        Evidence {
            certification_reference: Some("1234567890123-12345"),
            ..profile_1()
        },
    ] {
        assert_eq!(size(&wrong), Err(MakeError::Evidence), "{wrong:?}");
    }
}

#[test]
fn values_that_no_claim_may_have_cannot_be_made() {
    for len in 0..=80 {
        let bytes = vec![0; len];
        assert_eq!(
            Challenge::new(&bytes).is_some(),
            matches!(len, 32 | 48 | 64),
            "{len}"
        );
        assert_eq!(
            BootSeed::new(&bytes).is_some(),
            (8..=32).contains(&len),
            "{len}"
        );
    }
    assert!(ClientId::new(0).is_none());
    assert!(ClientId::new(i32::MIN).is_some());
    for value in 0..=u16::MAX {
        let known = matches!(value >> 8, 0 | 0x10 | 0x20 | 0x30 | 0x40 | 0x50 | 0x60);
        assert_eq!(Lifecycle::new(value).is_some(), known, "{value:#x}");
    }
}

#[test]
fn a_token_cut_anywhere_is_refused() {
    let token = vector("exact-full");
    for len in 0..token.len() {
        assert_eq!(verdict(&token[..len]), "malformed", "{len}");
    }
}

#[test]
fn a_token_with_any_one_bit_flipped_is_refused() {
    // Every bit of the small token; verifying takes a while, so only where the envelope still parses.
    let token = vector("exact-smallest");
    for position in 0..token.len() {
        for bit in 0..8 {
            let mut bad = token.clone();
            bad[position] ^= 1 << bit;
            assert_ne!(verdict(&bad), "valid", "byte {position}, bit {bit}");
        }
    }
}

#[test]
fn another_key_verifies_nothing() {
    let other = P256PrivateKey::from_bytes(&Secret::new([9; 32]))
        .unwrap()
        .public();
    let token = vector("exact-full");
    let refused = UnverifiedToken::parse(&token).unwrap().verify(&other);
    assert_eq!(refused.map(|_| ()), Err(TokenError::Signature));
}

#[test]
fn no_bytes_make_the_claim_reader_panic_or_loop() {
    // A cheap stand-in for the fuzz target: a generator without structure and mutations of a good token.
    let seed = vector("unknown-claims");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..20_000 {
        let mut bytes = seed.clone();
        for _ in 0..random() % 8 {
            let at = random() as usize % bytes.len();
            bytes[at] = random() as u8;
        }
        bytes.truncate(random() as usize % (bytes.len() + 1));
        if let Ok(token) = UnverifiedToken::parse(&bytes) {
            let _ = token.unverified_claims();
        }
        let noise: Vec<u8> = (0..random() % 64).map(|_| random() as u8).collect();
        let _ = Claims::read(&noise);
        let _ = SoftwareComponent::from_boot_record(&noise);
    }
}
