//! A policy session against the policy of what it authorises (Part 1, section 19.7.4).

use super::{Request, limit};
use crate::core::Core;
use crate::entity::Guard;
use crate::handle::{Handle, Kind};
use crate::rc::{Rc, Result};
use crate::session::{PolicyState, Session};
use crate::table::Role;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts};

/// `TPM_CC_PolicySecret`
const POLICY_SECRET: u32 = 0x151;

/// Checks everything but the HMAC or password that the policy may want besides.
///
/// # Errors
/// `MODE`, `PCR_CHANGED`, `POLICY_FAIL`, `EXPIRED`, `POLICY_CC`, `LOCALITY`, `PP`, `CHANNEL`.
pub(super) fn check(
    core: &mut Core<'_>,
    request: &Request<'_>,
    role: Role,
    handle: Handle,
    entity: Handle,
    guard: &Guard,
) -> Result<()> {
    let time = core.clock.time;
    let epoch = core.time_epoch();
    let session = core.sessions.get(handle).ok_or(Rc::FAILURE)?;
    let policy = session.policy.as_ref().ok_or(Rc::FAILURE)?;
    // Else PolicySecret would prove nothing but that there is a policy.
    if request.command.code() == POLICY_SECRET
        && !policy.password_needed
        && !policy.auth_value_needed
    {
        return Err(Rc::MODE);
    }
    if policy
        .pcr_counter
        .is_some_and(|counter| counter != core.volatile.pcr_counter)
    {
        return Err(Rc::PCR_CHANGED);
    }
    if guard.policy.hash != Some(session.hash) || guard.policy.digest != policy.digest {
        return Err(Rc::POLICY_FAIL);
    }
    if policy
        .timeout
        .is_some_and(|timeout| timeout < time || session.epoch != epoch)
    {
        return Err(Rc::EXPIRED);
    }
    check_code(policy, role, request.command.code())?;
    check_locality(policy.locality, request.locality.number())?;
    if policy.presence_needed && !core.physical_presence {
        return Err(Rc::PP);
    }
    // There is no such channel here.
    #[cfg(feature = "full")]
    if policy.channel_needed {
        return Err(Rc::CHANNEL);
    }
    check_limit(session, policy, request)?;
    let wanted = policy.nv_written;
    wanted.map_or(Ok(()), |wanted| check_written(core, entity, wanted))
}

/// Roles admin and duplicate need a policy that names the command.
fn check_code(policy: &PolicyState, role: Role, code: u32) -> Result<()> {
    match (policy.code, role) {
        (Some(wanted), _) if wanted != code => Err(Rc::POLICY_CC),
        (None, Role::Admin | Role::Duplicate) => Err(Rc::POLICY_FAIL),
        (Some(_), _) | (None, Role::User) => Ok(()),
    }
}

/// `TPMA_LOCALITY`: bits for 0 to 4, or one number from 32 on.
fn check_locality(wanted: u8, locality: u8) -> Result<()> {
    let fits = match (wanted, locality) {
        (0, _) => true,
        (1..=31, 0..=4) => wanted & 1 << locality != 0,
        (32.., _) => wanted == locality,
        (1..=31, _) => false,
    };
    match fits {
        true => Ok(()),
        false => Err(Rc::LOCALITY),
    }
}

fn check_limit(session: &Session, policy: &PolicyState, request: &Request<'_>) -> Result<()> {
    match policy.limit {
        Some(limit) if !limit::allows(&limit, session.hash, request) => Err(Rc::POLICY_FAIL),
        Some(_) | None => Ok(()),
    }
}

fn check_written(core: &mut Core<'_>, entity: Handle, wanted: bool) -> Result<()> {
    let fits = entity.kind() == Kind::Nv && core.nv_written(entity)? == wanted;
    match fits {
        true => Ok(()),
        false => Err(Rc::POLICY_FAIL),
    }
}

impl Core<'_> {
    /// A number that no two starts share: time is comparable only where it is the same. It follows from what each start
    /// draws and keeps; the counts that are told would not do, for Clear sets them back.
    pub(crate) fn time_epoch(&self) -> u64 {
        let random = &self.permanent.get().random;
        let digest = random.expose(|seed| digest_parts(HashAlgorithm::Sha256, &[b"EPOCH", seed]));
        let first = digest.as_slice().first_chunk();
        first.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localities_are_bits_up_to_four_and_numbers_from_thirty_two_on() {
        assert_eq!(check_locality(0, 4), Ok(()));
        assert_eq!(check_locality(0, 200), Ok(()));
        assert_eq!(check_locality(0b10001, 4), Ok(()));
        assert_eq!(check_locality(0b10001, 3), Err(Rc::LOCALITY));
        assert_eq!(check_locality(0b11111, 33), Err(Rc::LOCALITY));
        assert_eq!(check_locality(33, 33), Ok(()));
        assert_eq!(check_locality(33, 34), Err(Rc::LOCALITY));
        assert_eq!(check_locality(33, 0), Err(Rc::LOCALITY));
    }
}
