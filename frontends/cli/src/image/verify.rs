//! `verify`: the bootloader's judgement, with the device's policy as options.
//!
//! It is the bootloader's own code (`ironroot_image::Verified`) that judges, not a second opinion.

use super::arguments::{self as arg, Bytes, to_hex};
use super::encryption::DeviceKey;
use super::key::{ED25519, Kind, P256, P384, PublicKey, RSA2048, RSA3072};
use super::{hex, key_file, shared, usage};
use clap::{Args, ValueEnum};
use ironroot_image::encryption::{Decrypted, Decryption, EncryptionScheme};
use ironroot_image::trailer::{Alignment, Layout};
use ironroot_image::{
    AddressRange, Candidate, ImageSource, Keys, Policy, Refusal, Required, Signature, Signers,
    Slot, Suite, Verified, suites, tlv,
};
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ironroot image verify --key pub.pem --slot-size 0x80000 app.signed.bin
  ironroot image verify --hw-key-hash 4674c1…08b3 --key-type p256 --min-security-counter 5 app.bin
  ironroot image verify --key pub.pem --decryption-key device.pem app.encrypted.bin
  ironroot image verify --unsigned --hash sha256 app.bin

Exit status: 0 accepted, 1 refused (the reason is printed), 2 no verdict: wrong usage or a file that
cannot be read.";

/// Options of `verify`.
#[derive(Args)]
pub(crate) struct Verify {
    /// Key the device trusts: public or private, PEM or DER. May be repeated; keys of several kinds share the
    /// image's hash
    #[arg(long, short, value_name = "FILE", group = "trust")]
    key: Vec<PathBuf>,
    /// Hash of a key the device trusts, made with the image's hash; the image brings the key. May be
    /// repeated
    #[arg(long, value_name = "HEX", value_parser = arg::hexadecimal, group = "trust", requires = "key_type")]
    hw_key_hash: Vec<Bytes>,
    /// How many of several keys must have signed: any, all, a number, or each-type (one of each kind of key)
    #[arg(long, value_name = "HOW", default_value = "any", value_parser = shared::requirement)]
    require: shared::Requirement,
    /// A key that was revoked, by its place among --key or --hw-key-hash, from 0. May be repeated
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..32))]
    revoked: Vec<u32>,
    /// Kind of key behind --hw-key-hash
    #[arg(long, value_name = "TYPE")]
    key_type: Option<KeyType>,
    /// The device takes a hash alone
    #[arg(long, group = "trust")]
    unsigned: bool,
    /// Hash of the device (default: the usual one for its key)
    #[arg(long, value_name = "HASH", value_parser = ["sha256", "sha384", "sha512"])]
    hash: Option<String>,
    /// The device takes signatures over the whole image only (Ed25519)
    #[arg(long)]
    pure: bool,
    /// The device's security counter; the image must have one at least as high
    #[arg(long, value_name = "N", value_parser = arg::number)]
    min_security_counter: Option<u32>,
    /// Size of the slot; the image must fit in front of the trailer
    #[arg(long, short = 'S', value_name = "BYTES", value_parser = arg::number)]
    slot_size: Option<u32>,
    /// Alignment of the trailer's items
    #[arg(long, value_name = "BYTES", default_value = "8", value_parser = ["8", "16", "32"])]
    max_align: String,
    /// Slot the image stands in: in the secondary one encrypted images are decrypted, in the primary one they
    /// lie in the clear (default: primary, or secondary with --decryption-key)
    #[arg(long, value_name = "SLOT")]
    slot: Option<SlotName>,
    /// The device's key for encrypted images: a file with a private P-256, X25519 or RSA-2048 key; or the 32
    /// or 64 digits of the key that signer and device share (AES key wrap)
    #[arg(long, value_name = "FILE|HEX")]
    decryption_key: Option<String>,
    /// The device takes this length of AES key only (default: either; with AES key wrap the shared key's)
    #[arg(long, value_name = "BITS", value_parser = ["128", "256"], requires = "decryption_key")]
    encrypt_keylen: Option<String>,
    /// The device takes ECIES with this hash only (default: either)
    #[arg(long, value_name = "BITS", value_parser = ["256", "512"], requires = "decryption_key")]
    hmac_sha: Option<String>,
    /// Number of this image on the device
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..16))]
    image: u8,
    /// How many images the device has (default: as many as the format allows)
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=16))]
    images: u8,
    /// RAM that images may be loaded into (default: anywhere but the vector table at address 0)
    #[arg(long, value_name = "START:LEN", value_parser = arg::range)]
    ram_window: Option<AddressRange>,
    /// Flash address of the slot, for images built for a fixed one
    #[arg(long, value_name = "ADDRESS", value_parser = arg::number)]
    rom_address: Option<u32>,
    /// Vendor identifier the image must carry
    #[arg(long, value_name = "UUID", value_parser = arg::uuid)]
    vid: Option<[u8; 16]>,
    /// Device class identifier the image must carry
    #[arg(long, value_name = "UUID", value_parser = arg::uuid)]
    cid: Option<[u8; 16]>,
    /// The image, or the contents of its slot
    #[arg(value_name = "IMAGE")]
    file: PathBuf,
}

/// Kinds of keys behind a hash.
#[derive(Clone, Copy, ValueEnum)]
enum KeyType {
    Rsa2048,
    Rsa3072,
    P256,
    P384,
    Ed25519,
}

impl KeyType {
    fn kind(self) -> &'static Kind {
        match self {
            Self::Rsa2048 => &RSA2048,
            Self::Rsa3072 => &RSA3072,
            Self::P256 => &P256,
            Self::P384 => &P384,
            Self::Ed25519 => &ED25519,
        }
    }
}

/// Slots by name.
#[derive(Clone, Copy, ValueEnum)]
enum SlotName {
    Primary,
    Secondary,
}

/// Without `--ram-window` a RAM-load image may go anywhere but over the page of the vector table.
const ANY_RAM: AddressRange = AddressRange {
    start: 0x1000,
    len: u32::MAX - 0x1000,
};

impl Verify {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let keys = self.key.iter().map(|path| key_file::load_public(path));
        let keys = keys.collect::<anyhow::Result<Vec<_>>>()?;
        let suite = self.suite(&keys)?;
        let ders: Vec<&[u8]> = keys.iter().map(|key| key.der.as_slice()).collect();
        let hashes: Vec<&[u8]> = self
            .hw_key_hash
            .iter()
            .map(|hash| hash.0.as_slice())
            .collect();
        let trust = if self.unsigned {
            Keys::Unsigned
        } else if hashes.is_empty() {
            Keys::Embedded(&ders)
        } else {
            Keys::Hashes(&hashes)
        };
        let device = self
            .decryption_key
            .as_deref()
            .map(DeviceKey::read)
            .transpose()?;
        let bytes = hex::read_image(&self.file)?;
        let types = self.types(suite, &keys)?;
        let signers = self.signers(keys.len().max(hashes.len()), &types);
        let policy = Policy {
            signers,
            ..self.policy(suite, trust)?
        };
        let verdict = self.judge(&bytes, policy, device.as_ref())?;
        let code = report(&verdict);
        if let Err(refusal) = &verdict {
            count(*refusal, &bytes, &policy);
        }
        Ok(code)
    }

    fn judge<'a>(
        &self,
        bytes: &'a [u8],
        policy: Policy<'_>,
        device: Option<&DeviceKey>,
    ) -> anyhow::Result<Result<Verified<Decrypted<&'a [u8]>>, Refusal>> {
        if self
            .slot_size
            .is_some_and(|size| ImageSource::len(bytes) > size)
        {
            return Ok(Err(Refusal::TooLarge));
        }
        let Some(device) = device else {
            return Ok(Verified::check(Decrypted::plain(bytes), &policy));
        };
        // A device has one scheme. Which of those that the key can belong to, the image says; the first
        // verdict about anything else counts.
        let mut verdict = None;
        for scheme in device
            .schemes
            .iter()
            .copied()
            .filter(|scheme| self.takes(scheme))
        {
            let found = check_with(bytes, policy, scheme, device);
            if !matches!(found, Err(Refusal::EncryptionScheme)) {
                return Ok(found);
            }
            verdict = Some(found);
        }
        verdict.ok_or_else(|| usage("no scheme has this key with --encrypt-keylen and --hmac-sha"))
    }

    fn takes(&self, scheme: &EncryptionScheme) -> bool {
        let bits = (scheme.key_len() * 8).to_string();
        let hmac = match scheme.tlv() {
            tlv::ENC_X25519_SHA512 => "512",
            tlv::ENC_X25519 | tlv::ENC_EC256 => "256",
            _ => {
                return self.hmac_sha.is_none()
                    && self
                        .encrypt_keylen
                        .as_ref()
                        .is_none_or(|only| *only == bits);
            }
        };
        self.encrypt_keylen
            .as_ref()
            .is_none_or(|only| *only == bits)
            && self.hmac_sha.as_ref().is_none_or(|only| only == hmac)
    }

    /// The device's one suite, from what was said about its keys.
    fn suite(&self, keys: &[PublicKey]) -> anyhow::Result<&'static Suite> {
        if self.unsigned {
            if self.pure {
                return Err(usage(
                    "--pure is a way to sign; --unsigned devices check none",
                ));
            }
            return Ok(match self.hash.as_deref() {
                Some("sha384") => &suites::UNSIGNED_SHA384,
                Some("sha512") => &suites::UNSIGNED_SHA512,
                _ => &suites::UNSIGNED_SHA256,
            });
        }
        let kind = match (keys.first(), self.key_type) {
            (Some(_), Some(_)) => return Err(usage("--key-type goes with --hw-key-hash")),
            (Some(key), None) => key.kind,
            (None, Some(kind)) if !self.hw_key_hash.is_empty() => kind.kind(),
            (None, _) => {
                return Err(usage(
                    "whom does the device trust? Give --key, --hw-key-hash with --key-type, or --unsigned",
                ));
            }
        };
        kind.must_sign()?;
        self.suite_of(kind)
    }

    /// How each key signs; nothing where all sign as the device's suite says.
    fn types(
        &self,
        suite: &'static Suite,
        keys: &[PublicKey],
    ) -> anyhow::Result<Vec<&'static Signature>> {
        let kind = keys.first().map(|key| key.kind);
        if keys
            .iter()
            .all(|key| kind.is_some_and(|kind| std::ptr::eq(kind, key.kind)))
        {
            return Ok(Vec::new());
        }
        let type_of = |key: &PublicKey| {
            key.kind.must_sign()?;
            let all = key.kind.suites.iter().copied().chain(key.kind.pure);
            let mut signatures = all
                .filter(|own| own.hash().tlv == suite.hash().tlv)
                .filter_map(|own| own.signature())
                .filter(|own| own.pure == self.pure);
            signatures.next().ok_or_else(|| {
                usage(format!(
                    "{} keys do not sign images with {}: all keys of a device share the image's hash",
                    key.kind.name,
                    suite.name()
                ))
            })
        };
        keys.iter().map(type_of).collect()
    }

    fn signers<'a>(&self, keys: usize, types: &'a [&'static Signature]) -> Signers<'a> {
        if self.unsigned {
            return Signers::ANY;
        }
        Signers {
            required: self.require.of(keys),
            revoked: self.revoked.iter().fold(0, |mask, key| mask | 1 << key),
            types,
        }
    }

    fn suite_of(&self, kind: &Kind) -> anyhow::Result<&'static Suite> {
        let name = kind.name;
        let hash_name = |suite: &Suite| suite.hash().record_name.to_ascii_lowercase();
        if self.pure {
            let no = || {
                usage(format!(
                    "{name} keys sign only a hash; --pure is for Ed25519"
                ))
            };
            let suite = kind.pure.ok_or_else(no)?;
            return match self.hash.as_deref() {
                Some(hash) if hash != hash_name(suite) => Err(usage("--pure goes with sha512")),
                _ => Ok(suite),
            };
        }
        let Some(hash) = self.hash.as_deref() else {
            return kind
                .suites
                .first()
                .copied()
                .ok_or_else(|| usage("a key without a suite"));
        };
        let found = kind.suites.iter().find(|suite| hash_name(suite) == hash);
        found
            .copied()
            .ok_or_else(|| usage(format!("{name} keys do not go with --hash {hash}")))
    }

    fn policy<'a>(&self, suite: &'a Suite, keys: Keys<'a>) -> anyhow::Result<Policy<'a>> {
        let alignment = match self.max_align.as_str() {
            "16" => Alignment::Sixteen,
            "32" => Alignment::ThirtyTwo,
            _ => Alignment::Eight,
        };
        let size_limit = match self.slot_size {
            None => u32::MAX,
            Some(size) => Layout::new(size, alignment)
                .ok_or_else(|| usage(format!("a slot of {size:#x} bytes cannot have a trailer")))?
                .swap_info(),
        };
        let len = suite.hash().len;
        if self
            .hw_key_hash
            .iter()
            .any(|hash| hash.0.len() != usize::from(len))
        {
            let name = suite.hash().name;
            return Err(usage(format!(
                "--hw-key-hash is a {name} hash: {} digits",
                len * 2
            )));
        }
        let mut policy = Policy::new(suite, keys, size_limit);
        policy.image = self.image;
        policy.images = self.images;
        policy.slot = match (self.slot, &self.decryption_key) {
            (Some(SlotName::Primary), _) | (None, None) => Slot::Primary,
            (Some(SlotName::Secondary), _) | (None, Some(_)) => Slot::Secondary,
        };
        policy.min_security_counter = self.min_security_counter;
        policy.ram_window = Some(self.ram_window.unwrap_or(ANY_RAM));
        policy.rom_address = self.rom_address;
        policy.vendor_uuid = self.vid;
        policy.class_uuid = self.cid;
        Ok(policy)
    }
}

/// The verdict of a device with this scheme.
fn check_with<'a>(
    bytes: &'a [u8],
    policy: Policy<'_>,
    scheme: &'static EncryptionScheme,
    device: &DeviceKey,
) -> Result<Verified<Decrypted<&'a [u8]>>, Refusal> {
    let policy = Policy {
        encryption: Some(scheme),
        ..policy
    };
    let source = match policy.slot {
        Slot::Primary => Decrypted::plain(bytes),
        Slot::Secondary => Decrypted::open(bytes, &Decryption::new(scheme, &device.bytes.0))?,
    };
    Verified::check(source, &policy)
}

/// Beside a refusal for want of signatures: whose there are.
fn count(refusal: Refusal, bytes: &[u8], policy: &Policy<'_>) {
    if !matches!(
        refusal,
        Refusal::TooFewSignatures | Refusal::KeyRevoked | Refusal::UnknownKey
    ) {
        return;
    }
    let counted = Candidate::parse(bytes, policy).and_then(|image| image.count_signatures());
    let Ok(found) = counted else { return };
    let needed = match policy.signers.required {
        Required::Keys(count) => count.to_string(),
        Required::EachType => "one of each kind".to_owned(),
    };
    println!(
        "  signatures: {} by trusted keys (needed: {needed}), {} by revoked ones, {} by unknown ones",
        found.keys.count_ones(),
        found.revoked.count_ones(),
        found.unknown
    );
}

fn report(verdict: &Result<Verified<Decrypted<&[u8]>>, Refusal>) -> ExitCode {
    match verdict {
        Ok(image) => {
            println!("accepted: version {}", image.version());
            println!("  digest   {}", to_hex(image.digest()));
            if let Some(signer) = image.signer() {
                println!("  signer   {}", to_hex(signer));
            }
            if let Some(counter) = image.security_counter() {
                println!("  counter  {counter}");
            }
            for dependency in image.dependencies() {
                println!(
                    "  needs    image {} version {}",
                    dependency.image, dependency.minimum
                );
            }
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            println!("refused: {refusal}");
            ExitCode::from(1)
        }
    }
}
