//! Without RSA no command is ever suspended.

use crate::core::Core;
use crate::rc::{Rc, Result};

/// There is no search.
#[derive(Default)]
pub(crate) enum Search {
    /// None was begun.
    #[default]
    None,
}

impl Core<'_> {
    /// Nothing can go on.
    ///
    /// # Errors
    /// `FAILURE`, always.
    pub(crate) fn search_step(&mut self, _budget: u32) -> Result<bool> {
        Err(Rc::FAILURE)
    }

    /// Forgets it.
    pub(crate) fn forget_search(&mut self) {
        self.objects.search = Search::None;
    }
}
