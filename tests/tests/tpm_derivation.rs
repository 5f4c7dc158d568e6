//! Keys from seeds, worked out a second time: by Python's standard library alone, from the document.

use std::path::Path;
use std::process::Command;

#[test]
fn another_implementation_derives_the_same_keys_from_the_same_seeds() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tpm/derivation.py");
    let mut python = Command::new("python3");
    let run = python.arg(script).arg("--check").output();
    let output = run.expect("python3 is there");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaint}");
}
