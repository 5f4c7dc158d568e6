//! A primary key straight from seed and template bytes: for who is no TPM and must know what one will make, a
//! factory or a test.
//!
//! Reads a TPMT_PUBLIC (TPM 2.0 Part 2, "TPMT_PUBLIC") only as far as the numbers of the key depend on it. A TPM
//! has parsed its template already and goes to [`KeySource`] itself; both must take the same from it.

use ironroot_codec::Cursor;

use super::ec::{Curve, EcScalar};
use super::hash::HashAlgorithm;
#[cfg(feature = "tpm-rsa")]
use super::rsa::{RsaSearch, RsaSize};
use super::source::{KeySource, Purpose};
use crate::{CryptoError, Secret};

/// The longest key that follows from a seed as bytes: an HMAC key as long as a digest.
pub const MAX_KEY_LEN: usize = 64;

/// What a template asks for, with the numbers that follow from the seed.
// One at a time exists; a box would need a heap.
#[allow(
    clippy::large_enum_variant,
    reason = "not large without the feature tpm-rsa"
)]
pub enum PrimaryKey {
    /// An RSA key: the search for it.
    #[cfg(feature = "tpm-rsa")]
    Rsa(RsaSearch),
    /// A private key on a curve.
    Ecc(EcScalar),
    /// The key of a keyed-hash or a symmetric object, in the first bytes.
    Bytes {
        /// The key, and zeros.
        key: Secret<MAX_KEY_LEN>,
        /// Its length.
        len: usize,
    },
}

/// A primary key, and the seed value beside it.
pub struct Primary {
    /// The key.
    pub key: PrimaryKey,
    /// The seed value of the sensitive area, in the first bytes. Asymmetric keys that are no parents have none;
    /// whether this one is used is for the template's attributes to say.
    pub seed_value: Secret<MAX_KEY_LEN>,
    /// The seed value's length: that of the name algorithm's digest.
    pub seed_value_len: usize,
}

/// The primary key that a template makes under a seed, for the hierarchy with that handle.
///
/// `data` is the caller's sensitive data, empty as a rule. [`CryptoError::Encoding`] for bytes that are no template;
/// [`CryptoError::InvalidKey`] for what is not built here.
pub fn primary(
    seed: &[u8],
    hierarchy: u32,
    template: &[u8],
    data: &[u8],
) -> Result<Primary, CryptoError> {
    let source = KeySource::derived(seed, hierarchy, template, data);
    let mut input = Cursor::new(template);
    let object_type = number(&mut input)?;
    let name_algorithm = hash(number(&mut input)?)?;
    // Attributes, then the policy's digest.
    skip(&mut input, 4)?;
    skip_sized(&mut input)?;
    let key = match object_type {
        TYPE_RSA => rsa(&source, &mut input)?,
        TYPE_ECC => ecc(&source, &mut input)?,
        TYPE_KEYEDHASH => keyed_hash(&source, name_algorithm, &mut input)?,
        TYPE_SYMCIPHER => symmetric(&source, &mut input)?,
        _ => return Err(CryptoError::InvalidKey),
    };
    if !input.is_empty() {
        return Err(CryptoError::Encoding);
    }
    let (seed_value, seed_value_len) =
        derived_bytes(&source, Purpose::SeedValue, name_algorithm.digest_len())?;
    Ok(Primary {
        key,
        seed_value,
        seed_value_len,
    })
}

// TPM_ALG_ID (TPM 2.0 Part 2, table "TPM_ALG_ID").
const TYPE_RSA: u16 = 0x0001;
const ALG_HMAC: u16 = 0x0005;
const ALG_AES: u16 = 0x0006;
const TYPE_KEYEDHASH: u16 = 0x0008;
const ALG_XOR: u16 = 0x000a;
const ALG_NULL: u16 = 0x0010;
const ALG_SM4: u16 = 0x0013;
const ALG_RSAES: u16 = 0x0015;
const ALG_ECDAA: u16 = 0x001a;
const TYPE_ECC: u16 = 0x0023;
const TYPE_SYMCIPHER: u16 = 0x0025;

fn hash(algorithm: u16) -> Result<HashAlgorithm, CryptoError> {
    match algorithm {
        #[cfg(feature = "tpm-sha1")]
        0x0004 => Ok(HashAlgorithm::Sha1),
        0x000b => Ok(HashAlgorithm::Sha256),
        0x000c => Ok(HashAlgorithm::Sha384),
        0x000d => Ok(HashAlgorithm::Sha512),
        #[cfg(feature = "tpm-sm")]
        0x0012 => Ok(HashAlgorithm::Sm3),
        #[cfg(feature = "tpm-sha3")]
        0x0027 => Ok(HashAlgorithm::Sha3_256),
        #[cfg(feature = "tpm-sha3")]
        0x0028 => Ok(HashAlgorithm::Sha3_384),
        #[cfg(feature = "tpm-sha3")]
        0x0029 => Ok(HashAlgorithm::Sha3_512),
        _ => Err(CryptoError::InvalidKey),
    }
}

#[cfg(feature = "tpm-rsa")]
fn rsa(source: &KeySource, input: &mut Cursor<'_>) -> Result<PrimaryKey, CryptoError> {
    skip_symmetric(input)?;
    skip_scheme(input)?;
    let size = RsaSize::from_bits(number(input)?).ok_or(CryptoError::InvalidKey)?;
    let (high, low) = (number(input)?, number(input)?);
    skip_sized(input)?;
    let exponent = u32::from(high) << 16 | u32::from(low);
    source.rsa_search(size, exponent).map(PrimaryKey::Rsa)
}

#[cfg(not(feature = "tpm-rsa"))]
fn rsa(_: &KeySource, _: &mut Cursor<'_>) -> Result<PrimaryKey, CryptoError> {
    Err(CryptoError::InvalidKey)
}

fn ecc(source: &KeySource, input: &mut Cursor<'_>) -> Result<PrimaryKey, CryptoError> {
    skip_symmetric(input)?;
    skip_scheme(input)?;
    let curve = match number(input)? {
        0x0002 => Curve::P224,
        0x0003 => Curve::P256,
        0x0004 => Curve::P384,
        0x0005 => Curve::P521,
        0x0010 => Curve::BnP256,
        0x0020 => Curve::Sm2P256,
        _ => return Err(CryptoError::InvalidKey),
    };
    skip_scheme(input)?;
    skip_sized(input)?;
    skip_sized(input)?;
    source.ec_scalar(curve).map(PrimaryKey::Ecc)
}

/// As long as the digest of the scheme's hash, or of the name algorithm's without a scheme.
fn keyed_hash(
    source: &KeySource,
    name_algorithm: HashAlgorithm,
    input: &mut Cursor<'_>,
) -> Result<PrimaryKey, CryptoError> {
    let algorithm = match number(input)? {
        ALG_NULL => name_algorithm,
        ALG_HMAC => hash(number(input)?)?,
        ALG_XOR => {
            let algorithm = hash(number(input)?)?;
            skip(input, 2)?;
            algorithm
        }
        _ => return Err(CryptoError::InvalidKey),
    };
    skip_sized(input)?;
    let (key, len) = derived_bytes(source, Purpose::KeyedHashKey, algorithm.digest_len())?;
    Ok(PrimaryKey::Bytes { key, len })
}

fn symmetric(source: &KeySource, input: &mut Cursor<'_>) -> Result<PrimaryKey, CryptoError> {
    let (cipher, bits) = (number(input)?, number(input)?);
    skip(input, 2)?;
    skip_sized(input)?;
    let len = match (cipher, bits) {
        (ALG_AES | ALG_SM4, 128) => 16,
        (ALG_AES, 192) => 24,
        (ALG_AES, 256) => 32,
        _ => return Err(CryptoError::InvalidKey),
    };
    let (key, len) = derived_bytes(source, Purpose::SymmetricKey, len)?;
    Ok(PrimaryKey::Bytes { key, len })
}

fn derived_bytes(
    source: &KeySource,
    purpose: Purpose,
    len: usize,
) -> Result<(Secret<MAX_KEY_LEN>, usize), CryptoError> {
    let mut bytes = Secret::zeroed();
    bytes.expose_mut(|bytes: &mut [u8; MAX_KEY_LEN]| {
        let out = bytes.get_mut(..len).ok_or(CryptoError::DataLength)?;
        source.fill(purpose, out);
        Ok((Secret::new(*bytes), len))
    })
}

/// TPMT_SYM_DEF_OBJECT: an algorithm, and key bits and mode unless it is none.
fn skip_symmetric(input: &mut Cursor<'_>) -> Result<(), CryptoError> {
    if number(input)? == ALG_NULL {
        return Ok(());
    }
    skip(input, 4)
}

/// A scheme or a key derivation: an algorithm, and its hash unless it has none.
fn skip_scheme(input: &mut Cursor<'_>) -> Result<(), CryptoError> {
    match number(input)? {
        ALG_NULL | ALG_RSAES => Ok(()),
        // A counter follows the hash.
        ALG_ECDAA => skip(input, 4),
        _ => skip(input, 2),
    }
}

fn number(input: &mut Cursor<'_>) -> Result<u16, CryptoError> {
    input.u16_be().map_err(|_| CryptoError::Encoding)
}

fn skip(input: &mut Cursor<'_>, len: usize) -> Result<(), CryptoError> {
    input
        .take(len)
        .map(|_| ())
        .map_err(|_| CryptoError::Encoding)
}

fn skip_sized(input: &mut Cursor<'_>) -> Result<(), CryptoError> {
    let len = number(input)?;
    skip(input, usize::from(len))
}
