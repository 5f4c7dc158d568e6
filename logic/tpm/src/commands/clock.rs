//! Part 3, section 29: clocks and timers.

use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::table::{Command, NV, Place, Role};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x181,
        handles: &[],
        roles: &[],
        traits: 0,
        run: read_clock,
    },
    Command {
        code: 0x128,
        handles: &[Place::Provision],
        roles: &[Role::User],
        traits: NV,
        run: clock_set,
    },
    Command {
        code: 0x130,
        handles: &[Place::Provision],
        roles: &[Role::User],
        traits: 0,
        run: clock_rate_adjust,
    },
];

fn read_clock(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    call.out.put(&core.time_info()?)
}

fn clock_set(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let clock = call.params.get()?;
    call.params.end()?;
    core.set_clock(clock).map_err(|rc| rc.parameter(1))
}

/// `TPM_CLOCK_ADJUST`: -3 is coarse slower, 3 coarse faster.
fn clock_rate_adjust(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let adjust: u8 = call.params.get()?;
    call.params.end()?;
    let step = match adjust.cast_signed() {
        -3 => -1000,
        -2 => -100,
        -1 => -10,
        0 => 0,
        1 => 10,
        2 => 100,
        3 => 1000,
        _ => return Err(Rc::VALUE.parameter(1)),
    };
    core.adjust_clock(step);
    Ok(())
}
