//! `swtpm_cert`: certificates for keys in TPMs, for which nobody has to have the private key.

pub(super) mod certificate;
mod der;
pub(super) mod extensions;
mod help;
pub(super) mod name;
mod options;
mod password;
pub(super) mod signing_key;
pub(super) mod subject_key;

use super::getopt::{self, Dashes};
use super::tool::{self, Tool, VERSION};
use crate::image::pem;
use anyhow::{Context, Result};
use certificate::{Content, Issuer};
use options::{Job, Type};
use signing_key::SigningKey;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::ExitCode;

const TOOL: Tool = Tool {
    name: "swtpm_cert",
    title: "TPM certificate tool",
    help: help::TEXT,
    known: &options::KNOWN,
    dashes: Dashes::OneOrTwo,
};

/// Runs `swtpm_cert` with the arguments behind its name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let given = match TOOL.options(args) {
        Ok(given) => given,
        Err(ended) => return ended,
    };
    if given.has("print-capabilities") {
        println!(
            "{{ \"type\": \"swtpm_cert\", \"features\": [ \"cmdarg-signkey-pwd\", \"cmdarg-parentkey-pwd\" ], \
             \"version\": \"{VERSION}\" }}"
        );
        return ExitCode::SUCCESS;
    }
    match Job::new(&given).and_then(|job| job.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => tool::failed(&error),
    }
}

/// As `swtpm_cert` with these options.
pub(super) fn write(options: Vec<String>) -> Result<()> {
    let options = options.into_iter().map(OsString::from).collect();
    let given = getopt::parse(TOOL.known, TOOL.dashes, options)
        .map_err(|complaint| anyhow::anyhow!("{complaint}"))?;
    Job::new(&given)?.run()
}

impl Job {
    /// Writes the certificate.
    fn run(&self) -> Result<()> {
        let read =
            |path: &str| fs::read_to_string(path).with_context(|| format!("Could not read {path}"));
        let key = SigningKey::from_pem(&read(&self.signing_key)?, self.password.as_deref())
            .with_context(|| format!("Could not import signing key {}", self.signing_key))?;
        let issuer = Issuer::from_pem(&read(&self.issuer)?, key)
            .with_context(|| format!("Could not use issuer certificate {}", self.issuer))?;
        let certificate = self.issue(&issuer)?;
        let bytes = match self.pem {
            true => pem::encode("CERTIFICATE", &certificate).into_bytes(),
            false if self.header => with_header(&certificate)?,
            false => certificate,
        };
        let Some(path) = &self.out else {
            return Ok(std::io::stdout().write_all(&bytes)?);
        };
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(&bytes))
            .with_context(|| format!("Could not write the certificate to {path}"))
    }

    fn issue(&self, issuer: &Issuer) -> Result<Vec<u8>> {
        let (kind, authority) = (self.key.kind, &*issuer.key_identifier);
        let extensions = match &self.kind {
            Type::Ek { tpm, specification } => {
                extensions::of_ek(tpm, specification, self.usage, kind, authority)
            }
            Type::Platform(platform) => {
                extensions::of_platform(platform, self.usage, kind, authority)
            }
        };
        issuer.issue(&Content {
            serial: &self.serial,
            subject: &self.subject,
            key: &self.key,
            days: self.days,
            extensions: &extensions,
        })
    }
}

/// TCG_PCCLIENT_STORED_CERT before the certificate, as TPM 1.2 has it (PC Client Specific Implementation
/// Specification, section 7.4.1): tag, type "full", length, tag of the full certificate.
fn with_header(certificate: &[u8]) -> Result<Vec<u8>> {
    let len = u16::try_from(certificate.len() + 2).context("the certificate is too long")?;
    Ok([
        &[0x10, 0x01, 0x00],
        &len.to_be_bytes()[..],
        &[0x10, 0x02],
        certificate,
    ]
    .concat())
}
