//! Errors of the layers below in the words of PSA.

use ironroot_crypto::CryptoError;
use ironroot_psa_api::Error;

/// What the cryptography crate says, for a service's caller.
pub(crate) fn from_crypto(error: CryptoError) -> Error {
    match error {
        CryptoError::KeyLength
        | CryptoError::NonceLength
        | CryptoError::TagLength
        | CryptoError::DataLength
        | CryptoError::InvalidKey
        | CryptoError::Encoding => Error::InvalidArgument,
        CryptoError::Verification => Error::InvalidSignature,
        CryptoError::Entropy => Error::InsufficientEntropy,
        CryptoError::Corruption => Error::CorruptionDetected,
    }
}
