//! As much of DER (X.690) as certificates of keys need: reading one element after the other, writing from the end.

use crate::rc::{Rc, Result};
use crate::structures::{Alg, Parameters, Public, SignScheme, Unique};
use ironroot_crypto::tpm::ec::Curve;
use ironroot_crypto::tpm::hash::HashAlgorithm;

pub(super) const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: [u8; 2] = [5, 0];
const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// Of a certificate: `[3]`.
pub(super) const EXTENSIONS: u8 = 0xa3;
/// id-ce-keyUsage, with its head.
pub(super) const KEY_USAGE: &[u8] = &[OID, 3, 0x55, 0x1d, 0x0f];
/// tcg-tpmaObject, with its head.
pub(super) const TPMA_OBJECT: &[u8] = &[OID, 7, 0x67, 0x81, 0x05, 0x0a, 1, 1, 1];

/// One element.
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With its head.
    pub(super) whole: &'a [u8],
}

/// Reads elements from the front.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one; `None`: there is none, or it is not whole, or its length is not in its shortest form.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (head, len) = match *self.0 {
            // Tags of more than a byte.
            [tag, ..] if tag & 0x1f == 0x1f => return None,
            [_, len @ 0..=0x7f, ..] => (2, usize::from(len)),
            [_, 0x81, len @ 0x80..=0xff, ..] => (3, usize::from(len)),
            [_, 0x82, high @ 1..=0xff, low, ..] => {
                (4, usize::from(u16::from_be_bytes([high, low])))
            }
            _ => return None,
        };
        let end = len.checked_add(head)?;
        let (whole, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(Element {
            tag: *whole.first()?,
            content: whole.get(head..)?,
            whole,
        })
    }
}

/// The bits that an extension of that OID in the list `extensions` has, the first one uppermost. `Some(None)`: there is
/// no such extension. `None`: the list is malformed, or there are two.
pub(super) fn extension_bits(extensions: &[u8], oid: &[u8]) -> Option<Option<u32>> {
    let mut list = Reader::new(extensions);
    let mut found = None;
    while !list.is_empty() {
        let extension = list.next().filter(|element| element.tag == SEQUENCE)?;
        if !extension.content.starts_with(oid) {
            continue;
        }
        if found.is_some() {
            return None;
        }
        let mut parts = Reader::new(extension.content);
        let value = loop {
            let part = parts.next()?;
            if part.tag == OCTET_STRING {
                break part.content;
            }
        };
        found = Some(bits(value)?);
    }
    Some(found)
}

/// A bit string of at most 32 bits.
fn bits(content: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(content);
    let string = reader.next().filter(|element| element.tag == BIT_STRING)?;
    let (unused, bytes) = string.content.split_first()?;
    if !reader.is_empty() || *unused > 7 || bytes.len() > 4 || bytes.is_empty() && *unused != 0 {
        return None;
    }
    let mut word = [0; 4];
    word.iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    let last = bytes.last().copied().unwrap_or_default();
    (last & !(0xff << *unused) == 0).then_some(u32::from_be_bytes(word))
}

/// The head of an element: at most four bytes.
pub(super) struct Head([u8; 4], usize);

impl Head {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

/// The head of an element of `len` bytes; none here is longer than 65,535.
pub(super) const fn head(tag: u8, len: usize) -> Head {
    match len {
        0..=0x7f => Head([tag, len as u8, 0, 0], 2),
        0x80..=0xff => Head([tag, 0x81, len as u8, 0], 3),
        _ => Head([tag, 0x82, (len >> 8) as u8, len as u8], 4),
    }
}

/// Room for what is written: an RSA-4096 key and what is around it.
const ROOM: usize = 1024;

/// Writes from the end: so the length of an element is known when its head is written.
pub(super) struct Backwards {
    bytes: [u8; ROOM],
    start: usize,
}

impl Backwards {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            start: ROOM,
        }
    }

    /// Bytes so far.
    pub(super) const fn len(&self) -> usize {
        ROOM.saturating_sub(self.start)
    }

    /// What stands between two places, counted in bytes from the end.
    pub(super) fn between(&self, from: usize, to: usize) -> &[u8] {
        let place = |len: usize| ROOM.saturating_sub(len);
        self.bytes.get(place(from)..place(to)).unwrap_or_default()
    }

    /// Puts bytes in front.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let start = self.start.checked_sub(bytes.len()).ok_or(Rc::FAILURE)?;
        let place = self.bytes.get_mut(start..self.start).ok_or(Rc::FAILURE)?;
        place.copy_from_slice(bytes);
        self.start = start;
        Ok(())
    }

    /// Makes one element of all that was put since there were `len` bytes.
    pub(super) fn wrap(&mut self, tag: u8, len: usize) -> Result<()> {
        let content = self.len().saturating_sub(len);
        self.put(head(tag, content).as_slice())
    }

    /// A number that is not negative.
    pub(super) fn number(&mut self, bytes: &[u8]) -> Result<()> {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let digits = bytes.get(zeros..).unwrap_or_default();
        let end = self.len();
        self.put(digits)?;
        if digits.first().is_none_or(|first| *first >= 0x80) {
            self.put(&[0])?;
        }
        self.wrap(INTEGER, end)
    }

    fn oid(&mut self, oid: &[u8]) -> Result<()> {
        let end = self.len();
        self.put(oid)?;
        self.wrap(OID, end)
    }
}

/// SubjectPublicKeyInfo.
///
/// # Errors
/// `ASYMMETRIC`: such a key has no name here.
pub(super) fn public_key(out: &mut Backwards, public: &Public) -> Result<()> {
    let end = out.len();
    match (&public.parameters, &public.unique) {
        (Parameters::Rsa { exponent, .. }, Unique::Rsa(modulus)) => {
            let exponent = if *exponent == 0 { 0x1_0001 } else { *exponent };
            out.number(&exponent.to_be_bytes())?;
            out.number(modulus.as_slice())?;
            out.wrap(SEQUENCE, end)?;
            out.put(&[0])?;
            out.wrap(BIT_STRING, end)?;
            let algorithm = out.len();
            out.put(&NULL)?;
            out.oid(&pkcs_1(1))?;
            out.wrap(SEQUENCE, algorithm)?;
        }
        (Parameters::Ecc { curve, .. }, Unique::Ecc(_)) => {
            let curve = curve_oid(*curve).ok_or(Rc::ASYMMETRIC)?;
            let point = public.ec_public().map_err(|_| Rc::ASYMMETRIC)?;
            out.put(point.y())?;
            out.put(point.x())?;
            // No unused bits; not compressed.
            out.put(&[0, 4])?;
            out.wrap(BIT_STRING, end)?;
            let algorithm = out.len();
            out.oid(curve)?;
            out.oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1])?;
            out.wrap(SEQUENCE, algorithm)?;
        }
        _ => return Err(Rc::ASYMMETRIC),
    }
    out.wrap(SEQUENCE, end)
}

/// AlgorithmIdentifier of a signature.
///
/// # Errors
/// `SCHEME`: such a signature has no name here.
pub(super) fn algorithm(out: &mut Backwards, scheme: SignScheme) -> Result<()> {
    let end = out.len();
    let hash = Names::of(scheme.hash()).ok_or(Rc::SCHEME)?;
    match scheme.alg() {
        Alg::RSASSA => {
            out.put(&NULL)?;
            out.oid(hash.rsa)?;
        }
        // What is not said is meant: SHA-1 and 20 bytes (RFC 4055, section 3.1).
        Alg::RSAPSS if scheme.hash() == HashAlgorithm::Sha1 => {
            out.put(&NULL)?;
            out.oid(&pkcs_1(10))?;
        }
        Alg::RSAPSS => {
            out.number(&[u8::try_from(scheme.hash().digest_len()).unwrap_or_default()])?;
            out.wrap(0xa2, end)?;
            let mask = out.len();
            hash_identifier(out, &hash)?;
            out.oid(&pkcs_1(8))?;
            out.wrap(SEQUENCE, mask)?;
            out.wrap(0xa1, mask)?;
            let hashed = out.len();
            hash_identifier(out, &hash)?;
            out.wrap(0xa0, hashed)?;
            out.wrap(SEQUENCE, end)?;
            out.oid(&pkcs_1(10))?;
        }
        Alg::ECDSA => out.oid(hash.ecdsa)?,
        _ => return Err(Rc::SCHEME),
    }
    out.wrap(SEQUENCE, end)
}

fn hash_identifier(out: &mut Backwards, hash: &Names) -> Result<()> {
    let end = out.len();
    out.put(&NULL)?;
    out.oid(hash.itself)?;
    out.wrap(SEQUENCE, end)
}

/// An algorithm of PKCS #1.
const fn pkcs_1(number: u8) -> [u8; 9] {
    [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, number]
}

/// OIDs of a hash: itself, in an RSA signature, in an ECDSA signature.
struct Names {
    itself: &'static [u8],
    rsa: &'static [u8],
    ecdsa: &'static [u8],
}

/// Names of NIST's algorithms: 2.16.840.1.101.3.4.
macro_rules! nist {
    ($($arc:literal),*) => { &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, $($arc),*] };
}

impl Names {
    const fn of(hash: HashAlgorithm) -> Option<Self> {
        let (itself, rsa, ecdsa): (&[u8], &[u8], &[u8]) = match hash {
            HashAlgorithm::Sha1 => (
                &[0x2b, 0x0e, 3, 2, 0x1a],
                const { &pkcs_1(5) },
                &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
            ),
            HashAlgorithm::Sha256 => (
                nist!(2, 1),
                const { &pkcs_1(11) },
                &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
            ),
            HashAlgorithm::Sha384 => (
                nist!(2, 2),
                const { &pkcs_1(12) },
                &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3],
            ),
            HashAlgorithm::Sha512 => (
                nist!(2, 3),
                const { &pkcs_1(13) },
                &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4],
            ),
            HashAlgorithm::Sha3_256 => (nist!(2, 8), nist!(3, 14), nist!(3, 10)),
            HashAlgorithm::Sha3_384 => (nist!(2, 9), nist!(3, 15), nist!(3, 11)),
            HashAlgorithm::Sha3_512 => (nist!(2, 10), nist!(3, 16), nist!(3, 12)),
            _ => return None,
        };
        Some(Self { itself, rsa, ecdsa })
    }
}

const fn curve_oid(curve: Curve) -> Option<&'static [u8]> {
    match curve {
        Curve::P224 => Some(&[0x2b, 0x81, 4, 0, 0x21]),
        Curve::P256 => Some(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
        Curve::P384 => Some(&[0x2b, 0x81, 4, 0, 0x22]),
        Curve::P521 => Some(&[0x2b, 0x81, 4, 0, 0x23]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn elements_are_read_whole_or_not_at_all() {
        let mut long = std::vec![SEQUENCE, 0x82, 1, 0];
        long.extend([7; 256]);
        for good in [&[SEQUENCE, 0][..], &[2, 1, 5], &long] {
            let mut reader = Reader::new(good);
            let element = reader.next().unwrap();
            assert_eq!(element.whole, good);
            assert!(reader.is_empty() && reader.next().is_none());
            for len in 0..good.len() {
                assert!(Reader::new(&good[..len]).next().is_none());
            }
        }
        for bad in [
            &[SEQUENCE, 0x80, 0, 0][..],
            &[SEQUENCE, 0x81, 0x7f],
            &[SEQUENCE, 0x82, 0, 0xff],
            &[SEQUENCE, 0x83, 1, 0, 0],
            &[SEQUENCE, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 1, 0],
        ] {
            let bytes: Vec<u8> = [bad, &[1; 300]].concat();
            assert!(Reader::new(&bytes).next().is_none(), "{bad:x?}");
        }
    }

    #[test]
    fn numbers_are_positive_and_as_short_as_can_be() {
        let of = |bytes: &[u8]| {
            let mut out = Backwards::new();
            out.number(bytes).unwrap();
            out.between(out.len(), 0).to_vec()
        };
        assert_eq!(of(&[0, 0, 1, 0]), [2, 2, 1, 0]);
        assert_eq!(of(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(of(&[0, 0]), [2, 1, 0]);
        assert_eq!(of(&[]), [2, 1, 0]);
        assert_eq!(of(&[0xff; 128])[..5], [2, 0x81, 0x81, 0, 0xff]);
        assert_eq!(of(&[0xff; 256])[..6], [2, 0x82, 1, 1, 0, 0xff]);
        assert!(Backwards::new().number(&[1; ROOM]).is_err());
    }

    #[test]
    fn bits_are_counted_from_the_first_and_unused_ones_are_nought() {
        assert_eq!(bits(&[3, 2, 7, 0x80]), Some(0x8000_0000));
        assert_eq!(bits(&[3, 3, 7, 0x06, 0x80]), Some(0x0680_0000));
        assert_eq!(bits(&[3, 5, 0, 1, 2, 3, 4]), Some(0x0102_0304));
        assert_eq!(bits(&[3, 1, 0]), Some(0));
        for bad in [
            &[][..],
            &[3, 0],
            &[3, 1, 1],
            &[3, 2, 8, 0],
            &[3, 2, 7, 0xc0],
            &[3, 6, 0, 1, 2, 3, 4, 5],
            &[3, 2, 7, 0x80, 0],
            &[4, 2, 7, 0x80],
        ] {
            assert_eq!(bits(bad), None, "{bad:x?}");
        }
    }
}
