//! `ironroot device new` and `payload`.

use super::values::{BoardName, StrategyName};
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
    /// How it updates, for all its life: on a product, what its bootloader was built for. an521 has ram-load and
    /// swap-offset
    #[arg(long, value_enum, default_value = "ram-load")]
    strategy: StrategyName,
}

impl New {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let mode = self.strategy.into();
        let files = DeviceFiles::create_for(&self.device, self.board.into(), mode)?;
        let what = match files.board() {
            Board::Host => "a host device, sparse on disk",
            Board::An521 => "an AN521 device, the content of its PSRAM",
        };
        let size = files.map().geometry.size() >> 20;
        println!(
            "{}: {what}, {size} MiB of blank flash, updates by {}",
            self.device.display(),
            files.layout().mode.name()
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
