//! The TPM's key derivation functions: KDFa, KDFe, KDF2, and MGF1.

use zeroize::Zeroize;

use super::hash::{Digest, HashAlgorithm, Hasher, Hmac};
use crate::CryptoError;
use crate::bytes::copy_prefix;

/// KDFa (TPM 2.0 Part 1, "KDFa()"; SP 800-108, counter mode): `bits` bits from a key.
///
/// `label` comes without its final zero byte, which is added here. `out` has the number of bytes that `bits`
/// fill, else [`CryptoError::DataLength`]; if they do not fill the first byte, its excess high bits are zero.
pub fn kdfa(
    algorithm: HashAlgorithm,
    key: &[u8],
    label: &[u8],
    context_u: &[u8],
    context_v: &[u8],
    bits: u32,
    out: &mut [u8],
) -> Result<(), CryptoError> {
    counter_mode(
        algorithm,
        bits,
        out,
        kdfa_block(algorithm, key, label, &[context_u, context_v], bits),
    )
}

/// KDFa for whole bytes, with the context in parts. Lengths are the caller's, and far below 2^29.
pub(super) fn kdfa_parts(
    algorithm: HashAlgorithm,
    key: &[u8],
    label: &[u8],
    context: &[&[u8]],
    out: &mut [u8],
) {
    let bits = u32::try_from(out.len()).unwrap_or(0).wrapping_mul(8);
    fill(
        algorithm,
        out,
        kdfa_block(algorithm, key, label, context, bits),
    );
}

/// K(i) = HMAC(key, i ‖ label ‖ 0 ‖ context ‖ bits).
fn kdfa_block(
    algorithm: HashAlgorithm,
    key: &[u8],
    label: &[u8],
    context: &[&[u8]],
    bits: u32,
) -> impl Fn(u32) -> Digest {
    let keyed = Hmac::new(algorithm, key);
    move |counter| {
        let mut mac = keyed.fork();
        for part in [&counter.to_be_bytes(), label, &[0]] {
            mac.update(part);
        }
        for part in context {
            mac.update(part);
        }
        mac.update(&bits.to_be_bytes());
        mac.finish()
    }
}

/// KDFe (TPM 2.0 Part 1, "KDFe for ECDH"; SP 800-56A, section 5.8.1): `bits` bits from a shared secret.
///
/// `label` and `out` as in [`kdfa`].
pub fn kdfe(
    algorithm: HashAlgorithm,
    z: &[u8],
    label: &[u8],
    party_u: &[u8],
    party_v: &[u8],
    bits: u32,
    out: &mut [u8],
) -> Result<(), CryptoError> {
    counter_mode(algorithm, bits, out, |counter| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&counter.to_be_bytes());
        for part in [z, label, &[0], party_u, party_v] {
            hasher.update(part);
        }
        hasher.finish()
    })
}

fn counter_mode(
    algorithm: HashAlgorithm,
    bits: u32,
    out: &mut [u8],
    block: impl Fn(u32) -> Digest,
) -> Result<(), CryptoError> {
    if out.len() != bits.div_ceil(8) as usize {
        return Err(CryptoError::DataLength);
    }
    fill(algorithm, out, block);
    let excess = bits.div_ceil(8).wrapping_mul(8).wrapping_sub(bits);
    if let Some(first) = out.first_mut() {
        *first &= 0xff_u8.checked_shr(excess).unwrap_or(0);
    }
    Ok(())
}

fn fill(algorithm: HashAlgorithm, out: &mut [u8], block: impl Fn(u32) -> Digest) {
    for (chunk, counter) in out.chunks_mut(algorithm.digest_len()).zip(1u32..) {
        let mut block = block(counter);
        copy_prefix(chunk, block.as_slice());
        block.zeroize();
    }
}

/// XORs with MGF1 (RFC 8017, appendix B.2.1).
pub fn mgf1_xor(algorithm: HashAlgorithm, seed: &[u8], data: &mut [u8]) {
    mask(algorithm, &[seed], 0, data);
}

/// XORs with KDF2 (IEEE 1363a-2004, section 13.2; ISO/IEC 18033-2, section 6.2.3) of a secret in parts, without other
/// parameters: MGF1 whose counter starts at one.
pub fn kdf2_xor(algorithm: HashAlgorithm, secret: &[&[u8]], data: &mut [u8]) {
    mask(algorithm, secret, 1, data);
}

/// XORs with H(seed ‖ counter) for counters from `first` on.
fn mask(algorithm: HashAlgorithm, seed: &[&[u8]], first: u32, data: &mut [u8]) {
    let mut seeded = Hasher::new(algorithm);
    for part in seed {
        seeded.update(part);
    }
    for (chunk, counter) in data.chunks_mut(algorithm.digest_len()).zip(first..) {
        let mut hasher = seeded.clone();
        hasher.update(&counter.to_be_bytes());
        let mut mask = hasher.finish();
        for (to, from) in chunk.iter_mut().zip(mask.as_slice()) {
            *to ^= *from;
        }
        mask.zeroize();
    }
}
