//! Passwords in options: given directly, or from a descriptor, a file or a variable of the environment.

use crate::tpm::getopt::Given;
use anyhow::{Context, Result};
use std::fs;

/// The password of the key that signs.
pub(super) fn of_signing_key(given: &Given) -> Result<Option<Vec<u8>>> {
    match (given.get("signkey-pwd"), given.get("signkey-password")) {
        (Some(source), _) => read(source).map(Some),
        (None, Some(password)) => Ok(Some(password.as_bytes().to_vec())),
        (None, None) => Ok(None),
    }
}

/// `PASSWORD`, `pass:PASSWORD`, `fd:NUMBER`, `file:PATH`, `env:NAME`.
fn read(source: &str) -> Result<Vec<u8>> {
    let (kind, rest) = source.split_once(':').unwrap_or(("", source));
    // Every byte counts, a line's end too.
    let file = |path: &str| {
        fs::read(path).with_context(|| format!("Could not open password file for reading: {path}"))
    };
    match kind {
        "pass" => Ok(rest.as_bytes().to_vec()),
        "fd" => {
            let number: u32 = rest.parse().context("Bad file descriptor for password.")?;
            file(&format!("/proc/self/fd/{number}"))
        }
        "file" => file(rest),
        "env" => Ok(std::env::var_os(rest)
            .context("Could not get password from environment variable")?
            .into_encoded_bytes()),
        _ => Ok(source.as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_from_where_its_prefix_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "from a file").unwrap();
        let source = format!("file:{}", file.path().display());
        assert_eq!(read(&source).unwrap(), b"from a file");
        assert_eq!(read("pass:a:b").unwrap(), b"a:b");
        assert_eq!(read("plain").unwrap(), b"plain");
        assert_eq!(read("with:colon").unwrap(), b"with:colon");
        for wrong in ["fd:x", "fd:-1", "fd:999", "file:", "env:IRONROOT_NO_SUCH"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
