//! HMAC, KDFa, CFB and XOR as the specification writes them (Part 1, sections 11.4 and 21), over the bare hash and
//! block cipher.

use ironroot_crypto::tpm::cipher::{Cipher, Mode};

pub use ironroot_crypto::tpm::cipher::CipherAlgorithm;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};

pub type Hash = HashAlgorithm;

pub fn hash(algorithm: Hash, parts: &[&[u8]]) -> Vec<u8> {
    digest(algorithm, &parts.concat()).as_slice().to_vec()
}

pub fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    hash(Hash::Sha256, parts)
}

/// RFC 2104.
pub fn hmac(algorithm: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut block = match key.len() > algorithm.block_len() {
        true => hash(algorithm, &[key]),
        false => key.to_vec(),
    };
    block.resize(algorithm.block_len(), 0);
    let inner: Vec<u8> = block.iter().map(|byte| byte ^ 0x36).collect();
    let outer: Vec<u8> = block.iter().map(|byte| byte ^ 0x5c).collect();
    let message = parts.concat();
    hash(algorithm, &[&outer, &hash(algorithm, &[&inner, &message])])
}

/// Part 1, section 11.4.10.2 (SP 800-108, counter mode).
pub fn kdfa(
    algorithm: Hash,
    key: &[u8],
    label: &str,
    context_u: &[u8],
    context_v: &[u8],
    bits: u32,
) -> Vec<u8> {
    let len = bits.div_ceil(8) as usize;
    let mut out = Vec::new();
    let mut counter = 0u32;
    while out.len() < len {
        counter += 1;
        let parts = [
            &counter.to_be_bytes()[..],
            label.as_bytes(),
            &[0],
            context_u,
            context_v,
            &bits.to_be_bytes(),
        ];
        out.extend(hmac(algorithm, key, &parts));
    }
    out.truncate(len);
    out
}

/// AES-CFB with 128-bit segments, built from single blocks.
pub fn aes_cfb(key: &[u8], iv: &[u8], data: &mut [u8], encrypt: bool) {
    cfb(CipherAlgorithm::Aes, key, iv, data, encrypt);
}

/// The same with another cipher.
pub fn cfb(algorithm: CipherAlgorithm, key: &[u8], iv: &[u8], data: &mut [u8], encrypt: bool) {
    let cipher = Cipher::new(algorithm, key).unwrap();
    let mut register: [u8; 16] = iv.try_into().unwrap();
    for chunk in data.chunks_mut(16) {
        // One block of CFB over zeros is the register's encryption, and every build has it.
        let mut stream = [0; 16];
        cipher
            .encrypt(Mode::Cfb, &mut register.clone(), &mut stream)
            .unwrap();
        for (at, byte) in chunk.iter_mut().enumerate() {
            let before = *byte;
            *byte ^= stream[at];
            register[at] = if encrypt { *byte } else { before };
        }
    }
}

/// XOR obfuscation (Part 1, section 11.4.7).
pub fn xor(algorithm: Hash, key: &[u8], newer: &[u8], older: &[u8], data: &mut [u8]) {
    let mask = kdfa(algorithm, key, "XOR", newer, older, data.len() as u32 * 8);
    data.iter_mut()
        .zip(mask)
        .for_each(|(byte, mask)| *byte ^= mask);
}

/// One step of a policy: H(old ‖ code ‖ parts).
pub fn policy_step(algorithm: Hash, old: &[u8], code: u32, parts: &[&[u8]]) -> Vec<u8> {
    hash(algorithm, &[old, &code.to_be_bytes(), &parts.concat()])
}

/// `PolicyUpdate()` of Part 3: two hashes.
pub fn policy_update(
    algorithm: Hash,
    old: &[u8],
    code: u32,
    name: &[u8],
    reference: &[u8],
) -> Vec<u8> {
    hash(
        algorithm,
        &[&policy_step(algorithm, old, code, &[name]), reference],
    )
}
