//! CMSDK APB UART 0: the console. Arm Cortex-M System Design Kit, section 4.3.

use crate::cpu::mmio::Register;

/// One UART.
#[derive(Debug, Clone, Copy)]
pub struct Uart {
    data: Register,
    state: Register,
    control: Register,
    divider: Register,
}

impl Uart {
    const fn at(base: u32) -> Self {
        Self {
            data: register(base),
            state: register(base + 4),
            control: register(base + 8),
            divider: register(base + 16),
        }
    }

    /// UART 0 while the secure world owns it.
    pub const SECURE: Self = Self::at(0x5020_0000);
    /// UART 0 once the non-secure world owns it (the secure world may still write to it there).
    pub const NON_SECURE: Self = Self::at(0x4020_0000);

    /// Turns the transmitter on. The divider's value does not matter to QEMU but must be at least 16.
    pub fn enable(self) {
        self.divider.write(16);
        self.control.write(1);
    }

    /// Turns the receiver on too.
    pub fn enable_receiver(self) {
        self.control.write(3);
    }

    /// The byte that was received, if there is one.
    #[must_use]
    pub fn receive(self) -> Option<u8> {
        (self.state.read() & 2 != 0).then(|| self.data.read() as u8)
    }

    /// Sends one byte, waiting for room; gives up after a while, for the other world may own the UART and
    /// have turned it off: no fault handler of ours waits for it.
    pub fn send(self, byte: u8) {
        const PATIENCE: u32 = 10_000;
        if (0..PATIENCE).any(|_| self.state.read() & 1 == 0) {
            self.data.write(u32::from(byte));
        }
    }
}

const fn register(address: u32) -> Register {
    // SAFETY: called with the registers of this board's UARTs only; they touch no memory.
    unsafe { Register::at(address) }
}

impl core::fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            self.send(byte);
        }
        Ok(())
    }
}
