//! The commands, one file per chapter of Part 3. Each file lists its lines of the command table.

mod capability;
mod clock;
mod create;
mod credential;
mod dictionary;
mod duplication;
mod hash;
mod hierarchy;
mod management;
mod nv;
mod object;
mod pcr;
mod random;
mod startup;
mod testing;

use crate::table::Command;

/// All chapters, in the order of Part 3.
pub(crate) const CHAPTERS: &[&[Command]] = &[
    startup::COMMANDS,
    random::COMMANDS,
    object::COMMANDS,
    create::COMMANDS,
    credential::COMMANDS,
    duplication::COMMANDS,
    management::COMMANDS,
    testing::COMMANDS,
    hash::COMMANDS,
    pcr::COMMANDS,
    hierarchy::COMMANDS,
    dictionary::COMMANDS,
    clock::COMMANDS,
    capability::COMMANDS,
    nv::COMMANDS,
];
