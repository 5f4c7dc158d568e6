//! Part 3, section 12.9: CreateLoaded.

use super::create::{NewObject, ordinary, primary};
use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy};
use crate::object::derive::{self, Derive};
use crate::object::{Object, Origin, Parent, check, fitting_auth};
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::{MAX_PUBLIC, Public, Sensitive, SensitiveCreate, SensitiveData};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, RETURNS_HANDLE, Role};
use crate::wire::Input;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[Command {
    code: 0x191,
    handles: &[Place::Parent],
    roles: &[Role::User],
    traits: RETURNS_HANDLE | DECRYPT | ENCRYPT,
    run: create_loaded,
}];

/// `TPM2B_TEMPLATE`, without its size: a public area, or one with label and context.
const MAX_TEMPLATE: usize = MAX_PUBLIC + 2 * MAX_DIGEST;

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
            let public = whole_template(template)?;
            let new = NewObject { create, public };
            let (public, sensitive, name) = ordinary(core, call, (&family, &protector), new)?;
            family.child(public, sensitive, name)
        }
        Parent::Derivation(family, secret) => {
            let (mut public, derive) = derived_template(template)?;
            let auth = fitting_auth(create.auth, &public).map_err(|rc| rc.parameter(1))?;
            derive::derivable(public.kind()).map_err(|rc| rc.parameter(2))?;
            if public.has(ObjectAttributes::SENSITIVE_DATA_ORIGIN) {
                return Err(Rc::ATTRIBUTES.parameter(2));
            }
            check::attributes(&public, Some(&family)).map_err(|rc| rc.parameter(2))?;
            let derive = derive.or_else(&create.data).map_err(|rc| rc.parameter(1))?;
            let origin = Origin::Parent(secret.stream(&derive)?);
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
