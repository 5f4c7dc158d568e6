//! Part 3, section 28: contexts, saved and loaded. EvictControl stands with the objects.

use crate::context::{Blob, Label, MAX_BLOB};
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy, Kind};
use crate::rc::{Rc, Result};
use crate::session::Session;
use crate::table::{Command, NO_SESSIONS, Place, RETURNS_HANDLE};
use crate::wire::Output;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x161,
        handles: &[],
        roles: &[],
        traits: NO_SESSIONS | RETURNS_HANDLE,
        run: context_load,
    },
    Command {
        code: 0x162,
        handles: &[Place::Saveable],
        roles: &[],
        traits: NO_SESSIONS,
        run: context_save,
    },
    Command {
        code: 0x165,
        handles: &[],
        roles: &[],
        traits: NO_SESSIONS,
        run: flush_context,
    },
];

/// An object stays loaded; a session leaves its slot.
fn context_save(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    call.params.end()?;
    match handle.kind() {
        Kind::Transient => save_object(core, handle, &mut call.out),
        _ => save_session(core, handle, &mut call.out),
    }
}

fn save_object(core: &mut Core<'_>, handle: Handle, out: &mut Output<'_>) -> Result<()> {
    let sequence = core.volatile.object_context_id;
    let next = sequence.checked_add(1).ok_or(Rc::TOO_MANY_CONTEXTS)?;
    let label = Label {
        sequence,
        saved_handle: saved_handle(core, handle)?,
        hierarchy: core.objects.hierarchy_of(handle).ok_or(Rc::FAILURE)?,
    };
    core.new_context(label)?
        .protect(out, &mut |out| core.objects.save(handle, out))?;
    core.volatile.object_context_id = next;
    Ok(())
}

fn saved_handle(core: &Core<'_>, handle: Handle) -> Result<Handle> {
    if core.objects.sequence(handle).is_some() {
        return Ok(Label::SEQUENCE);
    }
    Ok(match core.objects.object(handle)?.st_clear {
        true => Label::ST_CLEAR,
        false => Label::OBJECT,
    })
}

fn save_session(core: &mut Core<'_>, handle: Handle, out: &mut Output<'_>) -> Result<()> {
    let label = Label {
        sequence: core.sessions.next_context()?,
        saved_handle: handle,
        hierarchy: Hierarchy::Null,
    };
    let context = core.new_context(label)?;
    let session = core.sessions.get(handle).ok_or(Rc::FAILURE)?;
    context.protect(out, &mut |out| session.write(out))?;
    core.sessions.park(handle);
    Ok(())
}

/// All that is wrong is wrong with the one parameter there is.
fn context_load(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let (label, blob) = call
        .params
        .with(|input| Ok((input.get::<Label>()?, input.sized(MAX_BLOB)?)))?;
    call.params.end()?;
    let loaded = Blob::read(blob).and_then(|blob| match label.saved_handle.kind() {
        Kind::Transient => load_object(core, label, &blob),
        _ => load_session(core, label, &blob),
    });
    call.response_handle = Some(loaded.map_err(|rc| rc.parameter(1))?);
    Ok(())
}

fn load_object(core: &mut Core<'_>, label: Label, blob: &Blob<'_>) -> Result<Handle> {
    core.check_permanent(label.hierarchy.handle())?;
    let mut loaded = Err(Rc::FAILURE);
    core.context_of(label, blob)?
        .unprotect(blob, &mut |input| {
            loaded = core.objects.load(input);
            loaded.map(drop)
        })?;
    loaded
}

/// A session's context is of the null hierarchy: a reset ends it.
fn load_session(core: &mut Core<'_>, label: Label, blob: &Blob<'_>) -> Result<Handle> {
    let handle = label.saved_handle;
    core.context_of(label, blob)?
        .unprotect(blob, &mut |input| {
            let session = Session::read(input)?;
            if !input.is_empty() {
                return Err(Rc::SIZE);
            }
            if session.handle != handle || label.hierarchy != Hierarchy::Null {
                return Err(Rc::INTEGRITY);
            }
            core.sessions.may_load(handle, label.sequence)?;
            core.sessions.unpark(session)
        })?;
    Ok(handle)
}

/// The handle is a parameter here, and errors say so.
fn flush_context(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let handle: Handle = call.params.get()?;
    call.params.end()?;
    let flushed = match handle.kind() {
        Kind::Transient => core.objects.flush(handle),
        Kind::HmacSession | Kind::PolicySession => core.sessions.flush(handle),
        _ => return Err(Rc::VALUE.parameter(1)),
    };
    match flushed {
        true => Ok(()),
        false => Err(Rc::HANDLE.parameter(1)),
    }
}
