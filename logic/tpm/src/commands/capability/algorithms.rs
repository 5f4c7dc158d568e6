//! Which algorithms there are, and what for (`TPM_CAP_ALGS`).

use crate::rc::Result;
use crate::structures::Alg;
use crate::wire::{Marshal, Output};

/// `TPMA_ALGORITHM`
const ASYMMETRIC: u32 = 1 << 0;
const SYMMETRIC: u32 = 1 << 1;
const HASH: u32 = 1 << 2;
const OBJECT: u32 = 1 << 3;
const SIGNING: u32 = 1 << 8;
const ENCRYPTING: u32 = 1 << 9;
const METHOD: u32 = 1 << 10;

/// One algorithm.
#[derive(Clone, Copy)]
pub(super) struct Line {
    alg: Alg,
    attributes: u32,
    /// The small build has it.
    small: bool,
}

const fn line(alg: Alg, attributes: u32) -> Line {
    Line {
        alg,
        attributes,
        small: true,
    }
}

const fn full(alg: Alg, attributes: u32) -> Line {
    Line {
        alg,
        attributes,
        small: false,
    }
}

/// In the order of their numbers.
const LINES: &[Line] = &[
    full(Alg::RSA, ASYMMETRIC | OBJECT),
    full(Alg::SHA1, HASH),
    line(Alg::HMAC, HASH | SIGNING),
    line(Alg::AES, SYMMETRIC),
    full(Alg::MGF1, HASH | METHOD),
    line(Alg::KEYEDHASH, HASH | OBJECT | SIGNING | ENCRYPTING),
    line(Alg::XOR, HASH | SYMMETRIC),
    line(Alg::SHA256, HASH),
    line(Alg::SHA384, HASH),
    full(Alg::SHA512, HASH),
    full(Alg::SM3_256, HASH),
    full(Alg::SM4, SYMMETRIC),
    full(Alg::RSASSA, ASYMMETRIC | SIGNING),
    full(Alg::RSAES, ASYMMETRIC | ENCRYPTING),
    full(Alg::RSAPSS, ASYMMETRIC | SIGNING),
    full(Alg::OAEP, ASYMMETRIC | ENCRYPTING),
    line(Alg::ECDSA, ASYMMETRIC | SIGNING),
    line(Alg::ECDH, ASYMMETRIC | METHOD),
    full(Alg::ECDAA, ASYMMETRIC | SIGNING),
    full(Alg::SM2, ASYMMETRIC | SIGNING | METHOD),
    full(Alg::ECSCHNORR, ASYMMETRIC | SIGNING),
    full(Alg::ECMQV, ASYMMETRIC | METHOD),
    line(Alg::KDF1_SP800_56A, HASH | METHOD),
    full(Alg::KDF2, HASH | METHOD),
    line(Alg::KDF1_SP800_108, HASH | METHOD),
    line(Alg::ECC, ASYMMETRIC | OBJECT),
    line(Alg::SYMCIPHER, OBJECT),
    full(Alg::SHA3_256, HASH),
    full(Alg::SHA3_384, HASH),
    full(Alg::SHA3_512, HASH),
    full(Alg::CMAC, SYMMETRIC | SIGNING),
    full(Alg::CTR, SYMMETRIC | ENCRYPTING),
    full(Alg::OFB, SYMMETRIC | ENCRYPTING),
    full(Alg::CBC, SYMMETRIC | ENCRYPTING),
    line(Alg::CFB, SYMMETRIC | ENCRYPTING),
    full(Alg::ECB, SYMMETRIC | ENCRYPTING),
];

/// The lines of this build.
fn lines() -> impl Iterator<Item = Line> {
    LINES
        .iter()
        .copied()
        .filter(|line| line.small || cfg!(feature = "full"))
}

/// All algorithms of this build.
pub(crate) fn algorithms() -> impl Iterator<Item = Alg> {
    lines().map(|line| line.alg)
}

/// Whether this build has it.
pub(crate) fn is_implemented(alg: Alg) -> bool {
    algorithms().any(|known| known == alg)
}

/// Those at or after a number, with what they are for.
pub(super) fn properties(from: u32) -> impl Iterator<Item = Line> {
    lines().filter(move |line| u32::from(line.alg.0) >= from)
}

/// `TPMS_ALG_PROPERTY`
impl Marshal for Line {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.alg)?;
        out.put(&self.attributes)
    }
}
