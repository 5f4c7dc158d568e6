//! Our `swtpm` and `swtpm_ioctl` beside Debian's: the same requests, the same answers; and what swtpm's users do
//! with them: state blobs, locks, keys, QEMU's snapshots and migrations.
//!
//! What needs Debian's swtpm or QEMU is skipped where it is not there, and counted as skipped.

mod blobs;
mod commands;
mod daemon;
mod qemu;
mod storage;

use libtest_mimic::{Arguments, Failed, Trial};

/// A test: it fails by an error or a panic.
type Test = fn() -> Result<(), Failed>;

/// What a test needs that a machine may not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Swtpm,
    Qemu,
}

fn main() {
    let arguments = Arguments::from_args();
    let tests = [commands::TESTS, blobs::TESTS, storage::TESTS, qemu::TESTS].concat();
    let trials = tests.into_iter().map(|(name, needs, test)| {
        let present = match needs {
            Needs::Nothing => true,
            Needs::Swtpm => daemon::is_there("swtpm") && daemon::is_there("swtpm_ioctl"),
            Needs::Qemu => daemon::is_there("qemu-system-x86_64") && daemon::is_there("qemu-img"),
        };
        if !present {
            eprintln!("skipped: {name}: `cargo xtask setup` installs what it needs");
        }
        Trial::test(name, test).with_ignored_flag(!present)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
