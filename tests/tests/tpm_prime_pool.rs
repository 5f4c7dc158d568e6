//! The pool of primes of a daemon, seen from outside: its thread, its memory, its switch.

use ironroot_tests::tpm_client::{TpmDaemon, over_unix, program};
use ironroot_tpm_client::{Client, Template, curve};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// `SCHED_IDLE` (sched(7)).
const IDLE: u32 = 5;

struct Host {
    folder: TempDir,
}

impl Host {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn start(&self, more: &[&str]) -> TpmDaemon {
        let (state, socket) = (self.path("state"), self.path("socket"));
        let arguments = ["--state", &state, "--unix", &socket];
        self.start_logging(&[&arguments[..], more].concat())
    }

    fn start_logging(&self, arguments: &[&str]) -> TpmDaemon {
        let log = self.path("log");
        let logging = ["--durability=none", "--log", &log];
        TpmDaemon::start(&[arguments, &logging].concat()).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until there are so many: a thread says its name when it first runs.
    fn finders(&self, process: u32, count: usize) -> Vec<Finder> {
        loop {
            let found = finders(process);
            if found.len() == count {
                return found;
            }
            let log = self.log();
            assert!(!log.contains("no pool of primes"), "{log}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the finder has settled and sleeps.
    fn settled(&self, daemon: &TpmDaemon) -> Finder {
        let finder = self.finders(daemon.id(), 1).remove(0);
        while finder.policy() != IDLE {
            std::thread::sleep(Duration::from_millis(1));
        }
        finder.rests();
        finder
    }

    fn client(&self) -> Client {
        over_unix(Path::new(&self.path("socket")))
    }
}

/// A thread of another process that looks for primes.
struct Finder(PathBuf);

/// Those of a process.
fn finders(process: u32) -> Vec<Finder> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // One may end while it is looked at.
    threads
        .filter_map(|thread| Some(thread.ok()?.path()))
        .filter(|path| {
            let name = std::fs::read_to_string(path.join("comm"));
            name.is_ok_and(|name| name.trim() == "primes")
        })
        .map(Finder)
        .collect()
}

impl Finder {
    /// Fields of its `stat` behind the name (proc(5)): field 3 of the page is 0 here.
    fn field(&self, number: usize) -> String {
        let stat = std::fs::read_to_string(self.0.join("stat"));
        let stat = stat.expect("the finder's thread is there: may it use SCHED_IDLE and seccomp?");
        let behind_the_name = stat.rsplit_once(')').unwrap().1;
        behind_the_name
            .split_whitespace()
            .nth(number)
            .unwrap()
            .into()
    }

    fn policy(&self) -> u32 {
        self.field(38).parse().unwrap()
    }

    /// Ticks of the processor's time that it had.
    fn work(&self) -> u64 {
        self.field(11).parse::<u64>().unwrap() + self.field(12).parse::<u64>().unwrap()
    }

    /// Waits until it sleeps: nothing is missing.
    fn rests(&self) {
        while self.field(0) != "S" {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// KiB that the process has locked.
fn locked(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

#[test]
fn primes_are_found_at_idle_priority_in_locked_memory_once_a_key_was_made() {
    let host = Host::new();
    let daemon = host.start(&[]);
    let finder = host.settled(&daemon);
    assert!(locked(daemon.id()) >= 8, "shelf and finder");
    let idle = finder.work();
    let mut client = host.client();
    let parent = client
        .create_primary(&Template::rsa_storage(2048, &[]))
        .unwrap();
    client
        .create(parent, &Template::ecc_sign(false), &[])
        .unwrap();
    finder.rests();
    assert_eq!(finder.work(), idle, "nobody wanted a prime");
    // Each key works, whichever way its primes came.
    for _ in 0..4 {
        let template = Template::rsa_sign(2048);
        let created = client.create(parent, &template, &[]).unwrap();
        let key = client.load(parent, &created).unwrap();
        let signature = client.sign(key, &[7; 32]).unwrap();
        client.verify(key, &[7; 32], &signature).unwrap();
        client.flush(key).unwrap();
        finder.rests();
    }
    assert!(finder.work() > idle, "primes were looked for");
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn without_a_pool_there_is_neither_thread_nor_locked_memory() {
    let host = Host::new();
    let daemon = host.start(&["--no-pool"]);
    assert_eq!(locked(daemon.id()), 0);
    let mut client = host.client();
    let parent = client
        .create_primary(&Template::ecc_storage(curve::P256))
        .unwrap();
    client
        .create(parent, &Template::rsa_sign(2048), &[])
        .unwrap();
    // By now it would have said its name.
    assert!(finders(daemon.id()).is_empty());
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn where_no_memory_may_be_locked_the_tpm_serves_without_a_pool_and_says_so() {
    let host = Host::new();
    let (state, socket, log) = (host.path("state"), host.path("socket"), host.path("log"));
    let mut command = Command::new("prlimit");
    command.arg("--memlock=0:0");
    // Root may lock what it likes, unless that right is taken away.
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.args(["setpriv", "--bounding-set=-ipc_lock"]);
    }
    command.arg(program()).args(["tpm", "serve"]);
    command.args(["--state", &state, "--unix", &socket, "--log", &log]);
    let daemon = TpmDaemon::start_command(command).unwrap();
    let said = host.log();
    assert!(
        said.contains("no pool of primes: its memory cannot be locked"),
        "{said}"
    );
    assert_eq!(host.client().get_random(8).unwrap().len(), 8);
    assert!(finders(daemon.id()).is_empty());
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn every_tpm_of_a_process_has_a_finder_of_its_own_that_goes_with_it() {
    let host = Host::new();
    let folder = host.path("tpms");
    for name in ["one", "two"] {
        std::fs::create_dir_all(format!("{folder}/{name}")).unwrap();
    }
    let daemon = host.start_logging(&["--instances", &folder]);
    host.finders(daemon.id(), 2);
    std::fs::rename(format!("{folder}/two"), format!("{folder}/.two")).unwrap();
    ironroot_tests::tpm_client::signal(daemon.id(), "HUP");
    host.finders(daemon.id(), 1);
    assert_eq!(daemon.terminate().code(), Some(0));
}
