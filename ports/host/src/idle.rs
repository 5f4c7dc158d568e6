//! Work that may wait until nobody else wants the processor.

use std::io;

/// Puts the calling thread behind all others of the machine (sched(7), `SCHED_IDLE`). Whatever else can run goes first,
/// at once.
///
/// # Errors
/// What the operating system says.
pub fn run_when_idle() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread, the policy takes no priority, and the parameter lives through the call.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The policy in the kernel's words (proc(5), "/proc/pid/stat", field 41).
    fn policy() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let behind_the_name = stat.rsplit_once(')').unwrap().1;
        behind_the_name.split_whitespace().nth(38).unwrap().into()
    }

    #[test]
    fn only_the_thread_that_asks_is_put_behind() {
        std::thread::spawn(|| {
            assert_eq!(policy(), "0");
            run_when_idle().unwrap();
            assert_eq!(policy(), "5");
        })
        .join()
        .unwrap();
        assert_eq!(policy(), "0");
    }
}
