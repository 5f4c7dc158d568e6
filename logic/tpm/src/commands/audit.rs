//! Part 3, sections 18.5, 18.6 and 21.2: what an audit session saw, attested; and what the command audit saw.

use crate::core::Core;
use crate::dispatch::Call;
#[cfg(feature = "full")]
use crate::handle::Handle;
use crate::rc::{Rc, Result};
#[cfg(feature = "full")]
use crate::structures::DigestBytes;
use crate::structures::{Data, SignScheme};
#[cfg(feature = "full")]
use crate::supplement::{CodeList, may_be_audited, may_be_unaudited};
#[cfg(feature = "full")]
use crate::table::NV;
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
#[cfg(feature = "full")]
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// `TPM_ST_ATTEST_COMMAND_AUDIT`
#[cfg(feature = "full")]
const COMMAND_AUDIT: u16 = 0x8015;
/// `TPM_ST_ATTEST_SESSION_AUDIT`
const SESSION_AUDIT: u16 = 0x8016;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x14d,
        handles: &[Place::Endorsement, Place::ObjectOrNull, Place::HmacSession],
        roles: &[Role::User, Role::User],
        traits: DECRYPT | ENCRYPT,
        run: get_session_audit_digest,
    },
    #[cfg(feature = "full")]
    Command {
        code: 0x133,
        handles: &[Place::Endorsement, Place::ObjectOrNull],
        roles: &[Role::User, Role::User],
        traits: NV | DECRYPT | ENCRYPT,
        run: get_command_audit_digest,
    },
    #[cfg(feature = "full")]
    Command {
        code: 0x140,
        handles: &[Place::Provision],
        roles: &[Role::User],
        traits: NV,
        run: set_command_code_audit_status,
    },
];

fn get_session_audit_digest(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let said: Data = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    call.params.end()?;
    let [_, key, audited] = call.handles;
    let signer = core.signer(key, wanted, 2, 2)?;
    let session = core.sessions.get(audited).ok_or(Rc::FAILURE)?;
    let digest = session.audit.ok_or(Rc::TYPE.handle(3))?;
    let exclusive = core.sessions.exclusive == Some(audited);
    core.attest(call, &signer, SESSION_AUDIT, &said, &mut |_, out| {
        out.put(&exclusive)?;
        out.put(&digest)
    })
}

/// Once it was told under a signature, a new digest begins.
#[cfg(feature = "full")]
fn get_command_audit_digest(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let said: Data = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    call.params.end()?;
    let [_, key, _] = call.handles;
    let signer = core.signer(key, wanted, 2, 2)?;
    let counter = core.audit_counter();
    let digest = core.supplement.live.audit_digest;
    let list = core.audited_commands_digest();
    core.attest(call, &signer, COMMAND_AUDIT, &said, &mut |core, out| {
        out.put(&counter)?;
        out.put(&core.supplement.kept.get().audit_hash)?;
        out.put(&digest)?;
        out.put(&list)
    })?;
    core.commit()?;
    if key != Handle::NULL {
        core.supplement.live.audit_digest = DigestBytes::EMPTY;
    }
    Ok(())
}

/// The algorithm and the list do not change together. First those that are to be audited, then those that are not;
/// codes that name no command say nothing.
#[cfg(feature = "full")]
fn set_command_code_audit_status(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let hash: Option<HashAlgorithm> = call.params.get()?;
    let set: CodeList = call.params.get()?;
    let clear: CodeList = call.params.get()?;
    call.params.end()?;
    let old = *core.supplement.kept.get();
    let other_hash = hash.filter(|hash| *hash != old.audit_hash);
    if let Some(hash) = other_hash {
        if set.count != 0 || clear.count != 0 {
            return Err(Rc::VALUE.parameter(1));
        }
        core.take_audit_begin_back();
        core.supplement.kept.edit().audit_hash = hash;
        core.commit()?;
        core.supplement.audit_restarts = true;
        return Ok(());
    }
    let audited = old
        .audited
        .with(set.codes, may_be_audited)
        .without(clear.codes, may_be_unaudited);
    if audited != old.audited {
        core.supplement.kept.edit().audited = audited;
    }
    core.commit()
}
