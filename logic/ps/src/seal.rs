//! The key and the nonces.
//!
//! The key never leaves the Crypto service: it is derived there, for this partition's client id, and used
//! by its id. Should the service lose it, it is derived again.

use crate::object::{HEAD_LEN, NONCE_LEN};
use ironroot_client::Transport;
use ironroot_client::crypto::aead::{self, AeadParameters};
use ironroot_client::crypto::{derive, generate_random};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, KeyAttributes, KeyId, KeyType, Usage};

/// What the derived key is for; a new purpose gets a new text.
const PURPOSE: &[u8] = b"ironroot protected storage 1";

const PREFIX_LEN: usize = 8;

/// Seals and opens objects.
pub(crate) struct Sealer {
    key: Option<KeyId>,
    /// Random bytes of this start, and how many nonces were made with them.
    prefix: Option<([u8; PREFIX_LEN], u32)>,
}

impl Sealer {
    pub(crate) const fn new() -> Self {
        Self {
            key: None,
            prefix: None,
        }
    }

    /// Encrypts `data` into `sealed`; returns the nonce.
    pub(crate) fn seal<T: Transport>(
        &mut self,
        transport: &mut T,
        head: &[u8; HEAD_LEN],
        data: &[u8],
        sealed: &mut [u8],
    ) -> Result<[u8; NONCE_LEN], Error> {
        let nonce = self.next_nonce(transport)?;
        let written = self.with_key(transport, |transport, key| {
            aead::encrypt(transport, &parameters(key, &nonce, head), data, sealed)
        })?;
        if written == sealed.len() {
            Ok(nonce)
        } else {
            Err(Error::GenericError)
        }
    }

    /// Decrypts `sealed` into `data`. `InvalidSignature` if anything was changed.
    pub(crate) fn open<T: Transport>(
        &mut self,
        transport: &mut T,
        head: &[u8; HEAD_LEN],
        nonce: &[u8; NONCE_LEN],
        sealed: &[u8],
        data: &mut [u8],
    ) -> Result<(), Error> {
        let written = self.with_key(transport, |transport, key| {
            aead::decrypt(transport, &parameters(key, nonce, head), sealed, data)
        })?;
        if written == data.len() {
            Ok(())
        } else {
            Err(Error::GenericError)
        }
    }

    /// Derives the key if there is none.
    pub(crate) fn key<T: Transport>(&mut self, transport: &mut T) -> Result<KeyId, Error> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let usage = Usage::ENCRYPT.union(Usage::DECRYPT);
        let algorithm = Algorithm::CHACHA20_POLY1305;
        let attributes = KeyAttributes::volatile(KeyType::CHACHA20, 256, usage, algorithm);
        let key = derive::hkdf_key(transport, KeyId::BUILTIN_HUK, PURPOSE, &attributes);
        let key = key.map_err(as_ours)?;
        self.key = Some(key);
        Ok(key)
    }

    /// Once more with a fresh key when the service does not know the old one.
    fn with_key<T: Transport>(
        &mut self,
        transport: &mut T,
        mut work: impl FnMut(&mut T, KeyId) -> Result<usize, Error>,
    ) -> Result<usize, Error> {
        let key = self.key(transport)?;
        let result = match work(transport, key) {
            Err(Error::InvalidHandle) => {
                self.key = None;
                let key = self.key(transport)?;
                work(transport, key)
            }
            result => result,
        };
        result.map_err(as_ours)
    }

    /// Never the same twice under one key: the prefix is random at every start and after 2^32 nonces.
    fn next_nonce<T: Transport>(&mut self, transport: &mut T) -> Result<[u8; NONCE_LEN], Error> {
        let (prefix, count) = match self.prefix {
            Some((prefix, last)) if last < u32::MAX => (prefix, last.saturating_add(1)),
            _ => {
                let mut prefix = [0; PREFIX_LEN];
                generate_random(transport, &mut prefix).map_err(as_ours)?;
                (prefix, 0)
            }
        };
        self.prefix = Some((prefix, count));
        let [a, b, c, d, e, f, g, h] = prefix;
        let [i, j, k, l] = count.to_le_bytes();
        Ok([a, b, c, d, e, f, g, h, i, j, k, l])
    }
}

const fn parameters<'a>(
    key: KeyId,
    nonce: &'a [u8; NONCE_LEN],
    head: &'a [u8; HEAD_LEN],
) -> AeadParameters<'a> {
    let algorithm = Algorithm::CHACHA20_POLY1305;
    AeadParameters {
        key,
        algorithm,
        nonce,
        additional_data: head,
    }
}

/// Failures of the Crypto service that a client of ours can be told of.
const fn as_ours(error: Error) -> Error {
    match error {
        Error::InvalidSignature => Error::InvalidSignature,
        _ => Error::GenericError,
    }
}
