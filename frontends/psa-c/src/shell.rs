//! What every function of the API has around it: a link to the secure world before, a status after.

use ironroot_psa_api::crypto::{CALL_TYPE, CryptoRequest};
use ironroot_psa_api::{Error, Status, service};

use crate::memory::{Bytes, Room, WriteOne, WritePointer};
use crate::transport::{self, Link};

/// `psa_status_t`.
pub(crate) type CStatus = i32;

/// Runs `body` with the link to the secure world; the status says what came of it.
pub(crate) fn shell(body: impl FnOnce(&mut Link) -> Result<(), Error>) -> CStatus {
    Status::from(transport::with(body)).0
}

/// Where a result of variable length goes: `uint8_t *data, size_t data_size, size_t *data_length`.
pub(crate) struct Destination {
    pub(crate) data: WritePointer,
    pub(crate) size: usize,
    pub(crate) length: WriteOne<usize>,
}

impl Destination {
    /// Runs a call that reads memory of the caller and writes there.
    pub(crate) fn receive(
        self,
        body: impl FnOnce(&mut Link, &mut Room) -> Result<(), Error>,
    ) -> CStatus {
        shell(|link| {
            let length = self.length.checked()?;
            let mut room = self.data.room(self.size)?;
            let done = body(link, &mut room);
            length.set(if done.is_ok() { room.written() } else { 0 });
            done
        })
    }

    /// Runs a call that reads no memory of the caller and writes there.
    pub(crate) fn receive_only(
        self,
        body: impl FnOnce(&mut Link, &mut [u8]) -> Result<usize, Error>,
    ) -> CStatus {
        shell(|link| {
            let length = self.length.checked()?;
            let done = body(link, self.data.room(self.size)?.only_written());
            length.set(done.unwrap_or(0));
            done.map(drop)
        })
    }
}

/// One call of the Crypto service that reads up to two pieces of the caller's memory and writes another.
pub(crate) fn crypto(
    link: &mut Link,
    request: &CryptoRequest,
    inputs: &[Bytes],
    room: &mut Room,
) -> Result<(), Error> {
    let packed = request.to_bytes();
    let packed = Bytes::of(&packed);
    let room = core::slice::from_mut(room);
    let handle = service::CRYPTO.handle;
    let status = match *inputs {
        [] => link.carry(handle, CALL_TYPE, &[packed], room),
        [first] => link.carry(handle, CALL_TYPE, &[packed, first], room),
        [first, second, ..] => link.carry(handle, CALL_TYPE, &[packed, first, second], room),
    };
    status.ok()
}
