//! `ironroot tpm …`: a TPM 2.0 for this host and its virtual machines.
//!
//! Exit status: 0 done, 1 refused or failed, 2 wrong usage.

mod cert;
mod configuration;
mod getopt;
mod links;
mod localca;
mod places;
mod report;
mod serve;
mod setup;
mod state;
mod swtpm;
mod swtpm_ioctl;
mod tool;
mod user;

use clap::Subcommand;
use std::process::ExitCode;

pub(crate) use links::called_by_name;

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
    /// Make links that replace swtpm's programs: swtpm, swtpm_setup, swtpm_ioctl, swtpm_cert, swtpm_localca
    ///
    /// Called through one of them, this program takes that one's options. Put the directory first in the path of who
    /// starts swtpm (libvirt, a script). A link that is there is replaced, a file is not.
    InstallLinks(links::InstallLinks),
}

/// Runs one subcommand.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => serve.run(),
        Command::State(command) => state::run(command),
        Command::InstallLinks(links) => links.run(),
    }
}
