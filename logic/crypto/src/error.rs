//! Why a cryptographic operation refused.

/// Why a cryptographic operation refused.
///
/// One enumeration for the whole crate, so that a caller translates once. The first four are
/// mistakes of the caller; `Verification` is the only one that judges the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CryptoError {
    /// The key has a length that the algorithm does not have.
    KeyLength,
    /// The nonce has a length that the algorithm does not have.
    NonceLength,
    /// The tag has a length that the algorithm does not have.
    TagLength,
    /// The message or the wanted output is longer (or shorter) than the algorithm allows.
    DataLength,
    /// The key has the right length but no valid value: zero, not below the order, not on the
    /// curve, of low order, or a modulus of the wrong form.
    InvalidKey,
    /// The bytes are not the one encoding that the format allows.
    Encoding,
    /// The tag, the MAC or the signature is not right for this key and message.
    Verification,
    /// The entropy source failed.
    Entropy,
    /// A result failed its own check: the hardware or the memory is at fault. Nothing was released.
    Corruption,
}
