//! The fault log: the last faults, kept over power loss.
//!
//! Fault handlers write to a small memory area that survives a warm reset only
//! ([`ironroot_boot::fault`]); the next start moves what it finds there into the vault, as a ring of
//! [`MAX_FAULTS`] records. Record n of all time lies under id n mod [`MAX_FAULTS`] + 1.
//!
//! What happens at every boot is told once: a fault that only repeats the newest one, or a refusal of the
//! bootloader that is in the log already, would push the others out.

use crate::space;
use crate::store::Store;
use ironroot_boot::fault::{Cause, FaultArea, FaultRecord, RECORD_SIZE};
use ironroot_psa_api::Error;
use ironroot_vault::RecordId;

/// How many faults are kept.
pub(crate) const MAX_FAULTS: u32 = 8;

/// Nobody's: no client has this id.
const OWNER: i32 = 0;

fn name(sequence: u32) -> RecordId {
    let place = sequence.checked_rem(MAX_FAULTS).unwrap_or(0);
    RecordId::new(space::FAULT, OWNER, u64::from(place).saturating_add(1))
}

fn read(store: &mut impl Store, name: &RecordId) -> Option<(FaultRecord, u32)> {
    store
        .read(name, |bytes| FaultRecord::decode(bytes.try_into().ok()?))
        .ok()
        .flatten()
}

/// The number of the newest record; zero if there is none.
fn last(store: &mut impl Store) -> u32 {
    (0..MAX_FAULTS)
        .filter_map(|place| read(store, &name(place)))
        .map(|(_, n)| n)
        .max()
        .unwrap_or(0)
}

/// Whether the log need not take `record`, having it from an earlier boot.
fn is_repeated(store: &mut impl Store, last: u32, record: &FaultRecord) -> bool {
    let known = |place| {
        read(store, &name(place)).is_some_and(|(kept, sequence)| {
            let same = FaultRecord {
                boot_count: record.boot_count,
                ..kept
            } == *record;
            same && (sequence == last || record.cause == Cause::BootRefused)
        })
    };
    (0..MAX_FAULTS).any(known)
}

fn append(store: &mut impl Store, sequence: u32, record: &FaultRecord) -> Result<(), Error> {
    store.set_with(&name(sequence), 0, RECORD_SIZE, |place| {
        let place: &mut [u8; RECORD_SIZE] = place.try_into().map_err(|_| Error::StorageFailure)?;
        *place = record.encode(sequence);
        Ok(())
    })
}

/// Adds one record.
pub(crate) fn record(store: &mut impl Store, record: &FaultRecord) -> Result<(), Error> {
    let last = last(store);
    if is_repeated(store, last, record) {
        return Ok(());
    }
    let next = last.checked_add(1).ok_or(Error::InsufficientStorage)?;
    append(store, next, record)
}

/// Moves all records of the area into the log, oldest first. One leaves the area only when the log
/// has it; after a power cut in between it is in both, and may come into the log twice.
pub(crate) fn collect(store: &mut impl Store, area: &mut FaultArea<'_>) -> Result<(), Error> {
    let mut sequence = last(store);
    while let Some((record, _)) = area.records().min_by_key(|(_, sequence)| *sequence) {
        if !is_repeated(store, sequence, &record) {
            sequence = sequence.checked_add(1).ok_or(Error::InsufficientStorage)?;
            append(store, sequence, &record)?;
        }
        area.take_oldest();
    }
    Ok(())
}

/// The newest record but `back`, with its number.
///
/// # Errors
/// `DOES_NOT_EXIST` when there are not so many.
pub(crate) fn newest(store: &mut impl Store, back: u32) -> Result<(FaultRecord, u32), Error> {
    let wanted = last(store)
        .checked_sub(back)
        .filter(|n| *n > 0 && back < MAX_FAULTS);
    let wanted = wanted.ok_or(Error::DoesNotExist)?;
    read(store, &name(wanted))
        .filter(|(_, n)| *n == wanted)
        .ok_or(Error::DoesNotExist)
}
