//! Verifying a token: the envelope is parsed first, then the signature, and only then the claims.
//!
//! The types carry the proof: [`UnverifiedToken`] has nothing but [`UnverifiedToken::verify`] and a
//! look inside that says in its name what it is; only a [`VerifiedToken`] has `claims`.

use crate::cbor::{self, Malformed};
use crate::claims::{Claims, ClaimsError};
use crate::component::once;
use crate::make::signed_digest;
use ironroot_crypto::ecdsa::P256PublicKey;
use minicbor::Decoder;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Not exactly one tagged COSE_Sign1 of the expected shape.
    Malformed,
    /// Its algorithm is not ES256, or it has critical headers we do not know.
    Algorithm,
    /// The signature is not of this key over these claims.
    Signature,
    /// Signed, but the claims break their profile.
    Claims(ClaimsError),
}

impl From<Malformed> for TokenError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<minicbor::decode::Error> for TokenError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// COSE header label and value (RFC 9052, 3.1; RFC 9053, ECDSA).
const LABEL_ALGORITHM: i64 = 1;
const LABEL_CRITICAL: i64 = 2;
const ES256: i64 = -7;
const TAG_COSE_SIGN1: u64 = 18;

/// A well-formed COSE_Sign1 that says ES256; nothing about it is believed yet.
#[derive(Debug, Clone)]
pub struct UnverifiedToken<'a> {
    protected: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8; 64],
}

/// A token whose signature is right and whose claims keep their profile.
#[derive(Debug, Clone)]
pub struct VerifiedToken<'a> {
    claims: Claims<'a>,
}

impl<'a> UnverifiedToken<'a> {
    /// Parses the envelope. `token` is not trusted.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] or [`TokenError::Algorithm`].
    pub fn parse(token: &'a [u8]) -> Result<Self, TokenError> {
        let mut decoder = Decoder::new(token);
        if decoder.tag()?.as_u64() != TAG_COSE_SIGN1 || cbor::array(&mut decoder)? != 4 {
            return Err(TokenError::Malformed);
        }
        let protected = decoder.bytes()?;
        check_protected(protected)?;
        // Nothing in the unprotected header is used, so nothing in it can matter.
        cbor::map(&mut decoder.clone())?;
        cbor::skip(&mut decoder)?;
        let payload = decoder.bytes()?;
        let signature = decoder
            .bytes()?
            .try_into()
            .map_err(|_| TokenError::Malformed)?;
        cbor::finished(&decoder)?;
        Ok(Self {
            protected,
            payload,
            signature,
        })
    }

    /// Checks the signature with the device's public key, then the claims.
    ///
    /// # Errors
    /// [`TokenError::Signature`] or [`TokenError::Claims`].
    pub fn verify(self, key: &P256PublicKey) -> Result<VerifiedToken<'a>, TokenError> {
        let digest = signed_digest(self.protected, self.payload).ok_or(TokenError::Signature)?;
        key.verify_prehash(&digest, self.signature)
            .map_err(|_| TokenError::Signature)?;
        Claims::read(self.payload)
            .map(|claims| VerifiedToken { claims })
            .map_err(TokenError::Claims)
    }

    /// What the token says, whoever wrote it: for showing, never for deciding.
    ///
    /// # Errors
    /// [`ClaimsError`] when the claims break their profile.
    pub fn unverified_claims(&self) -> Result<Claims<'a>, ClaimsError> {
        Claims::read(self.payload)
    }
}

impl<'a> VerifiedToken<'a> {
    /// The claims, signed by the key that [`UnverifiedToken::verify`] was given.
    #[must_use]
    pub const fn claims(&self) -> &Claims<'a> {
        &self.claims
    }
}

/// The protected header must say ES256 and nothing critical; a key id beside it is allowed and ignored,
/// for the verifier brings the key.
fn check_protected(header: &[u8]) -> Result<(), TokenError> {
    let mut decoder = Decoder::new(header);
    let mut algorithm = None;
    for _ in 0..cbor::map(&mut decoder)? {
        match cbor::integer_key(&mut decoder)? {
            Some(LABEL_ALGORITHM) => once(&mut algorithm, decoder.i64()?)?,
            Some(LABEL_CRITICAL) => return Err(TokenError::Algorithm),
            _ => cbor::skip(&mut decoder)?,
        }
    }
    cbor::finished(&decoder)?;
    if algorithm == Some(ES256) {
        Ok(())
    } else {
        Err(TokenError::Algorithm)
    }
}
