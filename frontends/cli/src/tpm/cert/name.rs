//! Distinguished names, from text as RFC 4514 writes them: `CN=vm:1,O=An organisation`, the last part of
//! the text is the first of the name.

use super::der;
use ::der::asn1::ObjectIdentifier;
use anyhow::{Result, bail};

/// RFC 4514's names and some that everybody knows, and the string that RFC 5280 asks for.
const ATTRIBUTES: [(&str, &str, Text); 12] = [
    ("CN", "2.5.4.3", Text::Directory),
    ("SERIALNUMBER", "2.5.4.5", Text::Directory),
    ("C", "2.5.4.6", Text::Directory),
    ("L", "2.5.4.7", Text::Directory),
    ("ST", "2.5.4.8", Text::Directory),
    ("STREET", "2.5.4.9", Text::Directory),
    ("O", "2.5.4.10", Text::Directory),
    ("OU", "2.5.4.11", Text::Directory),
    ("T", "2.5.4.12", Text::Directory),
    ("UID", "0.9.2342.19200300.100.1.1", Text::Directory),
    ("DC", "0.9.2342.19200300.100.1.25", Text::Ascii),
    ("EMAIL", "1.2.840.113549.1.9.1", Text::Ascii),
];

#[derive(Clone, Copy)]
enum Text {
    /// PrintableString where it can be, else UTF8String.
    Directory,
    /// IA5String.
    Ascii,
}

/// A Name of no parts.
pub(crate) fn empty() -> Vec<u8> {
    der::sequence(&[])
}

/// A Name of one common name.
pub(crate) fn common_name(name: &str) -> Vec<u8> {
    der::sequence(&[&part(CN, Text::Directory, name)])
}

const CN: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The Name that a text says.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>> {
    let mut parts = Vec::new();
    for piece in split(text) {
        let Some((key, value)) = piece.split_once('=') else {
            bail!("'{piece}' in '{text}' has no '='");
        };
        let value = unescape(value.trim());
        if value.is_empty() {
            bail!("'{piece}' in '{text}' has no value");
        }
        let (identifier, form) = attribute(key.trim())?;
        if matches!(form, Text::Ascii) && !value.is_ascii() {
            bail!("'{piece}' may only have ASCII characters");
        }
        parts.push(part(identifier, form, &value));
    }
    parts.reverse();
    Ok(der::sequence(&[&parts.concat()]))
}

fn attribute(key: &str) -> Result<(ObjectIdentifier, Text)> {
    let known = ATTRIBUTES
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(key));
    let (text, form) = known.map_or((key, Text::Directory), |(_, oid, form)| (oid, *form));
    match ObjectIdentifier::new(text) {
        Ok(identifier) => Ok((identifier, form)),
        Err(_) => bail!("'{key}' is no attribute of a name"),
    }
}

fn part(identifier: ObjectIdentifier, form: Text, value: &str) -> Vec<u8> {
    let tag = match form {
        Text::Ascii => 0x16,
        Text::Directory if value.bytes().all(printable) => 0x13,
        Text::Directory => 0x0c,
    };
    let value = der::element(tag, value.as_bytes());
    der::set(&der::sequence(&[&der::oid(identifier), &value]))
}

/// PrintableString (X.680, section 41.4).
fn printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// At commas that no backslash stands before.
fn split(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b',' && !escaped {
            pieces.push(&text[start..at]);
            start = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    pieces.push(&text[start..]);
    pieces
}

fn unescape(value: &str) -> String {
    let mut plain = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_the_text_comes_first() {
        let name = parse("CN=a:b, O=c\\,d").unwrap();
        let organisation = b"\x31\x0c\x30\x0a\x06\x03\x55\x04\x0a\x13\x03c,d";
        let common = b"\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x13\x03a:b";
        assert_eq!(name, [&b"\x30\x1c"[..], organisation, common].concat());
        assert_eq!(parse("cn=x").unwrap(), common_name("x"));
        assert_eq!(parse("2.5.4.3=x").unwrap(), common_name("x"));
    }

    #[test]
    fn strings_have_the_form_that_fits() {
        assert!(common_name("Übung").windows(2).any(|two| two == [0x0c, 6]));
        assert!(common_name("a_b").windows(2).any(|two| two == [0x0c, 3]));
        assert!(
            parse("DC=org")
                .unwrap()
                .windows(2)
                .any(|two| two == [0x16, 3])
        );
        for wrong in ["", "CN", "CN=", "XY=1", "CN=a,,CN=b", "DC=ü", "9.9=1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
