//! `cargo xtask test`: every test there is, and one closing line.

pub(crate) mod aws_lc;
mod runner;

use crate::elfcheck;
use crate::firmware::{self, Configuration};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::{cargo, output, run, say};
use anyhow::{Result, bail};
use runner::Tally;
use std::process::Command;
use std::time::Instant;

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only what runs on this machine: no firmware, no QEMU
    #[arg(long)]
    host: bool,
    /// Only the firmware: ELF checks and the scenarios on QEMU
    #[arg(long, conflicts_with = "host")]
    device: bool,
    /// Only what takes too long for every day, counted: update strategies with every pair of power cuts, the TPM's
    /// journal with its longer lives, 1,000 RSA keys and 80,000 signatures looked at, 1,000 kills of the TPM daemon
    /// (about twenty minutes)
    #[arg(long, conflicts_with_all = ["host", "device"])]
    sweep: bool,
    /// Only what the feature `aws-lc` touches, built with it: the cryptography, engine and daemon of the TPM, and that their
    /// answers are those of the build in Rust
    #[arg(long, conflicts_with_all = ["host", "device", "sweep"])]
    aws_lc: bool,
    /// Only tests whose name contains this
    filter: Option<String>,
}

/// The crate of whole-system scenarios; it needs the built firmware.
const SCENARIOS: &str = "ironroot-tests";

/// Tests of the TPM's engine that say something about its small build.
const SMALL_TPM: [&str; 6] = [
    "clock_and_lockout",
    "hierarchy",
    "nv",
    "sequences",
    "small",
    "startup",
];

/// Bootloaders in which the skip test leaves out instructions, beside the product's.
const SKIPPED: [&str; 3] = ["p256", "ed25519", "p256-lms"];

/// Tests that have a long form.
const LONG: [(&str, &[&str]); 4] = [
    ("ironroot-boot", &["--test=in_place", "--test=power_cut"]),
    ("ironroot-journal", &["--test=power_cuts"]),
    (
        "ironroot-crypto",
        &[
            "--features=tpm-p224,tpm-p384,tpm-p521,tpm-bn,tpm-sm,tpm-sha3,tpm-rsa,tpm-sha1,tpm-modes,tpm-tables",
            "--test=tpm_keys",
            "--test=tpm_nonces",
        ],
    ),
    (SCENARIOS, &["--test=tpm_crash"]),
];

/// Runs everything; fails if anything failed.
pub(crate) fn test(place: &Place, options: &Options) -> Result<()> {
    let started = Instant::now();
    let mut total = Tally::default();
    if options.sweep {
        total.add(counted(sweep(place, options)));
    }
    if options.aws_lc {
        total.add(counted(aws_lc::all(place, options.filter.as_deref())));
    }
    let ordinary = !options.sweep && !options.aws_lc;
    if ordinary && !options.device {
        total.add(counted(host(place, options)));
        total.add(counted(aws_lc::short(place, options.filter.as_deref())));
    }
    if ordinary && !options.host {
        total.add(counted(device(place, options)));
    }
    say!("{} s", started.elapsed().as_secs());
    println!("{total}");
    if total.failed > 0 {
        bail!("tests failed");
    }
    Ok(())
}

fn host(place: &Place, options: &Options) -> Result<Tally> {
    setup::ensure(place, &[Need::Rust])?;
    if let Err(error) = setup::ensure(place, &[Need::Python]) {
        say!("skipped: tests against Python tools: {error:#}");
    }
    if let Err(error) = setup::ensure(place, &[Need::Lrzsz]) {
        say!("skipped: tests against sb: {error:#}");
    }
    let mut command = cargo(&place.root);
    command.args(["test", "--no-fail-fast"]);
    for package in host_packages(place)? {
        command.args(["-p", &package]);
    }
    command
        .env("IRONROOT_IMGTOOL", place.venv("imgtool"))
        .env("IRONROOT_PYTHON", place.venv("python3"))
        .env("IRONROOT_GUEST_KERNEL", setup::guest::kernel(place));
    let mut tally = runner::cargo_test("host", &mut command, options.filter.as_deref())?;
    tally.add(small_tpm(place, options)?);
    Ok(tally)
}

/// The TPM's engine as a Cortex-M has it: above, other packages ask for all of it.
fn small_tpm(place: &Place, options: &Options) -> Result<Tally> {
    let mut command = cargo(&place.root);
    command.args(["test", "--no-fail-fast", "-p", "ironroot-tpm"]);
    command.args(["--no-default-features", "--lib"]);
    command.args(SMALL_TPM.map(|test| format!("--test={test}")));
    runner::cargo_test("small TPM", &mut command, options.filter.as_deref())
}

/// What takes too long for every day. The tests say how many cuts they made.
fn sweep(place: &Place, options: &Options) -> Result<Tally> {
    setup::ensure(place, &[Need::Rust])?;
    let mut tally = Tally::default();
    for (package, tests) in LONG {
        let mut command = cargo(&place.root);
        command.args(["test", "--no-fail-fast", "-p", package]);
        command.args(tests);
        command
            .env("IRONROOT_SWEEP", "full")
            .env("IRONROOT_FULL", "1")
            .env("IRONROOT_TPM_KILLS", "1000")
            .env("RUST_TEST_NOCAPTURE", "1");
        if package == SCENARIOS {
            run(cargo(&place.root).args(["build", "--quiet", "-p", "ironroot-cli"]))?;
            scenario_environment(place, &mut command);
        }
        let filter = options.filter.as_deref();
        tally.add(runner::cargo_test(package, &mut command, filter)?);
    }
    Ok(tally)
}

/// What ends a part early is a failure too, so that the closing line always comes.
fn counted(part: Result<Tally>) -> Tally {
    part.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        Tally {
            failed: 1,
            ..Tally::default()
        }
    })
}

fn device(place: &Place, options: &Options) -> Result<Tally> {
    setup::ensure(place, &Need::DEVICE)?;
    for need in Need::TPM {
        // Without them their tests are skipped, and counted.
        if let Err(error) = setup::ensure(place, &[need]) {
            say!("{error:#}");
        }
    }
    let mut tally = Tally::default();
    let product = firmware::build(place, Configuration::PRODUCT)?;
    firmware::build(place, Configuration::MEDIUM)?;
    for configuration in Configuration::TESTS {
        firmware::build(place, configuration)?;
    }
    // The skip test looks at what other products carry, too.
    for variant in firmware::VARIANTS {
        if SKIPPED.contains(&variant.name) {
            variant.build(place)?;
        }
    }
    if options.filter.is_none() {
        let checks = elfcheck::check(place, &product)?;
        tally.add(Tally {
            passed: checks.passed,
            failed: checks.failed,
            skipped: 0,
        });
    }
    let mut command = cargo(&place.root);
    command.args(["test", "--no-fail-fast", "-p", SCENARIOS]);
    scenario_environment(place, &mut command);
    tally.add(runner::cargo_test(
        "QEMU",
        &mut command,
        options.filter.as_deref(),
    )?);
    Ok(tally)
}

/// What the scenarios are told: where the images, the signing command, keys and other tools are.
pub(crate) fn scenario_environment(place: &Place, command: &mut Command) {
    let ironroot = place.target.join("debug/ironroot");
    command
        .env("IRONROOT_AN521_DIR", place.work().join("an521"))
        .env("IRONROOT_KEYS", place.work().join("keys"))
        .env("IRONROOT_CLI", ironroot)
        .env("IRONROOT_IMGTOOL", place.venv("imgtool"))
        .env("IRONROOT_PYTHON", place.venv("python3"))
        .env("IRONROOT_GUEST_KERNEL", setup::guest::kernel(place));
    if std::env::var_os("IRONROOT_QEMU").is_none() {
        command.env("IRONROOT_QEMU", "qemu-system-arm");
    }
}

/// What cargo builds by default, less the scenarios.
fn host_packages(place: &Place) -> Result<Vec<String>> {
    let mut command = cargo(&place.root);
    command.args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&output(&mut command)?)?;
    let members = &metadata["workspace_default_members"];
    let mut names = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let chosen = members
            .as_array()
            .is_some_and(|members| members.contains(&package["id"]));
        names.extend(
            package["name"]
                .as_str()
                .filter(|_| chosen)
                .map(str::to_owned),
        );
    }
    names.retain(|name| name != SCENARIOS);
    Ok(names)
}
