//! Key files: PEM or DER; PKCS#8, SEC 1 and PKCS#1 private keys, SubjectPublicKeyInfo and PKCS#1
//! public ones.
//!
//! PKCS#8 is RFC 5958, SEC 1 keys RFC 5915, PKCS#1 RFC 8017 appendix A.1, public keys RFC 5280 with
//! RFC 5480 (P-256, P-384), RFC 8410 (Ed25519, X25519), RFC 8017 (RSA). Private ones may be under a
//! password. Written are PKCS#8 and SubjectPublicKeyInfo, as imgtool does.

use super::files;
use super::key::{ED25519, Kind, LMS, P256, P384, PrivateKey, PublicKey, X25519};
use super::lms_key::{self, LmsKey};
use super::{password, pem};
use anyhow::{Context, bail};
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Reader, SliceReader, Tag, TagNumber, Tagged};
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey};
use ironroot_crypto::ecdsa_p384::{P384PrivateKey, P384PublicKey};
use ironroot_crypto::ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
use ironroot_crypto::lms::HssPublicKey;
use ironroot_crypto::rsa::{MAX_PRIVATE_DER_LEN, MAX_PUBLIC_DER_LEN, RsaPrivateKey, RsaPublicKey};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_crypto::{Secret, wipe};
use std::path::Path;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const CURVE_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const CURVE_P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ID_X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

/// SubjectPublicKeyInfo up to the key's bytes, which have one length each.
pub(super) const P256_PREFIX: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
pub(super) const P384_PREFIX: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
pub(super) const X25519_PREFIX: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00";
const ED25519_PREFIX: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
/// id-alg-hss-lms-hashsig (RFC 9708), in a key as RFC 9802 has it: 60 bytes.
const ID_LMS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.3.17");
const LMS_PREFIX: &[u8] = b"\x30\x4e\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x11\
    \x03\x3d\x00";
/// AlgorithmIdentifier of RSA: rsaEncryption, NULL.
const RSA_ALGORITHM: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// A private key, or a public one that cannot sign.
pub(super) enum Key {
    Private(PrivateKey),
    Public(PublicKey),
}

/// Reads any key file.
pub(super) fn load(path: &Path) -> anyhow::Result<Key> {
    let mut bytes = files::read(path)?;
    let key = parse(&bytes).with_context(|| format!("{}", path.display()));
    wipe(&mut bytes);
    let mut key = key?;
    if let Key::Private(PrivateKey::Lms(key)) = &mut key {
        key.set_path(path);
    }
    Ok(key)
}

/// Reads a key file that must hold a private key.
pub(super) fn load_private(path: &Path) -> anyhow::Result<PrivateKey> {
    match load(path)? {
        Key::Private(key) => Ok(key),
        Key::Public(_) => bail!(
            "{}: this is a public key; signing needs the private one (made by `ironroot image keygen`)",
            path.display()
        ),
    }
}

/// Reads a key file of either half for its public half.
pub(super) fn load_public(path: &Path) -> anyhow::Result<PublicKey> {
    match load(path)? {
        Key::Public(key) => Ok(key),
        Key::Private(key) => public(&key),
    }
}

fn parse(bytes: &[u8]) -> anyhow::Result<Key> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains("-----BEGIN ") => parse_pem(text),
        _ => parse_der(bytes),
    }
}

fn parse_pem(text: &str) -> anyhow::Result<Key> {
    let blocks = pem::decode(text).context("broken PEM")?;
    // openssl writes the curve in a block of its own before a SEC 1 key.
    let block = blocks
        .into_iter()
        .find(|block| block.label != "EC PARAMETERS");
    let mut block = block.context("no key in this PEM file")?;
    let key = match block.label.as_str() {
        "PRIVATE KEY" => pkcs8(&block.der),
        "EC PRIVATE KEY" => sec1(&block.der, None),
        "RSA PRIVATE KEY" => rsa_private(&block.der),
        "PUBLIC KEY" => public_info(&block.der),
        "RSA PUBLIC KEY" => rsa_public(&block.der),
        "ENCRYPTED PRIVATE KEY" => protected(&mut block.der),
        lms_key::LABEL => {
            LmsKey::parse(&block.der).map(|key| Key::Private(PrivateKey::Lms(Box::new(key))))
        }
        label => bail!("a {label} is not a key that images are signed with or encrypted for"),
    };
    wipe(&mut block.der);
    key
}

/// EncryptedPrivateKeyInfo (RFC 5958, section 3), decrypted in place.
fn protected(der: &mut [u8]) -> anyhow::Result<Key> {
    let (identifier, at, len) = {
        let mut reader = whole_sequence(der)?;
        let identifier: AnyRef<'_> = reader.decode().map_err(broken)?;
        let data: &OctetStringRef = reader.decode().map_err(broken)?;
        reader.finish().map_err(broken)?;
        let len = data.as_bytes().len();
        (element(0x30, identifier.value()), der.len() - len, len)
    };
    let data = &mut der[at..at + len];
    let len = password::open(&identifier, data)?;
    // A wrong password slips through CBC's padding once in 200 times.
    pkcs8(&data[..len]).context("the password is wrong, or the key is broken")
}

/// DER does not say what it is; the forms cannot be taken for each other.
fn parse_der(bytes: &[u8]) -> anyhow::Result<Key> {
    let mut reasons = Vec::new();
    type Form = fn(&[u8]) -> anyhow::Result<Key>;
    let forms: [Form; 5] = [public_info, pkcs8, rsa_public, rsa_private, |der| {
        sec1(der, None)
    }];
    for form in forms {
        match form(bytes) {
            Ok(key) => return Ok(key),
            Err(error) => reasons.push(error),
        }
    }
    // The reason that knew most about it: one that found a named, unsupported algorithm.
    let known = reasons
        .iter()
        .position(|reason| reason.is::<super::Usage>());
    Err(known.map_or_else(
        || anyhow::anyhow!("not a key (neither PEM nor DER of a known form)"),
        |at| reasons.swap_remove(at),
    ))
}

/// What an AlgorithmIdentifier says.
enum Algorithm {
    P256,
    P384,
    Ed25519,
    X25519,
    Rsa,
    Lms,
}

fn algorithm(fields: AnyRef<'_>) -> anyhow::Result<Algorithm> {
    let mut reader = sequence(fields)?;
    let oid: ObjectIdentifier = reader.decode().map_err(broken)?;
    match oid {
        EC_PUBLIC_KEY => curve(reader.decode().map_err(broken)?),
        RSA_ENCRYPTION => Ok(Algorithm::Rsa),
        ID_ED25519 => Ok(Algorithm::Ed25519),
        ID_X25519 => Ok(Algorithm::X25519),
        ID_LMS => Ok(Algorithm::Lms),
        other => Err(super::usage(format!(
            "keys of algorithm {other} are not supported"
        ))),
    }
}

fn curve(oid: ObjectIdentifier) -> anyhow::Result<Algorithm> {
    match oid {
        CURVE_P256 => Ok(Algorithm::P256),
        CURVE_P384 => Ok(Algorithm::P384),
        other => Err(super::usage(format!(
            "keys on curve {other} are not supported"
        ))),
    }
}

fn broken(error: der::Error) -> anyhow::Error {
    anyhow::anyhow!("broken DER ({error})")
}

/// The fields of a sequence.
fn sequence(any: AnyRef<'_>) -> anyhow::Result<SliceReader<'_>> {
    if any.tag() != Tag::Sequence {
        bail!("broken DER (a sequence was expected)");
    }
    SliceReader::new(any.value()).map_err(broken)
}

/// The fields of a sequence that must be all of `der`.
fn whole_sequence(der: &[u8]) -> anyhow::Result<SliceReader<'_>> {
    let mut reader = SliceReader::new(der).map_err(broken)?;
    let any = reader.decode().map_err(broken)?;
    reader.finish().map_err(broken)?;
    sequence(any)
}

fn pkcs8(der: &[u8]) -> anyhow::Result<Key> {
    let mut reader = whole_sequence(der)?;
    let version: u8 = reader.decode().map_err(broken)?;
    if version > 1 {
        bail!("PKCS#8 version {version} is unknown");
    }
    let algorithm = algorithm(reader.decode().map_err(broken)?)?;
    let key: &OctetStringRef = reader.decode().map_err(broken)?;
    match algorithm {
        Algorithm::P256 => sec1(key.as_bytes(), Some(CURVE_P256)),
        Algorithm::P384 => sec1(key.as_bytes(), Some(CURVE_P384)),
        Algorithm::Rsa => rsa_private(key.as_bytes()),
        Algorithm::Ed25519 => {
            let seed = inner_secret(key.as_bytes())?;
            Ok(Key::Private(PrivateKey::Ed25519(
                Ed25519PrivateKey::from_seed(&seed),
            )))
        }
        Algorithm::Lms => {
            bail!("LMS private keys of other programs are not taken: their state stays with them")
        }
        Algorithm::X25519 => Ok(Key::Private(PrivateKey::X25519(
            X25519PrivateKey::from_bytes(inner_secret(key.as_bytes())?),
        ))),
    }
}

/// CurvePrivateKey (RFC 8410, section 7): an octet string in the octet string.
fn inner_secret(key: &[u8]) -> anyhow::Result<Secret<32>> {
    let mut reader = SliceReader::new(key).map_err(broken)?;
    let secret: &OctetStringRef = reader.decode().map_err(broken)?;
    reader.finish().map_err(broken)?;
    Secret::from_slice(secret.as_bytes()).context("not a private key of 32 bytes")
}

/// ECPrivateKey; the curve stands in it unless the PKCS#8 around it said so.
fn sec1(der: &[u8], curve_outside: Option<ObjectIdentifier>) -> anyhow::Result<Key> {
    let mut reader = whole_sequence(der)?;
    let version: u8 = reader.decode().map_err(broken)?;
    let scalar: &OctetStringRef = reader.decode().map_err(broken)?;
    let mut curve_inside = None;
    while !reader.is_finished() {
        let field: AnyRef<'_> = reader.decode().map_err(broken)?;
        let parameters = TagNumber(0);
        if matches!(field.tag(), Tag::ContextSpecific { number, .. } if number == parameters) {
            let mut inner = SliceReader::new(field.value()).map_err(broken)?;
            curve_inside = Some(inner.decode().map_err(broken)?);
        }
    }
    let curve = curve(
        curve_inside
            .or(curve_outside)
            .context("an EC key without its curve")?,
    )?;
    if version != 1 {
        bail!("an EC key of unknown version");
    }
    let scalar = scalar.as_bytes();
    let key = match curve {
        Algorithm::P384 => Secret::from_slice(scalar)
            .and_then(|scalar| P384PrivateKey::from_bytes(&scalar).ok())
            .map(PrivateKey::P384),
        _ => Secret::from_slice(scalar)
            .and_then(|scalar| P256PrivateKey::from_bytes(&scalar).ok())
            .map(PrivateKey::P256),
    };
    Ok(Key::Private(key.context("not a key of its curve")?))
}

fn rsa_private(der: &[u8]) -> anyhow::Result<Key> {
    let key = RsaPrivateKey::from_pkcs1_der(der)
        .map_err(|_| anyhow::anyhow!("not an RSA key of 2048 or 3072 bits with two primes"))?;
    Ok(Key::Private(PrivateKey::Rsa(Box::new(key))))
}

fn rsa_public(der: &[u8]) -> anyhow::Result<Key> {
    let key = RsaPublicKey::from_pkcs1_der(der)
        .map_err(|_| anyhow::anyhow!("not an RSA key of 2048 or 3072 bits"))?;
    Ok(Key::Public(PublicKey {
        kind: Kind::of_rsa(key.size()),
        der: der.to_vec(),
    }))
}

fn public_info(der: &[u8]) -> anyhow::Result<Key> {
    let mut reader = whole_sequence(der)?;
    let algorithm = algorithm(reader.decode().map_err(broken)?)?;
    let bits: AnyRef<'_> = reader.decode().map_err(broken)?;
    if bits.tag() != Tag::BitString {
        bail!("broken DER (a bit string was expected)");
    }
    let Some((0, key)) = bits
        .value()
        .split_first()
        .map(|(unused, key)| (*unused, key))
    else {
        bail!("broken DER (bits left over)");
    };
    let (kind, der) = match algorithm {
        Algorithm::Rsa => return rsa_public(key),
        Algorithm::P256 => {
            P256PublicKey::from_sec1(key)
                .map_err(|_| anyhow::anyhow!("not an uncompressed point of P-256"))?;
            (&P256, [P256_PREFIX, key].concat())
        }
        Algorithm::P384 => {
            P384PublicKey::from_sec1(key)
                .map_err(|_| anyhow::anyhow!("not an uncompressed point of P-384"))?;
            (&P384, [P384_PREFIX, key].concat())
        }
        Algorithm::X25519 if key.len() == 32 => (&X25519, [X25519_PREFIX, key].concat()),
        Algorithm::X25519 => bail!("not an X25519 key"),
        Algorithm::Lms => {
            HssPublicKey::from_bytes(key)
                .map_err(|_| anyhow::anyhow!("not an HSS/LMS key with SHA-256 and 32 bytes"))?;
            (&LMS, [LMS_PREFIX, key].concat())
        }
        Algorithm::Ed25519 => {
            let point = key.try_into().ok().map(Ed25519PublicKey::from_bytes);
            if !matches!(point, Some(Ok(_))) {
                bail!("not an Ed25519 key");
            }
            (&ED25519, [ED25519_PREFIX, key].concat())
        }
    };
    Ok(Key::Public(PublicKey { kind, der }))
}

/// The public half of a private key.
pub(super) fn public(key: &PrivateKey) -> anyhow::Result<PublicKey> {
    let der = match key {
        PrivateKey::P256(key) => [P256_PREFIX, &key.public().to_sec1()].concat(),
        PrivateKey::P384(key) => [P384_PREFIX, &key.public().to_sec1()].concat(),
        PrivateKey::X25519(key) => [X25519_PREFIX, &key.public()].concat(),
        PrivateKey::Ed25519(key) => [ED25519_PREFIX, &key.public().to_bytes()].concat(),
        PrivateKey::Lms(key) => [LMS_PREFIX, &key.public().to_bytes()].concat(),
        PrivateKey::Rsa(key) => {
            let public = key.public().map_err(|error| anyhow::anyhow!("{error:?}"))?;
            let mut der = [0; MAX_PUBLIC_DER_LEN];
            let len = public.to_pkcs1_der(&mut der);
            der[..len].to_vec()
        }
    };
    Ok(PublicKey {
        kind: key.kind(),
        der,
    })
}

/// A public key as PEM; RSA keys too as SubjectPublicKeyInfo.
pub(super) fn public_pem(key: &PublicKey) -> String {
    if key.kind.symbol != "rsa" {
        return pem::encode("PUBLIC KEY", &key.der);
    }
    let bits = element(0x03, &[&[0], &key.der[..]].concat());
    pem::encode(
        "PUBLIC KEY",
        &element(0x30, &[RSA_ALGORITHM, &bits].concat()),
    )
}

/// A private key as PEM, PKCS#8; under a password if there is one.
pub(super) fn private_pem(key: &PrivateKey, password: Option<&[u8]>) -> anyhow::Result<String> {
    let mut der = private_der(key)?;
    let text = match password {
        None => pem::encode("PRIVATE KEY", &der),
        Some(password) => {
            let (identifier, mut sealed) = password::seal(password, &der)?;
            let data = element(0x04, &sealed);
            wipe(&mut sealed);
            pem::encode(
                "ENCRYPTED PRIVATE KEY",
                &element(0x30, &[&identifier[..], &data].concat()),
            )
        }
    };
    wipe(&mut der);
    Ok(text)
}

fn private_der(key: &PrivateKey) -> anyhow::Result<Vec<u8>> {
    Ok(match key {
        PrivateKey::Lms(_) => bail!("an LMS private key stays in its file"),
        PrivateKey::Ed25519(key) => {
            let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
            key.to_seed().expose(|seed| [&head[..], seed].concat())
        }
        PrivateKey::X25519(key) => {
            let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20";
            key.expose(|scalar| [&head[..], scalar].concat())
        }
        // SEQUENCE { 0, algorithm, OCTET STRING { SEQUENCE { 1, scalar, [1] point } } }
        PrivateKey::P256(key) => {
            let head = b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
                \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\x01\x01\x04\x20";
            let point = key.public().to_sec1();
            key.to_bytes()
                .expose(|scalar| [&head[..], scalar, b"\xa1\x44\x03\x42\x00", &point].concat())
        }
        PrivateKey::P384(key) => {
            let head = b"\x30\x81\xb6\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
                \x06\x05\x2b\x81\x04\x00\x22\x04\x81\x9e\x30\x81\x9b\x02\x01\x01\x04\x30";
            let point = key.public().to_sec1();
            key.to_bytes()
                .expose(|scalar| [&head[..], scalar, b"\xa1\x64\x03\x62\x00", &point].concat())
        }
        PrivateKey::Rsa(key) => {
            let mut buffer = Secret::<MAX_PRIVATE_DER_LEN>::zeroed();
            let len = key.to_pkcs1_der(&mut buffer);
            buffer.expose(|bytes| {
                let inner = element(0x04, &bytes[..len]);
                element(0x30, &[b"\x02\x01\x00", RSA_ALGORITHM, &inner].concat())
            })
        }
    })
}

/// One DER element. Lengths here are below 65536.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match content.len() {
        len @ 0..=0x7f => der.push(len as u8),
        len @ 0x80..=0xff => der.extend([0x81, len as u8]),
        len => der.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    der.extend_from_slice(content);
    der
}
