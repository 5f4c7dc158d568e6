//! Building what the tests of this package run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// The folder with what cargo makes of these packages. Cargo builds neither a library for C nor another
/// package's programs for a test, so this asks for them, in the target directory that the test came from.
pub(crate) fn built(packages: &[&str]) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().to_path_buf();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo.arg("--target-dir").arg(folder.parent().unwrap());
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    succeed(cargo.current_dir(here()));
    folder
}

/// How a C program is linked with the library.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Linked {
    /// With the archive.
    Statically,
    /// With the shared object, found where it was built.
    Dynamically,
}

/// Compiles the example and links it.
pub(crate) fn build_example(program: &Path, linked: Linked) {
    let libraries = built(&["ironroot-psa-c"]);
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
        Linked::Statically => command.arg(libraries.join("libironroot_psa_c.a")).args([
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
            .arg(&libraries)
            .arg("-lironroot_psa_c")
            .arg(format!("-Wl,-rpath,{}", libraries.display())),
    };
    succeed(&mut command);
}
