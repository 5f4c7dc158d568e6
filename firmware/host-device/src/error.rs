//! What can go wrong with a device, in words for the person in front of it.

use ironroot_boot::otp::OtpError;
use ironroot_boot::trailer_ops::TrailerError;
use ironroot_boot::{BootError, Image, Reason, Slot};
use ironroot_platform::{CounterError, FlashError};
use ironroot_port_host::OpenError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why something could not be done with a device.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// There is no device at this path.
    #[error(
        "{} is no device: make one with `ironroot device new` (a directory for the host, a file for AN521)",
        .0.display()
    )]
    NoDevice(PathBuf),
    /// The device could not be made.
    #[error("could not make {path}: {1}", path = .0.display())]
    Create(PathBuf, OpenError),
    /// The board has no bootloader that updates so.
    #[error("there is no {0} bootloader that updates by {1}: an521 has ram-load and swap-offset")]
    NoStrategy(&'static str, &'static str),
    /// Nobody knows how the device updates.
    #[error("{} names no strategy that the device's board has", .0.display())]
    UnknownStrategy(PathBuf),
    /// The device could not be opened.
    #[error("could not open {path}: {1}", path = .0.display())]
    Open(PathBuf, OpenError),
    /// The OTP area.
    #[error("{}", otp_words(.0))]
    Otp(OtpError),
    /// The flash.
    #[error("the flash refused: {0:?}")]
    Flash(FlashError),
    /// A hardware counter.
    #[error("a hardware counter failed: {0:?}")]
    Counter(CounterError),
    /// The trailer of a slot.
    #[error("the slot's trailer is not in the state for that ({0:?}): write the image again")]
    Trailer(TrailerError),
    /// The image does not fit the slot.
    #[error(
        "the image has {image} bytes; slot {slot} of the {which} image takes {limit} beside its trailer"
    )]
    TooLarge {
        /// Which image.
        which: Image,
        /// Which slot.
        slot: Slot,
        /// Its length.
        image: usize,
        /// What fits.
        limit: u32,
    },
    /// The device would refuse the image.
    #[error("the device would refuse this image as {0}: {1}")]
    Refused(Image, Reason),
    /// The image is not newer than what the device runs.
    #[error(
        "version {candidate} is not newer than {running} in slot {slot}: the device would never choose it"
    )]
    NotNewer {
        /// Version of the candidate.
        candidate: ironroot_image::Version,
        /// Version that runs.
        running: ironroot_image::Version,
        /// Where that is.
        slot: Slot,
    },
    /// Nothing boots.
    #[error("nothing was started: {}", boot_words(.0))]
    Boot(BootError),
    /// The power failed, as was asked for.
    #[error("the power failed")]
    PowerCut,
    /// The device is not one that runs here.
    #[error(
        "an AN521 device runs in QEMU: `cargo xtask qemu` starts it; this command boots host devices"
    )]
    NotHere,
    /// A process of the device.
    #[error("{0}: {1}")]
    Process(&'static str, io::Error),
    /// The secure world ended before it was ready.
    #[error("the secure world did not start (see above)")]
    SecureWorld,
    /// The device resets again and again.
    #[error("the device was reset {0} times in a row and was switched off")]
    TooManyResets(u32),
    /// The record store.
    #[error("the vault did not open: {0:?}")]
    Vault(ironroot_vault::VaultError),
    /// Cryptography.
    #[error("key generation failed: {0:?}")]
    Crypto(ironroot_crypto::CryptoError),
}

impl From<OtpError> for DeviceError {
    fn from(error: OtpError) -> Self {
        Self::Otp(error)
    }
}
impl From<FlashError> for DeviceError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}
impl From<CounterError> for DeviceError {
    fn from(error: CounterError) -> Self {
        Self::Counter(error)
    }
}
impl From<TrailerError> for DeviceError {
    fn from(error: TrailerError) -> Self {
        Self::Trailer(error)
    }
}
impl From<ironroot_crypto::CryptoError> for DeviceError {
    fn from(error: ironroot_crypto::CryptoError) -> Self {
        Self::Crypto(error)
    }
}

fn otp_words(error: &OtpError) -> String {
    match error {
        OtpError::Blank => "the device is not provisioned: use `ironroot device provision`".into(),
        OtpError::Damaged => "the provisioned record is damaged".into(),
        OtpError::UnknownFormat => {
            "the device was provisioned by a newer version of this tool".into()
        }
        OtpError::AlreadyProvisioned => {
            "the device is provisioned already; that happens once in its life".into()
        }
        OtpError::Exhausted => "the OTP area is used up: the device is scrap".into(),
        OtpError::Backwards => "the lifecycle goes forward only".into(),
        OtpError::Invalid => {
            "what is to be provisioned does not fit the record, or there is no such key".into()
        }
        OtpError::LastKeys => "too few root keys would be left to sign any image".into(),
        OtpError::NothingWouldBoot => {
            "what is installed is not signed by the root keys that would be left: install and confirm images \
             signed by them first"
                .into()
        }
        OtpError::Flash(error) => format!("the OTP area cannot be used: {error:?}"),
    }
}

fn boot_words(error: &BootError) -> String {
    match error {
        BootError::NothingToBoot(image) => {
            format!(
                "no acceptable {image} image (the reasons are above; `ironroot device install` puts one in)"
            )
        }
        BootError::Counter(image, error) => {
            format!("the hardware counter of the {image} image failed: {error:?}")
        }
        BootError::Flash(error) => format!("the flash failed: {error:?}"),
        BootError::FaultDetected => "a decision did not stand".into(),
    }
}
