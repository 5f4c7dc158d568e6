//! `ironroot device install` and `confirm`: images into slots, and their marks.

use super::values::{self, DeviceArgument};
use crate::image::shared;
use anyhow::{Context, bail};
use clap::Args;
use ironroot_boot::otp::Facts;
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot, Standing};
use ironroot_host_device::{
    DeviceError, DeviceFiles, Report, confirm, facts, inspect, judge, write,
};
use ironroot_port_host::{Durability, FileFlash};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Options of `install`.
#[derive(Args)]
pub(crate) struct Install {
    #[command(flatten)]
    device: DeviceArgument,
    /// The signed image (`ironroot image sign`, or imgtool's)
    #[arg(value_name = "IMAGE")]
    file: PathBuf,
    /// Which image of the device it is: 0 (secure) or 1 (non-secure)
    #[arg(long, value_name = "N", value_parser = values::image)]
    image: Image,
    /// Which slot it goes to: a or b
    #[arg(long, value_parser = values::slot)]
    slot: Slot,
    /// Write it even if the device would refuse it
    #[arg(long)]
    force: bool,
}

impl Install {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let target = Target::open(&self.device)?;
        let bytes = shared::read(&self.file)?;
        target.must_accept(self.image, self.slot, &bytes, self.force)?;
        target.write(self.image, self.slot, &bytes, Request::Permanent)?;
        // A padded image brings its own trailer, which may say something else.
        let [a, b] = target.reports(self.image)?;
        let standing = if self.slot == Slot::A { a } else { b }.standing;
        println!(
            "{} image installed in slot {}, {}",
            self.image,
            self.slot,
            standing.words()
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Options of `confirm`.
#[derive(Args)]
pub(crate) struct Confirm {
    #[command(flatten)]
    device: DeviceArgument,
    /// Confirm this image only: 0 (secure) or 1 (non-secure)
    #[arg(long, value_name = "N", value_parser = values::image)]
    image: Option<Image>,
}

impl Confirm {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        confirm_outside(&self.device, self.image)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Confirms the images whose trial has begun. Whether the device went back since cannot be told from here.
pub(super) fn confirm_outside(device: &DeviceArgument, only: Option<Image>) -> anyhow::Result<()> {
    let target = Target::open(device)?;
    let wanted = Image::ALL.into_iter();
    let wanted: Vec<Image> = wanted
        .filter(|image| only.is_none_or(|only| only == *image))
        .collect();
    target.confirm(&wanted, Standing::TrialFailed)
}

/// The device whose slots are changed.
pub(super) struct Target {
    files: DeviceFiles,
    flash: FileFlash,
    facts: Facts,
}

impl Target {
    pub(super) fn open(device: &DeviceArgument) -> anyhow::Result<Self> {
        let files = device.find()?;
        let flash = files.open_flash()?;
        let facts = facts(flash.clone(), files.map())?;
        Ok(Self {
            files,
            flash,
            facts,
        })
    }

    /// Confirms what was just written: it boots without a trial.
    pub(super) fn confirm_pending(&self, images: &[Image]) -> anyhow::Result<()> {
        self.confirm(images, Standing::Pending)
    }

    /// Confirms the acceptable images that stand so.
    fn confirm(&self, images: &[Image], standing: Standing) -> anyhow::Result<()> {
        let mut confirmed = 0;
        for image in images {
            for report in self.reports(*image)? {
                if report.standing != standing || report.verdict.is_err() {
                    continue;
                }
                let place = (*image, report.slot);
                confirm(self.flash.clone(), self.files.map(), place)?;
                println!("{image} image in slot {} confirmed", report.slot);
                confirmed += 1;
            }
        }
        if confirmed == 0 {
            bail!("no image is on trial");
        }
        Ok(())
    }

    /// Which image it is, if the device would accept it and choose it; with `force`, written past the update
    /// service at once.
    pub(super) fn take(
        &self,
        image: Option<Image>,
        bytes: &[u8],
        force: bool,
    ) -> anyhow::Result<Image> {
        let image = match image {
            Some(image) => image,
            None => self.image_of(bytes)?,
        };
        let current = self.current(image)?;
        let mode = self.files.layout().mode;
        let slot = match current {
            None => Slot::A,
            Some(report) => mode.candidate_slot(report.slot),
        };
        let candidate = self.must_accept(image, slot, bytes, force)?;
        let running = current.and_then(|report| Some((report.verdict.ok()?.version, report.slot)));
        if let (Some(candidate), Some((running, slot)), false) = (candidate, running, force)
            && candidate <= running
            && !mode.moves_sectors()
        {
            return Err(DeviceError::NotNewer {
                candidate,
                running,
                slot,
            }
            .into());
        }
        if force {
            self.write(image, slot, bytes, Request::Trial)?;
            println!("{image} image written to slot {slot}; the next boot tries it once");
        }
        Ok(image)
    }

    fn reports(&self, image: Image) -> anyhow::Result<[Report; 2]> {
        let (layout, keys) = (self.files.layout(), &self.facts.root_keys);
        let inspect = |slot| inspect(&self.flash, &layout, keys, image, slot);
        Ok([inspect(Slot::A)?, inspect(Slot::B)?])
    }

    /// The slot that must be left alone: the one the device would boot if the other were empty.
    fn current(&self, image: Image) -> anyhow::Result<Option<Report>> {
        let reports = self.reports(image)?;
        let moves = self.files.layout().mode.moves_sectors();
        let bootable = |report: &Report| !moves || report.slot == Slot::A;
        let usable = reports.into_iter();
        let usable = usable.filter(|report| report.verdict.is_ok() && bootable(report));
        let rank = |report: &Report| {
            let class = match report.standing {
                Standing::Confirmed => 2,
                Standing::Pending | Standing::TrialFailed => 1,
                Standing::Unmarked => 0,
            };
            (class, report.state.version(), report.slot == Slot::A)
        };
        Ok(usable.max_by_key(rank))
    }

    /// Which image it is, by the boot record of one that the device would accept.
    fn image_of(&self, bytes: &[u8]) -> anyhow::Result<Image> {
        let (layout, keys) = (self.files.layout(), &self.facts.root_keys);
        let mut reason = None;
        for image in Image::ALL {
            match judge(&self.flash, &layout, keys, image, Slot::B, bytes)? {
                Ok(accepted) if accepted.says == Some(image) => return Ok(image),
                Ok(_) => {}
                Err(refused) => reason = Some(DeviceError::Refused(image, refused)),
            }
        }
        match reason {
            Some(refused) => Err(refused.into()),
            None => bail!(
                "the image has no boot record SPE or NSPE to say which one it is: give --image"
            ),
        }
    }

    fn must_accept(
        &self,
        image: Image,
        slot: Slot,
        bytes: &[u8],
        force: bool,
    ) -> anyhow::Result<Option<ironroot_image::Version>> {
        let keys = &self.facts.root_keys;
        let layout = self.files.layout();
        match judge(&self.flash, &layout, keys, image, slot, bytes)? {
            Ok(accepted) => Ok(Some(accepted.version)),
            Err(reason) if force => {
                eprintln!("ironroot: the device will refuse this image: {reason}");
                Ok(None)
            }
            Err(reason) => Err(DeviceError::Refused(image, reason).into()),
        }
    }

    fn write(
        &self,
        image: Image,
        slot: Slot,
        bytes: &[u8],
        request: Request,
    ) -> anyhow::Result<()> {
        let mut flash = self.flash.with_durability(Durability::OnFlush);
        let mut progress = Progress::new();
        let mut told = |done, all| progress.tell(done, all);
        write(
            &mut flash,
            &self.files.layout(),
            (image, slot),
            bytes,
            Some(request),
            &mut told,
        )?;
        flash
            .flush()
            .context("the flash file could not be written to the disk")
    }
}

/// Says how far it is, once it takes longer than two seconds and somebody watches.
struct Progress {
    start: Instant,
    last: Option<usize>,
}

impl Progress {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            last: None,
        }
    }

    fn tell(&mut self, done: usize, all: usize) {
        let percent = done.saturating_mul(100) / all.max(1);
        let watched = std::io::stderr().is_terminal();
        if !watched || self.start.elapsed() < Duration::from_secs(2) || self.last == Some(percent) {
            return;
        }
        self.last = Some(percent);
        let end = if done == all { "\n" } else { "" };
        eprint!("\rwriting: {percent} %{end}");
        let _ = std::io::stderr().flush();
    }
}
