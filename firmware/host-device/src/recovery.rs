//! The host's recovery mode: images come in over a serial line, before anything is booted.

use crate::slots::{ALL_ENCRYPTION, ALL_SUITES, load_window, security_counter};
use crate::{DeviceError, DeviceFiles};
use ironroot_boot::install::is_interrupted;
use ironroot_boot::{DirectXip, DirectXipRevert, Image, PerImage, RamLoad, UpdateMode, otp};
use ironroot_image::encryption::Decryption;
use ironroot_platform::HardwareCounter as _;
use ironroot_port_host::{Durability, FileFlash, SerialPort};
use ironroot_recovery::{Event, InPlaceSlots, Recovery, Slots, Store};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Where the serial line of the recovery mode is.
#[derive(Debug, Clone)]
pub enum RecoveryLine {
    /// A new pseudo-terminal; the console hears its name.
    Pty,
    /// A socket at this path.
    Socket(PathBuf),
}

/// Serves the line until a client asks for a reset. The line is given back: it is the device's, and stays as
/// long as the device runs.
pub(crate) fn recover(
    files: &DeviceFiles,
    line: &RecoveryLine,
    console: &mut dyn FnMut(&str),
) -> Result<SerialPort, DeviceError> {
    let failed = |error| DeviceError::Process("the serial line cannot be used", error);
    let port = match line {
        RecoveryLine::Pty => SerialPort::pty(),
        RecoveryLine::Socket(path) => SerialPort::socket(path),
    };
    let mut port = port.map_err(failed)?;

    let given_up = !end_interrupted(files, console)?;
    // A file that is lost with the machine is loaded again; what was acknowledged is flushed below.
    let flash = files.open_flash()?.with_durability(Durability::OnFlush);
    let (map, layout) = (files.map(), files.layout());
    let facts = otp::read_facts(&map.otp.of(flash.clone())?)?;
    let counter = |image| -> Result<(u32, u32), DeviceError> {
        let counter = security_counter(&flash, map, image)?;
        Ok((counter.read()?, counter.limit()))
    };
    let counters = PerImage {
        secure: counter(Image::Secure)?,
        non_secure: counter(Image::NonSecure)?,
    };
    console(&format!("recovery: SMP and Ymodem on {}", port.name()));
    let key = otp::read_decryption_key(&map.otp.of(flash.clone())?)?;
    let mut work = |decryption: Option<Decryption<'_>>| {
        let windows = PerImage {
            secure: load_window(&layout, Image::Secure),
            non_secure: load_window(&layout, Image::NonSecure),
        };
        macro_rules! either_slot {
            ($strategy:expr) => {
                &mut Slots {
                    flash: flash.clone(),
                    map,
                    strategy: $strategy,
                    root_keys: &facts.root_keys,
                    suites: ALL_SUITES,
                    counters,
                    windows,
                    decryption,
                }
            };
        }
        let slots: &mut dyn Store = match layout.mode {
            UpdateMode::RamLoad => either_slot!(RamLoad),
            UpdateMode::DirectXipRevert => either_slot!(DirectXipRevert),
            UpdateMode::DirectXip => either_slot!(DirectXip),
            _ => &mut InPlaceSlots {
                flash: flash.clone(),
                layout,
                root_keys: &facts.root_keys,
                suites: ALL_SUITES,
                counters,
                decryption,
                given_up,
            },
        };
        serve(&mut port, slots, &flash, console)
    };
    match key {
        None => work(None),
        Some(key) => key.using(ALL_ENCRYPTION, work),
    }
    .map_err(failed)?;
    console("recovery: reset");
    Ok(port)
}

/// Ends an update that was interrupted: nothing can be loaded in the middle of one. False if nothing would boot then.
fn end_interrupted(
    files: &DeviceFiles,
    console: &mut dyn FnMut(&str),
) -> Result<bool, DeviceError> {
    let layout = files.layout();
    let mut interrupted = false;
    {
        let flash = files.open_flash()?;
        for image in Image::ALL {
            interrupted |= is_interrupted(&layout, &flash, image)?;
        }
    }
    if !interrupted {
        return Ok(true);
    }
    match crate::bootloader::boot(files, None, console) {
        Ok(_) => Ok(true),
        Err(DeviceError::Boot(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Until the client asks for the reset.
fn serve(
    port: &mut SerialPort,
    slots: &mut dyn Store,
    flash: &FileFlash,
    console: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let mut recovery = Recovery::new();
    let mut buffer = [0; 4096];
    loop {
        let len = port.receive(&mut buffer, SECOND)?;
        let mut out = Vec::new();
        if len == 0 {
            recovery.tick(&mut |byte| out.push(byte));
            port.send(&out)?;
            flash.flush()?;
        }
        for byte in &buffer[..len] {
            let event = recovery.receive(*byte, slots, &mut |byte| out.push(byte));
            if !out.is_empty() {
                port.send(&out)?;
                out.clear();
            }
            match event {
                Event::None => {}
                Event::Loaded(place) => console(&format!(
                    "recovery: {} image loaded into slot {}",
                    place.image, place.slot
                )),
                Event::Failed(fault) => console(&format!("recovery: refused: {}", fault.words())),
                Event::Cancelled => console("recovery: transfer given up"),
                Event::Reset => {
                    flash.flush()?;
                    return port.drain(SECOND);
                }
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
