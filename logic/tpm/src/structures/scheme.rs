//! Schemes: how a key signs, encrypts or agrees (Part 2, section 11.2).

use super::Alg;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::hash::HashAlgorithm;

const FULL: bool = cfg!(feature = "full");

/// A scheme of an asymmetric key, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsymScheme {
    /// RSA signatures of PKCS #1 version 1.5.
    RsaSsa(HashAlgorithm),
    /// RSA encryption of PKCS #1 version 1.5.
    RsaEs,
    /// RSA-PSS signatures.
    RsaPss(HashAlgorithm),
    /// RSA-OAEP encryption.
    Oaep(HashAlgorithm),
    /// ECDSA signatures.
    Ecdsa(HashAlgorithm),
    /// Elliptic-curve Diffie-Hellman.
    Ecdh(HashAlgorithm),
    /// Anonymous signatures, in two commands.
    Ecdaa {
        /// Its hash algorithm.
        hash: HashAlgorithm,
        /// Which commitment a signature opens; of no use in a key's template.
        count: u16,
    },
    /// SM2: signatures and agreement.
    Sm2(HashAlgorithm),
    /// EC-Schnorr signatures.
    EcSchnorr(HashAlgorithm),
    /// Agreement in two phases: MQV.
    Ecmqv(HashAlgorithm),
}

impl AsymScheme {
    /// Its number.
    pub(crate) const fn alg(self) -> Alg {
        match self {
            Self::RsaSsa(_) => Alg::RSASSA,
            Self::RsaEs => Alg::RSAES,
            Self::RsaPss(_) => Alg::RSAPSS,
            Self::Oaep(_) => Alg::OAEP,
            Self::Ecdsa(_) => Alg::ECDSA,
            Self::Ecdh(_) => Alg::ECDH,
            Self::Ecdaa { .. } => Alg::ECDAA,
            Self::Sm2(_) => Alg::SM2,
            Self::EcSchnorr(_) => Alg::ECSCHNORR,
            Self::Ecmqv(_) => Alg::ECMQV,
        }
    }

    /// Its hash algorithm, if it has one.
    pub(crate) const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::RsaEs => None,
            Self::RsaSsa(hash)
            | Self::RsaPss(hash)
            | Self::Oaep(hash)
            | Self::Ecdsa(hash)
            | Self::Ecdh(hash)
            | Self::Ecdaa { hash, .. }
            | Self::Sm2(hash)
            | Self::EcSchnorr(hash)
            | Self::Ecmqv(hash) => Some(hash),
        }
    }

    /// Whether it signs.
    pub(crate) const fn signs(self) -> bool {
        self.as_sign_scheme().is_some()
    }

    /// Whether it decrypts or agrees. SM2 does both.
    pub(crate) const fn decrypts(self) -> bool {
        !self.signs() || matches!(self, Self::Sm2(_))
    }

    /// The same as a signing scheme.
    pub(crate) const fn as_sign_scheme(self) -> Option<SignScheme> {
        match self {
            Self::RsaSsa(hash) => Some(SignScheme::RsaSsa(hash)),
            Self::RsaPss(hash) => Some(SignScheme::RsaPss(hash)),
            Self::Ecdsa(hash) => Some(SignScheme::Ecdsa(hash)),
            Self::Ecdaa { hash, count } => Some(SignScheme::Ecdaa { hash, count }),
            Self::Sm2(hash) => Some(SignScheme::Sm2(hash)),
            Self::EcSchnorr(hash) => Some(SignScheme::EcSchnorr(hash)),
            Self::RsaEs | Self::Oaep(_) | Self::Ecdh(_) | Self::Ecmqv(_) => None,
        }
    }

    /// The scheme of that number among those of RSA; `None`: there is no such scheme.
    fn rsa(alg: Alg, input: &mut Input<'_>) -> Option<Result<Self>> {
        match alg {
            Alg::RSASSA => Some(input.get().map(Self::RsaSsa)),
            Alg::RSAES => Some(Ok(Self::RsaEs)),
            Alg::RSAPSS => Some(input.get().map(Self::RsaPss)),
            Alg::OAEP => Some(input.get().map(Self::Oaep)),
            _ => None,
        }
    }

    /// Likewise among those of curves.
    fn ecc(alg: Alg, input: &mut Input<'_>) -> Option<Result<Self>> {
        match alg {
            Alg::ECDSA => Some(input.get().map(Self::Ecdsa)),
            Alg::ECDH => Some(input.get().map(Self::Ecdh)),
            _ if !FULL => None,
            Alg::ECDAA => Some(ecdaa(input).map(|(hash, count)| Self::Ecdaa { hash, count })),
            Alg::SM2 => Some(input.get().map(Self::Sm2)),
            Alg::ECSCHNORR => Some(input.get().map(Self::EcSchnorr)),
            Alg::ECMQV => Some(input.get().map(Self::Ecmqv)),
            _ => None,
        }
    }
}

/// `TPMS_SCHEME_ECDAA`
fn ecdaa(input: &mut Input<'_>) -> Result<(HashAlgorithm, u16)> {
    Ok((input.get()?, input.get()?))
}

impl Marshal for AsymScheme {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.alg())?;
        if let Some(hash) = self.hash() {
            out.put(&hash)?;
        }
        match self {
            Self::Ecdaa { count, .. } => out.put(count),
            _ => Ok(()),
        }
    }
}

impl Marshal for Option<AsymScheme> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        match self {
            Some(scheme) => out.put(scheme),
            None => out.put(&Alg::NULL),
        }
    }
}

/// `TPMT_RSA_SCHEME+`, `TPMT_RSA_DECRYPT+`: an unknown one is `VALUE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RsaScheme(pub Option<AsymScheme>);

impl Unmarshal for RsaScheme {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(Self(None)),
            alg => AsymScheme::rsa(alg, input)
                .ok_or(Rc::VALUE)?
                .map(|scheme| Self(Some(scheme))),
        }
    }
}

/// `TPMT_ECC_SCHEME+`: an unknown one is `SCHEME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EccScheme(pub Option<AsymScheme>);

impl Unmarshal for EccScheme {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(Self(None)),
            alg => AsymScheme::ecc(alg, input)
                .ok_or(Rc::SCHEME)?
                .map(|scheme| Self(Some(scheme))),
        }
    }
}

/// `TPMT_SIG_SCHEME` other than null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignScheme {
    /// RSA, PKCS #1 version 1.5.
    RsaSsa(HashAlgorithm),
    /// RSA-PSS.
    RsaPss(HashAlgorithm),
    /// ECDSA.
    Ecdsa(HashAlgorithm),
    /// ECDAA.
    Ecdaa {
        /// Its hash algorithm.
        hash: HashAlgorithm,
        /// Which commitment it opens; 0 in what is read from a signature.
        count: u16,
    },
    /// SM2.
    Sm2(HashAlgorithm),
    /// EC-Schnorr.
    EcSchnorr(HashAlgorithm),
    /// HMAC.
    Hmac(HashAlgorithm),
}

impl SignScheme {
    /// Its number.
    pub(crate) const fn alg(self) -> Alg {
        match self {
            Self::RsaSsa(_) => Alg::RSASSA,
            Self::RsaPss(_) => Alg::RSAPSS,
            Self::Ecdsa(_) => Alg::ECDSA,
            Self::Ecdaa { .. } => Alg::ECDAA,
            Self::Sm2(_) => Alg::SM2,
            Self::EcSchnorr(_) => Alg::ECSCHNORR,
            Self::Hmac(_) => Alg::HMAC,
        }
    }

    /// Its hash algorithm.
    pub(crate) const fn hash(self) -> HashAlgorithm {
        match self {
            Self::RsaSsa(hash)
            | Self::RsaPss(hash)
            | Self::Ecdsa(hash)
            | Self::Ecdaa { hash, .. }
            | Self::Sm2(hash)
            | Self::EcSchnorr(hash)
            | Self::Hmac(hash) => hash,
        }
    }

    /// Whether it signs anonymously: in two commands, so that the caller must say which commitment it opens.
    pub(crate) const fn is_anonymous(self) -> bool {
        matches!(self, Self::Ecdaa { .. })
    }

    /// Whether it is the same but for what only the caller can say.
    pub(crate) fn is_same_kind(self, other: Self) -> bool {
        self.alg() == other.alg() && self.hash() == other.hash()
    }

    /// Reads what a signature has in front (`TPMT_SIGNATURE`): algorithm and hash, and for ECDAA no counter.
    ///
    /// # Errors
    /// As for a scheme.
    pub(crate) fn of_signature(input: &mut Input<'_>) -> Result<Option<Self>> {
        match input.get()? {
            Alg::NULL => Ok(None),
            Alg::ECDAA if FULL => {
                let hash = input.get()?;
                Ok(Some(Self::Ecdaa { hash, count: 0 }))
            }
            alg => Self::with_hash(alg, input).map(Some),
        }
    }

    /// Those of which only a hash is to be said.
    fn with_hash(alg: Alg, input: &mut Input<'_>) -> Result<Self> {
        let make: fn(HashAlgorithm) -> Self = match alg {
            Alg::RSASSA if FULL => Self::RsaSsa,
            Alg::RSAPSS if FULL => Self::RsaPss,
            Alg::ECDSA => Self::Ecdsa,
            Alg::SM2 if FULL => Self::Sm2,
            Alg::ECSCHNORR if FULL => Self::EcSchnorr,
            Alg::HMAC => Self::Hmac,
            _ => return Err(Rc::SCHEME),
        };
        input.get().map(make)
    }
}

/// `TPMT_SIG_SCHEME+`: null is `None`; an unknown one is `SCHEME`.
impl Unmarshal for Option<SignScheme> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            Alg::ECDAA if FULL => {
                let (hash, count) = ecdaa(input)?;
                Ok(Some(SignScheme::Ecdaa { hash, count }))
            }
            alg => SignScheme::with_hash(alg, input).map(Some),
        }
    }
}

/// As a signature has it in front: without the counter of ECDAA.
impl Marshal for SignScheme {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.alg())?;
        out.put(&self.hash())
    }
}

/// A key derivation function (`TPMI_ALG_KDF`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kdf {
    /// The mask generation function of PKCS #1.
    Mgf1,
    /// SP 800-56A.
    Sp800_56a,
    /// IEEE 1363a.
    Kdf2,
    /// SP 800-108: the TPM's own.
    Sp800_108,
}

impl Kdf {
    const ALL: [(Alg, Self); 4] = [
        (Alg::MGF1, Self::Mgf1),
        (Alg::KDF1_SP800_56A, Self::Sp800_56a),
        (Alg::KDF2, Self::Kdf2),
        (Alg::KDF1_SP800_108, Self::Sp800_108),
    ];
}

/// `TPMI_ALG_KDF+`: an unknown one is `KDF`.
impl Unmarshal for Option<Kdf> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            alg => {
                let found = Kdf::ALL.iter().find(|(number, _)| *number == alg);
                found.map(|(_, kdf)| Some(*kdf)).ok_or(Rc::KDF)
            }
        }
    }
}

impl Marshal for Option<Kdf> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        let found = self.and_then(|kdf| Kdf::ALL.iter().find(|(_, known)| *known == kdf));
        out.put(&found.map_or(Alg::NULL, |(number, _)| *number))
    }
}

/// `TPMT_KDF_SCHEME` other than null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KdfScheme {
    /// The function.
    pub(crate) kdf: Kdf,
    /// Its hash algorithm.
    pub(crate) hash: HashAlgorithm,
}

/// `TPMT_KDF_SCHEME+`.
impl Unmarshal for Option<KdfScheme> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            None => Ok(None),
            Some(kdf) => Ok(Some(KdfScheme {
                kdf,
                hash: input.get()?,
            })),
        }
    }
}

impl Marshal for Option<KdfScheme> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.map(|scheme| scheme.kdf))?;
        match self {
            Some(scheme) => out.put(&scheme.hash),
            None => Ok(()),
        }
    }
}

/// `TPMT_KEYEDHASH_SCHEME` other than null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyedHashScheme {
    /// It signs.
    Hmac(HashAlgorithm),
    /// It masks, or other keys are derived from it.
    Xor {
        /// The hash algorithm.
        hash: HashAlgorithm,
        /// How keys are derived.
        kdf: Option<Kdf>,
    },
}

impl KeyedHashScheme {
    /// Its hash algorithm.
    pub(crate) const fn hash(self) -> HashAlgorithm {
        match self {
            Self::Hmac(hash) | Self::Xor { hash, .. } => hash,
        }
    }
}

/// `TPMT_KEYEDHASH_SCHEME+`: null is `None`, an unknown one is `VALUE`.
impl Unmarshal for Option<KeyedHashScheme> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(None),
            Alg::HMAC => input.get().map(KeyedHashScheme::Hmac).map(Some),
            Alg::XOR => Ok(Some(KeyedHashScheme::Xor {
                hash: input.get()?,
                kdf: input.get()?,
            })),
            _ => Err(Rc::VALUE),
        }
    }
}

impl Marshal for Option<KeyedHashScheme> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        match self {
            None => out.put(&Alg::NULL),
            Some(KeyedHashScheme::Hmac(hash)) => {
                out.put(&Alg::HMAC)?;
                out.put(hash)
            }
            Some(KeyedHashScheme::Xor { hash, kdf }) => {
                out.put(&Alg::XOR)?;
                out.put(hash)?;
                out.put(kdf)
            }
        }
    }
}
