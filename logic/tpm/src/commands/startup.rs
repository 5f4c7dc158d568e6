//! Part 3, section 9: Startup and Shutdown.

use crate::core::{Core, Mode};
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::table::{Command, NO_SESSIONS, NV};
use crate::tpm::StartError;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[Command {
    code: 0x144,
    handles: &[],
    roles: &[],
    traits: NV | NO_SESSIONS,
    run: startup,
}];

fn startup(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let kind: u16 = call.params.get()?;
    call.params.end()?;
    if core.mode != Mode::Initialised {
        return Err(Rc::INITIALIZE);
    }
    match kind {
        0 | 1 => core.mode = Mode::Running,
        _ => return Err(Rc::VALUE.parameter(1)),
    }
    Ok(())
}

impl Core<'_> {
    /// `_TPM_Init`: all volatile state is gone.
    ///
    /// # Errors
    /// [`StartError`]
    pub(crate) fn power_on(&mut self) -> core::result::Result<(), StartError> {
        self.mode = Mode::Initialised;
        Ok(())
    }
}
