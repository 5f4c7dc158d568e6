//! The `ironroot` binary, the vectors, and imgtool if it is there.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Directory of the vectors.
pub fn vectors_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/mcuboot")
}

/// Every vector's entry in the manifest.
pub fn vectors() -> Vec<Value> {
    let text = std::fs::read_to_string(vectors_directory().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    manifest["vectors"].as_array().unwrap().clone()
}

/// What a run of a command gave.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("no signal"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    /// Demands success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }
}

/// Runs `ironroot image` in a directory.
pub fn image<A: AsRef<OsStr>>(directory: &Path, arguments: &[A]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ironroot"));
    command
        .current_dir(directory)
        .arg("image")
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

/// imgtool, or a printed reason why a test does nothing.
pub fn imgtool() -> Option<PathBuf> {
    let path = std::env::var_os("IRONROOT_IMGTOOL").map(PathBuf::from);
    if path.is_none() {
        println!("skipped: IRONROOT_IMGTOOL does not name imgtool (`cargo xtask test` sets it)");
    }
    path
}

/// Runs imgtool in a directory.
pub fn run_imgtool<A: AsRef<OsStr>>(tool: &Path, directory: &Path, arguments: &[A]) -> Run {
    Command::new(tool)
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap()
        .into()
}
