//! A valid request, built in scratch memory, for attacks to bend: the SHA-256 of "abc".
//!
//! | scratch bytes | content |
//! |---|---|
//! | 0 | input vector array, four vectors |
//! | 32 | output vector array, four vectors |
//! | 64 | the Crypto service's packed request, 56 bytes |
//! | 128 | the message, 3 bytes |
//! | 160 | the digest, 32 bytes |

use ironroot_port_armv8m::nonsecure::probe::{self, Place, Scratch};
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::Algorithm;
use ironroot_psa_api::{Control, service};

/// Scratch word of the input vectors.
pub(crate) const INPUTS: usize = 0;
/// Scratch word of the output vectors.
pub(crate) const OUTPUTS: usize = 8;
/// Scratch byte of the message.
pub(crate) const MESSAGE: u32 = 128;
/// Scratch byte of the digest.
pub(crate) const DIGEST: u32 = 160;
/// Scratch byte of the packed request.
pub(crate) const PACKED: u32 = 64;

/// SHA-256("abc"), FIPS 180-4 example.
const ABC: [u32; 8] = [
    0xba78_16bf,
    0x8f01_cfea,
    0x4141_40de,
    0x5dae_2223,
    0xb003_61a3,
    0x9617_7a9c,
    0xb410_ff61,
    0xf200_15ad,
];

/// The four registers of a call.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    /// Handle of the service.
    pub(crate) handle: u32,
    /// Control word.
    pub(crate) control: u32,
    /// Where the input vectors are.
    pub(crate) inputs: Place,
    /// Where the output vectors are.
    pub(crate) outputs: Place,
}

impl Request {
    /// The request as an honest client makes it, and its memory.
    pub(crate) fn valid() -> Self {
        Scratch.fill(0);
        let packed = CryptoRequest::new(CryptoFunction::HashCompute).algorithm(Algorithm::SHA_256);
        write_bytes(PACKED, &packed.to_bytes());
        write_bytes(MESSAGE, b"abc\0");
        probe::put_vector(INPUTS, Place::Scratch(PACKED), CryptoRequest::SIZE as u32);
        probe::put_vector(INPUTS + 2, Place::Scratch(MESSAGE), 3);
        probe::put_vector(OUTPUTS, Place::Scratch(DIGEST), 32);
        Self {
            handle: service::CRYPTO.handle.0,
            control: Control::new(0, 2, 1).map_or(0, Control::word),
            inputs: Place::Scratch(INPUTS as u32 * 4),
            outputs: Place::Scratch(OUTPUTS as u32 * 4),
        }
    }

    /// Makes it; the status as a word.
    pub(crate) fn make(self) -> u32 {
        probe::call(
            self.handle.cast_signed(),
            self.control,
            self.inputs,
            self.outputs,
        )
        .cast_unsigned()
    }

    /// Whether the digest in scratch memory is the right one.
    pub(crate) fn digest_is_right() -> bool {
        Self::digest_is_right_at(DIGEST)
    }

    /// Word `place` of the right digest, as it lies in memory.
    pub(crate) fn digest_word(place: usize) -> u32 {
        ABC.get(place).map_or(0, |word| word.swap_bytes())
    }

    /// The same for a digest at another scratch byte (a multiple of 4).
    pub(crate) fn digest_is_right_at(offset: u32) -> bool {
        let first = (offset / 4) as usize;
        ABC.iter()
            .enumerate()
            .all(|(place, word)| Scratch.get(first + place) == word.swap_bytes())
    }
}

/// Copies `bytes` to scratch byte `offset`; both are multiples of 4.
fn write_bytes(offset: u32, bytes: &[u8]) {
    let first = (offset / 4) as usize;
    for (place, chunk) in bytes.chunks_exact(4).enumerate() {
        let word = chunk
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u32::from(*byte));
        Scratch.set(first + place, word);
    }
}
