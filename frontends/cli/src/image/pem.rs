//! PEM (RFC 7468) and the base64 inside.

/// One block: its label and its bytes.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Vec<u8>,
}

/// Every block of a text; `None` when one is broken. Text around blocks is a comment.
pub(crate) fn decode(text: &str) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, from)) = rest.split_once("-----BEGIN ") {
        let (label, from) = from.split_once("-----")?;
        let (body, after) = from.split_once(&format!("-----END {label}-----"))?;
        blocks.push(Block {
            label: label.to_owned(),
            der: decode_base64(body)?,
        });
        rest = after;
    }
    Some(blocks)
}

/// A block with this label.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = encode_base64(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding, in one line.
pub(super) fn encode_base64(data: &[u8]) -> String {
    let mut text = String::new();
    for chunk in data.chunks(3) {
        let mut block = [0; 3];
        block[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, block[0], block[1], block[2]]);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0x3f;
            let shown = digit <= chunk.len();
            text.push(if shown {
                char::from(ALPHABET[value as usize])
            } else {
                '='
            });
        }
    }
    text
}

/// The bytes of padded base64; white space does not count.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    if !digits.len().is_multiple_of(4) {
        return None;
    }
    let padding = digits
        .iter()
        .rev()
        .take_while(|digit| **digit == b'=')
        .count();
    if padding > 2 {
        return None;
    }
    let digits = &digits[..digits.len() - padding];
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|known| known == digit)?;
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standards() {
        // RFC 4648, section 10.
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, text) in table {
            assert_eq!(encode_base64(plain.as_bytes()), text);
            assert_eq!(decode_base64(text).as_deref(), Some(plain.as_bytes()));
        }
        for broken in [
            "Z", "Zg", "Zg=", "Zh==", "Zm9v=", "Z===", "Zm9*", "====", "Zg==Zg==",
        ] {
            assert_eq!(decode_base64(broken), None, "{broken}");
        }
    }

    #[test]
    fn blocks_come_back_and_broken_ones_do_not() {
        let der: Vec<u8> = (0..100).collect();
        let text = format!("a comment\n{}{}", encode("A KEY", &der), encode("B", b""));
        let blocks = decode(&text).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].label.as_str(), &blocks[0].der), ("A KEY", &der));
        assert!(text.lines().all(|line| line.len() <= 64));
        assert!(decode("-----BEGIN A-----\nZg==\n-----END B-----").is_none());
        assert!(decode("-----BEGIN A-----\nZg\n-----END A-----").is_none());
        assert!(decode("nothing").unwrap().is_empty());
    }
}
