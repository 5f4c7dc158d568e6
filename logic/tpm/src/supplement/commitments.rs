//! Commitments (Part 1, annex C.2.3): ephemeral private numbers that Commit and EC_Ephemeral made and that Sign or
//! ZGen_2Phase use, once each. None of them is stored: each is derived again from a nonce and its number.

use crate::core::Core;
use crate::rc::{Rc, Result};
use crate::structures::Name;
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use ironroot_crypto::tpm::hash::HashAlgorithm;
use ironroot_crypto::tpm::kdf::kdfa;
use ironroot_crypto::wipe;

/// How many may be open (`TPM_PT_SPLIT_MAX`); one more takes the place of the oldest.
pub(crate) const MOST: u64 = 128;
/// The most bytes that a number is derived from, for any curve.
const LONGEST: usize = 80;

/// Which commitments are open.
pub(crate) struct Commitments {
    nonce: Secret<64>,
    /// The number of the next one; none is ever given twice before the nonce changes.
    next: u64,
    /// One bit for each of the last [`MOST`] numbers: not used yet.
    open: u128,
}

impl Default for Commitments {
    fn default() -> Self {
        Self {
            nonce: Secret::zeroed(),
            next: 0,
            open: 0,
        }
    }
}

impl Commitments {
    /// None is open.
    pub(super) fn random(drbg: &mut Drbg) -> Self {
        Self {
            nonce: drbg.secret(),
            ..Self::default()
        }
    }

    /// Opens the next one; gives what the caller is told of its number.
    pub(crate) fn add(&mut self) -> u16 {
        let number = self.next;
        self.open |= bit(number);
        self.next = self.next.wrapping_add(1);
        low(number)
    }

    /// Closes one.
    pub(crate) fn end(&mut self, count: u16) {
        if self.is_open(count) {
            self.open &= !bit(u64::from(count));
        }
    }

    /// Whether that one is open.
    pub(crate) fn is_open(&self, count: u16) -> bool {
        self.number(count).is_some()
    }

    /// The whole number of an open one: the latest that its place had.
    fn number(&self, count: u16) -> Option<u64> {
        if self.open & bit(u64::from(count)) == 0 {
            return None;
        }
        let last = self.next.wrapping_sub(1);
        let back = last.wrapping_sub(u64::from(count)) % MOST;
        let number = last.wrapping_sub(back);
        (low(number) == count).then_some(number)
    }

    /// The private number of a commitment, for this curve and, unless it is empty, this key.
    fn derive(&self, curve: Curve, number: u64, name: &Name) -> Result<EcScalar> {
        let mut bytes = [0; LONGEST];
        let out = bytes.get_mut(..curve.extra_bits_len()).ok_or(Rc::FAILURE)?;
        let bits = u32::try_from(out.len().saturating_mul(8)).map_err(|_| Rc::FAILURE)?;
        let mut context = [0; 10];
        let mut which = Output::new(&mut context);
        which.put(&number)?;
        which.put(&curve)?;
        let derived = self.nonce.expose(|nonce| {
            let hash = HashAlgorithm::Sha256;
            let label = b"ECDAA Commit";
            kdfa(
                hash,
                nonce,
                label,
                name.as_slice(),
                which.written(),
                bits,
                out,
            )
        });
        let scalar = derived.and_then(|()| EcScalar::from_extra_bits(curve, out));
        wipe(&mut bytes);
        scalar.map_err(|_| Rc::FAILURE)
    }
}

fn bit(number: u64) -> u128 {
    1 << (number % MOST)
}

/// The lower 16 bits: what callers know of a number.
fn low(number: u64) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

impl Marshal for Commitments {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        self.nonce.expose(|nonce| out.raw(nonce))?;
        out.put(&self.next)?;
        out.raw(&self.open.to_be_bytes())
    }
}

impl Unmarshal for Commitments {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let nonce = Secret::from_slice(input.take(64)?).ok_or(Rc::SIZE)?;
        let next = input.get()?;
        let open: [u8; 16] = input.take(16)?.try_into().map_err(|_| Rc::SIZE)?;
        Ok(Self {
            nonce,
            next,
            open: u128::from_be_bytes(open),
        })
    }
}

impl Core<'_> {
    /// The private number of the next commitment; nothing is open yet ([`Commitments::add`]).
    ///
    /// # Errors
    /// `FAILURE`
    pub(crate) fn next_commitment(&self, curve: Curve, name: &Name) -> Result<EcScalar> {
        let commitments = &self.supplement.live.commitments;
        commitments.derive(curve, commitments.next, name)
    }

    /// The private number of an open commitment. After its use: [`Core::end_commit`].
    ///
    /// # Errors
    /// `VALUE`: it is not open.
    pub(crate) fn commit_secret(&self, count: u16, curve: Curve, name: &Name) -> Result<EcScalar> {
        let commitments = &self.supplement.live.commitments;
        let number = commitments.number(count).ok_or(Rc::VALUE)?;
        commitments.derive(curve, number, name)
    }

    /// A commitment was used, and never will be again.
    pub(crate) fn end_commit(&mut self, count: u16) {
        self.supplement.live.commitments.end(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_128_are_open_and_an_older_one_is_not_taken_for_a_newer_one() {
        let mut commitments = Commitments::default();
        for number in 0..300u16 {
            assert_eq!(commitments.add(), number);
        }
        for number in 0..1000u16 {
            assert_eq!(commitments.is_open(number), (172..300).contains(&number));
        }
        commitments.end(200);
        assert!(!commitments.is_open(200));
        // 72 had the place of 200 before: it closes nothing.
        commitments.end(73);
        assert!(commitments.is_open(201));
        assert_eq!(commitments.number(299), Some(299));
    }

    #[test]
    fn numbers_go_on_where_the_told_sixteen_bits_begin_anew() {
        let mut commitments = Commitments {
            next: 0x1_ffff,
            ..Commitments::default()
        };
        assert_eq!(commitments.add(), 0xffff);
        assert_eq!(commitments.add(), 0);
        assert_eq!(commitments.number(0xffff), Some(0x1_ffff));
        assert_eq!(commitments.number(0), Some(0x2_0000));
        assert_eq!(commitments.number(1), None);
        assert_eq!(commitments.number(0xfffe), None);
        assert_eq!(commitments.number(128), None);
    }
}
