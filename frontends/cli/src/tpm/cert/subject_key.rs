//! The public key that a certificate is about: from a PEM file, or from numbers.

use super::der;
use crate::image::pem;
use ::der::asn1::{AnyRef, ObjectIdentifier};
use ::der::{Reader, SliceReader};
use anyhow::{Context, Result, bail};
use ironroot_crypto::tpm::ec::{Curve, EcPoint};

pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Curves by the names that options have, and by their identifiers.
const CURVES: [(&str, ObjectIdentifier, Curve); 3] = [
    (
        "secp256r1",
        ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        Curve::P256,
    ),
    (
        "secp384r1",
        ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        Curve::P384,
    ),
    (
        "secp521r1",
        ObjectIdentifier::new_unwrap("1.3.132.0.35"),
        Curve::P521,
    ),
];

/// What a key can be used for depends on this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Rsa,
    Ecc,
}

/// A SubjectPublicKeyInfo.
pub(crate) struct SubjectKey {
    pub(crate) kind: Kind,
    pub(crate) info: Vec<u8>,
}

/// The curve of a name such as `secp256r1`.
pub(crate) fn curve_of_name(name: &str) -> Result<Curve> {
    let found = CURVES.iter().find(|(known, ..)| *known == name);
    found
        .map(|(.., curve)| *curve)
        .with_context(|| format!("Unsupported ECC curve id: {name}"))
}

/// The curve of an object identifier.
pub(super) fn curve_of_identifier(identifier: ObjectIdentifier) -> Result<Curve> {
    let found = CURVES.iter().find(|(_, known, _)| *known == identifier);
    found
        .map(|(.., curve)| *curve)
        .with_context(|| format!("keys on curve {identifier} are not supported"))
}

impl SubjectKey {
    /// From an RSA modulus and exponent.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let key = der::sequence(&[&der::integer(modulus), &der::integer(exponent)]);
        let algorithm = der::sequence(&[&der::oid(RSA), &der::NULL]);
        Self {
            kind: Kind::Rsa,
            info: der::sequence(&[&algorithm, &der::bits(0, &key)]),
        }
    }

    /// From the coordinates of a point, which must be on the curve.
    pub(crate) fn ecc(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self> {
        let Ok(point) = EcPoint::new(curve, x, y) else {
            bail!("x and y are no point of the curve");
        };
        let identifier = CURVES.iter().find(|(.., known)| *known == curve);
        let (_, identifier, _) = identifier.context("a curve without a name")?;
        let algorithm = der::sequence(&[&der::oid(EC), &der::oid(*identifier)]);
        let point = [&[4], point.x(), point.y()].concat();
        Ok(Self {
            kind: Kind::Ecc,
            info: der::sequence(&[&algorithm, &der::bits(0, &point)]),
        })
    }

    /// From a PEM file with a public key.
    pub(crate) fn from_pem(text: &str) -> Result<Self> {
        let blocks = pem::decode(text).context("broken PEM")?;
        for block in blocks {
            match block.label.as_str() {
                "PUBLIC KEY" => return Self::from_info(block.der),
                "RSA PUBLIC KEY" => {
                    let (n, e) = rsa_numbers(&block.der)?;
                    return Ok(Self::rsa(&n, &e));
                }
                _ => {}
            }
        }
        bail!("no public key in this file")
    }

    fn from_info(info: Vec<u8>) -> Result<Self> {
        let identifier = {
            let mut fields = fields(&info)?;
            let algorithm: AnyRef<'_> = fields.decode().map_err(broken)?;
            SliceReader::new(algorithm.value())
                .and_then(|mut inner| inner.decode::<ObjectIdentifier>())
                .map_err(broken)?
        };
        let kind = match identifier {
            RSA => Kind::Rsa,
            EC => Kind::Ecc,
            other => bail!("keys of algorithm {other} are not supported"),
        };
        Ok(Self { kind, info })
    }

    /// The key identifier that most authorities use: SHA-1 of the key's bits (RFC 5280, section 4.2.1.2).
    pub(crate) fn identifier(&self) -> Result<Vec<u8>> {
        identifier(&self.info)
    }
}

/// The key identifier of a SubjectPublicKeyInfo.
pub(super) fn identifier(info: &[u8]) -> Result<Vec<u8>> {
    use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
    let mut fields = fields(info)?;
    let _algorithm: AnyRef<'_> = fields.decode().map_err(broken)?;
    let bits: AnyRef<'_> = fields.decode().map_err(broken)?;
    let key = bits.value().get(1..).context("an empty public key")?;
    Ok(digest(HashAlgorithm::Sha1, key).as_slice().to_vec())
}

/// The fields of a SEQUENCE that is all of `der`.
pub(super) fn fields(der: &[u8]) -> Result<SliceReader<'_>> {
    let mut reader = SliceReader::new(der).map_err(broken)?;
    let whole: AnyRef<'_> = reader.decode().map_err(broken)?;
    reader.finish().map_err(broken)?;
    SliceReader::new(whole.value()).map_err(broken)
}

/// The next INTEGER, without its sign.
pub(super) fn number(fields: &mut SliceReader<'_>) -> Result<Vec<u8>> {
    let number: AnyRef<'_> = fields.decode().map_err(broken)?;
    let value = number.value();
    let zeros = value.iter().take_while(|byte| **byte == 0).count();
    Ok(value[zeros..].to_vec())
}

/// Modulus and exponent of an RSAPublicKey.
fn rsa_numbers(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut fields = fields(der)?;
    Ok((number(&mut fields)?, number(&mut fields)?))
}

pub(super) fn broken(error: ::der::Error) -> anyhow::Error {
    anyhow::anyhow!("broken DER ({error})")
}
