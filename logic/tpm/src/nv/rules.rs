//! Who may read and write an index (Part 1, section 37.2; Part 3, section 31.1).

use super::{NvIndex, NvKind, NvPublic};
use crate::attributes::NvAttributes;
use crate::core::Core;
use crate::handle::Handle;
use crate::rc::{Rc, Result};

/// What a command does with the index that authorises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It writes.
    Write,
    /// It reads, or uses it as PolicySecret does.
    Read,
    /// Role admin: policy alone.
    Other,
}

impl Access {
    /// What the command of that code does: NV_Increment, NV_SetBits, NV_Extend, NV_Write, NV_WriteLock write;
    /// NV_ChangeAuth and NV_UndefineSpaceSpecial do neither.
    pub(crate) const fn of(code: u32) -> Self {
        match code {
            0x134..=0x138 => Self::Write,
            0x13b | 0x11f => Self::Other,
            _ => Self::Read,
        }
    }
}

/// What of an index may authorise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NvAccess {
    /// Its auth value.
    pub(crate) auth_value: bool,
    /// A session that satisfies its policy.
    pub(crate) policy: bool,
}

impl NvIndex {
    fn access(&self, access: Access) -> NvAccess {
        let public = &self.public;
        let policy = !public.policy.is_empty();
        match access {
            Access::Write => NvAccess {
                auth_value: public.has(NvAttributes::AUTH_WRITE),
                policy: policy && public.has(NvAttributes::POLICY_WRITE),
            },
            Access::Read => NvAccess {
                auth_value: match public.kind().is_pin() {
                    true => self.pin().is_some_and(|(used, limit)| used < limit),
                    false => public.has(NvAttributes::AUTH_READ),
                },
                policy: policy && public.has(NvAttributes::POLICY_READ),
            },
            Access::Other => NvAccess {
                auth_value: false,
                policy,
            },
        }
    }
}

impl NvPublic {
    /// What is left to check once `authority` has authorised a write.
    ///
    /// # Errors
    /// `NV_LOCKED`, `NV_AUTHORIZATION`
    pub(crate) fn check_write(&self, authority: Handle) -> Result<()> {
        if self.has(NvAttributes::WRITE_LOCKED) {
            return Err(Rc::NV_LOCKED);
        }
        self.check_authority(authority, NvAttributes::OWNER_WRITE, NvAttributes::PP_WRITE)
    }

    /// What is left to check once `authority` has authorised a read.
    ///
    /// # Errors
    /// `NV_LOCKED`, `NV_AUTHORIZATION`, `NV_UNINITIALIZED`; in this order.
    pub(crate) fn check_read(&self, authority: Handle) -> Result<()> {
        if self.has(NvAttributes::READ_LOCKED) {
            return Err(Rc::NV_LOCKED);
        }
        self.check_authority(authority, NvAttributes::OWNER_READ, NvAttributes::PP_READ)?;
        match self.has(NvAttributes::WRITTEN) {
            true => Ok(()),
            false => Err(Rc::NV_UNINITIALIZED),
        }
    }

    /// Owner and platform as the attributes say; an index for itself only.
    fn check_authority(
        &self,
        authority: Handle,
        owner: NvAttributes,
        platform: NvAttributes,
    ) -> Result<()> {
        let may = match authority {
            Handle::OWNER => self.has(owner),
            Handle::PLATFORM => self.has(platform),
            other => other == self.handle,
        };
        match may {
            true => Ok(()),
            false => Err(Rc::NV_AUTHORIZATION),
        }
    }

    /// Whether such an index may be defined by `authority` (Part 3, section 31.3).
    ///
    /// # Errors
    /// `SIZE` or `ATTRIBUTES`, of parameter 2 or handle 1.
    pub(crate) fn check_definition(&self, authority: Handle) -> Result<()> {
        let digest_len = self.name_alg.digest_len();
        if !self.policy.is_empty() && self.policy.len() != digest_len {
            return Err(Rc::SIZE.parameter(2));
        }
        let kind = NvKind::of(self.attributes).ok_or(Rc::ATTRIBUTES.parameter(2))?;
        let fits = match kind {
            NvKind::Ordinary => true,
            NvKind::Extend => self.len() == digest_len,
            NvKind::Counter | NvKind::Bits | NvKind::PinFail | NvKind::PinPass => self.len() == 8,
        };
        if !fits {
            return Err(Rc::SIZE.parameter(2));
        }
        self.check_attributes(kind, authority)?;
        // An index that only whole writes may change must fit one.
        match self.has(NvAttributes::WRITE_ALL) && self.len() > crate::profile::MAX_NV_BUFFER {
            true => Err(Rc::SIZE.parameter(2)),
            false => Ok(()),
        }
    }

    fn check_attributes(&self, kind: NvKind, authority: Handle) -> Result<()> {
        use NvAttributes as Nv;
        let any = |attributes: NvAttributes| self.attributes.has_any(attributes);
        let readers = Nv::OWNER_READ
            .with(Nv::PP_READ)
            .with(Nv::AUTH_READ)
            .with(Nv::POLICY_READ);
        let writers = Nv::OWNER_WRITE
            .with(Nv::PP_WRITE)
            .with(Nv::AUTH_WRITE)
            .with(Nv::POLICY_WRITE);
        let state = Nv::WRITTEN.with(Nv::WRITE_LOCKED).with(Nv::READ_LOCKED);
        let not_for_pins = Nv::AUTH_WRITE.with(Nv::GLOBAL_LOCK).with(Nv::WRITE_DEFINE);
        let wrong = match kind {
            NvKind::Counter => any(Nv::CLEAR_ST_CLEAR),
            // Failures are counted by the index itself; it would lock its own writer out.
            NvKind::PinFail => !self.has(Nv::NO_DA) || any(not_for_pins),
            NvKind::PinPass => any(not_for_pins),
            NvKind::Ordinary | NvKind::Bits | NvKind::Extend => false,
        };
        let cleared_and_locked = self.has(Nv::CLEAR_ST_CLEAR.with(Nv::WRITE_DEFINE));
        if wrong || any(state) || !any(readers) || !any(writers) || cleared_and_locked {
            return Err(Rc::ATTRIBUTES.parameter(2));
        }
        if self.has(Nv::PLATFORM_CREATE) != (authority == Handle::PLATFORM) {
            return Err(Rc::ATTRIBUTES.handle(1));
        }
        match self.has(Nv::POLICY_DELETE) && authority != Handle::PLATFORM {
            true => Err(Rc::ATTRIBUTES.parameter(2)),
            false => Ok(()),
        }
    }
}

impl Core<'_> {
    /// What of an index may authorise a command that does `access` with it.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn nv_access(&mut self, handle: Handle, access: Access) -> Result<NvAccess> {
        Ok(self.nv_index(handle)?.access(access))
    }

    /// Shows public area and data of an index to `look` after the checks of a read that `authority` authorised.
    ///
    /// Used by PolicyNV, PolicyAuthorizeNV and NV_Certify.
    ///
    /// # Errors
    /// As [`NvPublic::check_read`].
    pub(crate) fn nv_read_for_policy<T>(
        &mut self,
        authority: Handle,
        handle: Handle,
        look: impl FnOnce(&NvPublic, &[u8]) -> T,
    ) -> Result<T> {
        let index = self.nv_index(handle)?;
        index.public.check_read(authority)?;
        Ok(index.expose(|data| look(&index.public, data)))
    }

    /// Whether an index was written (PolicyNvWritten).
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn nv_written(&mut self, handle: Handle) -> Result<bool> {
        Ok(self.nv_index(handle)?.public.has(NvAttributes::WRITTEN))
    }
}
