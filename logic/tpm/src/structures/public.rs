//! The public half of an object: `TPMT_PUBLIC` (Part 2, section 12.2).
//!
//! What is read here has a shape that the specification allows; whether its parts fit together is the matter of
//! `object/check`.

use super::{
    Alg, AsymScheme, Coordinate, DigestBytes, EccPoint, EccScheme, KdfScheme, KeyedHashScheme, Name,
};
use super::{RsaScheme, SymDefObject, longer};
use crate::attributes::ObjectAttributes;
use crate::profile::{MAX_COORDINATE, MAX_DIGEST, MAX_RSA};
use crate::rc::{Rc, Result};
use crate::wire::{Bytes, Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::ec::Curve;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher};

const MAX_UNIQUE: usize = longer(MAX_RSA, 2 * MAX_COORDINATE + 2);
/// The longest marshalled `TPMT_PUBLIC`, in bytes.
pub(crate) const MAX_PUBLIC: usize = 2 + 2 + 4 + (2 + MAX_DIGEST) + 16 + (2 + MAX_UNIQUE);

/// What kind of object it is (`TPMI_ALG_PUBLIC`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// An RSA key.
    Rsa,
    /// A key of HMAC or XOR, a parent of derived keys, or sealed data.
    KeyedHash,
    /// A key on a curve.
    Ecc,
    /// A key of a symmetric cipher.
    SymCipher,
}

impl ObjectKind {
    /// Its number.
    pub(crate) const fn alg(self) -> Alg {
        match self {
            Self::Rsa => Alg::RSA,
            Self::KeyedHash => Alg::KEYEDHASH,
            Self::Ecc => Alg::ECC,
            Self::SymCipher => Alg::SYMCIPHER,
        }
    }

    /// Whether it has a public and a private key.
    pub(crate) const fn is_asymmetric(self) -> bool {
        matches!(self, Self::Rsa | Self::Ecc)
    }
}

/// A kind that this build does not have is `TYPE`.
impl Unmarshal for ObjectKind {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::RSA if MAX_RSA != 0 => Ok(Self::Rsa),
            Alg::KEYEDHASH => Ok(Self::KeyedHash),
            Alg::ECC => Ok(Self::Ecc),
            Alg::SYMCIPHER => Ok(Self::SymCipher),
            _ => Err(Rc::TYPE),
        }
    }
}

impl Marshal for ObjectKind {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.alg())
    }
}

/// The length of a modulus in bits (`TPMI_RSA_KEY_BITS`): 1024, 2048, 3072 or 4096.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RsaBits(u16);

impl RsaBits {
    /// In bits.
    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// In bytes.
    pub(crate) const fn modulus_len(self) -> usize {
        (self.0 / 8) as usize
    }
}

/// Another length is `VALUE`.
impl Unmarshal for RsaBits {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get::<u16>()? {
            bits @ (1024 | 2048 | 3072 | 4096) => Ok(Self(bits)),
            _ => Err(Rc::VALUE),
        }
    }
}

/// What kind of key exactly (`TPMU_PUBLIC_PARMS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// `TPMS_RSA_PARMS`
    Rsa {
        /// How a parent protects its children.
        symmetric: Option<SymDefObject>,
        /// How it signs or decrypts; `None`: as the command says.
        scheme: Option<AsymScheme>,
        /// Length of the modulus.
        bits: RsaBits,
        /// The public exponent; 0 stands for 65537.
        exponent: u32,
    },
    /// `TPMS_KEYEDHASH_PARMS`
    KeyedHash {
        /// What it does; `None` for sealed data.
        scheme: Option<KeyedHashScheme>,
    },
    /// `TPMS_ECC_PARMS`
    Ecc {
        /// How a parent protects its children.
        symmetric: Option<SymDefObject>,
        /// How it signs or agrees; `None`: as the command says.
        scheme: Option<AsymScheme>,
        /// The curve.
        curve: Curve,
        /// Of no use in this version of the specification; must be null.
        kdf: Option<KdfScheme>,
    },
    /// `TPMS_SYMCIPHER_PARMS`
    SymCipher {
        /// Cipher and mode.
        symmetric: SymDefObject,
    },
}

impl Parameters {
    /// What kind of object they are for.
    pub(crate) const fn kind(&self) -> ObjectKind {
        match self {
            Self::Rsa { .. } => ObjectKind::Rsa,
            Self::KeyedHash { .. } => ObjectKind::KeyedHash,
            Self::Ecc { .. } => ObjectKind::Ecc,
            Self::SymCipher { .. } => ObjectKind::SymCipher,
        }
    }

    /// How a parent protects its children.
    pub(crate) const fn symmetric(&self) -> Option<SymDefObject> {
        match self {
            Self::Rsa { symmetric, .. } | Self::Ecc { symmetric, .. } => *symmetric,
            Self::SymCipher { symmetric } => Some(*symmetric),
            Self::KeyedHash { .. } => None,
        }
    }

    /// The scheme of an asymmetric key.
    pub(crate) const fn asym_scheme(&self) -> Option<AsymScheme> {
        match self {
            Self::Rsa { scheme, .. } | Self::Ecc { scheme, .. } => *scheme,
            Self::KeyedHash { .. } | Self::SymCipher { .. } => None,
        }
    }

    /// Reads those for that kind of object (`TPMU_PUBLIC_PARMS`).
    ///
    /// # Errors
    /// `SYMMETRIC`, `VALUE`, `MODE`, `SCHEME`, `HASH`, `CURVE`, `KDF`, `INSUFFICIENT`.
    pub(crate) fn of_kind(kind: ObjectKind, input: &mut Input<'_>) -> Result<Self> {
        match kind {
            ObjectKind::Rsa => Ok(Self::Rsa {
                symmetric: input.get()?,
                scheme: input.get::<RsaScheme>()?.0,
                bits: input.get()?,
                exponent: input.get()?,
            }),
            ObjectKind::KeyedHash => Ok(Self::KeyedHash {
                scheme: input.get()?,
            }),
            ObjectKind::Ecc => Ok(Self::Ecc {
                symmetric: input.get()?,
                scheme: input.get::<EccScheme>()?.0,
                curve: input.get()?,
                kdf: input.get()?,
            }),
            ObjectKind::SymCipher => Ok(Self::SymCipher {
                symmetric: input.get()?,
            }),
        }
    }
}

/// `TPMT_PUBLIC_PARMS`: the kind comes first (TestParms).
impl Unmarshal for Parameters {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let kind = input.get()?;
        Self::of_kind(kind, input)
    }
}

/// As in `TPMT_PUBLIC`: without the kind.
impl Marshal for Parameters {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        match self {
            Self::Rsa {
                symmetric,
                scheme,
                bits,
                exponent,
            } => {
                out.put(symmetric)?;
                out.put(scheme)?;
                out.put(&bits.bits())?;
                out.put(exponent)
            }
            Self::KeyedHash { scheme } => out.put(scheme),
            Self::Ecc {
                symmetric,
                scheme,
                curve,
                kdf,
            } => {
                out.put(symmetric)?;
                out.put(scheme)?;
                out.put(curve)?;
                out.put(kdf)
            }
            Self::SymCipher { symmetric } => out.put(symmetric),
        }
    }
}

/// What tells this object from others of the same parameters (`TPMU_PUBLIC_ID`).
#[cfg_attr(
    feature = "full",
    expect(
        clippy::large_enum_variant,
        reason = "there is no heap to put the larger one on"
    )
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unique {
    /// The modulus.
    Rsa(Bytes<MAX_RSA>),
    /// A digest that binds the secret (of keyed-hash and symmetric objects).
    Digest(DigestBytes),
    /// The public point.
    Ecc(EccPoint),
}

impl Unique {
    fn of_kind(kind: ObjectKind, input: &mut Input<'_>) -> Result<Self> {
        match kind {
            ObjectKind::Rsa => input.get().map(Self::Rsa),
            ObjectKind::KeyedHash | ObjectKind::SymCipher => input.get().map(Self::Digest),
            ObjectKind::Ecc => input.get().map(Self::Ecc),
        }
    }

    /// Nothing yet.
    pub(crate) const fn empty(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Rsa => Self::Rsa(Bytes::EMPTY),
            ObjectKind::KeyedHash | ObjectKind::SymCipher => Self::Digest(DigestBytes::EMPTY),
            ObjectKind::Ecc => Self::Ecc(EccPoint {
                x: Coordinate::EMPTY,
                y: Coordinate::EMPTY,
            }),
        }
    }
}

impl Marshal for Unique {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        match self {
            Self::Rsa(modulus) => out.put(modulus),
            Self::Digest(digest) => out.put(digest),
            Self::Ecc(point) => out.put(point),
        }
    }
}

/// `TPMT_PUBLIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Public {
    /// For its name, and for what it protects; `None` only in what was loaded from outside.
    pub(crate) name_alg: Option<HashAlgorithm>,
    /// What may be done with it.
    pub(crate) attributes: ObjectAttributes,
    /// Its policy; empty: none.
    pub(crate) policy: DigestBytes,
    /// What kind of key exactly.
    pub(crate) parameters: Parameters,
    /// What tells it from others.
    pub(crate) unique: Unique,
}

impl Public {
    /// What kind of object it is.
    pub(crate) const fn kind(&self) -> ObjectKind {
        self.parameters.kind()
    }

    /// Whether all these attributes are set.
    pub(crate) const fn has(&self, attributes: ObjectAttributes) -> bool {
        self.attributes.has(attributes)
    }

    /// Whether its attributes are those of a parent: restricted, decrypts, does not sign.
    pub(crate) const fn has_parent_attributes(&self) -> bool {
        self.has(ObjectAttributes::RESTRICTED)
            && self.has(ObjectAttributes::DECRYPT)
            && !self.has(ObjectAttributes::SIGN)
    }

    /// Its name: hash algorithm and digest (Part 1, section 16); empty without a hash algorithm.
    ///
    /// # Errors
    /// `FAILURE`: never, for a public area that was read.
    pub(crate) fn name(&self) -> Result<Name> {
        let Some(hash) = self.name_alg else {
            return Ok(Name::EMPTY);
        };
        let mut area = [0; MAX_PUBLIC];
        let mut out = Output::new(&mut area);
        out.put(self)?;
        name_of(hash, &[out.written()])
    }

    /// What is before the unique field, and the kind.
    fn head(input: &mut Input<'_>, unnamed: bool) -> Result<Self> {
        let kind: ObjectKind = input.get()?;
        let name_alg = match unnamed {
            true => input.get()?,
            false => Some(input.get()?),
        };
        Ok(Self {
            name_alg,
            attributes: input.get()?,
            policy: input.get()?,
            parameters: Parameters::of_kind(kind, input)?,
            unique: Unique::empty(kind),
        })
    }

    /// A template whose unique field is read by `read` (a parent of derived keys has label and context there).
    ///
    /// # Errors
    /// As for a public area, and what `read` says.
    #[cfg(feature = "full")]
    pub(crate) fn template<T>(
        input: &mut Input<'_>,
        read: impl FnOnce(&mut Input<'_>) -> Result<T>,
    ) -> Result<(Self, T)> {
        let public = Self::head(input, false)?;
        Ok((public, read(input)?))
    }

    fn whole(input: &mut Input<'_>, unnamed: bool) -> Result<Self> {
        let mut public = Self::head(input, unnamed)?;
        public.unique = Unique::of_kind(public.kind(), input)?;
        Ok(public)
    }
}

/// Hash algorithm and digest over `parts`: how names are made.
///
/// # Errors
/// `FAILURE`: never.
pub(crate) fn name_of(hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Name> {
    let mut name = [0; MAX_DIGEST + 2];
    let mut out = Output::new(&mut name);
    out.put(&hash)?;
    let mut hasher = Hasher::new(hash);
    parts.iter().for_each(|part| hasher.update(part));
    out.raw(hasher.finish().as_slice())?;
    Name::new(out.written()).ok_or(Rc::FAILURE)
}

/// The name algorithm may not be null: `HASH`.
impl Unmarshal for Public {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Self::whole(input, false)
    }
}

impl Marshal for Public {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.kind())?;
        out.put(&self.name_alg)?;
        out.put(&self.attributes)?;
        out.put(&self.policy)?;
        out.put(&self.parameters)?;
        out.put(&self.unique)
    }
}

/// A public area whose name algorithm may be null (`TPMT_PUBLIC+`): LoadExternal.
pub(crate) struct PublicOrUnnamed(pub Public);

impl Unmarshal for PublicOrUnnamed {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Public::whole(input, true).map(Self)
    }
}
