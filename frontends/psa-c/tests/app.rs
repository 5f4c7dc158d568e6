//! C programs linked with the library, in processes of their own.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{Linked, PATIENCE, build_example, built, run, text};
use ironroot_port_host::Server;

#[test]
fn the_example_links_statically_and_dynamically_and_says_when_there_is_no_device() {
    for linked in [Linked::Statically, Linked::Dynamically] {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("app");
        build_example(&program, linked);
        let mut app = Command::new(program);
        app.env_remove("IRONROOT_DEVICE")
            .env_remove("IRONROOT_SECURE_SOCKET");
        let output = run(&mut app);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(text(&output.stderr), "no device: status -135\n");
    }
}

/// A secure world that takes the greeting and then answers `calls` calls with a status of its own.
fn app_against_server(calls: usize, status: i32) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let app = directory.path().join("app");
    build_example(&app, Linked::Dynamically);
    let socket = directory.path().join("device");
    let server = Server::listen(&socket).unwrap();
    let serving = std::thread::spawn(move || {
        for _ in 0..calls {
            let call = server.next(PATIENCE).expect("a call");
            let memory = call.question.memory.clone();
            call.answer(status.cast_unsigned(), memory);
        }
    });
    let output = run(Command::new(app).arg(&socket));
    serving.join().unwrap();
    output
}

/// A C program has no Rust runtime that ignores SIGPIPE for it.
#[test]
fn a_device_that_goes_away_is_an_error_to_a_c_program_and_not_its_end() {
    let output = app_against_server(1, 0x0101);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines = text(&output.stdout);
    assert!(lines.starts_with("framework: ok\n"), "{lines}");
    assert!(lines.contains("hash: FAILED, status -145\n"), "{lines}");
    assert!(
        lines.contains("attestation: FAILED, status -145\n"),
        "{lines}"
    );
}

/// `ironroot` with these words and paths, in `directory`.
fn ironroot(tool: &Path, directory: &Path, words: &str) -> Output {
    let output = run(Command::new(tool)
        .args(words.split_whitespace())
        .current_dir(directory));
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "ironroot {words}\n{said}");
    output
}

/// The whole way: the C program is signed, installed as the device's non-secure image, verified, started by
/// the bootloader, and uses every service of the secure world's process.
#[test]
fn a_c_program_is_a_host_devices_application_and_uses_every_service() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let programs = ["ironroot", "ironroot-host-secure"];
    built(&["ironroot-cli", "ironroot-host-device"], &programs, at);
    let tool = at.join("ironroot");
    build_example(&at.join("app"), Linked::Statically);
    std::fs::rename(at.join("ironroot-host-secure"), at.join("secure")).unwrap();

    ironroot(&tool, at, "image keygen --key root.pem --type ecdsa-p256");
    ironroot(&tool, at, "device new --board host dev");
    ironroot(&tool, at, "device provision --key root.pem dev");
    for (number, name) in [(0, "secure"), (1, "app")] {
        ironroot(&tool, at, &format!("device payload {name} {name}.bin"));
        let sign = "image sign --key root.pem --public-key-format full --version 1.0.0 \
                    --security-counter 1 --header-size 0x400 --pad-header";
        ironroot(&tool, at, &format!("{sign} {name}.bin {name}.signed"));
        let install = format!("device install --image {number} --slot a dev {name}.signed");
        ironroot(&tool, at, &install);
    }
    // Twice: the second boot finds what the first left behind.
    for _ in 0..2 {
        let output = ironroot(&tool, at, "device boot dev");
        let lines = text(&output.stdout);
        let steps = lines.lines().filter(|line| line.ends_with(": ok")).count();
        assert_eq!(steps, 12, "{lines}");
        assert!(!lines.contains("FAILED"), "{lines}");
    }
}
