//! Build script of every partition (`build` in its Cargo.toml): the linker script, and where it lies. The packer gives the
//! addresses.

use std::env;
use std::path::PathBuf;

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let script = here.join("../../ports/armv8m/link/partition.x");
    println!("cargo:rerun-if-changed={}", script.display());
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-T{}", script.display());
        for (symbol, name, default) in [
            (
                "__partition_code_base",
                "IRONROOT_PARTITION_CODE_BASE",
                "0x10070000",
            ),
            (
                "__partition_ram_base",
                "IRONROOT_PARTITION_RAM_BASE",
                "0x30014000",
            ),
            (
                "__partition_stack_size",
                "IRONROOT_PARTITION_STACK_SIZE",
                "0x400",
            ),
        ] {
            println!("cargo:rerun-if-env-changed={name}");
            let value = env::var(name).unwrap_or_else(|_| default.to_owned());
            println!("cargo:rustc-link-arg-bins=--defsym={symbol}={value}");
        }
    }
}
