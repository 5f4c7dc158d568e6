//! What surrounds the command in a distribution, judged by the programs that will read it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging")
        .join(name)
}

/// What a program says; a failure is one of the test.
fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("cargo xtask test installs it");
    let text = [stdout, stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(status.success(), "{command:?}: {text}");
    text
}

/// The two services, with the command where it is now.
fn services(folder: &TempDir) -> Vec<PathBuf> {
    ["ironroot-tpm@.service", "ironroot-tpms.service"]
        .iter()
        .map(|name| {
            let text = std::fs::read_to_string(packaging("systemd").join(name)).unwrap();
            let program = ironroot_tests::tpm_client::program();
            let text = text.replace("/usr/bin/ironroot", program.to_str().unwrap());
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect()
}

#[test]
fn systemd_finds_no_fault_in_the_services() {
    let folder = TempDir::new().unwrap();
    for service in services(&folder) {
        let said = run(Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&service));
        assert_eq!(said.trim(), "");
    }
}

#[test]
fn the_services_are_confined() {
    let folder = TempDir::new().unwrap();
    for service in services(&folder) {
        // Of 100: 10 is far below what systemd calls safe.
        run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=10", "--no-pager"])
            .arg(&service));
    }
}

/// The options in a service are options that the command has: what it takes is shown by its help.
#[test]
fn what_the_services_start_is_what_the_command_takes() {
    let help =
        run(Command::new(ironroot_tests::tpm_client::program()).args(["tpm", "serve", "--help"]));
    for name in ["ironroot-tpm@.service", "ironroot-tpms.service"] {
        let text = std::fs::read_to_string(packaging("systemd").join(name)).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("ExecStart="))
            .unwrap();
        let options: Vec<_> = line
            .split(' ')
            .filter(|word| word.starts_with("--"))
            .collect();
        assert!(options.len() > 3);
        for option in options {
            assert!(help.contains(option), "{name}: {option}");
        }
    }
}

#[test]
fn apparmor_reads_the_profile() {
    run(Command::new("/usr/sbin/apparmor_parser")
        .args(["--skip-kernel-load", "--skip-cache"])
        .arg(packaging("apparmor/ironroot-tpm")));
}

#[test]
fn every_subcommand_has_a_manual_page_without_a_warning() {
    let folder = TempDir::new().unwrap();
    run(Command::new(ironroot_tests::tpm_client::program())
        .arg("man")
        .arg(folder.path()));
    for name in [
        "ironroot",
        "ironroot-tpm",
        "ironroot-tpm-serve",
        "ironroot-image-sign",
    ] {
        assert!(folder.path().join(format!("{name}.1")).exists(), "{name}");
    }
    for page in std::fs::read_dir(folder.path()).unwrap() {
        let path = page.unwrap().path();
        // groff's `man` macros, with every warning but those about lines that cannot be broken nicely.
        let said = run(Command::new("groff")
            .args(["-Kutf8", "-man", "-Tutf8", "-z", "-ww", "-Wbreak"])
            .arg(&path));
        assert_eq!(said.trim(), "", "{}", path.display());
    }
}
