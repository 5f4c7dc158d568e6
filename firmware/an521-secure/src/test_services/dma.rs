//! The secure side's DMA, for the attacks that try it from the other world.
//!
//! Programs a PL080 exactly as the attack does, from one of the attack's sources into memory of its own, and
//! answers a number: no byte of the source leaves the secure world by this, not even in a test image.
//! PL080 registers: Arm PrimeCell DMA Controller (PL080) Technical Reference Manual, 3.4.

use core::cell::UnsafeCell;
use ironroot_port_armv8m::cpu::mmio::Register;
use ironroot_psa_api::{Error, Status};
use ironroot_spm::Message;

/// Message type: copy and count. In: controller 0 to 3, source. Out: bytes copied that are not zero.
pub(super) const COPY: i32 = 1;
/// Message type: inspect. In: bytes. Out: all of them and all the controllers' registers, or-ed.
pub(super) const INSPECT: i32 = 2;

/// What may be copied: OTP, flash, root data, code, and a memory that nobody uses.
const SOURCES: [u32; 5] = [0x80FF_0000, 0x8000_0000, 0x3000_0000, 0x1001_0400, UNUSED];
/// SSRAM 3. It is blank, so something is put there first.
const UNUSED: u32 = 0x3820_0000;
/// Secure alias of the first controller, and the distance of the next.
const CONTROLLERS: u32 = 0x5011_0000;
const DISTANCE: u32 = 0x1000;

const CONFIGURATION: u32 = 0x030;
const CHANNEL_SOURCE: u32 = 0x100;
const CHANNEL_DESTINATION: u32 = 0x104;
const CHANNEL_CONTROL: u32 = 0x10C;
const CHANNEL_CONFIGURATION: u32 = 0x110;
const PROGRAMMED: [u32; 5] = [
    CONFIGURATION,
    CHANNEL_SOURCE,
    CHANNEL_DESTINATION,
    CHANNEL_CONTROL,
    CHANNEL_CONFIGURATION,
];

const WORDS: u32 = 8;

/// Where copies land; the processor reads it only through [`word`].
struct Landing(UnsafeCell<[u32; WORDS as usize]>);
// SAFETY: used by one request at a time, by volatile words.
unsafe impl Sync for Landing {}
static LANDING: Landing = Landing(UnsafeCell::new([0; WORDS as usize]));

const fn word(address: u32) -> Register {
    // SAFETY: callers name a controller's register, a word of `LANDING`, or one of `SOURCES`.
    unsafe { Register::at(address) }
}

pub(super) fn copy(message: &mut Message<'_>) -> Status {
    let (Some(controller), Some(source)) = (number(message), number(message)) else {
        return Error::InvalidArgument.status();
    };
    if controller > 3 || !SOURCES.contains(&source) {
        return Error::InvalidArgument.status();
    }
    let landing = LANDING.0.get() as usize as u32;
    let places = || (0..WORDS).map(|place| (source + 4 * place, landing + 4 * place));
    for (from, to) in places() {
        if source == UNUSED {
            word(from).write(0x5EED_5EED);
        }
        word(to).write(0);
    }
    let base = CONTROLLERS + DISTANCE * controller;
    let programming = [
        1,
        source,
        landing,
        8 | 2 << 18 | 2 << 21 | 1 << 26 | 1 << 27,
        1,
    ];
    for (register, value) in PROGRAMMED.into_iter().zip(programming) {
        word(base + register).write(value);
    }
    for register in PROGRAMMED {
        word(base + register).write(0);
    }
    let mut copied = 0;
    for (from, to) in places() {
        let here = word(to).read();
        if here == word(from).read() {
            copied += here.to_le_bytes().iter().filter(|byte| **byte != 0).count() as u32;
        }
        word(to).write(0);
    }
    answer(message, copied)
}

pub(super) fn inspect(message: &mut Message<'_>) -> Status {
    let mut found = 0;
    while let Some(changed) = number(message) {
        found |= changed;
    }
    for controller in 0..4 {
        for register in PROGRAMMED {
            found |= word(CONTROLLERS + DISTANCE * controller + register).read();
        }
    }
    answer(message, found)
}

fn number(message: &mut Message<'_>) -> Option<u32> {
    message.read_array(0).map(u32::from_le_bytes)
}

fn answer(message: &mut Message<'_>, value: u32) -> Status {
    match message.write(0, &value.to_le_bytes()) {
        Ok(()) => Status::SUCCESS,
        Err(_) => Error::BufferTooSmall.status(),
    }
}
