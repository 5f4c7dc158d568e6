//! The commands, one file per chapter of Part 3. Each file lists its lines of the command table.

mod random;
mod startup;

use crate::table::Command;

/// All chapters, in the order of Part 3.
pub(crate) const CHAPTERS: &[&[Command]] = &[startup::COMMANDS, random::COMMANDS];
