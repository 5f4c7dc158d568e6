#![doc = include_str!("../README.md")]

mod report;
mod rows;

pub use report::{Measured, json, table};
pub use rows::{INSTRUCTIONS, Row, SIZES, Unit};
