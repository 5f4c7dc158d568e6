//! `cargo xtask check`: everything that can be said about the source without running it.

mod imports;
mod packages;
mod record;
mod source;
mod tree;

use crate::place::{Place, on_path};
use crate::setup::{self, DEVICE, Need};
use crate::shell::{cargo, run, say, shown};
use crate::test::aws_lc;
use anyhow::{Result, bail};
use packages::{Kind, Package};
use std::process::Command;

/// What to leave out.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the checks that compile nothing (layout, imports, formatting): a second or two
    #[arg(long)]
    quick: bool,
}

/// Runs all checks, reports each, fails if one failed.
pub(crate) fn check(place: &Place, options: &Options) -> Result<()> {
    setup::ensure(place, &[Need::Rust])?;
    let packages = packages::read(place)?;
    let mut report = Report::default();
    report.of(
        "crate pages: README.md, description, lints",
        packages::complete(&packages),
    );
    report.of("import table", imports::check(&packages));
    report.of(
        "logic: no_std, forbid(unsafe_code), no unsafe",
        source::logic(&packages),
    );
    report.of(
        "tree: no machine paths, registry hosts, keys",
        tree::check(place),
    );
    report.of(
        "docs: the tests that tables name exist",
        record::check(place),
    );
    report.command(
        "formatting",
        cargo(&place.root).args(["fmt", "--all", "--", "--check", "-l"]),
    );
    if !options.quick {
        compile(place, &packages, &mut report);
        deny(place, &mut report);
    }
    report.end()
}

fn compile(place: &Place, packages: &[Package], report: &mut Report) {
    let mut clippy = cargo(&place.root);
    clippy.args(["clippy", "--all-targets"]);
    select(&mut clippy, packages, |package| {
        package.kind() != Kind::Device
    });
    report.command("clippy, host", clippy.args(["--", "-D", "warnings"]));

    let mut accelerated = cargo(&place.root);
    accelerated.args(["clippy", "--all-targets", "-p", "ironroot-crypto"]);
    accelerated.args(["--features", &aws_lc::features()]);
    report.command(
        "clippy, cryptography with AWS-LC",
        accelerated.args(["--", "-D", "warnings"]),
    );

    let mut doc = cargo(&place.root);
    doc.args(["doc", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    // A program and a library may share a name; the libraries are the documentation.
    doc.arg("--lib");
    select(&mut doc, packages, |package| {
        package.kind() != Kind::Device && package.has_library
    });
    report.command("documentation, host", &mut doc);

    let mut logic = cargo(&place.root);
    logic.args(["clippy", "--target", DEVICE]);
    select(&mut logic, packages, |package| {
        package.kind() == Kind::Logic
    });
    report.command(
        "clippy, logic for the device",
        logic.args(["--", "-D", "warnings"]),
    );

    for half in ["secure", "partition", "nonsecure"] {
        let mut port = cargo(&place.root);
        port.args([
            "clippy",
            "--target",
            DEVICE,
            "-p",
            "ironroot-port-armv8m",
            "--features",
            half,
        ]);
        let name = format!("clippy, device port ({half})");
        report.command(&name, port.args(["--", "-D", "warnings"]));

        // One command per half: cargo unites the features of what it builds together.
        let mut images = cargo(&place.root);
        images.args(["clippy", "--target", DEVICE]);
        if select(&mut images, packages, |package| {
            package.half() == Some(half)
        }) == 0
        {
            continue;
        }
        let name = format!("clippy, device images ({half})");
        report.command(&name, images.args(["--", "-D", "warnings"]));
    }

    let mut doc = cargo(&place.root);
    doc.args([
        "doc",
        "--no-deps",
        "--lib",
        "--target",
        DEVICE,
        "-p",
        "ironroot-port-armv8m",
    ]);
    let port =
        ["secure", "partition", "nonsecure"].map(|half| format!("ironroot-port-armv8m/{half}"));
    doc.args(["--features", &port.join(",")])
        .env("RUSTDOCFLAGS", "-D warnings");
    select(&mut doc, packages, |package| {
        package.kind() == Kind::Device && package.has_library
    });
    report.command("documentation, device", &mut doc);
}

/// Adds `-p` for each chosen package; how many there were.
fn select(command: &mut Command, packages: &[Package], chosen: impl Fn(&Package) -> bool) -> usize {
    let names: Vec<_> = packages.iter().filter(|package| chosen(package)).collect();
    for package in &names {
        command.args(["-p", &package.name]);
    }
    names.len()
}

fn deny(place: &Place, report: &mut Report) {
    if on_path("cargo-deny").is_none() {
        report.skip(
            "licences and bans",
            "cargo-deny is not installed (cargo install cargo-deny)",
        );
        return;
    }
    let mut command = cargo(&place.root);
    // Advisories need a network and change without us; they are a job of their own.
    command.args(["deny", "check", "licenses", "bans", "sources"]);
    report.command("licences and bans", &mut command);
}

/// Results as they come in.
#[derive(Default)]
struct Report {
    failed: Vec<String>,
    passed: usize,
    skipped: usize,
}

impl Report {
    fn of(&mut self, name: &str, findings: Result<Vec<String>>) {
        match findings {
            Ok(findings) if findings.is_empty() => {
                say!("ok       {name}");
                self.passed += 1;
            }
            Ok(findings) => {
                findings.iter().for_each(|finding| eprintln!("  {finding}"));
                self.fail(name);
            }
            Err(error) => {
                eprintln!("  {error:#}");
                self.fail(name);
            }
        }
    }

    fn command(&mut self, name: &str, command: &mut Command) {
        say!("running  {name}: {}", shorten(&shown(command)));
        self.of(name, run(command).map(|()| Vec::new()));
    }

    fn skip(&mut self, name: &str, why: &str) {
        say!("skipped: {name}: {why}");
        self.skipped += 1;
    }

    fn fail(&mut self, name: &str) {
        say!("FAILED   {name}");
        self.failed.push(name.to_owned());
    }

    fn end(self) -> Result<()> {
        say!(
            "check: {} passed, {} failed, {} skipped",
            self.passed,
            self.failed.len(),
            self.skipped
        );
        if !self.failed.is_empty() {
            bail!("check failed: {}", self.failed.join("; "));
        }
        Ok(())
    }
}

fn shorten(line: &str) -> String {
    if line.len() <= 100 {
        return line.to_owned();
    }
    format!("{} …", line.chars().take(98).collect::<String>())
}
