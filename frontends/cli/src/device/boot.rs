//! `ironroot device boot`.

use super::values::DeviceArgument;
use clap::Args;
use ironroot_host_device::{BootOptions, run};
use std::process::ExitCode;

pub(super) const ABOUT: &str = "\
Boot a host device and run it until its application ends: choose and verify both images, start the secure \
world and the application as processes from exactly the verified bytes, and boot again whenever the device \
resets itself. The console of bootloader and device is this one.

Exit status: that of the application; 1 if the device did not boot.";

/// Options of `boot`.
#[derive(Args)]
pub(crate) struct Boot {
    #[command(flatten)]
    device: DeviceArgument,
    /// Arguments for the application
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

impl Boot {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let options = BootOptions {
            application_arguments: self.arguments.clone(),
            application_output: None,
        };
        let report = run(&self.device.find()?, &options, &mut |line| {
            println!("{line}")
        })?;
        let code = report.exit_code.and_then(|code| u8::try_from(code).ok());
        Ok(ExitCode::from(code.unwrap_or(1)))
    }
}
