//! swtpm's programs as processes: ours by links, or Debian's.

use ironroot_tests::tpm_client::{ironroot_tpm, over_unix};
use ironroot_tpm_client::Client;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whose program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Ours,
    Debians,
}

/// A folder with the links, a state, sockets; and daemons that end with it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            folder: TempDir::new().unwrap(),
        };
        let made = ironroot_tpm(&["install-links", &place.text("bin")]);
        assert!(made.status.success());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// One of swtpm's programs.
    pub(crate) fn program(&self, whose: Whose, name: &str) -> Command {
        match whose {
            Whose::Ours => Command::new(self.path("bin").join(name)),
            Whose::Debians => Command::new(name),
        }
    }

    /// `swtpm socket --tpm2` with its state in `state`, whose sockets and files begin with that name, too.
    pub(crate) fn socket(&self, whose: Whose, state: &str, more: &[&str]) -> Command {
        self.named(whose, state, state, more)
    }

    fn named(&self, whose: Whose, state: &str, name: &str, more: &[&str]) -> Command {
        let _ = std::fs::create_dir(self.path(state));
        let mut command = self.program(whose, "swtpm");
        command.args(["socket", "--tpm2", "--daemon", "--tpmstate"]);
        command.arg(format!("dir={}", self.text(state)));
        for (option, end) in [("--ctrl", "control"), ("--server", "data")] {
            let path = self.text(&format!("{name}.{end}"));
            command.arg(option).arg(format!("type=unixio,path={path}"));
        }
        for (option, end) in [("--pid", "pid"), ("--log", "log")] {
            let path = self.text(&format!("{name}.{end}"));
            command.arg(option).arg(format!("file={path}"));
        }
        command.args(more).stdin(Stdio::null());
        command
    }

    /// The same, at work when this returns.
    pub(crate) fn start(&self, whose: Whose, state: &str, more: &[&str]) -> Daemon<'_> {
        self.started(self.socket(whose, state, more), state)
    }

    /// One of ours on a state that another one has, too; its sockets and files begin with `name`.
    pub(crate) fn start_beside(&self, state: &str, name: &str, more: &[&str]) -> Daemon<'_> {
        self.started(self.named(Whose::Ours, state, name, more), name)
    }

    fn started(&self, command: Command, name: &str) -> Daemon<'_> {
        let output = run(command);
        assert!(output.status.success(), "{}", said(&output));
        let daemon = Daemon {
            place: self,
            name: name.to_owned(),
        };
        daemon.wait_for("control");
        daemon
    }
}

/// A daemon at work.
pub(crate) struct Daemon<'a> {
    place: &'a Place,
    name: String,
}

impl Daemon<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.place.path(&format!("{}.{name}", self.name))
    }

    fn wait_for(&self, name: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.file(name).exists() {
            assert!(Instant::now() < end, "no {name}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A client of the data channel.
    pub(crate) fn client(&self) -> Client {
        over_unix(&self.file("data"))
    }

    /// The control channel's socket.
    pub(crate) fn control(&self) -> String {
        self.file("control").to_str().unwrap().to_owned()
    }

    /// `swtpm_ioctl`.
    pub(crate) fn ioctl(&self, whose: Whose, arguments: &[&str]) -> Output {
        let mut command = self.place.program(whose, "swtpm_ioctl");
        command.args(["--unix", &self.control()]).args(arguments);
        run(command)
    }

    /// Our `swtpm_ioctl`, which must succeed.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let output = self.ioctl(Whose::Ours, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Our `swtpm_ioctl`, which must not succeed; what it said.
    pub(crate) fn refuses(&self, arguments: &[&str]) -> String {
        let output = self.ioctl(Whose::Ours, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What it wrote to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Ends it and waits until its number's file is gone.
    pub(crate) fn end(self) {
        self.ask(&["-s"]);
        let end = Instant::now() + Duration::from_secs(60);
        while self.file("pid").exists() {
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        if let Ok(number) = std::fs::read_to_string(self.file("pid")) {
            let _ = Command::new("kill").args(["-9", number.trim()]).status();
            let _ = std::fs::remove_file(self.file("pid"));
        }
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it starts")
}

/// What it said, wherever.
pub(crate) fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Whether a program is in the path.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder: PathBuf| is_file(&folder.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}
