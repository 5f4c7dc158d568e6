//! The kernel: partition manager with this image's services, partitions and memory; one, started once.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};
use ironroot_an521_common::{faults, memory as areas};
use ironroot_attest::Profile;
use ironroot_boot::PerImage;
use ironroot_boot::fault::FaultArea;
use ironroot_boot::flash_map::AN521;
use ironroot_boot::otp::{self, Otp, Scheme};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::key_tree::KeyTree;
use ironroot_image::{AddressRange, suites};
use ironroot_platform::{FlashCounter, FlashRegion, HardwareCounter};
use ironroot_port_armv8m::boards::an521::{map, protect, psram::PsramFlash, recovery};
use ironroot_port_armv8m::cpu::{scb, start};
use ironroot_port_armv8m::secure::memory::Memory;
use ironroot_port_armv8m::secure::runner::{IsolationLevel, PartitionImage, Runner, TimeBudget};
use ironroot_psa::{ImageRules, ImageSlots, Parts, RootOfTrust, System};
use ironroot_spm::{PartitionInfo, ServiceInfo, Spm, Tables};
use ironroot_vault::Vault;

/// What the image was built for.
pub(crate) const ISOLATION_LEVEL: IsolationLevel =
    include!(concat!(env!("OUT_DIR"), "/isolation_level.rs"));

/// What the packer wrote from the manifests and where it put the partitions.
mod partitions {
    use super::{PartitionImage, PartitionInfo, ServiceInfo};
    include!(env!("IRONROOT_PARTITION_TABLE_FILE"));
}

/// How long a partition may work on one request: see docs/decisions/0005-partition-time-budget.md.
const TIME_BUDGET: TimeBudget = TimeBudget {
    cycles_per_tick: map::CLOCK_HZ / 100,
    ticks: root::TIME_BUDGET,
};

/// What the bootloader accepts, for the update service to accept nothing else.
const IMAGE_RULES: ImageRules = ImageRules {
    suites: if cfg!(feature = "update") {
        &[(Scheme::P256Sha256, &suites::P256_SHA256)]
    } else {
        &[]
    },
    encryption: &[
        #[cfg(feature = "encrypted-updates")]
        (
            ironroot_boot::otp::Wrapping::EciesP256Aes128,
            &ironroot_image::encryption::schemes::ECIES_P256_AES128,
        ),
    ],
    windows: PerImage {
        secure: Some(window(map::SECURE_IMAGE)),
        non_secure: Some(window(map::NON_SECURE_IMAGE)),
    },
};

const fn window((start, end): map::Range) -> AddressRange {
    AddressRange {
        start,
        len: end.saturating_sub(start),
    }
}

static TABLES: Tables = match Tables::new(
    &root::SERVICES,
    partitions::SERVICES,
    partitions::PARTITIONS,
) {
    Ok(tables) => tables,
    Err(_) => panic!("the services and partitions do not fit together"),
};

/// What the bootloader told: not the two words behind it, which ask for its recovery mode.
const BOOT_DATA: map::Range = (map::SHARED_DATA.0, map::SHARED_DATA.1 - 8);

/// Stored objects, keys and faults that the vault's index has room for.
const RECORDS: usize = 64;

type Area = FlashRegion<PsramFlash>;
type Services = RootOfTrust<'static, Area, FlashCounter<Area>, PsramFlash, Board, RECORDS>;
type Kernel = Spm<root::Services<Services>, Runner, Memory>;

/// What the partition manager is given as the PSA Root of Trust.
#[cfg(not(test_services))]
mod root {
    pub(super) use core::convert::identity as with_test_services;
    pub(super) use core::convert::identity as product;
    pub(super) use ironroot_psa::SERVICES;
    /// Hundredths of a second: ten seconds, many times the longest honest request.
    pub(super) const TIME_BUDGET: u32 = 1000;
    pub(super) type Services<S> = S;
}
#[cfg(test_services)]
use crate::test_services as root;

/// The port's hand for the services.
pub(crate) struct Board;

impl System for Board {
    fn reset(&mut self) {
        scb::system_reset()
    }

    fn ask_for_recovery(&mut self) -> bool {
        recovery::ask(recovery::Request::Asked);
        true
    }
}

/// The kernel's place. The gate lets one call in at a time (the stack pointer is its mark), and start-up
/// is over before the first. Not an `Option`: that would lie in the image as fourteen kilobytes of data.
struct Place(UnsafeCell<MaybeUninit<Kernel>>);
// SAFETY: see above; `with` and `build` are the only accesses.
unsafe impl Sync for Place {}
static KERNEL: Place = Place(UnsafeCell::new(MaybeUninit::uninit()));
static BUILT: AtomicBool = AtomicBool::new(false);

/// Runs `body` on the kernel; nothing before it was built.
pub(crate) fn with<R>(body: impl FnOnce(&mut Kernel) -> R) -> Option<R> {
    if !BUILT.load(Ordering::Relaxed) {
        return None;
    }
    // SAFETY: called by gates, one at a time, and by `start`, before the first gate can be called.
    let place = unsafe { &mut *KERNEL.0.get() };
    // SAFETY: `BUILT` says that `build` has written it.
    Some(body(unsafe { place.assume_init_mut() }))
}

/// Steps of the start, for the fault record.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(crate) enum Step {
    BootCounter = 1,
    Otp = 2,
    VaultCounter = 3,
    Vault = 4,
    Partitions = 5,
}

impl Step {
    fn from_number(number: u32) -> Self {
        [
            Self::BootCounter,
            Self::Otp,
            Self::VaultCounter,
            Self::Vault,
        ]
        .into_iter()
        .find(|step| *step as u32 == number)
        .unwrap_or(Self::Partitions)
    }
}

/// Builds the kernel and runs every partition to its first wait.
///
/// Building moves large values about; it borrows the partitions' memory as its stack, which is theirs only
/// when they start, and wiped before that.
pub(crate) fn start() -> Result<(), Step> {
    extern "C" fn build_on_borrowed_stack() -> u32 {
        build().map_or_else(|step| step as u32, |()| 0)
    }
    let (limit, top) = map::PARTITION_RAM;
    // SAFETY: no partition has started, and we are the only thread.
    match unsafe { start::on_borrowed_stack(limit, top, build_on_borrowed_stack) } {
        0 => {}
        failed => return Err(Step::from_number(failed)),
    }
    extern "C" fn settle_on_borrowed_stack() -> u32 {
        with(|kernel| root::product(kernel.services_mut()).settle_updates());
        0
    }
    // Not on top of the building, whose stack is full of what it moved.
    // SAFETY: as above.
    unsafe { start::on_borrowed_stack(limit, top, settle_on_borrowed_stack) };
    with(Spm::start).ok_or(Step::Partitions)
}

fn build() -> Result<(), Step> {
    let boot_count = boot_count()?;
    faults::set_boot_count(boot_count);
    let otp = otp::read(&AN521.otp.of(flash()).map_err(|_| Step::Otp)?).map_err(|_| Step::Otp)?;
    let lifecycle = u32::from(otp.facts.lifecycle as u16);
    let services = services(otp, boot_count)?;
    let runner = Runner::new(partitions::IMAGES, ISOLATION_LEVEL, TIME_BUDGET);
    let memory = Memory::new(&protect::NON_SECURE_MEMORY, partitions::IMAGES);
    // SAFETY: no gate can be called yet, and `BUILT` is not set.
    let place = unsafe { &mut *KERNEL.0.get() };
    let services = root::with_test_services(services);
    place.write(Spm::new(&TABLES, services, runner, memory, lifecycle));
    BUILT.store(true, Ordering::Relaxed);
    Ok(())
}

fn services(mut otp: Otp, boot_count: u32) -> Result<Services, Step> {
    let key_tree = KeyTree::new(&otp.secrets.hardware_unique_key);
    // No generator on this board: a provisioned seed, and a number that no other boot has.
    let mut drbg = Drbg::new(&otp.secrets.entropy_seed, &boot_count.to_le_bytes());
    let vault = mount(&key_tree, &mut drbg)?;
    // SAFETY: the bootloader filled it and is gone; nobody writes it any more.
    let shared_data = unsafe { areas::bytes(BOOT_DATA) };
    let mut services = RootOfTrust::new(Parts {
        vault,
        slots: ImageSlots::new(flash(), AN521, IMAGE_RULES)
            .with_decryption_key(otp.secrets.decryption_key.take()),
        system: Board,
        otp,
        key_tree,
        drbg,
        shared_data,
        profile: Profile::Rfc9783,
        boot_count,
    });
    // SAFETY: nothing records a fault while this runs, unless it is the last thing that happens.
    let mut faults = FaultArea::new(unsafe { areas::fault_area() });
    // A log that cannot take them now takes them at the next boot.
    let _ = services.collect_faults(&mut faults);
    Ok(services)
}

fn mount(
    key_tree: &KeyTree,
    drbg: &mut Drbg,
) -> Result<Vault<Area, FlashCounter<Area>, RECORDS>, Step> {
    let area = AN521
        .vault_counter
        .of(flash())
        .map_err(|_| Step::VaultCounter)?;
    let counter = FlashCounter::open(area).map_err(|_| Step::VaultCounter)?;
    let area = AN521.vault.of(flash()).map_err(|_| Step::Vault)?;
    Vault::mount(area, counter, &key_tree.derive(b"vault", b""), drbg).map_err(|_| Step::Vault)
}

/// How often the device was booted: the bootloader counted this boot already.
fn boot_count() -> Result<u32, Step> {
    let area = AN521
        .boot_counter
        .of(flash())
        .map_err(|_| Step::BootCounter)?;
    let counter = FlashCounter::open(area).map_err(|_| Step::BootCounter)?;
    counter.read().map_err(|_| Step::BootCounter)
}

fn flash() -> PsramFlash {
    // SAFETY: each handle is narrowed to an area of its own by the flash map, whose areas do not
    // overlap; the update service's touches slots only.
    unsafe { PsramFlash::take() }
}
