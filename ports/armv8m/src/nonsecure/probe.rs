//! Touching what is not ours: the attack application's hands.
//!
//! An attack reads, writes, executes or lends addresses that the secure world must defend. [`Foreign`] is
//! an address outside everything this image owns, so that probing it cannot break this program's own
//! memory; [`Scratch`] is memory that holds no Rust object, so that hostile vectors can be built in it and
//! the secure world may write to it. Whatever happens beyond that is the result of the test.

use core::arch::naked_asm;
use core::cell::UnsafeCell;

use super::veneers::{self, Handle};

/// Memory of this image in its non-secure alias, ends exclusive: code window, data.
const OWN: [(u32, u32); 2] = [(0x0020_0000, 0x0030_0000), (0x2800_0000, 0x2820_0000)];
/// One past this image's data memory; the page before it is the mailbox and holds no Rust object.
const END_OF_MEMORY: u32 = 0x2820_0000;
/// Bytes of the mailbox page.
const MAILBOX_SIZE: u32 = 0x1000;
/// More than the whole data memory: a vector of this length can never be inside it.
const LONGER_THAN_MEMORY: u32 = 0x0020_0000;

/// An address outside this image's memory. Its secure alias counts as outside: what is given to this world
/// does not answer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign(u32);

impl Foreign {
    /// `None` if the address is this image's own.
    #[must_use]
    pub fn new(address: u32) -> Option<Self> {
        let own = OWN
            .iter()
            .any(|(start, end)| address >= *start && address < *end);
        (!own).then_some(Self(address))
    }

    /// The address as a number.
    #[must_use]
    pub const fn address(self) -> u32 {
        self.0
    }

    /// Loads a word, or faults.
    #[must_use]
    pub fn read(self) -> u32 {
        // SAFETY: no Rust object of this image lies there; the hardware refuses or answers.
        unsafe { (self.0 as usize as *const u32).read_volatile() }
    }

    /// Stores a word, or faults.
    pub fn write(self, value: u32) {
        // SAFETY: no Rust object of this image lies there; the hardware refuses or obeys.
        unsafe { (self.0 as usize as *mut u32).write_volatile(value) }
    }

    /// Branches there with four arguments. It comes back only if the code at that place returns.
    #[must_use]
    pub fn execute(self, arguments: [u32; 4]) -> u32 {
        let [a, b, c, d] = arguments;
        // SAFETY: the places probed belong to the secure world, which is trusted to fault or to return by
        // the procedure call standard. If it does neither, the attack succeeded and the test says so.
        let target = unsafe {
            core::mem::transmute::<usize, extern "C" fn(u32, u32, u32, u32) -> u32>(
                (self.0 | 1) as usize,
            )
        };
        target(a, b, c, d)
    }
}

/// Words of the scratch memory.
pub const SCRATCH_WORDS: usize = 512;

#[repr(align(32))]
struct ScratchMemory(UnsafeCell<[u32; SCRATCH_WORDS]>);

// SAFETY: only ever accessed by volatile words through raw pointers; no reference into it exists.
unsafe impl Sync for ScratchMemory {}

static SCRATCH: ScratchMemory = ScratchMemory(UnsafeCell::new([0; SCRATCH_WORDS]));

/// Memory of ours that the secure world may be told to write to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scratch;

impl Scratch {
    /// Reads word `index`; 0 outside.
    #[must_use]
    pub fn get(self, index: usize) -> u32 {
        match Self::pointer(index) {
            // SAFETY: inside the scratch memory, which is only accessed this way.
            Some(pointer) => unsafe { pointer.read_volatile() },
            None => 0,
        }
    }

    /// Writes word `index`; nothing outside.
    pub fn set(self, index: usize, value: u32) {
        if let Some(pointer) = Self::pointer(index) {
            // SAFETY: inside the scratch memory, which is only accessed this way.
            unsafe { pointer.write_volatile(value) }
        }
    }

    /// Sets every word to `value`.
    pub fn fill(self, value: u32) {
        for index in 0..SCRATCH_WORDS {
            self.set(index, value);
        }
    }

    /// Address of byte `offset`, wherever that is.
    #[must_use]
    pub fn address(self, offset: u32) -> u32 {
        (SCRATCH.0.get() as usize as u32).wrapping_add(offset)
    }

    fn pointer(index: usize) -> Option<*mut u32> {
        (index < SCRATCH_WORDS).then(|| SCRATCH.0.get().cast::<u32>().wrapping_add(index))
    }
}

/// A place that may be named to the secure world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The null pointer.
    Null,
    /// Byte offset in the scratch memory.
    Scratch(u32),
    /// Somebody else's memory.
    Foreign(Foreign),
    /// So many bytes before the end of this image's data memory, at most the mailbox page's size: what
    /// starts there ends in somebody else's.
    BeforeEnd(u32),
}

impl Place {
    /// The pointer as the secure world sees it.
    #[must_use]
    pub fn address(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Scratch(offset) => Scratch.address(offset),
            Self::Foreign(foreign) => foreign.address(),
            Self::BeforeEnd(bytes) => END_OF_MEMORY.wrapping_sub(bytes.min(MAILBOX_SIZE)),
        }
    }
}

/// Writes one vector (`base`, `length`) as words `index` and `index + 1` of the scratch memory.
///
/// A base in the scratch memory takes a length that stays inside, or one longer than all memory of this
/// image, which no correct check can accept. Answers whether the vector was written.
pub fn put_vector(index: usize, base: Place, length: u32) -> bool {
    if let Place::Scratch(offset) = base {
        let size = (SCRATCH_WORDS * 4) as u32;
        let inside = offset.checked_add(length).is_some_and(|end| end <= size);
        if !inside && length < LONGER_THAN_MEMORY {
            return false;
        }
    }
    Scratch.set(index, base.address());
    Scratch.set(index.wrapping_add(1), length);
    true
}

/// `psa_call` with any control word and any pointers to the vector arrays.
#[must_use]
pub fn call(handle: Handle, control: u32, in_vec: Place, out_vec: Place) -> i32 {
    let in_vec = in_vec.address() as usize as *const veneers::InVec<'_>;
    let out_vec = out_vec.address() as usize as *mut veneers::OutVec<'_>;
    // SAFETY: the arrays are scratch or foreign memory, and `put_vector` lets the scratch name scratch,
    // foreign memory, or a length that must be refused. The secure world writes nowhere else.
    unsafe { veneers::raw::tfm_psa_call_veneer(handle, control, in_vec, out_vec) }
}

/// What the registers hold when a call is back.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Registers {
    /// r0 to r12.
    pub general: [u32; 13],
    /// The flags.
    pub flags: u32,
}

/// What [`watched_call`] puts into r4 to r11.
pub const PATTERNS: [u32; 8] = [
    0xA4A4_A4A4,
    0xA5A5_A5A5,
    0xA6A6_A6A6,
    0xA7A7_A7A7,
    0xA8A8_A8A8,
    0xA9A9_A9A9,
    0xAAAA_AAAA,
    0xABAB_ABAB,
];

/// [`call`] with known values in the registers that a call must keep; gives all of them as they come back.
#[must_use]
pub fn watched_call(handle: Handle, control: u32, in_vec: Place, out_vec: Place) -> Registers {
    let mut seen = Registers::default();
    let request = [
        handle.cast_unsigned(),
        control,
        in_vec.address(),
        out_vec.address(),
    ];
    // SAFETY: as for `call`; `seen` has room for the fourteen words.
    unsafe { call_and_record(&raw const request, &PATTERNS, &raw mut seen) };
    seen
}

/// The gateway that [`watched_call`] calls, as r12 holds it at the call.
#[must_use]
pub fn call_gateway() -> u32 {
    veneers::raw::tfm_psa_call_veneer as *const () as usize as u32
}

/// # Safety
/// The request's pointers are as for [`call`].
#[unsafe(naked)]
unsafe extern "C" fn call_and_record(
    request: *const [u32; 4],
    patterns: *const [u32; 8],
    seen: *mut Registers,
) {
    naked_asm!(
        "push {{r2, r4-r11, lr}}",
        "mov r12, r0",
        "ldm r1, {{r4-r11}}",
        "ldm r12, {{r0-r3}}",
        "mov r12, #0",
        "msr apsr_nzcvq, r12",
        "ldr r12, ={gateway}",
        "blx r12",
        "push {{r0-r12}}",
        "mrs r1, apsr",
        "ldr r2, [sp, #52]",
        "mov r3, sp",
        "ldm r3!, {{r4-r9}}",
        "stm r2!, {{r4-r9}}",
        "ldm r3!, {{r4-r10}}",
        "stm r2!, {{r4-r10}}",
        "str r1, [r2]",
        "add sp, #52",
        "pop {{r2, r4-r11, pc}}",
        gateway = sym veneers::raw::tfm_psa_call_veneer,
    )
}

/// Calls the gateway at `target` with `link` as the address to return to, instead of the true one.
/// A gateway's first instruction must make that address non-secure whatever its lowest bit says.
pub fn call_and_return_to(target: u32, link: u32) -> ! {
    // SAFETY: never returns here: the gateway returns to `link`, which is not this program's.
    unsafe { branch_with_link(target | 1, link) }
}

/// Leaves an exception handler with `value` as the exception return value. Call it from
/// [`handler_mode::run`](super::handler_mode::run): in thread mode such a branch is an ordinary fault.
pub fn forge_exception_return(value: u32) -> ! {
    // SAFETY: never returns here: it faults, or the processor believes it.
    unsafe { branch_to(value) }
}

/// Branches to FNC_RETURN as a function that the secure world had called would, though it called none.
pub fn forge_function_return() -> ! {
    // SAFETY: as above.
    unsafe { branch_to(0xFEFF_FFFF) }
}

/// # Safety
/// The caller gives up its stack frame for good.
#[unsafe(naked)]
unsafe extern "C" fn branch_to(value: u32) -> ! {
    naked_asm!("bx r0")
}

/// # Safety
/// As for [`branch_to`].
#[unsafe(naked)]
unsafe extern "C" fn branch_with_link(target: u32, link: u32) -> ! {
    naked_asm!(
        "mov lr, r1",
        "mov r12, r0",
        "movs r0, #0",
        "movs r1, #0",
        "bx r12"
    )
}
