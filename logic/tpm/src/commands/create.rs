//! Part 3, sections 12.1, 12.9 and 24.1: Create, CreateLoaded, CreatePrimary.

use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy};
use crate::object::derive::{self, Derive, Stream};
use crate::object::{Creation, Object, Origin, Parent, check, fitting_auth, qualified_name};
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::{
    Data, MAX_PUBLIC, PcrSelections, Public, Sensitive, SensitiveCreate, SensitiveData,
};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, RETURNS_HANDLE, Role};
use crate::wire::Input;

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
        code: 0x191,
        handles: &[Place::Parent],
        roles: &[Role::User],
        traits: RETURNS_HANDLE | DECRYPT | ENCRYPT,
        run: create_loaded,
    },
    Command {
        code: 0x131,
        handles: &[Place::Hierarchy],
        roles: &[Role::User],
        traits: RETURNS_HANDLE | DECRYPT | ENCRYPT,
        run: create_primary,
    },
];

/// `TPM2B_TEMPLATE`, without its size: a public area, or one with label and context.
const MAX_TEMPLATE: usize = MAX_PUBLIC + 2 * MAX_DIGEST;

/// An ordinary object, given back protected by its parent.
fn create(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let (new, outside_info, pcrs) = new_object(call)?;
    let NewObject { create, mut public } = new;
    let [parent, ..] = call.handles;
    let (family, protector) = core.storage_parent(parent)?;
    check::creation(&public, Some(&family), create.data.len()).map_err(|rc| rc.parameter(2))?;
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

/// A primary, ordinary or derived object, loaded; an ordinary one is given back protected, too.
fn create_loaded(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let create: SensitiveCreate = call.params.sized_structure()?;
    let template = call.params.sized(MAX_TEMPLATE)?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    let object = match Hierarchy::of(handle) {
        Some(hierarchy) => {
            core.objects.free_handle()?;
            let public = whole_template(template)?;
            let object = primary(core, hierarchy, NewObject { create, public })?;
            call.out.sized(&[])?;
            object
        }
        None => child(core, call, handle, create, template)?,
    };
    call.out.sized_structure(&object.public)?;
    call.out.put(&object.name)?;
    call.response_handle = Some(core.objects.add(object)?);
    Ok(())
}

/// What the caller wants to have.
struct NewObject {
    create: SensitiveCreate,
    public: Public,
}

fn new_object(call: &mut Call<'_>) -> Result<(NewObject, Data, PcrSelections)> {
    let create = call.params.sized_structure()?;
    let public = call.params.sized_structure()?;
    let outside_info = call.params.get()?;
    let pcrs = call.params.get()?;
    call.params.end()?;
    Ok((NewObject { create, public }, outside_info, pcrs))
}

fn primary(core: &mut Core<'_>, hierarchy: Hierarchy, new: NewObject) -> Result<Object> {
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

/// An ordinary or a derived object; writes the private area of the answer.
fn child(
    core: &mut Core<'_>,
    call: &mut Call<'_>,
    handle: Handle,
    create: SensitiveCreate,
    template: &[u8],
) -> Result<Object> {
    let parent = core.any_parent(handle)?;
    core.objects.free_handle()?;
    match parent {
        Parent::Storage(family, protector) => {
            let mut public = whole_template(template)?;
            check::creation(&public, Some(&family), create.data.len())
                .map_err(|rc| rc.parameter(2))?;
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
            family.child(public, sensitive, name)
        }
        Parent::Derivation { family, hash, key } => {
            let (mut public, derive) = derived_template(template)?;
            let auth = fitting_auth(create.auth, &public).map_err(|rc| rc.parameter(1))?;
            derive::derivable(public.kind()).map_err(|rc| rc.parameter(2))?;
            if public.has(ObjectAttributes::SENSITIVE_DATA_ORIGIN) {
                return Err(Rc::ATTRIBUTES.parameter(2));
            }
            check::attributes(&public, Some(&family)).map_err(|rc| rc.parameter(2))?;
            let derive = derive.or_else(&create.data).map_err(|rc| rc.parameter(1))?;
            let origin = Origin::Parent(Stream::new(hash, &key, &derive)?);
            let sensitive: Sensitive =
                core.make_object(&mut public, auth, &SensitiveData::EMPTY, origin)?;
            call.out.sized(&[])?;
            let name = public.name()?;
            family.child(public, sensitive, name)
        }
    }
}

fn whole_template(template: &[u8]) -> Result<Public> {
    let mut input = Input::new(template);
    let public = input.get().and_then(|public| whole(&input, public));
    public.map_err(|rc| rc.parameter(2))
}

fn derived_template(template: &[u8]) -> Result<(Public, Derive)> {
    let mut input = Input::new(template);
    let public =
        Public::template(&mut input, |input| input.get()).and_then(|public| whole(&input, public));
    public.map_err(|rc| rc.parameter(2))
}

fn whole<T>(input: &Input<'_>, value: T) -> Result<T> {
    match input.is_empty() {
        true => Ok(value),
        false => Err(Rc::SIZE),
    }
}
