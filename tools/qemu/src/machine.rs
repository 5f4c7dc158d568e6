//! What is put on QEMU's command line, and why.

use crate::session::{Run, Session};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Size of the board's PSRAM, which QEMU wants to match the backing file exactly.
const PSRAM_SIZE: u64 = 16 * 1024 * 1024;

/// A file that stands for the board's flash.
#[derive(Debug, Clone)]
pub struct Flash {
    path: PathBuf,
}

impl Flash {
    /// A new, erased (all `0xff`) flash in `path`; what was there is lost.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let erased = vec![0xff; 1024 * 1024];
        let mut file = File::create(path)?;
        for _ in 0..PSRAM_SIZE / erased.len() as u64 {
            io::Write::write_all(&mut file, &erased)?;
        }
        Ok(Self { path: path.into() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// One machine, ready to be started any number of times.
#[derive(Debug, Clone)]
pub struct Qemu {
    program: PathBuf,
    kernel: PathBuf,
    flash: Option<PathBuf>,
    more: Vec<OsString>,
    deadline: Duration,
    echo: bool,
}

impl Qemu {
    /// An AN521 that starts `kernel` (an ELF file) with `flash` behind its PSRAM. The program is
    /// `$IRONROOT_QEMU` if set, else `qemu-system-arm` from the path.
    #[must_use]
    pub fn an521(kernel: impl AsRef<Path>, flash: impl AsRef<Path>) -> Self {
        let mut machine = Self::without_flash(kernel);
        machine.flash = Some(flash.as_ref().into());
        machine
    }

    /// The same with plain, volatile PSRAM.
    #[must_use]
    pub fn without_flash(kernel: impl AsRef<Path>) -> Self {
        Self {
            program: std::env::var_os("IRONROOT_QEMU")
                .map_or_else(|| "qemu-system-arm".into(), PathBuf::from),
            kernel: kernel.as_ref().into(),
            flash: None,
            more: Vec::new(),
            deadline: Duration::from_secs(60),
            echo: false,
        }
    }

    /// Stops the machine when this much host time has passed (60 s if not called).
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    /// Prints every console line as it comes, too.
    #[must_use]
    pub fn echo(mut self, echo: bool) -> Self {
        self.echo = echo;
        self
    }

    /// Ends QEMU where the machine would reset.
    #[must_use]
    pub fn no_reboot(self) -> Self {
        self.arg("-no-reboot")
    }

    /// Puts a 32-bit word into memory before each reset: how a test talks to the image.
    /// `address` is a physical one; use the secure alias for memory that is secure at reset.
    #[must_use]
    pub fn word(self, address: u32, value: u32) -> Self {
        self.arg("-device").arg(format!(
            "loader,addr={address:#x},data={value:#x},data-len=4"
        ))
    }

    /// Puts a file's bytes into memory before each reset.
    #[must_use]
    pub fn file(self, address: u32, path: &Path) -> Self {
        self.arg("-device").arg(format!(
            "loader,file={},addr={address:#x},force-raw=on",
            escape(&path.to_string_lossy())
        ))
    }

    /// Ties virtual time to executed instructions, 1 ns each: every run does the same.
    #[must_use]
    pub fn counted_time(self) -> Self {
        self.arg("-icount").arg("shift=0")
    }

    /// Adds an argument as it is.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.more.push(argument.into());
        self
    }

    /// The whole command, for showing it or for running it on a terminal.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "-machine",
            "mps2-an521",
            "-nographic",
            "-semihosting",
            "-kernel",
        ]);
        command.arg(&self.kernel);
        if let Some(flash) = &self.flash {
            command.arg("-object").arg(format!(
                "memory-backend-file,id=psram,size=16M,mem-path={},share=on",
                escape(&flash.to_string_lossy())
            ));
            command.args(["-machine", "mps2-an521,memory-backend=psram"]);
        }
        command.args(&self.more);
        command
    }

    /// Asks this QEMU for its version.
    #[must_use]
    pub fn version_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--version");
        command
    }

    /// Starts the machine and returns at once.
    ///
    /// # Errors
    /// When QEMU cannot be started, or the flash file has the wrong size (QEMU would grow it).
    pub fn start(&self) -> io::Result<Session> {
        if let Some(flash) = &self.flash {
            let length = std::fs::metadata(flash)
                .map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", flash.display()))
                })?
                .len();
            if length != PSRAM_SIZE {
                return Err(io::Error::other(format!(
                    "{} is {length} bytes; an AN521 flash file is {PSRAM_SIZE}",
                    flash.display()
                )));
            }
        }
        Session::start(self.command(), self.deadline, self.echo).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "cannot start {}: {error} (cargo xtask sets QEMU up)",
                    self.program.display()
                ),
            )
        })
    }

    /// Starts the machine and waits for its end or the deadline.
    ///
    /// # Errors
    /// As [`Qemu::start`].
    pub fn run(&self) -> io::Result<Run> {
        Ok(self.start()?.finish())
    }
}

/// In QEMU's option lists a comma is written twice.
fn escape(text: &str) -> String {
    text.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_path_does_not_end_the_option() {
        let command = Qemu::an521("a.elf", "odd,name").command();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        assert!(
            words
                .iter()
                .any(|word| word.contains("mem-path=odd,,name,share=on")),
            "{words:?}"
        );
    }

    #[test]
    fn a_flash_file_of_the_wrong_size_is_refused_before_qemu_can_change_it() {
        let path = std::env::temp_dir().join(format!("ironroot-qemu-{}", std::process::id()));
        std::fs::write(&path, b"short").unwrap();
        let refused = Qemu::an521("a.elf", &path)
            .start()
            .err()
            .map(|error| error.to_string());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 5);
        std::fs::remove_file(&path).unwrap();
        assert!(refused.unwrap().contains("16777216"));
    }
}
