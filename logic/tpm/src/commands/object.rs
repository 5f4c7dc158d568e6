//! Part 3, section 12: Load, LoadExternal, ReadPublic, Unseal, ObjectChangeAuth. What makes objects is in `create`.

use crate::attributes::ObjectAttributes as A;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Hierarchy;
use crate::object::protect::MAX_PRIVATE;
use crate::object::{Blame, Object, check, check_both, check_public, fitting_auth, qualified_name};
use crate::rc::{Rc, Result};
use crate::structures::{AuthValue, ObjectKind, Public, PublicOrUnnamed, Sensitive};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, RETURNS_HANDLE, Role};
use crate::wire::Input;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x157,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: RETURNS_HANDLE | DECRYPT | ENCRYPT,
        run: load,
    },
    Command {
        code: 0x167,
        handles: &[],
        roles: &[],
        traits: RETURNS_HANDLE | DECRYPT | ENCRYPT,
        run: load_external,
    },
    Command {
        code: 0x173,
        handles: &[Place::Object],
        roles: &[],
        traits: ENCRYPT,
        run: read_public,
    },
    Command {
        code: 0x15e,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: ENCRYPT,
        run: unseal,
    },
    Command {
        code: 0x150,
        handles: &[Place::Object, Place::Object],
        roles: &[Role::Admin],
        traits: DECRYPT | ENCRYPT,
        run: object_change_auth,
    },
];

/// Loads what Create or Import gave.
fn load(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let private = call.params.sized(MAX_PRIVATE)?;
    let public: Public = call.params.sized_structure()?;
    call.params.end()?;
    core.objects.free_handle()?;
    if private.is_empty() {
        return Err(Rc::SIZE.parameter(1));
    }
    let [parent, ..] = call.handles;
    let (family, protector) = core.storage_parent(parent)?;
    let name = public.name()?;
    let sensitive = protector
        .unwrap_child(name.as_slice(), private)
        .map_err(|rc| rc.parameter(1))?;
    check::attributes(&public, Some(&family)).map_err(|rc| rc.parameter(2))?;
    // What a parent that never leaves this TPM protects, this TPM made or checked (Create, Import).
    let checked = match family.is_fixed_tpm() {
        true if sensitive.kind != public.kind() => Err(Blame::Sensitive(Rc::TYPE)),
        true => Ok(()),
        false => check_both(&public, &sensitive),
    };
    checked.map_err(|blame| blame.answer(2, 1))?;
    let object = family.child(public, sensitive, name)?;
    call.out.put(&object.name)?;
    call.response_handle = Some(core.objects.add(object)?);
    Ok(())
}

/// Loads what no parent of this TPM protects: a public key, or a key pair into the null hierarchy.
fn load_external(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let sensitive = call.params.with(optional_sensitive)?;
    let public = call.params.sized_structure::<PublicOrUnnamed>()?.0;
    let hierarchy: Hierarchy = call.params.get()?;
    call.params.end()?;
    core.objects.free_handle()?;
    if !core.is_enabled(hierarchy) || sensitive.is_some() && hierarchy != Hierarchy::Null {
        return Err(Rc::HIERARCHY.parameter(3));
    }
    match &sensitive {
        Some(sensitive) => check_external_pair(&public, sensitive)?,
        None => {
            check::schemes(&public, None).map_err(|rc| rc.parameter(2))?;
            check_public(&public).map_err(|blame| blame.answer(2, 1))?;
        }
    }
    let name = public.name()?;
    let object = Object {
        qualified_name: name,
        st_clear: public.has(A::ST_CLEAR),
        external: true,
        public,
        sensitive,
        hierarchy,
        name,
    };
    call.out.put(&object.name)?;
    call.response_handle = Some(core.objects.add(object)?);
    Ok(())
}

/// `TPM2B_SENSITIVE` that may be empty.
fn optional_sensitive(input: &mut Input<'_>) -> Result<Option<Sensitive>> {
    match input.rest() {
        [0, 0, ..] => input.get::<u16>().map(|_| None),
        _ => input.sized_structure().map(Some),
    }
}

/// A key pair from outside must not look like one of this TPM.
fn check_external_pair(public: &Public, sensitive: &Sensitive) -> Result<()> {
    if public
        .attributes
        .has_any(A::FIXED_TPM.with(A::FIXED_PARENT).with(A::RESTRICTED))
    {
        return Err(Rc::ATTRIBUTES.parameter(2));
    }
    match public.name_alg {
        Some(_) => check::attributes(public, None),
        None => check::schemes(public, None),
    }
    .map_err(|rc| rc.parameter(2))?;
    check_both(public, sensitive).map_err(|blame| blame.answer(2, 1))
}

/// The public area and both names.
fn read_public(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [handle, ..] = call.handles;
    let out = &mut call.out;
    core.with_object(handle, |object| {
        out.sized_structure(&object.public)?;
        out.put(&object.name)?;
        out.put(&object.qualified_name)
    })?
}

/// Gives sealed data back.
fn unseal(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [handle, ..] = call.handles;
    core.refuse_sequence(handle, Rc::TYPE.handle(1))?;
    let out = &mut call.out;
    core.with_object(handle, |object| {
        if object.public.kind() != ObjectKind::KeyedHash {
            return Err(Rc::TYPE.handle(1));
        }
        if object
            .public
            .attributes
            .has_any(A::DECRYPT.with(A::SIGN).with(A::RESTRICTED))
        {
            return Err(Rc::ATTRIBUTES.handle(1));
        }
        object.sensitive()?.data.expose(|data| out.sized(data))
    })?
}

/// Protects the same object anew, with another auth value; what is loaded stays as it is.
fn object_change_auth(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let new_auth: AuthValue = call.params.get()?;
    call.params.end()?;
    let [handle, parent, _] = call.handles;
    core.refuse_sequence(handle, Rc::TYPE.handle(1))?;
    let (public, mut sensitive, own_name, own_qualified_name) =
        core.with_object(handle, |object| {
            let sensitive = object.sensitive()?.duplicate();
            Ok::<_, Rc>((
                object.public.clone(),
                sensitive,
                object.name,
                object.qualified_name,
            ))
        })??;
    sensitive.auth =
        fitting_auth(new_auth.without_trailing_zeros(), &public).map_err(|rc| rc.parameter(1))?;
    // Its qualified name tells whose child it is.
    let (family, protector) =
        core.storage_parent(parent)
            .map_err(|rc| match rc == Rc::TYPE.handle(1) {
                true => Rc::TYPE.handle(2),
                false => rc,
            })?;
    if qualified_name(public.name_alg, family.qualified_name.as_slice(), &own_name)?
        != own_qualified_name
    {
        return Err(Rc::TYPE.handle(2));
    }
    protector.wrap_child(
        own_name.as_slice(),
        &public,
        &sensitive,
        &mut core.drbg,
        &mut call.out,
    )
}
