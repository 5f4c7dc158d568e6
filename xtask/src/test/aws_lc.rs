//! The TPM's tests with AWS-LC under its cryptography: the same ones, and the same answers from the same random stream.

use super::runner::{self, Tally};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::{cargo, output, say};
use anyhow::Result;

/// The cryptography of the whole TPM on hosts.
const RUST: &str = "ironroot-crypto/tpm-p224,ironroot-crypto/tpm-p384,ironroot-crypto/tpm-p521,ironroot-crypto/tpm-bn,\
    ironroot-crypto/tpm-sm,ironroot-crypto/tpm-sha3,ironroot-crypto/tpm-rsa,ironroot-crypto/tpm-sha1,\
    ironroot-crypto/tpm-modes,ironroot-crypto/tpm-tables";

/// AWS-LC's port, and of the cryptography what the port is under: about a minute.
pub(super) fn short(place: &Place, filter: Option<&str>) -> Result<Tally> {
    setup::ensure(place, &[Need::Rust])?;
    let mut command = cargo(&place.root);
    command.args(["test", "--no-fail-fast", "--features", &features()]);
    command.args([
        "-p",
        "ironroot-port-aws-lc",
        "-p",
        "ironroot-crypto",
        "--lib",
    ]);
    for test in [
        "refusals",
        "tpm_ec",
        "tpm_keys",
        "tpm_rsa",
        "tpm_rsa_wycheproof",
        "tpm_schemes",
    ] {
        command.args(["--test", test]);
    }
    runner::cargo_test("AWS-LC", &mut command, filter)
}

/// All tests of the crates that the port is under, and the answers.
pub(super) fn all(place: &Place, filter: Option<&str>) -> Result<Tally> {
    setup::ensure(place, &[Need::Rust])?;
    let mut command = cargo(&place.root);
    command.args(["test", "--no-fail-fast", "--features", &features()]);
    for package in ["port-aws-lc", "crypto", "tpm", "tpmd"] {
        command.args(["-p", &format!("ironroot-{package}")]);
    }
    let mut tally = runner::cargo_test("AWS-LC", &mut command, filter)?;
    if filter.is_none() {
        tally.add(same_answers(place)?);
    }
    Ok(tally)
}

/// The same with AWS-LC under it.
pub(crate) fn features() -> String {
    format!("{RUST},ironroot-crypto/aws-lc")
}

/// Keys, signatures and shared secrets from one random stream, by both builds.
fn same_answers(place: &Place) -> Result<Tally> {
    let answers = |features: &str| {
        let mut command = cargo(&place.root);
        command.args(["run", "--quiet", "-p", "ironroot-crypto"]);
        command.args(["--example", "tpm_answers", "--features", features]);
        output(&mut command)
    };
    let (rust, aws_lc) = (answers(RUST)?, answers(&features())?);
    let differing = rust.lines().zip(aws_lc.lines()).find(|(a, b)| a != b);
    let same = rust == aws_lc && !rust.is_empty();
    match differing {
        Some((one, other)) => say!("answers differ: {one} in Rust, {other} by AWS-LC"),
        None => say!("{} answers by both builds", rust.lines().count()),
    }
    Ok(Tally {
        passed: same.into(),
        failed: (!same).into(),
        skipped: 0,
    })
}
