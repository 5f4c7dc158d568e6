//! `ironroot device new` and `payload`.

use super::values::BoardName;
use crate::image::shared;
use anyhow::Context;
use clap::Args;
use ironroot_host_device::{Board, DeviceFiles, elf};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `new`.
#[derive(Args)]
pub(crate) struct New {
    /// Where: a directory for a host device, a file for AN521. Must not exist yet
    #[arg(value_name = "DEVICE")]
    device: PathBuf,
    /// Kind of device
    #[arg(long)]
    board: BoardName,
}

impl New {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let files = DeviceFiles::create(&self.device, self.board.into())?;
        let what = match files.board() {
            Board::Host => "a host device, sparse on disk",
            Board::An521 => "an AN521 device, the content of its PSRAM",
        };
        let size = files.map().geometry.size() >> 20;
        println!(
            "{}: {what}, {size} MiB of blank flash",
            self.device.display()
        );
        println!(
            "next: ironroot device provision {} --key ROOT.pem",
            self.device.display()
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Options of `payload`.
#[derive(Args)]
pub(crate) struct Payload {
    /// The program (ELF-64)
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,
    /// The payload, for `ironroot image sign`
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

impl Payload {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let program = shared::read(&self.program)?;
        let payload = elf::loaded_part(&program)
            .with_context(|| format!("{} is no ELF-64 program", self.program.display()))?;
        shared::write(&self.out, &payload)?;
        println!(
            "{}: {} of {} bytes",
            self.out.display(),
            payload.len(),
            program.len()
        );
        Ok(ExitCode::SUCCESS)
    }
}
