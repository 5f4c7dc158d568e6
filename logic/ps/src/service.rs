//! Messages: what they must look like, and what is done for each.

use crate::object::Name;
use crate::store::Store;
use ironroot_client::Transport;
use ironroot_partition::{Incoming, Kernel, Request};
use ironroot_psa_api::storage::{
    CreateFlags, GET, GET_INFO, GET_SUPPORT, REMOVE, SET, StorageInfo, StorageUid,
};
use ironroot_psa_api::svc::lifecycle;
use ironroot_psa_api::{Error, Status};

/// Write-once does not bind while a device is made: provisioning must be able to start again.
pub(crate) const fn enforces_write_once(state: u32) -> bool {
    !matches!(
        state & 0xff00,
        lifecycle::ASSEMBLY_AND_TEST | lifecycle::PSA_ROT_PROVISIONING
    )
}

/// Answers one message.
pub(crate) fn answer<K: Kernel + Transport>(
    store: &mut Store,
    request: &mut Request<'_, K>,
) -> Status {
    let done = match request.kind() {
        SET => set(store, request),
        GET => get(store, request),
        GET_INFO => get_info(store, request),
        REMOVE => remove(store, request),
        // Neither create nor set_extended.
        GET_SUPPORT => request.write(0, &0u32.to_le_bytes()),
        _ => Err(Error::NotSupported),
    };
    done.into()
}

fn name<K: Kernel>(request: &mut Request<'_, K>) -> Result<Name, Error> {
    let uid = request.read_whole(0).ok_or(Error::ProgrammerError)?;
    let uid = StorageUid::new(u64::from_le_bytes(uid)).ok_or(Error::InvalidArgument)?;
    Ok(Name {
        client: request.client(),
        uid,
    })
}

fn word<K: Kernel>(request: &mut Request<'_, K>, input: usize) -> Result<u32, Error> {
    request
        .read_whole(input)
        .map(u32::from_le_bytes)
        .ok_or(Error::ProgrammerError)
}

fn set<K: Kernel + Transport>(
    store: &mut Store,
    request: &mut Request<'_, K>,
) -> Result<(), Error> {
    let name = name(request)?;
    let flags = CreateFlags(word(request, 2)?);
    if !flags.are_defined() {
        return Err(Error::NotSupported);
    }
    let len = request.in_len(1);
    let incoming = request.incoming();
    store.set(request.kernel(), name, flags, len, |kernel, data| {
        read_all(kernel, incoming, data)
    })
}

/// Input 1, which is as long as `data`.
fn read_all<K: Kernel>(kernel: &mut K, incoming: Incoming, data: &mut [u8]) -> Result<(), Error> {
    if data.is_empty() {
        return Ok(());
    }
    let read = kernel.read(incoming.message.handle, 1, data);
    if read == data.len() {
        Ok(())
    } else {
        Err(Error::GenericError)
    }
}

fn get<K: Kernel + Transport>(
    store: &mut Store,
    request: &mut Request<'_, K>,
) -> Result<(), Error> {
    let name = name(request)?;
    let offset = usize::try_from(word(request, 1)?).map_err(|_| Error::InvalidArgument)?;
    let wanted = request.out_len(0);
    let message = request.incoming().message.handle;
    store.open(request.kernel(), name, |kernel, _, data| {
        let (_, rest) = data
            .split_at_checked(offset)
            .ok_or(Error::InvalidArgument)?;
        let part = rest.get(..wanted).unwrap_or(rest);
        if !part.is_empty() {
            kernel.write(message, 0, part);
        }
        Ok(())
    })
}

fn get_info<K: Kernel + Transport>(
    store: &mut Store,
    request: &mut Request<'_, K>,
) -> Result<(), Error> {
    let name = name(request)?;
    let info = store.open(request.kernel(), name, |_, head, data| {
        let size = u32::try_from(data.len()).map_err(|_| Error::DataCorrupt)?;
        Ok(StorageInfo {
            capacity: size,
            size,
            flags: head.flags,
        })
    })?;
    request.write(0, &info.to_bytes())
}

fn remove<K: Kernel + Transport>(
    store: &mut Store,
    request: &mut Request<'_, K>,
) -> Result<(), Error> {
    let name = name(request)?;
    store.remove(request.kernel(), name)
}
