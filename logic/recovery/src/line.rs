//! One serial line, whichever protocol is spoken on it.

use crate::store::{Fault, Place, Store};
use crate::{smp, ymodem};

/// What the machine has to do, or may tell a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Nothing.
    None,
    /// The recovery ends: boot.
    Reset,
    /// A file came whole by Ymodem, was verified and marked.
    Loaded(Place),
    /// A file was refused.
    Failed(Fault),
    /// A transfer was given up, by either side.
    Cancelled,
}

/// After a packet of SMP Ymodem does not ask for files for so many seconds.
const QUIET: u8 = 10;

/// Both protocols on one line: what a byte means is told by what is under way, else by the byte itself.
#[derive(Debug, Default)]
pub struct Recovery {
    smp: smp::Server,
    ymodem: ymodem::Receiver,
    quiet: u8,
}

impl Recovery {
    /// Nothing under way.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            smp: smp::Server::new(),
            ymodem: ymodem::Receiver::new(),
            quiet: 0,
        }
    }

    /// Takes one byte from the line. Answers go out through `put`, before this returns.
    pub fn receive(&mut self, byte: u8, store: &mut dyn Store, put: &mut dyn FnMut(u8)) -> Event {
        let smp = !self.ymodem.is_busy() && (self.smp.is_busy() || smp::Server::begins_with(byte));
        if smp {
            self.quiet = QUIET;
            self.smp.receive(byte, store, put)
        } else {
            self.ymodem.receive(byte, store, put)
        }
    }

    /// A second has passed without a byte.
    pub fn tick(&mut self, put: &mut dyn FnMut(u8)) -> Event {
        self.smp.tick(false, put);
        self.quiet = self.quiet.saturating_sub(1);
        self.ymodem.tick(self.quiet != 0, put)
    }
}
