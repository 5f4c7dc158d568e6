//! Part 3, section 22: integrity collection (PCRs).

use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::pcr::{ALL, COUNT, PcrNumber, attributes};
use crate::profile::{MAX_BANKS, MAX_BUFFER};
use crate::rc::{Rc, Result};
use crate::structures::{Alg, BANKS, PcrSelection, PcrSelections};
use crate::table::{Command, DECRYPT, NV, Place, Role};
use crate::wire::{Input, Output};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};

const fn command(
    code: u32,
    place: &'static [Place],
    traits: u8,
    run: fn(&mut Core<'_>, &mut Call<'_>) -> Result<()>,
) -> Command {
    Command {
        code,
        handles: place,
        roles: &[Role::User],
        traits,
        run,
    }
}

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    command(0x182, &[Place::PcrOrNull], NV, extend),
    command(0x13c, &[Place::PcrOrNull], NV | DECRYPT, event),
    Command {
        code: 0x17e,
        handles: &[],
        roles: &[],
        traits: 0,
        run: read,
    },
    command(0x12b, &[Place::Platform], NV, allocate),
    command(0x13d, &[Place::Pcr], NV, reset),
];

/// The most values that one PCR_Read gives (`TPML_DIGEST`).
const MAX_READ: usize = 8;

/// The register to extend; `None`: the null handle, and nothing is extended.
///
/// # Errors
/// `LOCALITY`
pub(super) fn extendable(call: &Call<'_>, handle: Handle) -> Result<Option<PcrNumber>> {
    if handle == Handle::NULL {
        return Ok(None);
    }
    let number = PcrNumber::of(handle)?;
    match attributes(number.index()).may_extend(call.locality) {
        true => Ok(Some(number)),
        false => Err(Rc::LOCALITY),
    }
}

/// Reads `TPML_DIGEST_VALUES` and shows each to `each`.
fn digests(
    input: &mut Input<'_>,
    mut each: impl FnMut(HashAlgorithm, &[u8]) -> Result<()>,
) -> Result<()> {
    let count: u32 = input.get()?;
    if usize::try_from(count).is_ok_and(|count| count > BANKS.len()) {
        return Err(Rc::SIZE);
    }
    for _ in 0..count {
        let hash: HashAlgorithm = input.get()?;
        each(hash, input.take(hash.digest_len())?)?;
    }
    Ok(())
}

fn extend(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let list = call.params.with(|input| {
        let whole = input.rest();
        digests(input, |_, _| Ok(()))?;
        Ok(whole)
    })?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    match extendable(call, handle)? {
        Some(number) => digests(&mut Input::new(list), |hash, digest| {
            core.extend_pcr(number, hash, digest)
        }),
        None => Ok(()),
    }
}

fn event(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_BUFFER)?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    let number = extendable(call, handle)?;
    call.out.put(&(BANKS.len() as u32))?;
    for (_, hash) in BANKS {
        extend_and_tell(
            core,
            number,
            *hash,
            digest(*hash, data).as_slice(),
            &mut call.out,
        )?;
    }
    Ok(())
}

/// Extends a register, if there is one, and writes the digest as `TPMT_HA`.
///
/// # Errors
/// `FAILURE`
pub(super) fn extend_and_tell(
    core: &mut Core<'_>,
    number: Option<PcrNumber>,
    hash: HashAlgorithm,
    digest: &[u8],
    out: &mut Output<'_>,
) -> Result<()> {
    if let Some(number) = number {
        core.extend_pcr(number, hash, digest)?;
    }
    out.put(&hash)?;
    out.raw(digest)
}

/// Tells the counter, what of the selection is told, and the values; the rest has to be asked for again.
fn read(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let asked: PcrSelections = call.params.get()?;
    call.params.end()?;
    let (told, count) = first_registers(&core.pcrs.in_effect(&asked), MAX_READ);
    call.out.put(&core.volatile.pcr_counter)?;
    call.out.put(&told)?;
    call.out.put(&u32::try_from(count).unwrap_or_default())?;
    core.pcrs
        .selected(&told)
        .try_for_each(|value| call.out.sized(value))
}

/// The first `most` registers of the selections, and how many they are.
fn first_registers(selections: &PcrSelections, most: usize) -> (PcrSelections, usize) {
    let (mut first, mut count) = (PcrSelections::default(), 0);
    for selection in selections.iter() {
        let mut bits = 0;
        for number in (0..COUNT).filter(|number| selection.bits >> number & 1 != 0) {
            if count < most {
                bits |= 1 << number;
                count = count.saturating_add(1);
            }
        }
        first.push(PcrSelection { bits, ..selection });
    }
    (first, count)
}

/// Takes effect at the next reset. Banks that are not named stay as they are; of one named twice the last counts.
fn allocate(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let wanted: PcrSelections = call.params.get()?;
    call.params.end()?;
    let mut banks = core.permanent.get().banks;
    for selection in wanted.iter() {
        let bank = BANKS.iter().position(|(_, hash)| *hash == selection.hash);
        if let Some(bits) = bank.and_then(|bank| banks.get_mut(bank)) {
            *bits = selection.bits & ALL;
        }
    }
    // Register 0 of the firmware's root and 17 of dynamic measurements must exist somewhere.
    let all = banks.iter().fold(0, |all, bits| all | bits);
    if all & 1 == 0 || all >> 17 & 1 == 0 {
        return Err(Rc::PCR);
    }
    core.permanent.edit().banks = banks;
    core.commit()?;
    core.pcrs.reallocated = true;
    let full = [ALL; MAX_BANKS];
    call.out.put(&true)?;
    call.out.put(&(COUNT as u32))?;
    call.out.put(&size_of_banks(&banks))?;
    call.out.put(&size_of_banks(&full))
}

/// Bytes that the values of such banks take.
fn size_of_banks(banks: &[u32; MAX_BANKS]) -> u32 {
    let sizes = BANKS.iter().zip(banks).map(|((_, hash), bits)| {
        let len = u32::try_from(hash.digest_len()).unwrap_or_default();
        len.saturating_mul(bits.count_ones())
    });
    sizes.sum()
}

fn reset(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [handle, ..] = call.handles;
    let number = PcrNumber::of(handle)?;
    match attributes(number.index()).may_reset(call.locality) {
        true => core.reset_pcr(number),
        false => Err(Rc::LOCALITY),
    }
}

/// `TPM_CAP_PCRS`: every bank of this build, also those that hold nothing.
pub(super) fn tell_banks(core: &Core<'_>, out: &mut Output<'_>) -> Result<()> {
    out.put(&(BANKS.len() as u32))?;
    core.pcrs
        .banks()
        .try_for_each(|(hash, bits)| out.put(&PcrSelection { hash, bits }))
}

/// A policy as `TPMT_HA`; none is `TPM_ALG_NULL` without a digest.
pub(super) fn tell_policy(policy: &crate::entity::Policy, out: &mut Output<'_>) -> Result<()> {
    out.put(&policy.hash.map_or(Alg::NULL, Alg::from))?;
    out.raw(policy.digest.as_slice())
}
