//! Who may import whom: the table of ARCHITECTURE.md against cargo's metadata.

use super::packages::{Kind, Package};
use anyhow::Result;

/// Logic crate, and the crates of ours that it may import. What is missing here may import nothing.
const LOGIC: &[(&str, &[&str])] = &[
    ("codec", &[]),
    ("platform", &[]),
    ("psa-api", &[]),
    ("crypto", &["codec", "platform"]),
    ("image", &["codec", "crypto"]),
    ("attest", &["codec", "crypto"]),
    ("boot", &["image", "crypto", "codec", "platform"]),
    ("vault", &["crypto", "codec", "platform"]),
    ("journal", &["crypto", "codec", "platform"]),
    (
        "recovery",
        &["boot", "image", "crypto", "codec", "platform"],
    ),
    ("spm", &["psa-api", "platform"]),
    (
        "psa",
        &[
            "psa-api", "spm", "vault", "attest", "boot", "image", "crypto", "codec", "platform",
        ],
    ),
    ("client", &["psa-api"]),
    ("partition", &["psa-api"]),
    ("ps", &["psa-api", "client", "partition", "codec"]),
    ("tpm", &["crypto", "codec", "platform"]),
];

/// The one port that logic may name, in a feature that is off by default: cryptography of others in a safe wrapping.
const ACCELERATED: (&str, &str) = ("logic/crypto", "ports/aws-lc");

/// What several images have in common.
const SHARED_FIRMWARE: [&str; 3] = [
    "firmware/an521-common",
    "firmware/partition-runtime",
    "firmware/demo-scenario",
];

/// Each import that the table does not allow.
pub(super) fn check(packages: &[Package]) -> Result<Vec<String>> {
    let folder_of = |name: &str| {
        packages
            .iter()
            .find(|package| package.name == name)
            .map_or("?", |package| &*package.folder)
    };
    let mut findings = Vec::new();
    for package in packages {
        for import in &package.imports {
            let to = folder_of(import);
            if !allowed(package, to) {
                findings.push(format!("{} may not import {to}", package.folder));
            }
        }
        if package.kind() == Kind::Logic && row(&package.folder).is_none() {
            findings.push(format!("{} is not in the import table", package.folder));
        }
    }
    Ok(findings)
}

fn row(folder: &str) -> Option<&'static [&'static str]> {
    let name = folder.strip_prefix("logic/")?;
    LOGIC
        .iter()
        .find(|(of, _)| *of == name)
        .map(|(_, may)| *may)
}

fn allowed(package: &Package, to: &str) -> bool {
    match package.kind() {
        Kind::Logic if (&*package.folder, to) == ACCELERATED => true,
        Kind::Logic => to
            .strip_prefix("logic/")
            .is_some_and(|name| row(&package.folder).is_some_and(|may| may.contains(&name))),
        Kind::Port => to == "logic/platform",
        Kind::Device => {
            to.starts_with("logic/") || to == "ports/armv8m" || SHARED_FIRMWARE.contains(&to)
        }
        Kind::HostFirmware => {
            to.starts_with("logic/") || to == "ports/host" || to == "firmware/demo-scenario"
        }
        // The C library is for the device too.
        Kind::Frontend if package.folder == "frontends/psa-c" => {
            [
                "logic/client",
                "logic/psa-api",
                "ports/host",
                "ports/armv8m",
            ]
            .contains(&to)
                || to.starts_with("firmware/host-")
        }
        Kind::Frontend => {
            to.starts_with("logic/")
                || to == "ports/host"
                || to.starts_with("frontends/")
                || to.starts_with("firmware/host-")
        }
        Kind::Proof => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The table that people read is the table that is checked.
    #[test]
    fn the_table_is_that_of_the_architecture_page() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
        let page = std::fs::read_to_string(page).unwrap();
        let mut seen = 0;
        for line in page.lines() {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, name, _, may, _] = cells[..] else {
                continue;
            };
            let Some(name) = name
                .strip_prefix("`logic/")
                .and_then(|n| n.strip_suffix('`'))
            else {
                continue;
            };
            let mut written: Vec<_> = may.split(", ").filter(|word| *word != "nothing").collect();
            let mut checked = row(&format!("logic/{name}")).unwrap().to_vec();
            written.sort_unstable();
            checked.sort_unstable();
            assert_eq!(written, checked, "logic/{name}");
            seen += 1;
        }
        assert_eq!(seen, LOGIC.len());
    }
}
