//! `swtpm_setup --print-capabilities`, which libvirt asks before it calls.

use super::options::rsa_sizes;
use super::server::Program;
use crate::tpm::getopt::Given;
use crate::tpm::tool::VERSION;
use anyhow::Result;

/// Options that came after swtpm 0.1.
const OPTIONS: [&str; 5] = [
    "cmdarg-keyfile-fd",
    "cmdarg-pwdfile-fd",
    "cmdarg-write-ek-cert-files",
    "cmdarg-create-config-files",
    "cmdarg-reconfigure-pcr-banks",
];

/// One line of JSON on standard output.
pub(super) fn print(given: &Given) -> Result<()> {
    let program = Program::named_or_own(given.get("tpm"))?;
    let mut features = Vec::new();
    if program
        .capabilities(&[])?
        .iter()
        .any(|name| name == "tpm-2.0")
    {
        features.push("tpm-2.0".to_owned());
    }
    features.extend(OPTIONS.map(str::to_owned));
    for bits in rsa_sizes(&program)? {
        features.push(format!("tpm2-rsa-keysize-{bits}"));
    }
    let features: Vec<_> = features.iter().map(|name| format!("\"{name}\"")).collect();
    println!(
        "{{ \"type\": \"swtpm_setup\", \"features\": [ {} ], \"version\": \"{VERSION}\" }}",
        features.join(", ")
    );
    Ok(())
}
