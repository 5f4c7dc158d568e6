//! Bring-up.
#![no_std]
#![no_main]
use ironroot_port_armv8m::partition::supervisor_call;
#[unsafe(no_mangle)]
extern "C" fn partition_main() -> ! {
    let a = supervisor_call::<5>(1, 2, 3, 4);
    let b = supervisor_call::<6>(a, 0, 0, 0);
    let b = supervisor_call::<7>(b, 0, 0, 0);
    unsafe { core::ptr::with_exposed_provenance::<u32>(0x3000_1000).read_volatile() };
    loop { supervisor_call::<6>(b, 0, 0, 0); }
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop { supervisor_call::<10>(0, 0, 0, 0); } }
