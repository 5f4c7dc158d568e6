//! Our TPM beside swtpm: the same client, the same commands, in alternated passes.

mod operations;
mod report;
mod samples;

pub use operations::{Runs, pass};
pub use report::{Build, Figure, Judged, json, judge, table};
pub use samples::Samples;
