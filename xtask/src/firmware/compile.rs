//! Compiling one image so that two machines get the same bytes.

use crate::place::Place;
use crate::setup::DEVICE;
use crate::shell::{cargo, output, run, say, write_if_changed};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Calls cargo and the C compiler for the device.
pub(crate) struct Compiler<'a> {
    pub(crate) place: &'a Place,
    remap: String,
}

/// An ELF file where cargo left it; the next build of the same program overwrites it.
pub(crate) struct Built {
    elf: PathBuf,
}

impl Built {
    /// Keeps it.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<()> {
        write_if_changed(path, &std::fs::read(&self.elf)?)
    }
}

impl<'a> Compiler<'a> {
    /// Fetches the dependencies, so that all places to rename are known.
    pub(crate) fn new(place: &'a Place) -> Result<Self> {
        output(cargo(&place.root).args(["fetch", "--locked", "--quiet"]))
            .or_else(|_| output(cargo(&place.root).args(["fetch", "--quiet"])))?;
        Ok(Self {
            place,
            remap: remap(place)?,
        })
    }

    /// Builds the program of a package with its default features, and `variables` for its build script.
    pub(crate) fn image(
        &self,
        package: &str,
        program: &str,
        variables: &[(&str, &str)],
    ) -> Result<Built> {
        self.variant(package, program, &["default"], variables)
    }

    /// Builds the program of a package with these features and no others.
    pub(crate) fn variant(
        &self,
        package: &str,
        program: &str,
        features: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Built> {
        let mut command = cargo(&self.place.root);
        command.args(["--config", &self.remap]);
        command.args([
            "build",
            "--profile",
            profile(package),
            "--target",
            DEVICE,
            "-p",
            package,
        ]);
        if features != ["default"] {
            command.args(["--no-default-features", "--features", &features.join(",")]);
        }
        command.envs(variables.iter().copied());
        run(&mut command)?;
        Ok(Built {
            elf: self
                .place
                .target
                .join(DEVICE)
                .join(profile(package))
                .join(program),
        })
    }

    /// Builds a static library for the device.
    fn library(&self, package: &str, file: &str) -> Result<PathBuf> {
        let mut command = cargo(&self.place.root);
        command.args(["--config", &self.remap]);
        command.args([
            "build",
            "--profile",
            "firmware",
            "--target",
            DEVICE,
            "-p",
            package,
        ]);
        run(&mut command)?;
        Ok(self.place.target.join(DEVICE).join("firmware").join(file))
    }

    /// Runs the `build.sh` of a C program, which writes the file that `OUT` names.
    pub(crate) fn script(
        &self,
        folder: &Path,
        out: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Built> {
        let script = folder.join("build.sh");
        say!(
            "building {}",
            folder
                .strip_prefix(&self.place.root)
                .unwrap_or(folder)
                .display()
        );
        let mut command = Command::new("sh");
        command
            .arg(&script)
            .env("OUT", out)
            .envs(variables.iter().copied());
        run(&mut command)?;
        Ok(Built {
            elf: out.to_path_buf(),
        })
    }
}

/// The profile of cargo that a package's program is built with.
fn profile(package: &str) -> &'static str {
    match package {
        "ironroot-an521-tpm" => "firmware-small",
        _ => "firmware",
    }
}

/// A cargo setting that renames the places of this machine: the checkout, the sources of the
/// dependencies (whose folder names a registry), the target directory. Later ones win.
/// A setting adds to the list in `.cargo/config.toml`; `RUSTFLAGS` would replace it.
fn remap(place: &Place) -> Result<String> {
    let mut renames = vec![
        (cargo_home()?, "/cargo".to_owned()),
        (place.root.clone(), "/ironroot".to_owned()),
        (place.target.clone(), "/target".to_owned()),
    ];
    let sources = cargo_home()?.join("registry/src");
    for registry in std::fs::read_dir(&sources).into_iter().flatten().flatten() {
        renames.push((registry.path(), "/cargo".to_owned()));
    }
    let flags: Vec<_> = renames
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect();
    Ok(format!(
        "target.{DEVICE}.rustflags={}",
        serde_json::to_string(&flags)?
    ))
}

fn cargo_home() -> Result<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => Ok(home.into()),
        None => {
            Ok(PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo"))
        }
    }
}

/// The C application, if the checkout has one.
pub(super) fn build_c_application(compiler: &Compiler<'_>, directory: &Path) -> Result<bool> {
    let folder = compiler.place.root.join("firmware/an521-app-c");
    if !folder.join("build.sh").exists() {
        return Ok(false);
    }
    let library = compiler.library("ironroot-psa-c", "libironroot_psa_c.a")?;
    let out = directory.join("app-c.elf");
    let veneers = directory.join("veneers.o");
    compiler.script(
        &folder,
        &out,
        &[
            ("IRONROOT_VENEERS", &veneers.to_string_lossy()),
            ("IRONROOT_LIBRARY", &library.to_string_lossy()),
        ],
    )?;
    Ok(true)
}
