//! Comparisons with what the TPM holds: NV, clock and counters.

use super::{policy, session};
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::session::bytes_of;
use crate::structures::DigestBytes;
use crate::wire::{Input, Output, Unmarshal};
use core::cmp::Ordering;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts};

/// The longest operand: a digest (`TPM2B_OPERAND`).
pub(super) type Operand = DigestBytes;

/// `TPM_EO`: how the TPM's own value A is compared with the operand B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison(u16);

/// Beyond the last is `VALUE`.
impl Unmarshal for Comparison {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get::<u16>()? {
            number @ 0..=11 => Ok(Self(number)),
            _ => Err(Rc::VALUE),
        }
    }
}

impl Comparison {
    /// `TPM_EO_NEQ`
    #[cfg(feature = "full")]
    pub(super) const DIFFERENT: Self = Self(1);

    /// Whether it holds for two values of one length, big-endian.
    pub(super) fn holds(self, a: &[u8], b: &[u8]) -> bool {
        let bits = |keep: fn(u8, u8) -> bool| a.iter().zip(b).all(|(a, b)| keep(*a, *b));
        match self.0 {
            0 => a == b,
            1 => a != b,
            2 => signed(a, b).is_gt(),
            3 => a > b,
            4 => signed(a, b).is_lt(),
            5 => a < b,
            6 => signed(a, b).is_ge(),
            7 => a >= b,
            8 => signed(a, b).is_le(),
            9 => a <= b,
            10 => bits(|a, b| a & b == b),
            11 => bits(|a, b| a & b == 0),
            _ => false,
        }
    }

    /// Its number, as it came.
    pub(super) const fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

/// In two's complement: of two values with the same sign the order is that of the bytes.
fn signed(a: &[u8], b: &[u8]) -> Ordering {
    let negative = |value: &[u8]| value.first().is_some_and(|byte| byte & 0x80 != 0);
    match (negative(a), negative(b)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        _ => a.cmp(b),
    }
}

/// Operand, offset and comparison: the parameters that these commands share.
pub(super) struct Terms {
    pub(super) operand: Operand,
    pub(super) offset: u16,
    pub(super) comparison: Comparison,
}

impl Terms {
    pub(super) fn read(call: &mut Call<'_>) -> Result<Self> {
        Ok(Self {
            operand: call.params.get()?,
            offset: call.params.get()?,
            comparison: call.params.get()?,
        })
    }

    /// Whether it holds for the bytes of `value` at the offset, as many as the operand has.
    ///
    /// # Errors
    /// `VALUE`: the offset is beyond the end; `too_long`: the operand reaches beyond it.
    pub(super) fn hold_for(&self, value: &[u8], too_long: Rc) -> Result<bool> {
        let rest = value
            .get(usize::from(self.offset)..)
            .ok_or(Rc::VALUE.parameter(2))?;
        let part = rest.get(..self.operand.len()).ok_or(too_long)?;
        Ok(self.comparison.holds(part, self.operand.as_slice()))
    }

    /// H(operand ‖ offset ‖ comparison ‖ more).
    pub(super) fn digest(&self, hash: HashAlgorithm, more: &[u8]) -> DigestBytes {
        let parts = [
            self.operand.as_slice(),
            &self.offset.to_be_bytes(),
            &self.comparison.bytes(),
            more,
        ];
        bytes_of(&digest_parts(hash, &parts))
    }
}

/// What was checked now need not hold later; who wants that puts it into the index's own rules.
pub(super) fn policy_nv(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [authority, index, handle] = call.handles;
    let terms = Terms::read(call)?;
    call.params.end()?;
    if !session(core, handle)?.1.trial {
        // In an index that is too short the operand is what is wrong.
        let too_long = Rc::SIZE.parameter(1);
        let holds =
            core.nv_read_for_policy(authority, index, |_, data| terms.hold_for(data, too_long))??;
        if !holds {
            return Err(Rc::POLICY);
        }
    }
    let name = core.name(index)?;
    let (hash, policy) = policy(core, handle)?;
    policy.extend(
        hash,
        call.code,
        &[terms.digest(hash, &[]).as_slice(), name.as_slice()],
    );
    Ok(())
}

/// `TPMS_TIME_INFO` on the wire, in bytes.
const TIME_INFO: usize = 25;

pub(super) fn policy_counter_timer(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let terms = Terms::read(call)?;
    call.params.end()?;
    check_time(core, handle, &terms)?;
    let (hash, policy) = policy(core, handle)?;
    policy.extend(hash, call.code, &[terms.digest(hash, &[]).as_slice()]);
    Ok(())
}

/// Offset and operand must fit for a trial session, too.
fn check_time(core: &mut Core<'_>, handle: Handle, terms: &Terms) -> Result<()> {
    let mut bytes = [0; TIME_INFO];
    let mut out = Output::new(&mut bytes);
    out.put(&core.time_info()?)?;
    let holds = terms.hold_for(out.written(), Rc::RANGE)?;
    match holds || session(core, handle)?.1.trial {
        true => Ok(()),
        false => Err(Rc::POLICY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The reference code's signed comparison was wrong for two negative numbers (2023).
    #[test]
    fn signed_and_unsigned_comparisons_hold_at_the_boundaries_of_the_sign() {
        let numbers = [
            i16::MIN,
            i16::MIN + 1,
            -256,
            -2,
            -1,
            0,
            1,
            255,
            256,
            i16::MAX - 1,
            i16::MAX,
        ];
        for a in numbers {
            for b in numbers {
                let (x, y) = (a as u16, b as u16);
                let wanted = [
                    a == b,
                    a != b,
                    a > b,
                    x > y,
                    a < b,
                    x < y,
                    a >= b,
                    x >= y,
                    a <= b,
                    x <= y,
                    x & y == y,
                    x & y == 0,
                ];
                for (number, wanted) in (0u16..).zip(wanted) {
                    let holds = Comparison(number).holds(&a.to_be_bytes(), &b.to_be_bytes());
                    assert_eq!(holds, wanted, "{a} {number} {b}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_equal_to_nothing() {
        for (number, wanted) in (0..12).zip("yn".repeat(6).chars()) {
            let order = matches!(number, 6..=11) || number == 0;
            let _ = wanted;
            assert_eq!(Comparison(number).holds(&[], &[]), order, "{number}");
        }
    }

    #[test]
    fn an_operand_reaches_to_the_end_and_no_further() {
        let terms = |len: usize, offset| Terms {
            operand: Operand::new(&[1; 8][..len]).unwrap(),
            offset,
            comparison: Comparison(0),
        };
        let value = [1; 8];
        assert_eq!(terms(8, 0).hold_for(&value, Rc::SIZE), Ok(true));
        assert_eq!(terms(0, 8).hold_for(&value, Rc::SIZE), Ok(true));
        assert_eq!(terms(1, 8).hold_for(&value, Rc::SIZE), Err(Rc::SIZE));
        assert_eq!(terms(8, 1).hold_for(&value, Rc::SIZE), Err(Rc::SIZE));
        assert_eq!(
            terms(0, 9).hold_for(&value, Rc::SIZE),
            Err(Rc::VALUE.parameter(2))
        );
        assert_eq!(
            terms(1, u16::MAX).hold_for(&value, Rc::SIZE),
            Err(Rc::VALUE.parameter(2))
        );
    }
}
