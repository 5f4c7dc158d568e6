//! Builds the images of AN521 and packs them.
//!
//! The order is forced by who needs whose addresses:
//!
//! 1. partitions, each linked on its own, placed one behind the other after the secure vector table;
//! 2. the partition table, a Rust source made from the manifests and those places;
//! 3. the secure image, compiled with that table, which yields the import object of its gates;
//! 4. the partitions' bytes, laid into the gap that the secure image's linker script left;
//! 5. the bootloader, and the applications, linked with the import object;
//! 6. signatures.

mod bootloader;
mod compile;
mod pack;
mod partitions;
mod sign;

pub(crate) use bootloader::{VARIANTS, Variant};
pub(crate) use compile::Compiler;
pub(crate) use partitions::Placed;
pub(crate) use sign::{Scheme, Signer};

use crate::elf::Elf;
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::{say, write_if_changed};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// What can be chosen about a secure image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// PSA isolation level, 1 to 3.
    pub(crate) level: u8,
    /// With the echo and the hostile partition, which are never in a product.
    pub(crate) test_partitions: bool,
    /// What the services offer.
    pub(crate) algorithms: Algorithms,
}

/// What the services of a secure image offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithms {
    /// Everything there is.
    All,
    /// What TF-M's profile_medium has on this board and we have too: no Ed25519, no AES-GCM, no firmware
    /// update service.
    Medium,
}

impl Algorithms {
    /// Features of the secure image's package.
    fn features(self) -> &'static [&'static str] {
        match self {
            Self::All => &["default"],
            Self::Medium => &[],
        }
    }
}

impl Configuration {
    /// What is shipped.
    pub(crate) const PRODUCT: Self = Self {
        level: 3,
        test_partitions: false,
        algorithms: Algorithms::All,
    };

    /// The same with what TF-M's profile_medium offers, to be compared with it.
    pub(crate) const MEDIUM: Self = Self {
        algorithms: Algorithms::Medium,
        ..Self::PRODUCT
    };

    /// What the attack tests run on.
    pub(crate) const TESTS: [Self; 3] = [Self::test(3), Self::test(2), Self::test(1)];

    const fn test(level: u8) -> Self {
        Self {
            level,
            test_partitions: true,
            algorithms: Algorithms::All,
        }
    }

    /// Folder name.
    pub(crate) fn name(self) -> String {
        let algorithms = match self.algorithms {
            Algorithms::All => "",
            Algorithms::Medium => "-medium",
        };
        let tests = if self.test_partitions { "-test" } else { "" };
        format!("level{}{algorithms}{tests}", self.level)
    }
}

/// The applications, by short name and package. The C one is built apart.
pub(crate) const APPLICATIONS: [(&str, &str); 4] = [
    ("nonsecure", "ironroot-an521-nonsecure"),
    ("bench", "ironroot-an521-bench"),
    ("attacks", "ironroot-an521-attacks"),
    ("tpm", "ironroot-an521-tpm"),
];

/// Everything that one build made.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    /// All files are in here.
    pub(crate) directory: PathBuf,
    pub(crate) partitions: Vec<Placed>,
    /// Signed applications by short name, version 1.0.0.
    pub(crate) applications: Vec<(String, PathBuf)>,
}

impl Images {
    /// A file of the build.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The signed image of an application.
    pub(crate) fn application(&self, name: &str) -> Result<&PathBuf> {
        match self.applications.iter().find(|(known, _)| known == name) {
            Some((_, path)) => Ok(path),
            None => {
                let known: Vec<_> = self.applications.iter().map(|(name, _)| &**name).collect();
                bail!(
                    "there is no application {name:?}; there are: {}",
                    known.join(", ")
                )
            }
        }
    }
}

/// Arguments of `cargo xtask build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// PSA isolation level of the secure image
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    level: u8,
    /// Include the echo and the hostile partition, for the attack tests
    #[arg(long)]
    test_partitions: bool,
    /// With what TF-M's profile_medium offers and no more: no Ed25519, AES-GCM, firmware update
    #[arg(long)]
    medium: bool,
    /// The product, the medium one, and the test images of every level
    #[arg(long, conflicts_with_all = ["level", "test_partitions", "medium", "bootloader"])]
    all: bool,
    /// Only a bootloader, with these signature schemes and no others; `everything` is in all images
    #[arg(long, value_name = "VARIANT", value_parser = bootloader::parse,
        conflicts_with_all = ["level", "test_partitions", "medium"])]
    bootloader: Option<Variant>,
}

impl Options {
    fn configurations(&self) -> Vec<Configuration> {
        if self.all {
            let products = [Configuration::PRODUCT, Configuration::MEDIUM];
            return [&products, Configuration::TESTS.as_slice()].concat();
        }
        vec![Configuration {
            level: self.level,
            test_partitions: self.test_partitions,
            algorithms: if self.medium {
                Algorithms::Medium
            } else {
                Algorithms::All
            },
        }]
    }
}

/// `cargo xtask build`.
pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    if let Some(variant) = options.bootloader {
        setup::ensure(place, &[Need::Rust, Need::ArmCompiler])?;
        println!("{}", variant.build(place)?.display());
        return Ok(());
    }
    for configuration in options.configurations() {
        let images = build(place, configuration)?;
        println!("{}", images.directory.display());
        let mut names: Vec<_> = std::fs::read_dir(&images.directory)?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        names.sort();
        for path in names {
            let length = std::fs::metadata(&path)?.len();
            println!(
                "  {length:>9} {}",
                path.file_name().unwrap_or_default().to_string_lossy()
            );
        }
    }
    Ok(())
}

/// Builds one configuration with everything signed as version 1.0.0.
pub(crate) fn build(place: &Place, configuration: Configuration) -> Result<Images> {
    setup::ensure(place, &[Need::Rust, Need::ArmCompiler])?;
    let directory = place.images(&configuration.name());
    std::fs::create_dir_all(&directory)?;
    say!("building AN521 firmware, {}", configuration.name());
    let compiler = Compiler::new(place)?;

    let (system, sources) = pack::system(place, configuration)?;
    let partitions = partitions::place_all(&compiler, &sources, &directory)?;
    let secure = pack::secure_image(&compiler, configuration, &system, &partitions, &directory)?;
    compiler
        .image("ironroot-an521-bootloader", "an521-bootloader", &[])?
        .copy_to(&directory.join("bootloader.elf"))?;
    if configuration == Configuration::PRODUCT {
        // For the tests; a product chooses what it has.
        let recovery: &[&str] = &["p256", "recovery-smp", "recovery-ymodem"];
        let in_place: &[&str] = &["p256", "encryption-p256", "sets", "in-place"];
        for (name, features) in [
            ("recovery", recovery),
            ("hybrid", &["p256", "lms"]),
            ("in-place", in_place),
            // SMP is 768 bytes too much beside the swap.
            (
                "in-place-recovery",
                &["p256", "recovery-ymodem", "in-place"],
            ),
            // With encrypted images as well it would not fit into its place.
            ("in-place-sets", &["p256", "in-place", "sets"]),
        ] {
            let (package, program) = ("ironroot-an521-bootloader", "an521-bootloader");
            compiler
                .variant(package, program, features, &[])?
                .copy_to(&directory.join(format!("bootloader-{name}.elf")))?;
        }
    }

    let signer = Signer::new(place)?;
    let secure_signed = directory.join("secure-1.0.0.signed");
    signer.secure(&secure, &partitions, "1.0.0", 1, &secure_signed)?;

    let in_place = (configuration == Configuration::PRODUCT).then(|| signer.in_place());
    if let Some(signer) = &in_place {
        let out = directory.join("secure-1.0.0.in-place.signed");
        signer.secure(&secure, &partitions, "1.0.0", 1, &out)?;
    }

    let mut applications = Vec::new();
    for (name, package) in APPLICATIONS {
        let veneers = directory.join("veneers.o");
        let veneers = veneers.to_string_lossy();
        let program = package.strip_prefix("ironroot-").unwrap_or(package);
        let built = compiler.image(package, program, &[("IRONROOT_VENEERS", &veneers)])?;
        let elf = directory.join(format!("{name}.elf"));
        built.copy_to(&elf)?;
        applications.push((
            name.to_owned(),
            sign_application(&signer, &directory, name)?,
        ));
    }
    if compile::build_c_application(&compiler, &directory)? {
        applications.push((
            "app-c".to_owned(),
            sign_application(&signer, &directory, "app-c")?,
        ));
    }
    if let Some(signer) = &in_place {
        for (name, _) in &applications {
            let out = directory.join(format!("{name}-1.0.0.in-place.signed"));
            let binary = directory.join(format!("{name}.bin"));
            signer.non_secure(&binary, "1.0.0", 1, &out)?;
        }
    }
    Ok(Images {
        directory,
        partitions,
        applications,
    })
}

/// Makes `<name>.bin` of `<name>.elf` and signs it.
fn sign_application(signer: &Signer, directory: &std::path::Path, name: &str) -> Result<PathBuf> {
    let (base, image) = Elf::read(&directory.join(format!("{name}.elf")))?.image()?;
    if base != sign::NON_SECURE_BASE + sign::HEADER_SIZE {
        bail!("{name}.elf starts at {base:#x}, not behind the image header");
    }
    let binary = directory.join(format!("{name}.bin"));
    write_if_changed(&binary, &image)?;
    let signed = directory.join(format!("{name}-1.0.0.signed"));
    signer.non_secure(&binary, "1.0.0", 1, &signed)?;
    Ok(signed)
}
