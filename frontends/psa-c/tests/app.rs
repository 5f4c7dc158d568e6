//! C programs linked with the library, in processes of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use ironroot_port_host::Server;
use tempfile::TempDir;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder with this package's libraries. Cargo does not build them for a test that is written in
/// Rust, so this asks for them, in the target directory that the test itself came from.
fn libraries() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().to_path_buf();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--offline",
        "--package",
        "ironroot-psa-c",
    ]);
    cargo.arg("--target-dir").arg(folder.parent().unwrap());
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.current_dir(here()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    folder
}

/// Compiles C sources and links them with the shared or the static library.
fn build(sources: &[PathBuf], program: &Path, shared: bool) {
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror"]);
    command
        .arg("-I")
        .arg(here().join("include"))
        .arg("-I")
        .arg(here().join("examples"));
    command.args(sources).arg("-o").arg(program);
    let libraries = libraries();
    if shared {
        command.arg("-L").arg(&libraries).arg("-lironroot_psa_c");
        command.arg(format!("-Wl,-rpath,{}", libraries.display()));
    } else {
        // What `cargo rustc -- --print native-static-libs` names on Linux.
        command.arg(libraries.join("libironroot_psa_c.a"));
        command.args([
            "-lgcc_s",
            "-lutil",
            "-lrt",
            "-lpthread",
            "-lm",
            "-ldl",
            "-lc",
        ]);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn example(directory: &TempDir, shared: bool) -> PathBuf {
    let program = directory.path().join("app");
    let sources = ["examples/app.c", "examples/services.c"].map(|source| here().join(source));
    build(&sources, &program, shared);
    program
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_example_links_statically_and_dynamically_and_says_when_there_is_no_device() {
    for shared in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let mut app = Command::new(example(&directory, shared));
        let output = app.env_remove("IRONROOT_DEVICE").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(text(&output.stderr), "no device: status -135\n");
    }
}

/// A secure world that takes the greeting and then answers `calls` calls with a status of its own.
fn app_against_server(calls: usize, status: i32) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let app = example(&directory, true);
    let socket = directory.path().join("device");
    let server = Server::listen(&socket).unwrap();
    let serving = std::thread::spawn(move || {
        for _ in 0..calls {
            let call = server.next(Duration::from_secs(20)).expect("a call");
            let memory = call.question.memory.clone();
            call.answer(status.cast_unsigned(), memory);
        }
    });
    let output = Command::new(app).arg(&socket).output().unwrap();
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
