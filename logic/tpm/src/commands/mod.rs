//! The commands, one file per chapter of Part 3. Each file lists its lines of the command table.

mod attestation;
mod audit;
mod capability;
#[cfg(feature = "full")]
mod certificate;
mod clock;
mod context;
mod create;
#[cfg(feature = "full")]
mod create_loaded;
mod credential;
#[cfg(feature = "full")]
mod der;
mod dictionary;
#[cfg(feature = "full")]
mod duplication;
#[cfg(feature = "full")]
mod ecc_encryption;
mod ecdh;
#[cfg(feature = "full")]
mod ephemeral;
mod hash;
mod hierarchy;
mod management;
mod nv;
mod object;
#[cfg(feature = "full")]
mod parameters;
mod pcr;
#[cfg(feature = "full")]
mod pcr_auth;
#[cfg(feature = "full")]
mod platform;
mod policy;
mod random;
#[cfg(feature = "full")]
mod rsa;
mod session;
mod signature;
mod startup;
#[cfg(feature = "full")]
mod symmetric;
mod testing;

pub use capability::REVISION;

use crate::table::Command;

/// All chapters, in the order of Part 3.
pub(crate) const CHAPTERS: &[&[Command]] = &[
    startup::COMMANDS,
    session::COMMANDS,
    random::COMMANDS,
    object::COMMANDS,
    create::COMMANDS,
    #[cfg(feature = "full")]
    create_loaded::COMMANDS,
    credential::COMMANDS,
    #[cfg(feature = "full")]
    duplication::COMMANDS,
    management::COMMANDS,
    testing::COMMANDS,
    #[cfg(feature = "full")]
    rsa::COMMANDS,
    ecdh::COMMANDS,
    #[cfg(feature = "full")]
    ecc_encryption::COMMANDS,
    #[cfg(feature = "full")]
    ephemeral::COMMANDS,
    #[cfg(feature = "full")]
    symmetric::COMMANDS,
    attestation::COMMANDS,
    #[cfg(feature = "full")]
    certificate::COMMANDS,
    audit::COMMANDS,
    signature::COMMANDS,
    #[cfg(feature = "full")]
    parameters::COMMANDS,
    hash::COMMANDS,
    pcr::COMMANDS,
    #[cfg(feature = "full")]
    pcr_auth::COMMANDS,
    hierarchy::COMMANDS,
    #[cfg(feature = "full")]
    platform::COMMANDS,
    dictionary::COMMANDS,
    clock::COMMANDS,
    capability::COMMANDS,
    policy::COMMANDS,
    context::COMMANDS,
    nv::COMMANDS,
];
