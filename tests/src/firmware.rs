//! What `cargo xtask test` built, found by the environment it sets.

use std::env;
use std::path::{Path, PathBuf};

/// Set by whoever wants only what runs without a device.
const HOST_ONLY: &str = "IRONROOT_HOST_ONLY";

/// The images of one configuration.
#[derive(Debug, Clone)]
pub struct Firmware {
    directory: PathBuf,
}

impl Firmware {
    /// The product: isolation level 3, no test partition.
    #[must_use]
    pub fn product() -> Option<Self> {
        Self::named("level3")
    }

    /// The product with what TF-M's profile_medium offers and no more.
    #[must_use]
    pub fn medium() -> Option<Self> {
        Self::named("level3-medium")
    }

    /// With the echo and the hostile partition.
    #[must_use]
    pub fn with_test_partitions(level: u8) -> Option<Self> {
        Self::named(&format!("level{level}-test"))
    }

    /// Nothing only where somebody said that there is no device: a scenario that was not run must not look
    /// like one that passed.
    fn named(name: &str) -> Option<Self> {
        if env::var_os(HOST_ONLY).is_some() {
            eprintln!("skipped: {HOST_ONLY} is set");
            return None;
        }
        let Some(root) = env::var_os("IRONROOT_AN521_DIR") else {
            panic!(
                "IRONROOT_AN521_DIR is not set: run `cargo xtask test --device`, which builds the firmware \
                 and sets it, or set {HOST_ONLY}=1 to skip what needs a device"
            );
        };
        let directory = Path::new(&root).join(name);
        assert!(
            directory.is_dir(),
            "{} was not built: run `cargo xtask build --all`, or `cargo xtask test --device`",
            directory.display()
        );
        Some(Self { directory })
    }

    /// The bootloader's ELF file.
    #[must_use]
    pub fn bootloader(&self) -> PathBuf {
        self.directory.join("bootloader.elf")
    }

    /// The one that starts images in place.
    #[must_use]
    pub fn bootloader_in_place(&self) -> PathBuf {
        self.directory.join("bootloader-in-place.elf")
    }

    /// An image that runs in place, `secure` or an application, signed as version 1.0.0 with counter 1.
    #[must_use]
    pub fn in_place(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}-1.0.0.in-place.signed"))
    }

    /// The secure image, signed as version 1.0.0 with counter 1.
    #[must_use]
    pub fn secure(&self) -> PathBuf {
        self.directory.join("secure-1.0.0.signed")
    }

    /// An application likewise.
    #[must_use]
    pub fn application(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}-1.0.0.signed"))
    }

    /// A file of the build.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The development key of an image: `secure` or `non-secure`.
#[must_use]
pub fn keys(name: &str) -> PathBuf {
    let root = env::var_os("IRONROOT_KEYS").expect("set together with IRONROOT_AN521_DIR");
    Path::new(&root).join(format!("development-{name}.pem"))
}

/// The reference signing tool, if it is installed.
#[must_use]
pub fn imgtool() -> Option<PathBuf> {
    let path = env::var_os("IRONROOT_IMGTOOL")
        .map(PathBuf::from)
        .filter(|path| path.exists());
    if path.is_none() {
        eprintln!("skipped: imgtool is not installed; `cargo xtask test` installs it");
    }
    path
}
