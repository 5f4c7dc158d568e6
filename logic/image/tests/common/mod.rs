//! The vectors and the devices they are meant for.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

use ironroot_image::{AddressRange, Keys, Policy, Slot, Suite, suites};
use serde::Deserialize;
use std::fs;
use std::path::PathBuf;

#[derive(Deserialize)]
pub struct Vector {
    pub file: String,
    pub expect: String,
    pub reason: String,
    pub sig: String,
    pub hash: String,
    pub pure: bool,
    pub slot: String,
    pub needs: Option<String>,
    pub erased: Option<u8>,
    pub security_counter: Option<u32>,
    pub header: Option<Header>,
    #[serde(default)]
    pub tlvs: Vec<Tlv>,
    pub swap: Option<String>,
    pub payload: Option<String>,
    pub made_by: String,
}

#[derive(Deserialize)]
pub struct Header {
    pub load_addr: u32,
    pub hdr_size: u16,
    pub img_size: u32,
    pub version: String,
    pub end: u32,
}

/// `[area, type, length, offset]` in the manifest.
#[derive(Deserialize)]
#[serde(from = "(String, String, u16, u32)")]
pub struct Tlv {
    pub area: String,
    pub kind: String,
    pub len: u16,
}

impl From<(String, String, u16, u32)> for Tlv {
    fn from((area, kind, len, _): (String, String, u16, u32)) -> Self {
        Self { area, kind, len }
    }
}

#[derive(Deserialize)]
struct Manifest {
    vectors: Vec<Vector>,
}

pub fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/mcuboot")
}

pub fn vectors() -> Vec<Vector> {
    let text = fs::read_to_string(directory().join("manifest.json")).unwrap();
    serde_json::from_str::<Manifest>(&text).unwrap().vectors
}

impl Vector {
    pub fn has_tlv(&self, kind: &str) -> bool {
        self.tlvs.iter().any(|tlv| tlv.kind == kind)
    }

    pub fn suite(&self) -> &'static Suite {
        match (self.sig.as_str(), self.hash.as_str(), self.pure) {
            ("none", "sha256", false) => &suites::UNSIGNED_SHA256,
            ("none", "sha384", false) => &suites::UNSIGNED_SHA384,
            ("none", "sha512", false) => &suites::UNSIGNED_SHA512,
            ("p256", "sha256", false) => &suites::P256_SHA256,
            ("ed25519", "sha256", false) => &suites::ED25519_SHA256,
            ("ed25519", "sha512", false) => &suites::ED25519_SHA512,
            ("ed25519", "sha512", true) => &suites::ED25519_PURE,
            ("rsa2048", "sha256", false) => &suites::RSA2048_SHA256,
            ("rsa3072", "sha256", false) => &suites::RSA3072_SHA256,
            // No device of ours has P-384 yet; the nearest one must refuse such images.
            ("p384", "sha384", false) => &suites::P256_SHA256,
            other => panic!("no suite for {other:?}"),
        }
    }

    pub fn slot_bytes(&self) -> Vec<u8> {
        let size = if self.file.starts_with("trailer/") {
            0x2000
        } else {
            0x4000
        };
        let mut slot = fs::read(directory().join(&self.file)).unwrap();
        assert!(slot.len() <= size);
        slot.resize(size, self.erased.unwrap_or(0xff));
        slot
    }

    /// Runs `check` with the slot and the policy of the vector's device.
    pub fn on_device<R>(&self, check: impl FnOnce(&[u8], &Policy<'_>) -> R) -> R {
        let slot = self.slot_bytes();
        let key_file = match self.sig.as_str() {
            "none" => None,
            "p384" => Some("p256"),
            name => Some(name),
        };
        let key = key_file
            .map(|name| fs::read(directory().join(format!("keys/sign-{name}.pub.der"))).unwrap());
        let suite = self.suite();
        let hash = key.as_ref().map(|key| suite.hash().of_bytes(key).unwrap());
        let keys: Vec<&[u8]> = key.iter().map(Vec::as_slice).collect();
        let hashes: Vec<&[u8]> = hash.iter().map(|hash| hash.as_slice()).collect();
        let keys = match (self.needs.as_deref(), key.is_some()) {
            (_, false) => Keys::Unsigned,
            (Some("hw-key"), true) => Keys::Hashes(&hashes),
            _ => Keys::Embedded(&keys),
        };
        let mut policy = Policy::new(suite, keys, slot.len() as u32 - 40);
        policy.images = Policy::MAX_IMAGES;
        policy.ram_window = Some(AddressRange {
            start: 0x2000_0000,
            len: 0x1_0000,
        });
        if self.slot == "secondary" {
            policy.slot = Slot::Secondary;
        }
        if self.needs.as_deref() == Some("rollback(stored=5)") {
            policy.min_security_counter = Some(5);
        }
        check(&slot, &policy)
    }
}
