//! `ironroot device update` from the outside: devices that are off, a device that runs, an update killed in the
//! middle, and what is said of what is refused.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(180);

struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    /// A provisioned device with version 1.0.0 of both images, made of these programs.
    fn new(board: &str, secure: &[u8], application: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bench = Self { directory };
        std::fs::write(bench.path().join("SPE"), secure).unwrap();
        std::fs::write(bench.path().join("NSPE"), application).unwrap();
        bench.ok("image keygen --type ecdsa-p256 --key root.pem");
        bench.ok(&format!("device new dev --board {board}"));
        bench.ok("device provision dev --key root.pem");
        for (image, record) in [(0, "SPE"), (1, "NSPE")] {
            let file = bench.signed(record, "1.0.0", "");
            bench.ok(&format!(
                "device install dev {file} --image {image} --slot a"
            ));
        }
        bench
    }

    /// One that never runs.
    fn off(board: &str) -> Self {
        let payload: Vec<u8> = (0..60_000_u32).flat_map(u32::to_le_bytes).collect();
        Self::new(board, &payload[..50_000], &payload)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ironroot"));
        command.args(words.split_whitespace());
        command.current_dir(self.path());
        command
    }

    fn ok(&self, words: &str) -> String {
        let output = self.command(words).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}: {errors}");
        String::from_utf8(output.stdout).unwrap() + &errors
    }

    fn fails(&self, status: i32, words: &str, why: &str) {
        let Output {
            status: code,
            stderr,
            ..
        } = self.command(words).output().unwrap();
        let errors = String::from_utf8_lossy(&stderr);
        assert_eq!(code.code(), Some(status), "{words}: {errors}");
        assert!(errors.contains(why), "{words}: {errors}");
    }

    /// The major version is the security counter.
    fn signed(&self, record: &str, version: &str, more: &str) -> String {
        let file = format!("{record}-{version}.img");
        let counter = version.split('.').next().unwrap();
        self.ok(&format!(
            "image sign --key root.pem --public-key-format full --header-size 0x400 --pad-header \
             --version {version} --security-counter {counter} --boot-record {record} {more} {record} {file}"
        ));
        file
    }

    fn slot(&self, image: usize, slot: usize) -> Value {
        let info: Value = serde_json::from_str(&self.ok("device info dev --json")).unwrap();
        info["images"][image]["slots"][slot].clone()
    }

    fn standing(&self, image: usize, slot: usize) -> (String, String) {
        let slot = self.slot(image, slot);
        let text = |name: &str| slot[name].as_str().unwrap_or_default().to_owned();
        (text("version"), text("standing"))
    }
}

fn pair(version: &str, standing: &str) -> (String, String) {
    (version.to_owned(), standing.to_owned())
}

#[test]
fn both_images_come_in_with_one_command_and_are_staged_confirmed_or_given_up_together() {
    for board in ["host", "an521"] {
        let bench = Bench::off(board);
        let (secure, app) = (
            bench.signed("SPE", "2.0.0", ""),
            bench.signed("NSPE", "2.0.0", ""),
        );
        bench.ok(&format!("device update dev {secure} {app}"));
        for image in [0, 1] {
            assert_eq!(bench.standing(image, 0), pair("1.0.0", "confirmed"));
            assert_eq!(bench.standing(image, 1), pair("2.0.0", "on trial next"));
        }
        let again = bench.ok(&format!("device update dev {secure} {app}"));
        assert!(again.contains("already installed"), "{again}");
        bench.ok("device update dev --reject");
        for image in [0, 1] {
            assert_eq!(bench.standing(image, 1).1, "not marked");
        }
        bench.fails(
            1,
            "device update dev --reject",
            "no update is staged or on trial",
        );
        bench.ok(&format!("device update dev --confirm {secure} {app}"));
        for image in [0, 1] {
            assert_eq!(bench.standing(image, 1), pair("2.0.0", "confirmed"));
        }
        // What runs now is slot B; the next one goes to slot A.
        let third = bench.signed("NSPE", "3.0.0", "");
        bench.ok(&format!("device update dev {third}"));
        assert_eq!(bench.standing(1, 0), pair("3.0.0", "on trial next"));
        assert_eq!(bench.standing(1, 1), pair("2.0.0", "confirmed"));
    }
}

#[test]
fn an_image_that_needs_the_other_says_so_and_comes_in_with_it() {
    let bench = Bench::off("an521");
    let needy = bench.signed("NSPE", "2.0.0", "--dependencies (0,2.0.0+0)");
    bench.fails(
        1,
        &format!("device update dev {needy}"),
        "needs another one",
    );
    assert_eq!(bench.standing(1, 1).1, "not marked");
    let needed = bench.signed("SPE", "2.0.0", "");
    bench.ok(&format!("device update dev {needed} {needy}"));
    assert_eq!(bench.standing(1, 1), pair("2.0.0", "on trial next"));
}

#[test]
fn usage_that_makes_no_sense_is_told_apart() {
    let bench = Bench::off("host");
    bench.fails(2, "device update dev", "required");
    bench.fails(
        2,
        "device update dev --confirm --reject",
        "cannot be used with",
    );
    bench.fails(2, "device update dev SPE --reject", "cannot be used with");
    bench.fails(
        1,
        "device update dev SPE NSPE --image 0",
        "--image is for one image",
    );
    bench.fails(1, "device update dev --confirm", "no image is on trial");
}

/// Kills the command after a while, again and again: it always goes on, and gets there.
#[test]
fn an_update_killed_at_any_time_goes_on_and_gets_there() {
    let bench = Bench::off("an521");
    let app = bench.signed("NSPE", "2.0.0", "");
    let words = format!("device update dev {app}");
    let (mut killed, mut resumed) = (0, 0);
    for round in 0_u64.. {
        assert!(round < 400, "it never gets there");
        let mut command = bench.command(&words);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let patience = Duration::from_millis(15 + round * 7 % 120 + round);
        let begun = Instant::now();
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if begun.elapsed() > patience {
                child.kill().unwrap();
                break None;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        resumed += usize::from(said.contains("going on at byte"));
        match ended {
            Some(status) => {
                assert!(status.success(), "{said}");
                break;
            }
            None => killed += 1,
        }
    }
    println!("killed {killed} times, went on {resumed} times");
    assert_eq!(bench.standing(1, 1), pair("2.0.0", "on trial next"));
    assert_eq!(bench.slot(1, 1)["acceptable"], true);
    assert_eq!(bench.standing(1, 0), pair("1.0.0", "confirmed"));
}

#[test]
fn what_an_earlier_run_sent_of_another_image_is_given_up() {
    let bench = Bench::off("an521");
    let first = bench.signed("NSPE", "2.0.0", "");
    let mut child = bench
        .command(&format!("device update dev {first}"))
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(60));
    // Wherever it was.
    let _ = child.kill();
    child.wait().unwrap();
    let second = bench.signed("NSPE", "2.0.1", "");
    bench.ok(&format!("device update dev {second}"));
    assert_eq!(bench.standing(1, 1), pair("2.0.1", "on trial next"));
    assert_eq!(bench.slot(1, 1)["acceptable"], true);
}

/// The program of another package, as a payload: cargo does not build it for a test by itself.
fn secure_world(folder: &Path) -> Vec<u8> {
    let test = std::env::current_exe().unwrap();
    let made = test.ancestors().nth(2).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--offline",
        "--package",
        "ironroot-host-device",
    ]);
    cargo.arg("--target-dir").arg(made.parent().unwrap());
    if made.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(
        cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap()
            .success()
    );
    let mut strip = Command::new(env!("CARGO_BIN_EXE_ironroot"));
    strip
        .args(["device", "payload"])
        .arg(made.join("ironroot-host-secure"));
    assert!(strip.arg(folder.join("secure")).status().unwrap().success());
    std::fs::read(folder.join("secure")).unwrap()
}

/// A device that runs, ended with the test.
struct Running(Child);

impl Drop for Running {
    /// By its own processes: they would outlive a bootloader that is killed.
    fn drop(&mut self) {
        let pid = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-9", child]).status();
        }
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_device_that_runs_takes_tries_confirms_and_rejects_updates_over_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let secure = secure_world(folder.path());
    // An application that does nothing for long: what is tested is the service.
    let sleep = std::fs::read(which("sleep")).unwrap();
    let bench = Bench::new("host", &secure, &sleep);
    let mut boot = bench.command("device boot dev -- 1000");
    let console = std::fs::File::create(bench.path().join("console")).unwrap();
    let boot = boot.stdout(console.try_clone().unwrap()).stderr(console);
    let running = Running(boot.spawn().unwrap());
    let socket = bench.path().join("dev/secure.sock");
    until("the device starts", || socket.exists());
    let console = || std::fs::read_to_string(bench.path().join("console")).unwrap();

    let second = bench.signed("NSPE", "2.0.0", "");
    let said = bench.ok(&format!("device update dev --confirm {second}"));
    assert!(
        said.contains("non-secure image 2.0.0 runs on trial"),
        "{said}"
    );
    assert!(said.contains("confirmed"), "{said}");
    assert!(console().contains("boot: non-secure slot b: trial begins"));

    let third = bench.signed("NSPE", "3.0.0", "");
    let said = bench.ok(&format!("device update dev --test {third}"));
    assert!(
        said.contains("non-secure image 3.0.0 runs on trial"),
        "{said}"
    );
    bench.fails(1, &format!("device update dev {third}"), "on trial");
    bench.ok("device update dev --reject");
    until("the device goes back", || {
        console()
            .matches("boot: non-secure slot b: 2.0.0 verified")
            .count()
            >= 2
    });

    // Refused by the device itself, in its words.
    let mut altered = std::fs::read(bench.path().join(&third)).unwrap();
    altered[0x500] ^= 1;
    std::fs::write(bench.path().join("altered.img"), &altered).unwrap();
    until("the service is back", || {
        let refused = bench
            .command("device update dev altered.img")
            .output()
            .unwrap();
        String::from_utf8_lossy(&refused.stderr).contains("the hash does not match")
    });
    bench.fails(
        1,
        &format!("device update dev --force {third}"),
        "in use by another process",
    );
    drop(running);
    assert_eq!(bench.standing(1, 1), pair("2.0.0", "confirmed"));
}

fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut folders = std::env::split_paths(&path).map(|folder| folder.join(program));
    folders.find(|file| file.is_file()).unwrap()
}
