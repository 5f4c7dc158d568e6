//! Stands in for a protocol that is not built in: it says and does nothing.
#![allow(dead_code, unused_imports)] // which of it is used depends on what is absent

use crate::{Event, Store};

/// A protocol that nobody speaks.
#[derive(Debug, Default)]
pub(crate) struct Server;

pub(crate) use Server as Receiver;

#[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut)] // the shape of the protocols
impl Server {
    pub(crate) const fn new() -> Self {
        Self
    }
    pub(crate) const fn is_busy(&self) -> bool {
        false
    }
    pub(crate) const fn begins_with(_byte: u8) -> bool {
        false
    }
    pub(crate) fn receive(
        &mut self,
        _byte: u8,
        _store: &mut dyn Store,
        _put: &mut dyn FnMut(u8),
    ) -> Event {
        Event::None
    }
    pub(crate) fn tick(&mut self, _quiet: bool, _put: &mut dyn FnMut(u8)) -> Event {
        Event::None
    }
}
