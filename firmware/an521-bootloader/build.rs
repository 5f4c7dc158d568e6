//! Linker script of the bootloader.

use std::env;
use std::path::PathBuf;

/// Bytes for each feature: the deepest that `cargo xtask size --stacks` sees with it, and an eighth of that. The
/// deepest feature counts. Without a signature scheme nothing boots and nothing is seen: as RSA, the least.
const STACKS: [(&str, u32); 8] = [
    ("HASH_ONLY", 0x2FA0),
    // 12,164 seen. Only six in a hundred more: that leaves 16,000 bytes of RAM in all.
    ("CARGO_FEATURE_P256", 0x3260),
    // 15,024 seen.
    ("CARGO_FEATURE_ED25519", 0x4220),
    // 10,836 seen.
    ("CARGO_FEATURE_RSA", 0x2FA0),
    // Beside P-256 it is not deeper than that; alone it was not watched: as RSA.
    ("CARGO_FEATURE_LMS", 0x2FA0),
    // By ECIES on P-256: the signature check is the deepest, 12,084 seen. By key wrap there is less to do.
    ("CARGO_FEATURE_ENCRYPTION", 0x3520),
    // Not watched: as deep as Ed25519, whose curve it is.
    ("CARGO_FEATURE_ENCRYPTION_X25519", 0x4220),
    // A swap with P-256, of an encrypted candidate: 13,748 seen; of another: 12,716. With Ed25519 not watched.
    ("CARGO_FEATURE_IN_PLACE", 0x3C80),
];

fn process_stack() -> u32 {
    let linked = |name: &str| name == "HASH_ONLY" || env::var_os(name).is_some();
    STACKS
        .iter()
        .filter(|(name, _)| linked(name))
        .map(|(_, size)| *size)
        .max()
        .unwrap_or(0)
        + recovery_stack()
}

/// The recovery mode keeps its buffers on the stack, below the verification.
fn recovery_stack() -> u32 {
    let recovery = [
        "CARGO_FEATURE_RECOVERY_SMP",
        "CARGO_FEATURE_RECOVERY_YMODEM",
    ];
    let built_in = recovery.iter().any(|name| env::var_os(name).is_some());
    if built_in { 0x1400 } else { 0 }
}

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let script = here.join("../../ports/armv8m/link/bootloader.x");
    println!("cargo:rerun-if-changed={}", script.display());
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-T{}", script.display());
        // Equal functions once: none is told apart from another by its address.
        println!("cargo:rustc-link-arg-bins=--icf=all");
        println!(
            "cargo:rustc-link-arg-bins=--defsym=__process_stack_size={}",
            process_stack()
        );
        println!("cargo:rustc-link-arg-bins=--defsym=__main_stack_size=0x400");
    }
}
