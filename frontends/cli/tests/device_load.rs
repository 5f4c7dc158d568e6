//! Loading over a serial line into a host device in its recovery mode: by our own client, and by others'
//! (smpclient and smpmgr from PyPI, `sb` of lrzsz), over a pseudo-terminal and over a socket.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const IRONROOT: &str = env!("CARGO_BIN_EXE_ironroot");

struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    /// A provisioned host device with version 1.0.0 of both images, and newer ones beside it.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let payload: Vec<u8> = (0..70_000u32).map(|n| (n * 7 + n / 251) as u8).collect();
        std::fs::write(directory.path().join("payload"), payload).unwrap();
        let bench = Self { directory };
        for key in ["root.pem", "other.pem"] {
            bench.ok(&["image", "keygen", "--type", "ecdsa-p256", "--key", key]);
        }
        bench.ok(&["device", "new", "dev", "--board", "host"]);
        bench.ok(&["device", "provision", "dev", "--key", "root.pem"]);
        for (image, record) in [("0", "SPE"), ("1", "NSPE")] {
            let file = bench.signed("root.pem", "1.0.0", record);
            bench.ok(&[
                "device", "install", "dev", &file, "--image", image, "--slot", "a",
            ]);
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(IRONROOT);
        command.args(arguments).current_dir(self.directory.path());
        command.output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, arguments: &[&str], words: &str) {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }

    fn signed(&self, key: &str, version: &str, record: &str) -> String {
        let file = format!("{record}-{version}-{key}.img");
        let words = "image sign --public-key-format full --header-size 0x400 --pad-header --security-counter 1";
        let mut arguments: Vec<&str> = words.split(' ').collect();
        arguments.extend(["--key", key, "--version", version]);
        arguments.extend(["--boot-record", record, "payload", &file]);
        self.ok(&arguments);
        file
    }

    /// What `device info` says of a slot, while the device is off.
    fn slot(&self, image: usize, slot: usize) -> Value {
        let info: Value =
            serde_json::from_str(&self.ok(&["device", "info", "dev", "--json"])).unwrap();
        info["images"][image]["slots"][slot].clone()
    }

    /// The device in its recovery mode; with a socket if that is given, else with a pseudo-terminal.
    fn recovery(&self, socket: Option<&str>) -> Recovery {
        let mut command = Command::new(IRONROOT);
        command.args(["device", "boot", "dev", "--recovery"]);
        if let Some(socket) = socket {
            command.args(["--serial", socket]);
        }
        command.current_dir(self.directory.path());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut console = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        console.read_line(&mut line).unwrap();
        let name = line.trim().rsplit_once(" on ").expect("the line's name").1;
        Recovery {
            name: name.to_owned(),
            child,
            console,
        }
    }
}

struct Recovery {
    name: String,
    child: Child,
    console: BufReader<std::process::ChildStdout>,
}

impl Recovery {
    /// What the device said until it ended, after a reset. (It does not boot: the payloads are no programs.)
    fn ended(mut self) -> String {
        let mut text = String::new();
        self.console.read_to_string(&mut text).unwrap();
        let _ = self.child.wait();
        text
    }

    /// Pulls the plug.
    fn off(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Recovery {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn version(slot: &Value) -> &str {
    slot["version"].as_str().unwrap_or("none")
}

fn standing(slot: &Value) -> &str {
    slot["standing"].as_str().unwrap_or("none")
}

#[test]
fn our_client_loads_by_smp_over_a_socket_and_the_boot_tries_it() {
    let bench = Bench::new();
    let file = bench.signed("root.pem", "2.0.0", "NSPE");
    let device = bench.recovery(Some("line"));
    let out = bench.ok(&["device", "load", "--port", "unix:line", &file, "--reset"]);
    assert!(out.contains("the next boot tries it once"), "{out}");
    let console = device.ended();
    assert!(
        console.contains("non-secure slot b: 2.0.0, on trial next"),
        "{console}"
    );
    assert!(console.contains("trial begins"), "{console}");
    assert_eq!(version(&bench.slot(1, 1)), "2.0.0");
    assert!(
        !bench.path("line").exists(),
        "the socket is gone with the device"
    );
}

#[test]
fn our_client_loads_by_ymodem_and_confirms() {
    let bench = Bench::new();
    let file = bench.signed("root.pem", "2.0.0", "SPE");
    let device = bench.recovery(None);
    bench.ok(&[
        "device",
        "load",
        "--ymodem",
        "--port",
        &device.name,
        "--image",
        "0",
        "--confirm",
        "--reset",
        &file,
    ]);
    let console = device.ended();
    assert!(
        console.contains("secure image loaded into slot b"),
        "{console}"
    );
    assert!(
        console.contains("secure slot b: 2.0.0, confirmed"),
        "{console}"
    );
}

#[test]
fn a_load_without_a_mark_asks_for_nothing() {
    let bench = Bench::new();
    let file = bench.signed("root.pem", "2.0.0", "NSPE");
    let device = bench.recovery(None);
    bench.ok(&["device", "load", "--port", &device.name, "--no-mark", &file]);
    device.off();
    assert_eq!(version(&bench.slot(1, 1)), "2.0.0");
    assert_eq!(standing(&bench.slot(1, 1)), "not marked");
}

#[test]
fn what_the_device_refuses_is_said_in_words() {
    let bench = Bench::new();
    let stranger = bench.signed("other.pem", "2.0.0", "NSPE");
    let good = bench.signed("root.pem", "2.0.0", "NSPE");
    let device = bench.recovery(None);
    let port = device.name.clone();
    let load = |file: &str, more: &[&str], words: &str| {
        let arguments = [&["device", "load", "--port", &port, file], more].concat();
        bench.fails(&arguments, words);
    };
    load("payload", &[], "the header magic is missing");
    load(&stranger, &[], "the device refused: ");
    load(
        &good,
        &["--slot", "a"],
        "that slot holds the last good image",
    );
    load("payload", &["--ymodem"], "the device refused");
    load("nothing", &[], "nothing");
    bench.fails(
        &["device", "load", "--port", "/nowhere", &good],
        "could not open the line /nowhere",
    );
    device.off();
    assert_eq!(version(&bench.slot(1, 0)), "1.0.0");
    assert_eq!(standing(&bench.slot(1, 1)), "not marked");
    let usage = bench.run(&["device", "load", "--port", "x", "--smp", "--ymodem", &good]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_device_that_is_not_there_is_missed_in_words() {
    let bench = Bench::new();
    let file = bench.signed("root.pem", "2.0.0", "NSPE");
    // A line that nobody answers on, but for one that hangs up.
    let listener = std::os::unix::net::UnixListener::bind(bench.path("dead")).unwrap();
    std::thread::spawn(move || drop(listener.accept()));
    bench.fails(
        &["device", "load", "--port", "unix:dead", &file],
        "the line broke",
    );
}

#[test]
fn an_interrupted_load_goes_on_where_it_broke_off() {
    let bench = Bench::new();
    let file = bench.signed("root.pem", "2.0.0", "NSPE");
    let device = bench.recovery(Some("line"));
    // A go-between that hangs up when it has passed on so many bytes.
    let listener = std::os::unix::net::UnixListener::bind(bench.path("weak")).unwrap();
    let line = bench.path("line");
    let weak = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut device = UnixStream::connect(line).unwrap();
        let mut back = (device.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        let mut left = 40_000usize;
        let mut buffer = [0; 1000];
        while left > 0 {
            let len = client.read(&mut buffer).unwrap().min(left);
            device.write_all(&buffer[..len]).unwrap();
            left -= len;
        }
        let _ = client.shutdown(std::net::Shutdown::Both);
        let _ = device.shutdown(std::net::Shutdown::Both);
    });
    bench.fails(
        &["device", "load", "--port", "unix:weak", &file],
        "the line broke",
    );
    weak.join().unwrap();
    let output = bench.run(&["device", "load", "--port", "unix:line", &file]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let offset: usize = errors
        .split("going on at byte ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("it began anew: {errors}"));
    assert!((20_000..40_000).contains(&offset), "{offset}");
    device.off();
    assert_eq!(standing(&bench.slot(1, 1)), "on trial next");
}

/// The Python with smpclient, if the set-up could install it.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("IRONROOT_PYTHON").map(PathBuf::from);
    let python = python.filter(|python| python.with_file_name("smpmgr").exists());
    if python.is_none() {
        eprintln!("skipped: smpclient is not installed; `cargo xtask test` installs it");
    }
    python
}

fn sb() -> bool {
    let found = Command::new("sb").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: `sb` is not installed; `cargo xtask test` installs it (Debian: lrzsz)");
    }
    found
}

#[test]
fn smpclient_lists_uploads_tests_and_resets() {
    let Some(python) = python() else { return };
    let bench = Bench::new();
    let file = bench.signed("root.pem", "2.0.0", "NSPE");
    let device = bench.recovery(None);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smp_client.py");
    let output = Command::new(python)
        .args([script.as_os_str(), device.name.as_ref()])
        .arg(bench.path(&file))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let console = device.ended();
    assert!(
        console.contains("non-secure slot b: 2.0.0, on trial next"),
        "{console}"
    );
}

#[test]
fn smpmgr_uploads_and_resets() {
    let Some(python) = python() else { return };
    let bench = Bench::new();
    let file = bench.signed("root.pem", "2.0.0", "SPE");
    let device = bench.recovery(None);
    let smpmgr = |arguments: &[&str]| {
        let mut command = Command::new(python.with_file_name("smpmgr"));
        command.args(["--port", &device.name]).args(arguments);
        let output = command
            .current_dir(bench.directory.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    };
    smpmgr(&["image", "upload", &file]);
    assert!(smpmgr(&["image", "state-read"]).contains("version='2.0.0'"));
    smpmgr(&["os", "reset"]);
    let console = device.ended();
    assert!(
        console.contains("secure slot b: 2.0.0, not marked"),
        "{console}"
    );
}

#[test]
fn sb_sends_by_ymodem_in_blocks_of_both_sizes() {
    if !sb() {
        return;
    }
    for size in [&["-q"][..], &["-q", "-k"]] {
        let bench = Bench::new();
        let file = bench.signed("root.pem", "2.0.0", "NSPE");
        let device = bench.recovery(None);
        let send = |file: &str| {
            let port = || {
                std::fs::File::options()
                    .read(true)
                    .write(true)
                    .open(&device.name)
            };
            let mut command = Command::new("sb");
            command.args(size).arg(bench.path(file));
            command.stdin(port().unwrap()).stdout(port().unwrap());
            command.output().unwrap().status.success()
        };
        assert!(!send("payload"), "no image: cancelled");
        assert!(send(&file));
        device.off();
        assert_eq!(version(&bench.slot(1, 1)), "2.0.0");
        assert_eq!(standing(&bench.slot(1, 1)), "on trial next");
    }
}
