//! Symmetric definitions (Part 2, section 11.1).

use super::Alg;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::cipher::Mode;

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

/// `TPMI_ALG_SYM_MODE+`: a mode that this build does not have is `MODE`.
impl Unmarshal for Option<Mode> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            alg => {
                let found = MODES.iter().find(|(number, _)| *number == alg);
                found.map(|(_, mode)| Some(*mode)).ok_or(Rc::MODE)
            }
        }
    }
}

impl Marshal for Option<Mode> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        let alg = self.and_then(|mode| MODES.iter().find(|(_, known)| *known == mode));
        out.put(&alg.map_or(Alg::NULL, |(number, _)| *number))
    }
}

/// The length of an AES key (`TPMI_AES_KEY_BITS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AesBits {
    /// 128 bits.
    Aes128,
    /// 192 bits.
    Aes192,
    /// 256 bits.
    Aes256,
}

impl AesBits {
    /// In bits.
    pub(crate) const fn bits(self) -> u16 {
        match self {
            Self::Aes128 => 128,
            Self::Aes192 => 192,
            Self::Aes256 => 256,
        }
    }

    /// In bytes.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }
}

/// A length that this build does not have is `VALUE`.
impl Unmarshal for AesBits {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get::<u16>()? {
            128 => Ok(Self::Aes128),
            192 if FULL => Ok(Self::Aes192),
            256 if FULL => Ok(Self::Aes256),
            _ => Err(Rc::VALUE),
        }
    }
}

impl Marshal for AesBits {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.bits())
    }
}

/// `TPMT_SYM_DEF_OBJECT` other than null: AES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SymDefObject {
    /// The length of the key.
    pub(crate) bits: AesBits,
    /// The mode; `None` leaves it to whoever uses the key.
    pub(crate) mode: Option<Mode>,
}

/// `TPMT_SYM_DEF_OBJECT`: anything but AES is `SYMMETRIC`.
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
            Alg::AES => Ok(Some(SymDefObject {
                bits: input.get()?,
                mode: input.get()?,
            })),
            _ => Err(Rc::SYMMETRIC),
        }
    }
}

impl Marshal for SymDefObject {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&Alg::AES)?;
        out.put(&self.bits)?;
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
