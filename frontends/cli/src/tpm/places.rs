//! Where configuration is looked for: in the user's folder, then in `/etc`, as swtpm's programs do.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Configuration of the whole machine.
const SYSTEM: &str = "/etc";
/// The authority of the whole machine, where no file names one.
const SYSTEM_AUTHORITY: &str = "/var/lib/swtpm-localca";

/// A file that was named, or would be looked for.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    named: bool,
}

impl Place {
    /// The file that was named, else the first there is of `name` in the user's folder and the machine's.
    pub(crate) fn named_or(named: Option<&str>, name: &str) -> Self {
        let path = named.map(PathBuf::from);
        let path = path.unwrap_or_else(|| {
            let own = user_folder().map(|folder| folder.join(name));
            own.filter(|path| path.exists())
                .unwrap_or_else(|| Path::new(SYSTEM).join(name))
        });
        Self {
            path,
            named: named.is_some(),
        }
    }

    /// The text; `None`: nobody named a file, and there is none.
    pub(crate) fn read(&self, what: &str) -> Result<Option<String>> {
        if !self.named && !self.path.exists() {
            return Ok(None);
        }
        fs::read_to_string(&self.path)
            .map(Some)
            .with_context(|| format!("Cannot read {what} {}", self.path.display()))
    }
}

/// `$XDG_CONFIG_HOME`, or `.config` at home.
pub(crate) fn user_folder() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config")))
}

/// Where an authority goes that no configuration names: root's is the machine's, others have their own.
pub(crate) fn default_authority() -> PathBuf {
    let system = PathBuf::from(SYSTEM_AUTHORITY);
    // The folder of Debian's package belongs to the user that TPMs run as.
    let usable = rustix::fs::access(&system, rustix::fs::Access::WRITE_OK).is_ok();
    match user_folder() {
        Some(folder) if !usable && !rustix::process::getuid().is_root() => {
            folder.join("var/lib/swtpm-localca")
        }
        _ => system,
    }
}
