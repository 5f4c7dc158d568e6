//! Part 3, sections 12.5 and 12.6: ActivateCredential, MakeCredential.

use crate::core::Core;
use crate::dispatch::Call;
use crate::object::exchange::{IDENTITY, MAX_ENCRYPTED_SECRET};
use crate::object::protect::{MAX_ID_OBJECT, Plain, Protector};
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::{Name, Public};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use crate::wire::{Input, SecretBytes};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x147,
        handles: &[Place::Object, Place::Object],
        roles: &[Role::Admin, Role::User],
        traits: DECRYPT | ENCRYPT,
        run: activate_credential,
    },
    Command {
        code: 0x168,
        handles: &[Place::Object],
        roles: &[],
        traits: DECRYPT | ENCRYPT,
        run: make_credential,
    },
];

/// A credential: at most a digest.
type Credential = SecretBytes<MAX_DIGEST>;

/// Gives a credential if it was made for the second key's TPM and the first object's name.
fn activate_credential(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let blob = call.params.sized(MAX_ID_OBJECT)?;
    let secret = call.params.sized(MAX_ENCRYPTED_SECRET)?;
    call.params.end()?;
    let [activated, key, _] = call.handles;
    core.refuse_sequence(activated, Rc::TYPE.handle(1))?;
    core.refuse_sequence(key, Rc::TYPE.handle(2))?;
    let name = core.with_object(activated, |object| object.name)?;
    let public = core.with_object(key, |object| object.public.clone())?;
    if !public.is_asymmetric_parent() {
        return Err(Rc::TYPE.handle(2));
    }
    let seed = core
        .decrypt_secret(key, IDENTITY, secret)
        .map_err(|rc| rc.parameter(2))?;
    let protector = Protector::of(&public, seed).ok_or(Rc::TYPE.handle(2))?;
    let plain = protector
        .unwrap(name.as_slice(), false, blob)
        .map_err(|rc| rc.parameter(1))?;
    let credential = plain
        .expose(whole_credential)
        .map_err(|rc| rc.parameter(1))?;
    call.out.put(&credential)
}

fn whole_credential(plain: &[u8]) -> Result<Credential> {
    let mut input = Input::new(plain);
    let credential = input.get()?;
    match input.is_empty() {
        true => Ok(credential),
        false => Err(Rc::SIZE),
    }
}

/// The other side: needs only the public part of the key, and no TPM of its own.
fn make_credential(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let credential: Credential = call.params.get()?;
    let name: Name = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    core.refuse_sequence(key, Rc::TYPE.handle(1))?;
    let public: Public = core.with_object(key, |object| object.public.clone())?;
    if !public.is_asymmetric_parent() {
        return Err(Rc::TYPE.handle(1));
    }
    let most = public.name_alg.map_or(0, |hash| hash.digest_len());
    if credential.len() > most {
        return Err(Rc::SIZE.parameter(1));
    }
    let (seed, secret) = public
        .encrypt_secret(IDENTITY, &mut core.drbg)
        .map_err(|rc| rc.handle(1))?;
    let protector = Protector::of(&public, seed).ok_or(Rc::TYPE.handle(1))?;
    let plain = Plain::written(|out| out.put(&credential))?;
    call.out
        .sized_with(|out| protector.wrap(name.as_slice(), None, plain, out))?;
    call.out.put(&secret)
}
