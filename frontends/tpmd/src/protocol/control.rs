//! swtpm's control channel, as far as QEMU, libvirt's `swtpm_ioctl` and tpm2-tss use it.
//!
//! A request is a word and a body; the answer begins with a result word. An answer to a request that
//! failed is the result alone. All numbers are big-endian. (Source: swtpm, `tpm_ioctl.h`.)

use super::{bounded, word};

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// 1: what is there? Answer: [`CAPABILITIES`].
    GetCapability,
    /// 2: power off and on. Flags (4): 1 = delete the volatile state that was set.
    Init(u32),
    /// 3: the server is to end.
    Shutdown,
    /// 4: was there a dynamic measurement? Answer: a byte and three of padding.
    GetEstablished,
    /// 5: the locality of commands from now on (1, or 4 padded).
    SetLocality(u8),
    /// 6: `_TPM_Hash_Start`.
    HashStart,
    /// 7: `_TPM_Hash_Data`: length (4), bytes.
    HashData(&'a [u8]),
    /// 8: `_TPM_Hash_End`.
    HashEnd,
    /// 9: cancel the command that runs.
    Cancel,
    /// 11: forget the dynamic measurement, from this locality (1, or 4 padded).
    ResetEstablished(u8),
    /// 14: power off.
    Stop,
    /// 15: is the state encrypted? Answer: flags (4), 1 = by a key of the user's.
    GetConfig,
    /// 16: a data channel, as a descriptor beside the bytes.
    SetDataDescriptor,
    /// 17: the longest command (4), 0 = only ask. Answer: present, least, most.
    SetBufferSize(u32),
    /// Any other number.
    Unknown(u32),
    /// A length that cannot be.
    Malformed,
}

/// What this control channel can do, in the bits of `GET_CAPABILITY`.
pub const CAPABILITIES: u32 = INIT
    | SHUTDOWN
    | GET_ESTABLISHED
    | SET_LOCALITY
    | HASHING
    | CANCEL
    | RESET_ESTABLISHED
    | STOP
    | GET_CONFIG
    | SET_DATA_DESCRIPTOR
    | SET_BUFFER_SIZE
    | SEND_COMMAND_HEADER;

const INIT: u32 = 1;
const SHUTDOWN: u32 = 1 << 1;
const GET_ESTABLISHED: u32 = 1 << 2;
const SET_LOCALITY: u32 = 1 << 3;
const HASHING: u32 = 1 << 4;
const CANCEL: u32 = 1 << 5;
const RESET_ESTABLISHED: u32 = 1 << 7;
const STOP: u32 = 1 << 10;
const GET_CONFIG: u32 = 1 << 11;
const SET_DATA_DESCRIPTOR: u32 = 1 << 12;
const SET_BUFFER_SIZE: u32 = 1 << 13;
const SEND_COMMAND_HEADER: u32 = 1 << 15;

/// The result word of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlResult {
    /// Done.
    Success = 0,
    /// A size or value that cannot be (`TPM_BAD_PARAMETER`).
    BadParameter = 3,
    /// It went wrong (`TPM_FAIL`).
    Fail = 9,
    /// Not known, or not now (`TPM_BAD_ORDINAL`).
    BadOrdinal = 10,
    /// No descriptor came, or there is a data channel already (`TPM_IOERROR`).
    IoError = 0x1f,
    /// No such locality (`TPM_BAD_LOCALITY`).
    BadLocality = 0x3d,
}

impl ControlResult {
    /// As it goes over the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        (self as u32).to_be_bytes()
    }
}

/// The longest data of one [`Request::HashData`], in bytes.
pub const MAX_DATA: usize = 64 * 1024;

/// The next request and its length in `input`; `None`: it is not there whole.
#[must_use]
pub fn parse(input: &[u8]) -> Option<(Request<'_>, usize)> {
    let request = match word(input, 0)? {
        1 => Request::GetCapability,
        2 => return word(input, 4).map(|flags| (Request::Init(flags), 8)),
        3 => Request::Shutdown,
        4 => Request::GetEstablished,
        5 => return padded(input, Request::SetLocality),
        6 => Request::HashStart,
        7 => return hash_data(input),
        8 => Request::HashEnd,
        9 => Request::Cancel,
        11 => return padded(input, Request::ResetEstablished),
        14 => Request::Stop,
        15 => Request::GetConfig,
        16 => Request::SetDataDescriptor,
        17 => return word(input, 4).map(|size| (Request::SetBufferSize(size), 8)),
        number => return Some((Request::Unknown(number), input.len())),
    };
    Some((request, 4))
}

/// A body of one byte that some clients (QEMU) pad to four. A client waits for its answer before it
/// asks again, so what came along is the padding, unless it cannot be by its length.
fn padded<'a>(input: &[u8], request: fn(u8) -> Request<'a>) -> Option<(Request<'a>, usize)> {
    let value = *input.get(4)?;
    let len = match input.len() {
        len @ 5..=8 => len,
        len if len.is_multiple_of(4) => 8,
        _ => 5,
    };
    Some((request(value), len))
}

fn hash_data(input: &[u8]) -> Option<(Request<'_>, usize)> {
    let Some(len) = bounded(word(input, 4)?, MAX_DATA) else {
        return Some((Request::Malformed, input.len()));
    };
    let data = input.get(8..)?.get(..len)?;
    Some((Request::HashData(data), 8 + len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_finds_what_it_needs() {
        // INIT, SHUTDOWN, GET_TPMESTABLISHED, SET_LOCALITY, RESET_TPMESTABLISHED, SET_DATAFD, STOP,
        // SET_BUFFERSIZE: without any of these QEMU refuses a TPM 2.0.
        let needed = 1 | 2 | 4 | 8 | 0x80 | 0x1000 | 0x400 | 0x2000;
        assert_eq!(CAPABILITIES & needed, needed);
        // No state blobs yet: with half of them QEMU would lose state in a migration.
        assert_eq!(CAPABILITIES & 0x300, 0);
    }

    #[test]
    fn a_locality_may_be_padded_or_not() {
        for (input, len) in [
            (&[0, 0, 0, 5, 3][..], 5),
            (&[0, 0, 0, 5, 3, 0, 0, 0], 8),
            (&[0, 0, 0, 5, 3, 0, 0, 0, 0, 0, 0, 1], 8),
            (&[0, 0, 0, 5, 3, 0, 0, 0, 1], 5),
        ] {
            assert_eq!(parse(input), Some((Request::SetLocality(3), len)));
        }
        assert_eq!(parse(&[0, 0, 0, 5]), None);
        assert_eq!(
            parse(&[0, 0, 0, 11, 4]),
            Some((Request::ResetEstablished(4), 5))
        );
    }

    #[test]
    fn requests_with_a_body_wait_for_it() {
        for whole in [
            &[0, 0, 0, 2, 0, 0, 0, 1][..],
            &[0, 0, 0, 17, 0, 0, 0x10, 0],
            &[0, 0, 0, 7, 0, 0, 0, 2, 9, 9],
        ] {
            for short in 0..whole.len() {
                assert_eq!(parse(&whole[..short]), None);
            }
            assert_eq!(parse(whole).unwrap().1, whole.len());
        }
    }

    #[test]
    fn unknown_numbers_take_their_unknown_bodies_with_them() {
        for number in [0_u8, 10, 12, 13, 18, 19, 20, 255] {
            let input = [0, 0, 0, number, 1, 2, 3];
            let expected = Request::Unknown(number.into());
            assert_eq!(parse(&input), Some((expected, 7)));
        }
    }

    #[test]
    fn too_much_data_is_refused_before_it_comes() {
        let input = [0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(parse(&input), Some((Request::Malformed, 8)));
    }
}
