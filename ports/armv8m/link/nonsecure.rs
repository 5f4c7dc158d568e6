//! Build script of every non-secure application (`build` in its Cargo.toml): the linker script, and the import object
//! that names the secure world's gates.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=IRONROOT_VENEERS");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let script = here.join("../../ports/armv8m/link/nonsecure.x");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    // Equal functions once: none is told apart from another by its address.
    println!("cargo:rustc-link-arg-bins=--icf=all");

    // Without the import object the program still compiles (for clippy, say) and fails to link.
    match env::var("IRONROOT_VENEERS") {
        Ok(veneers) if Path::new(&veneers).is_file() => {
            println!("cargo:rerun-if-changed={veneers}");
            println!("cargo:rustc-link-arg-bins={veneers}");
        }
        Ok(veneers) => panic!("IRONROOT_VENEERS names {veneers}, which is not a file"),
        Err(_) => println!(
            "cargo:warning=IRONROOT_VENEERS is not set: the image cannot link without the secure \
             image's import object. `cargo xtask qemu` builds both in order."
        ),
    }
}
