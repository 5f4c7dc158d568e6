//! The console line: secure while we own UART 0, non-secure once it has been given away.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
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

/// Prints one line.
pub fn print_line(line: fmt::Arguments<'_>) {
    let mut uart = if GIVEN_AWAY.load(Ordering::Relaxed) {
        Uart::NON_SECURE
    } else {
        Uart::SECURE
    };
    // A UART write cannot fail.
    let _ = uart.write_fmt(line);
    let _ = uart.write_str("\n");
}

/// Prints one line, like `println!`.
#[macro_export]
macro_rules! say {
    ($($word:tt)*) => { $crate::console::print_line(format_args!($($word)*)) };
}
