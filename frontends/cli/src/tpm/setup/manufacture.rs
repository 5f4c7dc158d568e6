//! The making of a TPM, step by step.

use super::certificates::request;
use super::commands::{ENDORSEMENT, OWNER};
use super::keys::{self, Row};
use super::options::{Existing, Plan};
use super::server::{Info, Server};
use super::{banks, keys::PLATFORM_CERTIFICATE};
use crate::tpm::report::Report;
use crate::tpm::user::User;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Makes the TPM that is planned, or leaves alone what is there.
pub(super) fn manufacture(plan: &Plan, report: &mut Report) -> Result<()> {
    let uri = plan.state.uri();
    if plan.existing != Existing::Reconfigure {
        let there = plan.program.states(&uri)?.into_iter().next();
        let there = there.or_else(|| plan.state.found().map(str::to_owned));
        match (there, plan.existing) {
            (None, _) => {}
            (Some(_), Existing::Keep) => {
                report.say("Not overwriting existing state file.");
                return Ok(());
            }
            (Some(_), Existing::Overwrite) => plan.state.clear()?,
            (Some(name), _) => bail!("Found existing TPM state '{name}'."),
        }
    }
    let what = match plan.existing {
        Existing::Reconfigure => "reconfiguration",
        _ => "manufacturing",
    };
    let user = User::current().name;
    let group = User::current_group();
    report.say(&format!(
        "Starting vTPM {what} as {user}:{group} @ {}",
        now()
    ));
    let made = author(plan, report);
    if let Err(error) = &made {
        report.wrong(&format!("{error:#}"));
        if plan.existing != Existing::Reconfigure {
            plan.state.clear()?;
        }
    }
    report.say(&format!("Ending vTPM {what} @ {}", now()));
    // What went wrong has been said.
    made.map_err(|_| anyhow::anyhow!("An error occurred. Authoring the TPM state failed."))
}

fn author(plan: &Plan, report: &mut Report) -> Result<()> {
    let mut server = plan.program.start(&plan.state.uri(), plan.key.as_deref())?;
    let done = author_with(plan, &mut server, report);
    match done {
        Ok(()) => server.stop().context("Could not end the TPM")?,
        Err(error) => return Err(error),
    }
    report.say("Successfully authored TPM state.");
    Ok(())
}

fn author_with(plan: &Plan, server: &mut Server, report: &mut Report) -> Result<()> {
    if plan.existing != Existing::Reconfigure {
        make_keys(plan, server, report)?;
    }
    if let Some(wanted) = &plan.banks {
        banks::activate(server, wanted, report)?;
    }
    server.shutdown()
}

fn make_keys(plan: &Plan, server: &mut Server, report: &mut Report) -> Result<()> {
    if plan.spk {
        let template = keys::storage(plan.ecc_spk, plan.rsa_bits)?;
        let (handle, _) = server.create_primary(OWNER, &template)?;
        server.persist(handle, keys::SPK_HANDLE)?;
        let handle = keys::SPK_HANDLE;
        report.say(&format!(
            "Successfully created storage primary key with handle {handle:#x}."
        ));
    }
    if !plan.ek {
        return Ok(());
    }
    let certified = plan.ek_certificate || plan.platform_certificate;
    let folder = certified.then(Folder::new).transpose()?;
    let mut issuing = match &folder {
        Some(folder) => Some(Issuing {
            info: server.info()?,
            folder: &folder.0,
            platform: plan.platform_certificate,
        }),
        None => None,
    };
    let (signing, decryption) = (plan.allow_signing, plan.decryption);
    let rsa_row = keys::rsa_row(plan.rsa_bits).context("no such RSA key")?;
    let rsa = keys::rsa_ek(plan.rsa_bits, signing, decryption)?;
    let ecc = keys::ecc_ek(signing, decryption)?;
    // One platform has one certificate, about its first key.
    for (row, template) in [(&rsa_row, &rsa), (&keys::ECC_ROW, &ecc)] {
        let key = endorsement_key(plan, server, row, template, report)?;
        if let Some(issuing) = &mut issuing {
            certify(plan, server, row, &key, issuing, report)?;
            issuing.platform = false;
        }
    }
    Ok(())
}

/// What certificates take besides keys.
struct Issuing<'a> {
    info: Info,
    folder: &'a Path,
    platform: bool,
}

/// Makes and keeps an endorsement key; gives it as certificates name it.
fn endorsement_key(
    plan: &Plan,
    server: &mut Server,
    row: &Row,
    template: &[u8],
    report: &mut Report,
) -> Result<String> {
    let (handle, public) = server
        .create_primary(ENDORSEMENT, template)
        .context("create_ek failed")?;
    server.persist(handle, row.handle)?;
    report.say(&format!(
        "Successfully created {} EK with handle {:#x}.",
        row.name, row.handle
    ));
    // Who finds no template takes the profile's.
    if plan.allow_signing {
        server.write_index(row.template, template, plan.lock_nvram)?;
        report.say(&format!(
            "Successfully created NVRAM area {:#x} for {} EK template.",
            row.template, row.name
        ));
    }
    keys::certified_key(&public)
}

fn certify(
    plan: &Plan,
    server: &mut Server,
    row: &Row,
    key: &str,
    issuing: &Issuing<'_>,
    report: &mut Report,
) -> Result<()> {
    let (info, folder) = (&issuing.info, issuing.folder);
    if plan.ek_certificate {
        let certificate = request(plan, "ek", key, info, folder, report)?;
        server.write_index(row.certificate, &certificate, plan.lock_nvram)?;
        report.say(&format!(
            "Successfully created NVRAM area {:#x} for {} EK certificate.",
            row.certificate, row.name
        ));
        if let Some(files) = &plan.certificate_files {
            let path = files.join(format!("ek-{}.crt", row.file));
            write_file(&path, &certificate)
                .with_context(|| format!("Could not write {}", path.display()))?;
        }
    }
    if issuing.platform {
        let certificate = request(plan, "platform", key, info, folder, report)?;
        server.write_index(PLATFORM_CERTIFICATE, &certificate, plan.lock_nvram)?;
        report.say(&format!(
            "Successfully created NVRAM area {PLATFORM_CERTIFICATE:#x} for platform certificate."
        ));
    }
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o640)
        .open(path)?;
    file.write_all(bytes)
}

/// A folder for the certificates, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).context("the operating system gives no random numbers")?;
        let name = format!("swtpm_setup.certs.{:016x}", u64::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .context("Could not create temporary directory for certs")?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The time, in UTC.
fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let whole = std::time::Duration::from_secs(seconds);
    der::DateTime::from_unix_duration(whole)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
