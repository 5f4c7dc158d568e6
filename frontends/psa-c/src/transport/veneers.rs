//! On a device: the gates of the secure world, by TF-M's names.

use ironroot_psa_api::{Control, Error, Handle, MAX_VECTORS, Status};

use crate::memory::{Bytes, Room};

/// `psa_invec` and `psa_outvec`, which have one layout.
#[derive(Clone, Copy)]
#[repr(C)]
struct Vector {
    base: *const u8,
    len: usize,
}

unsafe extern "C" {
    safe fn tfm_psa_framework_version_veneer() -> u32;
    safe fn tfm_psa_version_veneer(sid: u32) -> u32;
    safe fn tfm_psa_connect_veneer(sid: u32, version: u32) -> i32;
    safe fn tfm_psa_close_veneer(handle: i32);
    /// Reads the vectors that the control word counts and writes to the outputs among them and to the
    /// output array.
    fn tfm_psa_call_veneer(
        handle: i32,
        control: u32,
        in_vec: *const Vector,
        out_vec: *mut Vector,
    ) -> i32;
}

/// The gates need no state.
#[derive(Debug)]
pub(crate) struct Link(());

/// Runs `body` with the link; a panic ends the program.
pub(crate) fn with<R>(body: impl FnOnce(&mut Link) -> Result<R, Error>) -> Result<R, Error> {
    body(&mut Link(()))
}

impl Link {
    /// One `psa_call`. The secure world checks every span against what this world may touch, copies inputs
    /// once, and lets them overlap outputs.
    pub(crate) fn carry(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[Bytes],
        outputs: &mut [Room],
    ) -> Status {
        let Some(control) = Control::new(kind, inputs.len(), outputs.len()) else {
            return Error::ProgrammerError.status();
        };
        const NOTHING: Vector = Vector {
            base: core::ptr::null(),
            len: 0,
        };
        let mut in_vec = [NOTHING; MAX_VECTORS];
        let mut out_vec = [NOTHING; MAX_VECTORS];
        for (place, input) in in_vec.iter_mut().zip(inputs) {
            *place = Vector {
                base: input.base(),
                len: input.len(),
            };
        }
        for (place, output) in out_vec.iter_mut().zip(outputs.iter()) {
            *place = Vector {
                base: output.base().cast_const(),
                len: output.len(),
            };
        }
        // SAFETY: `control` counts vectors that were just filled in. `Bytes` and `Room` name memory that
        // can be read and written until the call returns.
        let status = unsafe {
            tfm_psa_call_veneer(
                handle.0.cast_signed(),
                control.word(),
                in_vec.as_ptr(),
                out_vec.as_mut_ptr(),
            )
        };
        for (output, vector) in outputs.iter_mut().zip(&out_vec) {
            output.set_written(vector.len);
        }
        Status(status)
    }

    pub(crate) fn open_connection(&mut self, sid: u32, version: u32) -> i32 {
        tfm_psa_connect_veneer(sid, version)
    }

    pub(crate) fn close_connection(&mut self, handle: Handle) {
        tfm_psa_close_veneer(handle.0.cast_signed());
    }

    pub(crate) fn service_version(&mut self, sid: u32) -> u32 {
        tfm_psa_version_veneer(sid)
    }

    pub(crate) fn version_of_framework(&mut self) -> u32 {
        tfm_psa_framework_version_veneer()
    }
}
