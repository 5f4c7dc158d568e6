//! AES in counter mode (SP 800-38A, section 6.5), from any byte of the stream on.
//!
//! Encrypts and decrypts alike, and **authenticates nothing**: for images whose plain text is signed. The
//! counter is 128 bits, big-endian, and starts at zero, so a key must serve one stream only.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

use crate::Secret;
use crate::aead::aes::{BLOCK_LEN, Block, EncryptAll, xor};

/// How many counter blocks are encrypted together.
const GROUP: usize = 4;

/// XORs `data` with the AES-128 key stream whose byte `offset` belongs to `data`'s first byte.
///
/// Bytes further than 2^36 from the stream's start are beyond any image; offsets are 32 bits.
pub fn aes128(key: &Secret<16>, offset: u32, data: &mut [u8]) {
    key.expose(|key| apply(&aes::Aes128Enc::new(key.into()), offset, data));
}

/// The same with AES-256.
pub fn aes256(key: &Secret<32>, offset: u32, data: &mut [u8]) {
    key.expose(|key| apply(&aes::Aes256Enc::new(key.into()), offset, data));
}

fn apply<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, offset: u32, data: &mut [u8]) {
    let mut block_number = u64::from(offset / BLOCK_LEN as u32);
    // How many bytes of the first block lie before `offset`.
    let before = (offset % BLOCK_LEN as u32) as usize;
    let (head, body) = data.split_at_mut(data.len().min(BLOCK_LEN.saturating_sub(before)));
    let mut stream = [[0; BLOCK_LEN]; GROUP];
    let [first, ..] = &mut stream;
    fill(cipher, core::slice::from_mut(first), &mut block_number);
    xor(head, first.get(before..).unwrap_or(&[]));
    for chunk in body.chunks_mut(GROUP * BLOCK_LEN) {
        fill(cipher, &mut stream, &mut block_number);
        xor(chunk, stream.as_flattened());
    }
    stream.zeroize();
}

/// Key stream for the next blocks.
fn fill<C: BlockCipherEncrypt<BlockSize = U16>>(
    cipher: &C,
    blocks: &mut [Block],
    block_number: &mut u64,
) {
    for block in blocks.iter_mut() {
        *block = u128::from(*block_number).to_be_bytes();
        *block_number = block_number.wrapping_add(1);
    }
    cipher.encrypt_with_backend(EncryptAll { blocks });
}
