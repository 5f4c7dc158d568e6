//! PIN indices: using their auth value is counted, and only so often possible.
//!
//! The value is two numbers of 32 bits, uses and limit. Of a PIN-fail index failures count and a success starts anew;
//! of a PIN-pass index successes count. At the limit the auth value may not be used any more.

use super::{NvIndex, NvKind};
use crate::core::Core;
use crate::handle::Handle;
use crate::rc::{Rc, Result};

impl Core<'_> {
    /// The auth value of an index was given wrong.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: it could not be counted.
    pub(crate) fn pin_failed(&mut self, handle: Handle) -> Result<()> {
        match self.pin_of(handle)? {
            Some((NvKind::PinFail, used)) => self.set_pin_uses(handle, used.saturating_add(1)),
            _ => Ok(()),
        }
    }

    /// The auth value of an index was given right.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: it could not be counted.
    pub(crate) fn pin_right(&mut self, handle: Handle) -> Result<()> {
        match self.pin_of(handle)? {
            Some((NvKind::PinFail, used)) if used != 0 => self.set_pin_uses(handle, 0),
            Some((NvKind::PinPass, used)) => self.set_pin_uses(handle, used.saturating_add(1)),
            _ => Ok(()),
        }
    }

    fn pin_of(&mut self, handle: Handle) -> Result<Option<(NvKind, u32)>> {
        let index = self.nv_index(handle)?;
        Ok(index.pin().map(|(used, _)| (index.public.kind(), used)))
    }

    fn set_pin_uses(&mut self, handle: Handle, used: u32) -> Result<()> {
        let write = |index: &mut NvIndex| index.write(0, &used.to_be_bytes()).ok_or(Rc::FAILURE);
        self.update_nv(handle, write)
    }
}
