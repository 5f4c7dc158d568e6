//! The secure world: one process with the vault, the services, the partition manager, and a socket.
//!
//! Order of steps: what the bootloader handed over, OTP, key tree, vault, services, partitions, socket. The
//! bootloader is told [`READY`](crate::READY) on standard output, and then the non-secure world may come.

use crate::retained::Retained;
use crate::supply::Supply;
use crate::{DeviceError, DeviceFiles, exit};
use ironroot_attest::Profile;
use ironroot_boot::fault::{Cause, FaultRecord, Origin};
use ironroot_boot::otp;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::key_tree::KeyTree;
use ironroot_platform::MemoryOwner;
use ironroot_platform::{Flash, FlashCounter, FlashRegion, PartitionIndex};
use ironroot_port_host::{
    Call, ClientMemories, OsEntropy, ProcessRunner, Server, end_with_parent, memory_base,
};
use ironroot_psa::{ImageSlots, Parts, RootOfTrust, System};
use ironroot_psa_api::{ClientId, Error, svc};
use ironroot_spm::{Caller, PartitionInfo, ServiceInfo, Spm, Tables};
use ironroot_vault::Vault;
use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::rc::Rc;
use std::time::Duration;

mod partitions {
    use super::{PartitionInfo, ServiceInfo};
    include!(concat!(env!("OUT_DIR"), "/partitions.rs"));
}

static TABLES: Tables = match Tables::new(
    &ironroot_psa::SERVICES,
    partitions::SERVICES,
    partitions::PARTITIONS,
) {
    Ok(tables) => tables,
    Err(_) => panic!("the services and partitions do not fit together"),
};

/// Records that the vault has room for.
pub(crate) const VAULT_RECORDS: usize = 256;

type Area = FlashRegion<Supply>;
pub(crate) type Root<'a> =
    RootOfTrust<'a, Area, FlashCounter<Area>, Supply, Machine, VAULT_RECORDS>;

/// The port's hand: a reset is an exit that the bootloader understands, after the answer is out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    reset: Rc<Cell<bool>>,
}

impl System for Machine {
    fn reset(&mut self) {
        self.reset.set(true);
    }
}

/// Runs the secure world of the device at `path` until it resets, or its power is cut: before write or erase number
/// `cut_power_after`.
#[must_use]
pub fn run(path: &Path, cut_power_after: Option<u32>) -> ExitCode {
    match serve(path, cut_power_after) {
        Ok(()) => ExitCode::from(exit::RESET as u8),
        Err(error) => {
            eprintln!("secure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(path: &Path, cut_power_after: Option<u32>) -> Result<(), DeviceError> {
    end_with_parent()
        .map_err(|error| DeviceError::Process("the end of the device would go unseen", error))?;
    let mut hand_over = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut hand_over);
    read.map_err(|error| DeviceError::Process("nothing was handed over", error))?;
    let (boot_count, shared_data) = hand_over
        .split_first_chunk()
        .ok_or(DeviceError::SecureWorld)?;
    let boot_count = u32::from_le_bytes(*boot_count);

    let files = DeviceFiles::find(path)?;
    let retained = Retained::new(&files.retained_file());
    record_panics(retained.clone(), boot_count);

    let machine = Machine::default();
    let flash = Supply::new(files.open_flash()?, cut_power_after);
    let mut root = root_of_trust(&files, flash, boot_count, shared_data, machine.clone())?;
    if let Err(error) = retained.with(|area| root.collect_faults(area)) {
        eprintln!("secure: fault records stay where they are: {error:?}");
    }

    let memories = ClientMemories::default();
    let keeper = retained.clone();
    let runner = ProcessRunner::new(memories.clone(), partition_command).with_fault_hook(
        // What the operating system stopped is what the processor stops on a device.
        move |PartitionIndex(index)| {
            let fault = FaultRecord::new(Cause::HardFault, Origin::Partition(index));
            keeper.record(&FaultRecord {
                boot_count,
                ..fault
            });
        },
    );
    let lifecycle = u32::from(root.facts().lifecycle as u16);
    let mut spm: Spm<_, _, _> = Spm::new(&TABLES, root, runner, memories.clone(), lifecycle);
    spm.start();

    let server = Server::listen(&files.socket())
        .map_err(|error| DeviceError::Process("the socket could not be opened", error))?;
    println!("{}", crate::READY);
    // The bootloader is gone if this fails, and the device with it.
    let _ = std::io::stdout().flush();
    loop {
        let Some(call) = server.next(Duration::from_secs(3600)) else {
            continue;
        };
        answer(&mut spm, &memories, call, &machine.reset);
        if machine.reset.get() {
            return Ok(());
        }
    }
}

fn root_of_trust<'a>(
    files: &DeviceFiles,
    flash: Supply,
    boot_count: u32,
    shared_data: &'a [u8],
    system: Machine,
) -> Result<Root<'a>, DeviceError> {
    let map = files.map();
    let mut otp = otp::read(&map.otp.of(flash.clone())?)?;
    let key_tree = KeyTree::new(&otp.secrets.hardware_unique_key);
    let mut drbg = Drbg::from_entropy(&mut OsEntropy, b"ironroot host secure world")?;
    let vault = mount_vault(files, &flash, &key_tree, &mut drbg)?;
    let mut root = RootOfTrust::new(Parts {
        vault,
        slots: ImageSlots::new(flash, *map, crate::slots::image_rules(&files.layout()))
            .with_decryption_key(otp.secrets.decryption_key.take()),
        system,
        otp,
        key_tree,
        drbg,
        shared_data,
        profile: Profile::Rfc9783,
        boot_count,
    });
    root.settle_updates();
    Ok(root)
}

/// The record store on a flash.
type Mounted<F> = Vault<FlashRegion<F>, FlashCounter<FlashRegion<F>>, VAULT_RECORDS>;

/// Opens the device's record store.
pub(crate) fn mount_vault<F: Flash + Clone>(
    files: &DeviceFiles,
    flash: &F,
    key_tree: &KeyTree,
    drbg: &mut Drbg,
) -> Result<Mounted<F>, DeviceError> {
    let map = files.map();
    let area = map.vault.of(flash.clone())?;
    let counter = FlashCounter::open(map.vault_counter.of(flash.clone())?)?;
    // Purpose and context are the same in the AN521 firmware.
    let key = key_tree.derive(b"vault", b"");
    Vault::mount(area, counter, &key, drbg).map_err(DeviceError::Vault)
}

/// The command that becomes partition `index`: this very program, whose verified bytes are still those
/// that the kernel executes, whatever happened to files since.
fn partition_command(PartitionIndex(index): PartitionIndex) -> Command {
    let name = partitions::PARTITIONS
        .get(usize::from(index))
        .map_or("", |info| info.name);
    let base = memory_base(MemoryOwner::Partition(PartitionIndex(index)));
    let mut command = Command::new("/proc/self/exe");
    command.args(["--partition", name, "--memory-base", &base.to_string()]);
    command
}

fn answer<S, R, M>(
    spm: &mut Spm<S, R, M>,
    memories: &ClientMemories,
    mut call: Call,
    reset: &Cell<bool>,
) where
    S: ironroot_spm::RootServices,
    R: ironroot_platform::PartitionRunner,
    M: ironroot_platform::ClientMemory,
{
    memories.put(
        MemoryOwner::NonSecure,
        std::mem::take(&mut call.question.memory),
    );
    let caller = ClientId::new(call.client).and_then(Caller::non_secure);
    let result = match caller {
        Some(caller) => dispatch(spm, caller, call.question.number, call.question.args),
        None => Error::ProgrammerError.status().to_register(),
    };
    let memory = memories.take(MemoryOwner::NonSecure);
    if reset.get() {
        call.answer_and_wait(result, memory);
    } else {
        call.answer(result, memory);
    }
}

/// The partition manager with this image's services and partitions.
pub(crate) type Secure<'a> =
    Spm<Root<'a>, ProcessRunner<fn(PartitionIndex) -> Command>, ClientMemories>;

/// The secure world of a device that is off, without its partitions: they are not started.
pub(crate) fn services<'a>(
    files: &DeviceFiles,
    shared_data: &'a [u8],
    machine: Machine,
    memories: &ClientMemories,
) -> Result<Secure<'a>, DeviceError> {
    let flash = Supply::new(files.open_flash()?, None);
    let root = root_of_trust(files, flash, 0, shared_data, machine)?;
    let lifecycle = u32::from(root.facts().lifecycle as u16);
    let command: fn(PartitionIndex) -> Command = partition_command;
    let runner = ProcessRunner::new(memories.clone(), command);
    Ok(Spm::new(&TABLES, root, runner, memories.clone(), lifecycle))
}

/// The calls of the non-secure world: the first five of the supervisor calls, under the same numbers.
pub(crate) fn dispatch<S, R, M>(
    spm: &mut Spm<S, R, M>,
    caller: Caller,
    number: u32,
    [first, second, third, fourth]: [u32; 4],
) -> u32
where
    S: ironroot_spm::RootServices,
    R: ironroot_platform::PartitionRunner,
    M: ironroot_platform::ClientMemory,
{
    let refused = Error::ProgrammerError.status().to_register();
    match u8::try_from(number) {
        Ok(svc::FRAMEWORK_VERSION) => spm.framework_version(),
        Ok(svc::VERSION) => spm.version(caller, first),
        Ok(svc::CONNECT) => match spm.connect(caller, first, second) {
            Ok(handle) => handle.0,
            Err(error) => error.status().to_register(),
        },
        Ok(svc::CALL) => spm.call(caller, first, second, third, fourth).to_register(),
        Ok(svc::CLOSE) => spm.close(caller, first).map_or(refused, |()| 0),
        _ => refused,
    }
}

/// A panic of the secure world leaves a fault record and ends it; the next start tells.
fn record_panics(retained: Retained, boot_count: u32) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        retained.record(&FaultRecord {
            detail: info.location().map_or(0, std::panic::Location::line),
            boot_count,
            ..FaultRecord::new(Cause::Panic, Origin::RootOfTrust)
        });
        usual(info);
    }));
}
