//! `ironroot tpm …`: a TPM 2.0 for this host and its virtual machines.
//!
//! Exit status: 0 done, 1 refused or failed, 2 wrong usage.

mod serve;
mod state;

use clap::Subcommand;
use std::process::ExitCode;

const HELP: &str = "\
A TPM in three commands:
  ironroot tpm serve --state ~/mytpm &
  export TPM2TOOLS_TCTI=mssim:host=127.0.0.1,port=2321
  tpm2_getrandom --hex 16

`ironroot tpm serve --help` shows how to reach it from tpm2-tools, QEMU and others, and how its state is
protected.";

/// Subcommands of `ironroot tpm`.
#[derive(Subcommand)]
#[command(after_long_help = HELP)]
pub(crate) enum Command {
    /// Serve a TPM whose state is a directory
    #[command(long_about = serve::ABOUT, after_long_help = serve::HELP)]
    Serve(serve::Serve),
    /// Look at, check or copy a state that is not being served
    #[command(subcommand)]
    State(state::Command),
}

/// Runs one subcommand.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => serve.run(),
        Command::State(command) => state::run(command),
    }
}
