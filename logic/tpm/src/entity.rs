//! Behind any handle: is it there, what is its name, its auth value, its policy (Part 1, sections 16 and 19).

use crate::core::Core;
use crate::handle::{Handle, Kind};
use crate::rc::{Rc, Result};
use crate::structures::{AuthValue, DigestBytes, Name};
#[cfg(feature = "full")]
use crate::supplement::timer_of;
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// A policy: the hash algorithm of the sessions that may satisfy it, and the digest they must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The algorithm; `None` means that there is no policy.
    pub(crate) hash: Option<HashAlgorithm>,
    /// The digest; empty means that no session satisfies it.
    pub(crate) digest: DigestBytes,
}

impl Policy {
    /// No session satisfies it.
    pub(crate) const NONE: Self = Self {
        hash: None,
        digest: DigestBytes::EMPTY,
    };
}

/// What authorisation needs to know of an entity.
pub(crate) struct Guard {
    /// Its auth value, trailing zeros taken away.
    pub(crate) auth: AuthValue,
    /// Its policy.
    pub(crate) policy: Policy,
    /// Whether role user is satisfied by the auth value.
    pub(crate) user_with_auth: bool,
    /// Whether role admin needs a policy.
    pub(crate) admin_with_policy: bool,
    /// Whether a wrong auth value counts for the lockout, and none is accepted while locked out.
    pub(crate) protected_from_guessing: bool,
}

impl Core<'_> {
    /// Refuses a handle whose entity is not there or not enabled. `number` counts from 1.
    ///
    /// # Errors
    /// `REFERENCE_H0` + n for what is not loaded, `HIERARCHY`, `HANDLE`, `VALUE` with the handle's number.
    pub(crate) fn check_handle(&mut self, handle: Handle, number: u8) -> Result<()> {
        match handle.kind() {
            Kind::Permanent => self.check_permanent(handle),
            Kind::Transient => self.objects.check(handle),
            Kind::Persistent => self.check_persistent(handle),
            Kind::Nv => self.check_nv(handle),
            Kind::HmacSession | Kind::PolicySession => self.sessions.check(handle),
            Kind::Pcr => Ok(()),
            Kind::Unknown => Err(Rc::VALUE),
        }
        .map_err(|rc| rc.handle(number))
    }

    /// The name of an entity (Part 1, section 16). What has no public area is named by its handle.
    ///
    /// # Errors
    /// As [`Core::check_handle`].
    pub(crate) fn name(&mut self, handle: Handle) -> Result<Name> {
        match handle.kind() {
            // A sequence has no public area, and so no name.
            Kind::Transient if self.objects.sequence(handle).is_some() => Ok(Name::EMPTY),
            Kind::Transient | Kind::Persistent => self.with_object(handle, |object| object.name),
            Kind::Nv => self.nv_name(handle),
            _ => Name::new(&handle.0.to_be_bytes()).ok_or(Rc::FAILURE),
        }
    }

    /// What authorisation needs to know of an entity.
    ///
    /// # Errors
    /// As [`Core::check_handle`].
    pub(crate) fn guard(&mut self, handle: Handle) -> Result<Guard> {
        match handle.kind() {
            Kind::Permanent => self.permanent_guard(handle),
            Kind::Transient | Kind::Persistent => self.object_guard(handle),
            Kind::Nv => self.nv_guard(handle),
            Kind::Pcr => self.pcr_guard(handle),
            Kind::HmacSession | Kind::PolicySession | Kind::Unknown => Err(Rc::HANDLE),
        }
    }
}

impl Core<'_> {
    /// Refuses a permanent handle that may not be used now.
    ///
    /// # Errors
    /// `HIERARCHY`: it is off.
    pub(crate) fn check_permanent(&self, handle: Handle) -> Result<()> {
        let on = match handle {
            Handle::OWNER => self.volatile.owner_enabled,
            Handle::ENDORSEMENT => self.volatile.endorsement_enabled,
            Handle::PLATFORM => self.volatile.platform_enabled,
            Handle::NULL | Handle::LOCKOUT => true,
            #[cfg(feature = "full")]
            _ if timer_of(handle).is_some() => true,
            Handle::PLATFORM_NV => self.volatile.platform_nv_enabled,
            _ => return Err(Rc::VALUE),
        };
        match on {
            true => Ok(()),
            false => Err(Rc::HIERARCHY),
        }
    }

    /// Auth value and policy of a hierarchy or of the lockout.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn permanent_guard(&self, handle: Handle) -> Result<Guard> {
        let kept = self.permanent.get();
        let (auth, policy) = match handle {
            Handle::OWNER => (kept.owner.auth.duplicate(), kept.owner.policy),
            Handle::ENDORSEMENT => (kept.endorsement.auth.duplicate(), kept.endorsement.policy),
            Handle::PLATFORM => (
                self.volatile.platform_auth.duplicate(),
                self.volatile.platform_policy,
            ),
            Handle::LOCKOUT => (kept.lockout_auth.duplicate(), kept.lockout_policy),
            Handle::NULL => (AuthValue::EMPTY, Policy::NONE),
            // The platform's auth value, a policy of its own.
            #[cfg(feature = "full")]
            _ => (
                self.volatile.platform_auth.duplicate(),
                timer_of(handle)
                    .and_then(|number| self.supplement.live.timers.get(number))
                    .ok_or(Rc::HANDLE)?
                    .policy,
            ),
            #[cfg(not(feature = "full"))]
            _ => return Err(Rc::HANDLE),
        };
        Ok(Guard {
            auth,
            policy,
            user_with_auth: true,
            admin_with_policy: false,
            protected_from_guessing: handle == Handle::LOCKOUT,
        })
    }
}
