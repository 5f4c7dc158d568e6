//! The vectors of `logic/crypto/testdata`, which name their origin: records of `name = hex` lines with blank
//! lines between, `#` comments.

use ironroot_psa_api::key::Algorithm;
use std::collections::HashMap;

#[derive(Debug, Default, Clone)]
pub(crate) struct Record(HashMap<String, String>);

impl Record {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| panic!("{name} is missing in {self:?}"))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(self.text(name))
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.text("valid") == "true"
    }

    pub(crate) fn hash(&self) -> Algorithm {
        match self.text("hash") {
            "sha256" => Algorithm::SHA_256,
            "sha384" => Algorithm::SHA_384,
            "sha512" => Algorithm::SHA_512,
            other => panic!("unknown hash {other}"),
        }
    }

    /// The field `message`, or the long ones that are described.
    pub(crate) fn message(&self) -> Vec<u8> {
        match self.get("repeat_a") {
            Some(count) => vec![b'a'; count.parse().unwrap()],
            None => self.bytes("message"),
        }
    }
}

pub(crate) fn read(name: &str) -> Vec<Record> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crypto/testdata");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let mut records = vec![Record::default()];
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        match line.split_once('=') {
            Some((name, value)) => {
                let last = records.last_mut().unwrap();
                last.0.insert(name.trim().into(), value.trim().into());
            }
            None => records.push(Record::default()),
        }
    }
    records.retain(|record| !record.0.is_empty());
    assert!(!records.is_empty());
    records
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}
