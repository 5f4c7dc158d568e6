//! The private key that signs certificates: RSA or ECC in PEM, perhaps under a password.

use super::der;
use super::subject_key::{EC, RSA, SubjectKey, broken, curve_of_identifier, fields, number};
use crate::image::pem::{self, Block};
use ::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use ::der::{Encode as _, Reader, SliceReader, Tag, TagNumber, Tagged};
use anyhow::{Context, Result, anyhow, bail};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::rsa::{self, MAX_PRIVATE_DER_LEN};
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::rsa::{MAX_MODULUS_LEN, RsaPrivateKey, RsaPublicKey, SignatureScheme};
use ironroot_crypto::{Secret, password, wipe};
use ironroot_port_host::OsEntropy;

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// A key that signs.
pub(crate) enum SigningKey {
    Rsa(Box<(RsaPublicKey, RsaPrivateKey)>),
    Ecc(EcScalar),
}

/// Random numbers of the operating system.
pub(crate) fn generator() -> Result<Drbg> {
    Drbg::from_entropy(&mut OsEntropy, b"ironroot certificates")
        .map_err(|_| anyhow!("the operating system gives no random numbers"))
}

/// A new RSA key of 3072 bits, as PEM; under a password if there is one.
pub(crate) fn new_rsa_pem(password: Option<&[u8]>) -> Result<String> {
    let mut drbg = generator()?;
    let key = rsa::RsaPrivateKey::generate(rsa::RsaSize::Rsa3072, &mut drbg);
    let mut buffer = Secret::<MAX_PRIVATE_DER_LEN>::zeroed();
    let len = key.to_pkcs1_der(&mut buffer);
    let algorithm = der::sequence(&[&der::oid(RSA), &der::NULL]);
    let mut info = buffer.expose(|bytes| {
        let key = der::octets(&bytes[..len]);
        der::sequence(&[&der::integer(&[]), &algorithm, &key])
    });
    let text = match password {
        None => pem::encode("PRIVATE KEY", &info),
        Some(password) => sealed(&info, password, &mut drbg)?,
    };
    wipe(&mut info);
    Ok(text)
}

/// EncryptedPrivateKeyInfo (RFC 5958, section 3).
fn sealed(info: &[u8], password: &[u8], drbg: &mut Drbg) -> Result<String> {
    let mut data = info.to_vec();
    data.resize(info.len() + password::MAX_PADDING, 0);
    let mut identifier = [0; password::MAX_IDENTIFIER];
    let (len, identifier_len) =
        password::seal(password, drbg, &mut data, info.len(), &mut identifier)
            .map_err(|_| anyhow!("the key cannot be encrypted"))?;
    let der = der::sequence(&[&identifier[..identifier_len], &der::octets(&data[..len])]);
    Ok(pem::encode("ENCRYPTED PRIVATE KEY", &der))
}

impl SigningKey {
    /// Reads a key from the text of a PEM file.
    pub(crate) fn from_pem(text: &str, password: Option<&[u8]>) -> Result<Self> {
        if text.contains("Proc-Type:") {
            bail!(
                "the key is encrypted in the way of old OpenSSL; `openssl pkcs8 -topk8` makes a file \
                 that can be read"
            );
        }
        let blocks = pem::decode(text).context("broken PEM")?;
        for mut block in blocks {
            let key = Self::from_block(&mut block, password).transpose();
            wipe(&mut block.der);
            if let Some(key) = key {
                return key;
            }
        }
        bail!("no private key in this file")
    }

    /// `None`: the block is something else.
    fn from_block(block: &mut Block, password: Option<&[u8]>) -> Result<Option<Self>> {
        let key = match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&block.der),
            "RSA PRIVATE KEY" => Self::from_pkcs1(&block.der),
            "EC PRIVATE KEY" => Self::from_sec1(&block.der, None),
            "ENCRYPTED PRIVATE KEY" => {
                let password =
                    password.context("the key is under a password, and none was given")?;
                open(&mut block.der, password)
            }
            _ => return Ok(None),
        };
        key.map(Some)
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let mut fields = fields(der)?;
        let _version = number(&mut fields)?;
        let algorithm: AnyRef<'_> = fields.decode().map_err(broken)?;
        let key: &OctetStringRef = fields.decode().map_err(broken)?;
        let mut algorithm = SliceReader::new(algorithm.value()).map_err(broken)?;
        match algorithm.decode::<ObjectIdentifier>().map_err(broken)? {
            RSA => Self::from_pkcs1(key.as_bytes()),
            EC => {
                let curve = algorithm.decode().map_err(broken)?;
                Self::from_sec1(key.as_bytes(), Some(curve_of_identifier(curve)?))
            }
            other => bail!("keys of algorithm {other} do not sign certificates here"),
        }
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self> {
        let mut fields = fields(der)?;
        let _version = number(&mut fields)?;
        let (n, e) = (number(&mut fields)?, number(&mut fields)?);
        let mut d = number(&mut fields)?;
        let mut p = number(&mut fields)?;
        wipe(&mut d);
        let exponent = e.iter().try_fold(0_u32, |sum, byte| {
            sum.checked_mul(256)?.checked_add(u32::from(*byte))
        });
        let public = exponent
            .and_then(|exponent| RsaPublicKey::new(&n, exponent).ok())
            .context("not an RSA key of 1024, 2048, 3072 or 4096 bits")?;
        let private = RsaPrivateKey::from_prime(&public, &p);
        wipe(&mut p);
        let private = private.map_err(|_| anyhow!("not an RSA key of two primes"))?;
        Ok(Self::Rsa(Box::new((public, private))))
    }

    /// ECPrivateKey (RFC 5915); the curve is in it unless what is around it said so.
    fn from_sec1(der: &[u8], outside: Option<Curve>) -> Result<Self> {
        let mut fields = fields(der)?;
        let _version = number(&mut fields)?;
        let scalar: &OctetStringRef = fields.decode().map_err(broken)?;
        let mut curve = outside;
        while !fields.is_finished() {
            let field: AnyRef<'_> = fields.decode().map_err(broken)?;
            if matches!(field.tag(), Tag::ContextSpecific { number, .. } if number == TagNumber(0))
            {
                let mut inner = SliceReader::new(field.value()).map_err(broken)?;
                curve = Some(curve_of_identifier(inner.decode().map_err(broken)?)?);
            }
        }
        let curve = curve.context("an EC key without its curve")?;
        EcScalar::new(curve, scalar.as_bytes())
            .map(Self::Ecc)
            .map_err(|_| anyhow!("not a private key of its curve"))
    }

    /// The public half.
    pub(crate) fn public(&self) -> Result<SubjectKey> {
        match self {
            Self::Rsa(key) => {
                let public = &key.0;
                let exponent = public.exponent().to_be_bytes();
                Ok(SubjectKey::rsa(public.modulus(), &exponent))
            }
            Self::Ecc(scalar) => {
                let point = scalar.public().map_err(|_| anyhow!("not a private key"))?;
                SubjectKey::ecc(scalar.curve(), point.x(), point.y())
            }
        }
    }

    /// The AlgorithmIdentifier of its signatures.
    pub(crate) fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) => der::sequence(&[&der::oid(SHA256_WITH_RSA), &der::NULL]),
            Self::Ecc(_) => der::sequence(&[&der::oid(ECDSA_WITH_SHA256)]),
        }
    }

    /// A signature by SHA-256, as certificates have it.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let hash = HashAlgorithm::Sha256;
        let digest = digest(hash, message);
        let mut drbg = generator()?;
        let failed = |_| anyhow!("the key does not sign");
        match self {
            Self::Rsa(key) => {
                let (public, private) = &**key;
                let mut out = [0; MAX_MODULUS_LEN];
                let out = &mut out[..public.size().modulus_len()];
                private
                    .sign(
                        SignatureScheme::Pkcs1 { hash },
                        digest.as_slice(),
                        &mut drbg,
                        out,
                    )
                    .map_err(failed)?;
                Ok(out.to_vec())
            }
            Self::Ecc(scalar) => {
                let signature = scalar.sign(digest.as_slice(), &mut drbg).map_err(failed)?;
                let (r, s) = (der::integer(signature.r()), der::integer(signature.s()));
                Ok(der::sequence(&[&r, &s]))
            }
        }
    }
}

/// EncryptedPrivateKeyInfo, decrypted in place.
fn open(der: &mut [u8], password: &[u8]) -> Result<SigningKey> {
    let (identifier, len) = {
        let mut fields = fields(der)?;
        let identifier: AnyRef<'_> = fields.decode().map_err(broken)?;
        let data: &OctetStringRef = fields.decode().map_err(broken)?;
        let mut buffer = vec![0; identifier.value().len() + 8];
        let identifier = identifier.encode_to_slice(&mut buffer).map_err(broken)?;
        (identifier.to_vec(), data.as_bytes().len())
    };
    let from = der.len() - len;
    let data = &mut der[from..];
    let len = password::open(&identifier, password, data).map_err(|error| match error {
        ironroot_crypto::CryptoError::Encoding => {
            anyhow!("the key is under a password by a method that is not supported")
        }
        _ => anyhow!("the password of the key is wrong"),
    })?;
    // A wrong password passes the padding's check once in 200 times.
    SigningKey::from_pkcs8(&data[..len])
        .context("the password of the key is wrong, or the key broken")
}
