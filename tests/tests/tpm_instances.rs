//! Several TPMs in one process: each by itself, none in another's way.

use ironroot_tests::tpm_client::{TpmDaemon, over_unix, program, signal};
use ironroot_tpm_client::Client;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const INDEX: u32 = 0x0180_0001;
/// ownerwrite, authwrite, ownerread, authread, no dictionary attack logic.
const ORDINARY: u32 = 0x0206_0006;

/// A folder of TPMs.
struct Host {
    folder: TempDir,
}

impl Host {
    fn new(names: &[&str]) -> Self {
        let host = Self {
            folder: TempDir::new().unwrap(),
        };
        names.iter().for_each(|name| host.add(name));
        host
    }

    fn add(&self, name: &str) {
        std::fs::create_dir(self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn try_start(&self) -> Result<TpmDaemon, String> {
        let folder = self.folder.path().to_str().unwrap();
        let log = self.path("log");
        let log = log.to_str().unwrap();
        TpmDaemon::start(&[
            "--instances",
            folder,
            "--durability=none",
            "--startup=clear",
            "--log",
            log,
        ])
    }

    fn client(&self, name: &str) -> Client {
        over_unix(&self.path(name).join("commands"))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

#[test]
fn each_has_a_state_of_its_own_that_outlives_the_process() {
    let host = Host::new(&["one", "two", "three"]);
    let daemon = host.try_start().unwrap();
    assert!(daemon.ready.starts_with("3 TPMs"), "{}", daemon.ready);
    let names = ["one", "two", "three"];
    for name in names {
        let mut client = host.client(name);
        client.nv_define(INDEX, 5, ORDINARY).unwrap();
        client
            .nv_write(INDEX, &name.as_bytes().repeat(2)[..5])
            .unwrap();
    }
    assert_eq!(daemon.terminate().code(), Some(0));
    let _daemon = host.try_start().unwrap();
    for name in names {
        let read = host.client(name).nv_read(INDEX, 5).unwrap();
        assert_eq!(read, &name.as_bytes().repeat(2)[..5]);
    }
}

#[test]
fn one_whose_state_is_damaged_stops_no_other() {
    let host = Host::new(&["good", "bad"]);
    assert_eq!(host.try_start().unwrap().terminate().code(), Some(0));
    std::fs::write(host.path("bad/tpm.state"), "no journal").unwrap();
    let daemon = host.try_start().unwrap();
    assert!(daemon.ready.starts_with("1 TPMs"), "{}", daemon.ready);
    host.client("good").get_random(8).unwrap();
    assert!(host.log().contains("bad: not served"), "{}", host.log());
    // Something was wrong: the exit code says so.
    assert_eq!(daemon.terminate().code(), Some(1));
    // Alone it is no service at all.
    std::fs::remove_dir_all(host.path("good")).unwrap();
    let error = host.try_start().unwrap_err();
    assert!(error.contains("none of the TPMs"), "{error}");
}

#[test]
fn a_folder_that_comes_is_served_after_a_hangup_signal_and_one_that_goes_is_not() {
    let host = Host::new(&["stays", "goes"]);
    let daemon = host.try_start().unwrap();
    let mut stays = host.client("stays");
    host.add("comes");
    std::fs::rename(host.path("goes"), host.path(".gone")).unwrap();
    signal(daemon.id(), "HUP");
    wait_for(&host.path("comes").join("commands"));
    host.client("comes").get_random(8).unwrap();
    stays.get_random(8).unwrap();
    while !host.log().contains("goes: ended in order") {
        std::thread::yield_now();
    }
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn one_state_is_never_served_twice() {
    let host = Host::new(&["one", "two"]);
    let first = host.try_start().unwrap();
    let error = host.try_start().unwrap_err();
    assert!(error.contains("none of the TPMs"), "{error}");
    assert!(
        host.log().contains("in use by another process"),
        "{}",
        host.log()
    );
    // The second has not taken the first one's sockets away.
    host.client("one").get_random(8).unwrap();
    drop(first);
}

/// A file system of 512 KiB, which no state fits on, below one of the folders; only the daemon sees it.
#[test]
fn one_whose_disk_is_full_stops_no_other() {
    let host = Host::new(&["good", "full"]);
    let script = "mount -t tmpfs -o size=512k none \"$1/full\" && \
        exec \"$2\" tpm serve --instances \"$1\" --durability none --startup clear --log \"$1/log\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(host.folder.path()).arg(program());
    let mut daemon = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let output = daemon.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut said).unwrap();
    if said.is_empty() {
        daemon.wait().unwrap();
        eprintln!("skipped: this machine gives no namespace of one's own");
        return;
    }
    let random = host.client("good").get_random(8);
    signal(daemon.id(), "TERM");
    let ended = daemon.wait().unwrap();
    assert!(said.starts_with("ready: 1 TPMs"), "{said}");
    assert_eq!(random.unwrap().len(), 8);
    assert_eq!(ended.code(), Some(1));
    let log = host.log();
    assert!(log.contains("full: not served"), "{log}");
    assert!(log.contains("No space left"), "{log}");
}

#[test]
fn only_their_owner_reaches_them() {
    let host = Host::new(&["one"]);
    let _daemon = host.try_start().unwrap();
    for socket in ["commands", "control"] {
        let path = host.path("one").join(socket);
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{socket}");
    }
}

/// Waits until somebody listens there.
fn wait_for(socket: &Path) {
    while UnixStream::connect(socket).is_err() {
        std::thread::yield_now();
    }
}
