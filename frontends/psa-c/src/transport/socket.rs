//! On a host: the Unix socket of the process that is the secure world.
//!
//! The secure world shares no memory with this process, so a call takes its memory along: first the
//! arrays of vectors, then the inputs, then room for the outputs. The secure world sees its first byte at
//! address [`CLIENT_MEMORY`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ironroot_port_host::wire::MAX_MEMORY;
use ironroot_port_host::{CLIENT_MEMORY, Connection, DEFAULT_CLIENT};
use ironroot_psa_api::vector::VECTOR_SIZE;
use ironroot_psa_api::{Control, Error, Handle, InVec, OutVec, Status, svc};

use crate::memory::{Bytes, Room};

/// The environment variables that name the socket: the user's, then the one that a device's bootloader
/// sets for its non-secure image.
const DEVICE: [&str; 2] = ["IRONROOT_DEVICE", "IRONROOT_SECURE_SOCKET"];
/// And the one that asks for a client id, a negative number.
const CLIENT: &str = "IRONROOT_CLIENT";

/// The one connection of this process, and where it went: a connection that broke is made anew.
static DEVICE_OF_PROCESS: Mutex<Device> = Mutex::new(Device {
    link: None,
    path: None,
});

struct Device {
    link: Option<Link>,
    path: Option<PathBuf>,
}

/// A connection to the secure world.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    /// The stream broke: the next call connects anew.
    broken: bool,
}

/// Runs `body` with the link, connecting first if there is none. A panic inside becomes an error.
pub(crate) fn with<R>(body: impl FnOnce(&mut Link) -> Result<R, Error>) -> Result<R, Error> {
    let mut device = device();
    let link = match device.link.take() {
        Some(link) => link,
        None => {
            let path = device.path.clone().or_else(path_from_environment);
            Link::open(&path.ok_or(Error::CommunicationFailure)?)?
        }
    };
    let link = device.link.insert(link);
    let result = catch_unwind(AssertUnwindSafe(|| body(link))).unwrap_or_else(|_| {
        link.broken = true;
        Err(Error::GenericError)
    });
    if link.broken {
        device.link = None;
    }
    result
}

/// Replaces the link by one to the socket at `path` or, without one, where the environment says.
pub(crate) fn connect_to(path: Option<&[u8]>) -> Result<(), Error> {
    let path = match path {
        Some(path) => PathBuf::from(OsStr::from_bytes(path)),
        None => path_from_environment().ok_or(Error::InvalidArgument)?,
    };
    let link = Link::open(&path)?;
    *device() = Device {
        link: Some(link),
        path: Some(path),
    };
    Ok(())
}

/// A panic while the lock was held left at worst a broken connection behind, which is noticed.
fn device() -> MutexGuard<'static, Device> {
    DEVICE_OF_PROCESS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn path_from_environment() -> Option<PathBuf> {
    DEVICE.iter().find_map(std::env::var_os).map(PathBuf::from)
}

impl Link {
    fn open(path: &Path) -> Result<Self, Error> {
        let client = std::env::var(CLIENT).ok().and_then(|id| id.parse().ok());
        let connection = Connection::open(path, client.unwrap_or(DEFAULT_CLIENT));
        let connection = connection.map_err(|_| Error::CommunicationFailure)?;
        Ok(Self {
            connection,
            broken: false,
        })
    }

    /// One supervisor-style call.
    fn ask(&mut self, number: u8, args: [u32; 4], memory: &mut [u8]) -> Result<u32, Error> {
        self.connection
            .call(u32::from(number), args, memory)
            .map_err(|_| {
                self.broken = true;
                Error::CommunicationFailure
            })
    }

    /// One `psa_call`.
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
        let Some(mut message) = Message::pack(inputs, outputs) else {
            return Error::InsufficientMemory.status();
        };
        let out_array = CLIENT_MEMORY + message.out_array;
        let args = [handle.0, control.word(), CLIENT_MEMORY, out_array];
        match self.ask(svc::CALL, args, &mut message.memory) {
            Ok(register) => {
                message.unpack(outputs);
                Status::from_register(register)
            }
            Err(error) => error.status(),
        }
    }

    pub(crate) fn open_connection(&mut self, sid: u32, version: u32) -> i32 {
        match self.ask(svc::CONNECT, [sid, version, 0, 0], &mut []) {
            Ok(register) => register.cast_signed(),
            Err(error) => error.status().0,
        }
    }

    pub(crate) fn close_connection(&mut self, handle: Handle) {
        // Nobody hears of a failure to close; the next call will.
        let _ = self.ask(svc::CLOSE, [handle.0, 0, 0, 0], &mut []);
    }

    pub(crate) fn service_version(&mut self, sid: u32) -> u32 {
        self.ask(svc::VERSION, [sid, 0, 0, 0], &mut []).unwrap_or(0)
    }

    pub(crate) fn version_of_framework(&mut self) -> u32 {
        self.ask(svc::FRAMEWORK_VERSION, [0; 4], &mut [])
            .unwrap_or(0)
    }
}

/// The memory of one call.
struct Message {
    memory: Vec<u8>,
    out_array: u32,
}

impl Message {
    /// Lays out arrays, inputs, room; nothing if that is more than one call may carry.
    fn pack(inputs: &[Bytes], outputs: &[Room]) -> Option<Self> {
        let out_array = inputs.len().checked_mul(VECTOR_SIZE)?;
        let arrays = outputs
            .len()
            .checked_mul(VECTOR_SIZE)?
            .checked_add(out_array)?;
        let lengths = inputs.iter().map(|input| input.len());
        let mut end = arrays;
        let mut places = Vec::new();
        for len in lengths.chain(outputs.iter().map(Room::len)) {
            let base = CLIENT_MEMORY.checked_add(u32::try_from(end).ok()?)?;
            places.push((base, u32::try_from(len).ok()?));
            end = end.checked_add(len)?;
        }
        if end > MAX_MEMORY {
            return None;
        }

        let mut memory = Vec::with_capacity(end);
        for (base, len) in places {
            memory.extend(InVec { base, len }.to_bytes());
        }
        for input in inputs {
            memory.extend_from_slice(input.only_read());
        }
        memory.resize(end, 0);
        Some(Self {
            memory,
            out_array: u32::try_from(out_array).ok()?,
        })
    }

    /// Copies to the caller what the service wrote.
    fn unpack(&self, outputs: &mut [Room]) {
        let array = self.memory.get(self.out_array as usize..).unwrap_or(&[]);
        for (index, output) in outputs.iter_mut().enumerate() {
            let Some(vector) = OutVec::nth(array, index) else {
                continue;
            };
            let place = vector.base.wrapping_sub(CLIENT_MEMORY) as usize;
            let data = self.memory.get(place..).unwrap_or(&[]);
            output.fill(data.get(..vector.len as usize).unwrap_or(&[]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_arrays_inputs_and_room_and_gives_back_what_was_written() {
        let mut out = [9; 4];
        let mut outputs = [Room::of(&mut out)];
        let mut message = Message::pack(&[Bytes::of(b"ab"), Bytes::of(b"")], &outputs).unwrap();
        assert_eq!(message.out_array, 16);
        assert_eq!(
            InVec::nth(&message.memory, 0),
            Some(InVec {
                base: CLIENT_MEMORY + 24,
                len: 2
            })
        );
        assert_eq!(
            InVec::nth(&message.memory, 1),
            Some(InVec {
                base: CLIENT_MEMORY + 26,
                len: 0
            })
        );
        assert_eq!(
            OutVec::nth(&message.memory, 2),
            Some(OutVec {
                base: CLIENT_MEMORY + 26,
                len: 4
            })
        );
        assert_eq!(&message.memory[24..], b"ab\0\0\0\0");
        // The service writes three bytes and says so.
        message.memory[26..29].copy_from_slice(b"xyz");
        message.memory[20..24].copy_from_slice(&3u32.to_le_bytes());
        message.unpack(&mut outputs);
        assert_eq!(outputs[0].written(), 3);
        assert_eq!(&out, b"xyz\x09");
    }

    #[test]
    fn a_length_that_the_service_cannot_have_written_changes_nothing() {
        for bad in [5u32, u32::MAX] {
            let mut out = [9; 4];
            let mut outputs = [Room::of(&mut out)];
            let mut message = Message::pack(&[], &outputs).unwrap();
            message.memory[4..8].copy_from_slice(&bad.to_le_bytes());
            message.unpack(&mut outputs);
            assert_eq!((outputs[0].written(), out), (0, [9; 4]), "{bad}");
        }
    }
}
