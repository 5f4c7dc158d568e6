//! Who may do what (Part 1, section 19): auth values, policies, and what a wrong one counts.

use crate::model::Model;
use crate::numbers::{cc, nv, rc, rh};
use crate::nv::{PIN_FAIL, PIN_PASS};
use crate::session::{Kind, Policy, Session};
use crate::starts::Shut;

/// How a command is authorised.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) by: By,
    /// The auth value that the caller knows, or takes for right.
    pub(crate) value: Vec<u8>,
    pub(crate) goes_on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Password,
    Session(u32),
}

/// What authorisation must know of an entity.
pub(crate) struct Entity {
    pub(crate) auth: Vec<u8>,
    pub(crate) guarded: bool,
    user_with_auth: bool,
    /// `None`: there is no policy.
    policy: Option<Vec<u8>>,
    /// It is an index that a policy may write.
    by_policy: bool,
}

impl Entity {
    /// Whether its auth value is not what it is mostly used with.
    pub(crate) fn wants_policy(&self) -> bool {
        !self.user_with_auth || self.by_policy
    }
}

impl Model {
    /// `None`: it is not there.
    pub(crate) fn entity(&self, handle: u32) -> Option<Entity> {
        let plain = |auth: &[u8], guarded: bool| Entity {
            auth: auth.to_vec(),
            guarded,
            user_with_auth: true,
            policy: None,
            by_policy: false,
        };
        match handle >> 24 {
            0x00 => Some(plain(b"", false)),
            0x01 => self.nv.indices.get(&handle).map(|index| Entity {
                policy: Some(index.policy.clone()).filter(|policy| !policy.is_empty()),
                by_policy: index.has(nv::POLICY_WRITE),
                ..plain(&index.auth, !index.has(nv::NO_DA))
            }),
            0x80 if self.is_sequence(handle) => {
                Some(plain(self.objects.loaded[&handle].auth(), false))
            }
            0x80 | 0x81 => self.object(handle).map(|object| Entity {
                user_with_auth: object.user_with_auth,
                policy: Some(object.policy.clone()),
                ..plain(&object.auth, !object.no_da)
            }),
            _ if handle == rh::LOCKOUT => Some(plain(&self.lockout_auth, true)),
            _ => self.roots.get(&handle).map(|root| plain(&root.auth, false)),
        }
    }

    /// Whether the caller may do this to the entity, role user (Part 1, section 19.2). Counts what is to be counted.
    pub(crate) fn authorise(
        &mut self,
        code: u32,
        handle: u32,
        given: &Given,
        number: u32,
    ) -> Result<(), u32> {
        let entity = self.entity(handle).expect("it is there");
        let session = match given.by {
            By::Password => None,
            By::Session(session) => self.sessions.get(session).cloned(),
        };
        if session
            .as_ref()
            .is_some_and(|session| session.kind == Kind::Trial)
        {
            return Err(rc::session(rc::ATTRIBUTES, number));
        }
        let policy = session
            .as_ref()
            .filter(|session| session.kind == Kind::Policy);
        let by_auth =
            policy.is_none_or(|session| session.policy.auth_value || session.policy.password);
        if by_auth && entity.guarded {
            let locked = match handle {
                rh::LOCKOUT => !self.lockout.usable,
                _ => self.lockout.is_locked(),
            };
            if locked {
                return Err(rc::LOCKOUT);
            }
            self.guarded = true;
            self.lockout.tried |= handle != rh::LOCKOUT;
        }
        match policy {
            Some(session) => self.check_policy(code, handle, &entity, session, number)?,
            None if !self.auth_available(code, handle, &entity) => {
                return Err(rc::AUTH_UNAVAILABLE);
            }
            None => {}
        }
        match by_auth {
            true => self.compare(handle, &entity, &given.value, number),
            false => Ok(()),
        }
    }

    fn compare(
        &mut self,
        handle: u32,
        entity: &Entity,
        value: &[u8],
        number: u32,
    ) -> Result<(), u32> {
        let right = entity.auth == value;
        if let Some(index) = self.nv.indices.get_mut(&handle)
            && let Some((uses, _)) = index.pin()
        {
            let now = match (index.kind(), right) {
                (PIN_FAIL, false) | (PIN_PASS, true) => uses.saturating_add(1),
                (PIN_FAIL, true) => 0,
                _ => uses,
            };
            index.set_pin_uses(now);
            self.pin_used = Some((handle, now));
        }
        if right {
            return Ok(());
        }
        let now = self.clock.time;
        match (handle, entity.guarded) {
            (rh::LOCKOUT, _) => self.lockout.lockout_failed(now),
            (_, true) => self.lockout.failed(now),
            (_, false) => return Err(rc::session(rc::BAD_AUTH, number)),
        }
        Err(rc::session(rc::AUTH_FAIL, number))
    }

    fn auth_available(&self, code: u32, handle: u32, entity: &Entity) -> bool {
        let Some(index) = self.nv.indices.get(&handle) else {
            return entity.user_with_auth;
        };
        match (writes(code), index.is_pin()) {
            (true, _) => index.has(nv::AUTH_WRITE),
            (false, true) => index.pin().is_some_and(|(uses, limit)| uses < limit),
            (false, false) => index.has(nv::AUTH_READ),
        }
    }

    fn check_policy(
        &self,
        code: u32,
        handle: u32,
        entity: &Entity,
        session: &Session,
        number: u32,
    ) -> Result<(), u32> {
        let Some(wanted) = &entity.policy else {
            return Err(rc::AUTH_UNAVAILABLE);
        };
        if let Some(index) = self.nv.indices.get(&handle) {
            let bit = if writes(code) {
                nv::POLICY_WRITE
            } else {
                nv::POLICY_READ
            };
            if !index.has(bit) {
                return Err(rc::AUTH_UNAVAILABLE);
            }
        }
        let policy: &Policy = &session.policy;
        if policy.pcrs.is_some_and(|stamp| stamp != self.pcrs.stamp) {
            return Err(rc::PCR_CHANGED);
        }
        if policy.digest != *wanted {
            return Err(rc::session(rc::POLICY_FAIL, number));
        }
        match policy.code {
            Some(only) if only != code => Err(rc::session(rc::POLICY_CC, number)),
            _ => Ok(()),
        }
    }

    /// A command that used this session succeeded.
    pub(crate) fn used(&mut self, given: &Given, nonce: &[u8]) {
        let By::Session(handle) = given.by else {
            return;
        };
        if !given.goes_on {
            self.sessions.active.remove(&handle);
        } else if let Some(session) = self.sessions.active.get_mut(&handle) {
            session.nonce_tpm = nonce.to_vec();
            session.policy = Policy::new();
        }
    }

    /// The store failed a command after `commits` of its writes: what that command had to keep before it began.
    pub(crate) fn after_fault(
        &mut self,
        code: u32,
        commits: usize,
        judged: &Self,
        wrong_auth: bool,
    ) {
        if !self.running {
            return;
        }
        self.lockout.heal(self.clock.time);
        let first = usize::from(self.shut != Shut::No && !cc::READ_ONLY.contains(&code));
        self.pcrs.measurement = None;
        if first == 1 && commits == 0 {
            return;
        }
        if first == 1 {
            self.shut = Shut::No;
        }
        let rest = commits - first;
        let notes = judged.lockout.tried && !self.lockout.tried;
        if notes && rest == 0 {
            return;
        }
        self.lockout.tried |= judged.lockout.tried;
        if let (Some((handle, uses)), true) = (judged.pin_used, rest > 0) {
            let index = self.nv.indices.get_mut(&handle).expect("it was used");
            index.set_pin_uses(uses);
        }
        if wrong_auth && judged.guarded {
            match judged.lockout.usable == self.lockout.usable {
                true => self.lockout.failed_unkept(self.clock.time),
                false => self.lockout.lockout_failed_unkept(self.clock.time),
            }
        }
    }
}

/// Whether the command writes the index that authorises it.
fn writes(code: u32) -> bool {
    matches!(
        code,
        cc::NV_INCREMENT | cc::NV_SET_BITS | cc::NV_EXTEND | cc::NV_WRITE | cc::NV_WRITE_LOCK
    )
}
