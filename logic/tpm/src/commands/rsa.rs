//! Part 3, sections 14.2 and 14.3: RSA_Encrypt, RSA_Decrypt.

use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::object::Object;
use crate::profile::MAX_RSA;
use crate::rc::{Rc, Result};
use crate::structures::{AsymScheme, Data, Parameters, RsaScheme};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use ironroot_crypto::tpm::rsa::Encryption;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x174,
        handles: &[Place::Object],
        roles: &[],
        traits: DECRYPT | ENCRYPT,
        run: encrypt,
    },
    Command {
        code: 0x159,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: decrypt,
    },
];

fn encrypt(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let message = call.params.sized(MAX_RSA)?;
    let wanted: RsaScheme = call.params.get()?;
    let label: Data = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    check_key(core, key, ObjectAttributes(0))?;
    check_label(&label)?;
    let scheme = choose(core, key, wanted)?;
    let cipher = core.with_object_and_drbg(key, |object, drbg| {
        object
            .rsa_encrypt(padding(scheme, &label)?, message, drbg)
            .map_err(|rc| rc.parameter(1))
    })??;
    call.out.put(&cipher)
}

fn decrypt(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let cipher = call.params.sized(MAX_RSA)?;
    let wanted: RsaScheme = call.params.get()?;
    let label: Data = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    check_key(core, key, ObjectAttributes::RESTRICTED)?;
    check_label(&label)?;
    let scheme = choose(core, key, wanted)?;
    let plain = core.with_object_and_drbg(key, |object, drbg| {
        object
            .rsa_decrypt(padding(scheme, &label)?, cipher, drbg)
            .map_err(|rc| match rc {
                Rc::KEY => rc.handle(1),
                other => other.parameter(1),
            })
    })??;
    call.out.put(&plain)
}

/// An RSA key that decrypts and has not this attribute.
fn check_key(core: &mut Core<'_>, key: Handle, refused: ObjectAttributes) -> Result<()> {
    core.refuse_sequence(key, Rc::KEY.handle(1))?;
    core.with_object(key, |object: &Object| {
        if !matches!(object.public.parameters, Parameters::Rsa { .. }) {
            return Err(Rc::KEY.handle(1));
        }
        match object.public.has(ObjectAttributes::DECRYPT)
            && !object.public.attributes.has_any(refused)
        {
            true => Ok(()),
            false => Err(Rc::ATTRIBUTES.handle(1)),
        }
    })?
}

/// A label ends with a zero, which is hashed with it (Part 1, annex B.4).
fn check_label(label: &Data) -> Result<()> {
    match label.as_slice().last() {
        None | Some(0) => Ok(()),
        Some(_) => Err(Rc::VALUE.parameter(3)),
    }
}

/// The key's own scheme, or the caller's if it has none; both must be the same if there are both.
fn choose(core: &mut Core<'_>, key: Handle, wanted: RsaScheme) -> Result<Option<AsymScheme>> {
    let own = core.with_object(key, |object| object.public.parameters.asym_scheme())?;
    let chosen = match (own, wanted.0) {
        (own, None) => own,
        (None, wanted) => wanted,
        (Some(own), Some(wanted)) if own == wanted => Some(own),
        _ => return Err(Rc::SCHEME.parameter(2)),
    };
    match chosen.is_some_and(AsymScheme::signs) {
        true => Err(Rc::SCHEME.parameter(2)),
        false => Ok(chosen),
    }
}

fn padding(scheme: Option<AsymScheme>, label: &Data) -> Result<Encryption<'_>> {
    match scheme {
        None => Ok(Encryption::Null),
        Some(AsymScheme::RsaEs) => Ok(Encryption::Pkcs1),
        Some(AsymScheme::Oaep(hash)) => Ok(Encryption::Oaep {
            hash,
            label: label.as_slice(),
        }),
        Some(_) => Err(Rc::SCHEME.parameter(2)),
    }
}
