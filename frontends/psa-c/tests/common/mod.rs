//! Building what the tests of this package run.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Long enough for a crowded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// This package.
pub(crate) fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a program printed.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}");
    output
}

/// Copies, in `folder`, what cargo makes of these packages. Cargo builds neither a library for C nor another
/// package's programs for a test, so this asks for them, in the target directory that the test came from.
///
/// One test at a time builds and copies: cargo replaces its files when another build of the same package, with
/// other features, comes by, and nobody must link or start what is being replaced.
pub(crate) fn built(packages: &[&str], files: &[&str], folder: &Path) {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let test = std::env::current_exe().unwrap();
    let made = test.ancestors().nth(2).unwrap().to_path_buf();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo.arg("--target-dir").arg(made.parent().unwrap());
    if made.ends_with("release") {
        cargo.arg("--release");
    }
    succeed(cargo.current_dir(here()));
    // Not by this process: a program that it has open for writing cannot be started, and processes that
    // other tests start meanwhile would keep it open for a moment.
    let mut copy = Command::new("cp");
    copy.args(files.iter().map(|file| made.join(file)));
    succeed(copy.arg(folder));
}

/// Runs a program to its end, and ends it if that does not come: a test that fails is better than one that
/// hangs. Its outputs are read meanwhile, however long they are.
pub(crate) fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            let said = format!(
                "{}{}",
                text(&stdout.join().unwrap()),
                text(&stderr.join().unwrap())
            );
            panic!("{command:?} did not end\n{said}");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Output {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// How a C program is linked with the library.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Linked {
    /// With the archive.
    Statically,
    /// With the shared object, found where it was built.
    Dynamically,
}

/// Compiles the example and links it with a library that it puts beside it.
pub(crate) fn build_example(program: &Path, linked: Linked) {
    let libraries = program.parent().unwrap();
    let library = match linked {
        Linked::Statically => "libironroot_psa_c.a",
        Linked::Dynamically => "libironroot_psa_c.so",
    };
    built(&["ironroot-psa-c"], &[library], libraries);
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror"]);
    for folder in ["include", "examples"] {
        command.arg("-I").arg(here().join(folder));
    }
    for source in ["examples/app.c", "examples/services.c"] {
        command.arg(here().join(source));
    }
    command.arg("-o").arg(program);
    match linked {
        // What `cargo rustc -- --print native-static-libs` names on Linux.
        Linked::Statically => command.arg(libraries.join(library)).args([
            "-lgcc_s",
            "-lutil",
            "-lrt",
            "-lpthread",
            "-lm",
            "-ldl",
            "-lc",
        ]),
        Linked::Dynamically => command
            .arg("-L")
            .arg(libraries)
            .arg("-lironroot_psa_c")
            .arg(format!("-Wl,-rpath,{}", libraries.display())),
    };
    succeed(&mut command);
}
