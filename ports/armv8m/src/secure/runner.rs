//! Partitions as coroutines: memory regions, initial state, resume.

use super::clock;
use super::fault;
use super::switch::{self, Context, STOPPED_BY_CALL};
use crate::cpu::mpu::{self, Region, Rights};
use ironroot_platform::{PartitionIndex, PartitionRunner, Trap};

pub use super::clock::{OUT_OF_TIME, TimeBudget, tick_handler};
pub use super::switch::{fault_handler, supervisor_call_handler};

/// Most partitions one image can hold.
pub const MAX_PARTITIONS: usize = 6;

/// Number of the first MPU region that belongs to the running partition.
pub const FIRST_PARTITION_REGION: u32 = 3;

/// Where one partition lies: ranges are `start..end` in bytes, multiples of 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionImage {
    /// Its code and constants, beginning with its header.
    pub code: (u32, u32),
    /// Its stack, data and bss.
    pub ram: (u32, u32),
    /// Device registers its manifest grants, at most two ranges.
    pub mmio: &'static [(u32, u32)],
}

/// PSA isolation level: which borders inside the secure world the hardware holds.
/// Firmware Framework for M 1.0, section 3.1.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Only the non-secure world is kept out. Partitions run privileged.
    One = 1,
    /// Partitions are kept out of the PSA Root of Trust.
    Two = 2,
    /// And out of each other.
    Three = 3,
}

/// The first words of a partition's code, written by its linker script.
#[repr(C)]
struct Header {
    magic: u32,
    entry: u32,
    stack_limit: u32,
    stack_top: u32,
    data_load: u32,
    data_start: u32,
    data_end: u32,
    bss_end: u32,
}

/// "IRPT", little endian.
const HEADER_MAGIC: u32 = 0x5450_5249;
/// Written above each partition's first frame; see `cpu::start`.
const SEAL: u32 = 0xFEF5_EDA5;

/// Runs the partitions of a constant table.
#[derive(Debug)]
pub struct Runner {
    images: &'static [PartitionImage],
    level: IsolationLevel,
    contexts: [Context; MAX_PARTITIONS],
    /// Whose regions the MPU holds now.
    loaded: Option<u8>,
}

impl Runner {
    /// A runner for `images` (at most [`MAX_PARTITIONS`]); nothing runs yet. Sets the secure SysTick up.
    #[must_use]
    pub fn new(
        images: &'static [PartitionImage],
        level: IsolationLevel,
        budget: TimeBudget,
    ) -> Self {
        clock::set_budget(budget);
        Self {
            images,
            level,
            contexts: [const { Context::new() }; MAX_PARTITIONS],
            loaded: None,
        }
    }

    /// The regions in force while partition `image` runs.
    fn regions(&self, image: &PartitionImage) -> [Region; 4] {
        let (code, ram) = match self.level {
            IsolationLevel::Three => (image.code, image.ram),
            IsolationLevel::One | IsolationLevel::Two => {
                (self.span(|image| image.code), self.span(|image| image.ram))
            }
        };
        let device = |place: usize| match image.mmio.get(place) {
            Some(&(start, end)) => Region::new(start, end, Rights::AnyDevice),
            None => Region::OFF,
        };
        [
            Region::new(code.0, code.1, Rights::AnyExecute),
            Region::new(ram.0, ram.1, Rights::AnyWrite),
            device(0),
            device(1),
        ]
    }

    /// From the first byte of any partition to the last: partitions lie side by side.
    fn span(&self, of: impl Fn(&PartitionImage) -> (u32, u32)) -> (u32, u32) {
        self.images.iter().map(of).fold((u32::MAX, 0), |all, one| {
            (all.0.min(one.0), all.1.max(one.1))
        })
    }

    fn load_regions(&mut self, partition: PartitionIndex, image: &PartitionImage) {
        if self.loaded != Some(partition.0) {
            mpu::write(FIRST_PARTITION_REGION, &self.regions(image));
            self.loaded = Some(partition.0);
        }
    }
}

impl PartitionRunner for Runner {
    fn restart(&mut self, partition: PartitionIndex) {
        let place = usize::from(partition.0);
        let (Some(image), Some(context)) = (self.images.get(place), self.contexts.get_mut(place))
        else {
            return;
        };
        context.stopped_by = 0;
        context.stack_pointer = 0;
        context.clear_registers();
        let header = read_header(image.code.0);
        if !header.fits(image) {
            return;
        }
        copy_words(header.data_load, header.data_start, header.data_end);
        fill_words(header.data_end, header.bss_end, 0);
        fill_words(header.stack_limit, header.stack_top, 0);
        context.stack_pointer = first_frame(header.stack_top, header.entry);
        context.stack_limit = header.stack_limit;
        context.control = if self.level == IsolationLevel::One {
            0b10
        } else {
            0b11
        };
        context.index = u32::from(partition.0);
        context.ram = image.ram;
    }

    fn resume(&mut self, partition: PartitionIndex, result: u32) -> Trap {
        let place = usize::from(partition.0);
        let Some(image) = self.images.get(place) else {
            return Trap::Fault;
        };
        self.load_regions(partition, image);
        let Some(context) = self.contexts.get_mut(place) else {
            return Trap::Fault;
        };
        if context.stack_pointer == 0 {
            return Trap::Fault;
        }
        // Its last tick came while a service worked for it.
        if clock::is_over() {
            fault::contained(&context.out_of_time(context.stack_pointer));
            context.stack_pointer = 0;
            return Trap::Fault;
        }
        // r0 of its frame: what its supervisor call returns.
        write_word(context.stack_pointer, result);
        switch::run(context);
        if context.stopped_by == STOPPED_BY_CALL {
            Trap::Call {
                number: (context.number & 0xFF) as u8,
                args: context.args,
            }
        } else {
            context.stack_pointer = 0;
            Trap::Fault
        }
    }

    fn begin_turn(&mut self) -> u32 {
        clock::begin_turn()
    }

    fn end_turn(&mut self, outer: u32, well: bool) {
        clock::end_turn(outer, well);
    }
}

impl Header {
    /// The build placed everything; this only keeps a wrongly packed image from being believed.
    fn fits(&self, image: &PartitionImage) -> bool {
        let (start, end) = image.ram;
        // Room for the seal and two exception frames at least.
        let stack = self.stack_top.wrapping_sub(self.stack_limit);
        let aligned = (self.data_load | self.data_start | self.data_end | self.bss_end) & 3 == 0;
        let ordered = start <= self.stack_limit
            && self.stack_limit < self.stack_top
            && stack >= 128
            && aligned
            && self.stack_top <= end
            && start <= self.data_start
            && self.data_start <= self.data_end
            && self.data_end <= self.bss_end
            && self.bss_end <= end;
        let length = self.data_end.wrapping_sub(self.data_start);
        let load_end = self.data_load.checked_add(length);
        self.magic == HEADER_MAGIC
            && ordered
            && self.stack_top & 7 == 0
            && self.data_load >= image.code.0
            && load_end.is_some_and(|end| end <= image.code.1)
            && (image.code.0..image.code.1).contains(&self.entry)
    }
}

/// An exception frame as if the partition had been interrupted before its first instruction, under a
/// seal. Returns the stack pointer.
fn first_frame(stack_top: u32, entry: u32) -> u32 {
    let seal = stack_top.wrapping_sub(8);
    write_word(seal, SEAL);
    write_word(seal.wrapping_add(4), SEAL);
    let frame = seal.wrapping_sub(32);
    let words = [0, 0, 0, 0, 0, 0xFFFF_FFFF, entry & !1, 1 << 24];
    for (address, word) in (frame..).step_by(4).zip(words) {
        write_word(address, word);
    }
    frame
}

fn read_header(code: u32) -> Header {
    // SAFETY: partition code begins with its header (the packer checked it), word-aligned, and code
    // memory is readable; a wrong content is refused by `fits`.
    unsafe { (code as usize as *const Header).read_volatile() }
}

fn write_word(address: u32, word: u32) {
    // SAFETY: callers pass addresses of the partition's own memory: placed by `fits`, or a stack
    // pointer at which the hardware itself stacked a frame with the partition's rights.
    unsafe { (address as usize as *mut u32).write_volatile(word) };
}

fn copy_words(mut from: u32, mut to: u32, end: u32) {
    while to < end {
        // SAFETY: `fits` proved that the source lies in the partition's code.
        let word = unsafe { (from as usize as *const u32).read_volatile() };
        write_word(to, word);
        from = from.wrapping_add(4);
        to = to.wrapping_add(4);
    }
}

fn fill_words(mut from: u32, end: u32, word: u32) {
    while from < end {
        write_word(from, word);
        from = from.wrapping_add(4);
    }
}
