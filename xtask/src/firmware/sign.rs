//! Signing with `ironroot image sign`, under development keys.
//!
//! The keys are made once per checkout, in `target/`. They are worth nothing: whoever has the checkout
//! has them. A product's keys never come near this tool.

use super::partitions::Placed;
use crate::place::Place;
use crate::shell::{cargo, output, run, say};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of the image header, as TF-M has it on this board.
pub(super) const HEADER_SIZE: u32 = 0x400;
/// Where the secure image runs, copied there or in place (ARCHITECTURE.md, memory map).
pub(super) const SECURE_BASE: u32 = 0x1001_0000;
/// Where the non-secure image does.
pub(super) const NON_SECURE_BASE: u32 = 0x0020_0000;
/// Slot sizes of the flash map.
const SECURE_SLOT: u32 = 512 * 1024;
const NON_SECURE_SLOT: u32 = 1024 * 1024;

/// The development keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Signs secure images.
    pub(crate) secure: PathBuf,
    /// Signs applications.
    pub(crate) non_secure: PathBuf,
}

/// How images are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    P256,
    Ed25519Sha256,
    Ed25519Sha512,
    Ed25519Pure,
    Rsa2048,
    Rsa3072,
    /// By a P-256 key and an LMS key; a device that demands both.
    P256AndLms,
    /// By a P-256 key, and encrypted for a device with another (ECIES).
    P256Encrypted,
}

impl Scheme {
    /// Each with one key alone.
    pub(crate) const ALL: [Self; 6] = [
        Self::P256,
        Self::Ed25519Sha256,
        Self::Ed25519Sha512,
        Self::Ed25519Pure,
        Self::Rsa2048,
        Self::Rsa3072,
    ];

    /// For people and file names.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::Ed25519Sha256 => "ed25519-sha256",
            Self::Ed25519Sha512 => "ed25519-sha512",
            Self::Ed25519Pure => "ed25519-pure",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::P256AndLms => "p256-lms",
            Self::P256Encrypted => "p256-ecies",
        }
    }

    const fn key_type(self) -> &'static str {
        match self {
            Self::P256 | Self::P256AndLms | Self::P256Encrypted => "ecdsa-p256",
            Self::Ed25519Sha256 | Self::Ed25519Sha512 | Self::Ed25519Pure => "ed25519",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
        }
    }

    /// A further development key: its file, and its type.
    const fn further_key(self) -> Option<(&'static str, &'static str)> {
        match self {
            // Every build signs twice, so it lasts for 500 builds.
            Self::P256AndLms => Some(("development-lms.pem", "lms-h10-w8")),
            Self::P256Encrypted => Some(("development-decryption.pem", "ecdsa-p256")),
            _ => None,
        }
    }

    /// Further arguments of `ironroot image sign`.
    const fn signing(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519Sha512 => &["--sha", "512"],
            Self::Ed25519Pure => &["--pure"],
            _ => &[],
        }
    }

    /// Further arguments of `ironroot device provision`.
    const fn provisioning(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519Sha512 => &["--signing", "sha512"],
            Self::Ed25519Pure => &["--signing", "pure"],
            _ => &[],
        }
    }
}

/// The `ironroot` command with the keys.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// The built command.
    pub(crate) ironroot: PathBuf,
    pub(crate) keys: Keys,
    scheme: Scheme,
    /// The second signer's key, or the device's.
    further: Option<PathBuf>,
    /// The option that says where an image runs: copied to memory, or in place.
    address: &'static str,
}

/// Builds the `ironroot` command for this machine.
pub(crate) fn build_ironroot(place: &Place) -> Result<PathBuf> {
    run(cargo(&place.root).args(["build", "-p", "ironroot-cli", "--bin", "ironroot"]))?;
    Ok(place.target.join("debug/ironroot"))
}

impl Signer {
    /// Builds the command and finds or makes the keys: P-256.
    pub(crate) fn new(place: &Place) -> Result<Self> {
        Self::with(place, Scheme::P256)
    }

    /// The same with keys of another kind.
    pub(crate) fn with(place: &Place, scheme: Scheme) -> Result<Self> {
        let ironroot = build_ironroot(place)?;
        let directory = place.work().join("keys");
        let beside = match scheme {
            Scheme::P256 | Scheme::P256AndLms | Scheme::P256Encrypted => String::new(),
            other => format!("-{}", other.key_type()),
        };
        let keys = Keys {
            secure: directory.join(format!("development-secure{beside}.pem")),
            non_secure: directory.join(format!("development-non-secure{beside}.pem")),
        };
        std::fs::create_dir_all(&directory)?;
        let further = scheme.further_key();
        let further = further.map(|(file, kind)| (directory.join(file), kind));
        let own = [&keys.secure, &keys.non_secure].map(|key| (key, scheme.key_type()));
        let further_one = further.iter().map(|(key, kind)| (key, *kind));
        for (key, kind) in own.into_iter().chain(further_one) {
            if !key.exists() {
                say!("making a development key (worth nothing outside this checkout)");
                let mut command = Command::new(&ironroot);
                command.args(["image", "keygen", "-t", kind, "-k"]).arg(key);
                output(&mut command)?;
            }
        }
        Ok(Self {
            ironroot,
            keys,
            scheme,
            further: further.map(|(key, _)| key),
            address: "--load-addr",
        })
    }

    /// The same for images that run where they lie, at the same addresses.
    pub(crate) fn in_place(&self) -> Self {
        Self {
            address: "--rom-fixed",
            ..self.clone()
        }
    }

    /// The same without encryption: where images run in place, the first ones lie in the clear.
    pub(crate) fn in_the_clear(&self) -> Self {
        let mut signer = self.clone();
        if signer.scheme == Scheme::P256Encrypted {
            signer.scheme = Scheme::P256;
        }
        signer
    }

    /// Arguments that tell a device whose images to take.
    pub(crate) fn provisioning(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut arguments = vec![
            "--key".to_owned(),
            text(&self.keys.secure),
            "--application-key".to_owned(),
            text(&self.keys.non_secure),
        ];
        arguments.extend(
            self.scheme
                .provisioning()
                .iter()
                .map(|word| (*word).to_owned()),
        );
        if let Some(key) = self.further.as_deref().map(text) {
            let words = match self.scheme {
                Scheme::P256AndLms => vec![
                    "--key",
                    &key,
                    "--application-key",
                    &key,
                    "--require",
                    "each-type",
                ],
                _ => vec!["--decryption-key", &key],
            };
            arguments.extend(words.into_iter().map(str::to_owned));
        }
        arguments
    }

    /// Signs a secure image; each partition becomes a measured component.
    pub(crate) fn secure(
        &self,
        binary: &Path,
        partitions: &[Placed],
        version: &str,
        security_counter: u32,
        out: &Path,
    ) -> Result<()> {
        let mut command = self.sign(&self.keys.secure, "SPE", SECURE_BASE, SECURE_SLOT);
        for partition in partitions {
            let measurement = crate::size::hash(&partition.binary)?;
            let (name, version) = (&partition.component, &partition.version);
            command
                .arg("--component")
                .arg(format!("{name}:{version}:{measurement}"));
        }
        self.finish(command, binary, version, security_counter, out)
    }

    /// Signs an application.
    pub(crate) fn non_secure(
        &self,
        binary: &Path,
        version: &str,
        security_counter: u32,
        out: &Path,
    ) -> Result<()> {
        let command = self.sign(
            &self.keys.non_secure,
            "NSPE",
            NON_SECURE_BASE,
            NON_SECURE_SLOT,
        );
        self.finish(command, binary, version, security_counter, out)
    }

    fn sign(&self, key: &Path, record: &str, base: u32, slot: u32) -> Command {
        let mut command = Command::new(&self.ironroot);
        command.args([
            "image",
            "sign",
            "--align",
            "4",
            "--public-key-format",
            "full",
        ]);
        command.args([
            "--header-size",
            &format!("{HEADER_SIZE:#x}"),
            "--pad-header",
        ]);
        command.args(["--slot-size", &format!("{slot:#x}")]);
        command.args([self.address, &format!("{base:#x}")]);
        command
            .args(["--boot-record", record])
            .args(self.scheme.signing())
            .arg("--key")
            .arg(key);
        if let (Scheme::P256Encrypted, Some(key)) = (self.scheme, &self.further) {
            command.arg("--encrypt").arg(key);
        }
        command
    }

    fn finish(
        &self,
        mut command: Command,
        binary: &Path,
        version: &str,
        security_counter: u32,
        out: &Path,
    ) -> Result<()> {
        command.args([
            "--version",
            version,
            "--security-counter",
            &security_counter.to_string(),
        ]);
        output(command.arg(binary).arg(out))?;
        if let (Scheme::P256AndLms, Some(key)) = (self.scheme, &self.further) {
            let mut second = Command::new(&self.ironroot);
            second.args(["image", "add-signature", "--key"]).arg(key);
            output(second.args([out, out]))?;
        }
        Ok(())
    }
}
