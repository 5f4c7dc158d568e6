//! Linker script, partition table and isolation level of the secure image.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let script = here.join("../../ports/armv8m/link/secure.x");
    println!("cargo:rerun-if-changed={}", script.display());
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-T{}", script.display());
        let text_base = variable("IRONROOT_ROOT_TEXT_BASE", "0x10010600");
        println!("cargo:rustc-link-arg-bins=--defsym=__root_text_base={text_base}");
        // The deepest that `cargo xtask size --stacks` sees, 7,288 bytes in the medium image, and an eighth of
        // it. Taking in an update verifies an image on top of a service's frames, which it does not see.
        let stack = match env::var_os("CARGO_FEATURE_UPDATE") {
            Some(_) => 0x3000,
            None => 0x2080,
        };
        println!("cargo:rustc-link-arg-bins=--defsym=__process_stack_size={stack:#x}");
        println!("cargo:rustc-link-arg-bins=--defsym=__main_stack_size=0x600");
        println!("cargo:rustc-link-arg-bins=--cmse-implib");
        let import = variable("IRONROOT_VENEERS_OUT", "");
        let import = if import.is_empty() {
            out("veneers.o")
        } else {
            PathBuf::from(import)
        };
        println!(
            "cargo:rustc-link-arg-bins=--out-implib={}",
            import.display()
        );
    }

    // The table the packer generated; without one the image holds no partition.
    let table = variable("IRONROOT_PARTITION_TABLE", "");
    let table = if table.is_empty() {
        here.join("src/no_partitions.rs")
    } else {
        PathBuf::from(table)
    };
    println!("cargo:rerun-if-changed={}", table.display());
    println!(
        "cargo:rustc-env=IRONROOT_PARTITION_TABLE_FILE={}",
        table.display()
    );

    println!("cargo:rustc-check-cfg=cfg(test_services)");
    if variable("IRONROOT_TEST_SERVICES", "") == "1" {
        println!("cargo:rustc-cfg=test_services");
    }

    let level = match variable("IRONROOT_ISOLATION_LEVEL", "3").as_str() {
        "1" => "One",
        "2" => "Two",
        "3" => "Three",
        other => panic!("IRONROOT_ISOLATION_LEVEL is 1, 2 or 3, not {other:?}"),
    };
    let text = format!("IsolationLevel::{level}\n");
    std::fs::write(out("isolation_level.rs"), text).expect("OUT_DIR can be written");
}

fn variable(name: &str, default: &str) -> String {
    println!("cargo:rerun-if-env-changed={name}");
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn out(name: &str) -> PathBuf {
    Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join(name)
}
