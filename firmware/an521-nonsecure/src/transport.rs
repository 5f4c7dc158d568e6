//! The client library's way into the secure world: the veneers.

use ironroot_client::{Output, Transport};
use ironroot_port_armv8m::nonsecure::veneers::{self, raw};
use ironroot_psa_api::{Error, Handle, Status};

/// The gates of the secure world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Veneers;

impl Transport for Veneers {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        let buffers = outputs.iter_mut().map(Output::buffer);
        let handle = handle.0.cast_signed();
        let (status, written) = veneers::call_slices(handle, kind, inputs, buffers);
        for (output, written) in outputs.iter_mut().zip(written) {
            output.set_written(written);
        }
        Status(status)
    }

    fn connect(&mut self, sid: u32, version: u32) -> Result<Handle, Error> {
        let answer = raw::tfm_psa_connect_veneer(sid, version);
        Status(answer).ok()?;
        Ok(Handle(answer.cast_unsigned()))
    }

    fn close(&mut self, handle: Handle) {
        raw::tfm_psa_close_veneer(handle.0.cast_signed());
    }

    fn version(&mut self, sid: u32) -> u32 {
        raw::tfm_psa_version_veneer(sid)
    }

    fn framework_version(&mut self) -> u32 {
        raw::tfm_psa_framework_version_veneer()
    }
}
