//! One buffer for the calls that need a whole message at once.

use crate::SCRATCH_LEN;
use ironroot_crypto::Secret;
use ironroot_crypto::wipe;
use ironroot_psa_api::Error;

/// The buffer. What a call used of it is wiped when the call is done with it.
pub(crate) struct Scratch {
    bytes: Secret<SCRATCH_LEN>,
}

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: Secret::zeroed(),
        }
    }

    /// Lends `len` zeros to `f`.
    ///
    /// # Errors
    /// `INSUFFICIENT_MEMORY` when that is more than there is, and those of `f`.
    pub(crate) fn lend<R>(
        &mut self,
        len: usize,
        f: impl FnOnce(&mut [u8]) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.bytes.expose_mut(|bytes| {
            let lent = bytes.get_mut(..len).ok_or(Error::InsufficientMemory)?;
            let result = f(lent);
            wipe(lent);
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_wiped(scratch: &Scratch) -> bool {
        scratch
            .bytes
            .expose(|bytes| bytes.iter().all(|byte| *byte == 0))
    }

    #[test]
    fn what_was_lent_comes_back_wiped_whatever_happened() {
        let mut scratch = Scratch::new();
        for result in [Ok(()), Err(Error::InvalidSignature)] {
            let lent = scratch.lend(100, |bytes| {
                assert_eq!(bytes, [0; 100]);
                bytes.fill(7);
                result
            });
            assert_eq!(lent, result);
            assert!(is_wiped(&scratch));
        }
    }

    #[test]
    fn more_than_there_is_cannot_be_lent() {
        let mut scratch = Scratch::new();
        assert_eq!(scratch.lend(SCRATCH_LEN, |_| Ok(())), Ok(()));
        let too_much = scratch.lend(SCRATCH_LEN + 1, |_| Ok(()));
        assert_eq!(too_much, Err(Error::InsufficientMemory));
    }
}
