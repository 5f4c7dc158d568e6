//! Objects (Part 1, sections 22 to 28): keys, sealed data, and the slots they are loaded into.
//!
//! An [`Object`] in memory is whole and was checked: its public area fits together, its sensitive area (if there is
//! one) belongs to it, its name is that of its public area. Everything else in this folder makes such a value or
//! takes it apart for the outside.

mod binding;
pub(crate) mod check;
mod create;
#[cfg_attr(not(feature = "full"), path = "derive_none.rs")]
pub(crate) mod derive;
pub(crate) mod exchange;
mod family;
#[cfg(feature = "full")]
pub(crate) mod inner;
mod persistent;
mod primaries;
pub(crate) mod protect;
#[cfg_attr(not(feature = "full"), path = "rsa_none.rs")]
mod rsa;
#[cfg_attr(not(feature = "full"), path = "rsa_schemes_none.rs")]
mod rsa_schemes;
#[cfg_attr(not(feature = "full"), path = "search_none.rs")]
mod search;
pub(crate) mod sequence;
mod sign;
mod slots;
#[cfg(all(test, feature = "full"))]
mod vectors;

use crate::core::Core;
use crate::entity::{Guard, Policy};
use crate::handle::{Handle, Hierarchy, Kind};
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::{
    AuthValue, MAX_PUBLIC, MAX_SENSITIVE_AREA, Name, Public, PublicOrUnnamed, Sensitive,
};
use crate::wire::{Input, Output};
use ironroot_crypto::drbg::Drbg;

pub(crate) use binding::{Blame, check_both, check_public};
pub(crate) use create::{Creation, Origin};
#[cfg(feature = "full")]
pub(crate) use family::Parent;
pub(crate) use family::{Family, qualified_name};
pub(crate) use persistent::find;
pub(crate) use protect::Protector;
pub(crate) use search::Search;
pub(crate) use sequence::Sequence;
pub use slots::ObjectSlot;
pub(crate) use slots::Objects;

/// The longest object as it is saved, in bytes.
pub(crate) const MAX_SAVED: usize = 8 + MAX_PUBLIC + 2 + (2 + MAX_DIGEST) * 2 + MAX_SENSITIVE_AREA;
/// Version of the saved form; the first byte.
const SAVED_VERSION: u8 = 1;
const EXTERNAL: u8 = 0x01;
const ST_CLEAR: u8 = 0x02;
const HAS_SENSITIVE: u8 = 0x04;

/// A loaded object.
pub(crate) struct Object {
    /// Its public area.
    pub(crate) public: Public,
    /// Its sensitive area; `None` if only the public one was loaded.
    pub(crate) sensitive: Option<Sensitive>,
    /// Its name; empty without a name algorithm.
    pub(crate) name: Name,
    /// Its name under all its ancestors.
    pub(crate) qualified_name: Name,
    /// The hierarchy it belongs to.
    pub(crate) hierarchy: Hierarchy,
    /// It came in by LoadExternal: nobody's child, nobody's parent.
    pub(crate) external: bool,
    /// It, or an ancestor, does not outlive Startup(CLEAR), not even as a saved context.
    pub(crate) st_clear: bool,
}

impl Object {
    /// The sensitive area.
    ///
    /// # Errors
    /// `KEY`: only the public part is loaded.
    pub(crate) fn sensitive(&self) -> Result<&Sensitive> {
        self.sensitive.as_ref().ok_or(Rc::KEY)
    }

    /// Writes it for a record or a saved context. What is written holds secrets.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.put(&SAVED_VERSION)?;
        out.put(
            &(flag(self.external, EXTERNAL)
                | flag(self.st_clear, ST_CLEAR)
                | flag(self.sensitive.is_some(), HAS_SENSITIVE)),
        )?;
        out.put(&self.hierarchy)?;
        out.put(&self.public)?;
        out.put(&self.qualified_name)?;
        match &self.sensitive {
            Some(sensitive) => out.put(sensitive),
            None => Ok(()),
        }
    }

    /// Reads what [`Object::write`] wrote.
    ///
    /// # Errors
    /// Some code: it is not that, or of another version.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self> {
        let (version, flags): (u8, u8) = (input.get()?, input.get()?);
        if version != SAVED_VERSION || flags & !(EXTERNAL | ST_CLEAR | HAS_SENSITIVE) != 0 {
            return Err(Rc::FAILURE);
        }
        let hierarchy = input.get()?;
        let public = input.get::<PublicOrUnnamed>()?.0;
        let qualified_name = input.get()?;
        let sensitive: Option<Sensitive> = match flags & HAS_SENSITIVE != 0 {
            true => Some(input.get()?),
            false => None,
        };
        if sensitive
            .as_ref()
            .is_some_and(|sensitive| sensitive.kind != public.kind())
        {
            return Err(Rc::FAILURE);
        }
        Ok(Self {
            name: public.name()?,
            public,
            sensitive,
            qualified_name,
            hierarchy,
            external: flags & EXTERNAL != 0,
            st_clear: flags & ST_CLEAR != 0,
        })
    }

    fn guard(&self) -> Result<Guard> {
        use crate::attributes::ObjectAttributes as A;
        let sensitive = self.sensitive.as_ref().ok_or(Rc::AUTH_UNAVAILABLE)?;
        Ok(Guard {
            auth: sensitive.auth.duplicate(),
            policy: Policy {
                hash: self.public.name_alg,
                digest: self.public.policy,
            },
            user_with_auth: self.public.has(A::USER_WITH_AUTH),
            admin_with_policy: self.public.has(A::ADMIN_WITH_POLICY),
            protected_from_guessing: !self.public.has(A::NO_DA),
        })
    }
}

impl Core<'_> {
    /// Shows an object, loaded or persistent, to `look`.
    ///
    /// # Errors
    /// `REFERENCE_H0`: nothing is loaded there; `SEQUENCE`: a sequence is; `HANDLE`: no such persistent object.
    pub(crate) fn with_object<T>(
        &mut self,
        handle: Handle,
        look: impl FnOnce(&Object) -> T,
    ) -> Result<T> {
        find(&mut self.objects, self.store, handle).map(look)
    }

    /// The same for work that needs random numbers, too.
    ///
    /// # Errors
    /// As [`Core::with_object`].
    pub(crate) fn with_object_and_drbg<T>(
        &mut self,
        handle: Handle,
        work: impl FnOnce(&Object, &mut Drbg) -> T,
    ) -> Result<T> {
        let object = find(&mut self.objects, self.store, handle)?;
        Ok(work(object, &mut self.drbg))
    }

    /// Auth value, policy and rules of an object or a sequence.
    ///
    /// # Errors
    /// As [`Core::with_object`]; `AUTH_UNAVAILABLE`: only the public part is loaded.
    pub(crate) fn object_guard(&mut self, handle: Handle) -> Result<Guard> {
        if let Some(sequence) = self.objects.sequence(handle) {
            return Ok(Guard {
                auth: sequence.auth.duplicate(),
                policy: Policy::NONE,
                user_with_auth: true,
                admin_with_policy: false,
                protected_from_guessing: false,
            });
        }
        self.with_object(handle, Object::guard)?
    }

    /// Refuses a handle that names a sequence where an object is wanted.
    ///
    /// # Errors
    /// `refusal`
    pub(crate) fn refuse_sequence(&self, handle: Handle, refusal: Rc) -> Result<()> {
        match handle.kind() == Kind::Transient && self.objects.sequence(handle).is_some() {
            true => Err(refusal),
            false => Ok(()),
        }
    }
}

/// An auth value for an object of that name algorithm: no longer than its digest.
///
/// # Errors
/// `SIZE`
pub(crate) fn fitting_auth(auth: AuthValue, public: &Public) -> Result<AuthValue> {
    let most = public.name_alg.map_or(MAX_DIGEST, |hash| hash.digest_len());
    match auth.len() <= most {
        true => Ok(auth),
        false => Err(Rc::SIZE),
    }
}
