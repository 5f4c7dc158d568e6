//! Digests and HMACs, by crates that the engine's own cryptography does not stand on a wrapper of.

use sha2::Digest;

/// `TPM_ALG_SHA1` and so on, in the order of the banks.
pub(crate) const BANKS: [u16; 4] = [0x04, 0x0b, 0x0c, 0x0d];
/// `TPM_ALG_SHA256`
pub(crate) const SHA256: u16 = 0x0b;

pub(crate) fn hash(algorithm: u16, parts: &[&[u8]]) -> Vec<u8> {
    fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut digest = D::new();
        parts.iter().for_each(|part| digest.update(part));
        digest.finalize().to_vec()
    }
    match algorithm {
        0x04 => run::<sha1::Sha1>(parts),
        0x0b => run::<sha2::Sha256>(parts),
        0x0c => run::<sha2::Sha384>(parts),
        0x0d => run::<sha2::Sha512>(parts),
        other => panic!("the model has no hash {other:#x}"),
    }
}

pub(crate) fn digest_len(algorithm: u16) -> usize {
    match algorithm {
        0x04 => 20,
        0x0b => 32,
        0x0c => 48,
        _ => 64,
    }
}

pub(crate) fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    hash(SHA256, parts)
}

/// RFC 2104 with SHA-256.
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut block = match key.len() > 64 {
        true => sha256(&[key]),
        false => key.to_vec(),
    };
    block.resize(64, 0);
    let inner: Vec<u8> = block.iter().map(|byte| byte ^ 0x36).collect();
    let outer: Vec<u8> = block.iter().map(|byte| byte ^ 0x5c).collect();
    let message = parts.concat();
    sha256(&[&outer, &sha256(&[&inner, &message])])
}
