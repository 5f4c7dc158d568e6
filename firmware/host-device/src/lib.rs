#![doc = include_str!("../README.md")]

mod bootloader;
pub mod elf;
mod error;
mod faults;
mod files;
mod marshal;
mod offline;
mod provisioning;
mod recovery;
mod retained;
mod secure;
mod slots;
mod start;
mod supply;

pub use bootloader::{BootOptions, RunReport, run};
pub use error::DeviceError;
pub use faults::{Faults, faults};
pub use files::{Board, DeviceFiles};
pub use marshal::{Link, Marshal};
pub use offline::{Offline, running_device};
pub use provisioning::{
    Choices, Identity, advance_lifecycle, facts, identity, implementation_id, provision,
    revoke_keys,
};
pub use recovery::RecoveryLine;
pub use retained::Retained;
pub use secure::run as run_secure_world;
pub use slots::{
    ALL_ENCRYPTION, ALL_SUITES, Accepted, Report, confirm, inspect, judge, security_counter,
    withdraw, write,
};

/// Environment variable that tells an application where the secure world listens.
pub const SOCKET_VARIABLE: &str = "IRONROOT_SECURE_SOCKET";

/// What the secure world says once it serves.
const READY: &str = "ready";

/// Exit codes of the device's processes.
mod exit {
    /// The secure world wants the device to reset.
    pub(crate) const RESET: i32 = 75;
    /// The secure world's power was cut, as it was asked for.
    pub(crate) const POWER_CUT: i32 = 76;
}
