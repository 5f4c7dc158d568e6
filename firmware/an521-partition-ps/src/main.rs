//! Protected Storage on AN521: the service of `ironroot-ps`, over supervisor calls.
#![no_std]
#![no_main]

use ironroot_partition_runtime::{Supervisor, give_up};

#[unsafe(no_mangle)]
extern "C" fn partition_main() -> ! {
    ironroot_ps::run(&mut Supervisor);
    give_up()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    give_up()
}
