//! Keys derived from a parent's secret (Part 1, section 28.4; Part 3, CreateLoaded): the same label and context give
//! the same key, always.

use crate::rc::{Rc, Result};
use crate::structures::{
    Kdf, KeyedHashScheme, MAX_SENSITIVE, ObjectKind, Sensitive, SensitiveData,
};
use crate::wire::{Bytes, Input, SecretBytes, Unmarshal, copy};
use ironroot_crypto::Secret;
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use ironroot_crypto::tpm::hash::HashAlgorithm;
use ironroot_crypto::tpm::kdf::kdfa;

/// The longest label and the longest context, in bytes (`LABEL_MAX_BUFFER`).
const MAX_LABEL: usize = 32;
/// All bytes that one derivation gives; the number of bits goes into each of them.
const STREAM_LEN: usize = 1024;
/// Enough for every curve: its length and 64 bits more.
const MAX_EXTRA_BITS_LEN: usize = 74;

/// `TPMS_DERIVE`: what tells one derived key from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Derive {
    label: Bytes<MAX_LABEL>,
    context: Bytes<MAX_LABEL>,
}

impl Derive {
    /// With what the sensitive data say where the template says nothing.
    ///
    /// # Errors
    /// `SIZE`, `INSUFFICIENT`: the data are not that.
    pub(crate) fn or_else(self, data: &SensitiveData) -> Result<Self> {
        if data.is_empty() {
            return Ok(self);
        }
        let other: Self = data.expose(|data| Input::new(data).get())?;
        let first = |mine: Bytes<MAX_LABEL>, other| if mine.is_empty() { other } else { mine };
        Ok(Self {
            label: first(self.label, other.label),
            context: first(self.context, other.context),
        })
    }
}

impl Unmarshal for Derive {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self {
            label: input.get()?,
            context: input.get()?,
        })
    }
}

/// What other keys follow from: the secret of a keyed hash that is a parent.
pub(crate) struct ParentSecret {
    /// Of the key derivation function of SP 800-108.
    hash: HashAlgorithm,
    key: SecretBytes<MAX_SENSITIVE>,
}

impl ParentSecret {
    /// `None`: its scheme is not that of a parent.
    pub(super) fn of(scheme: Option<KeyedHashScheme>, sensitive: &Sensitive) -> Option<Self> {
        let Some(KeyedHashScheme::Xor { hash, kdf }) = scheme else {
            return None;
        };
        let key = sensitive.data.duplicate();
        (kdf == Some(Kdf::Sp800_108)).then_some(Self { hash, key })
    }

    /// What the key of that label and context is made of.
    ///
    /// # Errors
    /// `FAILURE`: never.
    pub(crate) fn stream(&self, derive: &Derive) -> Result<Stream> {
        Stream::new(self.hash, &self.key, derive)
    }
}

/// The bytes that a derived object is made of, in the order in which it takes them.
pub(crate) struct Stream {
    bytes: Secret<STREAM_LEN>,
    used: usize,
}

impl Stream {
    /// KDFa(hash, the parent's secret, label, context), 8,192 bits.
    ///
    /// # Errors
    /// `FAILURE`: never.
    pub(super) fn new(
        hash: HashAlgorithm,
        key: &SecretBytes<MAX_SENSITIVE>,
        derive: &Derive,
    ) -> Result<Self> {
        let mut bytes = Secret::<STREAM_LEN>::zeroed();
        let bits = u32::try_from(STREAM_LEN.saturating_mul(8)).map_err(|_| Rc::FAILURE)?;
        // KDFa puts a zero after the label; one that is there already counts.
        let label = derive.label.as_slice();
        let label = label.strip_suffix(&[0]).unwrap_or(label);
        let context = derive.context.as_slice();
        key.expose(|key| bytes.expose_mut(|out| kdfa(hash, key, label, context, &[], bits, out)))
            .map_err(|_| Rc::FAILURE)?;
        Ok(Self { bytes, used: 0 })
    }

    /// The next bytes.
    ///
    /// # Errors
    /// `FAILURE`: there are no more.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let end = self.used.saturating_add(out.len());
        self.bytes.expose(|bytes| {
            copy(out, bytes.get(self.used..end).ok_or(Rc::FAILURE)?);
            Ok::<_, Rc>(())
        })?;
        self.used = end;
        Ok(())
    }

    /// A private number from the next bytes.
    ///
    /// # Errors
    /// `FAILURE`
    pub(super) fn ec_scalar(&mut self, curve: Curve) -> Result<EcScalar> {
        let mut extra = Secret::<MAX_EXTRA_BITS_LEN>::zeroed();
        extra.expose_mut(|extra| {
            let extra = extra.get_mut(..curve.extra_bits_len()).ok_or(Rc::FAILURE)?;
            self.fill(extra)?;
            // No more than 64 bits above the length of the curve.
            let excess = extra
                .len()
                .saturating_mul(8)
                .saturating_sub(curve.bits().saturating_add(64));
            if let (Some(first), Ok(excess)) = (extra.first_mut(), u32::try_from(excess)) {
                *first &= 0xff_u8.checked_shr(excess).unwrap_or(0);
            }
            EcScalar::from_extra_bits(curve, extra).map_err(|_| Rc::FAILURE)
        })
    }
}

/// No RSA key is derived: the prime search would have to be the same for ever, everywhere.
///
/// # Errors
/// `TYPE`
pub(crate) fn derivable(kind: ObjectKind) -> Result<()> {
    match kind {
        ObjectKind::Rsa => Err(Rc::TYPE),
        ObjectKind::KeyedHash | ObjectKind::Ecc | ObjectKind::SymCipher => Ok(()),
    }
}
