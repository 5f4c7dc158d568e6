//! `TPMT_SIGNATURE` (Part 2, section 11.3).

use super::{Alg, Coordinate, DigestBytes, SignScheme};
use crate::profile::MAX_RSA;
use crate::rc::{Rc, Result};
use crate::wire::{Bytes, Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// A signature; nothing is known of it but its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    /// RSA, PKCS #1 version 1.5.
    RsaSsa {
        /// Of the digest that was signed.
        hash: HashAlgorithm,
        /// As long as the modulus.
        value: Bytes<MAX_RSA>,
    },
    /// RSA-PSS.
    RsaPss {
        /// Of the digest that was signed.
        hash: HashAlgorithm,
        /// As long as the modulus.
        value: Bytes<MAX_RSA>,
    },
    /// ECDSA.
    Ecdsa {
        /// Of the digest that was signed.
        hash: HashAlgorithm,
        /// The first number.
        r: Coordinate,
        /// The second number.
        s: Coordinate,
    },
    /// ECDAA.
    Ecdaa {
        /// Of the digest that was signed.
        hash: HashAlgorithm,
        /// The nonce.
        r: Coordinate,
        /// The number that opens the commitment.
        s: Coordinate,
    },
    /// SM2.
    Sm2 {
        /// Of the digest that was signed.
        hash: HashAlgorithm,
        /// The first number.
        r: Coordinate,
        /// The second number.
        s: Coordinate,
    },
    /// EC-Schnorr.
    EcSchnorr {
        /// Of the digest that was signed.
        hash: HashAlgorithm,
        /// The first number.
        r: Coordinate,
        /// The second number.
        s: Coordinate,
    },
    /// HMAC.
    Hmac {
        /// Its hash algorithm.
        hash: HashAlgorithm,
        /// The HMAC.
        value: DigestBytes,
    },
}

impl Signature {
    /// How it was made.
    pub(crate) const fn scheme(&self) -> SignScheme {
        match self {
            Self::RsaSsa { hash, .. } => SignScheme::RsaSsa(*hash),
            Self::RsaPss { hash, .. } => SignScheme::RsaPss(*hash),
            Self::Ecdsa { hash, .. } => SignScheme::Ecdsa(*hash),
            Self::Ecdaa { hash, .. } => SignScheme::Ecdaa {
                hash: *hash,
                count: 0,
            },
            Self::Sm2 { hash, .. } => SignScheme::Sm2(*hash),
            Self::EcSchnorr { hash, .. } => SignScheme::EcSchnorr(*hash),
            Self::Hmac { hash, .. } => SignScheme::Hmac(*hash),
        }
    }
}

/// `TPMT_SIGNATURE`: an unknown scheme, and null, are `SCHEME`.
impl Unmarshal for Signature {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let scheme = SignScheme::of_signature(input)?.ok_or(Rc::SCHEME)?;
        match scheme {
            SignScheme::RsaSsa(hash) => Ok(Self::RsaSsa {
                hash,
                value: input.get()?,
            }),
            SignScheme::RsaPss(hash) => Ok(Self::RsaPss {
                hash,
                value: input.get()?,
            }),
            SignScheme::Ecdsa(hash) => Ok(Self::Ecdsa {
                hash,
                r: input.get()?,
                s: input.get()?,
            }),
            SignScheme::Ecdaa { hash, .. } => Ok(Self::Ecdaa {
                hash,
                r: input.get()?,
                s: input.get()?,
            }),
            SignScheme::Sm2(hash) => Ok(Self::Sm2 {
                hash,
                r: input.get()?,
                s: input.get()?,
            }),
            SignScheme::EcSchnorr(hash) => Ok(Self::EcSchnorr {
                hash,
                r: input.get()?,
                s: input.get()?,
            }),
            // A TPMT_HA: the digest has no size field of its own.
            SignScheme::Hmac(hash) => Ok(Self::Hmac {
                hash,
                value: DigestBytes::new(input.take(hash.digest_len())?).ok_or(Rc::SIZE)?,
            }),
        }
    }
}

impl Marshal for Signature {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.scheme())?;
        match self {
            Self::RsaSsa { value, .. } | Self::RsaPss { value, .. } => out.put(value),
            Self::Ecdsa { r, s, .. }
            | Self::Ecdaa { r, s, .. }
            | Self::Sm2 { r, s, .. }
            | Self::EcSchnorr { r, s, .. } => {
                out.put(r)?;
                out.put(s)
            }
            Self::Hmac { value, .. } => out.raw(value.as_slice()),
        }
    }
}

/// `TPMT_SIGNATURE+`: null is `None`.
impl Marshal for Option<Signature> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        match self {
            Some(signature) => out.put(signature),
            None => out.put(&Alg::NULL),
        }
    }
}
