//! `cargo xtask qemu`: a device on your terminal.

use crate::device::{Device, Strategy};
use crate::firmware::{self, Configuration};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::{say, shown};
use anyhow::{Context, Result, bail};
use ironroot_qemu::{End, Qemu};
use std::path::PathBuf;
use std::time::Duration;

/// Where non-secure applications look for words from outside (ports/armv8m, nonsecure/mailbox.rs).
const MAILBOX: u32 = 0x281F_F000;

/// Arguments of `cargo xtask qemu`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The device's flash is kept in target/ironroot/qemu/an521.flash (an521-in-place.flash), so what it stored is
there the next time; --fresh starts over. On the terminal, Ctrl-A X ends QEMU, Ctrl-A C is its monitor.

Examples:
  cargo xtask qemu                              boot the demo application
  cargo xtask qemu --app attacks --word 3       run attack 3
  cargo xtask qemu --app app-c --timeout 20     the C application, for at most 20 s
  cargo xtask qemu --strategy swap-offset       the layout whose images run in place
  cargo xtask qemu -- -s -S                     wait for a debugger on port 1234")]
pub(crate) struct Options {
    /// The non-secure application: nonsecure, attacks, bench, app-c
    #[arg(long, default_value = "nonsecure")]
    app: String,
    /// PSA isolation level
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    level: u8,
    /// With the echo and the hostile partition; attacks and bench get them anyway
    #[arg(long)]
    test_partitions: bool,
    /// How the device updates. In place is for the product alone: not with --level, test partitions, attacks, bench
    #[arg(long, value_enum, default_value = "ram-load")]
    strategy: Strategy,
    /// Words for the application's mailbox, in order
    #[arg(long = "word", value_name = "NUMBER")]
    words: Vec<u32>,
    /// Another flash file (16 MiB), used as it is
    #[arg(long, value_name = "FILE", conflicts_with = "fresh")]
    flash: Option<PathBuf>,
    /// Make a new device first
    #[arg(long)]
    fresh: bool,
    /// End QEMU where the device would reset
    #[arg(long)]
    no_reboot: bool,
    /// End after this many seconds; output comes line by line and there is no terminal
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Write the console's lines to this file too
    #[arg(long, value_name = "FILE", requires = "timeout")]
    serial: Option<PathBuf>,
    /// Only print QEMU's command line
    #[arg(long)]
    print: bool,
    /// More arguments for QEMU
    #[arg(last = true)]
    more: Vec<String>,
}

/// Boots.
pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    setup::ensure(place, &[Need::Rust, Need::Qemu, Need::ArmCompiler])?;
    let needs_tests = ["attacks", "bench"].contains(&&*options.app);
    let configuration = Configuration {
        level: options.level,
        test_partitions: options.test_partitions || needs_tests,
        ..Configuration::PRODUCT
    };
    if options.strategy == Strategy::SwapOffset && configuration != Configuration::PRODUCT {
        bail!(
            "images that run in place are built for the product alone: isolation level 3, no test partitions"
        );
    }
    let images = firmware::build(place, configuration)?;
    let flash = flash(place, options, &images)?;
    let mut machine = Qemu::an521(images.file(options.strategy.bootloader()), &flash);
    for (address, word) in (MAILBOX..).step_by(4).zip(&options.words) {
        machine = machine.word(address, *word);
    }
    if options.no_reboot {
        machine = machine.no_reboot();
    }
    for argument in &options.more {
        machine = machine.arg(argument);
    }
    say!("{}", shown(&machine.command()));
    match options.timeout {
        _ if options.print => Ok(()),
        None => {
            // With the terminal for the device; its exit code is the application's.
            let status = machine.command().status().context("cannot start QEMU")?;
            if !status.success() {
                bail!("the device ended with {status}");
            }
            Ok(())
        }
        Some(seconds) => {
            let run = machine
                .deadline(Duration::from_secs(seconds))
                .echo(true)
                .run()?;
            if let Some(path) = &options.serial {
                std::fs::write(path, run.lines.join("\n") + "\n")?;
            }
            match run.end {
                End::Exit(0) => Ok(()),
                end => bail!(
                    "the device ended with {end:?} after {:.1} s",
                    run.elapsed.as_secs_f32()
                ),
            }
        }
    }
}

/// The flash file that was asked for; ours gets the application anew each time, and keeps the rest.
fn flash(place: &Place, options: &Options, images: &firmware::Images) -> Result<PathBuf> {
    if let Some(flash) = &options.flash {
        return Ok(flash.clone());
    }
    let directory = place.work().join("qemu");
    std::fs::create_dir_all(&directory)?;
    let strategy = options.strategy;
    let flash = directory.join(match strategy {
        Strategy::RamLoad => "an521.flash",
        Strategy::SwapOffset => "an521-in-place.flash",
    });
    let device = if options.fresh || !flash.exists() {
        say!("making a device: {}", flash.display());
        Device::provisioned_for(place, images, &flash, strategy)?
    } else {
        Device::existing(place, images, &flash, strategy)?
    };
    images.application(&options.app)?;
    device.install_application(&images.file(&strategy.signed(&options.app)))?;
    Ok(flash)
}
