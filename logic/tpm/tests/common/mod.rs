//! What tests of the engine stand on: a machine with a TPM in it, a store that fails on demand, and a client.
//!
//! The client checks every answer's session area by itself: HMAC, KDFa, CFB and XOR are written here from the
//! specification (`crypto`), over the bare hash and block cipher only. Nothing of the engine is used for that.
//!
//! ```ignore
//! mod common;
//! use common::{Auth, Command, Machine, cc, rh};
//! let mut machine = Machine::new();
//! let reply = machine.send(&Command::new(cc::GET_RANDOM).u16(16), &mut []).unwrap();
//! let command = Command::new(cc::HIERARCHY_CHANGE_AUTH).handle(rh::OWNER).sized(b"new");
//! machine.send(&command, &mut [Auth::password(b"")]).unwrap();
//! let mut session = machine.start(Start::hmac().bind(rh::OWNER, b"new"));
//! machine.send(&command, &mut [session.auth(b"new").bound().into()]).unwrap();
//! ```
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unused_imports, reason = "each test binary uses a part of it")]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a part of each test binary, not a library"
)]

mod client;
mod codes;
pub mod crypto;
#[cfg(feature = "full")]
pub mod keys;
mod machine;
mod session;
mod store;

pub use client::{Command, Reader, Reply};
pub use codes::{alg, attribute, cc, rc, rh};
pub use machine::Machine;
pub use session::{Auth, Cipher, Session, Start, Use};
pub use store::{MemoryStore, TestPlatform};
