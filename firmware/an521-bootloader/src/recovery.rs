//! The recovery mode: images come in over the console's UART.
//!
//! Entered when the words that ask for it are in memory, when button 0 is held at reset, or when no image is
//! acceptable. It ends with a reset, so everything after it is an ordinary boot.

#[cfg(feature = "in-place")]
#[path = "recovery_in_place.rs"]
mod slots;
#[cfg(not(feature = "in-place"))]
#[path = "recovery_ram_load.rs"]
mod slots;

use ironroot_an521_common::say;
use ironroot_boot::fault::Cause;
use ironroot_boot::otp::{self, RootKeys};
use ironroot_boot::{FlashMap, Image, PerImage, flash_map};
use ironroot_image::encryption::Decryption;
use ironroot_platform::HardwareCounter as _;
use ironroot_port_armv8m::boards::an521::recovery::{self as board, Request};
use ironroot_port_armv8m::boards::an521::uart::Uart;
use ironroot_port_armv8m::cpu::scb;
use ironroot_recovery::{Event, Recovery, Store};

/// What images are judged by.
struct Rules<'d> {
    map: &'d FlashMap,
    root_keys: &'d PerImage<RootKeys>,
    /// Each image's hardware counter: present value, highest possible value.
    counters: PerImage<(u32, u32)>,
    decryption: Option<Decryption<'d>>,
}

/// Goes into the recovery mode if somebody asked for it.
pub(crate) fn if_requested() {
    if let Some(request) = board::take_request() {
        serve(&flash_map::AN521, request);
    }
}

/// Nothing boots: from a fresh start, with the whole stack, somebody may load an image.
pub(crate) fn last_resort(cause: Cause) {
    if cause == Cause::NothingToBoot {
        board::ask(Request::NothingBoots);
        scb::system_reset();
    }
}

#[inline(never)]
fn serve(map: &FlashMap, request: Request) {
    let mut flash = crate::flash();
    let facts = map.otp.of(&mut flash).ok();
    let facts = facts.and_then(|area| otp::read_boot_facts(&area).ok());
    // A device without keys can accept nothing; the boot that follows says so.
    let Some(facts) = facts else { return };
    let (secure, non_secure) = (counter(map, Image::Secure), counter(map, Image::NonSecure));
    crate::encrypted::opening(map, |decryption| {
        let rules = Rules {
            map,
            root_keys: &facts.root_keys,
            counters: PerImage { secure, non_secure },
            decryption,
        };
        listen(&mut slots::slots(rules, request));
    });
}

/// Serves the line until somebody asks for the reset.
fn listen(slots: &mut dyn Store) -> ! {
    say!("recovery: waiting for images");
    let uart = Uart::SECURE;
    uart.enable_receiver();
    let mut put = |byte| uart.send(byte);
    let mut recovery = Recovery::new();
    let mut clock = board::HalfSeconds::start();
    let mut silence = 0u32;
    loop {
        let event = match uart.receive() {
            Some(byte) => {
                silence = 0;
                recovery.receive(byte, slots, &mut put)
            }
            None if clock.passed() => {
                silence = silence.wrapping_add(1);
                if silence & 1 == 0 {
                    recovery.tick(&mut put)
                } else {
                    Event::None
                }
            }
            None => Event::None,
        };
        match event {
            Event::None => {}
            Event::Loaded(_) => say!("recovery: image loaded"),
            Event::Failed(fault) => say!("recovery: refused: ", fault.words()),
            Event::Cancelled => say!("recovery: transfer given up"),
            Event::Reset => {
                // The answer's last bytes are still on their way out.
                for _ in 0..2 {
                    while !clock.passed() {}
                }
                scb::system_reset()
            }
        }
    }
}

/// Present value of an image's hardware counter, and the highest it can reach.
fn counter(map: &FlashMap, image: Image) -> (u32, u32) {
    let mut flash = crate::flash();
    let counter = crate::counter(map, image, &mut flash);
    (crate::part(9, counter.read()), counter.limit())
}
