//! `cargo xtask demo`: one device's story, with the real commands and their real output.

mod act;
mod an521;
mod host;
mod story;

use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::say;
use anyhow::Result;
use std::time::Instant;

/// Arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same story on both: a device is made and provisioned, boots verified images, uses the secure services,
refuses attacks, proves what it runs, takes an update, and refuses a damaged and an old image. Every
line after a $ is a command that runs; what follows it is its output. The device stays in
target/ironroot/demo, to look at with the same commands.")]
pub(crate) struct Options {
    /// Where the device runs; without it on AN521 in QEMU, or here if QEMU can't be had
    #[arg(long, value_enum)]
    on: Option<On>,
    /// Show every line of the console, and whole tokens
    #[arg(long)]
    verbose: bool,
}

/// Kinds of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum On {
    /// Arm MPS2+ AN521 in QEMU: Cortex-M33 with TrustZone
    An521,
    /// Processes on this machine
    Host,
}

/// Tells the story.
pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let on = match options.on {
        Some(on) => on,
        None => choose(place),
    };
    let directory = place.work().join("demo");
    std::fs::create_dir_all(&directory)?;
    let stage = match on {
        On::An521 => an521::stage(place, &directory)?,
        On::Host => host::stage(place, &directory)?,
    };
    let started = Instant::now();
    let steps = story::tell(&stage, options.verbose)?;
    println!();
    println!(
        "All {steps} steps ended as they should, in {:.0} s. The device is {}.",
        started.elapsed().as_secs_f32(),
        stage.device.display()
    );
    Ok(())
}

/// AN521 if its tools are there or can be installed.
fn choose(place: &Place) -> On {
    match setup::ensure(place, &[Need::Rust, Need::ArmCompiler, Need::Qemu]) {
        Ok(()) => On::An521,
        Err(error) => {
            say!("{error:#}");
            say!("so the device runs as processes on this machine (--on host)");
            On::Host
        }
    }
}
