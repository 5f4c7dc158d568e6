//! Key derivation: HKDF (RFC 5869) and the counter mode of SP 800-108.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::CryptoError;
use crate::bytes::copy_prefix;
use crate::hash::{Digest, HashAlgorithm, Running};
use crate::mac::{Hmac, HmacOver, HmacSha256};

/// The pseudorandom key between HKDF's two steps, wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PseudorandomKey {
    digest: Digest,
}

impl PseudorandomKey {
    /// Lets `f` read the key: as many bytes as the hash's digest.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.digest.as_slice())
    }
}

/// HKDF-Extract (RFC 5869, section 2.2). An empty salt stands for a digest's length of zeros.
pub fn hkdf_extract(algorithm: HashAlgorithm, salt: &[u8], ikm: &[u8]) -> PseudorandomKey {
    let mut mac = Hmac::new(algorithm, salt);
    mac.update(ikm);
    PseudorandomKey {
        digest: mac.finish(),
    }
}

/// HKDF-Expand (RFC 5869, section 2.3).
///
/// [`CryptoError::DataLength`] when more than 255 digests are wanted; `out` is untouched then.
pub fn hkdf_expand(
    algorithm: HashAlgorithm,
    pseudorandom_key: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    expand_parts(algorithm, pseudorandom_key, &[info], out)
}

/// HKDF: extract, then expand.
///
/// Errors as [`hkdf_expand`].
pub fn hkdf(
    algorithm: HashAlgorithm,
    salt: &[u8],
    ikm: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    hkdf_extract(algorithm, salt, ikm).expose(|prk| hkdf_expand(algorithm, prk, info, out))
}

/// HKDF with SHA-256 alone, for programs that must not carry the code of the other hashes.
///
/// Errors as [`hkdf_expand`].
pub fn hkdf_sha256(
    salt: &[u8],
    ikm: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let mut mac = HmacSha256::with_key(salt);
    mac.update(ikm);
    let prk = PseudorandomKey {
        digest: mac.finish(),
    };
    prk.expose(|prk| {
        let digest_len = HashAlgorithm::Sha256.digest_len();
        expand_keyed(&HmacSha256::with_key(prk), digest_len, &[info], out)
    })
}

/// HKDF-Expand with the info string given in parts, so that callers need no buffer to join them.
pub(crate) fn expand_parts(
    algorithm: HashAlgorithm,
    pseudorandom_key: &[u8],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let keyed = Hmac::new(algorithm, pseudorandom_key);
    expand_keyed(&keyed, algorithm.digest_len(), info, out)
}

fn expand_keyed<H: Running>(
    keyed: &HmacOver<H>,
    digest_len: usize,
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    if out.len().div_ceil(digest_len) > 255 {
        return Err(CryptoError::DataLength);
    }
    let mut previous = Digest::empty();
    for (chunk, counter) in out.chunks_mut(digest_len).zip(1u8..=255) {
        previous = expand_block(keyed.fork(), previous.as_slice(), info, counter);
        copy_prefix(chunk, previous.as_slice());
    }
    previous.zeroize();
    Ok(())
}

/// HKDF-Expand for exactly one digest of output: nothing in it can refuse.
pub(crate) fn expand_first(
    algorithm: HashAlgorithm,
    pseudorandom_key: &[u8],
    info: &[&[u8]],
) -> Digest {
    expand_block(Hmac::new(algorithm, pseudorandom_key), &[], info, 1)
}

/// T(counter) = HMAC(PRK, T(counter − 1) ‖ info ‖ counter).
fn expand_block<H: Running>(
    mut mac: HmacOver<H>,
    previous: &[u8],
    info: &[&[u8]],
    counter: u8,
) -> Digest {
    mac.update(previous);
    for part in info {
        mac.update(part);
    }
    mac.update(&[counter]);
    mac.finish()
}

/// KDF in counter mode with HMAC (SP 800-108 rev. 1, section 4.1).
///
/// The counter has 32 bits and comes first; the fixed input is `label`, a zero byte, `context`, and
/// the wanted length in bits as 32 bits, all big-endian. [`CryptoError::DataLength`] when that
/// length does not fit.
pub fn kbkdf(
    algorithm: HashAlgorithm,
    key: &[u8],
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let bits = out
        .len()
        .checked_mul(8)
        .and_then(|bits| u32::try_from(bits).ok());
    let bits = bits.ok_or(CryptoError::DataLength)?;
    let keyed = Hmac::new(algorithm, key);
    for (chunk, counter) in out.chunks_mut(algorithm.digest_len()).zip(1u32..) {
        let mut mac = keyed.fork();
        mac.update(&counter.to_be_bytes());
        mac.update(label);
        mac.update(&[0]);
        mac.update(context);
        mac.update(&bits.to_be_bytes());
        let mut block = mac.finish();
        copy_prefix(chunk, block.as_slice());
        block.zeroize();
    }
    Ok(())
}
