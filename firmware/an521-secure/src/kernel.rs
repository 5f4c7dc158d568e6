//! The kernel: partition manager with this image's services, partitions and memory; one, started once.

use core::cell::UnsafeCell;
use ironroot_port_armv8m::boards::an521::protect;
use ironroot_port_armv8m::secure::memory::Memory;
use ironroot_port_armv8m::secure::runner::{IsolationLevel, PartitionImage, Runner};
use ironroot_psa_api::{Error, Status};
use ironroot_spm::{
    Message, PartitionFailure, PartitionInfo, RootServices, ServiceInfo, Spm, Tables,
};

pub(crate) struct Services;
impl RootServices for Services {
    fn call(&mut self, _: u32, _: &mut Message<'_>) -> Status {
        Error::NotSupported.status()
    }
    fn partition_failed(&mut self, _: PartitionFailure) {}
}

/// What the image was built for.
pub(crate) const ISOLATION_LEVEL: IsolationLevel =
    include!(concat!(env!("OUT_DIR"), "/isolation_level.rs"));

/// What the packer wrote from the manifests and where it put the partitions.
mod partitions {
    use super::{PartitionImage, PartitionInfo, ServiceInfo};
    include!(env!("IRONROOT_PARTITION_TABLE_FILE"));
}

static TABLES: Tables = match Tables::new(&[], partitions::SERVICES, partitions::PARTITIONS) {
    Ok(tables) => tables,
    Err(_) => panic!("the services and partitions do not fit together"),
};

type Kernel = Spm<Services, Runner, Memory>;

/// The kernel's place. The gate lets one call in at a time (the stack pointer is its mark), and start-up
/// is over before the first.
struct Place(UnsafeCell<Option<Kernel>>);
// SAFETY: see above; `with` is the only access.
unsafe impl Sync for Place {}
static KERNEL: Place = Place(UnsafeCell::new(None));

/// Runs `body` on the kernel; nothing before `start` succeeded.
pub(crate) fn with<R>(body: impl FnOnce(&mut Kernel) -> R) -> Option<R> {
    // SAFETY: called by gates, one at a time, and by `start`, before the first gate can be called.
    let kernel = unsafe { &mut *KERNEL.0.get() };
    kernel.as_mut().map(body)
}

/// Steps of the start, for the fault record.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(crate) enum Step {
    Otp = 1,
}

/// Builds the kernel and runs every partition to its first wait.
pub(crate) fn start() -> Result<(), Step> {
    let runner = Runner::new(partitions::IMAGES, ISOLATION_LEVEL);
    let memory = Memory::new(&protect::NON_SECURE_MEMORY, partitions::IMAGES);
    let kernel = Spm::new(&TABLES, Services, runner, memory, 0x3000);
    // SAFETY: no gate can be called yet.
    unsafe { *KERNEL.0.get() = Some(kernel) };
    with(Spm::start).ok_or(Step::Otp)
}
