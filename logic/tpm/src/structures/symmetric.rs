//! Symmetric definitions (Part 2, section 11.1).

use super::Alg;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::cipher::{Cipher, CipherAlgorithm, Mode};

const FULL: bool = cfg!(feature = "full");

/// The modes of this build, in the order of their numbers.
const MODES: &[(Alg, Mode)] = match FULL {
    true => &[
        (Alg::CTR, Mode::Ctr),
        (Alg::OFB, Mode::Ofb),
        (Alg::CBC, Mode::Cbc),
        (Alg::CFB, Mode::Cfb),
        (Alg::ECB, Mode::Ecb),
    ],
    false => &[(Alg::CFB, Mode::Cfb)],
};

/// `TPMI_ALG_CIPHER_MODE+`: a mode that this build does not have is `MODE`.
impl Unmarshal for Option<Mode> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            alg => mode_of(alg).map(Some),
        }
    }
}

fn mode_of(alg: Alg) -> Result<Mode> {
    let found = MODES.iter().find(|(number, _)| *number == alg);
    found.map(|(_, mode)| *mode).ok_or(Rc::MODE)
}

impl Marshal for Option<Mode> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        let alg = self.and_then(|mode| MODES.iter().find(|(_, known)| *known == mode));
        out.put(&alg.map_or(Alg::NULL, |(number, _)| *number))
    }
}

/// What a key of a symmetric cipher is for (`TPMI_ALG_SYM_MODE`): one of the modes, or CMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SymMode {
    /// It encrypts so.
    Encrypt(Mode),
    /// It makes MACs.
    Cmac,
}

/// `TPMI_ALG_SYM_MODE+`: one that this build does not have is `MODE`.
impl Unmarshal for Option<SymMode> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            Alg::CMAC if FULL => Ok(Some(SymMode::Cmac)),
            alg => mode_of(alg).map(|mode| Some(SymMode::Encrypt(mode))),
        }
    }
}

impl Marshal for Option<SymMode> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        match self {
            None => out.put(&Alg::NULL),
            Some(SymMode::Cmac) => out.put(&Alg::CMAC),
            Some(SymMode::Encrypt(mode)) => out.put(&Some(*mode)),
        }
    }
}

/// The length of a key (`TPMI_AES_KEY_BITS`, `TPMI_SM4_KEY_BITS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyBits {
    /// 128 bits.
    Bits128,
    /// 192 bits.
    Bits192,
    /// 256 bits.
    Bits256,
}

impl KeyBits {
    /// In bits.
    pub(crate) const fn bits(self) -> u16 {
        match self {
            Self::Bits128 => 128,
            Self::Bits192 => 192,
            Self::Bits256 => 256,
        }
    }

    /// In bytes.
    pub(crate) const fn key_len(self) -> usize {
        (self.bits() / 8) as usize
    }

    /// A length that this build does not have of that cipher is `VALUE`.
    fn of(algorithm: CipherAlgorithm, bits: u16) -> Result<Self> {
        match (algorithm, bits) {
            (_, 128) => Ok(Self::Bits128),
            (CipherAlgorithm::Aes, 192) if FULL => Ok(Self::Bits192),
            (CipherAlgorithm::Aes, 256) if FULL => Ok(Self::Bits256),
            _ => Err(Rc::VALUE),
        }
    }
}

/// The cipher of that number, if this build has it.
pub(crate) fn cipher_of(alg: Alg) -> Option<CipherAlgorithm> {
    match alg {
        Alg::AES => Some(CipherAlgorithm::Aes),
        Alg::SM4 if FULL => Some(CipherAlgorithm::Sm4),
        _ => None,
    }
}

/// `TPMT_SYM_DEF_OBJECT` other than null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SymDefObject {
    /// The cipher.
    pub(crate) algorithm: CipherAlgorithm,
    /// The length of the key.
    pub(crate) bits: KeyBits,
    /// The mode; `None` leaves it to whoever uses the key.
    pub(crate) mode: Option<SymMode>,
}

impl SymDefObject {
    /// The length of its keys in bytes.
    pub(crate) const fn key_len(self) -> usize {
        self.bits.key_len()
    }

    /// A key of it.
    ///
    /// # Errors
    /// `FAILURE`: it has not that length.
    pub(crate) fn cipher(self, key: &[u8]) -> Result<Cipher> {
        match key.len() == self.key_len() {
            true => Cipher::new(self.algorithm, key).map_err(|_| Rc::FAILURE),
            false => Err(Rc::FAILURE),
        }
    }
}

/// `TPMT_SYM_DEF_OBJECT`: a cipher that this build does not have is `SYMMETRIC`.
impl Unmarshal for SymDefObject {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        input.get::<Option<Self>>()?.ok_or(Rc::SYMMETRIC)
    }
}

/// `TPMT_SYM_DEF_OBJECT+`: null is `None`.
impl Unmarshal for Option<SymDefObject> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            alg => {
                let algorithm = cipher_of(alg).ok_or(Rc::SYMMETRIC)?;
                Ok(Some(SymDefObject {
                    algorithm,
                    bits: KeyBits::of(algorithm, input.get()?)?,
                    mode: input.get()?,
                }))
            }
        }
    }
}

impl Marshal for SymDefObject {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&match self.algorithm {
            CipherAlgorithm::Aes => Alg::AES,
            CipherAlgorithm::Sm4 => Alg::SM4,
        })?;
        out.put(&self.bits.bits())?;
        out.put(&self.mode)
    }
}

impl Marshal for Option<SymDefObject> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        match self {
            Some(definition) => out.put(definition),
            None => out.put(&Alg::NULL),
        }
    }
}
