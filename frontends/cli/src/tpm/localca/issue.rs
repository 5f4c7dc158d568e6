//! One certificate from the authority.

use super::authority::complete;
use super::options::{Authority, Order};
use super::serial;
use crate::tpm::cert;
use crate::tpm::report::Report;
use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// swtpm's name for it, and swtpm's kind of lock: both kinds of programs may share an authority.
const LOCK: &str = ".lock.swtpm-localca";

/// Issues what was ordered.
pub(super) fn issue(order: &Order, report: &mut Report) -> Result<()> {
    let authority = Authority::new(&order.authority)?;
    if authority.make_folder()? {
        report.say(&format!(
            "Creating swtpm-localca dir '{}'.",
            authority.state.display()
        ));
    }
    let serial = {
        let _lock = lock(&authority.state)?;
        complete(&authority, report)?;
        serial::next(&authority.serial)?
    };
    let out = order.directory.join(format!("{}.cert", order.kind));
    let mut options = order.options.clone();
    for (name, value) in [
        ("type", &*order.kind),
        ("out-cert", &*out.to_string_lossy()),
        ("signkey", &*authority.signing_key),
        ("issuercert", &*authority.certificate.to_string_lossy()),
        ("serial", &*serial),
    ] {
        options.push(format!("--{name}={value}"));
    }
    if !options.iter().any(|option| option.starts_with("--days")) {
        options.push("--days=-1".to_owned());
    }
    if let Some(password) = &authority.password {
        options.push(format!("--signkey-pwd=pass:{password}"));
    }
    let what = match order.kind.as_str() {
        "ek" => "EK",
        kind => kind,
    };
    cert::write(options).with_context(|| format!("Could not create {what} certificate locally"))?;
    report.say(&format!("Successfully created {what} certificate locally."));
    Ok(())
}

/// Waits until no other program works on the authority's files; ends with the file's end.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .open(&path)
        .with_context(|| format!("Could not open lockfile {}", path.display()))?;
    flock(&file, FlockOperation::LockExclusive)
        .with_context(|| format!("Could not lock {}", path.display()))?;
    Ok(file)
}
