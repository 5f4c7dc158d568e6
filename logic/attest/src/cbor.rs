//! Reading hostile CBOR: definite lengths only, bounded depth, nothing left over.
//!
//! RFC 9783 allows definite-length strings, arrays and maps only, but lets an attester use any
//! serialization of a number ("variation-tolerant" decoding), so short forms are not demanded here.
//! minicbor reads the items; its own `skip` is not used, because it also follows indefinite lengths.

use minicbor::Decoder;
use minicbor::data::Type;

/// The bytes are not CBOR of the shape the profile allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// How deep arrays, maps and tags may be nested in a claim we do not know.
const MAX_DEPTH: u8 = 8;

/// A definite-length array's number of items.
pub(crate) fn array(decoder: &mut Decoder<'_>) -> Result<u64, Malformed> {
    decoder.array()?.ok_or(Malformed)
}

/// A definite-length map's number of pairs.
pub(crate) fn map(decoder: &mut Decoder<'_>) -> Result<u64, Malformed> {
    decoder.map()?.ok_or(Malformed)
}

/// A map key when it is an integer that fits; any other key is stepped over and gives `None`.
pub(crate) fn integer_key(decoder: &mut Decoder<'_>) -> Result<Option<i64>, Malformed> {
    let start = decoder.position();
    match decoder.i64() {
        Ok(key) => Ok(Some(key)),
        Err(_) => {
            decoder.set_position(start);
            skip(decoder)?;
            Ok(None)
        }
    }
}

/// Steps over one item of any kind.
pub(crate) fn skip(decoder: &mut Decoder<'_>) -> Result<(), Malformed> {
    skip_below(decoder, MAX_DEPTH)
}

// The recursion is at most `MAX_DEPTH` calls deep. The loops end because every item takes at least
// one byte of the input: a length that lies runs into the end of the input.
fn skip_below(decoder: &mut Decoder<'_>, depth: u8) -> Result<(), Malformed> {
    let inner = depth.checked_sub(1).ok_or(Malformed)?;
    match decoder.datatype()? {
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => decoder.int().map(|_| ())?,
        Type::Bytes => decoder.bytes().map(|_| ())?,
        Type::String => decoder.str().map(|_| ())?,
        Type::Array => {
            for _ in 0..array(decoder)? {
                skip_below(decoder, inner)?;
            }
        }
        Type::Map => {
            for _ in 0..map(decoder)? {
                skip_below(decoder, inner)?;
                skip_below(decoder, inner)?;
            }
        }
        Type::Tag => {
            decoder.tag()?;
            skip_below(decoder, inner)?;
        }
        Type::Bool => decoder.bool().map(|_| ())?,
        Type::Null => decoder.null()?,
        Type::Undefined => decoder.undefined()?,
        Type::Simple => decoder.simple().map(|_| ())?,
        Type::F16 => advance(decoder, 3)?,
        Type::F32 => advance(decoder, 5)?,
        Type::F64 => advance(decoder, 9)?,
        _ => return Err(Malformed),
    }
    Ok(())
}

fn advance(decoder: &mut Decoder<'_>, bytes: usize) -> Result<(), Malformed> {
    let end = decoder.position().checked_add(bytes).ok_or(Malformed)?;
    if end > decoder.input().len() {
        return Err(Malformed);
    }
    decoder.set_position(end);
    Ok(())
}

/// Nothing may follow the one item that was read.
pub(crate) fn finished(decoder: &Decoder<'_>) -> Result<(), Malformed> {
    if decoder.position() == decoder.input().len() {
        Ok(())
    } else {
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips_whole(bytes: &[u8]) -> bool {
        let mut decoder = Decoder::new(bytes);
        skip(&mut decoder).and_then(|()| finished(&decoder)).is_ok()
    }

    #[test]
    fn well_formed_items_of_every_kind_are_stepped_over() {
        // RFC 8949, appendix A: one example of each kind.
        for item in [
            &[0x00][..],
            &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xf9, 0x3c, 0x00],
            &[0xfa, 0x47, 0xc3, 0x50, 0x00],
            &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
            &[0xf4],
            &[0xf6],
            &[0xf7],
            &[0xf8, 0xff],
            &[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0],
            &[0x44, 1, 2, 3, 4],
            &[0x64, 0x49, 0x45, 0x54, 0x46],
            &[0x83, 0x01, 0x82, 0x02, 0x03, 0x82, 0x04, 0x05],
            &[0xa2, 0x01, 0x02, 0x03, 0x04],
        ] {
            assert!(skips_whole(item), "{item:02x?}");
        }
    }

    #[test]
    fn indefinite_lengths_and_cut_items_are_refused() {
        for item in [
            &[][..],
            &[0x5f, 0x41, 0x00, 0xff],
            &[0x9f, 0xff],
            &[0xbf, 0xff],
            &[0x7f, 0xff],
            &[0x81],
            &[0xa1, 0x01],
            &[0x42, 0x00],
            &[0x62, 0xc3, 0x28],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00],
            &[0xfb, 0x3f, 0xf1],
            &[0x1c],
            &[0xff],
        ] {
            assert!(!skips_whole(item), "{item:02x?}");
        }
    }

    #[test]
    fn nesting_is_refused_beyond_the_bound_and_not_followed() {
        let mut nested = std::vec![0x81; usize::from(MAX_DEPTH) - 1];
        nested.push(0x00);
        assert!(skips_whole(&nested));
        nested.insert(0, 0x81);
        assert!(!skips_whole(&nested));
        assert!(!skips_whole(&std::vec![0xc1; 100_000]));
    }
}
