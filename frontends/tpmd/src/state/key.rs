//! Where the key of the state comes from.

use super::swtpm_key::SwtpmKey;
use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;

const MIN_LEN: usize = 16;
const MAX_LEN: usize = 4096;

/// `FILE`, `fd:N`, or `exec:CMD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file's content.
    File(PathBuf),
    /// What can be read from an open descriptor.
    Descriptor(u32),
    /// What a shell command prints.
    Command(String),
    /// As swtpm's options say.
    Swtpm(SwtpmKey),
}

impl FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("fd", number)) => number
                .parse()
                .map(Self::Descriptor)
                .map_err(|_| format!("`{number}` is not the number of a descriptor")),
            Some(("exec", "")) => Err("exec: wants a command".into()),
            Some(("exec", command)) => Ok(Self::Command(command.into())),
            _ if text.is_empty() => Err("the name of a file is wanted".into()),
            _ => Ok(Self::File(text.into())),
        }
    }
}

/// The key's bytes: all of them count, a newline at the end as well.
pub(crate) struct StateKey(pub(super) Vec<u8>);

impl StateKey {
    #[cfg(test)]
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for StateKey {
    fn drop(&mut self) {
        ironroot_crypto::wipe(&mut self.0);
    }
}

impl KeySource {
    /// Reads the key.
    ///
    /// # Errors
    /// What the operating system or the command says; a key of less than 16 or more than 4,096 bytes.
    pub(crate) fn read(&self) -> Result<StateKey> {
        let mut key = StateKey(Vec::with_capacity(MAX_LEN + 1));
        match self {
            Self::File(path) => take(
                &mut key,
                File::open(path)
                    .with_context(|| format!("cannot read the key {}", path.display()))?,
            )?,
            // Opening the name again reads from the same file, pipe or socket.
            Self::Descriptor(number) => take(
                &mut key,
                File::open(format!("/proc/self/fd/{number}"))
                    .with_context(|| format!("cannot read the key from descriptor {number}"))?,
            )?,
            Self::Command(command) => run(&mut key, command)?,
            Self::Swtpm(given) => return given.read(),
        }
        if !(MIN_LEN..=MAX_LEN).contains(&key.0.len()) {
            bail!(
                "a key has {MIN_LEN} to {MAX_LEN} random bytes, this one has {}: \
                 `head -c 32 /dev/urandom > FILE` makes one",
                key.0.len()
            );
        }
        Ok(key)
    }
}

fn take(key: &mut StateKey, from: impl std::io::Read) -> Result<()> {
    let limit = u64::try_from(MAX_LEN + 1)?;
    from.take(limit).read_to_end(&mut key.0)?;
    Ok(())
}

fn run(key: &mut StateKey, command: &str) -> Result<()> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run the command for the key")?;
    if let Some(output) = child.stdout.take() {
        take(key, output)?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the command for the key failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_files_and_commands_every_byte_of_them() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let file: KeySource = path.to_str().unwrap().parse().unwrap();
        assert_eq!(file.read().unwrap().bytes(), b"0123456789abcdef\n");
        let command: KeySource = "exec:printf 0123456789abcdef".parse().unwrap();
        assert_eq!(command.read().unwrap().bytes(), b"0123456789abcdef");
    }

    #[test]
    fn keys_too_short_too_long_or_not_there_are_refused() {
        let place = tempfile::tempdir().unwrap();
        for (len, fits) in [
            (0, false),
            (15, false),
            (16, true),
            (4096, true),
            (4097, false),
        ] {
            let path = place.path().join("key");
            std::fs::write(&path, vec![7; len]).unwrap();
            assert_eq!(KeySource::File(path).read().is_ok(), fits, "{len}");
        }
        for source in [
            "exec:false",
            "exec:printf 0123456789abcdef; exit 3",
            "fd:987",
            "/no/key",
        ] {
            assert!(
                source.parse::<KeySource>().unwrap().read().is_err(),
                "{source}"
            );
        }
        for text in ["", "fd:", "fd:x", "exec:"] {
            assert!(text.parse::<KeySource>().is_err(), "{text}");
        }
    }
}
