//! One measured software component: how MCUboot's boot record carries it, and how the token does.
//!
//! Both are the same CBOR map (RFC 9783, Software Components; imgtool's boot record): 1 measurement
//! type, 2 measurement value, 4 version, 5 signer id, 6 measurement description (the hash's name).

use crate::cbor::{self, Malformed};
use crate::encode::Encoder;
use minicbor::Decoder;

/// Why a software component or boot record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentError {
    /// Not one well-formed, definite-length map of the expected types, or a key twice.
    Malformed,
    /// The measurement value is missing, or is no hash of 32, 48 or 64 bytes.
    Measurement,
    /// The signer id is missing, or is no hash of 32, 48 or 64 bytes.
    Signer,
}

impl From<Malformed> for ComponentError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<minicbor::decode::Error> for ComponentError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// One entry of the token's list of measured software.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftwareComponent<'a> {
    /// Role or name of the component (key 1).
    pub measurement_type: Option<&'a str>,
    /// Hash of the component: 32, 48 or 64 bytes (key 2).
    pub measurement_value: &'a [u8],
    /// Version as text (key 4).
    pub version: Option<&'a str>,
    /// Hash of the key that signed the component: 32, 48 or 64 bytes (key 5).
    pub signer_id: &'a [u8],
    /// Name of the hash of `measurement_value`, as in the boot record ("SHA256") (key 6).
    pub measurement_description: Option<&'a str>,
}

/// Whether `bytes` has the length of a hash the profile allows (psa-hash-type).
const fn is_hash(bytes: &[u8]) -> bool {
    matches!(bytes.len(), 32 | 48 | 64)
}

impl<'a> SoftwareComponent<'a> {
    /// Reads the CBOR boot record that the bootloader left in the shared data area
    /// (attestation claim 0x3f of one software module).
    ///
    /// # Errors
    /// [`ComponentError`] when it is not exactly one map with a measurement and a signer.
    pub fn from_boot_record(record: &'a [u8]) -> Result<Self, ComponentError> {
        let mut decoder = Decoder::new(record);
        let component = Self::read(&mut decoder)?;
        cbor::finished(&decoder)?;
        Ok(component)
    }

    /// Whether both hashes have a length that the profile allows.
    pub(crate) const fn is_valid(&self) -> bool {
        is_hash(self.measurement_value) && is_hash(self.signer_id)
    }

    pub(crate) fn read(decoder: &mut Decoder<'a>) -> Result<Self, ComponentError> {
        let (mut kind, mut value, mut version, mut signer, mut description) =
            (None, None, None, None, None);
        for _ in 0..cbor::map(decoder)? {
            match cbor::integer_key(decoder)? {
                Some(1) => once(&mut kind, decoder.str()?)?,
                Some(2) => once(&mut value, decoder.bytes()?)?,
                Some(4) => once(&mut version, decoder.str()?)?,
                Some(5) => once(&mut signer, decoder.bytes()?)?,
                Some(6) => once(&mut description, decoder.str()?)?,
                _ => cbor::skip(decoder)?,
            }
        }
        Ok(Self {
            measurement_type: kind,
            measurement_value: value
                .filter(|hash| is_hash(hash))
                .ok_or(ComponentError::Measurement)?,
            version,
            signer_id: signer
                .filter(|hash| is_hash(hash))
                .ok_or(ComponentError::Signer)?,
            measurement_description: description,
        })
    }

    /// Writes the map with its keys in ascending order: RFC 8949, deterministic encoding.
    pub(crate) fn write(&self, encoder: &mut Encoder<'_>) {
        let optional = [
            self.measurement_type,
            self.version,
            self.measurement_description,
        ];
        encoder.map(optional.iter().flatten().count().saturating_add(2));
        text_under(1, self.measurement_type, encoder);
        encoder.integer(2);
        encoder.bytes(self.measurement_value);
        text_under(4, self.version, encoder);
        encoder.integer(5);
        encoder.bytes(self.signer_id);
        text_under(6, self.measurement_description, encoder);
    }
}

fn text_under(key: i32, text: Option<&str>, encoder: &mut Encoder<'_>) {
    if let Some(text) = text {
        encoder.integer(key);
        encoder.text(text);
    }
}

/// Takes a value for a key that may come once.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed),
    }
}

/// The software components of a parsed token, in its order.
#[derive(Debug, Clone)]
pub struct SoftwareComponents<'a> {
    items: Decoder<'a>,
    left: u64,
}

impl<'a> SoftwareComponents<'a> {
    /// No components at all.
    pub(crate) fn none() -> Self {
        Self {
            items: Decoder::new(&[]),
            left: 0,
        }
    }

    /// Reads the array whole once, so that iterating cannot fail, and leaves `decoder` after it.
    pub(crate) fn read(decoder: &mut Decoder<'a>) -> Result<Self, ComponentError> {
        let left = cbor::array(decoder)?;
        let items = decoder.clone();
        for _ in 0..left {
            SoftwareComponent::read(decoder)?;
        }
        Ok(Self { items, left })
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'a> Iterator for SoftwareComponents<'a> {
    type Item = SoftwareComponent<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        SoftwareComponent::read(&mut self.items).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    // Made by Python's cbor2, as imgtool does: {1: "SPE", 4: "1.2.3", 5: 32 × 0xaa, 6: "SHA256", 2: 32 × 0xbb}
    fn imgtool_record() -> Vec<u8> {
        let mut record = std::vec![0xa5, 0x01, 0x63];
        record.extend(b"SPE\x04\x651.2.3\x05\x58\x20");
        record.extend([0xaa; 32]);
        record.extend(b"\x06\x66SHA256\x02\x58\x20");
        record.extend([0xbb; 32]);
        record
    }

    #[test]
    fn a_boot_record_of_imgtool_is_read() {
        let record = imgtool_record();
        let component = SoftwareComponent::from_boot_record(&record).unwrap();
        assert_eq!(component.measurement_type, Some("SPE"));
        assert_eq!(component.version, Some("1.2.3"));
        assert_eq!(component.measurement_description, Some("SHA256"));
        assert_eq!(component.signer_id, [0xaa; 32]);
        assert_eq!(component.measurement_value, [0xbb; 32]);
    }

    #[test]
    fn a_boot_record_cut_anywhere_or_followed_by_anything_is_refused() {
        let record = imgtool_record();
        for len in 0..record.len() {
            assert!(
                SoftwareComponent::from_boot_record(&record[..len]).is_err(),
                "{len}"
            );
        }
        let mut longer = record;
        longer.push(0);
        assert!(SoftwareComponent::from_boot_record(&longer).is_err());
    }

    #[test]
    fn missing_short_or_doubled_hashes_are_refused() {
        let hash = |key: u8, len: u8| {
            let mut item = std::vec![key, 0x58, len];
            item.extend(std::vec![7; usize::from(len)]);
            item
        };
        let map = |parts: &[Vec<u8>]| {
            let mut record = std::vec![0xa0 | u8::try_from(parts.len()).unwrap()];
            record.extend(parts.concat());
            record
        };
        let read = |parts: &[Vec<u8>]| SoftwareComponent::from_boot_record(&map(parts)).map(|_| ());
        assert_eq!(read(&[hash(2, 32), hash(5, 48)]), Ok(()));
        assert_eq!(read(&[hash(2, 64), hash(5, 32)]), Ok(()));
        assert_eq!(read(&[hash(5, 32)]), Err(ComponentError::Measurement));
        assert_eq!(read(&[hash(2, 32)]), Err(ComponentError::Signer));
        assert_eq!(
            read(&[hash(2, 31), hash(5, 32)]),
            Err(ComponentError::Measurement)
        );
        assert_eq!(
            read(&[hash(2, 32), hash(5, 65)]),
            Err(ComponentError::Signer)
        );
        assert_eq!(
            read(&[hash(2, 32), hash(5, 32), hash(2, 32)]),
            Err(ComponentError::Malformed)
        );
    }
}
