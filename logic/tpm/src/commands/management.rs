//! Part 3, section 28: EvictControl.

use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy, Kind};
use crate::rc::{Rc, Result};
use crate::store::RecordId;
use crate::table::{Command, NV, Place, Role};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[Command {
    code: 0x120,
    handles: &[Place::Provision, Place::Object],
    roles: &[Role::User],
    traits: NV,
    run: evict_control,
}];

/// What EvictControl must know of the object.
struct Candidate {
    hierarchy: Hierarchy,
    /// Whether it can be kept at all.
    keepable: bool,
}

/// Makes a loaded object persistent, or removes a persistent one.
fn evict_control(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let persistent: Handle = call.params.get()?;
    if persistent.kind() != Kind::Persistent {
        return Err(Rc::VALUE.parameter(1));
    }
    call.params.end()?;
    let [auth, handle, _] = call.handles;
    core.refuse_sequence(handle, Rc::ATTRIBUTES.handle(2))?;
    let candidate = core.with_object(handle, |object| Candidate {
        hierarchy: object.hierarchy,
        keepable: object.hierarchy != Hierarchy::Null
            && !object.st_clear
            && object.sensitive.is_some(),
    })?;
    if !candidate.keepable {
        return Err(Rc::ATTRIBUTES.handle(2));
    }
    let removes = handle.kind() == Kind::Persistent;
    if removes && handle != persistent {
        return Err(Rc::HANDLE.handle(2));
    }
    let of_platform = candidate.hierarchy == Hierarchy::Platform;
    let by_platform = auth == Handle::PLATFORM;
    // The platform may remove everything; else each makes and removes its own.
    if of_platform != by_platform && !(by_platform && removes) {
        return Err(Rc::HIERARCHY.handle(2));
    }
    if removes {
        return core.transaction.remove(RecordId(persistent.0));
    }
    let in_platform_range = persistent >= Handle::PLATFORM_PERSISTENT_FIRST;
    if in_platform_range != by_platform {
        return Err(Rc::RANGE.parameter(1));
    }
    core.stage_persistent(handle, persistent)
}
