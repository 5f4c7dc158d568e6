//! Test-only: an Application RoT partition that gives back what it gets. The benchmark's "null call" and
//! "64 bytes in and out", and somebody for the hostile partition to spy on.
#![no_std]
#![no_main]

use ironroot_partition::{Kernel, Request, serve};
use ironroot_partition_runtime::{Supervisor, give_up};
use ironroot_psa_api::Status;

#[unsafe(no_mangle)]
extern "C" fn partition_main() -> ! {
    serve(&mut Supervisor, echo);
    give_up()
}

/// Writes the first input to the first output, 64 bytes at a time.
fn echo<K: Kernel>(request: &mut Request<'_, K>) -> Status {
    let mut chunk = [0; 64];
    let mut left = request.in_len(0).min(request.out_len(0));
    while left > 0 {
        let (part, _) = chunk.split_at_mut(left.min(64));
        let count = request.read(0, part);
        let Some(data) = part.get(..count).filter(|data| !data.is_empty()) else {
            break;
        };
        if let Err(error) = request.write(0, data) {
            return error.status();
        }
        left -= count;
    }
    Status::SUCCESS
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    give_up()
}
