//! The fixed memory protection regions of the PSA Root of Trust, from the linker's symbols.

use ironroot_port_armv8m::boards::an521::map::{self, Range};
use ironroot_port_armv8m::cpu::mpu::{self, Region, Rights};

unsafe extern "C" {
    static __secure_vectors_end: u32;
    static __callable_start: u32;
    static __callable_end: u32;
    static __root_text_start: u32;
    static __root_text_end: u32;
}

/// The secure gateway stubs.
pub(crate) fn callable() -> Range {
    (
        &raw const __callable_start as u32,
        &raw const __callable_end as u32,
    )
}

/// Regions 0 to 2, and 7; the port uses the four between for the partition that runs.
///
/// | region | who may | what it stops |
/// |---|---|---|
/// | bootloader, image header, vector table | we read | a write that outlives this boot, a jump into the bootloader |
/// | our code and constants | we execute | partitions reading it, anyone changing it |
/// | flash | we write | partitions reaching it, anyone executing it |
/// | our data and stacks | we write | partitions reaching it, anyone executing it |
pub(crate) fn protect_root() {
    let vectors_end = &raw const __secure_vectors_end as u32;
    let text = (
        &raw const __root_text_start as u32,
        &raw const __root_text_end as u32,
    );
    mpu::write(
        0,
        &[
            Region::new(map::BOOTLOADER.0, vectors_end, Rights::PrivilegedRead),
            Region::new(text.0, text.1, Rights::PrivilegedExecute),
            Region::new(map::SHARED_DATA.0, map::ROOT_RAM.1, Rights::PrivilegedWrite),
        ],
    );
    // Flash holds what attackers may have written: data, never code.
    mpu::write(
        7,
        &[Region::new(
            map::FLASH.0,
            map::FLASH.1,
            Rights::PrivilegedWrite,
        )],
    );
    mpu::enable();
}
