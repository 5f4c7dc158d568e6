//! `TPML_PCR_SELECTION` (Part 2, section 10.9.7).

use crate::profile::MAX_BANKS;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// Bytes of a selection: 24 PCRs.
const SELECT_LEN: usize = 3;

/// Some PCRs of one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PcrSelection {
    /// The bank.
    pub(crate) hash: HashAlgorithm,
    /// Bit n stands for PCR n, 0 to 23.
    pub(crate) bits: u32,
}

/// Selections, at most one for each of the banks that can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PcrSelections {
    count: usize,
    list: [Option<PcrSelection>; MAX_BANKS],
}

impl PcrSelections {
    /// The selections, in the order given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PcrSelection> + '_ {
        self.list.iter().take(self.count).flatten().copied()
    }

    /// Adds one; `false` if there is no room.
    pub(crate) fn push(&mut self, selection: PcrSelection) -> bool {
        let Some(free) = self.list.get_mut(self.count) else {
            return false;
        };
        *free = Some(selection);
        self.count = self.count.saturating_add(1);
        true
    }
}

impl Unmarshal for PcrSelections {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let count = input.get::<u32>()?;
        // The count is judged before what it counts.
        if !usize::try_from(count).is_ok_and(|count| count <= MAX_BANKS) {
            return Err(Rc::SIZE);
        }
        let mut all = Self::default();
        for _ in 0..count {
            all.push(input.get()?);
        }
        Ok(all)
    }
}

/// Fewer or more than 3 bytes of selection, or a PCR beyond 23, are `VALUE`.
impl Unmarshal for PcrSelection {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let hash = input.get()?;
        let len = usize::from(input.get::<u8>()?);
        if len != SELECT_LEN {
            return Err(Rc::VALUE);
        }
        let bits = input
            .take(len)?
            .iter()
            .rev()
            .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        Ok(Self { hash, bits })
    }
}

impl Marshal for PcrSelection {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.hash)?;
        out.put(&3u8)?;
        let [a, b, c, _] = self.bits.to_le_bytes();
        out.raw(&[a, b, c])
    }
}

impl Marshal for PcrSelections {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&u32::try_from(self.count).unwrap_or_default())?;
        self.iter().try_for_each(|selection| out.put(&selection))
    }
}
