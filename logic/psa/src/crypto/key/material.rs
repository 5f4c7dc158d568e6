//! Key material: up to [`MAX_KEY_LEN`] secret bytes and how many.

use ironroot_crypto::Secret;
use ironroot_psa_api::Error;

/// The longest key in bytes: an HMAC key of the longest block and a little more, so that a key that
/// must be hashed first (RFC 2104) works too.
pub(crate) const MAX_KEY_LEN: usize = 144;

/// The bytes of a key, and of its public part where that is known: computing it takes as long as signing,
/// so a key pair keeps it from the day it is made. Wiped when dropped.
pub(crate) struct Material {
    /// The key, then the public part.
    bytes: Secret<MAX_KEY_LEN>,
    len: usize,
    public_len: usize,
}

impl Material {
    /// `len` bytes that `fill` writes.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` for more than [`MAX_KEY_LEN`] bytes, and those of `fill`.
    pub(crate) fn fill(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut bytes = Secret::zeroed();
        bytes.expose_mut(|bytes: &mut [u8; MAX_KEY_LEN]| {
            fill(bytes.get_mut(..len).ok_or(Error::NotSupported)?)
        })?;
        Ok(Self {
            bytes,
            len,
            public_len: 0,
        })
    }

    /// A copy of `bytes`.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` for more than [`MAX_KEY_LEN`] bytes.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, Error> {
        Self::fill(bytes.len(), |own| {
            let place = own.get_mut(..bytes.len());
            place
                .ok_or(Error::CorruptionDetected)?
                .copy_from_slice(bytes);
            Ok(())
        })
    }

    /// A copy of a secret of 32 bytes.
    pub(crate) fn of_secret(secret: &Secret<32>) -> Self {
        let mut bytes = Secret::zeroed();
        bytes.expose_mut(|own: &mut [u8; MAX_KEY_LEN]| {
            secret.expose(|secret| {
                own.iter_mut()
                    .zip(secret)
                    .for_each(|(to, from)| *to = *from)
            });
        });
        Self {
            bytes,
            len: 32,
            public_len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Lets `f` read the bytes.
    pub(crate) fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.bytes
            .expose(|bytes| f(bytes.get(..self.len).unwrap_or(bytes)))
    }

    /// The bytes, if there are exactly `N`.
    pub(crate) fn secret<const N: usize>(&self) -> Option<Secret<N>> {
        self.expose(Secret::from_slice)
    }

    /// Adds one, the bytes being a big-endian number. False when it wraps.
    pub(crate) fn increment(&mut self) -> bool {
        let len = self.len;
        self.bytes.expose_mut(|bytes| {
            let mut carry = true;
            // Every byte is touched, whatever the value: the number is secret.
            for byte in bytes.iter_mut().take(len).rev() {
                let (sum, overflow) = byte.overflowing_add(u8::from(carry));
                *byte = sum;
                carry = overflow;
            }
            !carry
        })
    }

    /// The same with its public part.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` when both together are too long.
    pub(crate) fn with_public(mut self, public: &[u8]) -> Result<Self, Error> {
        let len = self.len;
        self.bytes.expose_mut(|bytes| {
            let rest = bytes.get_mut(len..).ok_or(Error::NotSupported)?;
            let place = rest.get_mut(..public.len());
            place.ok_or(Error::NotSupported)?.copy_from_slice(public);
            Ok::<(), Error>(())
        })?;
        self.public_len = public.len();
        Ok(self)
    }

    /// Lets `f` read the public part; empty if it is not known.
    pub(crate) fn expose_public<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let end = self.len.saturating_add(self.public_len);
        self.bytes
            .expose(|bytes| f(bytes.get(self.len..end).unwrap_or_default()))
    }

    /// Another copy; the only way to get one.
    pub(super) fn duplicate(&self) -> Self {
        Self {
            bytes: self.bytes.expose(|bytes| Secret::new(*bytes)),
            len: self.len,
            public_len: self.public_len,
        }
    }
}
