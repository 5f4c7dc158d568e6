//! How devices, images, slots and states are written on the command line.

use clap::{Args, ValueEnum};
use ironroot_boot::otp::Lifecycle;
use ironroot_boot::{Image, Slot, UpdateMode};
use ironroot_host_device::{Board, DeviceError, DeviceFiles};
use std::path::PathBuf;

/// Which device.
#[derive(Args)]
pub(super) struct DeviceArgument {
    /// The device: the directory or file that `device new` made
    #[arg(value_name = "DEVICE")]
    device: PathBuf,
}

impl DeviceArgument {
    /// The device's files.
    pub(super) fn find(&self) -> Result<DeviceFiles, DeviceError> {
        DeviceFiles::find(&self.device)
    }
}

/// Kinds of device.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum BoardName {
    /// Processes on this machine
    Host,
    /// Arm MPS2+ AN521 in QEMU
    An521,
}

impl From<BoardName> for Board {
    fn from(name: BoardName) -> Self {
        match name {
            BoardName::Host => Self::Host,
            BoardName::An521 => Self::An521,
        }
    }
}

/// Ways to update.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum StrategyName {
    /// The newest image of both slots is copied to memory and runs there; a trial that fails goes back to the
    /// other slot
    RamLoad,
    /// Images run from slot A; a candidate in slot B, one sector further on, is swapped in, and back after a trial
    /// that fails. The least wear of all that swap
    SwapOffset,
    /// The same without the offset: the image in slot A is moved one sector up first
    SwapMove,
    /// The same by way of a scratch area, which wears the most
    SwapScratch,
    /// Slot B is copied over slot A: no trial, no way back
    OverwriteOnly,
    /// The newest image runs in the slot it is in; a trial that fails goes back to the other slot
    DirectXipRevert,
    /// The newest image runs in the slot it is in: no trial, no way back
    DirectXip,
}

impl From<StrategyName> for UpdateMode {
    fn from(name: StrategyName) -> Self {
        match name {
            StrategyName::RamLoad => Self::RamLoad,
            StrategyName::SwapOffset => Self::SwapOffset,
            StrategyName::SwapMove => Self::SwapMove,
            StrategyName::SwapScratch => Self::SwapScratch,
            StrategyName::OverwriteOnly => Self::Overwrite,
            StrategyName::DirectXipRevert => Self::DirectXipRevert,
            StrategyName::DirectXip => Self::DirectXip,
        }
    }
}

/// "0" or "secure", "1" or "non-secure".
pub(super) fn image(text: &str) -> Result<Image, String> {
    match text {
        "0" | "secure" => Ok(Image::Secure),
        "1" | "non-secure" => Ok(Image::NonSecure),
        _ => Err("not an image: 0 (secure) or 1 (non-secure)".to_owned()),
    }
}

/// "a" or "b".
pub(super) fn slot(text: &str) -> Result<Slot, String> {
    match text {
        "a" | "A" => Ok(Slot::A),
        "b" | "B" => Ok(Slot::B),
        _ => Err("not a slot: a or b".to_owned()),
    }
}

/// A state by its name, or by its number.
pub(super) fn lifecycle(text: &str) -> Result<Lifecycle, String> {
    let by_name = Lifecycle::ALL
        .into_iter()
        .find(|state| state.words() == text);
    let number = text
        .strip_prefix("0x")
        .and_then(|digits| u16::from_str_radix(digits, 16).ok());
    by_name
        .or_else(|| Lifecycle::from_number(number?))
        .ok_or_else(|| {
            let names: Vec<_> = Lifecycle::ALL.iter().map(|state| state.words()).collect();
            format!("not a lifecycle state: {}", names.join(", "))
        })
}

/// 32 bytes in hexadecimal digits.
pub(super) fn bytes32(text: &str) -> Result<[u8; 32], String> {
    crate::image::shared::from_hex(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| "not 64 hexadecimal digits".to_owned())
}
