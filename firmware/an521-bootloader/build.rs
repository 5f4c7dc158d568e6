//! Linker script of the bootloader.

use std::env;
use std::path::PathBuf;

/// Bytes for each signature scheme: the deepest that `cargo xtask size` sees and an eighth of it, at least
/// 256. The deepest scheme counts. Without a scheme nothing boots and nothing is seen: as RSA, the least.
const STACKS: [(&str, u32); 7] = [
    // Not watched yet: as deep as the deepest, before the others were.
    ("CARGO_FEATURE_ENCRYPTION", 0x3800),
    ("HASH_ONLY", 0x2C80),
    ("CARGO_FEATURE_P256", 0x3260),
    ("CARGO_FEATURE_ED25519", 0x3C40),
    ("CARGO_FEATURE_RSA", 0x2C80),
    // Measured: less than P-256.
    ("CARGO_FEATURE_LMS", 0x2C80),
    ("CARGO_FEATURE_IN_PLACE", 0x4000),
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
