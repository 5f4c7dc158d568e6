//! `psa/client.h` and `ironroot.h`: the framework's own calls.

use core::mem::offset_of;

use ironroot_client::Transport;
use ironroot_psa_api::message::PsaMessage;
use ironroot_psa_api::{Error, Handle, MAX_VECTORS, Status, VERSION_NONE};

use crate::memory::{Bytes, ReadOne, ReadPointer, Room, WriteOne, WritePointer};
use crate::shell::{CStatus, shell};
use crate::transport;

/// `psa_invec`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct CInVec {
    base: ReadPointer,
    len: usize,
}

/// `psa_outvec`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct COutVec {
    base: WritePointer,
    len: usize,
}

// The same numbers as in the header.
const _: () = {
    assert!(size_of::<CInVec>() == 2 * size_of::<usize>());
    assert!(size_of::<COutVec>() == 2 * size_of::<usize>());
    assert!(offset_of!(CInVec, len) == size_of::<usize>());
    assert!(offset_of!(COutVec, len) == size_of::<usize>());
    assert!(MAX_VECTORS == 4 && PsaMessage::SIZE == 48);
};

#[unsafe(no_mangle)]
extern "C" fn psa_framework_version() -> u32 {
    transport::with(|link| Ok(link.framework_version())).unwrap_or(VERSION_NONE)
}

#[unsafe(no_mangle)]
extern "C" fn psa_version(sid: u32) -> u32 {
    transport::with(|link| Ok(link.version(sid))).unwrap_or(VERSION_NONE)
}

#[unsafe(no_mangle)]
extern "C" fn psa_connect(sid: u32, version: u32) -> i32 {
    match transport::with(|link| link.connect(sid, version)) {
        Ok(handle) => handle.0.cast_signed(),
        Err(error) => error.status().0,
    }
}

#[unsafe(no_mangle)]
extern "C" fn psa_close(handle: i32) {
    if handle != 0 {
        shell(|link| {
            link.close(Handle(handle.cast_unsigned()));
            Ok(())
        });
    }
}

/// # Safety
/// As `psa/client.h` says: arrays and vectors are valid for their lengths.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_call(
    handle: i32,
    kind: i32,
    in_vec: ReadOne<CInVec>,
    in_len: usize,
    out_vec: WriteOne<COutVec>,
    out_len: usize,
) -> CStatus {
    // A service may answer with a positive status, so this is no ordinary shell.
    let status = transport::with(|link| {
        if in_len.saturating_add(out_len) > MAX_VECTORS {
            return Err(Error::ProgrammerError);
        }
        let mut inputs = [Bytes::of(&[]); MAX_VECTORS];
        let mut outputs = [const { Room::none() }; MAX_VECTORS];
        for (index, place) in inputs.iter_mut().enumerate().take(in_len) {
            let vector = in_vec.element(index, in_len).map_err(misuse)?;
            *place = vector.base.bytes(vector.len).map_err(misuse)?;
        }
        for (index, place) in outputs.iter_mut().enumerate().take(out_len) {
            let vector = out_vec.element(index, out_len).map_err(misuse)?;
            *place = vector.base.room(vector.len).map_err(misuse)?;
        }
        let inputs = inputs.get(..in_len).ok_or(Error::ProgrammerError)?;
        let outputs = outputs.get_mut(..out_len).ok_or(Error::ProgrammerError)?;
        let status = link.carry(Handle(handle.cast_unsigned()), kind, inputs, outputs);
        for (index, output) in outputs.iter().enumerate() {
            if let Ok(vector) = out_vec.element(index, out_len) {
                out_vec.set_element(
                    index,
                    out_len,
                    COutVec {
                        len: output.written(),
                        ..vector
                    },
                );
            }
        }
        Ok(status)
    });
    status.unwrap_or_else(Status::from).0
}

/// A bad pointer is a programmer error here (Firmware Framework 1.0, 4.3.3).
fn misuse(_: Error) -> Error {
    Error::ProgrammerError
}

/// # Safety
/// `path` is null or a string that ends with a zero byte.
#[cfg(not(target_os = "none"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_ironroot_connect(path: *const core::ffi::c_char) -> CStatus {
    let path = if path.is_null() {
        None
    } else {
        // SAFETY: not null; the caller promised a string.
        Some(unsafe { core::ffi::CStr::from_ptr(path) }.to_bytes())
    };
    Status::from(transport::connect_to(path)).0
}
