//! Which banks of PCRs are active.

use super::server::Server;
use crate::tpm::report::Report;
use anyhow::{Result, bail};

/// Hashes by the names that options have (TCG Algorithm Registry, section 6.10).
const HASHES: [(&str, u16); 8] = [
    ("sha1", 0x0004),
    ("sha256", 0x000b),
    ("sha384", 0x000c),
    ("sha512", 0x000d),
    ("sm3-256", 0x0012),
    ("sha3-256", 0x0027),
    ("sha3-384", 0x0028),
    ("sha3-512", 0x0029),
];

/// Activates the banks of a list such as `sha1,sha256` that the TPM has, and no other.
pub(super) fn activate(server: &mut Server, wanted: &str, report: &mut Report) -> Result<()> {
    let present = server.banks()?;
    let size_of = |hash: u16| present.iter().find(|(known, _)| *known == hash);
    let mut active: Vec<(&str, u16, u8)> = Vec::new();
    for name in wanted.split(',') {
        let Some((_, hash)) = HASHES.iter().find(|(known, _)| *known == name.trim()) else {
            continue;
        };
        let is_new = active.iter().all(|(_, known, _)| known != hash);
        if let Some((_, size)) = size_of(*hash).filter(|_| is_new) {
            active.push((name.trim(), *hash, *size));
        }
    }
    if active.is_empty() {
        bail!("No PCR banks could be allocated. None of the selected algorithms are supported.");
    }
    let mut banks: Vec<_> = active
        .iter()
        .map(|(_, hash, size)| (*hash, *size, true))
        .collect();
    for (hash, size) in &present {
        if active.iter().all(|(_, known, _)| known != hash) {
            banks.push((*hash, *size, false));
        }
    }
    server.allocate(&banks)?;
    let active: Vec<_> = active.iter().map(|(name, ..)| *name).collect();
    let all: Vec<_> = present.iter().map(|(hash, _)| name_of(*hash)).collect();
    report.say(&format!(
        "Successfully activated PCR banks {} among {}.",
        active.join(","),
        all.join(",")
    ));
    Ok(())
}

fn name_of(hash: u16) -> String {
    let known = HASHES.iter().find(|(_, known)| *known == hash);
    known.map_or_else(|| format!("{hash:#06x}"), |(name, _)| (*name).to_owned())
}
