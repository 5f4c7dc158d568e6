//! Signatures by loaded keys: which scheme, making them, checking them.
//!
//! A scheme is matched to the type of the key before anything else looks at it (CVE-2025-2884: the reference took an
//! RSA scheme for a keyed-hash key, and read what was not there).

use super::{Object, rsa_schemes};
use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::structures::{
    Coordinate, DigestBytes, KeyedHashScheme, ObjectKind, Parameters, SignScheme, Signature,
};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hmac};

impl Object {
    /// The scheme that this key signs with: its own, or the caller's if it has none. Both must be the same if there
    /// are both (Part 1, annex B.6; Part 3, section 20.2).
    ///
    /// # Errors
    /// `SCHEME`: there is none, or it is not one for this type of key.
    pub(crate) fn sign_scheme(&self, wanted: Option<SignScheme>) -> Result<SignScheme> {
        let own = match self.public.parameters {
            Parameters::KeyedHash {
                scheme: Some(KeyedHashScheme::Hmac(hash)),
            } => Some(SignScheme::Hmac(hash)),
            // A key that masks or derives does not sign.
            Parameters::KeyedHash {
                scheme: Some(KeyedHashScheme::Xor { .. }),
            } => return Err(Rc::SCHEME),
            Parameters::Rsa {
                scheme: Some(scheme),
                ..
            }
            | Parameters::Ecc {
                scheme: Some(scheme),
                ..
            } => Some(scheme.as_sign_scheme().ok_or(Rc::SCHEME)?),
            Parameters::KeyedHash { scheme: None }
            | Parameters::Rsa { .. }
            | Parameters::Ecc { .. } => None,
            Parameters::SymCipher { .. } => return Err(Rc::SCHEME),
        };
        let scheme = match (own, wanted) {
            (Some(scheme), None) | (None, Some(scheme)) => scheme,
            (Some(own), Some(wanted)) if own == wanted => own,
            _ => return Err(Rc::SCHEME),
        };
        match fits(scheme, self.public.kind()) {
            true => Ok(scheme),
            false => Err(Rc::SCHEME),
        }
    }

    /// Signs a digest of the scheme's hash.
    ///
    /// # Errors
    /// `KEY`: only the public part is loaded; `SCHEME`; `SIZE`: the digest does not fit; `FAILURE`.
    pub(crate) fn sign(
        &self,
        scheme: SignScheme,
        digest: &[u8],
        drbg: &mut Drbg,
    ) -> Result<Signature> {
        match scheme {
            SignScheme::RsaSsa(_) | SignScheme::RsaPss(_) => {
                rsa_schemes::sign(self, scheme, digest, drbg)
            }
            SignScheme::Ecdsa(hash) => self.sign_ecdsa(hash, digest, drbg),
            SignScheme::Hmac(hash) => Ok(Signature::Hmac {
                hash,
                value: self.hmac(hash, digest)?,
            }),
        }
    }

    /// Checks a signature of a digest.
    ///
    /// # Errors
    /// `SCHEME`: not one for this type of key; `SIGNATURE`: it is not right; `HANDLE`: an HMAC needs the whole key.
    pub(crate) fn verify(&self, digest: &[u8], signature: &Signature) -> Result<()> {
        if !fits(signature.scheme(), self.public.kind()) {
            return Err(Rc::SCHEME);
        }
        match signature {
            Signature::RsaSsa { value, .. } | Signature::RsaPss { value, .. } => {
                rsa_schemes::verify(self, signature.scheme(), digest, value.as_slice())
            }
            Signature::Ecdsa { r, s, .. } => {
                let key = self.public.ec_public().map_err(|_| Rc::SIGNATURE)?;
                key.verify(digest, r.as_slice(), s.as_slice())
                    .map_err(|_| Rc::SIGNATURE)
            }
            Signature::Hmac { hash, value } => self.verify_hmac(*hash, digest, value),
        }
    }

    fn sign_ecdsa(&self, hash: HashAlgorithm, digest: &[u8], drbg: &mut Drbg) -> Result<Signature> {
        let signature = self
            .ec_private()?
            .sign(digest, drbg)
            .map_err(|_| Rc::FAILURE)?;
        Ok(Signature::Ecdsa {
            hash,
            r: Coordinate::new(signature.r()).ok_or(Rc::FAILURE)?,
            s: Coordinate::new(signature.s()).ok_or(Rc::FAILURE)?,
        })
    }

    fn hmac(&self, hash: HashAlgorithm, digest: &[u8]) -> Result<DigestBytes> {
        let mut hmac = self.sensitive()?.data.expose(|key| Hmac::new(hash, key));
        hmac.update(digest);
        DigestBytes::new(hmac.finish().as_slice()).ok_or(Rc::FAILURE)
    }

    fn verify_hmac(&self, hash: HashAlgorithm, digest: &[u8], value: &DigestBytes) -> Result<()> {
        if let Parameters::KeyedHash { scheme: Some(own) } = self.public.parameters
            && own != KeyedHashScheme::Hmac(hash)
        {
            return Err(Rc::SCHEME);
        }
        let sensitive = self.sensitive.as_ref().ok_or(Rc::HANDLE)?;
        let mut hmac = sensitive.data.expose(|key| Hmac::new(hash, key));
        hmac.update(digest);
        hmac.verify(value.as_slice()).map_err(|_| Rc::SIGNATURE)
    }
}

/// Whether keys of this type sign so.
fn fits(scheme: SignScheme, kind: ObjectKind) -> bool {
    match scheme {
        SignScheme::RsaSsa(_) | SignScheme::RsaPss(_) => kind == ObjectKind::Rsa,
        SignScheme::Ecdsa(_) => kind == ObjectKind::Ecc,
        SignScheme::Hmac(_) => kind == ObjectKind::KeyedHash,
    }
}

impl Core<'_> {
    /// Refuses a key that may not sign. `number` is the handle's, from 1.
    ///
    /// # Errors
    /// `KEY` with the handle's number: it is a sequence or has not `sign` set.
    pub(crate) fn check_signer(&mut self, key: Handle, number: u8) -> Result<()> {
        self.refuse_sequence(key, Rc::KEY.handle(number))?;
        match self.with_object(key, |object| object.public.has(ObjectAttributes::SIGN))? {
            true => Ok(()),
            false => Err(Rc::KEY.handle(number)),
        }
    }

    /// Checks a signature with a loaded key that has `sign` set: VerifySignature, PolicySigned.
    ///
    /// # Errors
    /// As [`Object::verify`]; `ATTRIBUTES`: the key is not for signatures; `KEY`: it is a sequence.
    pub(crate) fn verify_signature(
        &mut self,
        key: Handle,
        digest: &[u8],
        signature: &Signature,
    ) -> Result<()> {
        self.refuse_sequence(key, Rc::KEY)?;
        self.with_object(key, |object| {
            match object.public.has(ObjectAttributes::SIGN) {
                true => object.verify(digest, signature),
                false => Err(Rc::ATTRIBUTES),
            }
        })?
    }
}
