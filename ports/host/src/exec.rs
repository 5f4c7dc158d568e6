//! Running exactly the bytes that were verified.
//!
//! An executable named by a path can change between the check and the start. These bytes go from
//! memory into an anonymous file that is then sealed: nobody, the starter included, can change, grow
//! or shrink it any more, and it has no name that another process could open for writing.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::Command;

/// An executable in a sealed anonymous file.
#[derive(Debug)]
pub struct SealedProgram {
    file: File,
}

impl SealedProgram {
    /// Copies `executable` and seals the copy. `name` shows up in process lists.
    ///
    /// # Errors
    /// What the operating system says (no memory, no memfd).
    pub fn new(name: &str, executable: &[u8]) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(memfd_create(name, flags)?);
        file.write_all(executable)?;
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        fcntl_add_seals(&file, seals)?;
        if !fcntl_get_seals(&file)?.contains(seals) {
            return Err(io::Error::other("the program could not be sealed"));
        }
        Ok(Self { file })
    }

    /// A command that starts the program. It must be spawned while `self` lives.
    #[must_use]
    pub fn command(&self) -> Command {
        // The child has the same descriptors until it executes, so the number means the same to it;
        // being close-on-exec, the descriptor does not stay open in the program.
        Command::new(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn the_sealed_copy_runs() {
        let program = SealedProgram::new("true", &std::fs::read("/bin/echo").unwrap()).unwrap();
        let output = program
            .command()
            .arg("from a sealed file")
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"from a sealed file\n");
    }

    #[test]
    fn nobody_can_change_grow_or_cut_it() {
        let program = SealedProgram::new("sealed", b"\x7fELF and so on").unwrap();
        assert!(program.file.write_all_at(b"x", 0).is_err());
        assert!(program.file.set_len(1).is_err());
        assert!(program.file.set_len(100).is_err());
        assert!(fcntl_add_seals(&program.file, SealFlags::FUTURE_WRITE).is_err());
    }
}
