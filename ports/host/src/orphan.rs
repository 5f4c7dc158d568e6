//! Processes that do not outlive the device they are part of.

use rustix::process::{Signal, set_parent_process_death_signal};
use std::io;

/// From now on this process is killed when the one that started it ends, however that happens: a device that is
/// killed leaves nothing of itself running.
///
/// The kernel watches the thread that started this process, so that must be one that stays until the end.
///
/// # Errors
/// The operating system's.
pub fn end_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}
