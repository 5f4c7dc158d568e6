//! The host's bootloader: chooses and verifies both images, starts exactly the verified bytes, and starts
//! over when the device resets.

use crate::recovery::{self, RecoveryLine};
use crate::retained::Retained;
use crate::slots::{ALL_ENCRYPTION, ALL_SUITES};
use crate::start::{self, Started};
use crate::{Board, DeviceError, DeviceFiles, exit};
use ironroot_boot::fault::{Cause, FaultRecord, Origin};
use ironroot_boot::otp::{self, ProvisioningFlags};
use ironroot_boot::{BootError, Device, Event, Image, PerImage};
use ironroot_image::Version;
use ironroot_image::encryption::Decryption;
use ironroot_platform::{FlashCounter, HardwareCounter as _};
use ironroot_port_host::{FileFlash, SealedProgram};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::Duration;

/// Our version, in the shared data area.
const VERSION: Version = Version::new(0, 1, 0);

/// Resets in a row after which the device is switched off: something asks for a reset at every start.
const MAX_RESETS: u32 = 16;

/// What to do besides booting.
#[derive(Debug, Default)]
pub struct BootOptions {
    /// Arguments for the non-secure executable.
    pub application_arguments: Vec<String>,
    /// Where the application's standard output goes; `None` is this process's own.
    pub application_output: Option<File>,
    /// Take in images over this line first, until a client asks for the reset.
    pub recovery: Option<RecoveryLine>,
    /// For demonstrations and tests: the power fails before this write or erase, of the boot or, if that has fewer,
    /// of the secure world after it.
    pub cut_power_after: Option<u32>,
}

/// How a run of the device ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunReport {
    /// Exit code of the application; none if a signal ended it.
    pub exit_code: Option<i32>,
    /// How often the device reset itself on the way.
    pub resets: u32,
}

/// Boots the device and runs it until its application ends. `console` hears what the bootloader says;
/// the device's processes write to this process's own outputs.
///
/// # Errors
/// [`DeviceError`]; why an image was refused was said on the console.
pub fn run(
    files: &DeviceFiles,
    options: &BootOptions,
    console: &mut dyn FnMut(&str),
) -> Result<RunReport, DeviceError> {
    if files.board() != Board::Host {
        return Err(DeviceError::NotHere);
    }
    let line = options.recovery.as_ref();
    let _line = line
        .map(|line| recovery::recover(files, line, console))
        .transpose()?;
    for resets in 0..=MAX_RESETS {
        let programs = boot(files, options.cut_power_after, console)?;
        match programs.run(files, options)? {
            Ended::Application(status) => {
                let exit_code = status.code();
                return Ok(RunReport { exit_code, resets });
            }
            Ended::Reset => console("boot: reset"),
        }
    }
    Err(DeviceError::TooManyResets(MAX_RESETS))
}

/// Both verified programs, ready to start, and what the secure one is told.
pub(crate) struct Programs {
    secure: SealedProgram,
    application: SealedProgram,
    hand_over: Vec<u8>,
    cut_power_after: Option<u32>,
}

pub(crate) fn boot(
    files: &DeviceFiles,
    cut_power_after: Option<u32>,
    console: &mut dyn FnMut(&str),
) -> Result<Programs, DeviceError> {
    let flash = files.open_flash()?;
    let map = files.map();
    let retained = Retained::new(&files.retained_file());
    let boot_count = count_boot(&flash, files)?;
    let record = |cause, detail| {
        retained.record(&FaultRecord {
            detail,
            boot_count,
            ..FaultRecord::new(cause, Origin::Bootloader)
        });
    };
    console(&format!(
        "boot: Ironroot {VERSION}, boot number {boot_count}"
    ));

    let facts = otp::read_facts(&map.otp.of(flash.clone())?)
        .inspect_err(|_| record(Cause::RootOfTrust, 0))?;
    console(&format!("boot: lifecycle {}", facts.lifecycle.words()));
    if facts.flags.contains(ProvisioningFlags::TEST_SECRETS) {
        console("boot: TEST DEVICE: its secrets come from a seed that others know");
    }

    let powered = start::Powered::new(&flash, cut_power_after);
    let counter = |image| -> Result<_, DeviceError> {
        let area = map.security_counter(image).of(powered.clone())?;
        Ok(FlashCounter::open(area)?)
    };
    let counters = PerImage {
        secure: counter(Image::Secure)?,
        non_secure: counter(Image::NonSecure)?,
    };
    let mut tell = |event: &Event| {
        if !matches!(event, Event::Found { state, .. } if state.version().is_none()) {
            console(&format!("boot: {event}"));
        }
        if let Event::Refused(refused) = event {
            record(Cause::BootRefused, refused.detail());
        }
    };
    let layout = files.layout();
    let start = |decryption: Option<Decryption<'_>>| {
        let mut device = Device {
            flash: powered.clone(),
            map,
            root_keys: &facts.root_keys,
            counters,
            suites: ALL_SUITES,
            decryption,
        };
        start::start(&layout, &mut device, VERSION, &mut tell)
    };
    let started = match otp::read_decryption_key(&map.otp.of(flash.clone())?)? {
        None => start(None),
        Some(key) => key.using(ALL_ENCRYPTION, start),
    };
    let started = started.map_err(|error| {
        if powered.is_off() {
            return DeviceError::PowerCut;
        }
        match error {
            BootError::NothingToBoot(image) => record(Cause::NothingToBoot, image.number().into()),
            _ => record(Cause::RootOfTrust, 0),
        }
        DeviceError::Boot(error)
    })?;
    powered.settle()?;
    programs(&started, boot_count, powered.left())
}

fn count_boot(flash: &FileFlash, files: &DeviceFiles) -> Result<u32, DeviceError> {
    let mut boots = FlashCounter::open(files.map().boot_counter.of(flash.clone())?)?;
    let count = boots.read()?.saturating_add(1);
    boots.advance_to(count)?;
    Ok(count)
}

fn programs(
    started: &Started,
    boot_count: u32,
    cut_power_after: Option<u32>,
) -> Result<Programs, DeviceError> {
    let seal = |name, image| {
        SealedProgram::new(name, started.programs.get(image))
            .map_err(|error| DeviceError::Process("a verified image could not be sealed", error))
    };
    let mut hand_over = boot_count.to_le_bytes().to_vec();
    hand_over.extend(&started.shared_data);
    Ok(Programs {
        secure: seal("ironroot-secure", Image::Secure)?,
        application: seal("ironroot-application", Image::NonSecure)?,
        hand_over,
        cut_power_after,
    })
}

/// Why the device's processes stopped.
enum Ended {
    Application(ExitStatus),
    Reset,
}

impl Programs {
    fn run(self, files: &DeviceFiles, options: &BootOptions) -> Result<Ended, DeviceError> {
        let output = match &options.application_output {
            Some(file) => file.try_clone().map(Stdio::from),
            None => Ok(Stdio::inherit()),
        };
        let output = output.map_err(|error| DeviceError::Process("no output is left", error))?;
        let mut secure = self.start_secure(files)?;
        let application = self
            .application
            .command()
            .env(crate::SOCKET_VARIABLE, files.socket())
            .args(&options.application_arguments)
            .stdout(output)
            .spawn();
        let mut application = Killed(application.map_err(|error| {
            DeviceError::Process("the application could not be started", error)
        })?);
        loop {
            let failed = |error| DeviceError::Process("the device's processes were lost", error);
            let application = application.0.try_wait().map_err(failed)?;
            if application.is_some() && self.cut_power_after.is_some() {
                // It may have ended because the secure world is about to.
                std::thread::sleep(Duration::from_millis(500));
            }
            if let Some(status) = secure.0.try_wait().map_err(failed)? {
                let error = io::Error::other(status.to_string());
                return match status.code() {
                    Some(exit::RESET) => Ok(Ended::Reset),
                    Some(exit::POWER_CUT) => Err(DeviceError::PowerCut),
                    _ => Err(DeviceError::Process("the secure world ended", error)),
                };
            }
            if let Some(status) = application {
                return Ok(Ended::Application(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the secure world and waits until it serves.
    fn start_secure(&self, files: &DeviceFiles) -> Result<Killed, DeviceError> {
        let failed = |error| DeviceError::Process("the secure world could not be started", error);
        let mut command = self.secure.command();
        command.arg("--device").arg(files.path());
        if let Some(operations) = self.cut_power_after {
            command.args(["--cut-power-after", &operations.to_string()]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(&self.hand_over).map_err(failed)?;
        }
        let stdout = child.stdout.take();
        let mut child = Killed(child);
        if stdout.is_some_and(|stdout| wait_until_ready(&stdout)) {
            return Ok(child);
        }
        // Gone already, as a rule: then this changes nothing.
        let _ = child.0.kill();
        match child.0.wait().map_err(failed)?.code() {
            Some(exit::POWER_CUT) => Err(DeviceError::PowerCut),
            _ => Err(DeviceError::SecureWorld),
        }
    }
}

fn wait_until_ready(stdout: &ChildStdout) -> bool {
    let mut line = String::new();
    // By reference: the pipe stays open, and whoever writes to it unhurt.
    use std::os::fd::AsFd as _;
    let Ok(copy) = stdout.as_fd().try_clone_to_owned() else {
        return false;
    };
    let read = BufReader::new(std::fs::File::from(copy)).read_line(&mut line);
    read.is_ok() && line.trim_end() == crate::READY
}

/// A process that does not outlive the device.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
