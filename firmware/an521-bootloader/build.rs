//! Linker script of the bootloader.

use std::env;
use std::path::PathBuf;

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let script = here.join("../../ports/armv8m/link/bootloader.x");
    println!("cargo:rerun-if-changed={}", script.display());
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-T{}", script.display());
        // Equal functions once: none is told apart from another by its address.
        println!("cargo:rustc-link-arg-bins=--icf=all");
        println!("cargo:rustc-link-arg-bins=--defsym=__process_stack_size=0x3800");
        println!("cargo:rustc-link-arg-bins=--defsym=__main_stack_size=0x400");
    }
}
