#![doc = include_str!("../README.md")]

mod commands;
mod template;
mod wire;

pub use commands::Created;
pub use template::{Template, curve};
pub use wire::{Answer, Client, Error, Parts, sized};
