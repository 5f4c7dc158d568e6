//! Part 3, section 13: Duplicate, Rewrap, Import: objects that move from one parent to another.

use crate::attributes::ObjectAttributes as A;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::object::exchange::{DUPLICATE, EncryptedSecret, MAX_ENCRYPTED_SECRET};
use crate::object::inner::Inner;
use crate::object::protect::{MAX_PRIVATE, Plain, Protector, sensitive_area};
use crate::object::{check, check_both};
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::{Name, Public, Sensitive, SymDefObject};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use crate::wire::{Input, SecretBytes};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x14b,
        handles: &[Place::Object, Place::ObjectOrNull],
        roles: &[Role::Duplicate],
        traits: DECRYPT | ENCRYPT,
        run: duplicate,
    },
    Command {
        code: 0x152,
        handles: &[Place::ObjectOrNull, Place::ObjectOrNull],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: rewrap,
    },
    Command {
        code: 0x156,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: import,
    },
];

/// `TPM2B_DATA` that holds a key.
type InnerKey = SecretBytes<{ MAX_DIGEST + 2 }>;

/// Gives an object's sensitive area for another parent, if the object may leave its own.
fn duplicate(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let key_in: InnerKey = call.params.get()?;
    let symmetric: Option<SymDefObject> = call.params.get()?;
    call.params.end()?;
    let [handle, new_parent, _] = call.handles;
    core.refuse_sequence(handle, Rc::TYPE.handle(1))?;
    let (public, sensitive, name) = core.with_object(handle, |object| {
        if object.public.has(A::FIXED_PARENT) {
            return Err(Rc::ATTRIBUTES.handle(1));
        }
        Ok((
            object.public.clone(),
            object.sensitive()?.duplicate(),
            object.name,
        ))
    })??;
    let hash = public.name_alg.ok_or(Rc::TYPE.handle(1))?;
    let new_parent = storage_key(core, new_parent, 2)?;
    if public.has(A::ENCRYPTED_DUPLICATION) {
        symmetric.ok_or(Rc::SYMMETRIC.parameter(2))?;
        new_parent.as_ref().ok_or(Rc::HIERARCHY.handle(2))?;
    }
    let mut plain = sensitive_area(&public, &sensitive)?;
    let mut key_out = InnerKey::EMPTY;
    match symmetric {
        None if !key_in.is_empty() => return Err(Rc::SIZE.parameter(1)),
        None => {}
        Some(symmetric) => {
            let key = match key_in.is_empty() {
                true => {
                    let drawn = InnerKey::filled(symmetric.key_len(), |key| core.drbg.fill(key));
                    key_out = drawn.ok_or(Rc::FAILURE)?;
                    &key_out
                }
                false => &key_in,
            };
            let inner = key
                .expose(|key| Inner::new(hash, symmetric, key))
                .map_err(|rc| rc.parameter(1))?;
            plain = inner.wrap(name.as_slice(), &plain)?;
        }
    }
    call.out.put(&key_out)?;
    outer_wrap(core, call, new_parent.as_ref(), 2, &name, plain)
}

/// Changes the outer wrapping of a duplicate only: what is inside stays closed.
fn rewrap(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let wrapped = call.params.sized(MAX_PRIVATE)?;
    let name: Name = call.params.get()?;
    let secret = call.params.sized(MAX_ENCRYPTED_SECRET)?;
    call.params.end()?;
    let [old, new_parent, _] = call.handles;
    if secret.is_empty() != (old == Handle::NULL) {
        return Err(Rc::HANDLE.handle(1));
    }
    let plain = match storage_key(core, old, 1)? {
        Some(old_parent) => {
            let seed = core
                .decrypt_secret(old, DUPLICATE, secret)
                .map_err(|_| Rc::VALUE.parameter(3))?;
            let protector = Protector::of(&old_parent, seed).ok_or(Rc::TYPE.handle(1))?;
            protector
                .unwrap(name.as_slice(), false, wrapped)
                .map_err(|rc| rc.parameter(1))?
        }
        None => Plain::new(wrapped).ok_or(Rc::SIZE.parameter(1))?,
    };
    let new_parent = storage_key(core, new_parent, 2)?;
    // With one more digest before it, it must still be a private area.
    let digest_len = new_parent
        .as_ref()
        .and_then(|parent| parent.name_alg)
        .map_or(0, |hash| 2 + hash.digest_len());
    if plain.len().saturating_add(digest_len) > MAX_PRIVATE {
        return Err(Rc::VALUE.parameter(1));
    }
    outer_wrap(core, call, new_parent.as_ref(), 2, &name, plain)
}

/// Takes a duplicate, or a key from elsewhere, under a parent; gives back what Load takes.
fn import(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let key: InnerKey = call.params.get()?;
    let public: Public = call.params.sized_structure()?;
    let duplicate = call.params.sized(MAX_PRIVATE)?;
    let secret = call.params.sized(MAX_ENCRYPTED_SECRET)?;
    let symmetric: Option<SymDefObject> = call.params.get()?;
    call.params.end()?;
    if public
        .attributes
        .has_any(A::FIXED_TPM.with(A::FIXED_PARENT))
    {
        return Err(Rc::ATTRIBUTES.parameter(2));
    }
    let [handle, ..] = call.handles;
    let (family, protector) = core.storage_parent(handle)?;
    let hash = public.name_alg.ok_or(Rc::HASH.parameter(2))?;
    let inner = match symmetric {
        Some(symmetric) => {
            let inner = key.expose(|key| Inner::new(hash, symmetric, key));
            Some(inner.map_err(|rc| rc.parameter(1))?)
        }
        None if !key.is_empty() => return Err(Rc::SIZE.parameter(1)),
        None => None,
    };
    // What must leave with both wrappings must come with both.
    if public.has(A::ENCRYPTED_DUPLICATION) && inner.is_none() {
        return Err(Rc::ATTRIBUTES.parameter(1));
    }
    if public.has(A::ENCRYPTED_DUPLICATION) && secret.is_empty() {
        return Err(Rc::ATTRIBUTES.parameter(4));
    }
    let name = public.name()?;
    let mut plain = open_outer(core, handle, &name, duplicate, secret)?;
    if let Some(inner) = inner {
        plain = inner
            .unwrap(name.as_slice(), plain)
            .map_err(|rc| rc.parameter(3))?;
    }
    let sensitive: Result<Sensitive> = plain.expose(|area| Input::new(area).whole_sized());
    let sensitive = sensitive.map_err(|rc| rc.parameter(3))?;
    if sensitive.kind != public.kind() {
        return Err(Rc::TYPE.parameter(3));
    }
    // Load does not check again what such a parent protects.
    if family.is_fixed_tpm() {
        check::attributes(&public, None).map_err(|rc| rc.parameter(2))?;
        check_both(&public, &sensitive).map_err(|blame| blame.answer(2, 3))?;
    }
    protector.wrap_child(
        name.as_slice(),
        &public,
        &sensitive,
        &mut core.drbg,
        &mut call.out,
    )
}

/// Takes the outer wrapping away; an empty secret says that there is none.
fn open_outer(
    core: &mut Core<'_>,
    parent: Handle,
    name: &Name,
    wrapped: &[u8],
    secret: &[u8],
) -> Result<Plain> {
    if secret.is_empty() {
        return Plain::new(wrapped).ok_or(Rc::SIZE.parameter(3));
    }
    let parent_public = core.with_object(parent, |object| object.public.clone())?;
    // A symmetric parent agrees with nobody on a secret.
    if !parent_public.is_asymmetric_parent() {
        return Err(Rc::TYPE.handle(1));
    }
    let seed = core
        .decrypt_secret(parent, DUPLICATE, secret)
        .map_err(|rc| rc.parameter(4))?;
    let protector = Protector::of(&parent_public, seed).ok_or(Rc::TYPE.handle(1))?;
    protector
        .unwrap(name.as_slice(), false, wrapped)
        .map_err(|rc| rc.parameter(3))
}

/// Writes a duplicate and the secret of its outer wrapping; without a new parent there is none.
fn outer_wrap(
    core: &mut Core<'_>,
    call: &mut Call<'_>,
    new_parent: Option<&Public>,
    number: u8,
    name: &Name,
    plain: Plain,
) -> Result<()> {
    let Some(new_parent) = new_parent else {
        plain.expose(|plain| call.out.sized(plain))?;
        return call.out.put(&EncryptedSecret::EMPTY);
    };
    let encrypted = new_parent.encrypt_secret(DUPLICATE, &mut core.drbg);
    let (seed, secret) = encrypted.map_err(|rc| rc.handle(number))?;
    let protector = Protector::of(new_parent, seed).ok_or(Rc::TYPE.handle(number))?;
    call.out
        .sized_with(|out| protector.wrap(name.as_slice(), None, plain, out))?;
    call.out.put(&secret)
}

/// The public area of a storage key; null is `None`.
fn storage_key(core: &mut Core<'_>, handle: Handle, number: u8) -> Result<Option<Public>> {
    if handle == Handle::NULL {
        return Ok(None);
    }
    core.refuse_sequence(handle, Rc::TYPE.handle(number))?;
    let public = core.with_object(handle, |object| {
        object.is_storage().then(|| object.public.clone())
    })?;
    public.map(Some).ok_or(Rc::TYPE.handle(number))
}
