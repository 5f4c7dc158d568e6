//! The commands, one file per chapter of Part 3. Each file lists its lines of the command table.

mod attestation;
mod audit;
mod capability;
mod clock;
mod context;
mod create;
mod credential;
mod dictionary;
mod duplication;
mod ecdh;
mod hash;
mod hierarchy;
mod management;
mod nv;
mod object;
mod parameters;
mod pcr;
mod policy;
mod random;
#[cfg(feature = "full")]
mod rsa;
mod session;
mod signature;
mod startup;
mod symmetric;
mod testing;

use crate::table::Command;

/// All chapters, in the order of Part 3.
pub(crate) const CHAPTERS: &[&[Command]] = &[
    startup::COMMANDS,
    session::COMMANDS,
    random::COMMANDS,
    object::COMMANDS,
    create::COMMANDS,
    credential::COMMANDS,
    duplication::COMMANDS,
    management::COMMANDS,
    testing::COMMANDS,
    #[cfg(feature = "full")]
    rsa::COMMANDS,
    ecdh::COMMANDS,
    symmetric::COMMANDS,
    attestation::COMMANDS,
    audit::COMMANDS,
    signature::COMMANDS,
    parameters::COMMANDS,
    hash::COMMANDS,
    pcr::COMMANDS,
    hierarchy::COMMANDS,
    dictionary::COMMANDS,
    clock::COMMANDS,
    capability::COMMANDS,
    policy::COMMANDS,
    context::COMMANDS,
    nv::COMMANDS,
];
