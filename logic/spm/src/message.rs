//! A message as a root service sees it.

use crate::vectors::Vectors;
use ironroot_platform::ClientMemory;
use ironroot_psa_api::{ClientId, Error};

/// A write went past the end of the client's output; nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun;

impl From<Overrun> for Error {
    fn from(Overrun: Overrun) -> Self {
        Self::BufferTooSmall
    }
}

/// One message to a root service: who, what, and the client's buffers behind a copying interface.
///
/// Every byte of an input can be read once, front to back; every byte of an output written once,
/// front to back. Buffers may overlap (see the crate's front page): a service that must not be
/// disturbed by that reads what it needs before it writes.
pub struct Message<'a> {
    memory: &'a mut dyn ClientMemory,
    vectors: &'a mut Vectors,
    client: ClientId,
    kind: i32,
    rhandle: u32,
}

impl<'a> Message<'a> {
    pub(crate) fn new(
        memory: &'a mut dyn ClientMemory,
        vectors: &'a mut Vectors,
        client: ClientId,
        kind: i32,
        rhandle: u32,
    ) -> Self {
        Self {
            memory,
            vectors,
            client,
            kind,
            rhandle,
        }
    }

    /// Who sent it. Everything a service keeps belongs to this id.
    #[must_use]
    pub const fn client(&self) -> ClientId {
        self.client
    }

    /// The client's message type, zero or positive; for connection-based services also
    /// [`CONNECT`](ironroot_psa_api::message::CONNECT) and
    /// [`DISCONNECT`](ironroot_psa_api::message::DISCONNECT).
    #[must_use]
    pub const fn kind(&self) -> i32 {
        self.kind
    }

    /// How many inputs there are.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.vectors.inputs()
    }

    /// How many outputs there are.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.vectors.outputs()
    }

    /// Whole length of an input in bytes; zero if there is none of that number.
    #[must_use]
    pub fn in_len(&self, input: usize) -> usize {
        self.vectors.in_len(input) as usize
    }

    /// Whole length of an output in bytes; zero if there is none of that number.
    #[must_use]
    pub fn out_len(&self, output: usize) -> usize {
        self.vectors.out_len(output) as usize
    }

    /// Bytes of an output written so far.
    #[must_use]
    pub fn written(&self, output: usize) -> usize {
        self.vectors.written(output) as usize
    }

    /// Copies the next bytes of an input, at most what is left; returns how many. The rest of
    /// `out` is untouched.
    pub fn read(&mut self, input: usize, out: &mut [u8]) -> usize {
        let len = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let part = self.vectors.take_input(input, len);
        if part.is_empty() {
            0
        } else {
            self.memory.copy_in(part, out)
        }
    }

    /// The next `N` bytes of an input; nothing if fewer are left (those then count as read).
    pub fn read_array<const N: usize>(&mut self, input: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        if self.read(input, &mut bytes) == N {
            Some(bytes)
        } else {
            None
        }
    }

    /// A whole input of exactly `N` bytes; nothing if it has another length.
    pub fn read_whole<const N: usize>(&mut self, input: usize) -> Option<[u8; N]> {
        if self.in_len(input) == N {
            self.read_array(input)
        } else {
            None
        }
    }

    /// Passes over the next bytes of an input, at most what is left; returns how many.
    pub fn skip(&mut self, input: usize, len: usize) -> usize {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.vectors.take_input(input, len).len() as usize
    }

    /// Appends to an output.
    ///
    /// # Errors
    /// [`Overrun`] when the output cannot hold all of `data`; nothing is written then.
    pub fn write(&mut self, output: usize, data: &[u8]) -> Result<(), Overrun> {
        let len = u32::try_from(data.len()).map_err(|_| Overrun)?;
        let part = self.vectors.take_output(output, len)?;
        if !part.is_empty() {
            self.memory.copy_out(part, data);
        }
        Ok(())
    }

    /// What the service tied to this connection; zero if nothing.
    #[must_use]
    pub const fn rhandle(&self) -> u32 {
        self.rhandle
    }

    /// Ties a number to this connection: its later messages carry it. Without effect for stateless
    /// services.
    pub fn set_rhandle(&mut self, rhandle: u32) {
        self.rhandle = rhandle;
    }
}
