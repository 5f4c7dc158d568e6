//! Names that the program is called by: through a link named `swtpm` it is swtpm, and so on.
//!
//! Programs of swtpm's take their own options and answer in their own way; they are compared with Debian's
//! in `docs/tpm-compatibility.md`.

use super::{cert, localca, setup, swtpm, swtpm_ioctl};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Takes the arguments behind the program's name.
type Program = fn(Vec<OsString>) -> ExitCode;

/// Every name but our own.
const PROGRAMS: [(&str, Program); 5] = [
    ("swtpm", swtpm::run),
    ("swtpm_setup", setup::run),
    ("swtpm_ioctl", swtpm_ioctl::run),
    ("swtpm_cert", cert::run),
    ("swtpm_localca", localca::run),
];

/// Runs the program that this one was called as; `None`: it was called by its own name.
pub(crate) fn called_by_name() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let called = PathBuf::from(arguments.next()?);
    let name = called.file_name()?;
    let (_, program) = PROGRAMS.iter().find(|(known, _)| *known == name)?;
    Some(program(arguments.collect()))
}

/// Options of `ironroot tpm install-links`.
#[derive(Args)]
pub(crate) struct InstallLinks {
    /// Where the links go; the directory is made if there is none
    directory: PathBuf,
}

impl InstallLinks {
    pub(super) fn run(self) -> Result<ExitCode> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        let directory = &self.directory;
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        for (name, _) in PROGRAMS {
            let link = directory.join(name);
            place(&program, &link)?;
            println!("{}", link.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes one link. A link that is there is replaced; a file that is not a link is another program.
fn place(program: &Path, link: &Path) -> Result<()> {
    let shown = link.display();
    match fs::symlink_metadata(link) {
        Ok(there) if there.is_symlink() => fs::remove_file(link)?,
        Ok(_) => bail!("{shown} is there and not a link; it is left alone"),
        Err(_) => {}
    }
    symlink(program, link).with_context(|| format!("cannot make {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_replaced_and_files_are_not() {
        let place_of_links = tempfile::tempdir().unwrap();
        let link = place_of_links.path().join("swtpm");
        place(Path::new("/one"), &link).unwrap();
        place(Path::new("/two"), &link).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("/two"));
        fs::remove_file(&link).unwrap();
        fs::write(&link, "precious").unwrap();
        assert!(place(Path::new("/three"), &link).is_err());
        assert_eq!(fs::read(&link).unwrap(), b"precious");
    }
}
