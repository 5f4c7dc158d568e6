//! Part 3, section 23: policies. Each command checks what it asserts, or leaves it to be checked when the session is
//! used, and then extends the session's digest. A trial session is checked for nothing: it only computes.

mod approve;
#[cfg(feature = "full")]
mod capability;
#[cfg(feature = "full")]
mod channel;
mod compare;
#[cfg(feature = "full")]
mod duplication;
mod limit;
mod simple;
mod someone;

use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::session::{PolicyState, Session};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// `TPM_CC_PolicySigned`, also in what PolicyTicket computes.
const POLICY_SIGNED: u32 = 0x160;
/// `TPM_CC_PolicySecret`, likewise.
const POLICY_SECRET: u32 = 0x151;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        handles: &[Place::Object, Place::PolicySession],
        ..line(POLICY_SIGNED, DECRYPT | ENCRYPT, someone::policy_signed)
    },
    Command {
        handles: &[Place::Entity, Place::PolicySession],
        roles: &[Role::User],
        ..line(POLICY_SECRET, DECRYPT | ENCRYPT, someone::policy_secret)
    },
    line(0x172, DECRYPT, someone::policy_ticket),
    line(0x171, 0, approve::policy_or),
    line(0x17f, DECRYPT, simple::policy_pcr),
    line(0x16f, 0, simple::policy_locality),
    Command {
        handles: &[Place::NvAuth, Place::NvIndex, Place::PolicySession],
        roles: &[Role::User],
        ..line(0x149, DECRYPT, compare::policy_nv)
    },
    line(0x16d, DECRYPT, compare::policy_counter_timer),
    line(0x16c, 0, simple::policy_command_code),
    line(0x187, 0, simple::policy_physical_presence),
    line(0x16e, DECRYPT, limit::policy_cp_hash),
    line(0x170, DECRYPT, limit::policy_name_hash),
    #[cfg(feature = "full")]
    line(0x188, DECRYPT, duplication::policy_duplication_select),
    line(0x16a, DECRYPT, approve::policy_authorize),
    line(0x16b, 0, simple::policy_auth_value),
    line(0x18c, 0, simple::policy_password),
    line(0x189, ENCRYPT, simple::policy_get_digest),
    line(0x18f, 0, simple::policy_nv_written),
    line(0x190, DECRYPT, limit::policy_template),
    Command {
        handles: &[Place::NvAuth, Place::NvIndex, Place::PolicySession],
        roles: &[Role::User],
        ..line(0x192, 0, approve::policy_authorize_nv)
    },
    #[cfg(feature = "full")]
    line(0x19b, DECRYPT, capability::policy_capability),
    #[cfg(feature = "full")]
    line(0x19c, DECRYPT, limit::policy_parameters),
    #[cfg(feature = "full")]
    line(0x196, DECRYPT, channel::policy_ac_send_select),
    #[cfg(feature = "full")]
    line(0x1a1, DECRYPT, channel::policy_transport_spdm),
];

/// The usual one: its only handle is the session, and nobody authorises it.
const fn line(
    code: u32,
    traits: u8,
    run: fn(&mut Core<'_>, &mut Call<'_>) -> Result<()>,
) -> Command {
    Command {
        code,
        handles: &[Place::PolicySession],
        roles: &[],
        traits,
        run,
    }
}

/// The session that a policy command is about.
fn session<'a>(core: &'a Core<'_>, handle: Handle) -> Result<(&'a Session, &'a PolicyState)> {
    let session = core.sessions.get(handle).ok_or(Rc::FAILURE)?;
    Ok((session, session.policy.as_ref().ok_or(Rc::FAILURE)?))
}

/// The same, to be changed.
fn policy<'a>(
    core: &'a mut Core<'_>,
    handle: Handle,
) -> Result<(HashAlgorithm, &'a mut PolicyState)> {
    let session = core.sessions.get_mut(handle).ok_or(Rc::FAILURE)?;
    Ok((session.hash, session.policy.as_mut().ok_or(Rc::FAILURE)?))
}
