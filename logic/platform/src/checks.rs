//! Contract checks every port runs on its own implementation (feature `model`).
//!
//! They panic with a sentence that says which promise was broken. What only a loss of power can show
//! is not among them: a port argues that, or shows it in a test of its own.

mod counter;
mod entropy;
mod flash;
mod memory;

pub use counter::{check_counter, check_counter_keeps_its_value};
pub use entropy::check_entropy;
pub use flash::check_flash;
pub use memory::{MemoryCase, check_client_memory};
