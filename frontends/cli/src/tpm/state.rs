//! `ironroot tpm state …`, and the options that every user of a state has.

use clap::{Args, Subcommand};
use ironroot_tpmd::{AnchorSource, Durability, KeySource, Report, StateOptions};
use std::path::PathBuf;
use std::process::ExitCode;

/// What opens a protected state.
#[derive(Args)]
pub(super) struct Secrets {
    /// Encrypt the state with the key in FILE, from descriptor fd:N, or printed by exec:CMD (16 bytes or
    /// more, all of them count). Without it: integrity against accident only
    #[arg(long, value_name = "KEY")]
    key: Option<KeySource>,

    /// Refuse an old copy of the state: keep its last position in FILE outside the directory, or by
    /// exec:CMD
    #[arg(long, value_name = "ANCHOR")]
    anchor: Option<AnchorSource>,
}

/// Subcommands of `ironroot tpm state`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show what anybody can see of a state
    Info {
        /// The directory
        directory: PathBuf,
    },
    /// Open a state as `serve` would, and say what it holds or why it is refused
    Check(Opened),
    /// Check a state and copy it into a new directory
    ///
    /// A copy is a second TPM with the same keys. It never gives the same random numbers. With an anchor,
    /// only the one that goes on being served stays acceptable.
    Backup {
        #[command(flatten)]
        opened: Opened,
        /// Where the copy goes; a state that is there is not replaced
        target: PathBuf,
    },
}

/// A state to be opened.
#[derive(Args)]
pub(crate) struct Opened {
    /// The directory
    directory: PathBuf,

    #[command(flatten)]
    secrets: Secrets,
}

impl Secrets {
    /// For the state in a directory.
    pub(super) fn options(self, directory: PathBuf, durability: Durability) -> StateOptions {
        StateOptions {
            directory,
            key: self.key,
            anchor: self.anchor,
            durability,
        }
    }
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Info { directory } => print(&ironroot_tpmd::info(&directory)?),
        Command::Check(opened) => print(&ironroot_tpmd::check(&opened.options())?),
        Command::Backup { opened, target } => {
            print(&ironroot_tpmd::back_up(&opened.options(), &target)?);
            println!("copied to    {}", target.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Opened {
    fn options(self) -> StateOptions {
        self.secrets.options(self.directory, Durability::Full)
    }
}

fn print(report: &Report) {
    println!("format       {}", report.format);
    println!("protection   {}", report.protection);
    println!("file         {} bytes", report.file_len);
    if let Some(content) = &report.content {
        println!(
            "records      {} in {} bytes",
            content.records, content.bytes
        );
        println!("changes      {} since it was made", content.transactions);
    }
}
