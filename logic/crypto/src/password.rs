//! Data under a password: PBES2 of PKCS#5 (RFC 8018), as encrypted PKCS#8 keys have it. For host tools.
//!
//! Read are PBKDF2 with SHA-2 and scrypt, with AES in CBC or GCM. Written is PBKDF2 with HMAC-SHA-256 and
//! AES-256-CBC, which every tool reads. CBC has no tag: a wrong password shows in the padding, or else in
//! what comes out being no key.

use pkcs5::EncryptionScheme;
use pkcs5::der::{Decode, Encode};
use pkcs5::pbes2::Parameters;

use crate::CryptoError;
use crate::drbg::Drbg;

/// Rounds of PBKDF2 for what is written: half a second of a workstation's core.
const ROUNDS: u32 = 600_000;

/// How much longer than the data the result can be, in bytes.
pub const MAX_PADDING: usize = 16;

/// The longest algorithm identifier that is written, in bytes.
pub const MAX_IDENTIFIER: usize = 128;

/// A key from a password: PBKDF2 (RFC 8018) with HMAC-SHA-512.
pub fn stretch(password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) {
    pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, salt, rounds, key);
}

/// Decrypts in place and gives the length. `identifier` is the DER of the AlgorithmIdentifier.
///
/// [`CryptoError::Encoding`] when it names no PBES2 that is supported, [`CryptoError::Verification`] for a
/// wrong password (mostly) or altered data.
pub fn open(identifier: &[u8], password: &[u8], data: &mut [u8]) -> Result<usize, CryptoError> {
    let scheme = EncryptionScheme::from_der(identifier).map_err(|_| CryptoError::Encoding)?;
    if scheme.pbes2().is_none() {
        return Err(CryptoError::Encoding);
    }
    scheme
        .decrypt_in_place(password, data)
        .map(|plain| plain.len())
        .map_err(|_| CryptoError::Verification)
}

/// Encrypts the first `len` bytes of `data`, which has [`MAX_PADDING`] bytes more, and gives the new length.
/// The DER of the AlgorithmIdentifier goes to the start of `identifier`, its length comes second.
///
/// [`CryptoError::DataLength`] when the room is not there.
pub fn seal(
    password: &[u8],
    drbg: &mut Drbg,
    data: &mut [u8],
    len: usize,
    identifier: &mut [u8; MAX_IDENTIFIER],
) -> Result<(usize, usize), CryptoError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    drbg.fill(&mut salt);
    drbg.fill(&mut iv);
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv)
        .map_err(|_| CryptoError::Encoding)?;
    let scheme = EncryptionScheme::from(parameters);
    let sealed = scheme
        .encrypt_in_place(password, data, len)
        .map_err(|_| CryptoError::DataLength)?
        .len();
    let written = scheme
        .encode_to_slice(identifier)
        .map_err(|_| CryptoError::Encoding)?;
    Ok((sealed, written.len()))
}
