//! Part 3, section 24: hierarchies. CreatePrimary is with the other commands that make objects.

use crate::attributes::NvAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::entity::Policy;
use crate::handle::{Handle, Hierarchy, Kind};
use crate::nv::OrderlyNv;
use crate::rc::{Rc, Result};
use crate::state::{Lockout, Seed};
use crate::store::RecordId;
use crate::structures::{AuthValue, DigestBytes};
#[cfg(feature = "full")]
use crate::supplement::timer_of;
use crate::table::{Command, DECRYPT, EXTENSIVE, NV, Place, Role};
use ironroot_crypto::tpm::hash::HashAlgorithm;

const fn command(
    code: u32,
    place: &'static [Place],
    traits: u8,
    run: fn(&mut Core<'_>, &mut Call<'_>) -> Result<()>,
) -> Command {
    Command {
        code,
        handles: place,
        roles: &[Role::User],
        traits,
        run,
    }
}

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    command(0x121, &[Place::Hierarchy], NV | EXTENSIVE, control),
    command(
        0x12e,
        &[Place::HierarchyPolicy],
        NV | DECRYPT,
        set_primary_policy,
    ),
    command(0x125, &[Place::Platform], NV | EXTENSIVE, change_pps),
    command(0x124, &[Place::Platform], NV | EXTENSIVE, change_eps),
    command(0x126, &[Place::Clear], NV | EXTENSIVE, clear),
    command(0x127, &[Place::Clear], NV, clear_control),
    command(0x129, &[Place::HierarchyAuth], NV | DECRYPT, change_auth),
];

/// A hierarchy may turn itself off; on again comes it by the platform alone, for its own auth value cannot be used
/// while it is off. So the platform comes back on with the next start only.
fn control(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let which = call.params.with(|input| match input.get::<Handle>()? {
        handle @ (Handle::OWNER | Handle::ENDORSEMENT | Handle::PLATFORM | Handle::PLATFORM_NV) => {
            Ok(handle)
        }
        _ => Err(Rc::VALUE),
    })?;
    let on: bool = call.params.get()?;
    call.params.end()?;
    let [authority, ..] = call.handles;
    if authority == Handle::NULL {
        return Err(Rc::VALUE.handle(1));
    }
    let itself = authority == which && matches!(which, Handle::OWNER | Handle::ENDORSEMENT);
    if authority != Handle::PLATFORM && !itself {
        return Err(Rc::AUTH_TYPE);
    }
    let volatile = &mut core.volatile;
    match which {
        Handle::OWNER => volatile.owner_enabled = on,
        Handle::ENDORSEMENT => volatile.endorsement_enabled = on,
        Handle::PLATFORM => volatile.platform_enabled = on,
        _ => volatile.platform_nv_enabled = on,
    }
    match Hierarchy::of(which) {
        Some(hierarchy) if !on => core.objects.flush_hierarchy(hierarchy),
        _ => {}
    }
    Ok(())
}

fn set_primary_policy(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let digest: DigestBytes = call.params.get()?;
    let hash: Option<HashAlgorithm> = call.params.get()?;
    call.params.end()?;
    if digest.len() != hash.map_or(0, HashAlgorithm::digest_len) {
        return Err(Rc::SIZE.parameter(1));
    }
    let policy = Policy { hash, digest };
    let [authority, ..] = call.handles;
    match authority {
        Handle::OWNER => core.permanent.edit().owner.policy = policy,
        Handle::ENDORSEMENT => core.permanent.edit().endorsement.policy = policy,
        Handle::LOCKOUT => core.permanent.edit().lockout_policy = policy,
        _ => {}
    }
    core.commit()?;
    match authority {
        Handle::PLATFORM => core.volatile.platform_policy = policy,
        #[cfg(feature = "full")]
        _ if timer_of(authority).is_some() => core.timer(authority)?.policy = policy,
        _ => {}
    }
    Ok(())
}

/// The answer is authorised with the new auth value already.
fn change_auth(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let auth = call.params.get::<AuthValue>()?.without_trailing_zeros();
    call.params.end()?;
    let [authority, ..] = call.handles;
    match authority {
        Handle::OWNER => core.permanent.edit().owner.auth = auth,
        Handle::ENDORSEMENT => core.permanent.edit().endorsement.auth = auth,
        Handle::LOCKOUT => core.permanent.edit().lockout_auth = auth,
        _ => {
            core.commit()?;
            core.volatile.platform_auth = auth;
        }
    }
    core.commit()
}

fn change_pps(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let (seed, proof) = (Seed::random(&mut core.drbg), core.drbg.secret());
    core.stage_persistent_removal(&[Hierarchy::Platform])?;
    let platform = &mut core.permanent.edit().platform;
    (platform.seed, platform.proof) = (seed, proof);
    core.commit()?;
    core.volatile.platform_policy = Policy::NONE;
    core.objects.flush_hierarchy(Hierarchy::Platform);
    Ok(())
}

fn change_eps(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let (seed, proof) = (Seed::random(&mut core.drbg), core.drbg.secret());
    core.stage_persistent_removal(&[Hierarchy::Endorsement])?;
    let endorsement = &mut core.permanent.edit().endorsement;
    (endorsement.seed, endorsement.proof) = (seed, proof);
    endorsement.open();
    core.commit()?;
    core.volatile.endorsement_enabled = true;
    core.objects.flush_hierarchy(Hierarchy::Endorsement);
    Ok(())
}

/// The owner goes: a new storage seed, and nothing of what was made under the old one. One transaction.
fn clear(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    if core.permanent.get().clear_disabled {
        return Err(Rc::DISABLED);
    }
    let (seed, owner_proof) = (Seed::random(&mut core.drbg), core.drbg.secret());
    let endorsement_proof = core.drbg.secret();
    core.stage_persistent_removal(&[Hierarchy::Owner, Hierarchy::Endorsement])?;
    let orderly = core.stage_owner_nv_removal()?;
    let kept = core.permanent.edit();
    (kept.owner.seed, kept.owner.proof) = (seed, owner_proof);
    kept.endorsement.proof = endorsement_proof;
    kept.owner.open();
    kept.endorsement.open();
    kept.lockout_auth = AuthValue::EMPTY;
    kept.lockout_policy = Policy::NONE;
    kept.lockout = Lockout::NEW;
    kept.reset_count = 0;
    kept.clock = 0;
    kept.clock_safe = true;
    core.commit()?;
    core.nv.orderly = orderly;
    core.nv.forget();
    core.forget_lockout();
    core.clock.clock = 0;
    // The count of restarts that nobody is told stays: what a restart ended must not come back.
    core.volatile.restart_count = 0;
    core.volatile.owner_enabled = true;
    core.volatile.endorsement_enabled = true;
    core.objects.flush_hierarchy(Hierarchy::Owner);
    core.objects.flush_hierarchy(Hierarchy::Endorsement);
    core.objects.pool.wipe();
    core.pcr_changed(0)
}

/// Lockout may forbid Clear, the platform alone may allow it again.
fn clear_control(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let disable: bool = call.params.get()?;
    call.params.end()?;
    let [authority, ..] = call.handles;
    if authority == Handle::LOCKOUT && !disable {
        return Err(Rc::AUTH_FAIL);
    }
    core.permanent.edit().clear_disabled = disable;
    core.commit()
}

impl Core<'_> {
    /// Stages that the persistent objects of these hierarchies go.
    fn stage_persistent_removal(&mut self, hierarchies: &[Hierarchy]) -> Result<()> {
        let mut from = Handle::PERSISTENT_FIRST.0;
        while let Some(handle) = self.next_record(from, Kind::Persistent)? {
            if hierarchies.contains(&self.with_object(handle, |object| object.hierarchy)?) {
                self.transaction.remove(RecordId(handle.0))?;
            }
            from = handle.0.saturating_add(1);
        }
        Ok(())
    }

    /// Stages that the owner's NV indices go; gives what then lives in memory.
    fn stage_owner_nv_removal(&mut self) -> Result<OrderlyNv> {
        let mut orderly = self.nv.orderly.duplicate();
        let mut from = Handle::NV_FIRST.0;
        while let Some(handle) = self.next_nv(from)? {
            if !self
                .nv_index(handle)?
                .public
                .has(NvAttributes::PLATFORM_CREATE)
            {
                self.stage_nv_removal(handle, &mut orderly)?;
            }
            from = handle.0.saturating_add(1);
        }
        self.transaction
            .set_with(RecordId::ORDERLY, |out| orderly.write(out))?;
        Ok(orderly)
    }
}
