//! The secure image of AN521: partition manager, PSA Root of Trust services, and the way into the
//! non-secure world. This file is the order of steps; each step lives in its own module.
#![no_std]
#![no_main]

mod gates;
mod kernel;
mod regions;
#[cfg(test_services)]
mod test_services;

use ironroot_an521_common::{console, faults, say};
use ironroot_boot::fault::{Cause, FaultRecord, Origin};
use ironroot_port_armv8m::boards::an521::{map, protect};
use ironroot_port_armv8m::cpu::scb;
use ironroot_port_armv8m::cpu::start::{self, VectorTable};
use ironroot_port_armv8m::secure::fault::Capture;
use ironroot_port_armv8m::secure::{enter, runner};

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: VectorTable = start::with_system_tick(
    start::vector_table(
        start::reset,
        runner::fault_handler(),
        runner::supervisor_call_handler(),
    ),
    runner::tick_handler(),
);

/// After start-up code: protection first, then what needs protecting, then the other world.
#[unsafe(no_mangle)]
extern "C" fn ironroot_main() -> ! {
    scb::configure_exceptions();
    protect::configure(regions::callable());
    console::give_away();
    regions::protect_root();

    if let Err(step) = kernel::start() {
        let refused = FaultRecord {
            detail: step as u32,
            ..FaultRecord::new(Cause::StartRefused, Origin::RootOfTrust)
        };
        faults::record_and_reset(refused);
    }

    scb::give_interrupts_away();
    protect::lock();
    say!(
        "secure: ready, isolation level ",
        kernel::ISOLATION_LEVEL as u32
    );
    let vectors = map::NON_SECURE_IMAGE.0 + map::HEADER_SIZE;
    // SAFETY: the bootloader verified this image in place before it started us; its memory is
    // attributed now, and this stack is not used again.
    unsafe { enter::enter_non_secure(vectors) }
}

#[unsafe(no_mangle)]
fn ironroot_fault_contained(capture: &Capture) {
    faults::record(faults::from_capture(capture, Origin::RootOfTrust));
}

#[unsafe(no_mangle)]
fn ironroot_fault_fatal(capture: &Capture) -> ! {
    faults::record_and_reset(faults::from_capture(capture, Origin::RootOfTrust))
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    faults::panicked(Origin::RootOfTrust)
}
