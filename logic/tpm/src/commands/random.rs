//! Part 3, section 16: random numbers.

use crate::core::Core;
use crate::dispatch::Call;
use crate::profile::MAX_DIGEST;
use crate::rc::Result;
use crate::table::{Command, DECRYPT, ENCRYPT, NV};
use ironroot_crypto::wipe;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x17b,
        handles: &[],
        roles: &[],
        traits: ENCRYPT,
        run: get_random,
    },
    Command {
        code: 0x146,
        handles: &[],
        roles: &[],
        traits: NV | DECRYPT,
        run: stir_random,
    },
];

/// The most that StirRandom takes, in bytes (`TPM2B_SENSITIVE_DATA`).
const MAX_STIR: usize = 128;

/// Gives at most as many bytes as the longest digest has.
fn get_random(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let wanted: u16 = call.params.get()?;
    call.params.end()?;
    let mut bytes = [0; MAX_DIGEST];
    let len = usize::from(wanted).min(MAX_DIGEST);
    let random = bytes.get_mut(..len).unwrap_or_default();
    core.drbg.fill(random);
    let told = call.out.sized(random);
    wipe(&mut bytes);
    told
}

fn stir_random(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let fresh = call.params.sized(MAX_STIR)?;
    call.params.end()?;
    core.drbg.reseed(fresh);
    Ok(())
}
