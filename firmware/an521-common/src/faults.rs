//! From a captured fault to the record that survives the reset.
//!
//! A fault of a partition stops that partition; every other fault resets the system after it was
//! written down and shown. Never a silent reset.

use crate::console::{Address, Hex, Word as _};
use crate::{memory, say};
use core::sync::atomic::{AtomicU32, Ordering};
use ironroot_boot::fault::{Cause, FaultArea, FaultRecord, Origin};
use ironroot_port_armv8m::cpu::scb;
use ironroot_port_armv8m::secure::fault::{self as captured, Capture};
use ironroot_port_armv8m::secure::runner::OUT_OF_TIME;

/// Which boot this is, for records. The image sets it once it has read the counter.
static BOOT_COUNT: AtomicU32 = AtomicU32::new(0);

/// Sets the boot count that records carry.
pub fn set_boot_count(count: u32) {
    BOOT_COUNT.store(count, Ordering::Relaxed);
}

/// Writes a record into reserved SRAM and shows it on the console.
pub fn record(mut fault: FaultRecord) {
    fault.boot_count = BOOT_COUNT.load(Ordering::Relaxed);
    // SAFETY: recording happens in a handler, in the panic path or at start-up; none nests.
    FaultArea::new(unsafe { memory::fault_area() }).append(&fault);
    "fault: ".print();
    fault.cause.words().print();
    " of ".print();
    who(fault.origin).print();
    // What a program found out by itself has no place and no status.
    if fault.program_counter | fault.status | fault.secure_status != 0 {
        " at ".print();
        Address(fault.program_counter).print();
        ", address ".print();
        Address(fault.address.unwrap_or(0)).print();
        ", status ".print();
        Hex(fault.status).print();
        "/".print();
        Hex(fault.secure_status).print();
    }
    say!(", detail ", Hex(fault.detail));
}

/// Records and resets.
pub fn record_and_reset(fault: FaultRecord) -> ! {
    record(fault);
    scb::system_reset()
}

/// What a panic leaves behind; its text would need formatting code that we do not carry.
pub fn panicked(origin: Origin) -> ! {
    record_and_reset(FaultRecord::new(Cause::Panic, origin))
}

/// Translates what the handler captured; `own` names the image whose privileged code runs.
#[must_use]
pub fn from_capture(capture: &Capture, own: Origin) -> FaultRecord {
    let cause = match capture.exception {
        4 => Cause::MemManage,
        5 => Cause::BusFault,
        6 => Cause::UsageFault,
        7 => Cause::SecureFault,
        OUT_OF_TIME => Cause::OutOfTime,
        _ => Cause::HardFault,
    };
    let origin = match capture.origin {
        captured::Origin::NonSecure => Origin::NonSecure,
        captured::Origin::RootOfTrust => own,
        captured::Origin::Partition(index) => Origin::Partition((index & 0xFF) as u8),
    };
    let status = capture.status;
    FaultRecord {
        address: (status.address != 0).then_some(status.address),
        program_counter: capture.pc,
        link_register: capture.lr,
        status: status.cfsr,
        secure_status: status.sfsr,
        detail: status.hfsr,
        ..FaultRecord::new(cause, origin)
    }
}

fn who(origin: Origin) -> &'static str {
    match origin {
        Origin::Bootloader => "the bootloader",
        Origin::NonSecure => "the non-secure world",
        Origin::RootOfTrust => "the PSA root of trust",
        Origin::Partition(_) => "a partition",
    }
}
