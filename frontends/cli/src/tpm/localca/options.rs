//! What `swtpm_localca` is told: by its options, by its configuration, by the file with more options.

use crate::tpm::configuration;
use crate::tpm::getopt::{Given, Known, flag, value};
use crate::tpm::places::{self, Place};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;

pub(super) const KNOWN: [Known; 18] = [
    value("type"),
    value("ek"),
    value("dir"),
    value("vmid"),
    value("optsfile"),
    value("configfile"),
    value("logfile"),
    value("tpm-spec-family"),
    value("tpm-spec-revision"),
    value("tpm-spec-level"),
    value("tpm-manufacturer"),
    value("tpm-model"),
    value("tpm-version"),
    flag("tpm2"),
    flag("allow-signing"),
    flag("decryption"),
    flag("version"),
    flag("help"),
];

/// Options that `swtpm_cert` has by the same name.
const HANDED_ON: [&str; 6] = [
    "tpm-manufacturer",
    "tpm-model",
    "tpm-version",
    "tpm-spec-family",
    "tpm-spec-revision",
    "tpm-spec-level",
];

/// One certificate, and the authority that is to issue it.
pub(super) struct Order {
    /// `ek` or `platform`.
    pub(super) kind: String,
    /// Options for `swtpm_cert` about the subject.
    pub(super) options: Vec<String>,
    pub(super) directory: PathBuf,
    pub(super) authority: Place,
}

/// Where an authority keeps what it needs.
pub(super) struct Authority {
    pub(super) state: PathBuf,
    pub(super) signing_key: String,
    pub(super) password: Option<String>,
    pub(super) certificate: PathBuf,
    pub(super) serial: PathBuf,
}

impl Order {
    pub(super) fn new(given: &Given) -> Result<Self> {
        if !given.has("tpm2") {
            bail!("Certificates are for TPM 2.0 only; --tpm2 is missing.");
        }
        let kind = match given.get("type") {
            Some(kind @ ("ek" | "platform")) => kind.to_owned(),
            Some(other) => bail!("Unknown certificate type '{other}'; it is 'ek' or 'platform'."),
            None => bail!("--type must be provided"),
        };
        let key = given.get("ek").context("--ek must be provided")?;
        let directory = given.get("dir").context("--dir must be provided")?;
        let mut options = Vec::new();
        let mut push = |name: &str, value: &str| {
            options.push(format!("--{name}={value}"));
        };
        push(
            "subject",
            &format!("CN={}", common_name(given.get("vmid").unwrap_or("unknown"))),
        );
        key_options(key, &mut push)?;
        for name in HANDED_ON {
            if let Some(value) = given.get(name) {
                push(name, value);
            }
        }
        for name in ["tpm2", "allow-signing", "decryption"] {
            if given.has(name) {
                options.push(format!("--{name}"));
            }
        }
        options.extend(more(given.get("optsfile"))?);
        Ok(Self {
            kind,
            options,
            directory: directory.into(),
            authority: Place::named_or(given.get("configfile"), "swtpm-localca.conf"),
        })
    }
}

/// An RSA modulus, or `x=…,y=…[,id=…]`.
fn key_options(key: &str, push: &mut impl FnMut(&str, &str)) -> Result<()> {
    if !key.contains('=') {
        push("modulus", key);
        return Ok(());
    }
    for part in key.split(',') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "x" => push("ecc-x", value),
            "y" => push("ecc-y", value),
            "id" => push("ecc-curveid", value),
            _ => bail!("'{part}' in --ek is not x=, y= or id="),
        }
    }
    Ok(())
}

/// What may stand in the name of a certificate without being taken for more than one name.
fn common_name(machine: &str) -> String {
    machine.replace([',', '+', '\\'], "_")
}

/// The words of the options file; what follows `#` at the start of a line is left out.
fn more(named: Option<&str>) -> Result<Vec<String>> {
    let place = Place::named_or(named, "swtpm-localca.options");
    let Some(text) = place.read("options file")? else {
        return Ok(DEFAULT_OPTIONS.map(str::to_owned).to_vec());
    };
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    Ok(lines
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect())
}

/// The platform, where no file describes it.
const DEFAULT_OPTIONS: [&str; 6] = [
    "--platform-manufacturer",
    "QEMU",
    "--platform-model",
    "QEMU",
    "--platform-version",
    "1",
];

impl Authority {
    /// From the configuration, or where there is none from nothing.
    pub(super) fn new(place: &Place) -> Result<Self> {
        let Some(text) = place.read("config file")? else {
            return Ok(Self::below(places::default_authority()));
        };
        let get = |name: &str| configuration::value(&text, name);
        let missing = |name: &str| {
            format!(
                "Missing '{name}' config value in config file {}.",
                place.path.display()
            )
        };
        let state = PathBuf::from(get("statedir").with_context(|| missing("statedir"))?);
        Ok(Self {
            signing_key: get("signingkey").with_context(|| missing("signingkey"))?,
            password: get("signingkey_password"),
            certificate: get("issuercert")
                .with_context(|| missing("issuercert"))?
                .into(),
            serial: get("certserial").map_or_else(|| state.join("certserial"), PathBuf::from),
            state,
        })
    }

    fn below(state: PathBuf) -> Self {
        Self {
            signing_key: state.join("signkey.pem").display().to_string(),
            password: None,
            certificate: state.join("issuercert.pem"),
            serial: state.join("certserial"),
            state,
        }
    }

    /// Makes the folder.
    pub(super) fn make_folder(&self) -> Result<bool> {
        if self.state.is_dir() {
            return Ok(false);
        }
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(&self.state)
            .with_context(|| format!("Could not create directory {}", self.state.display()))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_name() {
        assert_eq!(common_name("a b,c=+\"é"), "a b_c=_\"é");
    }

    #[test]
    fn keys_are_a_modulus_or_a_point() {
        let mut seen = Vec::new();
        let mut push = |name: &str, value: &str| seen.push(format!("{name} {value}"));
        key_options("abcd", &mut push).unwrap();
        key_options("x=1,y=2,id=secp384r1", &mut push).unwrap();
        assert!(key_options("z=1", &mut push).is_err());
        assert_eq!(
            seen,
            [
                "modulus abcd",
                "ecc-x 1",
                "ecc-y 2",
                "ecc-curveid secp384r1"
            ]
        );
    }
}
