//! The secure world's flash, with power that may fail: for demonstrations and tests of what a cut leaves behind.

use crate::exit;
use ironroot_platform::{Flash, FlashError, Geometry};
use ironroot_port_host::FileFlash;
use std::cell::Cell;
use std::rc::Rc;

/// A flash whose process ends where its power fails.
#[derive(Debug, Clone)]
pub(crate) struct Supply {
    flash: FileFlash,
    /// Writes and erases until then.
    left: Rc<Cell<Option<u32>>>,
}

impl Supply {
    /// Power fails before write or erase number `cut_after`, counted from 0 over all clones.
    pub(crate) fn new(flash: FileFlash, cut_after: Option<u32>) -> Self {
        Self {
            flash,
            left: Rc::new(Cell::new(cut_after)),
        }
    }

    fn count(&self) {
        match self.left.get() {
            None => {}
            // What was written is with the operating system.
            Some(0) => std::process::exit(exit::POWER_CUT),
            Some(left) => self.left.set(Some(left - 1)),
        }
    }
}

impl Flash for Supply {
    fn geometry(&self) -> Geometry {
        self.flash.geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        self.flash.read(offset, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        self.count();
        self.flash.program(offset, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.count();
        self.flash.erase(sector)
    }
}
