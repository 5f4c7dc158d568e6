#![doc = include_str!("../README.md")]

mod connection;
mod engine;
mod listen;
mod log;
mod machine;
mod platform;
pub mod protocol;
mod sandbox;
mod serve;
mod server;
mod state;
mod tools;
#[cfg(test)]
mod toy;

pub use listen::Address;
pub use serve::{ServeOptions, StartUp, serve};
pub use state::{AnchorSource, Durability, KeySource, StateOptions};
pub use tools::{Report, back_up, check, info};
