//! What the platform says of the whole TPM: physical presence (Part 3, section 26.2), the algorithm set (26.3),
//! read-only mode (24.9), countdown timers (34.2). The full build only.

use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::supplement::{CodeList, may_need_presence};
use crate::table::{Command, NV, Place, Role};

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
    command(0x12d, &[Place::Platform], NV, pp_commands),
    command(0x13f, &[Place::Platform], NV, set_algorithm_set),
    command(0x1a0, &[Place::Platform], 0, read_only_control),
    command(0x198, &[Place::Timer], 0, act_set_timeout),
];

/// Which commands need a person there, besides the platform's word. This one always does. First those that are to be
/// in the list, then those that are not; codes that cannot be in it say nothing.
fn pp_commands(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let set: CodeList = call.params.get()?;
    let clear: CodeList = call.params.get()?;
    call.params.end()?;
    let own = call.code;
    let old = core.supplement.kept.get().presence;
    let new = old
        .with(set.codes, may_need_presence)
        .without(clear.codes, |code| code != own);
    if new != old {
        core.supplement.kept.edit().presence = new;
    }
    core.commit()
}

/// Told again by GetCapability; no algorithm comes or goes with it.
fn set_algorithm_set(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let number: u32 = call.params.get()?;
    call.params.end()?;
    core.supplement.kept.edit().algorithm_set = number;
    core.commit()
}

fn read_only_control(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let on: bool = call.params.get()?;
    call.params.end()?;
    core.commit()?;
    core.supplement.live.read_only = on;
    Ok(())
}

/// Switching a timer off is for one that has run out only: else its owner would not be told that it was stopped.
fn act_set_timeout(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let seconds: u32 = call.params.get()?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    let now = core.clock.time;
    if seconds == u32::MAX && !core.timer(handle)?.signalled {
        return Err(Rc::VALUE.parameter(1));
    }
    core.commit()?;
    core.timer(handle)?.set(seconds, now);
    Ok(())
}
