//! Internal Trusted Storage (PSA Secure Storage API 1.0): a thin layer over the vault.
//!
//! An object's name is the client's id and its uid, so the same uid of two clients is two objects. The
//! vault encrypts, authenticates, spreads wear and survives power cuts; here are the names, the flags and
//! the lifecycle. Data goes from the client straight into the vault's buffer and back.

use crate::space;
use crate::store::Store;
use ironroot_boot::otp::Lifecycle;
use ironroot_psa_api::Error;
use ironroot_psa_api::storage::{CreateFlags, GET, GET_INFO, REMOVE, SET, StorageInfo, StorageUid};
use ironroot_spm::Message;
use ironroot_vault::RecordId;

/// Answers a message.
pub(crate) fn call(
    store: &mut impl Store,
    lifecycle: Lifecycle,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    let write_once = enforces_write_once(lifecycle);
    match message.kind() {
        SET => set(store, write_once, message),
        GET => get(store, message),
        GET_INFO => get_info(store, message),
        REMOVE => remove(store, write_once, message),
        _ => Err(Error::NotSupported),
    }
}

/// Write-once binds where the device is in use. Before that the factory must be able to start again.
const fn enforces_write_once(lifecycle: Lifecycle) -> bool {
    !matches!(
        lifecycle,
        Lifecycle::AssemblyAndTest | Lifecycle::Provisioning
    )
}

fn name(message: &mut Message<'_>) -> Result<RecordId, Error> {
    let uid = message.read_whole(0).ok_or(Error::ProgrammerError)?;
    let uid = StorageUid::new(u64::from_le_bytes(uid)).ok_or(Error::InvalidArgument)?;
    Ok(RecordId::new(space::ITS, message.client().get(), uid.get()))
}

fn word(message: &mut Message<'_>, input: usize) -> Result<u32, Error> {
    message
        .read_whole(input)
        .map(u32::from_le_bytes)
        .ok_or(Error::ProgrammerError)
}

/// Refuses to touch an object that was written once.
fn check_not_write_once(store: &impl Store, enforced: bool, name: &RecordId) -> Result<(), Error> {
    match store.info(name) {
        Ok(info) if enforced && CreateFlags(info.flags).contains(CreateFlags::WRITE_ONCE) => {
            Err(Error::NotPermitted)
        }
        Ok(_) | Err(Error::DoesNotExist) => Ok(()),
        Err(error) => Err(error),
    }
}

fn set(store: &mut impl Store, write_once: bool, message: &mut Message<'_>) -> Result<(), Error> {
    let name = name(message)?;
    let flags = CreateFlags(word(message, 2)?);
    if !flags.are_defined() {
        return Err(Error::NotSupported);
    }
    check_not_write_once(store, write_once, &name)?;
    let len = message.in_len(1);
    store.set_with(&name, flags.0, len, |data| {
        if message.read(1, data) == len {
            Ok(())
        } else {
            Err(Error::CommunicationFailure)
        }
    })
}

fn get(store: &mut impl Store, message: &mut Message<'_>) -> Result<(), Error> {
    let name = name(message)?;
    let offset = usize::try_from(word(message, 1)?).map_err(|_| Error::InvalidArgument)?;
    let wanted = message.out_len(0);
    store.read(&name, |data| {
        let (_, rest) = data
            .split_at_checked(offset)
            .ok_or(Error::InvalidArgument)?;
        message
            .write(0, rest.get(..wanted).unwrap_or(rest))
            .map_err(Error::from)
    })?
}

fn get_info(store: &mut impl Store, message: &mut Message<'_>) -> Result<(), Error> {
    let info = store.info(&name(message)?)?;
    // There is no way to create an object larger than its data, so it can hold what it holds.
    let info = StorageInfo {
        capacity: info.len,
        size: info.len,
        flags: CreateFlags(info.flags),
    };
    message.write(0, &info.to_bytes()).map_err(Error::from)
}

fn remove(
    store: &mut impl Store,
    write_once: bool,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    let name = name(message)?;
    check_not_write_once(store, write_once, &name)?;
    store.remove(&name)
}
