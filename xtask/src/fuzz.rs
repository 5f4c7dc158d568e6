//! `cargo xtask fuzz`: the fuzz targets, each for a while.

use crate::place::{Place, on_path};
use crate::shell::{output, run, say, works};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Arguments of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this target
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Say which targets there are
    #[arg(long)]
    list: bool,
}

/// Runs the chosen targets; the first finding ends it, with the input left in `fuzz/artifacts`.
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
    tools_are_there()?;
    for target in &chosen {
        say!("fuzzing {target} for {} s", options.seconds);
        let mut command = Command::new("cargo");
        command
            .current_dir(&place.root)
            .args(["+nightly", "fuzz", "run", target, "--"]);
        command.arg(format!("-max_total_time={}", options.seconds));
        command
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO_TARGET_DIR");
        run(&mut command).with_context(|| {
            format!("{target} found something, or could not start; inputs are in fuzz/artifacts")
        })?;
    }
    println!(
        "{} targets, {} s each, nothing found",
        chosen.len(),
        options.seconds
    );
    Ok(())
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

fn tools_are_there() -> Result<()> {
    if !works(
        Command::new("rustc")
            .arg("+nightly")
            .arg("--version")
            .env_remove("RUSTUP_TOOLCHAIN"),
    ) {
        bail!(
            "fuzzing needs a nightly compiler for its sanitizers. By hand: rustup toolchain install \
             nightly"
        );
    }
    if on_path("cargo-fuzz").is_none() {
        bail!("fuzzing needs cargo-fuzz. By hand: cargo install cargo-fuzz --locked");
    }
    Ok(())
}
