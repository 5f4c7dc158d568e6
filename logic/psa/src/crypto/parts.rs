//! Hashes and MACs in parts: what their updates and their two ends, result and comparison, have in common.

use super::operation::Operation;
use super::{Call, Short, each_chunk};
use crate::store::Store;
use ironroot_crypto::ct_eq;
use ironroot_crypto::hash::Digest;
use ironroot_psa_api::Error;

/// Which operation a function works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Hash,
    MacSign,
    MacVerify,
}

/// The end of a hash or MAC: a digest, and how much of it counts. Wiped when dropped: whoever fails to know the right
/// MAC must not find it.
pub(crate) struct Outcome {
    pub(super) digest: Digest,
    pub(super) len: usize,
}

impl Outcome {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.digest.as_slice().get(..self.len).unwrap_or_default()
    }

    /// Compares in constant time and over the whole length: a shorter expectation is a wrong one.
    ///
    /// # Errors
    /// `INVALID_SIGNATURE`.
    pub(crate) fn compare(&self, expected: Option<&Short>) -> Result<(), Error> {
        let expected = expected.map(Short::as_slice).unwrap_or_default();
        if self.len != 0 && ct_eq(self.as_slice(), expected) {
            Ok(())
        } else {
            Err(Error::InvalidSignature)
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.digest.wipe();
    }
}

fn end(operation: Operation, part: Part) -> Result<Outcome, Error> {
    match operation {
        Operation::Hash(hasher) if part == Part::Hash => {
            let len = hasher.algorithm().digest_len();
            Ok(Outcome {
                digest: hasher.finish(),
                len,
            })
        }
        Operation::Mac(mac) if part == mac.purpose => Ok(mac.finish()),
        _ => Err(Error::BadState),
    }
}

/// `psa_hash_update`, or `psa_mac_update` with either MAC part.
pub(crate) fn update(call: &mut Call<'_, '_, impl Store>, part: Part) -> Result<(), Error> {
    call.step(|operation, message| {
        match operation {
            Operation::Hash(hasher) if part == Part::Hash => {
                each_chunk(message, 1, &mut |chunk| hasher.update(chunk));
            }
            Operation::Mac(mac) if part != Part::Hash => {
                each_chunk(message, 1, &mut |chunk| mac.update(chunk));
            }
            _ => return Err(Error::BadState),
        }
        Ok(())
    })
}

/// `psa_hash_finish`, `psa_mac_sign_finish`.
pub(crate) fn finish(call: &mut Call<'_, '_, impl Store>, part: Part) -> Result<(), Error> {
    let room = call.message.out_len(1);
    let outcome = call.finish(|operation| {
        let outcome = end(operation, part)?;
        if outcome.len > room {
            Err(Error::BufferTooSmall)
        } else {
            Ok(outcome)
        }
    })?;
    call.write(1, outcome.as_slice())
}

/// `psa_hash_verify`, `psa_mac_verify_finish`.
pub(crate) fn verify(call: &mut Call<'_, '_, impl Store>, part: Part) -> Result<(), Error> {
    let expected = call.read_digest(1);
    call.finish(|operation| end(operation, part)?.compare(expected.as_ref()))
}
