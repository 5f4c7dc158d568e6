//! Passwords of key files: asked for on the terminal, without showing them, or taken from the environment.

use super::key::generator;
use anyhow::{Context, bail};
use ironroot_crypto::{CryptoError, password, wipe};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};

/// For scripts, which have no terminal.
const VARIABLE: &str = "IRONROOT_KEY_PASSWORD";

/// A password, wiped when dropped.
pub(super) struct Password(Vec<u8>);

impl Password {
    /// For a key that is there.
    fn ask() -> anyhow::Result<Self> {
        match from_environment() {
            Some(password) => Ok(password),
            None => prompt("Password of the key: "),
        }
    }

    /// For a new key: asked for twice.
    pub(super) fn choose() -> anyhow::Result<Self> {
        if let Some(password) = from_environment() {
            return password.or_refuse_empty();
        }
        let first = prompt("Password for the key: ")?.or_refuse_empty()?;
        let again = prompt("Again: ")?;
        if first.0 != again.0 {
            bail!("the passwords differ; no key was made");
        }
        Ok(first)
    }

    fn or_refuse_empty(self) -> anyhow::Result<Self> {
        if self.0.is_empty() {
            bail!("an empty password protects nothing");
        }
        Ok(self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Decrypts a PKCS#8 key in place and gives its length.
pub(super) fn open(identifier: &[u8], data: &mut [u8]) -> anyhow::Result<usize> {
    let password = Password::ask()?;
    password::open(identifier, &password.0, data).map_err(|error| match error {
        CryptoError::Encoding => anyhow::anyhow!(
            "the key is under a password by a method that is not supported; `openssl pkcs8 -topk8 -v2 \
             aes-256-cbc` changes it"
        ),
        _ => anyhow::anyhow!("the password is wrong"),
    })
}

/// Encrypts a PKCS#8 key: the algorithm identifier and the data.
pub(super) fn seal(password: &[u8], der: &[u8]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let mut data = der.to_vec();
    data.resize(der.len() + password::MAX_PADDING, 0);
    let mut identifier = [0; password::MAX_IDENTIFIER];
    let (len, identifier_len) = password::seal(
        password,
        &mut generator()?,
        &mut data,
        der.len(),
        &mut identifier,
    )
    .map_err(|error| anyhow::anyhow!("the key cannot be encrypted: {error:?}"))?;
    data.truncate(len);
    Ok((identifier[..identifier_len].to_vec(), data))
}

fn from_environment() -> Option<Password> {
    let value = std::env::var_os(VARIABLE)?;
    Some(Password(value.into_encoded_bytes()))
}

fn prompt(words: &str) -> anyhow::Result<Password> {
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .with_context(|| {
            format!("the key is under a password, and there is no terminal to ask; set {VARIABLE}")
        })?;
    terminal.write_all(words.as_bytes())?;
    let hidden = Hidden::new(&terminal)?;
    let mut line = Vec::with_capacity(256);
    BufReader::new(&terminal).read_until(b'\n', &mut line)?;
    drop(hidden);
    terminal.write_all(b"\n")?;
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    Ok(Password(line))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden<'t> {
    terminal: &'t File,
    before: Termios,
}

impl<'t> Hidden<'t> {
    fn new(terminal: &'t File) -> anyhow::Result<Self> {
        let before = tcgetattr(terminal).context("the terminal cannot be set up")?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO;
        tcsetattr(terminal, OptionalActions::Flush, &quiet)
            .context("the terminal cannot be set up")?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
