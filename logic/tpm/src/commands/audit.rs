//! Part 3, section 18.5: what an audit session saw, attested.

use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::structures::{Data, SignScheme};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};

/// `TPM_ST_ATTEST_SESSION_AUDIT`
const SESSION_AUDIT: u16 = 0x8016;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[Command {
    code: 0x14d,
    handles: &[Place::Endorsement, Place::ObjectOrNull, Place::HmacSession],
    roles: &[Role::User, Role::User],
    traits: DECRYPT | ENCRYPT,
    run: get_session_audit_digest,
}];

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
