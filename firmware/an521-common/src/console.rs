//! The console line: secure while we own UART 0, non-secure once it has been given away.
//!
//! A line is a few words one after the other. The language's formatting would be more than 5 KB of code in
//! an image that says a dozen lines.

use core::sync::atomic::{AtomicBool, Ordering};
use ironroot_image::{Version, decimal};
use ironroot_port_armv8m::boards::an521::uart::Uart;

static GIVEN_AWAY: AtomicBool = AtomicBool::new(false);

/// From now on the non-secure world owns the UART; we write through its alias.
pub fn give_away() {
    GIVEN_AWAY.store(true, Ordering::Relaxed);
}

/// Turns the UART on; the bootloader does it once.
pub fn enable() {
    Uart::SECURE.enable();
}

/// Something that a line is made of.
pub trait Word {
    /// Prints it.
    fn print(self);
}

impl Word for &str {
    #[inline(never)]
    fn print(self) {
        self.bytes().for_each(send);
    }
}

/// In decimal digits.
impl Word for u32 {
    fn print(self) {
        decimal(self, &mut send);
    }
}

/// As people write it, 1.2.3+4.
impl Word for Version {
    fn print(self) {
        self.spell(&mut send);
    }
}

/// Hexadecimal after 0x, with as many digits as it takes.
#[derive(Debug, Clone, Copy)]
pub struct Hex(pub u32);

impl Word for Hex {
    fn print(self) {
        hexadecimal(self.0, false);
    }
}

/// Hexadecimal after 0x, eight digits.
#[derive(Debug, Clone, Copy)]
pub struct Address(pub u32);

impl Word for Address {
    fn print(self) {
        hexadecimal(self.0, true);
    }
}

#[inline(never)]
fn hexadecimal(mut value: u32, mut zeros: bool) {
    "0x".print();
    for left in (0..8).rev() {
        value = value.rotate_left(4);
        let digit = (value & 0xf) as u8;
        zeros |= digit != 0 || left == 0;
        if zeros {
            send(digit + if digit < 10 { b'0' } else { b'a' - 10 });
        }
    }
}

#[inline(never)]
fn send(byte: u8) {
    let uart = if GIVEN_AWAY.load(Ordering::Relaxed) {
        Uart::NON_SECURE
    } else {
        Uart::SECURE
    };
    uart.send(byte);
}

/// Prints one line of words: `say!("boot: slot ", 3)`.
#[macro_export]
macro_rules! say {
    ($($word:expr),* $(,)?) => {{
        $($crate::console::Word::print($word);)*
        $crate::console::Word::print("\n");
    }};
}
