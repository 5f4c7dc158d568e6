#![doc = include_str!("../README.md")]

mod entropy;
mod exec;
mod flash;
mod idle;
mod locked;
mod memory;
mod orphan;
mod partition;
mod private_files;
mod serial;
mod server;
mod vtpm_proxy;
pub mod wire;

pub use entropy::OsEntropy;
pub use exec::SealedProgram;
pub use flash::{Durability, FileFlash, OpenError, Storage};
pub use idle::run_when_idle;
pub use locked::{LOCKED_STACK, Locked, on_locked_stack};
pub use memory::{CLIENT_MEMORY, ClientMemories, memory_base};
pub use orphan::end_with_parent;
pub use partition::{PartitionLink, ProcessRunner};
pub use private_files::{PrivateDirectory, open_log, open_private};
pub use serial::{BAUD, Serial, SerialPort};
pub use server::{Call, Connection, DEFAULT_CLIENT, Server};
pub use vtpm_proxy::VtpmProxy;
