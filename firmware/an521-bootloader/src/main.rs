//! Bring-up.
#![no_std]
#![no_main]
use core::fmt::Write;
use ironroot_port_armv8m::boards::an521::uart::Uart;
use ironroot_port_armv8m::cpu::start::{self, VectorTable};
use ironroot_port_armv8m::secure::{fault::Capture, runner};

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: VectorTable =
    start::vector_table(start::reset, runner::fault_handler(), runner::supervisor_call_handler());

#[unsafe(no_mangle)]
extern "C" fn ironroot_main() -> ! {
    Uart::SECURE.enable();
    let _ = writeln!(Uart::SECURE, "boot: hello");
    unsafe { start::jump_secure(0x1001_0400, 0x3001_4000, 0x3002_0000) }
}
#[unsafe(no_mangle)]
fn ironroot_fault_contained(capture: &Capture) { let _ = writeln!(Uart::SECURE, "{capture:x?}"); }
#[unsafe(no_mangle)]
fn ironroot_fault_fatal(capture: &Capture) -> ! { let _ = writeln!(Uart::SECURE, "{capture:x?}"); loop {} }
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! { let _ = writeln!(Uart::SECURE, "{info}"); loop {} }
