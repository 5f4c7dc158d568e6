//! Reads `testdata/*.txt`: records of `name = hex` lines with blank lines between, `#` comments.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashMap;

use ironroot_crypto::hash::HashAlgorithm;

/// One test vector.
#[derive(Debug, Default, Clone)]
pub(crate) struct Record {
    fields: HashMap<String, String>,
}

impl Record {
    /// A field as written.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| panic!("{name} is missing in {self:?}"))
    }

    /// A field as written, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// A field of hexadecimal bytes.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(self.text(name))
    }

    /// A field of exactly `N` hexadecimal bytes.
    pub(crate) fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }

    /// Whether the field `valid` says so.
    pub(crate) fn is_valid(&self) -> bool {
        self.text("valid") == "true"
    }

    /// The field `hash`.
    pub(crate) fn hash(&self) -> HashAlgorithm {
        match self.text("hash") {
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            other => panic!("unknown hash {other}"),
        }
    }
}

/// Reads a file of `testdata`.
pub(crate) fn vectors(name: &str) -> Vec<Record> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut records = vec![Record::default()];
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        match line.split_once('=') {
            Some((name, value)) => {
                let last = records.last_mut().unwrap();
                last.fields.insert(name.trim().into(), value.trim().into());
            }
            None => records.push(Record::default()),
        }
    }
    records.retain(|record| !record.fields.is_empty());
    assert!(!records.is_empty());
    records
}

/// Hexadecimal digits to bytes.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Every way to flip one bit.
pub(crate) fn bit_flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}
