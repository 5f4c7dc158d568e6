//! PolicyCapability (Part 3, section 23.23): a comparison with one entry of what GetCapability tells.

use super::compare::{Comparison, Terms};
use super::{policy, session};
use crate::commands::capability::get_capability;
use crate::core::Core;
use crate::dispatch::{Call, Locality};
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Output, Params};

/// `TPM_CC_GetCapability`
const GET_CAPABILITY: u32 = 0x17a;
/// `TPM_CAP_COMMANDS`: its entries hold attributes besides the code.
const COMMANDS: u32 = 2;
/// `TPM_CAP_PCRS`: tells all banks at once, so there is no one entry to compare with.
const PCRS: u32 = 5;
/// What of an entry of `COMMANDS` is the code.
const CODE: u32 = 0x2000_ffff;
/// Room for an answer of one entry.
const ANSWER: usize = 128;

pub(super) fn policy_capability(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let terms = Terms::read(call)?;
    let (capability, property): (u32, u32) = (call.params.get()?, call.params.get()?);
    call.params.end()?;
    if !session(core, handle)?.1.trial && !holds(core, &terms, capability, property)? {
        return Err(Rc::POLICY);
    }
    let mut more = [0; 8];
    let mut out = Output::new(&mut more);
    out.put(&capability)?;
    out.put(&property)?;
    let (hash, policy) = policy(core, handle)?;
    policy.extend(
        hash,
        call.code,
        &[terms.digest(hash, out.written()).as_slice()],
    );
    Ok(())
}

/// What is not there differs from everything, and nothing else holds for it.
fn holds(core: &mut Core<'_>, terms: &Terms, capability: u32, property: u32) -> Result<bool> {
    if capability == PCRS {
        return Err(Rc::VALUE.parameter(4));
    }
    let mut answer = [0; ANSWER];
    match entry(core, capability, property, &mut answer)? {
        Some(entry) => terms.hold_for(entry, Rc::SIZE.parameter(1)),
        None => Ok(terms.comparison == Comparison::DIFFERENT),
    }
}

/// The entry that GetCapability tells of just this property.
fn entry<'a>(
    core: &mut Core<'_>,
    capability: u32,
    property: u32,
    answer: &'a mut [u8; ANSWER],
) -> Result<Option<&'a [u8]>> {
    let len = ask(core, capability, property, answer)?;
    let mut told = Input::new(answer.get(..len).unwrap_or_default());
    // Whether there is more, and the capability.
    told.take(5)?;
    let count: u32 = told.get()?;
    let entry = told.rest();
    Ok((count == 1 && is_of(capability, property, entry)).then_some(entry))
}

fn ask(core: &mut Core<'_>, capability: u32, property: u32, answer: &mut [u8]) -> Result<usize> {
    let mut wanted = [0; 12];
    let mut out = Output::new(&mut wanted);
    out.put(&capability)?;
    out.put(&property)?;
    out.put(&1u32)?;
    let mut call = Call {
        code: GET_CAPABILITY,
        locality: Locality::ZERO,
        handles: [Handle::UNASSIGNED; 3],
        params: Params::new(out.written()),
        out: Output::new(answer),
        response_handle: None,
    };
    // What is wrong with GetCapability's first two parameters is wrong with the last two here.
    get_capability(core, &mut call).map_err(moved)?;
    Ok(call.out.len())
}

fn moved(rc: Rc) -> Rc {
    let both = [Rc::VALUE, Rc::HANDLE];
    let find = |number| both.into_iter().find(|bare| bare.parameter(number) == rc);
    match (find(1), find(2)) {
        (Some(bare), _) => bare.parameter(4),
        (None, Some(bare)) => bare.parameter(5),
        (None, None) => rc,
    }
}

/// GetCapability tells from the property on; the entry begins with its own number, of 16 or 32 bits.
fn is_of(capability: u32, property: u32, entry: &[u8]) -> bool {
    let mut input = Input::new(entry);
    let number = match entry.len() {
        0..4 => input.get::<u16>().map(u32::from),
        _ if capability == 0 => input.get::<u16>().map(u32::from),
        _ => input.get::<u32>(),
    };
    number.is_ok_and(|number| match capability {
        COMMANDS => number & CODE == property,
        _ => number == property,
    })
}
