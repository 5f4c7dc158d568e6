//! Keys as swtpm's options give them: raw, in hexadecimal digits, or a password that a key is made from.

use super::StateKey;
use crate::listen::inherited;
use anyhow::{Context as _, Result, bail};
use ironroot_crypto::password::stretch;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

/// More than this is no key and no password, in bytes.
const MOST: u64 = 4096;
/// What makes a guess at a password cost time. (swtpm has 1,000, or a single hash.)
const ROUNDS: u32 = 100_000;
/// Before the state is open there is nothing better to tell its password from another state's.
const SALT: &[u8] = b"ironroot swtpm password";

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file's content.
    File(PathBuf),
    /// What can be read from an inherited descriptor.
    Descriptor(i32),
}

/// How it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// Bytes.
    Binary,
    /// Two hexadecimal digits a byte; `0x` may stand before them, white space behind.
    Hexadecimal,
    /// A password; a newline at its end does not count.
    Password,
}

/// A key of swtpm's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwtpmKey {
    /// Where it is.
    pub place: KeyPlace,
    /// How it is written.
    pub form: KeyForm,
    /// Its length in bytes: 16 or 32.
    pub len: usize,
    /// Remove the file when it was read.
    pub remove: bool,
}

impl SwtpmKey {
    pub(super) fn read(&self) -> Result<StateKey> {
        let mut content = StateKey(Vec::with_capacity(usize::try_from(MOST)? + 1));
        let file = match &self.place {
            KeyPlace::File(path) => File::open(path)
                .with_context(|| format!("cannot read the key {}", path.display()))?,
            KeyPlace::Descriptor(number) => File::from(inherited(*number)?),
        };
        file.take(MOST + 1).read_to_end(&mut content.0)?;
        let key = self.parse(content.bytes())?;
        if let (true, KeyPlace::File(path)) = (self.remove, &self.place) {
            std::fs::remove_file(path)
                .with_context(|| format!("cannot remove the key {}", path.display()))?;
        }
        Ok(key)
    }

    fn parse(&self, content: &[u8]) -> Result<StateKey> {
        let mut key = StateKey(vec![0; self.len]);
        match self.form {
            KeyForm::Binary => match content.get(..self.len) {
                Some(bytes) => key.0.copy_from_slice(bytes),
                None => bail!(
                    "the key has {} bytes; {} are wanted",
                    content.len(),
                    self.len
                ),
            },
            KeyForm::Hexadecimal => {
                let digits = content
                    .strip_prefix(b"0x")
                    .unwrap_or(content)
                    .trim_ascii_end();
                let pairs = digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>();
                let bytes = StateKey(pairs.unwrap_or_default());
                if bytes.0.len() != self.len {
                    bail!(
                        "the key is not {} hexadecimal digits, as its mode wants",
                        self.len * 2
                    );
                }
                key.0.copy_from_slice(bytes.bytes());
            }
            KeyForm::Password => {
                let password = content.strip_suffix(b"\n").unwrap_or(content);
                if password.is_empty() || content.len() > usize::try_from(MOST)? {
                    bail!("the password is empty or too long");
                }
                stretch(password, SALT, ROUNDS, &mut key.0);
            }
        }
        Ok(key)
    }
}

fn pair(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    let whole = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    u8::from_str_radix(text, 16).ok().filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(form: KeyForm, content: &[u8]) -> Result<Vec<u8>> {
        let key = SwtpmKey {
            place: KeyPlace::Descriptor(-1),
            form,
            len: 16,
            remove: false,
        };
        key.parse(content).map(|key| key.bytes().to_vec())
    }

    #[test]
    fn digits_bytes_and_passwords_become_keys_and_nonsense_does_not() {
        let expected: Vec<u8> = (0..16).collect();
        let digits = b"000102030405060708090a0b0c0d0E0F";
        assert_eq!(key(KeyForm::Hexadecimal, digits).unwrap(), expected);
        let more = [&b"0x"[..], digits, b"\n"].concat();
        assert_eq!(key(KeyForm::Hexadecimal, &more).unwrap(), expected);
        assert_eq!(key(KeyForm::Binary, &expected).unwrap(), expected);
        for wrong in [&digits[..31], b"", b"zz", &[digits, &b"00"[..]].concat()] {
            assert!(key(KeyForm::Hexadecimal, wrong).is_err());
        }
        assert!(key(KeyForm::Binary, &expected[..15]).is_err());
        let password = key(KeyForm::Password, b"secret\n").unwrap();
        assert_eq!(password, key(KeyForm::Password, b"secret").unwrap());
        assert_ne!(password, key(KeyForm::Password, b"Secret").unwrap());
        assert!(key(KeyForm::Password, b"\n").is_err());
    }

    #[test]
    fn a_password_becomes_what_pbkdf2_makes_of_it_elsewhere() {
        // python3: hashlib.pbkdf2_hmac('sha512', b'secret', b'ironroot swtpm password', 100000, 16).hex()
        let expected = "aea9fc3eae9e2eb0b02a94e8614f376c";
        let key = key(KeyForm::Password, b"secret").unwrap();
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digits, expected);
    }
}
