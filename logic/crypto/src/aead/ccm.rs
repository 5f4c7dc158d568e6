//! AES-CCM (SP 800-38C, RFC 3610), with nonce and tag lengths chosen at run time.
//!
//! The software AES works on two blocks at once, and CCM needs two encryptions for each block of
//! data: one for the CBC-MAC, one for the key stream. They are done together, which halves the
//! time. For that the key stream runs one block ahead of the MAC when opening.

use zeroize::Zeroize;

use super::aes::{Aes, BLOCK_LEN, Block, check_message_len, increment, xor};
use crate::bytes::copy_prefix;
use crate::{CryptoError, ct_eq};

/// Section 6.1. Lengths of nonce and tag were checked by the caller.
pub(super) fn seal(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &mut [u8],
) -> Result<(), CryptoError> {
    let mut ccm = Ccm::start(key, nonce, aad, buf.len(), tag.len())?;
    for chunk in buf.chunks_mut(BLOCK_LEN) {
        let keystream = ccm.absorb_and_step(chunk);
        xor(chunk, &keystream);
    }
    copy_prefix(tag, &ccm.tag());
    Ok(())
}

/// Section 6.2. On error `buf` holds plaintext, for the caller to wipe.
pub(super) fn open(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    let mut ccm = Ccm::start(key, nonce, aad, buf.len(), tag.len())?;
    let mut keystream = ccm.step();
    for chunk in buf.chunks_mut(BLOCK_LEN) {
        xor(chunk, &keystream);
        keystream = ccm.absorb_and_step(chunk);
    }
    keystream.zeroize();
    let mut full_tag = ccm.tag();
    let genuine = ct_eq(full_tag.get(..tag.len()).unwrap_or(&[]), tag);
    full_tag.zeroize();
    if genuine {
        Ok(())
    } else {
        Err(CryptoError::Verification)
    }
}

struct Ccm {
    cipher: Aes,
    mac: Block,
    counter: Block,
    tag_mask: Block,
}

impl Ccm {
    /// Formats and absorbs the first block and the associated data (appendix A.2).
    fn start(
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        message_len: usize,
        tag_len: usize,
    ) -> Result<Self, CryptoError> {
        check_message_len(message_len)?;
        let first = first_block(nonce, !aad.is_empty(), message_len, tag_len)?;
        let counter = first_counter(nonce);
        let cipher = Aes::new(key)?;
        let mut ccm = Self {
            cipher,
            mac: [0; BLOCK_LEN],
            counter,
            tag_mask: [0; BLOCK_LEN],
        };
        ccm.tag_mask = ccm.absorb_and_step(&first);
        ccm.absorb_associated_data(aad);
        Ok(ccm)
    }

    /// Adds up to one block to the MAC, zero-padded, and gives the next block of key stream.
    fn absorb_and_step(&mut self, data: &[u8]) -> Block {
        xor(&mut self.mac, data);
        let mut pair = [self.mac, self.counter];
        increment(&mut self.counter);
        self.cipher.encrypt(&mut pair);
        let [mac, keystream] = pair;
        self.mac = mac;
        keystream
    }

    /// The next block of key stream alone.
    fn step(&mut self) -> Block {
        let mut keystream = self.counter;
        increment(&mut self.counter);
        self.cipher.encrypt_block(&mut keystream);
        keystream
    }

    fn absorb(&mut self, data: &[u8]) {
        xor(&mut self.mac, data);
        self.cipher.encrypt_block(&mut self.mac);
    }

    /// Appendix A.2.2: the length in 2, 6 or 10 bytes, then the data, zero-padded.
    fn absorb_associated_data(&mut self, aad: &[u8]) {
        if aad.is_empty() {
            return;
        }
        let mut block = [0; BLOCK_LEN];
        let prefix_len = write_aad_length(&mut block, aad.len());
        let (head, rest) = aad
            .split_at_checked(BLOCK_LEN - prefix_len)
            .unwrap_or((aad, &[]));
        for (to, from) in block.iter_mut().skip(prefix_len).zip(head) {
            *to = *from;
        }
        self.absorb(&block);
        for chunk in rest.chunks(BLOCK_LEN) {
            self.absorb(chunk);
        }
    }

    fn tag(&self) -> Block {
        let mut tag = self.mac;
        xor(&mut tag, &self.tag_mask);
        tag
    }
}

impl Drop for Ccm {
    fn drop(&mut self) {
        // The cipher wipes itself.
        self.mac.zeroize();
        self.tag_mask.zeroize();
    }
}

/// B0 of appendix A.2.1: flags, nonce, message length in the bytes that the nonce leaves.
fn first_block(
    nonce: &[u8],
    has_aad: bool,
    message_len: usize,
    tag_len: usize,
) -> Result<Block, CryptoError> {
    let length_bits = length_field_bits(nonce)?;
    let message_len = message_len as u64;
    if message_len
        .checked_shr(length_bits)
        .is_some_and(|excess| excess != 0)
    {
        return Err(CryptoError::DataLength);
    }
    let tag_code = u8::try_from(tag_len.saturating_sub(2) / 2).unwrap_or(7);
    // The length is written first, over the last eight bytes; the nonce then covers its zeros.
    let mut block = u128::from(message_len).to_be_bytes();
    write_nonce(&mut block, nonce);
    block[0] = (u8::from(has_aad) << 6) | (tag_code << 3) | flags_of_length(nonce);
    Ok(block)
}

/// Counter block 0 of appendix A.3.
fn first_counter(nonce: &[u8]) -> Block {
    let mut block = [0; BLOCK_LEN];
    write_nonce(&mut block, nonce);
    block[0] = flags_of_length(nonce);
    block
}

/// 8·q, the bits left for the message length: q is 15 minus the nonce's length.
fn length_field_bits(nonce: &[u8]) -> Result<u32, CryptoError> {
    let bytes = 15usize
        .checked_sub(nonce.len())
        .ok_or(CryptoError::NonceLength)?;
    Ok(u32::try_from(bytes).unwrap_or(0).saturating_mul(8))
}

fn flags_of_length(nonce: &[u8]) -> u8 {
    14u8.saturating_sub(nonce.len() as u8)
}

fn write_nonce(block: &mut Block, nonce: &[u8]) {
    for (to, from) in block.iter_mut().skip(1).zip(nonce) {
        *to = *from;
    }
}

fn write_aad_length(block: &mut Block, len: usize) -> usize {
    let len = len as u64;
    let (prefix, skip, used): (u128, u32, usize) = match len {
        0..0xff00 => (0, 112, 2),
        0xff00..=0xffff_ffff => (0xfffe, 80, 6),
        _ => (0xffff, 48, 10),
    };
    let marker = if used == 2 { 0 } else { prefix << 112 };
    *block = (marker | (u128::from(len) << skip)).to_be_bytes();
    used
}
