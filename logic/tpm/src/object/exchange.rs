//! Agreeing on a secret with the holder of an asymmetric key (Part 1, annexes B.10 and C.6): the salt of a session,
//! the seed of a duplicate or of a credential. RSA encrypts a random one with OAEP; on a curve both sides compute it.

use super::protect::Seed;
use super::{Object, rsa};
use crate::core::Core;
use crate::handle::Handle;
use crate::profile::{MAX_COORDINATE, MAX_RSA};
use crate::rc::{Rc, Result};
use crate::structures::{EccPoint, Parameters, Public, Unique, longer};
use crate::wire::{Bytes, Input, Output};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::HashAlgorithm;
use ironroot_crypto::tpm::kdf::kdfe;

const MAX_POINT: usize = 2 * (2 + MAX_COORDINATE);
/// The longest `TPM2B_ENCRYPTED_SECRET`, without its size.
pub(crate) const MAX_ENCRYPTED_SECRET: usize = longer(MAX_RSA, MAX_POINT);
/// Room for a label and its final zero.
pub(super) const LABEL_LEN: usize = 16;

/// `TPM2B_ENCRYPTED_SECRET`.
pub(crate) type EncryptedSecret = Bytes<MAX_ENCRYPTED_SECRET>;

/// The label of duplicates.
#[cfg(feature = "full")]
pub(crate) const DUPLICATE: &[u8] = b"DUPLICATE\0";
/// The label of credentials.
pub(crate) const IDENTITY: &[u8] = b"IDENTITY\0";

impl Core<'_> {
    /// The secret that somebody encrypted to a loaded key. `label` may have its final zero or not.
    ///
    /// # Errors
    /// `VALUE`, `SIZE`, `INSUFFICIENT`, `ECC_POINT`: it is none; `KEY`: the key is not one that agrees on secrets, or
    /// only its public part is loaded; those of [`Core::with_object`].
    pub(crate) fn decrypt_secret(
        &mut self,
        handle: Handle,
        label: &[u8],
        encrypted: &[u8],
    ) -> Result<Seed> {
        self.with_object_and_drbg(handle, |object, drbg| {
            object.decrypt_secret(label, encrypted, drbg)
        })?
    }
}

impl Object {
    /// See [`Core::decrypt_secret`].
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn decrypt_secret(
        &self,
        label: &[u8],
        encrypted: &[u8],
        drbg: &mut Drbg,
    ) -> Result<Seed> {
        let hash = self.public.name_alg.ok_or(Rc::KEY)?;
        let label = with_zero(label)?;
        match self.public.parameters {
            Parameters::Rsa { .. } => rsa::decrypt_secret(self, hash, &label, encrypted, drbg),
            Parameters::Ecc { curve, .. } => self.agree(curve, hash, &label, encrypted),
            Parameters::KeyedHash { .. } | Parameters::SymCipher { .. } => Err(Rc::KEY),
        }
    }

    /// The private number of a key on a curve.
    ///
    /// # Errors
    /// `KEY`: it is no such key, or only its public part is loaded.
    pub(crate) fn ec_private(&self) -> Result<EcScalar> {
        let Parameters::Ecc { curve, .. } = self.public.parameters else {
            return Err(Rc::KEY);
        };
        self.sensitive()?
            .data
            .expose(|bytes| EcScalar::new(curve, bytes))
            .map_err(|_| Rc::KEY)
    }

    fn agree(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        label: &Bytes<LABEL_LEN>,
        sent: &[u8],
    ) -> Result<Seed> {
        let mut input = Input::new(sent);
        let sender = input.get::<EccPoint>()?;
        if !input.is_empty() {
            return Err(Rc::SIZE);
        }
        let ephemeral = sender.on(curve)?;
        let shared = self
            .ec_private()?
            .multiply(&ephemeral)
            .map_err(|_| Rc::ECC_POINT)?;
        seed_of(
            hash,
            &shared,
            label,
            sender.x.as_slice(),
            self.public.ec_x()?,
        )
    }
}

impl Public {
    /// The point of a key on a curve.
    ///
    /// # Errors
    /// `KEY`: it is no such key; `ECC_POINT`: the point is not on the curve.
    pub(crate) fn ec_public(&self) -> Result<EcPoint> {
        match (&self.parameters, &self.unique) {
            (Parameters::Ecc { curve, .. }, Unique::Ecc(point)) => point.on(*curve),
            _ => Err(Rc::KEY),
        }
    }

    /// The first coordinate of that point, as it stands in the public area.
    ///
    /// # Errors
    /// `KEY`: it is no such key.
    fn ec_x(&self) -> Result<&[u8]> {
        match &self.unique {
            Unique::Ecc(point) => Ok(point.x.as_slice()),
            _ => Err(Rc::KEY),
        }
    }

    /// A new secret for the holder of this key, and what to send.
    ///
    /// # Errors
    /// `KEY`: the key is not one that agrees on secrets.
    pub(crate) fn encrypt_secret(
        &self,
        label: &[u8],
        drbg: &mut Drbg,
    ) -> Result<(Seed, EncryptedSecret)> {
        let hash = self.name_alg.ok_or(Rc::KEY)?;
        let label = with_zero(label)?;
        let Parameters::Ecc { curve, .. } = self.parameters else {
            return rsa::encrypt_secret(self, hash, &label, drbg);
        };
        let own = self.ec_public().map_err(|_| Rc::KEY)?;
        let secret = EcScalar::random(curve, drbg).map_err(|_| Rc::KEY)?;
        let ephemeral = secret.public().map_err(|_| Rc::KEY)?;
        let shared = secret.multiply(&own).map_err(|_| Rc::KEY)?;
        let seed = seed_of(hash, &shared, &label, ephemeral.x(), self.ec_x()?)?;
        let mut bytes = [0; MAX_POINT];
        let mut out = Output::new(&mut bytes);
        out.put(&EccPoint::from(&ephemeral))?;
        Ok((
            seed,
            EncryptedSecret::new(out.written()).ok_or(Rc::FAILURE)?,
        ))
    }
}

/// KDFe(hash, Z, label, the sender's x, the receiver's x), as long as a digest.
///
/// Z has all its bytes. The two others go in as they were sent and as they stand in the public area: tpm2-tools
/// leave leading zeros away in what they send, and derive from what they sent.
fn seed_of(
    hash: HashAlgorithm,
    shared: &EcPoint,
    label: &Bytes<LABEL_LEN>,
    sender: &[u8],
    receiver: &[u8],
) -> Result<Seed> {
    let bits = u32::try_from(hash.digest_len().saturating_mul(8)).map_err(|_| Rc::FAILURE)?;
    let label = label.as_slice().strip_suffix(&[0]).ok_or(Rc::FAILURE)?;
    let mut derived = Ok(());
    let seed = Seed::filled(hash.digest_len(), |seed| {
        derived = kdfe(hash, shared.x(), label, sender, receiver, bits, seed);
    });
    derived.map_err(|_| Rc::FAILURE)?;
    seed.ok_or(Rc::FAILURE)
}

fn with_zero(label: &[u8]) -> Result<Bytes<LABEL_LEN>> {
    let bare = label.strip_suffix(&[0]).unwrap_or(label);
    let mut bytes = [0; LABEL_LEN];
    let whole = bytes
        .get_mut(..bare.len().saturating_add(1))
        .ok_or(Rc::FAILURE)?;
    whole
        .iter_mut()
        .zip(bare)
        .for_each(|(to, from)| *to = *from);
    Bytes::new(whole).ok_or(Rc::FAILURE)
}
