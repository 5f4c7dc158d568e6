//! Schemes: how a key signs, encrypts or agrees (Part 2, section 11.2).

use super::Alg;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::hash::HashAlgorithm;

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
            | Self::Ecdh(hash) => Some(hash),
        }
    }

    /// Whether it signs; otherwise it decrypts or agrees.
    pub(crate) const fn signs(self) -> bool {
        matches!(self, Self::RsaSsa(_) | Self::RsaPss(_) | Self::Ecdsa(_))
    }

    /// The same as a signing scheme.
    pub(crate) const fn as_sign_scheme(self) -> Option<SignScheme> {
        match self {
            Self::RsaSsa(hash) => Some(SignScheme::RsaSsa(hash)),
            Self::RsaPss(hash) => Some(SignScheme::RsaPss(hash)),
            Self::Ecdsa(hash) => Some(SignScheme::Ecdsa(hash)),
            Self::RsaEs | Self::Oaep(_) | Self::Ecdh(_) => None,
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
            _ => None,
        }
    }
}

impl Marshal for AsymScheme {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.alg())?;
        match self.hash() {
            Some(hash) => out.put(&hash),
            None => Ok(()),
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
            Self::Hmac(_) => Alg::HMAC,
        }
    }

    /// Its hash algorithm.
    pub(crate) const fn hash(self) -> HashAlgorithm {
        match self {
            Self::RsaSsa(hash) | Self::RsaPss(hash) | Self::Ecdsa(hash) | Self::Hmac(hash) => hash,
        }
    }
}

/// `TPMT_SIG_SCHEME+`: null is `None`; an unknown one is `SCHEME`.
impl Unmarshal for Option<SignScheme> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let make: fn(HashAlgorithm) -> SignScheme = match input.get()? {
            Alg::NULL => return Ok(None),
            Alg::RSASSA if cfg!(feature = "full") => SignScheme::RsaSsa,
            Alg::RSAPSS if cfg!(feature = "full") => SignScheme::RsaPss,
            Alg::ECDSA => SignScheme::Ecdsa,
            Alg::HMAC => SignScheme::Hmac,
            _ => return Err(Rc::SCHEME),
        };
        input.get().map(make).map(Some)
    }
}

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
