//! Places of this machine in what is built: they would make two machines' images differ, and tell
//! strangers about the builder.

use crate::place::Place;
use anyhow::Result;
use std::path::Path;

/// Each ELF or binary file that names a directory of this machine.
pub(super) fn check(place: &Place, directory: &Path) -> Result<Vec<String>> {
    let mut needles = vec![
        place.root.clone(),
        place.target.clone(),
        place.sysroot.clone(),
    ];
    needles.extend(
        ["HOME", "CARGO_HOME"]
            .iter()
            .filter_map(std::env::var_os)
            .map(Into::into),
    );
    let needles: Vec<_> = needles
        .iter()
        .map(|path| format!("{}/", path.display()).into_bytes())
        .filter(|needle| needle.len() > 2)
        .collect();
    let mut findings = Vec::new();
    for entry in std::fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        let kind = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !["elf", "bin", "signed"].contains(&kind.as_str()) {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        for needle in &needles {
            if let Some(at) = find(&bytes, needle) {
                let end = (at + 100).min(bytes.len());
                let text = String::from_utf8_lossy(&bytes[at..end]);
                let text = text.split('\0').next().unwrap_or_default();
                findings.push(format!("{}: {text}", super::file_name(&path)));
                break;
            }
        }
    }
    Ok(findings)
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}
