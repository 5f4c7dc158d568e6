//! The vectors and the devices they are meant for.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

use ironroot_image::encryption::{Decrypted, Decryption, EncryptionScheme, schemes};
use ironroot_image::{AddressRange, Keys, Policy, Refusal, Slot, Suite, Verified, suites};
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
    pub enc: String,
    pub slot: String,
    pub needs: Option<String>,
    pub erased: Option<u8>,
    pub security_counter: Option<u32>,
    pub header: Option<Header>,
    #[serde(default)]
    pub tlvs: Vec<Tlv>,
    pub swap: Option<String>,
    pub payload: Option<String>,
    pub image_key: Option<String>,
    pub plain_size: Option<u32>,
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
    pub offset: u32,
}

impl From<(String, String, u16, u32)> for Tlv {
    fn from((area, kind, len, offset): (String, String, u16, u32)) -> Self {
        Self {
            area,
            kind,
            len,
            offset,
        }
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
            ("p384", "sha384", false) => &suites::P384_SHA384,
            other => panic!("no suite for {other:?}"),
        }
    }

    /// How the vector's device takes encrypted images.
    pub fn scheme(&self) -> Option<&'static EncryptionScheme> {
        Some(match self.enc.as_str() {
            "none" => return None,
            "rsa2048-128" => &schemes::RSA2048_AES128,
            "rsa2048-256" => &schemes::RSA2048_AES256,
            "ec256-128" => &schemes::ECIES_P256_AES128,
            "ec256-256" => &schemes::ECIES_P256_AES256,
            "x25519-128" => &schemes::ECIES_X25519_AES128,
            "x25519-256" => &schemes::ECIES_X25519_AES256,
            "x25519sha512-128" => &schemes::ECIES_X25519_SHA512_AES128,
            "x25519sha512-256" => &schemes::ECIES_X25519_SHA512_AES256,
            "kw-128" => &schemes::KEY_WRAP_AES128,
            "kw-256" => &schemes::KEY_WRAP_AES256,
            // imgtool makes images for such keys that nobody can open; no device has the scheme.
            "ec384-128" | "p384-128" => return None,
            other => panic!("no scheme for {other}"),
        })
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

    /// The device's private decryption key, or a foreign one.
    pub fn decryption_key(&self, foreign: bool) -> Vec<u8> {
        let name = self.enc.split('-').next().unwrap();
        let prefix = if foreign { "encother" } else { "enc" };
        match name {
            "kw" => {
                let bits = self.enc.split('-').nth(1).unwrap();
                let path = directory().join(format!("keys/{prefix}-kw{bits}.hex"));
                unhex(fs::read_to_string(path).unwrap().trim())
            }
            "rsa2048" => key_bytes(&format!("{prefix}-rsa2048.pem")),
            "ec256" => key_bytes(&format!("{prefix}-p256.pem")),
            _ => key_bytes(&format!("{prefix}-x25519.pem")),
        }
    }

    /// Judges the vector as its device does: what stands in the secondary slot is decrypted.
    pub fn judge(&self) -> Result<(), Refusal> {
        self.judge_and(|_| ())
    }

    /// Judges, and looks at the result.
    pub fn judge_and<R>(
        &self,
        look: impl FnOnce(&Verified<Decrypted<&[u8]>>) -> R,
    ) -> Result<R, Refusal> {
        self.on_device(|slot, policy| {
            let source = match policy.encryption {
                Some(scheme) if self.slot == "secondary" => {
                    let key = self.decryption_key(false);
                    Decrypted::open(slot, &Decryption::new(scheme, &key))?
                }
                _ => Decrypted::plain(slot),
            };
            Verified::check(source, policy).map(|verified| look(&verified))
        })
    }

    /// Runs `check` with the slot and the policy of the vector's device.
    pub fn on_device<R>(&self, check: impl FnOnce(&[u8], &Policy<'_>) -> R) -> R {
        let slot = self.slot_bytes();
        let key_file = match self.sig.as_str() {
            "none" => None,
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
        policy.encryption = self.scheme();
        check(&slot, &policy)
    }
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// What of a PKCS#8 PEM file a device keeps: the scalar, or the whole PKCS#1 key.
fn key_bytes(file: &str) -> Vec<u8> {
    let text = fs::read_to_string(directory().join("keys").join(file)).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64(&body);
    // P-256: OCTET STRING { SEQUENCE { INTEGER 1, OCTET STRING … } }; X25519: OCTET STRING { OCTET STRING … }.
    let after = |mark: &[u8]| {
        let at = der.windows(mark.len()).position(|window| window == mark);
        at.map(|at| at + mark.len())
    };
    if let Some(at) =
        after(&[0x02, 0x01, 0x01, 0x04, 0x20]).or_else(|| after(&[0x04, 0x22, 0x04, 0x20]))
    {
        return der[at..at + 32].to_vec();
    }
    let at = after(&[0x01, 0x01, 0x05, 0x00, 0x04, 0x82]).unwrap();
    der[at + 2..].to_vec()
}

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().take_while(|digit| *digit != b'=') {
        bits = bits << 6 | alphabet.iter().position(|known| *known == digit).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
