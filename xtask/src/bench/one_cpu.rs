//! Client and server on one CPU.
//!
//! A command of a few microseconds takes three times as long where the scheduler puts client and server on two CPUs, both
//! of which fall asleep while they wait for the other. Which of the two it is changes within one run, for either
//! server. On one CPU there is nobody to wake: what is measured is the work done for the command.

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this process, and the ones it starts from now on, on the last CPU that it may use.
pub(super) fn stay() -> Result<()> {
    let allowed = sched_getaffinity(None).context("cannot ask for this process's CPUs")?;
    let last = (0..CpuSet::MAX_CPU)
        .rev()
        .find(|cpu| allowed.is_set(*cpu))
        .context("this process may use no CPU")?;
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one).context("cannot stay on one CPU")
}
