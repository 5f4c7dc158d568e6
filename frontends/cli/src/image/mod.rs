//! `ironroot image …`.

use clap::Subcommand;
use std::process::ExitCode;

/// Subcommands of `ironroot image`.
#[derive(Subcommand)]
pub(crate) enum Command {}

/// Runs one subcommand; the exit code says accepted (0) or refused (1).
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {}
}
