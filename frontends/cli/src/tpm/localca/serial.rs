//! Serial numbers: each certificate of an authority has one more than the last.

use super::authority::write;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// The first, where no number was kept: an authority's first certificate from swtpm has it, too.
const FIRST: &str = "2";

/// The next number, kept in the file before it is used. The caller holds the authority's lock.
pub(super) fn next(path: &Path) -> Result<String> {
    let number = match fs::read_to_string(path) {
        Ok(text) => after(text.trim()).with_context(|| {
            format!(
                "{} has no serial number in it: '{}'",
                path.display(),
                text.trim()
            )
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => FIRST.to_owned(),
        Err(error) => bail!("Cannot read {}: {error}", path.display()),
    };
    write(path, &number, 0o644)?;
    Ok(number)
}

/// The number after a decimal one.
fn after(number: &str) -> Option<String> {
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let kept = number.trim_end_matches('9');
    let nines = "0".repeat(number.len() - kept.len());
    let Some((last, head)) = kept.as_bytes().split_last() else {
        return Some(format!("1{nines}"));
    };
    let head = std::str::from_utf8(head).ok()?;
    Some(format!("{head}{}{nines}", char::from(last + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_is_one_more() {
        for (number, next) in [("0", "1"), ("9", "10"), ("99", "100"), ("1299", "1300")] {
            assert_eq!(after(number).as_deref(), Some(next));
        }
        let long = "730750818665451459101842416358141509827966271487";
        assert!(after(long).unwrap().ends_with("488"));
        for wrong in ["", "x", "1x", "-1"] {
            assert_eq!(after(wrong), None);
        }
    }

    #[test]
    fn a_file_that_holds_something_else_is_not_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certserial");
        assert_eq!(next(&path).unwrap(), "2");
        assert_eq!(next(&path).unwrap(), "3");
        fs::write(&path, "41\n").unwrap();
        assert_eq!(next(&path).unwrap(), "42");
        fs::write(&path, "lost").unwrap();
        assert!(next(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "lost");
    }
}
