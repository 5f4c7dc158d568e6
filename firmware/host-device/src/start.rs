//! One boot by the device's strategy: from slots to the bytes that are started.
//!
//! A product's bootloader has one strategy; a host device has whichever it was made for.

use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::Together;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::otp::{self, ProvisioningFlags};
use ironroot_boot::{
    BootError, Demands, Device, DirectXip, DirectXipRevert, Image, ImageMemory, Launched, Located,
    PerImage, RamLoad, Report, Setup, Slot, Strategy, UpdateLayout, UpdateMode, Window,
};
use ironroot_image::Version;
use ironroot_platform::{Flash, FlashCounter, FlashError, FlashRegion, Geometry, HardwareCounter};
use ironroot_port_host::{Durability, FileFlash};
use std::cell::Cell;
use std::rc::Rc;

/// The flash, with power that may fail. Then every further access fails, as on a device that is off.
///
/// What is written is on the disk in the order in which the boot relies on: a mark or a status entry, which are short,
/// after all that it speaks of and before all that follows; an erase after all before it. The blocks of one sector
/// between two of these may be lost together when the machine crashes, as when power fails while a sector is copied.
#[derive(Debug, Clone)]
pub(crate) struct Powered {
    flash: FileFlash,
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    /// Writes and erases until power fails.
    left: Cell<Option<u32>>,
    off: Cell<bool>,
    /// Something may not be on the disk yet.
    dirty: Cell<bool>,
}

/// Programs of at least so many bytes are parts of a sector's copy.
const BLOCK: usize = 256;

impl Powered {
    /// Power fails before write or erase number `cut_after`, counted from 0.
    pub(crate) fn new(flash: &FileFlash, cut_after: Option<u32>) -> Self {
        Self {
            flash: flash.with_durability(Durability::OnFlush),
            state: Rc::new(State {
                left: Cell::new(cut_after),
                off: Cell::new(false),
                dirty: Cell::new(false),
            }),
        }
    }

    /// Whether it failed.
    pub(crate) fn is_off(&self) -> bool {
        self.state.off.get()
    }

    /// How many writes and erases are left until it fails.
    pub(crate) fn left(&self) -> Option<u32> {
        self.state.left.get()
    }

    /// Puts what was written on the disk.
    pub(crate) fn settle(&self) -> Result<(), FlashError> {
        if self.state.dirty.replace(false) {
            self.flash.flush().map_err(|_| FlashError::Device)?;
        }
        Ok(())
    }

    fn count(&self) {
        match self.state.left.get() {
            None => {}
            Some(0) => self.state.off.set(true),
            Some(left) => self.state.left.set(Some(left - 1)),
        }
    }

    fn powered(&self) -> Result<(), FlashError> {
        match self.is_off() {
            true => Err(FlashError::PowerCut),
            false => Ok(()),
        }
    }
}

impl Flash for Powered {
    fn geometry(&self) -> Geometry {
        self.flash.geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        self.powered()?;
        self.flash.read(offset, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        self.count();
        self.powered()?;
        let mark = data.len() < BLOCK;
        if mark {
            self.settle()?;
        }
        self.state.dirty.set(true);
        self.flash.program(offset, data)?;
        match mark {
            true => self.settle(),
            false => Ok(()),
        }
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.count();
        self.powered()?;
        self.settle()?;
        self.state.dirty.set(true);
        self.flash.erase(sector)
    }
}

/// What a boot comes to.
pub(crate) struct Started {
    /// The programs, verified as they are here.
    pub(crate) programs: PerImage<Vec<u8>>,
    /// What the bootloader tells them.
    pub(crate) shared_data: Vec<u8>,
}

/// Boots by the layout's strategy.
pub(crate) fn start<C: HardwareCounter, R: Report>(
    layout: &UpdateLayout<'_>,
    device: &mut Device<'_, Powered, C>,
    version: Version,
    report: &mut R,
) -> Result<Started, BootError> {
    let record = &mut record(device)?;
    match layout.mode {
        UpdateMode::RamLoad => {
            let len = |image| device.map.slot(image, Slot::A).len as usize;
            let mut windows = PerImage {
                secure: vec![0; len(Image::Secure)],
                non_secure: vec![0; len(Image::NonSecure)],
            };
            // Executables have no load address: they run where the operating system puts them.
            let memory = ImageMemory::new(PerImage {
                secure: Window {
                    address: 0,
                    bytes: &mut windows.secure,
                },
                non_secure: Window {
                    address: 0,
                    bytes: &mut windows.non_secure,
                },
            });
            let launch = ironroot_boot::boot_as_set(&RamLoad, device, &memory, record, report)?;
            let programs = PerImage {
                secure: launch.payload(Image::Secure).to_vec(),
                non_secure: launch.payload(Image::NonSecure).to_vec(),
            };
            started(&launch, programs, version)
        }
        UpdateMode::SwapOffset => in_place(SwapOffset, layout, device, version, record, report),
        UpdateMode::SwapMove => in_place(SwapMove, layout, device, version, record, report),
        UpdateMode::SwapScratch => in_place(SwapScratch, layout, device, version, record, report),
        UpdateMode::Overwrite => in_place(Overwrite, layout, device, version, record, report),
        UpdateMode::DirectXipRevert => {
            from_flash(&DirectXipRevert, layout, device, version, record, report)
        }
        UpdateMode::DirectXip => from_flash(&DirectXip, layout, device, version, record, report),
    }
}

/// The record of a set; nothing where each image is for itself.
type Record = Option<Together<FlashCounter<FlashRegion<Powered>>>>;

fn record<C>(device: &Device<'_, Powered, C>) -> Result<Record, BootError> {
    let (map, flash) = (device.map, &device.flash);
    let flags = otp::read_flags(&map.otp.of(flash.clone())?);
    // Everything else of it was read before.
    let flags = flags.map_err(|_| BootError::FaultDetected)?;
    if !flags.contains(ProvisioningFlags::IMAGES_TOGETHER) {
        return Ok(None);
    }
    let counter = FlashCounter::open(map.set_record.of(flash.clone())?);
    let counter = counter.map_err(|error| BootError::Counter(Image::Secure, error))?;
    Ok(Some(Together(counter)))
}

fn in_place<M: Method, C: HardwareCounter, R: Report>(
    method: M,
    layout: &UpdateLayout<'_>,
    device: &mut Device<'_, Powered, C>,
    version: Version,
    record: &mut Record,
    report: &mut R,
) -> Result<Started, BootError> {
    let setup = setup(layout);
    let launched = ironroot_boot::boot_in_place(method, device, &setup, record, report)?;
    let programs = copied(layout, device, &launched)?;
    started(&launched, programs, version)
}

fn from_flash<S: Strategy, C: HardwareCounter, R: Report>(
    strategy: &S,
    layout: &UpdateLayout<'_>,
    device: &mut Device<'_, Powered, C>,
    version: Version,
    record: &mut Record,
    report: &mut R,
) -> Result<Started, BootError> {
    let setup = setup(layout);
    let launched = ironroot_boot::boot_from_flash(strategy, device, &setup, record, report)?;
    let programs = copied(layout, device, &launched)?;
    started(&launched, programs, version)
}

fn setup(layout: &UpdateLayout<'_>) -> Setup<'static> {
    Setup {
        images: &Image::ALL,
        // No processor sees this flash.
        address: PerImage::default(),
        max_sectors: layout.max_sectors,
        scratch: layout.scratch,
        rules: PerImage::default(),
    }
}

/// Programs of images that run in place. No processor can fetch from this flash, so they are copied after all, and
/// the copies verified: a file could change behind the first verification.
fn copied<C: HardwareCounter>(
    layout: &UpdateLayout<'_>,
    device: &Device<'_, Powered, C>,
    launched: &Launched<impl Located>,
) -> Result<PerImage<Vec<u8>>, BootError> {
    let mut programs = PerImage::default();
    for image in Image::ALL {
        let verified = launched.verified(image).ok_or(BootError::FaultDetected)?;
        let running = launched.running(image).ok_or(BootError::FaultDetected)?;
        let mut bytes = vec![0; verified.total_len() as usize];
        let read = verified.source().read_at(0, &mut bytes);
        read.map_err(|_| BootError::FaultDetected)?;
        let counter = device.counters.get(image);
        let minimum = counter.read();
        let demands = Demands {
            image,
            slot: running.slot,
            root_key: device.root_keys.get(image),
            suites: device.suites,
            size_limit: layout.room(image).ok_or(BootError::FaultDetected)?,
            counter: minimum.map_err(|error| BootError::Counter(image, error))?,
            counter_limit: counter.limit(),
            window: None,
            decryption: device.decryption,
        };
        let copy = demands.examine_in_place(&*bytes);
        let copy = copy.map_err(|_| BootError::FaultDetected)?;
        let extent = copy.payload();
        let program = bytes.get(extent.offset as usize..(extent.offset + extent.len) as usize);
        *programs.get_mut(image) = program.ok_or(BootError::FaultDetected)?.to_vec();
    }
    Ok(programs)
}

fn started(
    launched: &Launched<impl Located>,
    programs: PerImage<Vec<u8>>,
    version: Version,
) -> Result<Started, BootError> {
    // Two images and their components, each at most 256 bytes: see `Launched::write_shared_data`.
    let mut shared_data = vec![0; 2048];
    let len = launched.write_shared_data(&mut shared_data, version);
    shared_data.truncate(len.map_err(|_| BootError::FaultDetected)?);
    Ok(Started {
        programs,
        shared_data,
    })
}
