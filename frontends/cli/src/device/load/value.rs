//! What an SMP server answers: CBOR, in whatever form it likes.

use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error;

/// One item of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Bool(bool),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// Something that no answer has that we ask for.
    Other,
}

/// Answers are shallow.
const MAX_DEPTH: u8 = 8;

impl Value {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Ok(Self::Map(Vec::new()));
        }
        Self::item(&mut Decoder::new(bytes), MAX_DEPTH)
    }

    fn item(decoder: &mut Decoder<'_>, depth: u8) -> Result<Self, Error> {
        let inner = depth
            .checked_sub(1)
            .ok_or_else(|| Error::message("nested too deeply"))?;
        Ok(match decoder.datatype()? {
            Type::String => Self::Text(decoder.str()?.to_owned()),
            Type::Bytes => Self::Bytes(decoder.bytes()?.to_vec()),
            Type::Bool => Self::Bool(decoder.bool()?),
            Type::Array | Type::ArrayIndef => {
                let mut left = decoder.array()?;
                let mut list = Vec::new();
                while more(decoder, &mut left)? {
                    list.push(Self::item(decoder, inner)?);
                }
                Self::List(list)
            }
            Type::Map | Type::MapIndef => {
                let mut left = decoder.map()?;
                let mut pairs = Vec::new();
                while more(decoder, &mut left)? {
                    let key = Self::item(decoder, inner)?;
                    pairs.push((key, Self::item(decoder, inner)?));
                }
                Self::Map(pairs)
            }
            // Ends of lists are taken by `more`.
            Type::Break => return Err(Error::message("a break where an item begins")),
            _ => match decoder.clone().i64() {
                Ok(number) => {
                    decoder.i64()?;
                    Self::Number(number)
                }
                Err(_) => {
                    decoder.skip()?;
                    Self::Other
                }
            },
        })
    }

    /// The value under `key` of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        let mut named = pairs
            .iter()
            .filter(|(name, _)| matches!(name, Self::Text(text) if text == key));
        named.next().map(|(_, value)| value)
    }

    pub(super) fn number(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, key: &str) -> Option<&[u8]> {
        match self.get(key)? {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn list(&self, key: &str) -> &[Self] {
        match self.get(key) {
            Some(Self::List(list)) => list,
            _ => &[],
        }
    }
}

/// Whether a list or map has one more; an indefinite one ends with a break.
fn more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(left) => {
            *left -= 1;
            Ok(true)
        }
        None if decoder.datatype()? == Type::Break => {
            decoder.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_definite_and_indefinite_length_say_the_same() {
        // {"off": 5, "match": true}
        let definite = b"\xa2\x63off\x05\x65match\xf5";
        let indefinite = b"\xbf\x63off\x05\x65match\xf5\xff";
        let value = Value::read(definite).unwrap();
        assert_eq!(value, Value::read(indefinite).unwrap());
        assert_eq!(value.number("off"), Some(5));
        assert_eq!(value.get("match"), Some(&Value::Bool(true)));
        assert_eq!(value.text("off"), None);
        // {"rc": -1, "x": 1.5, "l": [_ h'01']}
        let value = Value::read(b"\xa3\x62rc\x20\x61x\xf9\x3e\x00\x61l\x9f\x41\x01\xff").unwrap();
        assert_eq!(value.number("rc"), Some(-1));
        assert_eq!(value.list("l"), [Value::Bytes(vec![1])]);
    }

    #[test]
    fn what_is_no_cbor_is_an_error() {
        for bytes in [&b"\xa1"[..], b"\xbf", b"\x62a", b"\xff", &[0x81; 100]] {
            assert!(Value::read(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
