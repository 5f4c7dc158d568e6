//! AES key wrap (RFC 3394, SP 800-38F's KW): keys of 16 or 32 bytes under a key of 16 or 32 bytes.
//!
//! ```text
//! A = a6 a6 a6 a6 a6 a6 a6 a6, R = the key in halves of 64 bits
//! six times, for each half:  A ‖ R = AES(A ‖ R), A ^= step number
//! wrapped = A ‖ R …
//! ```

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

use crate::{CryptoError, Secret, ct_eq};

/// How much longer a wrapped key is than the key, in bytes.
pub const OVERHEAD: usize = 8;

/// Section 2.2.3.1: the initial value that unwrapping must give back.
const INITIAL: Half = [0xa6; 8];

/// Passes over the key.
const PASSES: usize = 6;

type Half = [u8; 8];

/// Unwraps a key under a 128-bit key-encryption key into `key`, which has the key's length.
///
/// [`CryptoError::DataLength`] when `wrapped` is not 8 bytes longer than `key`, or `key` is not 16 or 32
/// bytes; [`CryptoError::Verification`] when it was altered or wrapped under another key; `key` is then
/// all zeros.
pub fn unwrap_128(
    encryption_key: &Secret<16>,
    wrapped: &[u8],
    key: &mut [u8],
) -> Result<(), CryptoError> {
    encryption_key.expose(|bytes| unwrap(&aes::Aes128Dec::new(bytes.into()), wrapped, key))
}

/// The same under a 256-bit key-encryption key.
pub fn unwrap_256(
    encryption_key: &Secret<32>,
    wrapped: &[u8],
    key: &mut [u8],
) -> Result<(), CryptoError> {
    encryption_key.expose(|bytes| unwrap(&aes::Aes256Dec::new(bytes.into()), wrapped, key))
}

/// Wraps a key of 16 or 32 bytes under a 128-bit key-encryption key.
///
/// [`CryptoError::DataLength`] for other lengths of `key`, and when `wrapped` is not 8 bytes longer.
pub fn wrap_128(
    encryption_key: &Secret<16>,
    key: &[u8],
    wrapped: &mut [u8],
) -> Result<(), CryptoError> {
    encryption_key.expose(|bytes| wrap(&aes::Aes128Enc::new(bytes.into()), key, wrapped))
}

/// The same under a 256-bit key-encryption key.
pub fn wrap_256(
    encryption_key: &Secret<32>,
    key: &[u8],
    wrapped: &mut [u8],
) -> Result<(), CryptoError> {
    encryption_key.expose(|bytes| wrap(&aes::Aes256Enc::new(bytes.into()), key, wrapped))
}

/// Section 2.2.1, on the indexed form's registers.
fn wrap<C: BlockCipherEncrypt<BlockSize = U16>>(
    cipher: &C,
    key: &[u8],
    wrapped: &mut [u8],
) -> Result<(), CryptoError> {
    let (check, halves) = open(key.len(), wrapped)?;
    halves.as_flattened_mut().copy_from_slice(key);
    *check = INITIAL;
    let mut step = 0u64;
    for _ in 0..PASSES {
        for half in halves.iter_mut() {
            step = step.wrapping_add(1);
            let mut block = join(check, half).into();
            cipher.encrypt_block(&mut block);
            split(&block.into(), check, half);
            count(check, step);
        }
    }
    Ok(())
}

/// Section 2.2.2.
fn unwrap<C: BlockCipherDecrypt<BlockSize = U16>>(
    cipher: &C,
    wrapped: &[u8],
    key: &mut [u8],
) -> Result<(), CryptoError> {
    let (Some((check, body)), Ok(halves)) = (wrapped.split_first_chunk(), halves_of(key)) else {
        return Err(CryptoError::DataLength);
    };
    if body.len() != halves.as_flattened().len() {
        return Err(CryptoError::DataLength);
    }
    let mut check = *check;
    halves.as_flattened_mut().copy_from_slice(body);
    let mut step = (PASSES as u64).wrapping_mul(halves.len() as u64);
    for _ in 0..PASSES {
        for half in halves.iter_mut().rev() {
            count(&mut check, step);
            step = step.wrapping_sub(1);
            let mut block = join(&check, half).into();
            cipher.decrypt_block(&mut block);
            split(&block.into(), &mut check, half);
        }
    }
    if ct_eq(&check, &INITIAL) {
        return Ok(());
    }
    halves.as_flattened_mut().zeroize();
    Err(CryptoError::Verification)
}

/// The first eight bytes and the rest in halves.
fn open(key_len: usize, wrapped: &mut [u8]) -> Result<(&mut Half, &mut [Half]), CryptoError> {
    let (check, body) = wrapped
        .split_first_chunk_mut()
        .ok_or(CryptoError::DataLength)?;
    if body.len() != key_len {
        return Err(CryptoError::DataLength);
    }
    Ok((check, halves_of(body)?))
}

fn halves_of(key: &mut [u8]) -> Result<&mut [Half], CryptoError> {
    match key.len() {
        16 | 32 => Ok(key.as_chunks_mut().0),
        _ => Err(CryptoError::DataLength),
    }
}

fn join(check: &Half, half: &Half) -> [u8; 16] {
    let joined = u128::from(u64::from_be_bytes(*check)) << 64;
    (joined | u128::from(u64::from_be_bytes(*half))).to_be_bytes()
}

fn split(block: &[u8; 16], check: &mut Half, half: &mut Half) {
    if let [first, second] = block.as_chunks().0 {
        (*check, *half) = (*first, *second);
    }
}

fn count(check: &mut Half, step: u64) {
    *check = (u64::from_be_bytes(*check) ^ step).to_be_bytes();
}
