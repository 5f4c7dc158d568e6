//! UART 0, which the secure world leaves to the non-secure one: text out, nothing in.

use core::fmt;

use crate::boards::an521::uart::Uart;

/// The console as a [`fmt::Write`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Console;

impl Console {
    /// Turns the transmitter on: an image started without a bootloader prints too.
    pub fn enable(self) {
        Uart::NON_SECURE.enable();
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            Uart::NON_SECURE.send(byte);
        }
        Ok(())
    }
}

/// Prints formatted text; `print(format_args!("{value}\n"))`.
pub fn print(arguments: fmt::Arguments<'_>) {
    // The console cannot fail, and a formatter that does has nobody to tell.
    let _ = fmt::Write::write_fmt(&mut Console, arguments);
}

/// Prints one line on the non-secure console, as `std::println!` does.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {{
        $crate::nonsecure::console::print(format_args!($($argument)*));
        $crate::nonsecure::console::print(format_args!("\n"));
    }};
}
