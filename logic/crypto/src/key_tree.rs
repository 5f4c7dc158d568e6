//! One hardware key, many purposes.
//!
//! Every key of a device that is not random hangs under the hardware unique key (HUK):
//!
//! ```text
//! HUK ── HKDF-Extract (salt "ironroot key tree 1") ── root
//! root ── HKDF-Expand (length(purpose) ‖ purpose ‖ length(context) ‖ context) ── key
//! ```
//!
//! Lengths are 64 bits, big-endian, so no two (purpose, context) pairs give the same input. Keys of
//! different pairs tell nothing about one another or about the HUK.

use zeroize::Zeroize;

use crate::bytes::copy_prefix;
use crate::hash::HashAlgorithm;
use crate::kdf::{self, PseudorandomKey};
use crate::{CryptoError, Secret};

const SALT: &[u8] = b"ironroot key tree 1";
const ALGORITHM: HashAlgorithm = HashAlgorithm::Sha256;

/// The root of the tree. Keep this and wipe the HUK: the HUK cannot be computed back from it.
pub struct KeyTree {
    root: PseudorandomKey,
}

impl KeyTree {
    /// Makes the root from the HUK.
    pub fn new(huk: &Secret<32>) -> Self {
        Self {
            root: huk.expose(|huk| kdf::hkdf_extract(ALGORITHM, SALT, huk)),
        }
    }

    /// The key for a purpose ("vault", "attestation", …) and a context (client id, epoch, …).
    pub fn derive(&self, purpose: &[u8], context: &[u8]) -> Secret<32> {
        let lengths = [length_prefix(purpose), length_prefix(context)];
        let info = info_parts(&lengths, purpose, context);
        let mut block = self
            .root
            .expose(|root| kdf::expand_first(ALGORITHM, root, &info));
        let mut key = Secret::zeroed();
        key.expose_mut(|key| copy_prefix(key, block.as_slice()));
        block.zeroize();
        key
    }

    /// The same for other lengths: at most 8160 bytes, else [`CryptoError::DataLength`].
    ///
    /// A shorter key is a prefix of a longer one for the same purpose and context.
    pub fn derive_into(
        &self,
        purpose: &[u8],
        context: &[u8],
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        let lengths = [length_prefix(purpose), length_prefix(context)];
        let info = info_parts(&lengths, purpose, context);
        self.root
            .expose(|root| kdf::expand_parts(ALGORITHM, root, &info, out))
    }
}

/// The key for one purpose and context, straight from the HUK.
pub fn derive(huk: &Secret<32>, purpose: &[u8], context: &[u8]) -> Secret<32> {
    KeyTree::new(huk).derive(purpose, context)
}

fn length_prefix(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

fn info_parts<'a>(
    [purpose_len, context_len]: &'a [[u8; 8]; 2],
    purpose: &'a [u8],
    context: &'a [u8],
) -> [&'a [u8]; 4] {
    [purpose_len, purpose, context_len, context]
}
