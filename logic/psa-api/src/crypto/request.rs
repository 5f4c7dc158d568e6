//! The packed first input of every Crypto call (`struct tfm_crypto_pack_iovec` on a 32-bit client).
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | key id |
//! | 4 | 4 | algorithm |
//! | 8 | 4 | operation handle |
//! | 12 | 4 | additional data length (multipart AEAD) |
//! | 16 | 4 | plaintext length (multipart AEAD) |
//! | 20 | 16 | nonce |
//! | 36 | 4 | nonce length |
//! | 40 | 2 | function number |
//! | 42 | 2 | derivation step |
//! | 44 | 4 | padding |
//! | 48 | 8 | derivation capacity (first 4 bytes) or integer |

use super::function::CryptoFunction;
use crate::key::{Algorithm, DerivationStep, KeyId};
use crate::wire;

/// Longest nonce a request can carry, in bytes (`TFM_CRYPTO_MAX_NONCE_LENGTH`).
pub const MAX_NONCE_LENGTH: usize = 16;

/// The parameters of a Crypto call that are not buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CryptoRequest {
    /// What is wanted.
    pub function: CryptoFunction,
    /// With which key.
    pub key: KeyId,
    /// With which algorithm.
    pub algorithm: Algorithm,
    /// In which multipart operation; zero for none.
    pub operation: u32,
    /// Length of all additional data in bytes (`AeadSetLengths`).
    pub additional_data_length: u32,
    /// Length of all plaintext in bytes (`AeadSetLengths`).
    pub plaintext_length: u32,
    nonce: [u8; MAX_NONCE_LENGTH],
    nonce_length: u8,
    /// What the input of a derivation is.
    pub step: DerivationStep,
    /// Integer input of a derivation; a capacity is its low half.
    pub value: u64,
}

impl CryptoRequest {
    /// Bytes on the wire.
    pub const SIZE: usize = 56;

    /// A request with everything else zero.
    #[must_use]
    pub const fn new(function: CryptoFunction) -> Self {
        Self {
            function,
            key: KeyId::NULL,
            algorithm: Algorithm::NONE,
            operation: 0,
            additional_data_length: 0,
            plaintext_length: 0,
            nonce: [0; MAX_NONCE_LENGTH],
            nonce_length: 0,
            step: DerivationStep(0),
            value: 0,
        }
    }

    /// The same with a key.
    #[must_use]
    pub const fn key(self, key: KeyId) -> Self {
        Self { key, ..self }
    }

    /// The same with an algorithm.
    #[must_use]
    pub const fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// The same in a multipart operation.
    #[must_use]
    pub const fn operation(self, operation: u32) -> Self {
        Self { operation, ..self }
    }

    /// The same for a derivation input of that kind.
    #[must_use]
    pub const fn step(self, step: DerivationStep) -> Self {
        Self { step, ..self }
    }

    /// The same with an integer input or a capacity.
    #[must_use]
    pub const fn value(self, value: u64) -> Self {
        Self { value, ..self }
    }

    /// The same with a nonce; nothing if that is longer than [`MAX_NONCE_LENGTH`].
    #[must_use]
    pub fn with_nonce(mut self, nonce: &[u8]) -> Option<Self> {
        self.nonce.get_mut(..nonce.len())?.copy_from_slice(nonce);
        self.nonce_length = u8::try_from(nonce.len()).ok()?;
        Some(self)
    }

    /// The nonce.
    #[must_use]
    pub fn nonce(&self) -> &[u8] {
        self.nonce
            .get(..usize::from(self.nonce_length))
            .unwrap_or(&[])
    }

    /// Derivation capacity in bytes (`KeyDerivationSetCapacity`).
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        (self.value & 0xffff_ffff) as u32
    }

    /// As it crosses the boundary.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        wire::put(&mut bytes, 0, &self.key.0.to_le_bytes());
        wire::put(&mut bytes, 4, &self.algorithm.0.to_le_bytes());
        wire::put(&mut bytes, 8, &self.operation.to_le_bytes());
        wire::put(&mut bytes, 12, &self.additional_data_length.to_le_bytes());
        wire::put(&mut bytes, 16, &self.plaintext_length.to_le_bytes());
        wire::put(&mut bytes, 20, &self.nonce);
        wire::put(&mut bytes, 36, &u32::from(self.nonce_length).to_le_bytes());
        wire::put(&mut bytes, 40, &self.function.code().to_le_bytes());
        wire::put(&mut bytes, 42, &self.step.0.to_le_bytes());
        wire::put(&mut bytes, 48, &self.value.to_le_bytes());
        bytes
    }

    /// From the wire; nothing when the function is unknown or the nonce too long. The padding is
    /// whatever the client's stack held and is not looked at.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let nonce_length = wire::u32_at(bytes, 36)?;
        if nonce_length > MAX_NONCE_LENGTH as u32 {
            return None;
        }
        Some(Self {
            function: CryptoFunction::from_code(wire::u16_at(bytes, 40)?)?,
            key: KeyId(wire::u32_at(bytes, 0)?),
            algorithm: Algorithm(wire::u32_at(bytes, 4)?),
            operation: wire::u32_at(bytes, 8)?,
            additional_data_length: wire::u32_at(bytes, 12)?,
            plaintext_length: wire::u32_at(bytes, 16)?,
            nonce: wire::array_at(bytes, 20)?,
            nonce_length: (nonce_length & 0xff) as u8,
            step: DerivationStep(wire::u16_at(bytes, 42)?),
            value: wire::u64_at(bytes, 48)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_survives_the_trip_with_all_fields() {
        for &function in CryptoFunction::ALL {
            let request = CryptoRequest {
                additional_data_length: 0x0102_0304,
                plaintext_length: 0x0506_0708,
                step: DerivationStep::INFO,
                value: 0x1122_3344_5566_7788,
                ..CryptoRequest::new(function)
                    .key(KeyId(9))
                    .algorithm(Algorithm::GCM)
                    .operation(0xdead_beef)
                    .with_nonce(&[7; 12])
                    .unwrap()
            };
            let bytes = request.to_bytes();
            assert_eq!(CryptoRequest::from_bytes(&bytes), Some(request));
            assert_eq!(request.nonce(), &[7; 12]);
            assert_eq!(request.capacity(), 0x5566_7788);
        }
    }

    #[test]
    fn fields_lie_where_a_32_bit_c_compiler_puts_them() {
        let request = CryptoRequest {
            value: u64::MAX,
            step: DerivationStep::SECRET,
            ..CryptoRequest::new(CryptoFunction::HashCompute)
                .key(KeyId(1))
                .with_nonce(&[2; 16])
                .unwrap()
        };
        let bytes = request.to_bytes();
        assert_eq!(&bytes[..4], &[1, 0, 0, 0]);
        assert_eq!(
            &bytes[20..40],
            &[2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 16, 0, 0, 0]
        );
        assert_eq!(&bytes[40..44], &[0, 3, 1, 1]);
        assert_eq!(&bytes[44..48], &[0; 4]);
        assert_eq!(&bytes[48..], &[0xff; 8]);
    }

    #[test]
    fn an_unknown_function_or_a_long_nonce_is_refused() {
        let good = CryptoRequest::new(CryptoFunction::AeadEncrypt).to_bytes();
        let mut bytes = good;
        bytes[40] = 0xff;
        assert_eq!(CryptoRequest::from_bytes(&bytes), None);
        for length in [17u32, 0x100, 0x1_0000, u32::MAX] {
            let mut bytes = good;
            bytes[36..40].copy_from_slice(&length.to_le_bytes());
            assert_eq!(CryptoRequest::from_bytes(&bytes), None);
        }
        assert_eq!(
            CryptoRequest::new(CryptoFunction::AeadEncrypt).with_nonce(&[0; 17]),
            None
        );
    }
}
