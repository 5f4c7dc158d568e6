//! The program that is the TPM: asked what it can do, started, spoken to.
//!
//! Any program that takes swtpm's options will do. Without a word from the user it is this program, by the
//! name of `swtpm`.

use anyhow::{Context, Result, anyhow, bail};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A TPM may look for primes for a while; one that says nothing for so long is dead.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest answer to a command (`TPM_PT_MAX_RESPONSE_SIZE` of any TPM).
const MAX_RESPONSE: usize = 65536;

const GET_INFO: u32 = 18;
const SHUTDOWN: u32 = 3;
/// Specification, and attributes.
const INFO_FLAGS: u64 = 1 | 2;

/// How the TPM's program is called.
pub(super) struct Program {
    /// `None`: this program.
    words: Option<Vec<String>>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => f.write_str(&words.join(" ")),
            None => f.write_str("swtpm"),
        }
    }
}

impl Program {
    pub(super) fn named_or_own(named: Option<&str>) -> Result<Self> {
        let Some(named) = named else {
            return Ok(Self { words: None });
        };
        let mut words: Vec<_> = named.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            bail!("--tpm names no program");
        }
        if words.len() == 1 {
            words.push("socket".to_owned());
        }
        Ok(Self { words: Some(words) })
    }

    fn command(&self) -> Result<Command> {
        let mut command = match &self.words {
            Some(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                command
            }
            None => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg0("swtpm").arg("socket");
                command
            }
        };
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// JSON that the program answers with.
    fn ask(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let answer = self
            .command()?
            .args(arguments)
            .output()
            .with_context(|| format!("Could not start swtpm '{self}'"))?;
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr);
            bail!(
                "swtpm '{self}' {}: {} {}",
                arguments.join(" "),
                answer.status,
                said.trim()
            );
        }
        serde_json::from_slice(&answer.stdout)
            .with_context(|| format!("swtpm '{self}' {} answered no JSON", arguments.join(" ")))
    }

    /// What the program can do.
    pub(super) fn capabilities(&self, options: &[&str]) -> Result<Vec<String>> {
        let answer = self.ask(&[options, &["--print-capabilities"]].concat())?;
        let features = answer["features"].as_array().cloned().unwrap_or_default();
        Ok(features
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect())
    }

    /// Names of the states that are in a place.
    pub(super) fn states(&self, uri: &str) -> Result<Vec<String>> {
        let answer = self.ask(&["--print-states", "--tpmstate", uri, "--tpm2"])?;
        let states = answer["states"].as_array().cloned().unwrap_or_default();
        Ok(states
            .iter()
            .filter_map(|state| state["name"].as_str().map(str::to_owned))
            .collect())
    }

    /// Starts the TPM on a state; it is ready for commands.
    pub(super) fn start(&self, uri: &str, key: Option<&str>) -> Result<Server> {
        let (commands, its_commands) = UnixStream::pair()?;
        let (control, its_control) = UnixStream::pair()?;
        for end in [&its_commands, &its_control] {
            // The program is to inherit them.
            fcntl_setfd(end, FdFlags::empty())?;
        }
        for end in [&commands, &control] {
            end.set_read_timeout(Some(PATIENCE))?;
            end.set_write_timeout(Some(PATIENCE))?;
        }
        let mut command = self.command()?;
        command.args([
            "--flags",
            "not-need-init,startup-clear",
            "--tpmstate",
            uri,
            "--tpm2",
        ]);
        if let Some(key) = key {
            command.args(["--key", key]);
        }
        command.arg("--server");
        command.arg(format!("type=tcp,fd={}", its_commands.as_raw_fd()));
        command.arg("--ctrl");
        command.arg(format!("type=unixio,clientfd={}", its_control.as_raw_fd()));
        let process = command
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("Could not start swtpm '{self}'"))?;
        Ok(Server {
            process,
            commands,
            control,
        })
    }
}

/// A running TPM. Ended when dropped.
pub(super) struct Server {
    process: Child,
    commands: UnixStream,
    control: UnixStream,
}

/// What a TPM says of itself, as certificates need it.
pub(super) struct Info {
    pub(super) family: String,
    pub(super) level: u64,
    pub(super) revision: u64,
    pub(super) manufacturer: String,
    pub(super) model: String,
    pub(super) version: String,
}

impl Server {
    /// Sends a command and gives the whole answer.
    pub(super) fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        self.exchange(command)
            .context("swtpm process terminated unexpectedly.")
    }

    fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        self.commands.write_all(command)?;
        let mut head = [0; 10];
        self.commands.read_exact(&mut head)?;
        let len = u32::from_be_bytes([head[2], head[3], head[4], head[5]]) as usize;
        if !(head.len()..=MAX_RESPONSE).contains(&len) {
            bail!("an answer of {len} bytes");
        }
        let mut answer = head.to_vec();
        answer.resize(len, 0);
        self.commands.read_exact(&mut answer[head.len()..])?;
        Ok(answer)
    }

    /// Asks the control channel what TPM this is.
    pub(super) fn info(&mut self) -> Result<Info> {
        let answer = self
            .get_info()
            .context("Could not get the TPM spec and attribute parameters.")?;
        let text = |group: &str, name: &str| {
            answer[group][name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("Could not find [{group}][{name}] in '{answer}'"))
        };
        let number = |name: &str| {
            answer["TPMSpecification"][name]
                .as_u64()
                .with_context(|| format!("Could not find [TPMSpecification][{name}] in '{answer}'"))
        };
        Ok(Info {
            family: text("TPMSpecification", "family")?,
            level: number("level")?,
            revision: number("revision")?,
            manufacturer: text("TPMAttributes", "manufacturer")?,
            model: text("TPMAttributes", "model")?,
            version: text("TPMAttributes", "version")?,
        })
    }

    fn get_info(&mut self) -> Result<serde_json::Value> {
        let offset_and_padding = [0; 8];
        let request = [
            &GET_INFO.to_be_bytes()[..],
            &INFO_FLAGS.to_be_bytes(),
            &offset_and_padding,
        ];
        self.control.write_all(&request.concat())?;
        let result = self.control_word()?;
        if result != 0 {
            bail!("the control channel answered {result:#x}");
        }
        let (_total, len) = (self.control_word()?, self.control_word()? as usize);
        if len > MAX_RESPONSE {
            bail!("an answer of {len} bytes");
        }
        let mut text = vec![0; len];
        self.control.read_exact(&mut text)?;
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(serde_json::from_slice(text)?)
    }

    fn control_word(&mut self) -> Result<u32> {
        let mut word = [0; 4];
        self.control.read_exact(&mut word)?;
        Ok(u32::from_be_bytes(word))
    }

    /// Ends the TPM in order.
    pub(super) fn stop(mut self) -> Result<()> {
        self.control.write_all(&SHUTDOWN.to_be_bytes())?;
        let result = self.control_word()?;
        if result != 0 {
            bail!("the TPM does not end: {result:#x}");
        }
        // Its end of the sockets is closed with it; a program that stays is ended by the drop.
        let mut rest = [0; 1];
        let _ = self.control.read(&mut rest);
        self.process
            .wait()
            .map(drop)
            .map_err(|error| anyhow!(error))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
