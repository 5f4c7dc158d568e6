//! Bring-up.
#![no_std]
#![no_main]
use core::fmt::Write;
use ironroot_port_armv8m::boards::an521::{map, protect, uart::Uart};
use ironroot_port_armv8m::cpu::mpu::{self, Region, Rights};
use ironroot_port_armv8m::cpu::scb;
use ironroot_port_armv8m::cpu::start::{self, VectorTable};
use ironroot_port_armv8m::secure::runner::{IsolationLevel, PartitionImage, Runner};
use ironroot_port_armv8m::secure::{fault::Capture, runner};
use ironroot_platform::{PartitionIndex, PartitionRunner};

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: VectorTable =
    start::vector_table(start::reset, runner::fault_handler(), runner::supervisor_call_handler());

unsafe extern "C" {
    static __gate_start: u32; static __gate_end: u32; static __callable_start: u32; static __callable_end: u32;
    static __root_text_start: u32; static __root_text_end: u32; static __secure_vectors_end: u32;
}
static IMAGES: &[PartitionImage] = &[PartitionImage { code: (0x1007_0000, 0x1007_2000), ram: (0x3001_4000, 0x3001_5000), mmio: &[] }];
static mut RUNNER: Runner = Runner::new(IMAGES, include!(concat!(env!("OUT_DIR"), "/isolation_level.rs")));

#[unsafe(no_mangle)]
extern "C" fn ironroot_main() -> ! {
    scb::configure_exceptions();
    let _ = writeln!(Uart::SECURE, "spe: hello");
    protect::configure((&raw const __callable_start as u32, &raw const __callable_end as u32));
    mpu::write(0, &[
      Region::new(0x1000_0000, &raw const __secure_vectors_end as u32, Rights::PrivilegedRead),
      Region::new(&raw const __gate_start as u32, &raw const __gate_end as u32, Rights::AnyExecute),
      Region::new(&raw const __root_text_start as u32, &raw const __root_text_end as u32, Rights::PrivilegedExecute),
      Region::new(0x3000_0000, 0x3001_4000, Rights::PrivilegedWrite)]);
    mpu::enable();
    protect::lock();
    let r = unsafe { &mut *(&raw mut RUNNER) };
    r.restart(PartitionIndex(0));
    let mut v = 0;
    for _ in 0..6 { let t = r.resume(PartitionIndex(0), v); let _ = writeln!(Uart::NON_SECURE, "trap {t:x?}"); v += 0x11; }
    unsafe { ironroot_port_armv8m::secure::enter::enter_non_secure(0x0020_0400) }
}
#[unsafe(no_mangle)] extern "C" fn ironroot_gate_version(service: u32) -> u32 { service+1 }
#[unsafe(no_mangle)] extern "C" fn ironroot_gate_connect(service: u32, version: u32) -> i32 { (service+version) as i32 }
#[unsafe(no_mangle)] extern "C" fn ironroot_gate_call(handle: u32, control: u32, in_vec: u32, out_vec: u32) -> i32 { let _ = writeln!(Uart::NON_SECURE, "call {handle:x} {control:x} {in_vec:x} {out_vec:x}"); 7 }
#[unsafe(no_mangle)] extern "C" fn ironroot_gate_close(handle: u32) {}
#[unsafe(no_mangle)] extern "C" fn ironroot_gate_context(operation: u32, first: u32, second: u32) -> u32 { operation }
#[unsafe(no_mangle)]
fn ironroot_fault_contained(capture: &Capture) { let _ = writeln!(Uart::NON_SECURE, "{capture:x?}"); }
#[unsafe(no_mangle)]
fn ironroot_fault_fatal(capture: &Capture) -> ! { let _ = writeln!(Uart::NON_SECURE, "{capture:x?}"); loop {} }
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! { let _ = writeln!(Uart::NON_SECURE, "{info}"); loop {} }
