//! Part 3, sections 12.1 and 24.1: Create, CreatePrimary.

use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Hierarchy;
use crate::object::{Creation, Family, Object, Protector, check, fitting_auth, qualified_name};
use crate::rc::{Rc, Result};
use crate::structures::{Data, Name, PcrSelections, Public, Sensitive, SensitiveCreate};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, RETURNS_HANDLE, Role};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x153,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: create,
    },
    Command {
        code: 0x131,
        handles: &[Place::Hierarchy],
        roles: &[Role::User],
        traits: RETURNS_HANDLE | DECRYPT | ENCRYPT,
        run: create_primary,
    },
];

/// An ordinary object, given back protected by its parent.
fn create(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let (new, outside_info, pcrs) = new_object(call)?;
    let [parent, ..] = call.handles;
    let (family, protector) = core.storage_parent(parent)?;
    let (public, _, name) = ordinary(core, call, (&family, &protector), new)?;
    call.out.sized_structure(&public)?;
    let creation = Creation {
        hash: public.name_alg.ok_or(Rc::HASH)?,
        hierarchy: family.hierarchy,
        parent: Some(&family),
        name: &name,
        pcrs,
        outside_info,
        locality: call.locality,
    };
    core.put_creation(creation, &mut call.out)
}

/// A primary object, loaded; the same template, data and seed give the same one.
fn create_primary(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let (new, outside_info, pcrs) = new_object(call)?;
    let [handle, ..] = call.handles;
    let hierarchy = Hierarchy::of(handle).ok_or(Rc::VALUE.handle(1))?;
    core.objects.free_handle()?;
    let object = primary(core, hierarchy, new)?;
    call.out.sized_structure(&object.public)?;
    let creation = Creation {
        hash: object.public.name_alg.ok_or(Rc::HASH)?,
        hierarchy,
        parent: None,
        name: &object.name,
        pcrs,
        outside_info,
        locality: call.locality,
    };
    core.put_creation(creation, &mut call.out)?;
    call.out.put(&object.name)?;
    call.response_handle = Some(core.objects.add(object)?);
    Ok(())
}

/// What the caller wants to have.
pub(super) struct NewObject {
    pub(super) create: SensitiveCreate,
    pub(super) public: Public,
}

fn new_object(call: &mut Call<'_>) -> Result<(NewObject, Data, PcrSelections)> {
    let create = call.params.sized_structure()?;
    let public = call.params.sized_structure()?;
    let outside_info = call.params.get()?;
    let pcrs = call.params.get()?;
    call.params.end()?;
    Ok((NewObject { create, public }, outside_info, pcrs))
}

/// A new ordinary object; writes its private area, protected by its parent, into the answer.
pub(super) fn ordinary(
    core: &mut Core<'_>,
    call: &mut Call<'_>,
    (family, protector): (&Family, &Protector),
    new: NewObject,
) -> Result<(Public, Sensitive, Name)> {
    let NewObject { create, mut public } = new;
    check::creation(&public, Some(family), create.data.len()).map_err(|rc| rc.parameter(2))?;
    let auth = fitting_auth(create.auth, &public).map_err(|rc| rc.parameter(1))?;
    let origin = core.random_origin();
    let sensitive = core.make_object(&mut public, auth, &create.data, origin)?;
    let name = public.name()?;
    protector.wrap_child(
        name.as_slice(),
        &public,
        &sensitive,
        &mut core.drbg,
        &mut call.out,
    )?;
    Ok((public, sensitive, name))
}

/// A new primary object; not loaded yet.
pub(super) fn primary(core: &mut Core<'_>, hierarchy: Hierarchy, new: NewObject) -> Result<Object> {
    let NewObject { create, mut public } = new;
    check::creation(&public, None, create.data.len()).map_err(|rc| rc.parameter(2))?;
    let auth = fitting_auth(create.auth, &public).map_err(|rc| rc.parameter(1))?;
    let origin = core.primary_origin(hierarchy, &public, &create.data)?;
    let sensitive = core.make_object(&mut public, auth, &create.data, origin)?;
    let name = public.name()?;
    let handle = hierarchy.handle().0.to_be_bytes();
    Ok(Object {
        qualified_name: qualified_name(public.name_alg, &handle, &name)?,
        st_clear: public.has(ObjectAttributes::ST_CLEAR),
        sensitive: Some(sensitive),
        external: false,
        hierarchy,
        public,
        name,
    })
}
