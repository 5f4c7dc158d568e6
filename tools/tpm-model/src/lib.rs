#![doc = include_str!("../README.md")]

mod authorise;
mod clock;
mod hash;
mod input;
mod lockout;
mod look;
mod model;
mod numbers;
mod nv;
mod object;
mod pcr;
mod runner;
mod session;
mod starts;
mod steps;
mod wire;

pub use input::{Choices, bytes_of_seed};
pub use runner::{Runner, Tally};

/// A TPM that can be compared with the model: three slots for objects, three for sessions, 64 active sessions, four
/// banks of PCRs, and nothing in it yet. It begins without power.
pub trait Device {
    /// One command to its end.
    fn command(&mut self, locality: u8, command: &[u8]) -> Vec<u8>;
    /// `_TPM_Init`: power off if it was on, and on.
    fn power_cycle(&mut self);
    /// Its program ends without a word and is started again, with power.
    fn restart_program(&mut self);
    /// It is written away with all that is volatile, and brought back; the power never went.
    fn suspend_and_resume(&mut self);
    /// The signal `_TPM_Hash_Start`.
    fn hash_start(&mut self);
    /// The signal `_TPM_Hash_Data`.
    fn hash_data(&mut self, data: &[u8]);
    /// The signal `_TPM_Hash_End`.
    fn hash_end(&mut self);
    /// Time passes, in ms.
    fn advance(&mut self, milliseconds: u64);
    /// How its store shall fail from now on; `None`: not at all.
    fn fail(&mut self, fault: Option<Fault>);
    /// How many writes its store has taken, and how many it has failed.
    fn writes(&self) -> (usize, usize);
}

/// How a store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// So many writes are still taken.
    pub after: usize,
    /// Only one fails; else all from then on.
    pub once: bool,
    /// It is full; else it cannot be reached.
    pub full: bool,
}
