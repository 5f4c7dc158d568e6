//! `ironroot device boot`.

use super::values::DeviceArgument;
use clap::Args;
use ironroot_host_device::{BootOptions, DeviceError, RecoveryLine, run};
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const ABOUT: &str = "\
Boot a host device and run it until its application ends: choose and verify both images, start the secure \
world and the application as processes from exactly the verified bytes, and boot again whenever the device \
resets itself. The console of bootloader and device is this one.

Exit status: that of the application; 1 if the device did not boot.";

/// Exit status of a power cut that was asked for.
const POWER_CUT: u8 = 3;

/// Options of `boot`.
#[derive(Args)]
pub(crate) struct Boot {
    #[command(flatten)]
    device: DeviceArgument,
    /// Take in images over a serial line first (`device load`, `smpmgr`, `sb`), until the client resets
    #[arg(long)]
    recovery: bool,
    /// The line's socket; without it, the line is a new pseudo-terminal, whose name is shown
    #[arg(long, value_name = "PATH", requires = "recovery")]
    serial: Option<PathBuf>,
    /// For demonstrations and tests: the power fails before this write or erase of the boot, counted from 0
    #[arg(long, value_name = "OPERATIONS", hide = true)]
    cut_power_after: Option<u32>,
    /// Arguments for the application
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

impl Boot {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let options = BootOptions {
            application_arguments: self.arguments.clone(),
            application_output: None,
            recovery: self.recovery.then(|| self.line()),
            cut_power_after: self.cut_power_after,
        };
        let report = match run(&self.device.find()?, &options, &mut |line| {
            println!("{line}");
        }) {
            Err(DeviceError::PowerCut) => {
                eprintln!("the power fails");
                return Ok(ExitCode::from(POWER_CUT));
            }
            other => other?,
        };
        let code = report.exit_code.and_then(|code| u8::try_from(code).ok());
        Ok(ExitCode::from(code.unwrap_or(1)))
    }

    fn line(&self) -> RecoveryLine {
        match &self.serial {
            Some(path) => RecoveryLine::Socket(path.clone()),
            None => RecoveryLine::Pty,
        }
    }
}
