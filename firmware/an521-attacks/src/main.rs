//! Not written yet.
#![no_std]
#![no_main]

ironroot_port_armv8m::entry!(main);

fn main() -> u32 {
    ironroot_port_armv8m::say!("hello from the non-secure world");
    0
}
