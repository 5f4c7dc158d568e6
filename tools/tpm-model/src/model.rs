//! What a TPM must hold, in plain collections: hierarchies, who may do what, and what a start makes of it all.

use crate::clock::Clock;
use crate::lockout::Lockout;
use crate::numbers::{cc, nv, rc, rh};
use crate::nv::{Nv, PIN_FAIL, PIN_PASS};
use crate::object::{Loaded, Object, Objects};
use crate::pcr::Pcrs;
use crate::session::{Kind, Policy, Session, Sessions};
use std::collections::BTreeMap;

/// How the TPM was last shut down; every command that may change something makes it `No`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    No,
    Clear,
    State {
        measured: bool,
        locality_three: bool,
    },
}

/// A hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) auth: Vec<u8>,
    pub(crate) enabled: bool,
    /// Numbers that stand for its secrets.
    pub(crate) seed: u64,
    pub(crate) proof: u64,
}

/// Which start it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Reset,
    Restart,
    Resume,
}

/// What Shutdown(STATE) kept that signals may change since.
#[derive(Clone, Debug, Default)]
struct Kept {
    pcrs: BTreeMap<(u16, u32), Vec<u8>>,
    restart_count: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) running: bool,
    pub(crate) shut: Shut,
    /// How it was shut down before it was started.
    pub(crate) found_orderly: bool,
    kept: Kept,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) platform_nv: bool,
    pub(crate) lockout_auth: Vec<u8>,
    pub(crate) clear_disabled: bool,
    pub(crate) reset_count: u32,
    pub(crate) restart_count: u32,
    /// Resets and restarts in its life.
    pub(crate) resets: u64,
    pub(crate) clears: u64,
    pub(crate) pcrs: Pcrs,
    pub(crate) nv: Nv,
    pub(crate) lockout: Lockout,
    pub(crate) clock: Clock,
    pub(crate) objects: Objects,
    pub(crate) sessions: Sessions,
    /// Of the command at hand: what was guarded, and the PIN index that was used with what it then counts.
    pub(crate) guarded: bool,
    pub(crate) pin_used: Option<(u32, u32)>,
    last_number: u64,
}

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
    pub(crate) fn new() -> Self {
        let mut model = Self {
            running: false,
            // Manufacture leaves it so.
            shut: Shut::Clear,
            found_orderly: false,
            kept: Kept::default(),
            roots: BTreeMap::new(),
            platform_nv: true,
            lockout_auth: Vec::new(),
            clear_disabled: false,
            reset_count: 0,
            restart_count: 0,
            resets: 0,
            clears: 0,
            pcrs: Pcrs::new(),
            nv: Nv::default(),
            lockout: Lockout::new(),
            clock: Clock::new(),
            objects: Objects::default(),
            sessions: Sessions::default(),
            guarded: false,
            pin_used: None,
            last_number: 0,
        };
        for hierarchy in [rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM, rh::NULL] {
            let root = Root {
                auth: Vec::new(),
                enabled: true,
                seed: model.number(),
                proof: model.number(),
            };
            model.roots.insert(hierarchy, root);
        }
        model
    }

    /// A number that was never given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn root(&mut self, hierarchy: u32) -> &mut Root {
        self.roots.get_mut(&hierarchy).expect("a hierarchy")
    }

    /// What comes before each command (its code is known).
    pub(crate) fn begin(&mut self, code: u32) -> Result<(), u32> {
        (self.guarded, self.pin_used) = (false, None);
        if !self.running {
            return match code {
                cc::STARTUP => Ok(()),
                _ => Err(rc::INITIALIZE),
            };
        }
        self.pcrs.measurement = None;
        self.lockout.heal(self.clock.time);
        if !cc::READ_ONLY.contains(&code) {
            self.shut = Shut::No;
        }
        Ok(())
    }

    /// The handle names something that is there and enabled.
    pub(crate) fn there(&self, handle: u32, number: u32) -> Result<(), u32> {
        let enabled = |hierarchy: u32| self.roots[&hierarchy].enabled;
        let absent = Err(rc::handle(rc::HANDLE, number));
        match handle >> 24 {
            0x00 => Ok(()),
            0x01 => match self.nv.indices.get(&handle) {
                Some(index) if index.has(nv::PLATFORM_CREATE) && self.platform_nv => Ok(()),
                Some(index) if !index.has(nv::PLATFORM_CREATE) && enabled(rh::OWNER) => Ok(()),
                _ => absent,
            },
            0x02 | 0x03 => match self.sessions.get(handle) {
                Some(_) => Ok(()),
                None => Err(rc::REFERENCE_H0 + number - 1),
            },
            0x80 => match self.objects.loaded.contains_key(&handle) {
                true => Ok(()),
                false => Err(rc::REFERENCE_H0 + number - 1),
            },
            0x81 => match self.objects.persistent.get(&handle) {
                Some(object)
                    if enabled(object.hierarchy)
                        && (handle < 0x8180_0000 || enabled(rh::PLATFORM)) =>
                {
                    Ok(())
                }
                _ => absent,
            },
            _ => match self.roots.get(&handle) {
                Some(root) if !root.enabled => Err(rc::handle(rc::HIERARCHY, number)),
                _ => Ok(()),
            },
        }
    }

    pub(crate) fn object(&self, handle: u32) -> Option<&Object> {
        match self.objects.loaded.get(&handle) {
            Some(loaded) => loaded.object(),
            None => self.objects.persistent.get(&handle),
        }
    }

    pub(crate) fn is_sequence(&self, handle: u32) -> bool {
        matches!(self.objects.loaded.get(&handle), Some(Loaded::Sequence(_)))
    }

    /// Its name (Part 1, section 16).
    pub(crate) fn name(&self, handle: u32) -> Vec<u8> {
        match handle >> 24 {
            0x01 => self
                .nv
                .indices
                .get(&handle)
                .map_or_else(Vec::new, |index| index.name(handle)),
            0x80 | 0x81 => self
                .object(handle)
                .map_or_else(Vec::new, |object| object.name.clone()),
            _ => handle.to_be_bytes().to_vec(),
        }
    }

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

    /// `_TPM_Init`.
    pub(crate) fn power_on(&mut self) {
        self.running = false;
        self.pcrs.power_on();
        self.lockout.power_on();
        self.clock.power_on(self.shut != Shut::No);
        self.objects.loaded.clear();
    }

    /// Startup; gives which start it is.
    pub(crate) fn startup(&mut self, kind: u16, locality: u8) -> Result<Start, u32> {
        if self.running {
            return Err(rc::INITIALIZE);
        }
        if kind > 1 {
            return Err(rc::parameter(rc::VALUE, 1));
        }
        if !matches!(locality, 0 | 3) {
            return Err(rc::LOCALITY);
        }
        let from_three = locality == 3 && !self.pcrs.measured;
        let start = match (kind, self.shut) {
            (
                1,
                Shut::State {
                    measured,
                    locality_three,
                },
            ) => {
                if measured != self.pcrs.measured {
                    return Err(rc::parameter(rc::VALUE, 1));
                }
                if locality_three != from_three {
                    return Err(rc::LOCALITY);
                }
                Start::Resume
            }
            (1, _) => return Err(rc::parameter(rc::VALUE, 1)),
            (_, Shut::State { .. }) => Start::Restart,
            _ => Start::Reset,
        };
        self.started(start, from_three);
        Ok(start)
    }

    fn started(&mut self, start: Start, from_three: bool) {
        let orderly = self.shut != Shut::No;
        self.pcrs.measurement = None;
        self.lockout.start(orderly);
        self.found_orderly = orderly;
        self.shut = Shut::No;
        self.running = true;
        self.pcrs.locality_three = from_three;
        match start {
            Start::Reset => {
                self.reset_count = self.reset_count.wrapping_add(1);
                self.restart_count = 0;
                self.resets += 1;
                self.sessions.active.clear();
                let (seed, proof) = (self.number(), self.number());
                let null = self.root(rh::NULL);
                (null.seed, null.proof) = (seed, proof);
            }
            Start::Restart | Start::Resume => {
                self.restart_count = self.kept.restart_count + 1;
                self.sessions.restart();
            }
        }
        if start != Start::Resume {
            self.clears += 1;
            self.nv.start(start == Start::Reset, orderly);
            self.roots.values_mut().for_each(|root| root.enabled = true);
            self.platform_nv = true;
            self.root(rh::PLATFORM).auth.clear();
        }
        self.root(rh::PLATFORM).enabled = true;
        let kept = core::mem::take(&mut self.kept.pcrs);
        self.pcrs.start((start == Start::Resume).then_some(&kept));
    }

    pub(crate) fn shutdown(&mut self, kind: u16) -> Result<(), u32> {
        let shut = match kind {
            0 => Shut::Clear,
            1 if self.pcrs.reallocated => return Err(rc::parameter(rc::TYPE, 1)),
            1 => Shut::State {
                measured: self.pcrs.measured,
                locality_three: self.pcrs.locality_three,
            },
            _ => return Err(rc::parameter(rc::VALUE, 1)),
        };
        self.shut = shut;
        self.lockout.keep();
        self.clock.keep();
        self.kept = Kept {
            pcrs: self.pcrs.kept(),
            restart_count: self.restart_count,
        };
        Ok(())
    }

    /// `_TPM_Hash_End`.
    pub(crate) fn hash_end(&mut self) {
        if self.pcrs.measure(self.running) && self.running {
            self.restart_count += 1;
        }
    }

    /// Part 3, section 24.6.
    pub(crate) fn clear(&mut self) -> Result<(), u32> {
        if self.clear_disabled {
            return Err(rc::DISABLED);
        }
        for hierarchy in [rh::OWNER, rh::ENDORSEMENT] {
            let (seed, proof) = (self.number(), self.number());
            let root = self.root(hierarchy);
            root.auth.clear();
            root.enabled = true;
            root.proof = proof;
            if hierarchy == rh::OWNER {
                root.seed = seed;
            }
            self.objects.flush_hierarchy(hierarchy);
            self.objects.evict_hierarchy(hierarchy);
        }
        self.lockout_auth.clear();
        self.lockout = Lockout::new();
        self.nv.clear();
        (self.reset_count, self.restart_count) = (0, 0);
        self.clock.cleared();
        self.pcrs.changed(0);
        Ok(())
    }

    pub(crate) fn hierarchy_control(
        &mut self,
        authority: u32,
        which: u32,
        on: bool,
    ) -> Result<(), u32> {
        let own = matches!(which, rh::OWNER | rh::ENDORSEMENT) && authority == which;
        if authority != rh::PLATFORM && !own {
            return Err(rc::AUTH_TYPE);
        }
        if which == rh::PLATFORM_NV {
            self.platform_nv = on;
            return Ok(());
        }
        self.root(which).enabled = on;
        if !on {
            self.objects.flush_hierarchy(which);
        }
        Ok(())
    }

    /// A hierarchy gets another seed (ChangeEPS, ChangePPS).
    pub(crate) fn change_seed(&mut self, hierarchy: u32) {
        let (seed, proof) = (self.number(), self.number());
        let root = self.root(hierarchy);
        (root.seed, root.proof) = (seed, proof);
        if hierarchy == rh::ENDORSEMENT {
            root.auth.clear();
            root.enabled = true;
        }
        self.objects.flush_hierarchy(hierarchy);
        self.objects.evict_hierarchy(hierarchy);
    }
}

/// Whether the command writes the index that authorises it.
fn writes(code: u32) -> bool {
    matches!(
        code,
        cc::NV_INCREMENT | cc::NV_SET_BITS | cc::NV_EXTEND | cc::NV_WRITE | cc::NV_WRITE_LOCK
    )
}
