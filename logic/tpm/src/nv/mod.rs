//! NV indices (Part 1, section 37): each is one record of the store; locks that a start takes away live in memory.

use crate::core::Core;
use crate::entity::Guard;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::structures::Name;

/// What is known of NV in memory.
#[derive(Default)]
pub(crate) struct Nv {}

impl Core<'_> {
    /// Refuses an index that is not defined, or whose hierarchy is off.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn check_nv(&mut self, _handle: Handle) -> Result<()> {
        Err(Rc::HANDLE)
    }

    /// The name of an index: hash algorithm and digest of its public area.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn nv_name(&mut self, _handle: Handle) -> Result<Name> {
        Err(Rc::HANDLE)
    }

    /// Auth value, policy and rules of an index.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn nv_guard(&mut self, _handle: Handle) -> Result<Guard> {
        Err(Rc::HANDLE)
    }
}
