//! Finding, making and destroying keys.

use super::builtin::{self, BuiltinSecrets};
use super::{Key, KeyKind, Material, record};
use crate::space;
use crate::store::Store;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{KeyAttributes, KeyId, Lifetime, Usage};
use ironroot_vault::RecordId;

/// How many volatile keys there can be, of all clients together.
pub(crate) const MAX_VOLATILE_KEYS: usize = 16;

/// Volatile ids lie here, below the built-in ones.
const VOLATILE_FIRST: u32 = KeyId::VENDOR_MIN.0;
const VOLATILE_LAST: u32 = 0x7ffe_ffff;

/// The volatile keys of all clients.
pub(crate) struct VolatileKeys {
    slots: [Option<Owned>; MAX_VOLATILE_KEYS],
    /// The id given out last. Ids only go up, so an id is not used again before a thousand million
    /// others were: a client that keeps the id of a destroyed key does not reach a new one.
    last_id: u32,
}

struct Owned {
    owner: i32,
    key: Key,
}

impl VolatileKeys {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [const { None }; MAX_VOLATILE_KEYS],
            last_id: VOLATILE_FIRST,
        }
    }

    fn find(&self, owner: i32, id: KeyId) -> Option<&Key> {
        let named = |slot: &&Owned| slot.owner == owner && slot.key.attributes.id == id;
        self.slots
            .iter()
            .flatten()
            .find(named)
            .map(|slot| &slot.key)
    }

    fn has_room(&self) -> bool {
        self.slots.iter().any(Option::is_none)
    }

    fn next_id(&mut self) -> KeyId {
        loop {
            let next = self.last_id.saturating_add(1);
            self.last_id = if next > VOLATILE_LAST {
                VOLATILE_FIRST
            } else {
                next
            };
            let id = KeyId(self.last_id);
            // Ends: there are far more ids than slots.
            if !self
                .slots
                .iter()
                .flatten()
                .any(|slot| slot.key.attributes.id == id)
            {
                return id;
            }
        }
    }

    fn add(&mut self, owner: i32, mut key: Key) -> Result<KeyId, Error> {
        let id = self.next_id();
        key.attributes.id = id;
        let free = self.slots.iter_mut().find(|slot| slot.is_none());
        *free.ok_or(Error::InsufficientMemory)? = Some(Owned { owner, key });
        Ok(id)
    }

    fn remove(&mut self, owner: i32, id: KeyId) -> bool {
        let named = |slot: &Owned| slot.owner == owner && slot.key.attributes.id == id;
        match self
            .slots
            .iter_mut()
            .find(|slot| slot.as_ref().is_some_and(named))
        {
            Some(slot) => {
                *slot = None;
                true
            }
            None => false,
        }
    }

    /// Destroys all keys of a client that is gone.
    pub(crate) fn remove_all(&mut self, owner: i32) {
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|slot| slot.owner == owner) {
                *slot = None;
            }
        }
    }
}

/// All keys that one client can name.
pub(crate) struct KeyStore<'a, S> {
    pub(crate) client: i32,
    pub(crate) volatile: &'a mut VolatileKeys,
    pub(crate) store: &'a mut S,
    pub(crate) builtin: BuiltinSecrets<'a>,
}

impl<S: Store> KeyStore<'_, S> {
    fn record_id(&self, id: KeyId) -> RecordId {
        RecordId::new(space::KEY, self.client, u64::from(id.0))
    }

    /// The key `id` of this client, whatever its policy.
    ///
    /// # Errors
    /// `INVALID_HANDLE` when this client has no such key.
    pub(crate) fn load(&mut self, id: KeyId) -> Result<Key, Error> {
        if id.is_user() {
            let name = self.record_id(id);
            return match self.store.read(&name, record::read) {
                Ok(key) => key,
                Err(Error::DoesNotExist) => Err(Error::InvalidHandle),
                Err(error) => Err(error),
            };
        }
        if let Some(key) = self.volatile.find(self.client, id) {
            return Ok(key.duplicate());
        }
        builtin::load(id, self.client, &self.builtin)
    }

    /// Checks the attributes of a key to be made, and that there is room and no such key yet.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `NOT_SUPPORTED`, `ALREADY_EXISTS`, `INSUFFICIENT_MEMORY`.
    pub(crate) fn check_new(&mut self, attributes: &KeyAttributes) -> Result<KeyKind, Error> {
        let kind = KeyKind::of(attributes.kind, attributes.bits)?;
        if !Usage::ALL.contains(attributes.usage) {
            return Err(Error::InvalidArgument);
        }
        match attributes.lifetime {
            Lifetime::VOLATILE if attributes.id != KeyId::NULL => Err(Error::InvalidArgument),
            Lifetime::VOLATILE if !self.volatile.has_room() => Err(Error::InsufficientMemory),
            Lifetime::VOLATILE => Ok(kind),
            Lifetime::PERSISTENT if !attributes.id.is_user() => Err(Error::InvalidArgument),
            Lifetime::PERSISTENT if self.store.info(&self.record_id(attributes.id)).is_ok() => {
                Err(Error::AlreadyExists)
            }
            Lifetime::PERSISTENT => Ok(kind),
            // Other places, and persistence levels we give no meaning.
            lifetime if lifetime.location() == 0 && !lifetime.is_volatile() => {
                Err(Error::NotSupported)
            }
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Adds a key whose attributes passed [`check_new`](Self::check_new); returns its id. After an error, or when power goes, there is no key.
    ///
    /// # Errors
    /// Those of the vault, `INSUFFICIENT_MEMORY`, `INVALID_ARGUMENT` when the material is no valid key or
    /// disagrees with the bits.
    pub(crate) fn add(
        &mut self,
        attributes: &KeyAttributes,
        kind: KeyKind,
        material: Material,
    ) -> Result<KeyId, Error> {
        let bits = kind.bits_of(material.len())?;
        let material = kind.complete(material)?;
        if attributes.bits != 0 && attributes.bits != bits {
            return Err(Error::InvalidArgument);
        }
        let attributes = KeyAttributes {
            bits,
            usage: attributes.usage.extended(),
            ..*attributes
        };
        if attributes.lifetime.is_volatile() {
            return self.volatile.add(
                self.client,
                Key {
                    attributes,
                    kind,
                    material,
                },
            );
        }
        let len = record::record_len(kind, &material);
        let name = self.record_id(attributes.id);
        self.store.set_with(&name, 0, len, |bytes| {
            record::write(&attributes, &material, bytes)
        })?;
        Ok(attributes.id)
    }

    /// Destroys the key `id` of this client.
    ///
    /// # Errors
    /// `INVALID_HANDLE` when there is none, `NOT_PERMITTED` for a built-in key, those of the vault.
    pub(crate) fn destroy(&mut self, id: KeyId) -> Result<(), Error> {
        if id.is_user() {
            return match self.store.remove(&self.record_id(id)) {
                Err(Error::DoesNotExist) => Err(Error::InvalidHandle),
                result => result,
            };
        }
        if builtin::exists(id) {
            return Err(Error::NotPermitted);
        }
        if self.volatile.remove(self.client, id) {
            Ok(())
        } else {
            Err(Error::InvalidHandle)
        }
    }
}
