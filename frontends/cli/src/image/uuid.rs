//! Identifiers made from names: UUID version 5 (RFC 9562, section 5.5), as imgtool makes them.
//!
//! The SHA-1 in here is part of that definition and protects nothing.

/// The namespace of domain names.
pub(super) const DNS: [u8; 16] = 0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8_u128.to_be_bytes();

/// A vendor or class identifier as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identifier {
    Uuid([u8; 16]),
    Name(String),
}

/// Hexadecimal digits, with or without dashes, else a name.
pub(super) fn identifier(text: &str) -> Result<Identifier, String> {
    if let Ok(uuid) = super::arguments::uuid(text) {
        return Ok(Identifier::Uuid(uuid));
    }
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("neither a UUID nor a name".to_owned());
    }
    Ok(Identifier::Name(text.to_owned()))
}

impl Identifier {
    /// The identifier itself; a name becomes one in `namespace`.
    pub(super) fn in_namespace(&self, namespace: &[u8; 16]) -> [u8; 16] {
        match self {
            Self::Uuid(uuid) => *uuid,
            Self::Name(name) => version_5(namespace, name.as_bytes()),
        }
    }
}

fn version_5(namespace: &[u8; 16], name: &[u8]) -> [u8; 16] {
    let [a, b, c, d, _] = sha1(&[&namespace[..], name].concat());
    let words = [a, b, c, d].map(u32::to_be_bytes);
    let mut uuid = u128::from_be_bytes(words.as_flattened().try_into().unwrap_or([0; 16]));
    uuid = uuid & !(0xf << 76) | 5 << 76;
    uuid = uuid & !(3 << 62) | 2 << 62;
    uuid.to_be_bytes()
}

/// FIPS 180-4, section 6.1.
fn sha1(message: &[u8]) -> [u32; 5] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((message.len() + 9).next_multiple_of(64) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let start = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    padded.as_chunks::<64>().0.iter().fold(start, sha1_block)
}

fn sha1_block(state: [u32; 5], block: &[u8; 64]) -> [u32; 5] {
    let mut words: Vec<u32> = block
        .as_chunks()
        .0
        .iter()
        .map(|word| u32::from_be_bytes(*word))
        .collect();
    for at in 16..80 {
        let word = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
        words.push(word.rotate_left(1));
    }
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for (round, word) in words.iter().enumerate() {
        let (mix, constant) = match round / 20 {
            0 => (b & c | !b & d, 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = a.rotate_left(5).wrapping_add(mix).wrapping_add(e);
        let next = next.wrapping_add(constant).wrapping_add(*word);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    let [p, q, r, s, t] = state;
    [
        p.wrapping_add(a),
        q.wrapping_add(b),
        r.wrapping_add(c),
        s.wrapping_add(d),
        t.wrapping_add(e),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_what_python_makes_of_them() {
        // python3: uuid.uuid5(uuid.NAMESPACE_DNS, "example.com"), and "sensor" in that.
        let vendor = identifier("example.com").unwrap().in_namespace(&DNS);
        assert_eq!(
            vendor,
            0xcfbf_f0d1_9375_5685_968c_48ce_8b15_ae17_u128.to_be_bytes()
        );
        // RFC 9562, appendix A.4.
        let example = version_5(&DNS, b"www.example.com");
        assert_eq!(
            example,
            0x2ed6_657d_e927_568b_95e1_2665_a8ae_a6a2_u128.to_be_bytes()
        );
    }

    #[test]
    fn sha1_is_the_standards() {
        // FIPS 180 examples: "abc", and the two-block message.
        assert_eq!(sha1(b"abc")[0], 0xa999_3e36);
        let two = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(
            sha1(two),
            [
                0x8498_3e44,
                0x1c3b_d26e,
                0xbaae_4aa1,
                0xf951_29e5,
                0xe546_70f1
            ]
        );
    }

    #[test]
    fn uuids_stay_what_they_are() {
        let plain = identifier("00112233445566778899aabbccddeeff").unwrap();
        let dashed = identifier("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(plain, dashed);
        assert!(matches!(plain, Identifier::Uuid(_)));
        assert!(identifier("").is_err());
        assert!(identifier("a\nb").is_err());
    }
}
