//! What another TPM made (tests/vectors/objects.txt, by objects.py) is understood here, and the other way round.

use super::binding::symmetric_unique;
use super::derive::{Derive, Stream};
use super::exchange::{DUPLICATE, IDENTITY};
use super::inner::Inner;
use super::protect::{Plain, Protector, Seed};
use super::{Blame, Object, check_both, check_public, qualified_name};
use crate::handle::{Handle, Hierarchy};
use crate::rc::Rc;
use crate::structures::symmetric::KeyBits;
use crate::structures::{
    EccPoint, Kdf, KeyedHashScheme, Parameters, Public, Sensitive, SymDefObject, SymMode, Unique,
};
use crate::wire::{Bytes, Input, Marshal, Output, SecretBytes, Unmarshal};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::cipher::{CipherAlgorithm, Mode};
use ironroot_crypto::tpm::hash::HashAlgorithm;
use std::vec;
use std::vec::Vec;

fn vector(key: &str) -> Vec<u8> {
    let line = include_str!("../../tests/vectors/objects.txt")
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .find(|(name, _)| *name == key);
    let (_, text) = line.unwrap_or_else(|| panic!("no vector {key}"));
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn read<T: Unmarshal>(bytes: &[u8]) -> T {
    let mut input = Input::new(bytes);
    let value = input.get().unwrap();
    assert!(input.is_empty());
    value
}

fn written(value: &dyn Marshal) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let mut out = Output::new(&mut bytes);
    value.marshal(&mut out).unwrap();
    out.written().to_vec()
}

fn drbg() -> Drbg {
    Drbg::new(&Secret::new([7; 32]), b"test")
}

/// The storage key of that name, with its secrets.
fn parent(label: &str) -> Object {
    let public: Public = read(&vector(&std::format!("{label}_public")));
    let sensitive: Sensitive = read(&vector(&std::format!("{label}_sensitive")));
    let name = public.name().unwrap();
    Object {
        qualified_name: name,
        hierarchy: Hierarchy::Owner,
        external: false,
        st_clear: false,
        sensitive: Some(sensitive),
        public,
        name,
    }
}

fn protector(parent: &Object) -> Protector {
    let seed = parent.sensitive.as_ref().unwrap().seed.duplicate();
    Protector::of(&parent.public, seed).unwrap()
}

fn of(label: &str, what: &str) -> Vec<u8> {
    vector(&std::format!("{label}_{what}"))
}

const PARENTS: [&str; 2] = ["ecc", "rsa"];

#[test]
fn public_areas_are_read_and_written_as_they_were() {
    for label in [
        "primary",
        "ecc",
        "rsa",
        "derivation",
        "ecc_sealed",
        "rsa_key",
        "moving",
    ] {
        let bytes = of(label, "public");
        assert_eq!(written(&read::<Public>(&bytes)), bytes, "{label}");
        for len in 0..bytes.len() {
            let cut = Input::new(&bytes[..len]).get::<Public>();
            assert_eq!(cut.unwrap_err(), Rc::INSUFFICIENT, "{label}, {len} bytes");
        }
    }
}

#[test]
fn sensitive_areas_are_read_and_written_as_they_were() {
    for label in ["ecc", "rsa", "derivation"] {
        let bytes = of(label, "sensitive");
        assert_eq!(written(&read::<Sensitive>(&bytes)), bytes, "{label}");
    }
}

#[test]
fn names_and_qualified_names_are_those_of_the_other_tpm() {
    let primary: Public = read(&vector("primary_public"));
    let primary_name = primary.name().unwrap();
    assert_eq!(primary_name.as_slice(), vector("primary_name"));
    let handle = Handle::OWNER.0.to_be_bytes();
    let primary_qualified = qualified_name(primary.name_alg, &handle, &primary_name).unwrap();
    assert_eq!(
        primary_qualified.as_slice(),
        vector("primary_qualified_name")
    );
    for label in PARENTS {
        let object = parent(label);
        assert_eq!(object.name.as_slice(), of(label, "name"));
        let qualified = qualified_name(
            object.public.name_alg,
            primary_qualified.as_slice(),
            &object.name,
        );
        assert_eq!(qualified.unwrap().as_slice(), of(label, "qualified_name"));
    }
}

#[test]
fn what_the_other_tpm_protects_under_a_known_seed_opens_here() {
    for label in PARENTS {
        let parent = parent(label);
        let public: Public = read(&of(label, "sealed_public"));
        let name = public.name().unwrap();
        let private = of(label, "sealed_private");
        let sensitive = protector(&parent)
            .unwrap_child(name.as_slice(), &private)
            .unwrap();
        assert!(sensitive.auth.matches(b"auth"));
        assert!(
            sensitive
                .data
                .matches(std::format!("sealed under {label}").as_bytes())
        );
        assert_eq!(check_both(&public, &sensitive), Ok(()));
        let public: Public = read(&of(label, "key_public"));
        let private = of(label, "key_private");
        let sensitive = protector(&parent)
            .unwrap_child(public.name().unwrap().as_slice(), &private)
            .unwrap();
        assert_eq!(check_both(&public, &sensitive), Ok(()));
    }
}

#[test]
fn no_bit_of_a_protected_area_can_be_changed() {
    let parent = parent("ecc");
    let public: Public = read(&vector("ecc_sealed_public"));
    let name = public.name().unwrap();
    let private = vector("ecc_sealed_private");
    let protector = protector(&parent);
    for bit in 0..private.len() * 8 {
        let mut bad = private.clone();
        bad[bit / 8] ^= 0x80 >> (bit % 8);
        let refused = protector.unwrap_child(name.as_slice(), &bad).err();
        // The first two bytes are the length of the integrity value.
        let expected: &[Rc] = match bit / 8 {
            0 | 1 => &[Rc::INTEGRITY, Rc::SIZE, Rc::INSUFFICIENT],
            _ => &[Rc::INTEGRITY],
        };
        assert!(
            refused.is_some_and(|rc| expected.contains(&rc)),
            "bit {bit}: {refused:?}"
        );
    }
    for len in 0..private.len() {
        assert!(
            protector
                .unwrap_child(name.as_slice(), &private[..len])
                .is_err()
        );
    }
    let mut longer = private.clone();
    longer.push(0);
    assert_eq!(
        protector.unwrap_child(name.as_slice(), &longer).err(),
        Some(Rc::INTEGRITY)
    );
    // Under another name, and under another parent.
    let other: Public = read(&vector("ecc_key_public"));
    let other = other.name().unwrap();
    assert_eq!(
        protector.unwrap_child(other.as_slice(), &private).err(),
        Some(Rc::INTEGRITY)
    );
    let stranger = Protector::of(&parent.public, Seed::new(&[9; 32]).unwrap()).unwrap();
    assert_eq!(
        stranger.unwrap_child(name.as_slice(), &private).err(),
        Some(Rc::INTEGRITY)
    );
}

#[test]
fn a_protected_area_hides_how_long_the_auth_value_is() {
    let parent = parent("ecc");
    let public: Public = read(&vector("ecc_sealed_public"));
    let wrapped = |auth: &[u8]| {
        let mut sensitive: Sensitive = read(&vector("ecc_sensitive"));
        sensitive.auth = SecretBytes::new(auth).unwrap();
        let mut bytes = vec![0; 1024];
        let mut out = Output::new(&mut bytes);
        let protector = protector(&parent);
        protector
            .wrap_child(b"name", &public, &sensitive, &mut drbg(), &mut out)
            .unwrap();
        let sensitive = protector
            .unwrap_child(b"name", &out.written()[2..])
            .unwrap();
        assert!(sensitive.auth.matches(auth));
        out.len()
    };
    assert_eq!(wrapped(b""), wrapped(&[1; 32]));
}

#[test]
fn a_credential_made_by_the_other_tpm_is_for_this_key() {
    for label in PARENTS {
        let key = parent(label);
        let (blob, secret) = (of(label, "credential"), of(label, "credential_secret"));
        let seed = key.decrypt_secret(IDENTITY, &secret, &mut drbg()).unwrap();
        let protector = Protector::of(&key.public, seed).unwrap();
        let plain = protector.unwrap(key.name.as_slice(), false, &blob).unwrap();
        let wanted = std::format!("credential of {label}");
        plain.expose(|plain| assert_eq!(&plain[2..], wanted.as_bytes()));
        assert_eq!(
            protector.unwrap(b"another name", false, &blob).err(),
            Some(Rc::INTEGRITY)
        );
        // The label is part of the agreement.
        if let Ok(seed) = key.decrypt_secret(DUPLICATE, &secret, &mut drbg()) {
            let protector = Protector::of(&key.public, seed).unwrap();
            assert_eq!(
                protector.unwrap(key.name.as_slice(), false, &blob).err(),
                Some(Rc::INTEGRITY)
            );
        }
    }
}

#[test]
fn a_duplicate_made_by_the_other_tpm_opens_with_and_without_an_inner_wrapping() {
    let public: Public = read(&vector("moving_public"));
    let name = public.name().unwrap();
    let symmetric = SymDefObject {
        algorithm: CipherAlgorithm::Aes,
        bits: KeyBits::Bits128,
        mode: Some(SymMode::Encrypt(Mode::Cfb)),
    };
    for label in PARENTS {
        let key = parent(label);
        for wrapping in ["outer", "inner"] {
            let label = std::format!("{label}_{wrapping}");
            let seed = key
                .decrypt_secret(DUPLICATE, &of(&label, "seed"), &mut drbg())
                .unwrap();
            let protector = Protector::of(&key.public, seed).unwrap();
            let mut plain = protector
                .unwrap(name.as_slice(), false, &of(&label, "duplicate"))
                .unwrap();
            if wrapping == "inner" {
                let inner_key = of(&label, "key");
                let inner = Inner::new(HashAlgorithm::Sha256, symmetric, &inner_key).unwrap();
                let copy = plain.duplicate();
                assert_eq!(
                    inner.unwrap(b"another name", copy).err(),
                    Some(Rc::INTEGRITY)
                );
                let other = Inner::new(HashAlgorithm::Sha256, symmetric, &[1; 16]).unwrap();
                assert!(other.unwrap(name.as_slice(), plain.duplicate()).is_err());
                assert_eq!(
                    Inner::new(HashAlgorithm::Sha256, symmetric, &inner_key[1..]).err(),
                    Some(Rc::SIZE)
                );
                plain = inner.unwrap(name.as_slice(), plain).unwrap();
            }
            let sensitive: Sensitive = plain.expose(|area| Input::new(area).whole_sized()).unwrap();
            assert!(sensitive.auth.matches(b"dup auth"));
            assert!(sensitive.data.matches(b"the key that moves"));
            assert_eq!(check_both(&public, &sensitive), Ok(()));
        }
    }
}

#[test]
fn an_inner_wrapping_of_our_own_opens_again() {
    let symmetric = SymDefObject {
        algorithm: CipherAlgorithm::Aes,
        bits: KeyBits::Bits128,
        mode: Some(SymMode::Encrypt(Mode::Cfb)),
    };
    let inner = Inner::new(HashAlgorithm::Sha384, symmetric, &[3; 16]).unwrap();
    let wrapped = inner
        .wrap(b"name", &Plain::new(b"what it holds").unwrap())
        .unwrap();
    let opened = inner.unwrap(b"name", wrapped).unwrap();
    assert!(opened.matches(b"what it holds"));
}

#[test]
fn a_secret_for_a_key_is_one_that_only_the_key_reads() {
    for label in PARENTS {
        let key = parent(label);
        let (seed, sent) = key.public.encrypt_secret(DUPLICATE, &mut drbg()).unwrap();
        let read = key
            .decrypt_secret(DUPLICATE, sent.as_slice(), &mut drbg())
            .unwrap();
        assert!(seed.expose(|seed| read.matches(seed)));
        let same_without_zero = key
            .decrypt_secret(b"DUPLICATE", sent.as_slice(), &mut drbg())
            .unwrap();
        assert!(seed.expose(|seed| same_without_zero.matches(seed)));
    }
}

#[test]
fn what_is_no_secret_for_a_key_is_refused() {
    let ecc = parent("ecc");
    let (_, sent) = ecc.public.encrypt_secret(IDENTITY, &mut drbg()).unwrap();
    let sent = sent.as_slice();
    let refusal = |bytes: &[u8]| ecc.decrypt_secret(IDENTITY, bytes, &mut drbg()).err();
    assert_eq!(refusal(&[]), Some(Rc::INSUFFICIENT));
    assert_eq!(refusal(&sent[..sent.len() - 1]), Some(Rc::INSUFFICIENT));
    assert_eq!(refusal(&[sent, &[0]].concat()), Some(Rc::SIZE));
    let mut off_curve = sent.to_vec();
    off_curve[10] ^= 1;
    assert_eq!(refusal(&off_curve), Some(Rc::ECC_POINT));
    assert_eq!(refusal(&[0, 0, 0, 0]), Some(Rc::ECC_POINT));
    let rsa = parent("rsa");
    let (_, sent) = rsa.public.encrypt_secret(IDENTITY, &mut drbg()).unwrap();
    let mut changed = sent.as_slice().to_vec();
    changed[100] ^= 1;
    let refusal = |bytes: &[u8]| rsa.decrypt_secret(IDENTITY, bytes, &mut drbg()).err();
    assert_eq!(refusal(&changed), Some(Rc::VALUE));
    assert_eq!(refusal(&changed[1..]), Some(Rc::VALUE));
    assert_eq!(refusal(&[0xff; 256]), Some(Rc::VALUE));
    assert_eq!(refusal(&[]), Some(Rc::VALUE));
    let no_key = parent("derivation").decrypt_secret(IDENTITY, &changed, &mut drbg());
    assert_eq!(no_key.err(), Some(Rc::KEY));
    let mut half = parent("rsa");
    half.sensitive = None;
    assert_eq!(
        half.decrypt_secret(IDENTITY, sent.as_slice(), &mut drbg())
            .err(),
        Some(Rc::KEY)
    );
}

#[test]
fn keys_and_their_public_parts_belong_together_or_are_refused() {
    for label in ["ecc", "rsa", "derivation"] {
        let object = parent(label);
        let (public, sensitive) = (object.public, object.sensitive.unwrap());
        assert_eq!(check_public(&public), Ok(()), "{label}");
        assert_eq!(check_both(&public, &sensitive), Ok(()), "{label}");
        let mut other = sensitive.duplicate();
        other.data.expose_mut(|data| *data.last_mut().unwrap() ^= 2);
        assert_eq!(check_both(&public, &other), Err(Blame::Both), "{label}");
        let mut other = sensitive.duplicate();
        let shorter = sensitive.data.expose(|data| data[1..].to_vec());
        other.data = SecretBytes::new(&shorter).unwrap();
        let refused = check_both(&public, &other);
        assert!(
            matches!(refused, Err(Blame::Sensitive(Rc::KEY_SIZE) | Blame::Both)),
            "{label}: {refused:?}"
        );
        let mut other = sensitive.duplicate();
        other.auth = SecretBytes::new(&[1; 49]).unwrap();
        assert_eq!(
            check_both(&public, &other),
            Err(Blame::Sensitive(Rc::SIZE)),
            "{label}"
        );
        let mut other = sensitive.duplicate();
        other.seed = SecretBytes::new(&[1; 49]).unwrap();
        assert_eq!(
            check_both(&public, &other),
            Err(Blame::Sensitive(Rc::KEY_SIZE)),
            "{label}"
        );
        let mut other = sensitive.duplicate();
        other.seed = SecretBytes::new(&[1; 15]).unwrap();
        let refused = check_both(&public, &other);
        assert!(
            matches!(refused, Err(Blame::Sensitive(_))),
            "{label}: {refused:?}"
        );
    }
    let (rsa, ecc) = (parent("rsa"), parent("ecc"));
    let mixed = check_both(&rsa.public, ecc.sensitive.as_ref().unwrap());
    assert_eq!(mixed, Err(Blame::Sensitive(Rc::TYPE)));
}

#[test]
fn public_numbers_that_no_key_has_are_refused() {
    let mut rsa = parent("rsa").public;
    let Parameters::Rsa { exponent, .. } = &mut rsa.parameters else {
        panic!("it is an RSA key")
    };
    *exponent = 4;
    assert_eq!(check_public(&rsa), Err(Blame::Public(Rc::VALUE)));
    let mut rsa = parent("rsa").public;
    let Unique::Rsa(modulus) = &rsa.unique else {
        panic!("it has a modulus")
    };
    let mut low = modulus.as_slice().to_vec();
    low[0] &= 0x7f;
    for bad in [&low[..], &low[1..]] {
        rsa.unique = Unique::Rsa(Bytes::new(bad).unwrap());
        assert_eq!(check_public(&rsa), Err(Blame::Public(Rc::KEY)));
    }
    let mut ecc = parent("ecc").public;
    let Unique::Ecc(point) = &mut ecc.unique else {
        panic!("it has a point")
    };
    let x = point.x;
    point.x = point.y;
    assert_eq!(check_public(&ecc), Err(Blame::Public(Rc::ECC_POINT)));
    let Unique::Ecc(point) = &mut ecc.unique else {
        panic!("it has a point")
    };
    point.x = Bytes::new(&x.as_slice()[1..]).unwrap();
    assert_eq!(check_public(&ecc), Err(Blame::Public(Rc::KEY)));
}

/// The unique field of a derived object: its numbers come from the stream in this order.
fn unique_of(public: &Public, stream: &mut Stream) -> Unique {
    let len = match public.parameters {
        Parameters::Ecc { curve, .. } => {
            let point = stream.ec_scalar(curve).unwrap().public().unwrap();
            return Unique::Ecc(EccPoint::from(&point));
        }
        Parameters::KeyedHash { scheme } => scheme.unwrap().hash().digest_len(),
        Parameters::SymCipher { symmetric } => symmetric.key_len(),
        Parameters::Rsa { .. } => panic!("RSA keys are not derived"),
    };
    let hash = public.name_alg.unwrap();
    let mut take = |len| {
        let mut bytes = vec![0; len];
        stream.fill(&mut bytes).unwrap();
        bytes
    };
    let (data, seed) = (take(len), take(hash.digest_len()));
    let sensitive = Sensitive {
        kind: public.kind(),
        auth: SecretBytes::EMPTY,
        seed: SecretBytes::new(&seed).unwrap(),
        data: SecretBytes::new(&data).unwrap(),
    };
    symmetric_unique(hash, public.attributes, &sensitive)
}

#[test]
fn derived_keys_are_those_of_the_other_tpm() {
    let parent = parent("derivation");
    let Parameters::KeyedHash {
        scheme: Some(KeyedHashScheme::Xor { hash, kdf }),
    } = parent.public.parameters
    else {
        panic!("it derives")
    };
    assert_eq!(kdf, Some(Kdf::Sp800_108));
    let key = &parent.sensitive.as_ref().unwrap().data;
    for label in ["hmac", "aes", "p256", "p384"] {
        for place in ["template", "data"] {
            let label = std::format!("derived_{label}_{place}");
            let bytes = vector(&label);
            let mut input = Input::new(&bytes);
            let (public, derive): (_, Derive) =
                Public::template(&mut input, |input| input.get()).unwrap();
            assert!(input.is_empty());
            let from_data = vector(&label.replace("data", "template"));
            let kind = std::format!("label {}", label.split('_').nth(1).unwrap());
            let data = [&[0, kind.len() as u8], kind.as_bytes(), b"\0\x07context"].concat();
            assert!(from_data.ends_with(&data));
            let derive = derive.or_else(&SecretBytes::new(&data).unwrap()).unwrap();
            let mut stream = Stream::new(hash, key, &derive).unwrap();
            let wanted: Public = read(&of(&label, "public"));
            assert_eq!(unique_of(&public, &mut stream), wanted.unique, "{label}");
        }
    }
}

fn saved(object: &Object) -> Vec<u8> {
    let mut bytes = vec![0; super::MAX_SAVED];
    let mut out = Output::new(&mut bytes);
    object.write(&mut out).unwrap();
    out.written().to_vec()
}

fn restored(bytes: &[u8]) -> Result<Object, Rc> {
    let mut input = Input::new(bytes);
    let object = Object::read(&mut input)?;
    match input.is_empty() {
        true => Ok(object),
        false => Err(Rc::SIZE),
    }
}

#[test]
fn an_object_that_was_saved_is_the_same_and_nothing_else_is_one() {
    for label in ["ecc", "rsa", "derivation"] {
        for (external, st_clear, whole) in [
            (false, false, true),
            (false, true, true),
            (true, false, false),
        ] {
            let mut object = parent(label);
            (object.external, object.st_clear) = (external, st_clear);
            object.qualified_name =
                qualified_name(object.public.name_alg, b"parent", &object.name).unwrap();
            if !whole {
                object.sensitive = None;
            }
            let bytes = saved(&object);
            let again = restored(&bytes).unwrap();
            assert_eq!(again.public, object.public);
            assert_eq!(
                (again.name, again.qualified_name),
                (object.name, object.qualified_name)
            );
            assert_eq!(again.hierarchy, Hierarchy::Owner);
            assert_eq!((again.external, again.st_clear), (external, st_clear));
            assert_eq!(again.sensitive.is_some(), whole);
            assert_eq!(saved(&again), bytes);
            for len in 0..bytes.len() {
                assert!(restored(&bytes[..len]).is_err(), "{label}, {len} bytes");
            }
            assert!(restored(&[&bytes[..], &[0]].concat()).is_err());
            let mut other_version = bytes.clone();
            other_version[0] += 1;
            assert!(restored(&other_version).is_err());
            let mut unknown_flag = bytes.clone();
            unknown_flag[1] |= 0x80;
            assert!(restored(&unknown_flag).is_err());
            let mut no_hierarchy = bytes.clone();
            no_hierarchy[2..6].copy_from_slice(&Handle::LOCKOUT.0.to_be_bytes());
            assert!(restored(&no_hierarchy).is_err());
        }
    }
    // Halves of two objects.
    let mut mixed = parent("ecc");
    mixed.sensitive = parent("derivation").sensitive;
    assert!(restored(&saved(&mixed)).is_err());
}

#[test]
fn the_longest_object_fits_what_is_made_for_it() {
    let mut object = parent("rsa");
    object.public.policy = Bytes::new(&[1; 64]).unwrap();
    object.public.unique = Unique::Rsa(Bytes::new(&[0xff; 512]).unwrap());
    object.qualified_name = Bytes::new(&[1; 66]).unwrap();
    object.sensitive = Some(Sensitive {
        kind: object.public.kind(),
        auth: SecretBytes::new(&[1; 64]).unwrap(),
        seed: SecretBytes::new(&[1; 64]).unwrap(),
        data: SecretBytes::new(&[0xff; 256]).unwrap(),
    });
    assert!(restored(&saved(&object)).is_ok());
    let (public, sensitive) = (&object.public, object.sensitive.as_ref().unwrap());
    let mut bytes = vec![0; 2 + super::protect::MAX_PRIVATE];
    let mut out = Output::new(&mut bytes);
    protector(&parent("rsa"))
        .wrap_child(b"name", public, sensitive, &mut drbg(), &mut out)
        .unwrap();
}
