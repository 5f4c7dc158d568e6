//! After the start the daemon can no longer open, connect or start anything.
//!
//! No other process of the same user may look into its memory, and no core file is written. A filter for
//! system calls (seccomp) lets through what serving takes; everything else fails with
//! "not permitted". Files, sockets and the anchor's command are open by then.

use anyhow::{Context as _, Result};
use rustix::process::DumpableBehavior;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;
use std::env::consts::ARCH;

/// What serving takes.
const ALLOWED: &[i64] = &[
    // Clients.
    libc::SYS_accept4,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_write,
    libc::SYS_writev,
    // State and anchor.
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    // Names of sockets and of the pid file, at the end.
    libc::SYS_unlinkat,
    // The anchor's command, at the end: ended and waited for.
    libc::SYS_kill,
    libc::SYS_wait4,
    libc::SYS_pidfd_send_signal,
    libc::SYS_waitid,
    // Time, chance, memory, signals, the end.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_brk,
    libc::SYS_dup3,
    libc::SYS_futex,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mremap,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The older names of some calls, which one architecture still has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_OLD: &[i64] = &[libc::SYS_dup2, libc::SYS_poll, libc::SYS_unlink];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_OLD: &[i64] = &[];

/// What a thread takes that only computes: chance, memory, waiting, a last word, the end.
const ALLOWED_BESIDE: &[i64] = &[
    libc::SYS_getrandom,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Gives up everything else, for good. Threads that run already are not affected.
pub(crate) fn enter() -> Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    allow(&[ALLOWED, ALLOWED_OLD])
}

/// The same for a thread beside the one that serves.
pub(crate) fn enter_beside() -> Result<()> {
    allow(&[ALLOWED_BESIDE])
}

fn allow(calls: &[&[i64]]) -> Result<()> {
    let calls = calls.iter().copied().flatten();
    let rules: BTreeMap<i64, Vec<_>> = calls.map(|call| (*call, Vec::new())).collect();
    let arch = ARCH.try_into().context("no filter for this processor")?;
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM)?);
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program).context("the system refuses a filter for system calls")?;
    Ok(())
}

#[cfg(test)]
mod tests;
