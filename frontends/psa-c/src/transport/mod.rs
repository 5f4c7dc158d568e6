//! The way to the secure world: veneers on a device, a Unix socket on a host.

#[cfg(not(target_os = "none"))]
mod socket;
#[cfg(target_os = "none")]
mod veneers;

#[cfg(not(target_os = "none"))]
pub(crate) use socket::{Link, connect_to, with};
#[cfg(target_os = "none")]
pub(crate) use veneers::{Link, with};

use ironroot_client::{Output, Transport};
use ironroot_psa_api::{Error, Handle, MAX_VECTORS, Status};

use crate::memory::{Bytes, Room};

impl Transport for Link {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        let mut bytes = [Bytes::of(&[]); MAX_VECTORS];
        let mut rooms = [const { Room::none() }; MAX_VECTORS];
        for (place, input) in bytes.iter_mut().zip(inputs) {
            *place = Bytes::of(input);
        }
        for (place, output) in rooms.iter_mut().zip(outputs.iter_mut()) {
            *place = Room::of(output.buffer());
        }
        let (Some(bytes), Some(rooms)) =
            (bytes.get(..inputs.len()), rooms.get_mut(..outputs.len()))
        else {
            return Error::ProgrammerError.status();
        };
        let status = self.carry(handle, kind, bytes, rooms);
        for (output, room) in outputs.iter_mut().zip(rooms) {
            output.set_written(room.written());
        }
        status
    }

    fn connect(&mut self, sid: u32, version: u32) -> Result<Handle, Error> {
        let answer = self.open_connection(sid, version);
        Status(answer).ok()?;
        Ok(Handle(answer.cast_unsigned()))
    }

    fn close(&mut self, handle: Handle) {
        self.close_connection(handle);
    }

    fn version(&mut self, sid: u32) -> u32 {
        self.service_version(sid)
    }

    fn framework_version(&mut self) -> u32 {
        self.version_of_framework()
    }
}
