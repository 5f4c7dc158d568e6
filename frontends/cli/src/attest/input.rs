//! Files that the operator names: tokens in any of three spellings, and public keys.

use crate::image::shared::{from_hex, root_key};
use anyhow::{Context, bail};
use ironroot_crypto::ecdsa::P256PublicKey;
use ironroot_image::suites;
use std::io::Read;
use std::path::Path;

/// More than any token: a wrong file is refused before it is read whole.
const MAX_INPUT: u64 = 64 * 1024;

/// Length of an uncompressed P-256 point, which ends the key's DER encoding (RFC 5480).
const P256_POINT: usize = 65;

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(MAX_INPUT + 1)
            .read_to_end(&mut bytes)
            .context("standard input")?;
    } else {
        let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
        file.take(MAX_INPUT + 1)
            .read_to_end(&mut bytes)
            .with_context(|| path.display().to_string())?;
    }
    if bytes.len() as u64 > MAX_INPUT {
        bail!("{}: longer than {MAX_INPUT} bytes", path.display());
    }
    Ok(bytes)
}

/// A token's bytes. Raw ones are recognised by the COSE_Sign1 tag, which is no character of the others.
pub(super) fn token(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = read(path)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Ok(bytes);
    };
    let text: String = text.split_whitespace().collect();
    if text.is_empty() {
        bail!("{}: empty", path.display());
    }
    Ok(from_hex(&text).or_else(|| base64(&text)).unwrap_or(bytes))
}

/// Bytes of base64, standard or URL alphabet, padded or not (RFC 4648).
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if digits.len() % 4 == 1 || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0u32);
    for digit in digits.bytes() {
        bits = bits << 6 | u32::from(base64_digit(digit)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

fn base64_digit(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// A P-256 public key from a PEM or DER file, and its point.
pub(super) fn public_key(path: &Path) -> anyhow::Result<(P256PublicKey, Vec<u8>)> {
    let key = root_key(path)?;
    let is_p256 = key
        .suites
        .iter()
        .any(|suite| std::ptr::eq(*suite, &suites::P256_SHA256));
    let point = key
        .der
        .len()
        .checked_sub(P256_POINT)
        .and_then(|at| key.der.get(at..));
    let Some(point) = point.filter(|_| is_p256) else {
        bail!(
            "{}: a key for {}; attestation keys are P-256",
            path.display(),
            key.name
        );
    };
    let public = P256PublicKey::from_sec1(point)
        .map_err(|_| anyhow::anyhow!("{}: the point is not on the curve", path.display()))?;
    Ok((public, point.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_standard_is_read_with_and_without_padding() {
        // RFC 4648, section 10.
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(base64("-_-_"), base64("+/+/"));
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["Z", "Zm9vY", "Zm9*", "Z===", "Zm 9"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }
}
