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
        let arguments = ["--state", &state, "--unix", &socket, "--durability=none"];
        TpmDaemon::start(&[&arguments[..], more].concat()).unwrap()
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
        let stat = std::fs::read_to_string(self.0.join("stat")).unwrap();
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

/// Waits until a finder has settled and sleeps.
fn settled(daemon: &TpmDaemon) -> Finder {
    let mut finders = finders(daemon.id());
    assert_eq!(finders.len(), 1);
    let finder = finders.remove(0);
    while finder.policy() != IDLE {
        std::thread::sleep(Duration::from_millis(1));
    }
    finder.rests();
    finder
}

#[test]
fn primes_are_found_at_idle_priority_in_locked_memory_once_a_key_was_made() {
    let host = Host::new();
    let daemon = host.start(&[]);
    let finder = settled(&daemon);
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
    assert!(finders(daemon.id()).is_empty());
    assert_eq!(locked(daemon.id()), 0);
    let mut client = host.client();
    let parent = client
        .create_primary(&Template::ecc_storage(curve::P256))
        .unwrap();
    client
        .create(parent, &Template::rsa_sign(2048), &[])
        .unwrap();
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
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(
        said.contains("no pool of primes: its memory cannot be locked"),
        "{said}"
    );
    assert!(finders(daemon.id()).is_empty());
    assert_eq!(host.client().get_random(8).unwrap().len(), 8);
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn every_tpm_of_a_process_has_a_finder_of_its_own_that_goes_with_it() {
    let host = Host::new();
    let folder = host.path("tpms");
    for name in ["one", "two"] {
        std::fs::create_dir_all(format!("{folder}/{name}")).unwrap();
    }
    let arguments = ["--instances", &folder, "--durability=none"];
    let daemon = TpmDaemon::start(&arguments).unwrap();
    assert_eq!(finders(daemon.id()).len(), 2);
    std::fs::rename(format!("{folder}/two"), format!("{folder}/.two")).unwrap();
    ironroot_tests::tpm_client::signal(daemon.id(), "HUP");
    while finders(daemon.id()).len() > 1 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(daemon.terminate().code(), Some(0));
}
