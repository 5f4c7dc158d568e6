//! Part 3, section 25: dictionary attack functions.

use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::Result;
use crate::table::{Command, NV, Place, Role};

const fn command(code: u32, run: fn(&mut Core<'_>, &mut Call<'_>) -> Result<()>) -> Command {
    Command {
        code,
        handles: &[Place::Lockout],
        roles: &[Role::User],
        traits: NV,
        run,
    }
}

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[command(0x139, lock_reset), command(0x13a, parameters)];

fn lock_reset(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    core.permanent.edit().lockout.failed_tries = 0;
    core.commit()?;
    core.forget_tries();
    Ok(())
}

/// The failed tries stay: who sets fewer tries than there were failures is in lockout at once.
fn parameters(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let (max_tries, recovery_time, lockout_recovery) =
        (call.params.get()?, call.params.get()?, call.params.get()?);
    call.params.end()?;
    let tries = core.failed_tries();
    let lockout = &mut core.permanent.edit().lockout;
    lockout.max_tries = max_tries;
    lockout.recovery_time = recovery_time;
    lockout.lockout_recovery = lockout_recovery;
    lockout.failed_tries = tries;
    core.commit()?;
    core.forget_tries();
    Ok(())
}
