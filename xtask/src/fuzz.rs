//! `cargo xtask fuzz`: the fuzz targets, each for a while.
//!
//! libFuzzer needs nothing but coverage counters in our code, which the pinned stable compiler can put
//! there. With `--address-sanitizer` a nightly compiler adds that, for the few `unsafe` blocks of others.

mod corpus;

use crate::place::Place;
use crate::shell::{output, run, say, shown, works, write_if_changed};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Arguments of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A run begins with what earlier ones learnt: the kept inputs in fuzz/corpus/TARGET.bin, and those in
target/ironroot/fuzz/corpus. A finding ends it; its input is left in fuzz/artifacts/TARGET, and
`cargo xtask fuzz TARGET --input FILE` runs that one again.")]
pub(crate) struct Options {
    /// Only this target
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Only run what is kept, without looking for more
    #[arg(long, conflicts_with = "input")]
    replay: bool,
    /// Afterwards keep the fewest inputs that reach all that was reached
    #[arg(long, conflicts_with_all = ["input", "replay"])]
    keep: bool,
    /// Say which targets there are
    #[arg(long)]
    list: bool,
    /// Only run this input
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// With the address sanitizer; needs a nightly compiler
    #[arg(long)]
    address_sanitizer: bool,
}

/// Coverage counters at each edge, comparisons traced, and overflow checked.
const COVERAGE: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "--cfg=fuzzing",
];

/// Builds and runs the chosen targets; the first finding ends it.
pub(crate) fn fuzz(place: &Place, options: &Options) -> Result<()> {
    let targets = targets(place)?;
    if options.list {
        targets.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    let chosen: Vec<_> = match &options.target {
        Some(wanted) if !targets.contains(wanted) => {
            bail!(
                "there is no fuzz target {wanted:?}; there are: {}",
                targets.join(", ")
            )
        }
        Some(wanted) => vec![wanted.clone()],
        None => targets,
    };
    let programs = build(place, options)?;
    let mut executions = 0;
    for target in &chosen {
        executions += run_one(place, options, target, &programs.join(target))?;
    }
    let amount = match options.replay {
        true => "kept inputs only".to_owned(),
        false => format!("{} s each", options.seconds),
    };
    println!(
        "{} fuzz targets, {amount}, {executions} executions, nothing found",
        chosen.len()
    );
    Ok(())
}

/// Where the inputs of a target are.
struct Inputs {
    /// The kept ones, in one file of the checkout.
    kept: PathBuf,
    /// The same, each in a file of its own.
    unpacked: PathBuf,
    /// What the runs on this machine learnt.
    learnt: PathBuf,
}

impl Inputs {
    fn of(place: &Place, target: &str) -> Result<Self> {
        let own = |kind: &str| place.work().join("fuzz").join(kind).join(target);
        let inputs = Self {
            kept: place.root.join(format!("fuzz/corpus/{target}.bin")),
            unpacked: own("kept"),
            learnt: own("corpus"),
        };
        std::fs::create_dir_all(&inputs.learnt)?;
        let kept = std::fs::read(&inputs.kept).unwrap_or_default();
        let kept = corpus::from_bytes(&kept)
            .with_context(|| format!("cannot read {}", inputs.kept.display()))?;
        corpus::unpack(&kept, &inputs.unpacked)?;
        Ok(inputs)
    }
}

/// Runs a target; how many inputs it executed.
fn run_one(place: &Place, options: &Options, target: &str, program: &Path) -> Result<u64> {
    let inputs = Inputs::of(place, target)?;
    let artifacts = place.root.join("fuzz/artifacts").join(target);
    std::fs::create_dir_all(&artifacts)?;
    let mut command = Command::new(program);
    command.current_dir(&place.root);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    // Statistics at the end are enough; a hang is a finding after ten seconds.
    command.args(["-print_final_stats=1", "-timeout=10", "-verbosity=0"]);
    match &options.input {
        Some(input) => command.arg(input),
        None if options.replay => {
            say!("replaying what is kept of {target}");
            command.arg("-runs=0").arg(&inputs.unpacked)
        }
        None => {
            say!("fuzzing {target} for {} s", options.seconds);
            command
                .arg(format!("-max_total_time={}", options.seconds))
                .args([&inputs.learnt, &inputs.unpacked])
        }
    };
    if options.input.is_none() {
        command.args(seeds(place, target));
    }
    let executions = counted(&mut command).with_context(|| {
        format!(
            "{target} found something: its input is in {}",
            artifacts.display()
        )
    })?;
    if options.keep {
        keep(place, target, program, &inputs)?;
    }
    Ok(executions)
}

/// Runs with our own terminal; how many executions it says it made.
fn counted(command: &mut Command) -> Result<u64> {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let mut executions = 0;
    let stream = child.stderr.take().context("no pipe")?;
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            executions = count.trim().parse().unwrap_or(0);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("failed ({status}): {}", shown(command));
    }
    Ok(executions)
}

/// Writes the fewest inputs that reach, beside the vectors, all that any known input reaches.
fn keep(place: &Place, target: &str, program: &Path, inputs: &Inputs) -> Result<()> {
    let fewest = place.work().join("fuzz/fewest").join(target);
    let mut vectors = corpus::Inputs::new();
    for directory in seeds(place, target) {
        vectors.extend(corpus::of_directory(&directory)?);
    }
    corpus::unpack(&vectors, &fewest)?;
    say!("looking for the fewest inputs of {target}");
    let mut command = Command::new(program);
    command
        .args(["-merge=1", "-timeout=10", "-verbosity=0"])
        .args([&fewest, &inputs.unpacked, &inputs.learnt])
        .current_dir(place.work());
    output(&mut command)?;
    let mut found = corpus::of_directory(&fewest)?;
    found.retain(|input| !vectors.contains(input));
    let file = corpus::to_bytes(&found);
    write_if_changed(&inputs.kept, &file)?;
    println!(
        "{target}: {} inputs, {} bytes are kept",
        corpus::from_bytes(&file)?.len(),
        file.len()
    );
    Ok(())
}

/// Inputs to begin with, besides what earlier runs learnt.
fn seeds(place: &Place, target: &str) -> Vec<PathBuf> {
    let vectors = place.root.join("tests/vectors/mcuboot");
    let names: &[&str] = match target {
        "crypto_parsers" => &["keys"],
        target if target.starts_with("image") => &["valid", "encrypted", "reject", "divergent"],
        _ => &[],
    };
    let directories = names.iter().map(|name| vectors.join(name));
    directories
        .into_iter()
        .filter(|directory| directory.is_dir())
        .collect()
}

/// Builds all targets; the directory of the programs.
fn build(place: &Place, options: &Options) -> Result<PathBuf> {
    let mut flags = COVERAGE.map(str::to_owned).to_vec();
    let mut command = Command::new("cargo");
    if options.address_sanitizer {
        let nightly = works(
            Command::new("rustc")
                .arg("+nightly")
                .env_remove("RUSTUP_TOOLCHAIN")
                .arg("-V"),
        );
        if !nightly {
            bail!(
                "the address sanitizer needs a nightly compiler. By hand: rustup toolchain install nightly"
            );
        }
        command.arg("+nightly").env_remove("RUSTUP_TOOLCHAIN");
        flags.push("-Zsanitizer=address".to_owned());
    }
    command.arg("build");
    let host = host_triple(place)?;
    let kind = if options.address_sanitizer {
        "address"
    } else {
        "plain"
    };
    let directory = place.work().join("fuzz").join(kind);
    say!("building the fuzz targets");
    if let Some(target) = &options.target {
        command.args(["--bin", target]);
    }
    // With a target triple the flags are for our code and not for build scripts.
    command.args(["--release", "--target", &host, "--manifest-path"]);
    command
        .arg(place.root.join("fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(&directory);
    command.current_dir(&place.root).env_remove("RUSTFLAGS");
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    run(&mut command)?;
    Ok(directory.join(host).join("release"))
}

fn host_triple(place: &Place) -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV").current_dir(&place.root))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not say its host")?.to_owned())
}

/// The programs of `fuzz/Cargo.toml`, as cargo sees them.
fn targets(place: &Place) -> Result<Vec<String>> {
    let manifest = place.root.join("fuzz/Cargo.toml");
    if !manifest.exists() {
        bail!("this checkout has no fuzz targets (fuzz/Cargo.toml)");
    }
    let mut command = Command::new("cargo");
    command.args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--manifest-path",
    ]);
    let metadata: serde_json::Value =
        serde_json::from_str(&output(command.current_dir(&place.root).arg(&manifest))?)?;
    let mut names = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_program = target["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.contains(&"bin".into()));
            names.extend(
                target["name"]
                    .as_str()
                    .filter(|_| is_program)
                    .map(str::to_owned),
            );
        }
    }
    names.sort();
    Ok(names)
}
