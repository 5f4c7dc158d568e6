//! Certificates: written and signed; an authority's read for what goes into those that it issues.

use super::signing_key::{SigningKey, generator};
use super::subject_key::{SubjectKey, broken, fields, identifier};
use super::{der, name};
use crate::image::pem;
use ::der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UtcTime};
use ::der::{DateTime, Encode as _, Reader, SliceReader, Tag, Tagged};
use anyhow::{Context, Result, anyhow, bail};
use std::time::{Duration, SystemTime};

/// 99991231235959Z: "no well-defined expiration" (RFC 5280, section 4.1.2.5).
const NEVER: [u8; 17] = *b"\x18\x0f99991231235959Z";
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a certificate says.
pub(crate) struct Content<'a> {
    /// Up to 20 bytes.
    pub(crate) serial: &'a [u8],
    /// A Name.
    pub(crate) subject: &'a [u8],
    pub(crate) key: &'a SubjectKey,
    /// From now; `None`: for ever.
    pub(crate) days: Option<u32>,
    /// Extensions.
    pub(crate) extensions: &'a [u8],
}

/// Who issues certificates.
pub(crate) struct Issuer {
    /// A Name.
    pub(crate) name: Vec<u8>,
    pub(crate) key_identifier: Vec<u8>,
    pub(crate) key: SigningKey,
}

impl Issuer {
    /// From the PEM text of the authority's certificate and its key.
    pub(crate) fn from_pem(certificate: &str, key: SigningKey) -> Result<Self> {
        let blocks = pem::decode(certificate).context("broken PEM")?;
        let block = blocks
            .into_iter()
            .find(|block| ["CERTIFICATE", "X509 CERTIFICATE"].contains(&block.label.as_str()))
            .context("no certificate in this file")?;
        let known = Known::read(&block.der)?;
        if known.key_info != key.public()?.info {
            bail!("the signing key is not the key of the issuer's certificate");
        }
        let key_identifier = match known.key_identifier {
            Some(identifier) => identifier,
            None => identifier(&known.key_info)?,
        };
        Ok(Self {
            name: known.subject,
            key_identifier,
            key,
        })
    }

    /// An authority without one above it; its own certificate is issued by it.
    pub(crate) fn root(name: Vec<u8>, key: SigningKey) -> Result<Self> {
        let key_identifier = key.public()?.identifier()?;
        Ok(Self {
            name,
            key_identifier,
            key,
        })
    }

    /// Writes a certificate (RFC 5280, section 4.1).
    pub(crate) fn issue(&self, content: &Content<'_>) -> Result<Vec<u8>> {
        let algorithm = self.key.algorithm();
        let version_3 = der::tagged(0, &der::integer(&[2]));
        let body = der::sequence(&[
            &version_3,
            &der::integer(content.serial),
            &algorithm,
            &self.name,
            &validity(content.days)?,
            content.subject,
            &content.key.info,
            &der::tagged(3, content.extensions),
        ]);
        let signature = self.key.sign(&body)?;
        Ok(der::sequence(&[
            &body,
            &algorithm,
            &der::bits(0, &signature),
        ]))
    }
}

/// A serial number that nobody can guess, 20 bytes, above zero.
pub(crate) fn random_serial() -> Result<[u8; 20]> {
    let mut serial = [0; 20];
    generator()?.fill(&mut serial);
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

fn validity(days: Option<u32>) -> Result<Vec<u8>> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let end = match days {
        None => NEVER.to_vec(),
        Some(days) => time(now + DAY * days)?,
    };
    Ok(der::sequence(&[&time(now)?, &end]))
}

/// UTCTime before 2050, GeneralizedTime from then on.
fn time(since_1970: Duration) -> Result<Vec<u8>> {
    let whole = Duration::from_secs(since_1970.as_secs());
    let time =
        DateTime::from_unix_duration(whole).map_err(|_| anyhow!("a time after the year 9999"))?;
    let mut buffer = [0; 32];
    let written = match UtcTime::from_date_time(time) {
        Ok(time) => time.encode_to_slice(&mut buffer),
        Err(_) => GeneralizedTime::from_date_time(time).encode_to_slice(&mut buffer),
    };
    Ok(written.map_err(broken)?.to_vec())
}

/// What is wanted of an authority's certificate.
struct Known {
    subject: Vec<u8>,
    key_info: Vec<u8>,
    key_identifier: Option<Vec<u8>>,
}

impl Known {
    fn read(certificate: &[u8]) -> Result<Self> {
        let mut outer = fields(certificate)?;
        let body: AnyRef<'_> = outer.decode().map_err(broken)?;
        let mut fields = SliceReader::new(body.value()).map_err(broken)?;
        let mut next = || -> Result<AnyRef<'_>> { fields.decode().map_err(broken) };
        let first = next()?;
        // The version is left out in certificates of version 1.
        if first.tag() != Tag::Integer {
            let _serial = next()?;
        }
        let (_algorithm, _issuer, _validity) = (next()?, next()?, next()?);
        let (subject, key_info) = (next()?, next()?);
        let mut key_identifier = None;
        while !fields.is_finished() {
            let field: AnyRef<'_> = fields.decode().map_err(broken)?;
            if field.tag().number().value() == 3 && field.tag().is_context_specific() {
                key_identifier = find_key_identifier(field.value())?;
            }
        }
        Ok(Self {
            subject: whole(subject)?,
            key_info: whole(key_info)?,
            key_identifier,
        })
    }
}

/// The SubjectKeyIdentifier among Extensions.
fn find_key_identifier(extensions: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut extensions = fields(extensions)?;
    while !extensions.is_finished() {
        let extension: AnyRef<'_> = extensions.decode().map_err(broken)?;
        let mut parts = SliceReader::new(extension.value()).map_err(broken)?;
        let identifier: ObjectIdentifier = parts.decode().map_err(broken)?;
        if identifier != SUBJECT_KEY_IDENTIFIER {
            continue;
        }
        let mut value: AnyRef<'_> = parts.decode().map_err(broken)?;
        if value.tag() == Tag::Boolean {
            value = parts.decode().map_err(broken)?;
        }
        let mut inner = SliceReader::new(value.value()).map_err(broken)?;
        let identifier: &OctetStringRef = inner.decode().map_err(broken)?;
        return Ok(Some(identifier.as_bytes().to_vec()));
    }
    Ok(None)
}

/// An element with its head.
fn whole(element: AnyRef<'_>) -> Result<Vec<u8>> {
    let mut buffer = vec![0; element.value().len() + 8];
    Ok(element
        .encode_to_slice(&mut buffer)
        .map_err(broken)?
        .to_vec())
}

/// The certificate of an authority; the root of a chain is its own issuer.
pub(crate) fn of_authority(own_name: &str, own: &SigningKey, issuer: &Issuer) -> Result<Vec<u8>> {
    let key = own.public()?;
    let subject = name::common_name(own_name);
    let own_identifier = key.identifier()?;
    let above = (own_identifier != issuer.key_identifier).then_some(&*issuer.key_identifier);
    issuer.issue(&Content {
        serial: &random_serial()?,
        subject: &subject,
        key: &key,
        days: None,
        extensions: &super::extensions::of_authority(&own_identifier, above),
    })
}
