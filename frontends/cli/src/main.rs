//! The `ironroot` command: images, devices, attestation, TPMs.
//!
//! Exit status: 0 done or accepted, 1 refused or failed, 2 wrong usage.

mod attest;
mod device;
mod image;
mod manual;
mod tpm;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The root of trust for embedded devices: sign images, make and run devices, verify attestation.
#[derive(Parser)]
#[command(name = "ironroot", version = version(), about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make, sign, check and look into firmware images (MCUboot format, imgtool's option names)
    #[command(subcommand)]
    Image(image::Command),
    /// Make, provision, boot, update and inspect a device whose flash is a file
    #[command(subcommand)]
    Device(device::Command),
    /// Verify and show attestation tokens
    #[command(subcommand)]
    Attest(attest::Command),
    /// Serve a TPM 2.0 to programs and virtual machines; look after its state
    #[command(subcommand)]
    Tpm(tpm::Command),
    /// Write the manual pages of all subcommands into a directory
    Man(manual::Manual),
}

/// Ours, and that of the C library that this build may have in it.
fn version() -> String {
    let own = env!("CARGO_PKG_VERSION");
    match ironroot_crypto::tpm::aws_lc_version() {
        Some(aws_lc) => format!("{own} (AWS-LC {aws_lc})"),
        None => own.to_owned(),
    }
}

fn main() -> ExitCode {
    if let Some(code) = tpm::called_by_name() {
        return code;
    }
    let result = match Cli::parse().command {
        Command::Image(command) => image::run(command),
        Command::Device(command) => device::run(command),
        Command::Attest(command) => attest::run(command),
        Command::Tpm(command) => tpm::run(command),
        Command::Man(manual) => manual.run::<Cli>(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("ironroot: {error:#}");
        ExitCode::from(1)
    })
}
