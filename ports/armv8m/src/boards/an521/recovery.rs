//! What the bootloader's recovery mode needs of the board: who asks for it, and how time passes.

use super::map;
use crate::cpu::mmio::Register;

const fn register(address: u32) -> Register {
    // SAFETY: called with device registers, and with the two words kept for the request, which no Rust object
    // occupies: the hand-over area is made anew before each start of an image.
    unsafe { Register::at(address) }
}

/// Two words at the end of the hand-over area, which a warm reset keeps. Two, because memory holds noise after
/// power-on.
const REQUEST: [Register; 2] = [
    register(map::SHARED_DATA.1 - 8),
    register(map::SHARED_DATA.1 - 4),
];

/// "RCVR" in the order of memory.
const ASKED: u32 = u32::from_le_bytes(*b"RCVR");
/// "HELP" in the order of memory.
const NEEDED: u32 = u32::from_le_bytes(*b"HELP");

/// Why the recovery mode is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The firmware or a person asked for it.
    Asked,
    /// The bootloader found nothing to start.
    NothingBoots,
}

/// Asks for the recovery mode after the next warm reset. The secure image does the same with its own code.
pub fn ask(request: Request) {
    let word = match request {
        Request::Asked => ASKED,
        Request::NothingBoots => NEEDED,
    };
    REQUEST[0].write(word);
    REQUEST[1].write(!word);
}

/// What was asked: by the words, or by button 0 held during the reset. The words are gone afterwards.
#[must_use]
pub fn take_request() -> Option<Request> {
    // FPGA I/O block, secure alias (Arm Application Note AN521, section 3.6: buttons). QEMU has none to press.
    const BUTTONS: Register = register(0x5030_2008);
    let [first, second] = REQUEST.map(Register::read);
    for word in REQUEST {
        word.write(0);
    }
    match first {
        ASKED if second == !ASKED => Some(Request::Asked),
        NEEDED if second == !NEEDED => Some(Request::NothingBoots),
        _ if BUTTONS.read() & 1 != 0 => Some(Request::Asked),
        _ => None,
    }
}

/// SysTick without its interrupt. Arm v8-M Architecture Reference Manual, B11.
#[derive(Debug)]
pub struct HalfSeconds(());

const CONTROL: Register = register(0xE000_E010);
const RELOAD: Register = register(0xE000_E014);
const CURRENT: Register = register(0xE000_E018);

/// The board's processor clock, 20 MHz; the counter has 24 bits.
const TICKS: u32 = 10_000_000;

impl HalfSeconds {
    /// Begins to count.
    #[must_use]
    pub fn start() -> Self {
        RELOAD.write(TICKS - 1);
        CURRENT.write(0);
        // Enabled, counting the processor's clock.
        CONTROL.write(0b101);
        Self(())
    }

    /// Whether one has passed since the last call that said so.
    pub fn passed(&mut self) -> bool {
        CONTROL.read() & 1 << 16 != 0
    }
}
