//! Part 3, sections 22.6 and 22.7: PCR_SetAuthPolicy, PCR_SetAuthValue.

use crate::core::Core;
use crate::dispatch::Call;
use crate::pcr::PcrNumber;
use crate::rc::{Rc, Result};
use crate::structures::{AuthValue, DigestBytes};
use crate::table::{Command, DECRYPT, NV, Place, Role};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x12c,
        handles: &[Place::Platform],
        roles: &[Role::User],
        traits: NV | DECRYPT,
        run: set_auth_policy,
    },
    Command {
        code: 0x183,
        handles: &[Place::Pcr],
        roles: &[Role::User],
        traits: DECRYPT,
        run: set_auth_value,
    },
];

/// The PC Client profile has no register that a policy or auth value of its own could guard: after the checks
/// there is nothing to set.
fn set_auth_policy(_core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let policy: DigestBytes = call.params.get()?;
    let hash: Option<HashAlgorithm> = call.params.get()?;
    call.params.with(|input| PcrNumber::of(input.get()?))?;
    call.params.end()?;
    match policy.len() == hash.map_or(0, HashAlgorithm::digest_len) {
        true => Err(Rc::VALUE.parameter(3)),
        false => Err(Rc::SIZE.parameter(1)),
    }
}

/// As [`set_auth_policy`].
fn set_auth_value(_core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let _: AuthValue = call.params.get()?;
    call.params.end()?;
    Err(Rc::VALUE.handle(1))
}
