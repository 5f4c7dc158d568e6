//! DER, written from the inside outwards.

use ::der::asn1::ObjectIdentifier;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// One element. Contents here are shorter than 16 MiB.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len: &[u8] = match content.len() {
        0..=0x7f => &len[7..],
        0x80..=0xff => &[&[0x81], &len[7..]].concat(),
        0x100..=0xffff => &[&[0x82], &len[6..]].concat(),
        _ => &[&[0x83], &len[5..]].concat(),
    };
    [&[tag], len, content].concat()
}

/// SEQUENCE of elements.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// SET of one element.
pub(crate) fn set(part: &[u8]) -> Vec<u8> {
    element(SET, part)
}

/// A number of bytes, the highest first; leading zeros are optional.
pub(crate) fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let sign: &[u8] = match number.first() {
        Some(first) if *first < 0x80 => &[],
        _ => &[0],
    };
    element(INTEGER, &[sign, number].concat())
}

/// OBJECT IDENTIFIER.
pub(crate) fn oid(identifier: ObjectIdentifier) -> Vec<u8> {
    element(OBJECT_IDENTIFIER, identifier.as_bytes())
}

/// UTF8String.
pub(crate) fn utf8(text: &str) -> Vec<u8> {
    element(UTF8_STRING, text.as_bytes())
}

/// OCTET STRING.
pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, bytes)
}

/// BIT STRING of whole bytes, but for `unused` bits at the end.
pub(crate) fn bits(unused: u8, bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[unused], bytes].concat())
}

/// TRUE.
pub(crate) fn truth() -> Vec<u8> {
    element(BOOLEAN, &[0xff])
}

/// NULL.
pub(crate) const NULL: [u8; 2] = [5, 0];

/// `[number]` around an element, or around several.
pub(crate) fn tagged(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xa0 | number, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_signs_are_the_shortest() {
        assert_eq!(element(4, &[]), [4, 0]);
        assert_eq!(element(4, &[7; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(element(4, &[7; 0x100])[..4], [4, 0x82, 1, 0]);
        assert_eq!(element(4, &[7; 0x10000])[..5], [4, 0x83, 1, 0, 0]);
        assert_eq!(integer(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0]), [2, 1, 0]);
        assert_eq!(integer(&[]), [2, 1, 0]);
    }
}
