//! What a fresh machine lacks, and how it gets it.
//!
//! Each need is first looked for (a file or a path look-up, so a prepared machine loses no time), then
//! installed with a word on what happens, and if that fails the error is the step a person can do.

mod apt;
pub(crate) mod guest;
mod python;

use crate::place::{Place, on_path};
use crate::shell::{run, say};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// The processor that firmware is built for.
pub(crate) const DEVICE: &str = "thumbv8m.main-none-eabi";

/// Something from outside the checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Rust's library for the device, and rustfmt, clippy, LLVM's binary tools.
    Rust,
    /// `qemu-system-arm`.
    Qemu,
    /// `arm-none-eabi-gcc` with a C library, and its binutils.
    ArmCompiler,
    /// A C compiler for this machine (the counting plugin is C).
    HostCompiler,
    /// `imgtool` and other tools, in a private Python environment.
    Python,
    /// `sb`, which sends files by Ymodem.
    Lrzsz,
    /// swtpm, the TPM that ours is measured against.
    Swtpm,
    /// Programs that use a TPM: tpm2-tools, IBM's TSS, tpm2-openssl, tpm2-pytss, clevis, systemd-cryptenroll.
    TpmClients,
    /// A machine and a kernel for a guest that has a TPM.
    TpmGuest,
    /// libvirt and what makes machines below it.
    Libvirt,
    /// What reads services, profiles and manual pages.
    Packaging,
    /// What shows that nothing depends on secrets.
    Valgrind,
}

impl Need {
    /// What devices need: images, QEMU, and tools that speak to them.
    pub(crate) const DEVICE: [Self; 6] = [
        Self::Rust,
        Self::Qemu,
        Self::ArmCompiler,
        Self::HostCompiler,
        Self::Python,
        Self::Lrzsz,
    ];
    /// What tests of the TPM need besides; a machine where apt cannot reach them skips those tests.
    pub(crate) const TPM: [Self; 6] = [
        Self::Swtpm,
        Self::TpmClients,
        Self::TpmGuest,
        Self::Libvirt,
        Self::Valgrind,
        Self::Packaging,
    ];
}

/// Debian's packages of programs that use a TPM.
const TPM_CLIENTS: [&str; 12] = [
    "tpm2-tools",
    "tpm2-abrmd",
    "libtss2-tcti-tabrmd0",
    "dbus-daemon",
    "tss2",
    "tpm2-openssl",
    "python3-tpm2-pytss",
    "clevis",
    "clevis-luks",
    "clevis-tpm2",
    "cryptsetup-bin",
    "xxd",
];

/// Debian's packages of libvirt.
const LIBVIRT: [&str; 6] = [
    "libvirt-daemon-system",
    "libvirt-daemon-driver-qemu",
    "libvirt-clients",
    "virtinst",
    "qemu-utils",
    "procps",
];

/// Whether the last thing that each package brings is there.
fn tpm_clients_present() -> bool {
    let programs = ["tpm2_getrandom", "dbus-run-session", "tssgetrandom"];
    let more = [
        "clevis-decrypt-tpm2",
        "clevis-luks-bind",
        "cryptsetup",
        "xxd",
        "openssl",
    ];
    let files = [
        "/usr/lib/python3/dist-packages/tpm2_pytss",
        "/usr/sbin/tpm2-abrmd",
    ];
    programs
        .into_iter()
        .chain(more)
        .all(|program| on_path(program).is_some())
        && files.iter().all(|file| Path::new(file).exists())
}

/// Makes every need present, or explains what to do by hand.
pub(crate) fn ensure(place: &Place, needs: &[Need]) -> Result<()> {
    for need in needs {
        match need {
            Need::Rust => rust(place)?,
            Need::Qemu => apt::ensure("qemu-system-arm", &["qemu-system-arm"], || {
                std::env::var_os("IRONROOT_QEMU").is_some() || on_path("qemu-system-arm").is_some()
            })?,
            Need::ArmCompiler => apt::ensure(
                "arm-none-eabi-gcc with newlib",
                &[
                    "gcc-arm-none-eabi",
                    "binutils-arm-none-eabi",
                    "libnewlib-arm-none-eabi",
                ],
                arm_compiler_present,
            )?,
            Need::HostCompiler => {
                apt::ensure("cc", &["gcc", "libc6-dev"], || on_path("cc").is_some())?;
            }
            Need::Python => python::ensure(place)?,
            Need::Lrzsz => apt::ensure("sb", &["lrzsz"], || on_path("sb").is_some())?,
            Need::Swtpm => apt::ensure(
                "swtpm and its tools",
                &["swtpm", "swtpm-tools", "gnutls-bin"],
                || {
                    ["swtpm", "swtpm_setup", "certtool"]
                        .iter()
                        .all(|program| on_path(program).is_some())
                },
            )?,
            Need::TpmClients => apt::ensure("clients of a TPM", &TPM_CLIENTS, tpm_clients_present)?,
            Need::TpmGuest => guest::ensure(place)?,
            Need::Packaging => apt::ensure(
                "what judges the packaging",
                &["systemd", "apparmor", "groff-base"],
                || {
                    Path::new("/usr/sbin/apparmor_parser").exists()
                        && ["systemd-analyze", "groff"]
                            .iter()
                            .all(|program| on_path(program).is_some())
                },
            )?,
            Need::Libvirt => apt::ensure("libvirt", &LIBVIRT, || {
                ["/usr/sbin/libvirtd", "/usr/sbin/virtlogd"]
                    .iter()
                    .all(|file| Path::new(file).exists())
                    && ["virt-install", "virsh", "qemu-img", "pgrep"]
                        .iter()
                        .all(|program| on_path(program).is_some())
            })?,
            Need::Valgrind => {
                apt::ensure("valgrind", &["valgrind"], || on_path("valgrind").is_some())?;
            }
        }
    }
    Ok(())
}

/// `cargo xtask setup`: everything, then a list of what is there.
pub(crate) fn everything(place: &Place) -> Result<()> {
    let mut failed = 0;
    for need in Need::DEVICE.into_iter().chain(Need::TPM) {
        match ensure(place, &[need]) {
            Ok(()) => println!("{need:?}: ready"),
            Err(error) => {
                failed += 1;
                println!("{need:?}: {error:#}");
            }
        }
    }
    let deny = if on_path("cargo-deny").is_some() {
        "ready"
    } else {
        "not installed, optional"
    };
    println!("cargo-deny: {deny} (`cargo xtask check` looks at licences and bans with it)");
    if failed > 0 {
        bail!(
            "{failed} of {} could not be set up",
            Need::DEVICE.len() + Need::TPM.len()
        );
    }
    Ok(())
}

fn rust(place: &Place) -> Result<()> {
    let missing_target = !place
        .sysroot
        .join("lib/rustlib")
        .join(DEVICE)
        .join("lib")
        .exists();
    let components: Vec<_> = [
        ("llvm-tools", place.llvm("llvm-objcopy").is_err()),
        ("rustfmt", !place.sysroot.join("bin/rustfmt").exists()),
        ("clippy", !place.sysroot.join("bin/cargo-clippy").exists()),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect();
    if !missing_target && components.is_empty() {
        return Ok(());
    }
    let mut commands = Vec::new();
    if missing_target {
        commands.push(vec!["target", "add", DEVICE]);
    }
    if !components.is_empty() {
        commands.push([vec!["component", "add"], components].concat());
    }
    for words in commands {
        let line = format!("rustup {}", words.join(" "));
        if !installing_is_allowed() || on_path("rustup").is_none() {
            bail!("the Rust toolchain is incomplete. By hand: {line}");
        }
        say!("set-up: {line}");
        if run(Command::new("rustup").args(&words).current_dir(&place.root)).is_err() {
            bail!("rustup could not install. By hand, with a network: {line}");
        }
    }
    Ok(())
}

fn arm_compiler_present() -> bool {
    // Without a C library the compiler answers with the bare name.
    on_path("arm-none-eabi-gcc").is_some()
        && Command::new("arm-none-eabi-gcc")
            .arg("-print-file-name=libc.a")
            .output()
            .is_ok_and(|output| output.stdout.contains(&b'/'))
}

/// `IRONROOT_NO_INSTALL` in the environment: only say what is missing.
fn installing_is_allowed() -> bool {
    std::env::var_os("IRONROOT_NO_INSTALL").is_none_or(|value| value.is_empty())
}
