//! The workspace's crates as cargo sees them.

use crate::place::Place;
use crate::shell::{cargo, output};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Which wall a crate stands behind; from its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Logic,
    Port,
    /// An image for the device's processor.
    Device,
    /// What runs on the host as if it were a device.
    HostFirmware,
    Frontend,
    /// Tools, tests, benches, xtask.
    Proof,
}

/// One crate of ours.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// Folder in the checkout, `logic/codec`.
    pub(super) folder: String,
    pub(super) directory: PathBuf,
    pub(super) has_library: bool,
    description: Option<String>,
    /// Names of the crates of ours that it depends on, tests and build scripts aside.
    pub(super) imports: Vec<String>,
    /// Feature lists of its dependency on the device port.
    port_features: Vec<String>,
}

impl Package {
    pub(super) fn kind(&self) -> Kind {
        match self.folder.split('/').next() {
            Some("logic") => Kind::Logic,
            Some("ports") => Kind::Port,
            Some("firmware")
                if self.folder.starts_with("firmware/an521-")
                    || self.folder == "firmware/partition-runtime" =>
            {
                Kind::Device
            }
            Some("firmware") => Kind::HostFirmware,
            Some("frontends") => Kind::Frontend,
            _ => Kind::Proof,
        }
    }

    /// Which half of the machine a device image is for: the port's feature that it asks for.
    pub(super) fn half(&self) -> Option<&str> {
        (self.kind() == Kind::Device).then_some(())?;
        let mut asked = self.port_features.iter().map(|feature| &**feature);
        let through_runtime = || {
            self.imports
                .iter()
                .any(|name| name == "ironroot-partition-runtime")
                .then_some("partition")
        };
        asked
            .find(|feature| ["secure", "partition", "nonsecure"].contains(feature))
            .or_else(through_runtime)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    description: Option<String>,
    manifest_path: PathBuf,
    dependencies: Vec<RawDependency>,
    targets: Vec<RawTarget>,
}

#[derive(Deserialize)]
struct RawDependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Deserialize)]
struct RawTarget {
    kind: Vec<String>,
}

/// Asks cargo.
pub(super) fn read(place: &Place) -> Result<Vec<Package>> {
    let mut command = cargo(&place.root);
    command.args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Metadata =
        serde_json::from_str(&output(&mut command)?).context("cargo metadata's answer")?;
    metadata
        .packages
        .into_iter()
        .map(|raw| convert(&place.root, raw))
        .collect()
}

fn convert(root: &Path, raw: RawPackage) -> Result<Package> {
    let directory = raw
        .manifest_path
        .parent()
        .context("a manifest without folder")?
        .to_path_buf();
    let folder = directory
        .strip_prefix(root)
        .unwrap_or(&directory)
        .to_string_lossy()
        .into_owned();
    let normal = || {
        raw.dependencies
            .iter()
            .filter(|dependency| dependency.kind.is_none())
    };
    Ok(Package {
        imports: normal()
            .filter(|d| d.path.is_some())
            .map(|d| d.name.clone())
            .collect(),
        port_features: normal()
            .filter(|d| d.name == "ironroot-port-armv8m")
            .flat_map(|d| d.features.clone())
            .collect(),
        has_library: raw
            .targets
            .iter()
            .any(|target| target.kind.iter().any(|kind| kind.ends_with("lib"))),
        name: raw.name,
        description: raw.description,
        folder,
        directory,
    })
}

/// Every crate has a front page and says what it is.
pub(super) fn complete(packages: &[Package]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for package in packages {
        let description = package.description.as_deref().unwrap_or("");
        if description.len() < 15 {
            findings.push(format!(
                "{}: Cargo.toml says no description",
                package.folder
            ));
        }
        if !package.name.starts_with("ironroot-") {
            findings.push(format!(
                "{}: the name lacks the prefix ironroot-",
                package.folder
            ));
        }
        let page = std::fs::read_to_string(package.directory.join("README.md")).unwrap_or_default();
        if page.len() < 100 {
            findings.push(format!("{}: no README.md", package.folder));
        }
        let manifest = std::fs::read_to_string(package.directory.join("Cargo.toml"))?;
        if !manifest.contains("[lints]\nworkspace = true") {
            findings.push(format!(
                "{}: does not use the workspace's lints",
                package.folder
            ));
        }
    }
    Ok(findings)
}
