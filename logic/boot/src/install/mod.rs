//! Bringing an image to where it runs: swap and overwrite, on flash that may lose power at any time.
//!
//! One idea per file:
//!
//! | file | idea |
//! |---|---|
//! | `decide` | what two trailers ask for: MCUboot's table, a pure function |
//! | `layout` | where a slot's trailer keeps status, sizes and flags, and which sectors it fills |
//! | `method` | a strategy is a numbered list of copies of sectors; each number is one status entry |
//! | `offset`, `moving`, `scratch` | the three lists |
//! | `view` | what a slot *will* hold when the list is finished, as something that can be verified now |
//! | `journal` | how far the list came, in MCUboot's trailer; how it survives torn writes |
//! | `mover` | copies a sector and makes sure of it; knows no signature |
//! | `overwrite` | the strategy without a way back |
//! | `interrupted` | whether a list was begun and is not finished |
//! | `set` | the record that makes several images one |
//! | `device` | the boot that uses all of them |

pub mod decide;
mod interrupted;
mod journal;
pub mod layout;
pub mod method;
mod mover;
mod moving;
mod offset;
mod overwrite;
mod scratch;
pub mod set;
pub(crate) mod swapper;
mod view;

pub use interrupted::is_interrupted;
pub use moving::SwapMove;
pub use offset::SwapOffset;
pub use overwrite::Overwrite;
pub use scratch::SwapScratch;
pub use view::FlashImage;

pub(crate) use journal::Journal;
pub(crate) use method::{Areas, Method, Party};
