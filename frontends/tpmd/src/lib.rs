#![doc = include_str!("../README.md")]

mod blob;
mod connection;
mod engine;
mod info;
mod instances;
mod listen;
mod log;
mod machine;
mod platform;
mod pool;
pub mod protocol;
mod sandbox;
mod serve;
mod server;
mod state;
mod swtpm;
mod tools;
#[cfg(test)]
mod toy;

#[doc(hidden)]
pub use blob::{probe, probe_records};
pub use instances::{InstancesOptions, serve_instances};
pub use listen::{Address, SocketRights};
pub use log::{LogOptions, LogTarget};
pub use serve::{ServeOptions, StartUp, serve};
pub use server::{Rules, Terminate};
pub use state::{AnchorSource, Durability, KeyForm, KeyPlace, KeySource, StateOptions, SwtpmKey};
pub use swtpm::{Door, PidTarget, SwtpmOptions, serve_as_swtpm};
pub use tools::{Report, back_up, check, info};
