//! Part 3, section 31: NV indices. NV_Certify is with the other attestations.

use crate::attributes::NvAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Kind};
use crate::nv::{NvIndex, NvKind, NvPublic};
use crate::profile::MAX_NV_BUFFER;
use crate::rc::{Rc, Result};
use crate::store::RecordId;
use crate::structures::AuthValue;
use crate::table::{Command, DECRYPT, ENCRYPT, NV, Place, Role};
#[cfg(feature = "full")]
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::hash::digest_parts;

const ON_INDEX: &[Place] = &[Place::NvAuth, Place::NvIndex];

const fn command(
    code: u32,
    traits: u8,
    run: fn(&mut Core<'_>, &mut Call<'_>) -> Result<()>,
) -> Command {
    Command {
        code,
        handles: ON_INDEX,
        roles: &[Role::User],
        traits,
        run,
    }
}

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x12a,
        handles: &[Place::Provision],
        roles: &[Role::User],
        traits: NV | DECRYPT,
        run: define_space,
    },
    Command {
        code: 0x122,
        handles: &[Place::Provision, Place::NvIndex],
        roles: &[Role::User],
        traits: NV,
        run: undefine_space,
    },
    Command {
        code: 0x11f,
        handles: &[Place::NvIndex, Place::Platform],
        roles: &[Role::Admin, Role::User],
        traits: NV,
        run: undefine_space_special,
    },
    Command {
        code: 0x169,
        handles: &[Place::NvIndex],
        roles: &[],
        traits: ENCRYPT,
        run: read_public,
    },
    command(0x137, NV | DECRYPT, write),
    command(0x134, NV, increment),
    command(0x136, NV | DECRYPT, extend),
    command(0x135, NV, set_bits),
    command(0x138, NV, write_lock),
    Command {
        code: 0x132,
        handles: &[Place::Provision],
        roles: &[Role::User],
        traits: NV,
        run: global_write_lock,
    },
    command(0x14e, ENCRYPT, read),
    command(0x14f, NV, read_lock),
    #[cfg(feature = "full")]
    Command {
        code: 0x19d,
        handles: &[Place::Provision],
        roles: &[Role::User],
        traits: NV | DECRYPT,
        run: define_space_2,
    },
    #[cfg(feature = "full")]
    Command {
        code: 0x19e,
        handles: &[Place::NvIndex],
        roles: &[],
        traits: ENCRYPT,
        run: read_public_2,
    },
    Command {
        code: 0x13b,
        handles: &[Place::NvIndex],
        roles: &[Role::Admin],
        traits: NV | DECRYPT,
        run: change_auth,
    },
];

fn define_space(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let auth = call.params.get::<AuthValue>()?.without_trailing_zeros();
    let public: NvPublic = call.params.sized_structure()?;
    call.params.end()?;
    define(core, call, public, auth)
}

/// The same with the public area in its newer form.
#[cfg(feature = "full")]
fn define_space_2(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let auth = call.params.get::<AuthValue>()?.without_trailing_zeros();
    let NvPublic2(public) = call.params.sized_structure()?;
    call.params.end()?;
    define(core, call, public, auth)
}

fn define(
    core: &mut Core<'_>,
    call: &mut Call<'_>,
    public: NvPublic,
    auth: AuthValue,
) -> Result<()> {
    let [authority, ..] = call.handles;
    if auth.len() > public.name_alg.digest_len() {
        return Err(Rc::SIZE.parameter(1));
    }
    if authority == Handle::PLATFORM && !core.volatile.platform_nv_enabled {
        return Err(Rc::HIERARCHY.handle(1));
    }
    public.check_definition(authority)?;
    match core.nv_index(public.handle) {
        Err(Rc::HANDLE) => {}
        Ok(_) => return Err(Rc::NV_DEFINED),
        Err(rc) => return Err(rc),
    }
    core.check_nv_room()?;
    let index = NvIndex::new(public, auth);
    let mut orderly = core.nv.orderly.duplicate();
    if index.is_orderly() {
        orderly.add(&index)?;
        core.transaction
            .set_with(RecordId::ORDERLY, |out| orderly.write(out))?;
    }
    core.stage_nv(&index)?;
    core.commit()?;
    core.nv.orderly = orderly;
    Ok(())
}

fn undefine_space(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [authority, handle, _] = call.handles;
    let public = core.nv_index(handle)?.public;
    if public.has(NvAttributes::POLICY_DELETE) {
        return Err(Rc::ATTRIBUTES.handle(2));
    }
    if authority == Handle::OWNER && public.has(NvAttributes::PLATFORM_CREATE) {
        return Err(Rc::NV_AUTHORIZATION);
    }
    core.remove_nv(handle)
}

fn undefine_space_special(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [handle, ..] = call.handles;
    if !core
        .nv_index(handle)?
        .public
        .has(NvAttributes::POLICY_DELETE)
    {
        return Err(Rc::ATTRIBUTES.handle(1));
    }
    core.remove_nv(handle)
}

fn read_public(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [handle, ..] = call.handles;
    let public = core.nv_index(handle)?.public;
    call.out.sized_structure(&public)?;
    call.out.put(&public.name()?)
}

#[cfg(feature = "full")]
fn read_public_2(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [handle, ..] = call.handles;
    let public = core.nv_index(handle)?.public;
    call.out.sized_structure(&NvPublic2(public))?;
    call.out.put(&public.name()?)
}

/// `TPMT_NV_PUBLIC_2`: the kind of the handle, then the public area. Only ordinary indices are known; a name leaves the
/// kind out, so it is the same in both forms.
#[cfg(feature = "full")]
struct NvPublic2(NvPublic);

/// `TPM_HT_NV_INDEX`
#[cfg(feature = "full")]
const NV_INDEX: u8 = 1;

/// Another kind is `SELECTOR`.
#[cfg(feature = "full")]
impl Unmarshal for NvPublic2 {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            NV_INDEX => input.get().map(Self),
            _ => Err(Rc::SELECTOR),
        }
    }
}

#[cfg(feature = "full")]
impl Marshal for NvPublic2 {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&NV_INDEX)?;
        out.put(&self.0)
    }
}

fn write(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_NV_BUFFER)?;
    let offset = usize::from(call.params.get::<u16>()?);
    call.params.end()?;
    let (handle, public) = writable(core, call)?;
    if matches!(
        public.kind(),
        NvKind::Counter | NvKind::Bits | NvKind::Extend
    ) {
        return Err(Rc::ATTRIBUTES);
    }
    let room = public
        .len()
        .checked_sub(offset)
        .ok_or(Rc::VALUE.parameter(2))?;
    let whole = data.len() == public.len();
    if data.len() > room || public.has(NvAttributes::WRITE_ALL) && !whole {
        return Err(Rc::NV_RANGE);
    }
    core.update_nv(handle, |index| {
        index.write(offset, data).ok_or(Rc::NV_RANGE)
    })
}

fn increment(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let (handle, public) = writable(core, call)?;
    if public.kind() != NvKind::Counter {
        return Err(Rc::ATTRIBUTES.handle(2));
    }
    let floor = core.permanent.get().max_counter;
    core.update_nv(handle, |index| {
        let next = index
            .number()
            .unwrap_or(floor)
            .checked_add(1)
            .ok_or(Rc::NV_RANGE)?;
        index.write(0, &next.to_be_bytes()).ok_or(Rc::FAILURE)
    })
}

fn extend(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_NV_BUFFER)?;
    call.params.end()?;
    let (handle, public) = writable(core, call)?;
    if public.kind() != NvKind::Extend {
        return Err(Rc::ATTRIBUTES.handle(2));
    }
    core.update_nv(handle, |index| {
        let written = public.has(NvAttributes::WRITTEN);
        let hash = public.name_alg;
        let extended = match written {
            true => index.expose(|old| digest_parts(hash, &[old, data])),
            false => digest_parts(
                hash,
                &[[0; 64].get(..hash.digest_len()).unwrap_or_default(), data],
            ),
        };
        index.write(0, extended.as_slice()).ok_or(Rc::FAILURE)
    })
}

fn set_bits(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let bits: u64 = call.params.get()?;
    call.params.end()?;
    let (handle, public) = writable(core, call)?;
    if public.kind() != NvKind::Bits {
        return Err(Rc::ATTRIBUTES.handle(2));
    }
    core.update_nv(handle, |index| {
        let set = index.number().unwrap_or(0) | bits;
        index.write(0, &set.to_be_bytes()).ok_or(Rc::FAILURE)
    })
}

/// Locking what is locked succeeds.
fn write_lock(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [authority, handle, _] = call.handles;
    let public = core.nv_index(handle)?.public;
    match public.check_write(authority) {
        Err(Rc::NV_LOCKED) => return Ok(()),
        other => other?,
    }
    if !public
        .attributes
        .has_any(NvAttributes::WRITE_DEFINE.with(NvAttributes::WRITE_ST_CLEAR))
    {
        return Err(Rc::ATTRIBUTES.handle(2));
    }
    set_state(core, handle, NvAttributes::WRITE_LOCKED)
}

fn read_lock(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [authority, handle, _] = call.handles;
    let public = core.nv_index(handle)?.public;
    match public.check_read(authority) {
        Err(Rc::NV_LOCKED) => return Ok(()),
        Ok(()) | Err(Rc::NV_UNINITIALIZED) => {}
        Err(rc) => return Err(rc),
    }
    if !public.has(NvAttributes::READ_ST_CLEAR) {
        return Err(Rc::ATTRIBUTES.handle(2));
    }
    set_state(core, handle, NvAttributes::READ_LOCKED)
}

fn set_state(core: &mut Core<'_>, handle: Handle, state: NvAttributes) -> Result<()> {
    core.update_nv(handle, |index| {
        index.public.attributes = index.public.attributes.with(state);
        Ok(())
    })
}

/// Counts one more global lock; each index finds out when it is next looked at. See [`crate::nv`].
fn global_write_lock(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let kept = core.permanent.edit();
    kept.global_locks = kept.global_locks.checked_add(1).ok_or(Rc::FAILURE)?;
    kept.global_lock_start = kept.starts;
    core.commit()?;
    core.nv.orderly.lock_globally();
    core.nv.forget();
    Ok(())
}

fn read(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let wanted = usize::from(call.params.get::<u16>()?);
    let offset = usize::from(call.params.get::<u16>()?);
    call.params.end()?;
    let [authority, handle, _] = call.handles;
    let index = core.nv_index(handle)?;
    index.public.check_read(authority)?;
    if wanted > MAX_NV_BUFFER {
        return Err(Rc::VALUE.parameter(1));
    }
    let room = index
        .public
        .len()
        .checked_sub(offset)
        .ok_or(Rc::VALUE.parameter(2))?;
    if wanted > room {
        return Err(Rc::NV_RANGE);
    }
    let end = offset.saturating_add(wanted);
    index.expose(|data| call.out.sized(data.get(offset..end).ok_or(Rc::NV_RANGE)?))
}

fn change_auth(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let auth = call.params.get::<AuthValue>()?.without_trailing_zeros();
    call.params.end()?;
    let [handle, ..] = call.handles;
    let public = core.nv_index(handle)?.public;
    if auth.len() > public.name_alg.digest_len() {
        return Err(Rc::SIZE.parameter(1));
    }
    core.change_nv_auth(handle, auth)
}

/// The index of a command that writes, once the rules let it.
fn writable(core: &mut Core<'_>, call: &Call<'_>) -> Result<(Handle, NvPublic)> {
    let [authority, handle, _] = call.handles;
    let public = core.nv_index(handle)?.public;
    public.check_write(authority)?;
    Ok((handle, public))
}

impl Core<'_> {
    /// Refuses one index too many.
    fn check_nv_room(&mut self) -> Result<()> {
        match self.count_records(Kind::Nv, Handle::NV_FIRST)? < self.profile.nv_indices {
            true => Ok(()),
            false => Err(Rc::NV_SPACE),
        }
    }

    /// How many records are filed under handles of that kind; `first` is the least of them.
    pub(crate) fn count_records(&mut self, kind: Kind, first: Handle) -> Result<usize> {
        let (mut count, mut from): (usize, _) = (0, first.0);
        while let Some(handle) = self.next_record(from, kind)? {
            count = count.saturating_add(1);
            from = handle.0.saturating_add(1);
        }
        Ok(count)
    }

    fn remove_nv(&mut self, handle: Handle) -> Result<()> {
        let mut orderly = self.nv.orderly.duplicate();
        let was_orderly = self.nv_index(handle)?.is_orderly();
        self.stage_nv_removal(handle, &mut orderly)?;
        if was_orderly {
            self.transaction
                .set_with(RecordId::ORDERLY, |out| orderly.write(out))?;
        }
        self.commit()?;
        self.nv.orderly = orderly;
        Ok(())
    }

    /// The record changes even if the data lives in memory.
    fn change_nv_auth(&mut self, handle: Handle, auth: AuthValue) -> Result<()> {
        let mut changed = NvIndex::new(self.nv_index(handle)?.public, auth);
        let data = self.nv_index(handle)?;
        data.expose(|bytes| changed.take_data(bytes));
        self.stage_nv(&changed)?;
        self.nv.forget();
        self.commit()
    }
}
