//! The bootloader with fewer signature schemes: what a product that needs one carries.

use super::{Compiler, Scheme};
use crate::place::Place;
use anyhow::Result;
use std::path::PathBuf;

/// A choice of signature schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    /// For the command line and files.
    pub(crate) name: &'static str,
    /// Features of the bootloader's package.
    features: &'static [&'static str],
    /// Parts of function names that its ELF file must not hold: what it says it leaves out.
    pub(crate) without: &'static [&'static str],
    /// What it boots.
    pub(crate) schemes: &'static [Scheme],
}

const P256: &str = "p256";
const ED25519: &str = "curve25519";
const RSA: &str = "rsa";
const SHA512: &str = "sha512";
const LMS: &str = "lms";

/// Each, the smallest first.
pub(crate) const VARIANTS: [Variant; 11] = [
    Variant {
        name: "hash-only",
        features: &[],
        without: &[P256, ED25519, RSA, SHA512, LMS],
        schemes: &[],
    },
    Variant {
        name: "p256",
        features: &["p256"],
        without: &[ED25519, RSA, SHA512, LMS],
        schemes: &[Scheme::P256],
    },
    Variant {
        name: "p256-ecies",
        features: &["p256", "encryption-p256"],
        without: &[ED25519, RSA, SHA512, LMS],
        schemes: &[Scheme::P256, Scheme::P256Encrypted],
    },
    Variant {
        name: "p256-smp",
        features: &["p256", "recovery-smp"],
        without: &[ED25519, RSA, SHA512, LMS],
        schemes: &[Scheme::P256],
    },
    Variant {
        name: "p256-ymodem",
        features: &["p256", "recovery-ymodem"],
        without: &[ED25519, RSA, SHA512, LMS],
        schemes: &[Scheme::P256],
    },
    Variant {
        name: "p256-in-place",
        features: &["p256", "in-place"],
        without: &[ED25519, RSA, SHA512, LMS],
        schemes: &[Scheme::P256],
    },
    Variant {
        name: "p256-ecies-in-place",
        features: &["p256", "encryption-p256", "in-place"],
        without: &[ED25519, RSA, SHA512, LMS],
        schemes: &[Scheme::P256Encrypted],
    },
    Variant {
        name: "p256-lms",
        features: &["p256", "lms"],
        without: &[ED25519, RSA, SHA512],
        schemes: &[Scheme::P256AndLms],
    },
    Variant {
        name: "rsa",
        features: &["rsa"],
        without: &[P256, ED25519, LMS],
        schemes: &[Scheme::Rsa2048, Scheme::Rsa3072],
    },
    Variant {
        name: "ed25519",
        features: &["ed25519"],
        without: &[P256, RSA, LMS],
        schemes: &[
            Scheme::Ed25519Sha256,
            Scheme::Ed25519Sha512,
            Scheme::Ed25519Pure,
        ],
    },
    Variant {
        name: "everything",
        features: &["p256", "ed25519", "rsa"],
        without: &[],
        schemes: &Scheme::ALL,
    },
];

/// For the command line.
pub(super) fn parse(name: &str) -> Result<Variant, String> {
    let known = VARIANTS.map(|variant| variant.name).join(", ");
    let found = VARIANTS.into_iter().find(|variant| variant.name == name);
    found.ok_or_else(|| format!("one of: {known}"))
}

impl Variant {
    /// Whether it starts images where they lie.
    pub(crate) fn in_place(self) -> bool {
        self.features.contains(&"in-place")
    }

    /// Builds it; gives the ELF file.
    pub(crate) fn build(self, place: &Place) -> Result<PathBuf> {
        let directory = place.images("bootloaders");
        std::fs::create_dir_all(&directory)?;
        let elf = directory.join(format!("{}.elf", self.name));
        Compiler::new(place)?
            .variant(
                "ironroot-an521-bootloader",
                "an521-bootloader",
                self.features,
                &[],
            )?
            .copy_to(&elf)?;
        Ok(elf)
    }
}
