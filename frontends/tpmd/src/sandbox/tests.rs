//! What is refused behind the filter, and what goes on.

use super::{enter, enter_beside};
use rustix::process::DumpableBehavior;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// What a thread meets behind the filter. The filter is the thread's own and ends with it.
fn behind<T: Send + 'static>(attempt: impl FnOnce() -> T + Send + 'static) -> T {
    let inside = || {
        enter().unwrap();
        attempt()
    };
    let met = thread::spawn(inside).join().unwrap();
    // This is the process's, not the thread's.
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
    met
}

type Attempt = fn(PathBuf) -> io::Result<()>;

/// What an intruder would want to do next.
const ATTEMPTS: [(&str, Attempt); 9] = [
    ("read a file", |path| File::open(path).map(drop)),
    ("make a file", |path| {
        File::create(path.with_extension("new")).map(drop)
    }),
    ("write to a file", |path| {
        OpenOptions::new().append(true).open(path).map(drop)
    }),
    ("rename a file", |path| {
        std::fs::rename(&path, path.with_extension("other"))
    }),
    ("connect to a port", |_| {
        TcpStream::connect(("127.0.0.1", 9)).map(drop)
    }),
    ("listen at a port", |_| {
        TcpListener::bind(("127.0.0.1", 0)).map(drop)
    }),
    ("connect to a socket", |path| {
        UnixStream::connect(path).map(drop)
    }),
    ("listen at a socket", |path| {
        UnixListener::bind(path.with_extension("socket")).map(drop)
    }),
    ("start a program", |_| {
        Command::new("/bin/true").spawn().map(drop)
    }),
];

#[test]
fn nothing_is_opened_connected_or_started_any_more() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("file");
    std::fs::write(&path, b"kept").unwrap();
    for (what, attempt) in ATTEMPTS {
        let its_path = path.clone();
        let error = behind(move || attempt(its_path)).expect_err(what);
        assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{what}: {error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    // Without the filter the same can be done.
    File::open(&path).unwrap();
    TcpListener::bind(("127.0.0.1", 0)).unwrap();
    assert!(Command::new("/bin/true").status().unwrap().success());
}

#[test]
fn what_was_open_is_served_and_written_on() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("state");
    let file = File::create(&path).unwrap();
    let (mut near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"ask").unwrap();
    behind(move || {
        let mut asked = [0; 3];
        near.read_exact(&mut asked).unwrap();
        file.write_all_at(&asked, 4).unwrap();
        file.sync_data().unwrap();
        near.write_all(b"answer").unwrap();
    });
    let mut answer = [0; 6];
    far.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    assert_eq!(std::fs::read(&path).unwrap(), b"\0\0\0\0ask");
}

#[test]
fn a_thread_that_only_computes_can_do_nothing_with_a_client_or_the_state() {
    let (mut near, _far) = UnixStream::pair().unwrap();
    let state = tempfile::tempfile().unwrap();
    let attempts = thread::spawn(move || {
        enter_beside().unwrap();
        [
            ("read from a client", near.read(&mut [0]).map(drop)),
            ("talk to a client", near.shutdown(Shutdown::Both)),
            ("change the state", state.write_at(b"x", 0).map(drop)),
            ("read the state", state.read_at(&mut [0], 0).map(drop)),
            ("open a file", File::open("/proc/self/status").map(drop)),
            ("make a socket", UnixStream::pair().map(drop)),
        ]
    });
    for (what, attempt) in attempts.join().unwrap() {
        let error = attempt.expect_err(what);
        assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{what}: {error}");
    }
}
