//! The services of a device that is switched off, in this process, on its flash: what changes its firmware
//! from outside goes through the same update service, and leaves the same records, as what its own
//! application does.

use crate::marshal::{Link, Marshal};
use crate::secure::{Machine, Secure, services};
use crate::slots::{Report, inspect};
use crate::{DeviceError, DeviceFiles, facts};
use ironroot_boot::{Image, PerImage, Slot, Standing};
use ironroot_image::shared_data::{EntryType, INFO_MODE, SharedDataWriter};
use ironroot_platform::MemoryOwner;
use ironroot_port_host::{CLIENT_MEMORY, ClientMemories, Connection, DEFAULT_CLIENT};
use ironroot_psa_api::ClientId;
use ironroot_spm::Caller;

/// Bootloader information "how image n runs", as [`ironroot_boot::Running`] reads it.
const RUNNING: u16 = 0x800;

/// The services of a device that is off.
pub struct Offline {
    secure: Secure<'static>,
    memories: ClientMemories,
}

impl Offline {
    /// Opens the device and keeps it from being started meanwhile. Nothing of it runs: no bootloader, no
    /// partition, no application.
    ///
    /// # Errors
    /// [`DeviceError`]: it runs, is not provisioned, has nothing to boot, or its vault does not open.
    pub fn open(files: &DeviceFiles) -> Result<Marshal<Self>, DeviceError> {
        let mut area = [0; 64];
        let mut shared = SharedDataWriter::new(&mut area).map_err(|_| DeviceError::SecureWorld)?;
        let mode = [files.layout().mode.number()];
        shared
            .add(EntryType::bootloader(INFO_MODE), &mode)
            .map_err(|_| DeviceError::SecureWorld)?;
        for (image, slot) in would_run(files)? {
            let kind = EntryType::bootloader(RUNNING + u16::from(image.number()));
            // Nothing is on trial while the device is off.
            let running = [slot.number(), 0];
            shared
                .add(kind, &running)
                .map_err(|_| DeviceError::SecureWorld)?;
        }
        // For the rest of this process: a tool has one device.
        let shared = Vec::leak(shared.written().to_vec());
        let memories = ClientMemories::default();
        let secure = services(files, shared, Machine::default(), &memories)?;
        Ok(Marshal::new(Self { secure, memories }, CLIENT_MEMORY))
    }
}

/// The services of a device that runs, or nothing if nobody listens there.
#[must_use]
pub fn running_device(files: &DeviceFiles) -> Option<Marshal<Connection>> {
    let connection = Connection::open(&files.socket(), DEFAULT_CLIENT).ok()?;
    Some(Marshal::new(connection, CLIENT_MEMORY))
}

impl Link for Offline {
    fn call(&mut self, number: u8, args: [u32; 4], memory: &mut [u8]) -> Option<u32> {
        let owner = MemoryOwner::NonSecure;
        let caller = ClientId::new(DEFAULT_CLIENT).and_then(Caller::non_secure)?;
        self.memories.put(owner, memory.to_vec());
        let result = crate::secure::dispatch(&mut self.secure, caller, number.into(), args);
        let after = self.memories.take(owner);
        memory.copy_from_slice(after.get(..memory.len())?);
        Some(result)
    }
}

/// The slots that a boot would start, if it tried nothing new.
fn would_run(files: &DeviceFiles) -> Result<Vec<(Image, Slot)>, DeviceError> {
    let (flash, layout) = (files.open_flash()?, files.layout());
    let root_keys: PerImage<_> = facts(flash.clone(), layout.map)?.root_keys;
    let mut running = Vec::new();
    for image in Image::ALL {
        let inspect = |slot| inspect(&flash, &layout, &root_keys, image, slot);
        let bootable = |report: &Report| report.slot == Slot::A || !layout.mode.moves_sectors();
        let usable = [inspect(Slot::A)?, inspect(Slot::B)?]
            .into_iter()
            .filter(|report| report.verdict.is_ok() && bootable(report));
        let best = usable.max_by_key(|report| {
            let class = match report.standing {
                Standing::Confirmed => 2,
                Standing::Pending | Standing::TrialFailed => 1,
                Standing::Unmarked => 0,
            };
            (class, report.state.version(), report.slot == Slot::A)
        });
        running.extend(best.map(|report| (image, report.slot)));
    }
    Ok(running)
}
