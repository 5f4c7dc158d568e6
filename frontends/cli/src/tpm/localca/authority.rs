//! An authority of one's own: a root, and below it the key that signs the certificates of TPMs.

use super::options::Authority;
use crate::image::pem;
use crate::tpm::cert::certificate::{Issuer, of_authority};
use crate::tpm::cert::name;
use crate::tpm::cert::signing_key::{SigningKey, new_rsa_pem};
use crate::tpm::report::Report;
use anyhow::{Context as _, Result, bail};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const ROOT_KEY: &str = "swtpm-localca-rootca-privkey.pem";
const ROOT_CERTIFICATE: &str = "swtpm-localca-rootca-cert.pem";
const ROOT_NAME: &str = "swtpm-localca-rootca";
const OWN_NAME: &str = "swtpm-localca";
/// The root's password comes by this variable, so that no list of processes shows it.
const ROOT_PASSWORD: &str = "SWTPM_ROOTCA_PASSWORD";

/// Readable for everybody.
const PUBLIC: u32 = 0o644;
/// Readable for the owner and the group.
const PRIVATE: u32 = 0o640;

/// Makes what is missing: nothing, the signing key below a root that is there, or both.
pub(super) fn complete(authority: &Authority, report: &mut Report) -> Result<()> {
    let key = Path::new(&authority.signing_key);
    if is_elsewhere(&authority.signing_key) {
        bail!(
            "Signing keys such as '{}' are not supported; a PEM file is.",
            authority.signing_key
        );
    }
    if key.exists() && authority.certificate.exists() {
        return Ok(());
    }
    report.say("Creating root CA and a local CA's signing key and issuer cert.");
    let root = root(&authority.state)?;
    let password = authority.password.as_deref().map(str::as_bytes);
    let text = new_rsa_pem(password)?;
    let own = SigningKey::from_pem(&text, password)?;
    let certificate = of_authority(OWN_NAME, &own, &root)?;
    write(key, &text, PRIVATE)?;
    write(
        &authority.certificate,
        &pem::encode("CERTIFICATE", &certificate),
        PUBLIC,
    )
}

/// Keys that are not in a file.
pub(super) fn is_elsewhere(key: &str) -> bool {
    key.starts_with("pkcs11:") || key.starts_with("tpmkey:")
}

fn root(folder: &Path) -> Result<Issuer> {
    let (key_path, certificate_path) = (folder.join(ROOT_KEY), folder.join(ROOT_CERTIFICATE));
    let password = std::env::var_os(ROOT_PASSWORD).map(std::ffi::OsString::into_encoded_bytes);
    if key_path.exists() && certificate_path.exists() {
        let key = SigningKey::from_pem(&fs::read_to_string(&key_path)?, password.as_deref())
            .with_context(|| format!("{}", key_path.display()))?;
        return Issuer::from_pem(&fs::read_to_string(&certificate_path)?, key)
            .with_context(|| format!("{}", certificate_path.display()));
    }
    let text = new_rsa_pem(password.as_deref())?;
    let read = || SigningKey::from_pem(&text, password.as_deref());
    let issuer = Issuer::root(name::common_name(ROOT_NAME), read()?)?;
    let certificate = of_authority(ROOT_NAME, &read()?, &issuer)?;
    write(&key_path, &text, PRIVATE)?;
    write(
        &certificate_path,
        &pem::encode("CERTIFICATE", &certificate),
        PUBLIC,
    )?;
    Ok(issuer)
}

/// A new file in place of the old one; whoever reads meanwhile sees the one or the other.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let unfinished = path.with_extension("new");
    let write = || {
        let _ = fs::remove_file(&unfinished);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("Could not write {}", path.display()))
}
