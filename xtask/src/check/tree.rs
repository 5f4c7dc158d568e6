//! What may not be in any tracked file: paths of a machine, hosts of a package registry, private keys.

use crate::place::Place;
use crate::shell::output;
use anyhow::Result;
use std::process::Command;

/// Folders whose paths are the same on no two machines. Written in halves: this file is tracked too.
const MACHINE_FOLDERS: [&str; 6] = ["ho:me", "ro:ot", "wo:rk", "tm:p", "Us:ers", "op:t"];

/// Hosts that only a lock file, which cargo writes, may name.
const REGISTRY_HOSTS: [&str; 7] = [
    "index.crates:.io",
    "static.crates:.io",
    "py:pi.org",
    "python:hosted.org",
    "deb.deb:ian.org",
    "registry.npm:js.org",
    "arti:factory",
];

/// Findings as `file:line: text`.
pub(super) fn check(place: &Place) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let folders = MACHINE_FOLDERS.map(joined).join("|");
    // A word before the slash makes it a relative path, as in "src/home/…".
    findings.extend(grep(
        place,
        &format!(r"(^|[^A-Za-z0-9_.)>*-])/({folders})/[a-z]"),
    )?);
    let hosts = REGISTRY_HOSTS
        .map(|host| joined(host).replace('.', r"\."))
        .join("|");
    findings.extend(grep(place, &hosts)?);
    findings.extend(
        grep(place, &joined("-----BEGIN [A-Z ]*PRIV:ATE KEY"))?
            .into_iter()
            // Test vectors of standards and other tools come with their keys.
            .filter(|line| !line.contains("testdata/") && !line.contains("vectors/")),
    );
    findings.extend(files_that_must_not_be_tracked(place)?);
    Ok(findings)
}

fn joined(halves: &str) -> String {
    halves.replacen(':', "", 1)
}

fn grep(place: &Place, pattern: &str) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(&place.root)
        .args(["grep", "-nIE", "-e", pattern, "--", ".", ":!*.lock"]);
    let found = git.output()?;
    // git grep: 0 found, 1 nothing found.
    if found.status.code().is_none_or(|code| code > 1) {
        anyhow::bail!("git grep: {}", String::from_utf8_lossy(&found.stderr));
    }
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    Ok(text
        .lines()
        .map(|line| line.chars().take(160).collect())
        .collect())
}

fn files_that_must_not_be_tracked(place: &Place) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(&place.root)
        .args(["ls-files", "--", "target", ".venv", "*.flash", "*.key"]);
    let text = output(&mut git)?;
    Ok(text
        .lines()
        .map(|file| format!("{file}: must not be tracked"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_does_not_name_what_it_looks_for() {
        let own = include_str!("tree.rs");
        for host in REGISTRY_HOSTS.map(joined) {
            assert!(!own.contains(&host), "{host}");
        }
    }
}
