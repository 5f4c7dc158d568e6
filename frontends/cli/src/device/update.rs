//! `ironroot device update`: new firmware through the device's own Firmware Update service.
//!
//! A host device that runs is asked over its socket. For one that is off, and for the file of an AN521 device,
//! the same service works in this process on the flash. What is in the device already is not sent again: killed
//! at any point, the same command goes on.

use super::install::{Target, confirm_outside};
use super::load::Progress;
use super::values::{self, DeviceArgument};
use crate::image::shared;
use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use ironroot_boot::{Image, Reason};
use ironroot_client::Transport;
use ironroot_client::fwu::{self, Completion};
use ironroot_host_device::{DeviceFiles, Offline, running_device};
use ironroot_psa_api::fwu::{ComponentInfo, ComponentState, MAX_WRITE_SIZE, reason};
use ironroot_psa_api::{Error, Status};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(super) const ABOUT: &str = "\
Bring new firmware into a device through its Firmware Update service: blocks go straight to the slot that does \
not run, the device verifies each image as its bootloader will, and several images are installed, tried, \
confirmed and given up together. Interrupted at any point, the same command goes on where it stopped.

A host device that runs takes the update over its socket; one that is off, or an AN521's file, takes it here.";

/// Exit status of a power cut that was asked for.
const POWER_CUT: i32 = 3;

/// How long a device may take to come back from a reset.
const REBOOT: Duration = Duration::from_secs(60);

/// Options of `update`.
#[derive(Args)]
pub(crate) struct Update {
    #[command(flatten)]
    device: DeviceArgument,
    /// The signed images
    #[arg(value_name = "IMAGE", required_unless_present_any = ["confirm", "reject"])]
    files: Vec<PathBuf>,
    /// Which image of the device it is: 0 (secure) or 1 (non-secure); by default its boot record says
    #[arg(long, value_name = "N", value_parser = values::image)]
    image: Option<Image>,
    /// Reset a device that runs, so that it tries the update at once; one that is off tries it when it boots
    #[arg(long)]
    test: bool,
    /// Confirm: without IMAGE what is on trial; with it, what is sent, once a device that runs has started it
    #[arg(long, conflicts_with = "test")]
    confirm: bool,
    /// Give up what is staged or on trial, and go back
    #[arg(long, conflicts_with_all = ["test", "confirm", "files"])]
    reject: bool,
    /// Write it past the service even if the device would refuse or never choose it; the device must be off
    #[arg(long, conflicts_with_all = ["confirm", "reject", "test"])]
    force: bool,
    /// For demonstrations and tests: end this process after so many blocks, as a power cut ends a device that
    /// is off and served here
    #[arg(long, value_name = "BLOCKS", hide = true)]
    cut_power_after: Option<usize>,
}

/// One image to bring in.
struct Incoming {
    image: Image,
    bytes: Vec<u8>,
}

impl Update {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let images: Vec<Vec<u8>> = self
            .files
            .iter()
            .map(|file| shared::read(file))
            .collect::<Result<_, _>>()?;
        if self.image.is_some() && images.len() > 1 {
            bail!("--image is for one image; several must say themselves which they are");
        }
        let files = self.device.find()?;
        match running_device(&files) {
            Some(mut device) if !self.force => self.running(&files, &mut device, images)?,
            _ => self.off(&files, images)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn running<T: Transport>(
        &self,
        files: &DeviceFiles,
        device: &mut T,
        images: Vec<Vec<u8>>,
    ) -> anyhow::Result<()> {
        if self.reject {
            return match reject(device)? {
                Completion::Done => Ok(()),
                Completion::Reboot | Completion::Restart => reboot(device),
            };
        }
        if images.is_empty() {
            return accept(device);
        }
        let incoming = images
            .into_iter()
            .map(|bytes| {
                let says = self.image.or_else(|| shared::component(&bytes));
                let image = says.ok_or_else(unnamed)?;
                Ok(Incoming { image, bytes })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        bring(device, &incoming, self.cut_power_after)?;
        if !self.test && !self.confirm {
            println!("the next boot tries it once");
            return Ok(());
        }
        reboot(device)?;
        let mut device = wait_for(files)?;
        let mut on_trial = false;
        for Incoming { image, .. } in &incoming {
            let info = query(&mut device, *image)?;
            match info.state {
                ComponentState::Trial => {
                    on_trial = true;
                    println!("{image} image {} runs on trial", version(&info));
                }
                // Its application was quicker.
                ComponentState::Updated => {
                    println!("{image} image {} confirmed itself", version(&info));
                }
                _ => bail!("the {image} image did not start: {}", why(&info)),
            }
        }
        if self.confirm && on_trial {
            accept(&mut device)
        } else {
            Ok(())
        }
    }

    fn off(&self, files: &DeviceFiles, images: Vec<Vec<u8>>) -> anyhow::Result<()> {
        if images.is_empty() {
            return if self.confirm {
                confirm_outside(&self.device, None)
            } else {
                reject(&mut Offline::open(files)?).map(drop)
            };
        }
        let incoming = self.judged(images)?;
        if self.force {
            return Ok(());
        }
        bring(&mut Offline::open(files)?, &incoming, self.cut_power_after)?;
        if self.confirm {
            return Target::open(&self.device)?.confirm_pending(&incoming_images(&incoming));
        }
        for Incoming { image, .. } in &incoming {
            println!("{image} image written; the next boot tries it once");
        }
        Ok(())
    }

    /// Asks the device's rules before anything is written; with `--force`, writes past the service.
    fn judged(&self, images: Vec<Vec<u8>>) -> anyhow::Result<Vec<Incoming>> {
        let target = Target::open(&self.device)?;
        images
            .into_iter()
            .map(|bytes| {
                let image = target.take(self.image, &bytes, self.force)?;
                Ok(Incoming { image, bytes })
            })
            .collect()
    }
}

fn incoming_images(incoming: &[Incoming]) -> Vec<Image> {
    incoming.iter().map(|incoming| incoming.image).collect()
}

fn unnamed() -> anyhow::Error {
    anyhow!("the image has no boot record SPE or NSPE to say which one it is: give --image")
}

fn query<T: Transport>(device: &mut T, image: Image) -> anyhow::Result<ComponentInfo> {
    fwu::query(device, image.number()).map_err(|error| match error {
        Error::DoesNotExist => {
            anyhow!("the device has no {image} image that it can boot: `ironroot device install`")
        }
        other => service(other),
    })
}

fn service(error: Error) -> anyhow::Error {
    anyhow!("the update service answered {}", error.name())
}

/// Sends what is not there yet, and installs all of it.
fn bring<T: Transport>(
    device: &mut T,
    incoming: &[Incoming],
    cut: Option<usize>,
) -> anyhow::Result<()> {
    let mut installed = true;
    for Incoming { image, bytes } in incoming {
        let info = query(device, *image)?;
        installed &= info.state == ComponentState::Staged && is_candidate(&info, bytes);
    }
    if installed {
        println!("already installed");
        return Ok(());
    }
    for incoming in incoming {
        prepare(device, incoming, cut)?;
    }
    match fwu::install(device) {
        Ok(_) => Ok(()),
        Err(Error::DependencyNeeded) => {
            bail!("an image needs another one in a newer version: give both")
        }
        Err(error) => {
            let infos = incoming.iter().map(|one| query(device, one.image));
            let infos = infos.collect::<Result<Vec<_>, _>>()?;
            let failed = infos
                .iter()
                .find(|info| info.state == ComponentState::Failed);
            Err(failed.map_or_else(|| service(error), |info| anyhow!("refused: {}", why(info))))
        }
    }
}

/// Brings one image to the candidate that it is to be.
fn prepare<T: Transport>(
    device: &mut T,
    incoming: &Incoming,
    cut: Option<usize>,
) -> anyhow::Result<()> {
    let Incoming { image, bytes } = incoming;
    let number = image.number();
    // Each round takes it one state on; six are the way from an older candidate to this one.
    for _ in 0..12 {
        let info = query(device, *image)?;
        if bytes.len() > info.max_size as usize {
            bail!(
                "the image has {} bytes; the device takes {}",
                bytes.len(),
                info.max_size
            );
        }
        match info.state {
            ComponentState::Ready => fwu::start(device, number, &[]).map_err(service)?,
            ComponentState::Writing => {
                if send(device, incoming, info.written as usize, cut)? {
                    return Ok(());
                }
            }
            ComponentState::Candidate if is_candidate(&info, bytes) => return Ok(()),
            ComponentState::Candidate => fwu::cancel(device, number).map_err(service)?,
            ComponentState::Staged => {
                let given_up = fwu::reject(device, Status::SUCCESS);
                given_up.map(drop).map_err(service)?;
            }
            ComponentState::Failed | ComponentState::Updated => {
                fwu::clean(device, number).map_err(service)?;
            }
            ComponentState::Trial => bail!("an update is on trial: --confirm or --reject it first"),
            ComponentState::Rejected => {
                bail!("an update was rejected: the device must reset first")
            }
        }
    }
    bail!("the {image} image does not get ready")
}

/// Writes an image from `from` on and has it verified. False if what was there was of another image: it is
/// given up then.
fn send<T: Transport>(
    device: &mut T,
    incoming: &Incoming,
    from: usize,
    cut: Option<usize>,
) -> anyhow::Result<bool> {
    let Incoming { image, bytes } = incoming;
    let (number, from) = (image.number(), from.min(bytes.len()));
    let mut progress = Progress::new(bytes.len());
    if from > 0 {
        // Bytes that are there already are no harm, others are refused.
        let begun = bytes.get(..from.min(MAX_WRITE_SIZE)).unwrap_or_default();
        if fwu::write(device, number, 0, begun).is_err() {
            fwu::cancel(device, number).map_err(service)?;
            return Ok(false);
        }
        progress.resumed(from);
    }
    let from = from - from % MAX_WRITE_SIZE;
    for (index, block) in bytes[from..].chunks(MAX_WRITE_SIZE).enumerate() {
        let at = from + index * MAX_WRITE_SIZE;
        if cut == Some(index) {
            progress.end();
            eprintln!("the power fails after {at} bytes");
            std::process::exit(POWER_CUT);
        }
        let offset = u32::try_from(at).context("an image too long for the interface")?;
        match fwu::write(device, number, offset, block) {
            Ok(()) => progress.tell(at + block.len()),
            Err(Error::InvalidArgument) if from > 0 => {
                progress.end();
                fwu::cancel(device, number).map_err(service)?;
                return Ok(false);
            }
            Err(error) => {
                progress.end();
                return Err(service(error));
            }
        }
    }
    progress.end();
    match fwu::finish(device, number) {
        Ok(()) => Ok(true),
        // The part that an earlier run sent was of another image.
        Err(Error::InvalidSignature) if from > 0 => Ok(false),
        Err(_) => {
            let info = query(device, *image)?;
            bail!("the device refuses this image as {image}: {}", why(&info))
        }
    }
}

/// Whether the candidate is this image: its hash stands among the last TLVs.
fn is_candidate(info: &ComponentInfo, bytes: &[u8]) -> bool {
    let mut hashes = bytes.windows(info.candidate_digest.len());
    info.candidate_digest != [0; 32] && hashes.any(|bytes| bytes == info.candidate_digest)
}

fn accept<T: Transport>(device: &mut T) -> anyhow::Result<()> {
    match fwu::accept(device) {
        Ok(()) => {
            println!("confirmed");
            Ok(())
        }
        Err(Error::BadState) => bail!("no image is on trial"),
        Err(error) => Err(service(error)),
    }
}

fn reject<T: Transport>(device: &mut T) -> anyhow::Result<Completion> {
    match fwu::reject(device, Status::SUCCESS) {
        Ok(completion) => {
            println!("given up; the device stays with what it had");
            Ok(completion)
        }
        Err(Error::BadState) => bail!("no update is staged or on trial"),
        Err(error) => Err(service(error)),
    }
}

fn reboot<T: Transport>(device: &mut T) -> anyhow::Result<()> {
    fwu::request_reboot(device).map_err(service)
}

/// The device after its reset.
fn wait_for(files: &DeviceFiles) -> anyhow::Result<impl Transport + use<>> {
    let begun = Instant::now();
    while begun.elapsed() < REBOOT {
        std::thread::sleep(Duration::from_millis(50));
        // The old secure world may still be listening on its way out: it answers nothing any more.
        if let Some(mut device) = running_device(files)
            && fwu::query(&mut device, 0).is_ok()
        {
            return Ok(device);
        }
    }
    bail!("the device did not come back from its reset")
}

/// Why a component is down, in words.
fn why(info: &ComponentInfo) -> String {
    let words = reason::words(info.reason);
    let words = words.or_else(|| Reason::from_number(info.reason).map(Reason::words));
    let status = info.error.0;
    words.map_or_else(|| format!("status {status}"), str::to_owned)
}

fn version(info: &ComponentInfo) -> String {
    let version = info.version;
    format!("{}.{}.{}", version.major, version.minor, version.patch)
}
