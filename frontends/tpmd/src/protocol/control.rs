//! swtpm's control channel, all 19 requests of it.
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
    /// 10: keep the volatile state, for the next INIT.
    StoreVolatile,
    /// 11: forget the dynamic measurement, from this locality (1, or 4 padded).
    ResetEstablished(u8),
    /// 12: a state blob. Flags (4; 1 = not under the state's key), type (4), offset (4).
    /// Answer: flags (4; 2 = encrypted), whole length (4), length (4), bytes.
    GetStateBlob {
        /// See above.
        flags: u32,
        /// See [`BlobKind`].
        kind: u32,
        /// Where to begin.
        offset: u32,
    },
    /// 13: a state blob to be used from the next INIT on. Flags (4; 2 = encrypted), type (4), length (4), bytes.
    SetStateBlob {
        /// See [`BlobKind`].
        kind: u32,
        /// The blob.
        data: &'a [u8],
    },
    /// 14: power off.
    Stop,
    /// 15: is the state encrypted? Answer: flags (4), 1 = by a key of the user's.
    GetConfig,
    /// 16: a data channel, as a descriptor beside the bytes.
    SetDataDescriptor,
    /// 17: the longest command (4), 0 = only ask. Answer: present, least, most.
    SetBufferSize(u32),
    /// 18: what TPM is this? Flags (8), offset (4), padding (4). Answer: whole length (4), length (4), JSON.
    GetInfo {
        /// Which parts.
        flags: u64,
        /// Where to begin.
        offset: u32,
    },
    /// 19: take the state's lock again; tries (4), 10 ms apart.
    LockStorage(u32),
    /// Any other number.
    Unknown(u32),
    /// A length that cannot be.
    Malformed,
}

/// What this control channel can do, in the bits of `GET_CAPABILITY`: INIT 1, SHUTDOWN 2, GET_TPMESTABLISHED 4,
/// SET_LOCALITY 8, HASHING 0x10, CANCEL 0x20, STORE_VOLATILE 0x40, RESET_TPMESTABLISHED 0x80, GET_STATEBLOB 0x100,
/// SET_STATEBLOB 0x200, STOP 0x400, GET_CONFIG 0x800, SET_DATAFD 0x1000, SET_BUFFERSIZE 0x2000, GET_INFO 0x4000,
/// SEND_COMMAND_HEADER 0x8000, LOCK_STORAGE 0x10000.
pub const CAPABILITIES: u32 = 0x1_ffff;

/// What a state blob holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// What outlives the power.
    Permanent = 1,
    /// What is in memory.
    Volatile = 2,
    /// Of TPM 1.2; empty.
    SaveState = 3,
}

impl BlobKind {
    /// The kind of that number.
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Permanent),
            2 => Some(Self::Volatile),
            3 => Some(Self::SaveState),
            _ => None,
        }
    }
}

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
    /// The blob is encrypted, and the key for it was not given (`TPM_KEYNOTFOUND`).
    KeyNotFound = 13,
    /// No descriptor came, or there is a data channel already, or no lock (`TPM_IOERROR`).
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
/// The longest state blob, in bytes.
pub const MAX_BLOB: usize = 1024 * 1024;

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
        10 => Request::StoreVolatile,
        11 => return padded(input, Request::ResetEstablished),
        12 => return get_state_blob(input),
        13 => return set_state_blob(input),
        14 => Request::Stop,
        15 => Request::GetConfig,
        16 => Request::SetDataDescriptor,
        17 => return word(input, 4).map(|size| (Request::SetBufferSize(size), 8)),
        18 => return get_info(input),
        19 => return word(input, 4).map(|tries| (Request::LockStorage(tries), 8)),
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

fn get_state_blob(input: &[u8]) -> Option<(Request<'_>, usize)> {
    let request = Request::GetStateBlob {
        flags: word(input, 4)?,
        kind: word(input, 8)?,
        offset: word(input, 12)?,
    };
    Some((request, 16))
}

fn set_state_blob(input: &[u8]) -> Option<(Request<'_>, usize)> {
    let (kind, len) = (word(input, 8)?, word(input, 12)?);
    let Some(len) = bounded(len, MAX_BLOB) else {
        return Some((Request::Malformed, input.len()));
    };
    let data = input.get(16..)?.get(..len)?;
    Some((Request::SetStateBlob { kind, data }, 16 + len))
}

fn get_info(input: &[u8]) -> Option<(Request<'_>, usize)> {
    let flags = u64::from(word(input, 4)?) << 32 | u64::from(word(input, 8)?);
    let offset = word(input, 12)?;
    word(input, 16).map(|_padding| (Request::GetInfo { flags, offset }, 20))
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
        // State blobs both ways, or QEMU refuses to migrate.
        assert_eq!(CAPABILITIES & 0x700, 0x700);
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
            &[0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0],
            &[0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 7],
            &[0, 0, 0, 19, 0, 0, 0, 3],
        ] {
            for short in 0..whole.len() {
                assert_eq!(parse(&whole[..short]), None);
            }
            assert_eq!(parse(whole).unwrap().1, whole.len());
        }
    }

    #[test]
    fn unknown_numbers_take_their_unknown_bodies_with_them() {
        for number in [0_u8, 20, 21, 255] {
            let input = [0, 0, 0, number, 1, 2, 3];
            let expected = Request::Unknown(number.into());
            assert_eq!(parse(&input), Some((expected, 7)));
        }
    }

    #[test]
    fn too_much_data_is_refused_before_it_comes() {
        let input = [0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(parse(&input), Some((Request::Malformed, 8)));
        let blob = [0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x10, 0, 1];
        assert_eq!(parse(&blob), Some((Request::Malformed, 16)));
    }
}
