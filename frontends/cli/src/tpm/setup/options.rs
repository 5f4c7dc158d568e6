//! What `swtpm_setup` is told.

use super::server::Program;
use super::state::State;
use crate::tpm::configuration;
use crate::tpm::getopt::{Given, Known, flag, value};
use crate::tpm::places::Place;
use crate::tpm::report::Report;
use crate::tpm::user::User;
use anyhow::{Context, Result, bail};
use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};

pub(super) const KNOWN: [Known; 39] = [
    value("runas"),
    value("tpm-state"),
    // An alias of the one above.
    value("tpmstate"),
    value("tpm"),
    value("swtpm_ioctl"),
    flag("tpm2"),
    flag("createek"),
    flag("allow-signing"),
    flag("decryption"),
    flag("ecc"),
    flag("take-ownership"),
    value("ownerpass"),
    flag("owner-well-known"),
    value("srkpass"),
    flag("srk-well-known"),
    flag("create-ek-cert"),
    flag("create-platform-cert"),
    flag("create-spk"),
    flag("lock-nvram"),
    flag("display"),
    value("config"),
    value("logfile"),
    value("vmid"),
    value("keyfile"),
    value("keyfile-fd"),
    value("pwdfile"),
    value("pwdfile-fd"),
    value("cipher"),
    flag("overwrite"),
    flag("not-overwrite"),
    value("pcr-banks"),
    value("rsa-keysize"),
    value("write-ek-cert-files"),
    value("tcsd-system-ps-file"),
    flag("print-capabilities"),
    value("create-config-files"),
    flag("reconfigure"),
    flag("version"),
    flag("help"),
];

/// What is there already, and is not to be touched unless told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Refuse,
    Overwrite,
    Keep,
    Reconfigure,
}

/// One TPM to be made.
pub(super) struct Plan {
    pub(super) state: State,
    pub(super) program: Program,
    pub(super) existing: Existing,
    /// `--key …` for the TPM.
    pub(super) key: Option<String>,
    pub(super) spk: bool,
    pub(super) ecc_spk: bool,
    pub(super) ek: bool,
    pub(super) ek_certificate: bool,
    pub(super) platform_certificate: bool,
    pub(super) allow_signing: bool,
    pub(super) decryption: bool,
    pub(super) lock_nvram: bool,
    pub(super) rsa_bits: u16,
    /// `None`: all of them stay.
    pub(super) banks: Option<String>,
    pub(super) config: Place,
    pub(super) config_text: Option<String>,
    pub(super) vmid: Option<String>,
    pub(super) log: Option<String>,
    pub(super) certificate_files: Option<PathBuf>,
}

impl Plan {
    pub(super) fn new(given: &Given, place: &str, report: &mut Report) -> Result<Self> {
        if given.has("take-ownership") {
            bail!("Taking ownership is not supported for TPM 2.");
        }
        let state = State::new(place)?;
        let program = Program::named_or_own(given.get("tpm"))?;
        if !program
            .capabilities(&[])?
            .iter()
            .any(|name| name == "tpm-2.0")
        {
            bail!("swtpm at {program} does not support TPM 2");
        }
        let existing = existing(given);
        let config = Place::named_or(given.get("config"), "swtpm_setup.conf");
        let config_text = config.read("config file")?;
        let platform_certificate = given.has("create-platform-cert");
        let ek_certificate = given.has("create-ek-cert");
        let ek = given.has("createek") || ek_certificate || platform_certificate;
        if ek && existing == Existing::Reconfigure {
            bail!("Reconfiguration is not supported with creation of EK or certificates");
        }
        let files = given.get("write-ek-cert-files").map(PathBuf::from);
        if let Some(files) = &files {
            writable(files)?;
        }
        Ok(Self {
            rsa_bits: rsa_bits(given, &program)?,
            key: key(given, report)?,
            banks: banks(given, config_text.as_deref()),
            spk: given.has("create-spk"),
            ecc_spk: given.has("ecc"),
            allow_signing: given.has("allow-signing"),
            decryption: given.has("decryption"),
            lock_nvram: given.has("lock-nvram"),
            vmid: given.get("vmid").map(str::to_owned),
            log: given.get("logfile").map(str::to_owned),
            certificate_files: files,
            state,
            program,
            existing,
            ek,
            ek_certificate,
            platform_certificate,
            config,
            config_text,
        })
    }
}

fn existing(given: &Given) -> Existing {
    if given.has("reconfigure") {
        Existing::Reconfigure
    } else if given.has("not-overwrite") {
        Existing::Keep
    } else if given.has("overwrite") {
        Existing::Overwrite
    } else {
        Existing::Refuse
    }
}

/// Fails unless files can be read in this directory and made.
pub(super) fn writable(directory: &Path) -> Result<()> {
    let user = User::current().name;
    let shown = directory.display();
    if !directory.is_dir() {
        bail!(
            "User {user} cannot access directory {shown}. Make sure it exists and is a directory."
        );
    }
    for (rights, word) in [(Access::READ_OK, "read"), (Access::WRITE_OK, "write")] {
        if access(directory, rights).is_err() {
            bail!("Need {word} rights on directory {shown} for user {user}.");
        }
    }
    Ok(())
}

/// Sizes that the program says its TPM has, of 2048 bits and more.
pub(super) fn rsa_sizes(program: &Program) -> Result<Vec<u16>> {
    let features = program.capabilities(&["--tpm2"])?;
    let sizes = features
        .iter()
        .filter_map(|name| name.strip_prefix("rsa-keysize-")?.parse().ok())
        .filter(|bits| *bits >= 2048);
    Ok(sizes.collect())
}

fn rsa_bits(given: &Given, program: &Program) -> Result<u16> {
    let Some(text) = given.get("rsa-keysize") else {
        return Ok(2048);
    };
    let sizes = rsa_sizes(program)?;
    // The endorsement key's profile ends at 4096 bits.
    let usable = sizes
        .iter()
        .copied()
        .filter(|bits| super::keys::rsa_row(*bits).is_some());
    if text == "max" {
        return usable.max().context("the TPM has no RSA keys");
    }
    let bits: u16 = text.parse().unwrap_or(0);
    if super::keys::rsa_row(bits).is_none() {
        bail!("Unsupported RSA key size {text}.");
    }
    if !sizes.contains(&bits) {
        bail!("{bits} bit RSA keys are not supported by the TPM.");
    }
    Ok(bits)
}

/// What the TPM is told of the key that protects its state.
fn key(given: &Given, report: &mut Report) -> Result<Option<String>> {
    let mode = match given.get("cipher") {
        None | Some("aes-128-cbc" | "aes-cbc") => "aes-128-cbc",
        Some("aes-256-cbc") => "aes-256-cbc",
        Some(other) => bail!("Unsupported cipher {other}."),
    };
    for (option, word, what, how) in [
        ("keyfile", "file", "keyfile", "with a provided key"),
        ("keyfile-fd", "fd", "", "with a provided key (fd)"),
        (
            "pwdfile",
            "pwdfile",
            "passphrase file",
            "using a key derived from a passphrase",
        ),
        (
            "pwdfile-fd",
            "pwdfd",
            "",
            "using a key derived from a passphrase (fd)",
        ),
    ] {
        let Some(source) = given.get(option) else {
            continue;
        };
        if what.is_empty() {
            let number: Result<u32, _> = source.parse();
            number.with_context(|| format!("Invalid file descriptor '{source}'"))?;
        } else if access(source, Access::READ_OK).is_err() {
            bail!("User {} cannot read {what} {source}.", User::current().name);
        }
        report.say(&format!("  The TPM's state will be encrypted {how}."));
        return Ok(Some(format!("{word}={source},mode={mode}")));
    }
    Ok(None)
}

/// Banks that are to be active.
fn banks(given: &Given, config: Option<&str>) -> Option<String> {
    let named = given.get("pcr-banks").filter(|banks| !banks.is_empty());
    let banks = named
        .map(str::to_owned)
        .or_else(|| config.and_then(|text| configuration::value(text, "active_pcr_banks")));
    let banks = banks.unwrap_or_else(|| "sha256".to_owned());
    (banks != "-").then_some(banks)
}
