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
use ironroot_crypto::tpm::ec::EcSignature;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hmac};

/// Without it no template and no signature names SM2 or EC-Schnorr: their code need not be there.
const FULL: bool = cfg!(feature = "full");

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
            // Which commitment is opened only the caller can say.
            (Some(own), None) if own.is_anonymous() => return Err(Rc::SCHEME),
            (Some(scheme), None) | (None, Some(scheme)) => scheme,
            (Some(own), Some(wanted)) if own.is_same_kind(wanted) => wanted,
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
            SignScheme::Ecdsa(_) | SignScheme::Sm2(_) | SignScheme::EcSchnorr(_) => {
                self.sign_on_curve(scheme, digest, drbg)
            }
            // Needs a commitment: `Core::sign`.
            SignScheme::Ecdaa { .. } => Err(Rc::SCHEME),
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
            Signature::Ecdsa { r, s, .. }
            | Signature::Sm2 { r, s, .. }
            | Signature::EcSchnorr { r, s, .. } => {
                let key = self.public.ec_public().map_err(|_| Rc::SIGNATURE)?;
                let (r, s) = (r.as_slice(), s.as_slice());
                match signature.scheme() {
                    SignScheme::Sm2(_) if FULL => key.verify_sm2(digest, r, s),
                    SignScheme::EcSchnorr(hash) if FULL => key.verify_schnorr(hash, digest, r, s),
                    _ => key.verify(digest, r, s),
                }
                .map_err(|_| Rc::SIGNATURE)
            }
            // Only with the issuer's and the other party's numbers, which no TPM has.
            Signature::Ecdaa { .. } => Err(Rc::SCHEME),
            Signature::Hmac { hash, value } => self.verify_hmac(*hash, digest, value),
        }
    }

    fn sign_on_curve(
        &self,
        scheme: SignScheme,
        digest: &[u8],
        drbg: &mut Drbg,
    ) -> Result<Signature> {
        let key = self.ec_private()?;
        let made = match scheme {
            SignScheme::Sm2(_) if FULL => key.sign_sm2(digest, drbg),
            SignScheme::EcSchnorr(hash) if FULL => key.sign_schnorr(hash, digest, drbg),
            _ => key.sign(digest, drbg),
        };
        curve_signature(scheme, &made.map_err(|_| Rc::FAILURE)?)
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

fn curve_signature(scheme: SignScheme, made: &EcSignature) -> Result<Signature> {
    let hash = scheme.hash();
    let r = Coordinate::new(made.r()).ok_or(Rc::FAILURE)?;
    let s = Coordinate::new(made.s()).ok_or(Rc::FAILURE)?;
    match scheme {
        SignScheme::Ecdsa(_) => Ok(Signature::Ecdsa { hash, r, s }),
        SignScheme::Sm2(_) => Ok(Signature::Sm2 { hash, r, s }),
        SignScheme::EcSchnorr(_) => Ok(Signature::EcSchnorr { hash, r, s }),
        SignScheme::Ecdaa { .. } => Ok(Signature::Ecdaa { hash, r, s }),
        SignScheme::RsaSsa(_) | SignScheme::RsaPss(_) | SignScheme::Hmac(_) => Err(Rc::SCHEME),
    }
}

/// Whether keys of this type sign so.
fn fits(scheme: SignScheme, kind: ObjectKind) -> bool {
    match scheme {
        SignScheme::RsaSsa(_) | SignScheme::RsaPss(_) => kind == ObjectKind::Rsa,
        SignScheme::Ecdsa(_)
        | SignScheme::Ecdaa { .. }
        | SignScheme::Sm2(_)
        | SignScheme::EcSchnorr(_) => kind == ObjectKind::Ecc,
        SignScheme::Hmac(_) => kind == ObjectKind::KeyedHash,
    }
}

impl Core<'_> {
    /// Signs a digest of the scheme's hash with a loaded key.
    ///
    /// # Errors
    /// As [`Object::sign`]; `VALUE`: ECDAA, and no commitment of that number is open.
    pub(crate) fn sign(
        &mut self,
        key: Handle,
        scheme: SignScheme,
        digest: &[u8],
    ) -> Result<Signature> {
        match scheme {
            #[cfg(feature = "full")]
            SignScheme::Ecdaa { hash, count } => self.sign_ecdaa(key, hash, count, digest),
            _ => {
                self.with_object_and_drbg(key, |object, drbg| object.sign(scheme, digest, drbg))?
            }
        }
    }

    /// Opens a commitment, and closes it for ever: with two signatures of one, anybody knows the key.
    #[cfg(feature = "full")]
    fn sign_ecdaa(
        &mut self,
        key: Handle,
        hash: HashAlgorithm,
        count: u16,
        digest: &[u8],
    ) -> Result<Signature> {
        let (private, name) = self.with_object(key, |object| (object.ec_private(), object.name))?;
        let private = private?;
        let commitment = self.commit_secret(count, private.curve(), &name)?;
        let made = private.sign_ecdaa(hash, &commitment, digest, &mut self.drbg);
        self.end_commit(count);
        let scheme = SignScheme::Ecdaa { hash, count };
        curve_signature(scheme, &made.map_err(|_| Rc::FAILURE)?)
    }

    /// Refuses a key that may not sign. `number` is the handle's, from 1.
    ///
    /// # Errors
    /// `KEY` with the handle's number: it is a sequence, has not `sign` set, or is a key of a symmetric cipher, for
    /// which `sign` means that it encrypts.
    pub(crate) fn check_signer(&mut self, key: Handle, number: u8) -> Result<()> {
        self.refuse_sequence(key, Rc::KEY.handle(number))?;
        let may_sign = self.with_object(key, |object| {
            object.public.has(ObjectAttributes::SIGN)
                && object.public.kind() != ObjectKind::SymCipher
        })?;
        match may_sign {
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
