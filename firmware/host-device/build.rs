//! Turns the partitions' manifests into the partition manager's tables, as the packer does for devices.

use ironroot_manifest::{BoardLimits, Manifest, System, product_root_services};
use std::path::{Path, PathBuf};

/// The partitions of the host device, by index; `src/bin/secure.rs` starts them by name.
const MANIFESTS: [&str; 1] = ["../an521-partition-ps/partition.toml"];

fn main() {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let manifests = MANIFESTS.map(|file| {
        let file = here.join(file);
        println!("cargo:rerun-if-changed={}", file.display());
        let text = std::fs::read_to_string(&file).expect("the manifest is in the repository");
        Manifest::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    });
    let system = System::new(product_root_services(), manifests.into(), BoardLimits::HOST)
        .unwrap_or_else(|error| panic!("{error}"));
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("partitions.rs"), system.host_tables())
        .expect("OUT_DIR can be written");
}
