//! Images come in over QEMU's serial port, while the bootloader is in its recovery mode: by our client, by
//! smpclient from PyPI and by `sb` of lrzsz.

use ironroot_qemu::{Qemu, Run, Session};
use ironroot_tests::{Device, Firmware, ironroot, keys};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The two words at the end of the hand-over area that ask for the recovery mode: "RCVR", and its inverse.
const REQUEST: u32 = 0x3000_03F8;
const ASKED: u32 = u32::from_le_bytes(*b"RCVR");

/// Orders for the demonstration application: accept an update on trial, or leave it.
const ACCEPT: u32 = 0;
const LEAVE: u32 = 1;

const DEADLINE: Duration = Duration::from_secs(120);

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// Signs an application and gives the file.
fn sign(device: &Device, firmware: &Firmware, version: &str) -> PathBuf {
    let out = device.file(&format!("application-{version}.signed"));
    let (key, payload) = (keys("non-secure"), firmware.file("nonsecure.bin"));
    let words = "image sign --public-key-format full --header-size 0x400 --pad-header --align 4 \
                 --security-counter 1 --load-addr 0x200000 --slot-size 0x100000";
    let mut arguments: Vec<&str> = words.split_whitespace().collect();
    arguments.extend(["--key", text(&key), "--version", version]);
    arguments.extend([text(&payload), text(&out)]);
    succeeded(&ironroot(&arguments));
    out
}

fn succeeded(output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// The version of the application that ran, as the secure world told it.
fn application(run: &Run) -> &str {
    run.after("app: firmware: non-secure ").unwrap_or("none")
}

/// A machine whose bootloader can recover.
fn machine(device: &Device, firmware: &Firmware) -> Qemu {
    Qemu::an521(firmware.file("bootloader-recovery.elf"), device.flash()).deadline(DEADLINE)
}

/// The same, asked to. QEMU writes the words at every reset, so it comes back to this.
fn asked(device: &Device, firmware: &Firmware) -> Qemu {
    let machine = machine(device, firmware);
    machine.word(REQUEST, ASKED).word(REQUEST + 4, !ASKED)
}

/// The same, and it ends where it would reset.
fn recovering(device: &Device, firmware: &Firmware) -> Qemu {
    asked(device, firmware).no_reboot()
}

/// Starts it with its serial port on a socket in the device's folder.
fn on_socket(device: &Device, machine: Qemu) -> (Session, String) {
    let path = device.file("serial");
    let session = machine
        .arg("-serial")
        .arg(format!("unix:{},server=on,wait=off", path.display()))
        .start()
        .expect("QEMU starts");
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < DEADLINE, "no serial port");
        std::thread::sleep(Duration::from_millis(20));
    }
    (session, format!("unix:{}", path.display()))
}

/// Starts it with its serial port on a pseudo-terminal.
fn on_terminal(machine: Qemu) -> (Session, PathBuf) {
    let mut session = machine
        .arg("-serial")
        .arg("pty")
        .start()
        .expect("QEMU starts");
    let line = session.wait_for("/dev/pts/").expect("a pseudo-terminal");
    let words = line.split_whitespace();
    let path = words.into_iter().find(|word| word.starts_with("/dev/pts/"));
    (session, path.expect("its name").into())
}

fn load(port: &str, file: &Path, more: &[&str]) -> Output {
    let arguments = [&["device", "load", "--port", port, text(file)], more].concat();
    ironroot(&arguments)
}

#[test]
fn our_client_loads_by_either_protocol_and_the_next_boot_tries_it() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    for protocol in ["--smp", "--ymodem"] {
        let device = Device::with(&firmware, "nonsecure");
        let file = sign(&device, &firmware, "2.0.0");
        let (session, port) = on_socket(&device, recovering(&device, &firmware));
        succeeded(&load(&port, &file, &[protocol, "--reset"]));
        let _ = session.finish();
        let run = device.run(LEAVE, 0);
        assert_eq!(application(&run), "2.0.0, on trial", "{protocol}: {run}");
        // Left without confirmation: the next boot goes back.
        let run = device.run(ACCEPT, 0);
        assert!(application(&run).starts_with("1.0.0"), "{protocol}: {run}");
    }
}

#[test]
fn what_the_bootloader_refuses_is_said_and_the_device_boots_as_before() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    let good = sign(&device, &firmware, "2.0.0");
    let mut bytes = std::fs::read(&good).expect("the image");
    bytes[0x500] ^= 1;
    let tampered = device.file("tampered");
    std::fs::write(&tampered, &bytes).expect("the folder can be written");
    let (session, port) = on_socket(&device, recovering(&device, &firmware));
    let refused = |file: &Path, more: &[&str], words: &str| {
        let output = load(&port, file, more);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(errors.contains(words), "{errors}");
    };
    refused(&tampered, &[], "hash");
    refused(&tampered, &["--ymodem"], "hash");
    refused(&good, &["--image", "0"], "load address");
    refused(&good, &["--slot", "a"], "last good image");
    refused(&firmware.file("nonsecure.bin"), &["--ymodem"], "magic");
    let _ = session.stop();
    let run = device.run(ACCEPT, 0);
    assert_eq!(application(&run), "1.0.0, confirmed", "{run}");
}

#[test]
fn sb_sends_over_the_serial_port() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    if Command::new("sb").arg("--version").output().is_err() {
        eprintln!("skipped: `sb` is not installed; `cargo xtask test` installs it (Debian: lrzsz)");
        return;
    }
    let device = Device::with(&firmware, "nonsecure");
    let file = sign(&device, &firmware, "2.0.0");
    let (session, path) = on_terminal(recovering(&device, &firmware));
    let port = || {
        let port = std::fs::File::options().read(true).write(true).open(&path);
        port.expect("the pseudo-terminal")
    };
    let mut sb = Command::new("sb");
    sb.args(["-q", "-k"])
        .arg(&file)
        .stdin(port())
        .stdout(port());
    succeeded(&sb.output().expect("sb runs"));
    port().write_all(b"\nr\n").expect("the line is there");
    let _ = session.finish();
    let run = device.run(LEAVE, 0);
    assert_eq!(application(&run), "2.0.0, on trial", "{run}");
}

#[test]
fn smpclient_loads_over_the_serial_port() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let python = std::env::var_os("IRONROOT_PYTHON").map(PathBuf::from);
    let Some(python) = python.filter(|python| python.with_file_name("smpmgr").exists()) else {
        eprintln!("skipped: smpclient is not installed; `cargo xtask test` installs it");
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    let file = sign(&device, &firmware, "2.0.0");
    // The pseudo-terminal must outlive the reset: the client asks for it again before it closes.
    let (session, path) = on_terminal(asked(&device, &firmware));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../frontends/cli/tests/smp_client.py");
    let client = Command::new(python)
        .arg(script)
        .arg(&path)
        .arg(&file)
        .output();
    succeeded(&client.expect("Python runs"));
    let _ = session.stop();
    let run = device.run(LEAVE, 0);
    assert_eq!(application(&run), "2.0.0, on trial", "{run}");
}

#[test]
fn a_device_without_images_waits_for_them_and_boots_them() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::blank(&firmware);
    let (session, port) = on_socket(&device, machine(&device, &firmware));
    let secure = firmware.secure();
    succeeded(&load(&port, &secure, &["--image", "0", "--confirm"]));
    let file = sign(&device, &firmware, "2.0.0");
    succeeded(&load(&port, &file, &["--confirm"]));
    // Now as a person does: the order, and the console that follows.
    let path = port.strip_prefix("unix:").expect("a socket");
    let mut line = UnixStream::connect(path).expect("the serial port");
    line.set_read_timeout(Some(DEADLINE)).expect("a time-out");
    line.write_all(b"\nr\n").expect("the line is there");
    let mut console = Vec::new();
    let mut buffer = [0; 256];
    while !String::from_utf8_lossy(&console).contains("app: firmware: non-secure 2.0.0, confirmed")
    {
        let len = line.read(&mut buffer).expect("the console goes on");
        let all = String::from_utf8_lossy(&console);
        assert_ne!(len, 0, "{all}");
        console.extend(&buffer[..len]);
    }
    let _ = session.stop();
}

#[test]
fn noise_where_the_request_would_be_is_no_request() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    for (first, second) in [(ASKED, 0), (ASKED, ASKED), (!ASKED, ASKED), (0, !ASKED)] {
        let machine = machine(&device, &firmware);
        let run = machine.word(REQUEST, first).word(REQUEST + 4, second);
        let run = run.run().expect("QEMU starts");
        assert_eq!(application(&run), "1.0.0, confirmed", "{run}");
    }
}
