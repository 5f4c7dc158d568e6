//! `psa_msg_t`: what a partition gets from `psa_get`, as a 32-bit partition lays it out.

use crate::handle::Handle;
use crate::vector::MAX_VECTORS;
use crate::wire;

/// Message type of a new connection (`PSA_IPC_CONNECT`).
pub const CONNECT: i32 = -1;
/// Message type of the end of a connection (`PSA_IPC_DISCONNECT`).
pub const DISCONNECT: i32 = -2;
/// The type of a request that has only one meaning (`PSA_IPC_CALL`).
pub const CALL: i32 = 0;

/// A message as the partition sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct PsaMessage {
    /// [`CONNECT`], [`DISCONNECT`], or the client's type, zero or positive.
    pub kind: i32,
    /// Names the message in later calls.
    pub handle: Handle,
    /// Who sent it.
    pub client: i32,
    /// What the service tied to the connection; zero if nothing.
    pub rhandle: u32,
    /// Lengths of the inputs in bytes; zero for an absent one.
    pub in_size: [u32; MAX_VECTORS],
    /// Lengths of the outputs in bytes; zero for an absent one.
    pub out_size: [u32; MAX_VECTORS],
}

impl PsaMessage {
    /// Bytes in memory.
    pub const SIZE: usize = 48;

    /// As it lies in the partition's memory.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let [i0, i1, i2, i3] = self.in_size;
        let [o0, o1, o2, o3] = self.out_size;
        let (kind, client) = (self.kind.cast_unsigned(), self.client.cast_unsigned());
        let words = [
            kind,
            self.handle.0,
            client,
            self.rhandle,
            i0,
            i1,
            i2,
            i3,
            o0,
            o1,
            o2,
            o3,
        ];
        let mut bytes = [0; Self::SIZE];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// From the partition's memory.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |n: usize| wire::u32_at(bytes, n.saturating_mul(4)).unwrap_or(0);
        Self {
            kind: word(0).cast_signed(),
            handle: Handle(word(1)),
            client: word(2).cast_signed(),
            rhandle: word(3),
            in_size: [word(4), word(5), word(6), word(7)],
            out_size: [word(8), word(9), word(10), word(11)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_trip_and_has_the_layout_of_psa_msg_t() {
        let message = PsaMessage {
            kind: DISCONNECT,
            handle: Handle(0x0102_0304),
            client: -1,
            rhandle: 0x3001_4000,
            in_size: [1, 2, 3, 4],
            out_size: [5, 6, 7, 8],
        };
        assert_eq!(size_of::<PsaMessage>(), PsaMessage::SIZE);
        let bytes = message.to_bytes();
        assert_eq!(&bytes[..8], &[0xfe, 0xff, 0xff, 0xff, 4, 3, 2, 1]);
        assert_eq!(&bytes[44..], &[8, 0, 0, 0]);
        assert_eq!(PsaMessage::from_bytes(&bytes), message);
    }
}
