//! `ironroot device load`: an image over a serial line, to a device in its recovery mode.

mod progress;
mod smp;
mod value;
mod ymodem;

use super::values;
use crate::image::shared;
use anyhow::Context as _;
use clap::Args;
use ironroot_boot::{Image, Slot};
use ironroot_port_host::Serial;
pub(super) use progress::Progress;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const ABOUT: &str = "\
Send a signed image over a serial line to a device whose bootloader is in its recovery mode. The device looks \
at the header before it erases anything, verifies the whole image before it marks it, and never gives up the \
last good image: it chooses the slot, unless --slot says which.

With SMP (the default) a load that was interrupted goes on where it broke off when the same file is sent again, \
as long as the device was not reset; that works with other MCUmgr devices too. Ymodem is for the simplest \
loaders, and begins anew.";

const HELP: &str = "\
Into the recovery mode:
  host device   ironroot device boot DEVICE --recovery     (prints the line's name)
  AN521         a bootloader built with recovery-smp or recovery-ymodem goes there by itself when no image is
                acceptable, when button 0 is held at reset, or when the word that asks for it is in memory; see
                the front page of logic/recovery

Examples:
  ironroot device load --port /dev/ttyACM0 app.img              the application, on trial
  ironroot device load --port /dev/pts/4 --image 0 --confirm secure.img
  ironroot device load --port unix:dev.serial --reset app.img   boot it at once
  ironroot device load --port localhost:4444 --ymodem app.img   QEMU: -serial tcp::4444,server

Other programs do the same:
  smpmgr --port /dev/pts/4 image upload --slot 1 app.img        here --slot is the image number
  sb -k app.img < /dev/pts/4 > /dev/pts/4

Exit status: 0 loaded, 1 refused or failed, 2 wrong usage.";

/// Options of `load`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Load {
    /// The signed image (`ironroot image sign`, or imgtool's, without --pad)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The line: a serial device, HOST:PORT, or unix:PATH
    #[arg(long, value_name = "LINE")]
    port: String,
    /// Speak SMP, as MCUmgr's clients do (default)
    #[arg(long)]
    smp: bool,
    /// Speak Ymodem
    #[arg(long, conflicts_with = "smp")]
    ymodem: bool,
    /// Which image of the device it is: 0 (secure) or 1 (non-secure)
    #[arg(long, value_name = "N", value_parser = values::image, default_value = "1")]
    image: Image,
    /// Which slot, a or b, instead of the one that the device chooses; SMP only
    #[arg(long, value_parser = values::slot, conflicts_with = "ymodem")]
    slot: Option<Slot>,
    /// Ask for one trial boot; without confirmation the device goes back (default)
    #[arg(long)]
    test: bool,
    /// Confirm it now, without trial: only for an image that is known to work
    #[arg(long, conflicts_with = "test")]
    confirm: bool,
    /// Only load it: nobody asks for it to be booted yet; SMP only
    #[arg(long, conflicts_with_all = ["test", "confirm", "ymodem"])]
    no_mark: bool,
    /// Reset the device afterwards
    #[arg(long)]
    reset: bool,
}

impl Load {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let file = shared::read(&self.file)?;
        let line = Serial::open(&self.port)
            .with_context(|| format!("could not open the line {}", self.port))?;
        let mut progress = Progress::new(file.len());
        let sent = if self.ymodem {
            let choice = ymodem::Choice {
                image: self.image,
                permanent: self.confirm,
                reset: self.reset,
            };
            ymodem::send(line, &self.name(), &file, &choice, &mut progress)
        } else {
            let choice = smp::Choice {
                image: self.image,
                slot: self.slot,
                confirm: (!self.no_mark).then_some(self.confirm),
                reset: self.reset,
            };
            smp::send(line, &file, &choice, &mut progress)
        };
        progress.end();
        sent?;
        let then = match (self.confirm, self.no_mark) {
            (true, _) => "confirmed",
            (_, true) => "not asked to boot yet",
            _ => "the next boot tries it once",
        };
        println!("{} image loaded; {then}", self.image);
        if self.reset {
            println!("the device boots");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn name(&self) -> String {
        let name = self.file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}
