#![doc = include_str!("../README.md")]

mod machine;
mod session;

pub use machine::{Flash, Qemu};
pub use session::{End, Run, Session};
