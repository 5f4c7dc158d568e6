//! Algorithm identifiers (Part 2, section 6.3; TCG Algorithm Registry).

use crate::profile::MAX_BANKS;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// `TPM_ALG_ID` as it came over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alg(pub(crate) u16);

macro_rules! algorithms {
    ($($name:ident = $number:literal,)*) => {
        #[allow(dead_code, reason = "the registry's list, not only what is used")]
        impl Alg { $(#[doc = concat!("`TPM_ALG_", stringify!($name), "`")] pub(crate) const $name: Self = Self($number);)* }
    };
}

algorithms! {
    RSA = 0x0001, SHA1 = 0x0004, HMAC = 0x0005, AES = 0x0006, MGF1 = 0x0007, KEYEDHASH = 0x0008, XOR = 0x000a,
    SHA256 = 0x000b, SHA384 = 0x000c, SHA512 = 0x000d, NULL = 0x0010, SM3_256 = 0x0012, SM4 = 0x0013,
    RSASSA = 0x0014, RSAES = 0x0015, RSAPSS = 0x0016, OAEP = 0x0017, ECDSA = 0x0018, ECDH = 0x0019,
    ECDAA = 0x001a, SM2 = 0x001b, ECSCHNORR = 0x001c, ECMQV = 0x001d, KDF1_SP800_56A = 0x0020,
    KDF2 = 0x0021, KDF1_SP800_108 = 0x0022, ECC = 0x0023, SYMCIPHER = 0x0025, CAMELLIA = 0x0026,
    SHA3_256 = 0x0027, SHA3_384 = 0x0028, SHA3_512 = 0x0029, CMAC = 0x003f, CTR = 0x0040, OFB = 0x0041,
    CBC = 0x0042, CFB = 0x0043, ECB = 0x0044,
}

impl Unmarshal for Alg {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        input.get().map(Self)
    }
}

impl Marshal for Alg {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.0)
    }
}

/// The hash algorithms of this build, in the order of their numbers.
#[cfg(feature = "full")]
pub(crate) const HASHES: &[(Alg, HashAlgorithm)] = &[
    (Alg::SHA1, HashAlgorithm::Sha1),
    (Alg::SHA256, HashAlgorithm::Sha256),
    (Alg::SHA384, HashAlgorithm::Sha384),
    (Alg::SHA512, HashAlgorithm::Sha512),
    (Alg::SM3_256, HashAlgorithm::Sm3),
    (Alg::SHA3_256, HashAlgorithm::Sha3_256),
    (Alg::SHA3_384, HashAlgorithm::Sha3_384),
    (Alg::SHA3_512, HashAlgorithm::Sha3_512),
];

/// The hash algorithms of this build, in the order of their numbers.
#[cfg(not(feature = "full"))]
pub(crate) const HASHES: &[(Alg, HashAlgorithm)] = &[
    (Alg::SHA256, HashAlgorithm::Sha256),
    (Alg::SHA384, HashAlgorithm::Sha384),
];

/// Those that there can be a bank of PCRs of: the first of [`HASHES`], as stored states have them.
pub(crate) const BANKS: &[(Alg, HashAlgorithm)] = HASHES.split_at(MAX_BANKS).0;

/// The hash algorithm of that number, if this build has it.
pub(crate) fn hash_of(alg: Alg) -> Option<HashAlgorithm> {
    HASHES
        .iter()
        .find(|(number, _)| *number == alg)
        .map(|(_, hash)| *hash)
}

impl From<HashAlgorithm> for Alg {
    fn from(hash: HashAlgorithm) -> Self {
        HASHES
            .iter()
            .find(|(_, known)| *known == hash)
            .map_or(Self::NULL, |(alg, _)| *alg)
    }
}

/// `TPMI_ALG_HASH`: unknown is `HASH`.
impl Unmarshal for HashAlgorithm {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        hash_of(input.get()?).ok_or(Rc::HASH)
    }
}

/// `TPMI_ALG_HASH+`: `TPM_ALG_NULL` is `None`.
impl Unmarshal for Option<HashAlgorithm> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            alg => hash_of(alg).map(Some).ok_or(Rc::HASH),
        }
    }
}

impl Marshal for HashAlgorithm {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&Alg::from(*self))
    }
}

impl Marshal for Option<HashAlgorithm> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.map_or(Alg::NULL, Alg::from))
    }
}
