//! The non-secure half: what an application image links to live beside Ironroot on AN521.
//!
//! - [`startup`]: vector table, reset handler, fault reports; [`entry!`](crate::entry) names the main
//!   function.
//! - [`veneers`]: the calls into the secure world, by TF-M's names; [`prepared`]: the same, measured.
//! - [`context`]: client identities for a kernel with more than one thread.
//! - [`console`], [`semihosting`], [`mailbox`]: how a program on the emulated board talks to its host.
//! - [`threads`], [`handler_mode`], [`mpu`], [`probe`]: what the attack application needs to misbehave.
//!
//! Nothing here is trusted by the secure world. Its `unsafe` defends only the application's own memory.

pub mod console;
pub mod context;
pub mod handler_mode;
pub mod mailbox;
pub mod mpu;
pub mod prepared;
pub mod probe;
pub mod semihosting;
pub mod startup;
pub mod threads;
pub mod veneers;
