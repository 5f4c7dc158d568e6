//! `TPM_CAP_TPM_PROPERTIES`: what this TPM is (fixed) and what state it is in (variable); Part 2, section 6.13.

use super::{MAX_CAP_BUFFER, tell as tell_list};
use crate::core::Core;
use crate::handle::{Handle, Kind};
use crate::nv::ORDERLY_COUNT;
use crate::pcr::COUNT;
use crate::profile::{MAX_BUFFER, MAX_COMMAND, MAX_DIGEST, MAX_NV_BUFFER, MAX_NV_INDEX};
use crate::rc::Result;
use crate::state::CLOCK_UPDATE;
use crate::structures::{Alg, CURVES};
use crate::table::COMMANDS;
use crate::wire::{Marshal, Output};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// `PT_FIXED` and `PT_VAR`
const FIXED: u32 = 0x100;
const VARIABLE: u32 = 0x200;
/// How many numbers a group has.
const GROUP: u32 = 0x100;
/// The specification: family "2.0", level 0, revision 1.59 of 8 November 2019.
const FAMILY: u32 = u32::from_be_bytes(*b"2.0\0");
/// Of the TPM 2.0 Library specification (`TPM_PT_REVISION`), times 100.
pub const REVISION: u32 = 159;
const DAY_OF_YEAR: u32 = 312;
const YEAR: u32 = 2019;
/// The platform's: PC Client Platform TPM Profile 1.05 of 4 September 2020.
const PC_CLIENT: u32 = 1;
const PLATFORM_REVISION: u32 = 105;
const PLATFORM_DAY_OF_YEAR: u32 = 248;
const PLATFORM_YEAR: u32 = 2020;
/// How far two saved session contexts may be apart.
const CONTEXT_GAP: u32 = crate::session::MAX_CONTEXT_GAP;
/// `sharedNV`, `objectCopiedToRam`
const MEMORY: u32 = 0b110;
/// What a saved context has besides its object or session, in bytes: header, integrity value, sizes.
const CONTEXT_OVERHEAD: usize = 16 + 2 + 2 + MAX_DIGEST + 8;
/// The longest session when it is saved, in bytes.
const MAX_SAVED_SESSION: usize = 512;

/// One property with its value (`TPMS_TAGGED_PROPERTY`).
struct Tagged(u32, u32);

impl Marshal for Tagged {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.0)?;
        out.put(&self.1)
    }
}

/// Whether a property tells only who made the TPM: those are told in failure mode, too.
pub(super) const fn identifies(property: u32) -> bool {
    matches!(property, 0x105..=0x10c)
}

/// Properties from `first` on, up to the end of its group.
pub(super) fn tell(
    core: &mut Core<'_>,
    first: u32,
    wanted: u32,
    out: &mut Output<'_>,
) -> Result<bool> {
    let first = first.max(FIXED);
    let end = match first {
        ..VARIABLE => VARIABLE,
        _ => VARIABLE + GROUP,
    };
    // In failure mode, the store is not asked for what identifies nothing anyway.
    let counts = match core.has_failed() || first < VARIABLE {
        true => Counts::default(),
        false => Counts::of(core)?,
    };
    let known = |number: u32| {
        let value = match number {
            ..VARIABLE => fixed(core, number),
            _ => variable(core, &counts, number),
        };
        value
            .filter(|_| !core.has_failed() || identifies(number))
            .map(|value| Tagged(number, value))
    };
    tell_list((first..end).filter_map(known), 8, wanted, out)
}

/// A size or count as the wire has it.
fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn fixed(core: &Core<'_>, number: u32) -> Option<u32> {
    let identity = &core.profile.identity;
    let text = |place: usize| identity.vendor.get(place).copied().map(u32::from_be_bytes);
    let [firmware_1, firmware_2] = identity.firmware;
    let value = match number.checked_sub(FIXED)? {
        0 => FAMILY,
        2 => REVISION,
        3 => DAY_OF_YEAR,
        4 => YEAR,
        5 => u32::from_be_bytes(identity.manufacturer),
        6 => text(0)?,
        7 => text(1)?,
        8 => text(2)?,
        9 => text(3)?,
        10 => identity.model,
        11 => firmware_1,
        12 => firmware_2,
        13 => count(MAX_BUFFER),
        14 => count(core.profile.loaded_objects),
        15 => count(core.profile.persistent_objects),
        16 => count(core.profile.loaded_sessions),
        17 => count(core.profile.active_sessions),
        18 => count(COUNT),
        19 => 3,
        20 => CONTEXT_GAP,
        23 => count(MAX_NV_INDEX),
        24 => MEMORY,
        25 => u32::try_from(CLOCK_UPDATE).ok()?,
        26 => u32::from(Alg::from(HashAlgorithm::Sha256).0),
        27 => u32::from(Alg::AES.0),
        28 => 256,
        29 => u32::try_from(ORDERLY_COUNT).ok()?,
        30 | 31 => count(MAX_COMMAND),
        32 => count(MAX_DIGEST),
        33 => count(crate::object::MAX_SAVED.saturating_add(CONTEXT_OVERHEAD)),
        34 => count(MAX_SAVED_SESSION + CONTEXT_OVERHEAD),
        35 => PC_CLIENT,
        37 => PLATFORM_REVISION,
        38 => PLATFORM_DAY_OF_YEAR,
        39 => PLATFORM_YEAR,
        41 | 42 => count(COMMANDS.len()),
        44 => count(MAX_NV_BUFFER),
        46 => count(MAX_CAP_BUFFER),
        // Commitments that may be open.
        #[cfg(feature = "full")]
        40 => u32::try_from(crate::supplement::OPEN_COMMITMENTS).ok()?,
        #[cfg(not(feature = "full"))]
        40 => 0,
        // Level, counters without a limit of their own, platform level, vendor commands, modes.
        1 | 22 | 36 | 43 | 45 => 0,
        _ => return None,
    };
    Some(value)
}

/// What has to be asked of the store.
#[derive(Clone, Copy, Default)]
struct Counts {
    indices: u32,
    counters: u32,
    persistent: u32,
    free: u32,
}

impl Counts {
    fn of(core: &mut Core<'_>) -> Result<Self> {
        let mut counts = Self {
            indices: 0,
            counters: 0,
            persistent: count(core.count_records(Kind::Persistent, Handle::PERSISTENT_FIRST)?),
            free: core.store.free(),
        };
        let mut from = Handle::NV_FIRST.0;
        while let Some(handle) = core.next_nv(from)? {
            counts.indices = counts.indices.saturating_add(1);
            let counter = core.nv_index(handle)?.public.kind() == crate::nv::NvKind::Counter;
            counts.counters = counts.counters.saturating_add(u32::from(counter));
            from = handle.0.saturating_add(1);
        }
        Ok(counts)
    }
}

/// About how many bytes of the store a persistent object takes, and a counter.
const OBJECT_LEN: u32 = 1024;
const COUNTER_LEN: u32 = 128;

fn variable(core: &Core<'_>, counts: &Counts, number: u32) -> Option<u32> {
    let lockout = &core.permanent.get().lockout;
    let left = |most: usize, used: u32| count(most).saturating_sub(used);
    let indices_left = left(core.profile.nv_indices, counts.indices);
    let value = match number.checked_sub(VARIABLE)? {
        0 => permanent(core),
        1 => startup_clear(core),
        2 => counts.indices,
        3 => count(core.sessions.loaded_count()),
        4 => count(core.sessions.free_slots()),
        5 => count(core.sessions.active_count()),
        6 => count(core.sessions.free_places()),
        7 => count(core.objects.free_slots()),
        8 => counts.persistent,
        9 => left(core.profile.persistent_objects, counts.persistent).min(counts.free / OBJECT_LEN),
        10 => counts.counters,
        11 => indices_left.min(counts.free / COUNTER_LEN),
        13 => count(CURVES.len()),
        14 => core.failed_tries(),
        15 => lockout.max_tries,
        16 => lockout.recovery_time,
        17 => lockout.lockout_recovery,
        // Algorithm set, audit counter.
        #[cfg(feature = "full")]
        12 => core.supplement.kept.get().algorithm_set,
        #[cfg(feature = "full")]
        19 => (core.audit_counter() >> 32) as u32,
        #[cfg(feature = "full")]
        20 => core.audit_counter() as u32,
        #[cfg(not(feature = "full"))]
        12 | 19 | 20 => 0,
        // NV write recovery.
        18 => 0,
        _ => return None,
    };
    Some(value)
}

fn bits(flags: &[(u32, bool)]) -> u32 {
    flags
        .iter()
        .filter(|(_, set)| *set)
        .fold(0, |bits, (number, _)| {
            bits | 1u32.checked_shl(*number).unwrap_or(0)
        })
}

/// `TPMA_PERMANENT`
fn permanent(core: &Core<'_>) -> u32 {
    let kept = core.permanent.get();
    bits(&[
        (0, !kept.owner.auth.is_empty()),
        (1, !kept.endorsement.auth.is_empty()),
        (2, !kept.lockout_auth.is_empty()),
        (8, kept.clear_disabled),
        (9, core.in_lockout()),
        // The endorsement seed is always the TPM's own.
        (10, true),
    ])
}

/// `TPMA_STARTUP_CLEAR`
fn startup_clear(core: &Core<'_>) -> u32 {
    bits(&[
        (0, core.volatile.platform_enabled),
        (1, core.volatile.owner_enabled),
        (2, core.volatile.endorsement_enabled),
        (3, core.volatile.platform_nv_enabled),
        #[cfg(feature = "full")]
        (4, core.supplement.live.read_only),
        (31, core.found_orderly),
    ])
}
