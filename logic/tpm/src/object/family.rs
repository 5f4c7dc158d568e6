//! What children must know of their parent, and names under ancestors (Part 1, section 16.4).

use super::derive::ParentSecret;
use super::protect::Protector;
use super::{Object, find};
use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::handle::{Handle, Hierarchy};
use crate::rc::{Rc, Result};
use crate::structures::name_of;
use crate::structures::{Name, ObjectKind, Parameters, Public, Sensitive, SymDefObject};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// What the public side of a child depends on.
pub(crate) struct Family {
    pub(crate) attributes: ObjectAttributes,
    pub(crate) name_alg: HashAlgorithm,
    /// How it protects its children; `None` for a parent of derived keys.
    pub(crate) symmetric: Option<SymDefObject>,
    pub(crate) name: Name,
    pub(crate) qualified_name: Name,
    pub(crate) hierarchy: Hierarchy,
    pub(crate) st_clear: bool,
}

impl Family {
    /// Whether the parent never leaves this TPM.
    pub(crate) const fn is_fixed_tpm(&self) -> bool {
        self.attributes.has(ObjectAttributes::FIXED_TPM)
    }

    /// Whether its children are derived, not protected.
    pub(crate) const fn derives(&self) -> bool {
        self.symmetric.is_none()
    }

    /// A child that was checked, as it is loaded.
    ///
    /// # Errors
    /// `FAILURE`: never.
    pub(crate) fn child(&self, public: Public, sensitive: Sensitive, name: Name) -> Result<Object> {
        Ok(Object {
            qualified_name: qualified_name(public.name_alg, self.qualified_name.as_slice(), &name)?,
            st_clear: self.st_clear || public.has(ObjectAttributes::ST_CLEAR),
            hierarchy: self.hierarchy,
            external: false,
            sensitive: Some(sensitive),
            public,
            name,
        })
    }
}

/// A parent of ordinary objects, or of derived ones.
pub(crate) enum Parent {
    /// Protects what is stored outside the TPM.
    Storage(Family, Protector),
    /// Other keys follow from its secret.
    #[cfg_attr(
        not(feature = "full"),
        expect(dead_code, reason = "there is none, so it takes no code")
    )]
    Derivation(Family, ParentSecret),
}

impl Object {
    /// What it is as a parent; `None`: it may be nobody's. A parent is restricted, decrypts, has its private part
    /// loaded and did not come in by LoadExternal.
    fn as_parent(&self) -> Option<Parent> {
        let sensitive = self.sensitive.as_ref()?;
        if self.external || !self.public.has_parent_attributes() {
            return None;
        }
        let family = Family {
            attributes: self.public.attributes,
            name_alg: self.public.name_alg?,
            symmetric: self.public.parameters.symmetric(),
            name: self.name,
            qualified_name: self.qualified_name,
            hierarchy: self.hierarchy,
            st_clear: self.st_clear,
        };
        match self.public.parameters {
            Parameters::KeyedHash { scheme } => {
                let secret = ParentSecret::of(scheme, sensitive)?;
                Some(Parent::Derivation(family, secret))
            }
            _ => {
                let protector = Protector::of(&self.public, sensitive.seed.duplicate())?;
                Some(Parent::Storage(family, protector))
            }
        }
    }

    /// Whether it may get duplicated objects: an asymmetric storage key, of which the public part is enough.
    #[cfg(feature = "full")]
    pub(crate) fn is_storage(&self) -> bool {
        self.public.kind().is_asymmetric()
            && self.public.has_parent_attributes()
            && self.public.name_alg.is_some()
    }
}

impl Core<'_> {
    /// A parent of either kind.
    ///
    /// # Errors
    /// `TYPE` with the handle's number (1): it is none.
    pub(crate) fn any_parent(&mut self, handle: Handle) -> Result<Parent> {
        let found = match find(&mut self.objects, self.store, handle) {
            Err(Rc::SEQUENCE) => None,
            object => object?.as_parent(),
        };
        found.ok_or(Rc::TYPE.handle(1))
    }

    /// A parent of ordinary objects.
    ///
    /// # Errors
    /// `TYPE` with the handle's number (1): it is none.
    pub(crate) fn storage_parent(&mut self, handle: Handle) -> Result<(Family, Protector)> {
        match self.any_parent(handle)? {
            Parent::Storage(family, protector) => Ok((family, protector)),
            Parent::Derivation(..) => Err(Rc::TYPE.handle(1)),
        }
    }
}

impl Public {
    /// The kind of parent's type that can agree on a secret: asymmetric.
    pub(crate) fn is_asymmetric_parent(&self) -> bool {
        matches!(self.kind(), ObjectKind::Rsa | ObjectKind::Ecc) && self.has_parent_attributes()
    }
}

/// The qualified name: digest over the parent's and the object's own; `parent` is a hierarchy's handle for primaries.
///
/// # Errors
/// `FAILURE`: never.
pub(crate) fn qualified_name(
    name_alg: Option<HashAlgorithm>,
    parent: &[u8],
    name: &Name,
) -> Result<Name> {
    match name_alg {
        Some(hash) => name_of(hash, &[parent, name.as_slice()]),
        None => Ok(Name::EMPTY),
    }
}
