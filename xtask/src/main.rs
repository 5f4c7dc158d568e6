//! The only entry point for tools.

mod bench;
mod check;
mod demo;
mod device;
mod disassembly;
mod elf;
mod elfcheck;
mod firmware;
mod fuzz;
mod place;
mod qemu;
mod setup;
mod shell;
mod size;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use place::Place;
use std::process::ExitCode;

/// Ironroot's tool: it sets itself up, builds firmware, and shows, tests and measures it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show a device at work: secure boot, services, attacks, attestation, updates
    Demo(demo::Options),
    /// Check the source: layout, imports, formatting, lints, documentation
    Check(check::Options),
    /// Run all tests, on this host and on QEMU, and close with one line of counts
    Test(test::Options),
    /// Build and sign the AN521 images
    Build(firmware::Options),
    /// Check the linked images: gates, panic paths, paths of this machine
    Elf(elfcheck::Options),
    /// Boot a device on QEMU, on your terminal
    Qemu(qemu::Options),
    /// Count executed instructions, beside TF-M's
    Bench(bench::Options),
    /// Print flash and RAM of each image beside TF-M's
    Size(size::Options),
    /// Run the fuzz targets for a while
    Fuzz(fuzz::Options),
    /// Install what this machine lacks, and say what is there
    Setup,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let place = Place::find()?;
    match command {
        Command::Demo(options) => demo::run(&place, &options),
        Command::Check(options) => check::check(&place, &options),
        Command::Test(options) => test::test(&place, &options),
        Command::Build(options) => firmware::run(&place, &options),
        Command::Elf(options) => elfcheck::run(&place, &options),
        Command::Qemu(options) => qemu::run(&place, &options),
        Command::Bench(options) => bench::run(&place, &options),
        Command::Size(options) => size::run(&place, &options),
        Command::Fuzz(options) => fuzz::fuzz(&place, &options),
        Command::Setup => setup::everything(&place),
    }
}
