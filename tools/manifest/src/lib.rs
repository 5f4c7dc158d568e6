#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod generate;
mod manifest;
mod read;
mod system;

pub use generate::Placement;
pub use manifest::{
    AfterLastRestart, Dependency, Manifest, MmioRegion, Priority, Restart, Service, ServiceAccess,
    VersionPolicy,
};
pub use read::ManifestError;
pub use system::{BoardLimits, KnownService, System, SystemError, product_root_services};
