#![doc = include_str!("../README.md")]

mod commands;
mod quote;
mod session;
mod template;
mod wire;

pub use commands::Created;
pub use quote::{Doubt, Expected, check_quote};
pub use session::HmacSession;
pub use template::{Template, curve};
pub use wire::{Answer, Client, Error, Parts, sized};
