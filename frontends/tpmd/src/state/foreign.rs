//! Another program's state is recognised and left alone.

use anyhow::{Result, bail};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// Files that swtpm keeps in its directory, for TPM 2.0 and 1.2.
const SWTPM_FILES: [&str; 6] = [
    "tpm2-00.permall",
    "tpm2-00.volatilestate",
    "tpm2-00.savestate",
    "tpm-00.permall",
    "tpm-00.volatilestate",
    "tpm-00.savestate",
];

/// How swtpm's single-file ("linear") state begins.
const SWTPM_LINEAR: &[u8; 8] = b"swtpmlin";

/// Refuses a path that holds state of swtpm, or is no directory. Only looks.
pub(super) fn refuse(path: &Path) -> Result<()> {
    let shown = path.display();
    let Ok(status) = std::fs::metadata(path) else {
        return Ok(());
    };
    if status.is_dir() {
        let found = SWTPM_FILES
            .iter()
            .find(|name| path.join(name).symlink_metadata().is_ok());
        if let Some(name) = found {
            bail!(
                "{shown} holds swtpm's state ({name}). Ironroot does not read it and touched nothing; \
                 give another directory for a new TPM"
            );
        }
        return Ok(());
    }
    let readable = status.is_file() || status.file_type().is_block_device();
    let mut start = [0; 8];
    let read = readable
        && File::open(path)
            .and_then(|mut file| file.read_exact(&mut start))
            .is_ok();
    if read && &start == SWTPM_LINEAR {
        bail!(
            "{shown} is swtpm's state in one file. Ironroot does not read it and touched nothing; give \
             a directory for a new TPM"
        );
    }
    bail!("{shown} is not a directory");
}
