//! `ironroot device provision` and `lifecycle`.

use super::values::{self, DeviceArgument};
use crate::image::shared;
use anyhow::{Context, bail};
use clap::Args;
use ironroot_boot::PerImage;
use ironroot_boot::otp::{
    DecryptionKey, HeldKey, Lifecycle, MAX_ROOT_KEYS, ProvisioningFlags, RootKey, RootKeys, Scheme,
    Text,
};
use ironroot_host_device::{
    ALL_SUITES, Choices, DeviceFiles, Identity, advance_lifecycle, identity, provision,
};
use ironroot_image::Required;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) const ABOUT: &str = "\
Give a blank device its identity: a hardware unique key, an attestation key and an entropy seed, all drawn at \
random and never shown; the hashes of the keys that may sign its images; and its lifecycle state.

This happens once. Power loss in between leaves a blank or a provisioned device; run the command again until \
it says done. Written beside the flash: the attestation public key (PEM) for verifiers, and device.json with \
everything that is no secret.";

/// Options of `provision`.
#[derive(Args)]
pub(crate) struct Provision {
    #[command(flatten)]
    device: DeviceArgument,
    /// The key that signs this device's images (PEM or DER; the public half is enough). May be given up to four
    /// times; --require says how many must have signed
    #[arg(long, value_name = "ROOT.pem", required = true)]
    key: Vec<PathBuf>,
    /// Another key for image 1, the application; without it the same keys sign both. May be repeated
    #[arg(long, value_name = "PEM")]
    application_key: Vec<PathBuf>,
    /// How many of several keys must have signed: any, all, a number, or each-type (one of each kind of key)
    #[arg(long, value_name = "HOW", default_value = "any", value_parser = shared::requirement)]
    require: shared::Requirement,
    /// How the keys sign, if there is a choice (Ed25519): sha256, sha512 or pure
    #[arg(long, value_name = "HOW", default_value = "sha256")]
    signing: Signing,
    /// The key that opens encrypted images: a private key (P-256 or X25519, PEM or DER), or a key-encryption
    /// key for AES key wrap, 16 or 32 bytes in hexadecimal. Without it the device takes no encrypted image
    #[arg(long, value_name = "PEM|HEX")]
    decryption_key: Option<String>,
    /// Length of the keys that images are encrypted with
    #[arg(long, value_name = "BITS", value_parser = ["128", "256"], default_value = "128", requires = "decryption_key")]
    encrypt_keylen: String,
    /// Hash of the HMAC around content keys, if there is a choice (X25519)
    #[arg(long, value_name = "BITS", value_parser = ["256", "512"], default_value = "256", requires = "decryption_key")]
    hmac_sha: String,
    /// State the device starts its life in
    #[arg(long, value_name = "STATE", default_value = "secured", value_parser = values::lifecycle)]
    lifecycle: Lifecycle,
    /// Implementation id, 32 bytes in hexadecimal; without it that of the board's bootloader
    #[arg(long, value_name = "HEX", value_parser = values::bytes32)]
    implementation_id: Option<[u8; 32]>,
    /// Certification reference for attestation tokens, such as 1234567890123-12345
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    certification_reference: String,
    /// Where a verifier of attestation tokens is found (a URL)
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    verification_service: String,
    /// Keep the device's images together: an update of both starts, counts and goes back as one, also when power
    /// is cut between two writes
    #[arg(long)]
    together: bool,
    /// Derive every secret from these 32 bytes, so that tests can repeat. The device is marked as a test
    /// device and says so at every boot: whoever knows the seed has its keys
    #[arg(long, value_name = "HEX", value_parser = values::bytes32)]
    seed: Option<[u8; 32]>,
}

/// How a key signs images.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Signing {
    /// Over the SHA-256 of the image
    Sha256,
    /// Over the SHA-512 of the image
    Sha512,
    /// Over the image itself
    Pure,
}

impl Provision {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let files = self.device.find()?;
        let secure = self.root_keys(&self.key)?;
        let non_secure = match self.application_key.as_slice() {
            [] => secure,
            paths => self.root_keys(paths)?,
        };
        let choices = Choices {
            root_keys: PerImage { secure, non_secure },
            decryption_key: self.decryption_key()?,
            lifecycle: self.lifecycle,
            implementation_id: self.implementation_id,
            certification_reference: text(
                &self.certification_reference,
                "--certification-reference",
            )?,
            verification_service: text(&self.verification_service, "--verification-service")?,
            together: self.together,
            seed: self.seed,
        };
        let mut flash = files.open_flash()?;
        let identity = provision(&mut flash, files.board(), choices)?;
        write_public(&files, &identity)?;
        println!(
            "provisioned, lifecycle {}",
            identity.facts.lifecycle.words()
        );
        println!(
            "instance id: {}",
            shared::to_hex(&identity.facts.instance_id)
        );
        println!(
            "attestation public key: {}",
            files.attestation_key_file().display()
        );
        println!("public facts: {}", files.facts_file().display());
        if identity
            .facts
            .flags
            .contains(ProvisioningFlags::TEST_SECRETS)
        {
            println!("THIS IS A TEST DEVICE: its secrets come from --seed");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn decryption_key(&self) -> anyhow::Result<Option<DecryptionKey>> {
        let Some(argument) = &self.decryption_key else {
            return Ok(None);
        };
        let bits = self.encrypt_keylen.parse()?;
        shared::decryption_key(argument, bits, self.hmac_sha == "512").map(Some)
    }

    fn root_keys(&self, paths: &[PathBuf]) -> anyhow::Result<RootKeys> {
        if paths.len() > MAX_ROOT_KEYS {
            bail!("an image has at most {MAX_ROOT_KEYS} keys");
        }
        let keys = paths.iter().map(|path| self.root_key(path));
        let keys = keys.collect::<anyhow::Result<Vec<_>>>()?;
        let keys = RootKeys::new(&keys, self.require.of(keys.len()));
        keys.context(
            "these keys cannot sign one image together: one is given twice, they do not sign the same hash, or \
             --require asks for more than there are",
        )
    }

    fn root_key(&self, path: &Path) -> anyhow::Result<RootKey> {
        let key = shared::root_key(path)?;
        let wanted = |scheme: Scheme, pure: bool| match self.signing {
            Signing::Pure => pure,
            Signing::Sha256 => !pure && scheme.hash_len() == 32,
            Signing::Sha512 => !pure && scheme.hash_len() == 64,
        };
        for suite in &key.suites {
            let scheme = ALL_SUITES
                .iter()
                .find(|(_, known)| known.name() == suite.name());
            let Some((scheme, _)) = scheme else { continue };
            let pure = suite.signature().is_some_and(|signature| signature.pure);
            if wanted(*scheme, pure) {
                let hash = suite.hash().of_bytes(&key.der)?;
                return RootKey::new(*scheme, hash.as_slice())
                    .context("a key hash of another length");
            }
        }
        bail!(
            "{}: {} keys do not sign that way (--signing)",
            path.display(),
            key.name
        );
    }
}

fn text<const N: usize>(text: &str, option: &str) -> anyhow::Result<Text<N>> {
    Text::new(text).with_context(|| format!("{option} takes at most {N} bytes"))
}

/// What everybody may know of a device.
#[derive(Serialize)]
struct PublicFacts {
    board: &'static str,
    lifecycle: &'static str,
    instance_id: String,
    implementation_id: String,
    attestation_public_key: String,
    root_keys: [PublicRootKey; 2],
    certification_reference: String,
    verification_service: String,
    images_together: bool,
    test_device: bool,
}

/// Who may sign an image. The first key stands for all where one is looked for.
#[derive(Serialize)]
struct PublicRootKey {
    image: u8,
    scheme: &'static str,
    key_hash: String,
    required: String,
    keys: Vec<PublicKey>,
}

#[derive(Serialize)]
struct PublicKey {
    scheme: &'static str,
    key_hash: String,
    revoked: bool,
}

impl PublicRootKey {
    fn new(image: ironroot_boot::Image, keys: &RootKeys) -> Self {
        let public = |(index, key): (usize, HeldKey<'_>)| PublicKey {
            scheme: scheme_name(key.scheme),
            key_hash: shared::to_hex(key.key_hash),
            revoked: keys.revoked() >> index & 1 == 1,
        };
        Self {
            image: image.number(),
            scheme: scheme_name(keys.scheme()),
            key_hash: shared::to_hex(keys.key_hash()),
            required: required_words(keys),
            keys: keys.keys().enumerate().map(public).collect(),
        }
    }
}

/// How many of the keys must have signed.
pub(super) fn required_words(keys: &RootKeys) -> String {
    match keys.required() {
        Required::EachType => "each-type".to_owned(),
        Required::Keys(count) => count.to_string(),
    }
}

pub(super) fn scheme_name(scheme: Scheme) -> &'static str {
    ALL_SUITES
        .iter()
        .find(|(known, _)| *known == scheme)
        .map_or("unknown", |(_, suite)| suite.name())
}

pub(super) fn write_public(files: &DeviceFiles, identity: &Identity) -> anyhow::Result<()> {
    let facts = &identity.facts;
    let root_key = |image| PublicRootKey::new(image, facts.root_keys.get(image));
    let public = PublicFacts {
        board: files.board().name(),
        lifecycle: facts.lifecycle.words(),
        instance_id: shared::to_hex(&facts.instance_id),
        implementation_id: shared::to_hex(&facts.implementation_id),
        attestation_public_key: shared::to_hex(&identity.attestation_public_key),
        root_keys: ironroot_boot::Image::ALL.map(root_key),
        certification_reference: facts.certification_reference.as_str().to_owned(),
        verification_service: facts.verification_service.as_str().to_owned(),
        images_together: facts.flags.contains(ProvisioningFlags::IMAGES_TOGETHER),
        test_device: facts.flags.contains(ProvisioningFlags::TEST_SECRETS),
    };
    let mut json = serde_json::to_vec_pretty(&public)?;
    json.push(b'\n');
    shared::write(&files.facts_file(), &json)?;
    let pem = shared::p256_pem(&identity.attestation_public_key);
    shared::write(&files.attestation_key_file(), pem.as_bytes())
}

/// Options of `lifecycle`.
#[derive(Args)]
pub(crate) struct SetLifecycle {
    #[command(flatten)]
    device: DeviceArgument,
    /// The new state: secured, non-psa-rot-debug, decommissioned …
    #[arg(value_name = "STATE", value_parser = values::lifecycle)]
    state: Lifecycle,
}

impl SetLifecycle {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let files = self.device.find()?;
        let mut flash = files.open_flash()?;
        advance_lifecycle(&mut flash, files.map(), self.state)?;
        write_public(&files, &identity(&mut flash, files.map())?)?;
        println!("lifecycle {}", self.state.words());
        Ok(ExitCode::SUCCESS)
    }
}
