//! Where the TPM's state is: a directory, or one file.

use super::options::writable;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Files of a TPM's state in a directory: ours, and swtpm's for `--tpm` of another program.
const FILES: [&str; 5] = [
    "tpm.state",
    "tpm.state.new",
    "tpm2-00.permall",
    "tpm2-00.volatilestate",
    "tpm2-00.savestate",
];

/// A place for a TPM's state.
pub(super) enum State {
    Directory(PathBuf),
    File(PathBuf),
}

impl State {
    pub(super) fn new(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("file://") {
            let path = PathBuf::from(path);
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            if !path.exists() {
                writable(folder.unwrap_or(Path::new(".")))?;
            }
            return Ok(Self::File(path));
        }
        let path = PathBuf::from(text.strip_prefix("dir://").unwrap_or(text));
        writable(&path)?;
        Ok(Self::Directory(path))
    }

    /// As the TPM's programs take it.
    pub(super) fn uri(&self) -> String {
        match self {
            Self::Directory(path) => format!("backend-uri=dir://{}", path.display()),
            Self::File(path) => format!("backend-uri=file://{}", path.display()),
        }
    }

    /// A TPM that is there, this program's or another's: neither is overwritten because the other does not
    /// see it.
    pub(super) fn found(&self) -> Option<&'static str> {
        match self {
            Self::Directory(path) => FILES.into_iter().find(|name| path.join(name).exists()),
            Self::File(_) => None,
        }
    }

    /// Nothing is left of a TPM.
    pub(super) fn clear(&self) -> Result<()> {
        match self {
            Self::Directory(path) => {
                for name in FILES {
                    let file = path.join(name);
                    match fs::remove_file(&file) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            bail!("Could not remove {}: {error}", file.display());
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
            Self::File(path) => {
                let Ok(found) = fs::metadata(path) else {
                    return Ok(());
                };
                if !found.is_file() {
                    bail!("{} is a device; clear it by hand", path.display());
                }
                fs::File::create(path)
                    .map(drop)
                    .with_context(|| format!("Could not clear {}", path.display()))
            }
        }
    }
}
