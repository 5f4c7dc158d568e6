//! What libvirt asks before it starts anything: `--print-capabilities`, and `--print-states`.

use super::help::VERSION;
use std::path::Path;

/// Features by swtpm's names, `cmdarg-migration` from 0.8. Not among them: TPM 1.2 and state in one file.
const FEATURES: [&str; 9] = [
    "tpm-2.0",
    "tpm-send-command-header",
    "flags-opt-startup",
    "cmdarg-seccomp",
    "cmdarg-key-fd",
    "cmdarg-pwd-fd",
    "cmdarg-print-states",
    "nvram-backend-dir",
    "cmdarg-migration",
];
/// Of a TPM 2.0.
const RSA: [u32; 4] = [1024, 2048, 3072, 4096];

/// One line of JSON in swtpm's layout.
pub(super) fn json(tpm2: bool) -> String {
    let mut features: Vec<String> = FEATURES.iter().map(|name| format!("\"{name}\"")).collect();
    if tpm2 {
        features.extend(RSA.iter().map(|bits| format!("\"rsa-keysize-{bits}\"")));
    }
    format!(
        r#"{{ "type": "swtpm", "features": [ {} ], "version": "{VERSION}" }}"#,
        features.join(", ")
    )
}

/// Which kinds of state there are in a directory.
pub(super) fn states(directory: &Path) -> String {
    let states = match directory.join("tpm.state").metadata() {
        Ok(file) => format!(r#" {{"name": "permall", "size": {}}} "#, file.len()),
        Err(_) => String::new(),
    };
    format!(r#"{{ "type": "swtpm", "states": [{states}] }}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_json() {
        for text in [json(true), json(false), states(Path::new("/"))] {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["type"], "swtpm");
        }
        assert!(json(true).contains("rsa-keysize-2048"));
        assert!(!json(false).contains("rsa-keysize"));
    }
}
