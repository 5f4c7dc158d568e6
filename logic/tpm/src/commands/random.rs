//! Part 3, section 16: random numbers.

use crate::core::Core;
use crate::dispatch::Call;
use crate::profile::MAX_DIGEST;
use crate::rc::Result;
use crate::table::{Command, ENCRYPT};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[Command {
    code: 0x17b,
    handles: &[],
    roles: &[],
    traits: ENCRYPT,
    run: get_random,
}];

/// Gives at most as many bytes as the longest digest has.
fn get_random(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let wanted: u16 = call.params.get()?;
    call.params.end()?;
    let mut bytes = [0; MAX_DIGEST];
    let len = usize::from(wanted).min(MAX_DIGEST);
    let random = bytes.get_mut(..len).unwrap_or_default();
    core.drbg.fill(random);
    call.out.sized(random)
}
