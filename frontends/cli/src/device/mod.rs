//! `ironroot device …`: make, provision, fill, update, look into and boot devices whose flash is a file.
//!
//! Exit status: 0 done or accepted, 1 refused or failed, 2 wrong usage.

mod boot;
mod faults;
mod info;
mod install;
mod load;
mod make;
mod provision;
mod revoke;
mod update;
mod values;

use clap::Subcommand;
use std::process::ExitCode;

const HELP: &str = "\
A device is a directory (--board host: it runs here, as processes) or a file of 16 MiB (--board an521: the
content of the PSRAM that QEMU maps; `cargo xtask qemu` runs it). Everything here works on the file, so the
device must be off; a host device that runs keeps its file locked, QEMU does not.

The file stands for on-chip flash and one-time memory, secrets included. On this machine it is as safe as its
permissions: whoever can read it has the device's keys, whoever can write it can turn it back to an older
state. Real devices have hardware for that.

A device from nothing:
  ironroot image keygen --type ecdsa-p256 --key root.pem
  ironroot device new dev --board host
  ironroot device provision dev --key root.pem
  ironroot device payload ironroot-host-secure secure.elf
  ironroot image sign --key root.pem --public-key-format full --header-size 0x400 --pad-header \\
      --version 1.0.0 --security-counter 1 --boot-record SPE secure.elf secure.img
  (the same for the application: ironroot-host-app, --boot-record NSPE, app.img)
  ironroot device install dev secure.img --image 0 --slot a
  ironroot device install dev app.img --image 1 --slot a
  ironroot device boot dev

An update, tried once: the application confirms it, or the boot after goes back:
  ironroot device update dev app-v2.img
  ironroot device boot dev";

/// Subcommands of `ironroot device`.
#[derive(Subcommand)]
#[command(after_long_help = HELP)]
pub(crate) enum Command {
    /// Make a blank device
    New(make::New),
    /// Give a blank device its identity, secrets and root keys; happens once in its life
    #[command(long_about = provision::ABOUT)]
    Provision(provision::Provision),
    /// Revoke root keys for good
    #[command(long_about = revoke::ABOUT)]
    RevokeKey(revoke::RevokeKey),
    /// Take a device to a later state of its life (there is no way back)
    Lifecycle(provision::SetLifecycle),
    /// Show lifecycle, slots, what the device would say of them, and counters
    Info(info::Info),
    /// Write a signed image into a slot, as the factory does: confirmed, no trial
    Install(install::Install),
    /// Bring new firmware in through the device's update service, and confirm it or go back
    #[command(long_about = update::ABOUT)]
    Update(update::Update),
    /// Confirm the image on trial, from outside; a device does that itself (psa_fwu_accept)
    Confirm(install::Confirm),
    /// Send an image over a serial line to a device in its recovery mode
    #[command(long_about = load::ABOUT)]
    Load(load::Load),
    /// Boot a host device and run it until its application ends
    #[command(long_about = boot::ABOUT)]
    Boot(boot::Boot),
    /// Show the device's fault log, and what was recorded since
    Faults(faults::Faults),
    /// Make a host device's payload of a program: without symbols and debug information
    Payload(make::Payload),
}

/// Runs one subcommand; the exit code says accepted (0) or refused (1).
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::New(options) => options.run(),
        Command::Provision(options) => options.run(),
        Command::RevokeKey(options) => options.run(),
        Command::Lifecycle(options) => options.run(),
        Command::Info(options) => options.run(),
        Command::Install(options) => options.run(),
        Command::Update(options) => options.run(),
        Command::Confirm(options) => options.run(),
        Command::Load(options) => options.run(),
        Command::Boot(options) => options.run(),
        Command::Faults(options) => options.run(),
        Command::Payload(options) => options.run(),
    }
}
