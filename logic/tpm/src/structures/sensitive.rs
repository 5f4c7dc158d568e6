//! The secret half of an object (Part 2, section 12.3).

use super::{AuthValue, ObjectKind, longer};
use crate::profile::{MAX_COORDINATE, MAX_DIGEST, MAX_RSA, MAX_SEALED};
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, SecretBytes, Unmarshal};

/// The longest secret of an object, in bytes: a prime of RSA, or sealed data.
pub(crate) const MAX_SENSITIVE: usize = longer(MAX_RSA / 2, MAX_SEALED);
/// The longest marshalled `TPMT_SENSITIVE`, in bytes.
pub(crate) const MAX_SENSITIVE_AREA: usize = 2 + (2 + MAX_DIGEST) * 2 + 2 + MAX_SENSITIVE;
/// The longest key of a symmetric cipher, in bytes.
const MAX_SYM_KEY: usize = 32;

/// `TPM2B_SENSITIVE_DATA`.
pub(crate) type SensitiveData = SecretBytes<MAX_SEALED>;

/// `TPMT_SENSITIVE`. Wiped when dropped.
pub(crate) struct Sensitive {
    /// What it belongs to.
    pub(crate) kind: ObjectKind,
    /// The auth value, without trailing zeros.
    pub(crate) auth: AuthValue,
    /// A parent's seed for what it protects, else what hides the secret in the public part.
    pub(crate) seed: SecretBytes<MAX_DIGEST>,
    /// Prime, private number, key, or sealed data.
    pub(crate) data: SecretBytes<MAX_SENSITIVE>,
}

impl Sensitive {
    /// A second copy; said aloud because each copy must be wiped, too.
    #[must_use]
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            kind: self.kind,
            auth: self.auth.duplicate(),
            seed: self.seed.duplicate(),
            data: self.data.duplicate(),
        }
    }

    /// Writes a `TPMT_SENSITIVE` whose auth value has at least `auth_len` bytes (zeros follow), so that the length of
    /// what is written does not tell how long it is.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write_padded(&self, auth_len: usize, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.kind)?;
        let padding = auth_len.min(MAX_DIGEST).saturating_sub(self.auth.len());
        self.auth.expose(|auth| {
            out.sized_with(|out| {
                out.raw(auth)?;
                out.raw([0; MAX_DIGEST].get(..padding).unwrap_or_default())
            })
        })?;
        out.put(&self.seed)?;
        out.put(&self.data)
    }
}

/// Errors are `TYPE` for an unknown kind and `SIZE` for what is too long.
impl Unmarshal for Sensitive {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let kind = input.get()?;
        let auth = input.get::<AuthValue>()?.without_trailing_zeros();
        let seed = input.get()?;
        let most = match kind {
            ObjectKind::Rsa => MAX_RSA / 2,
            ObjectKind::KeyedHash => MAX_SEALED,
            ObjectKind::Ecc => MAX_COORDINATE,
            ObjectKind::SymCipher => MAX_SYM_KEY,
        };
        let data = SecretBytes::new(input.sized(most)?).ok_or(Rc::SIZE)?;
        Ok(Self {
            kind,
            auth,
            seed,
            data,
        })
    }
}

impl Marshal for Sensitive {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        self.write_padded(0, out)
    }
}

/// `TPMS_SENSITIVE_CREATE`: what the caller puts into a new object.
pub(crate) struct SensitiveCreate {
    /// Its auth value.
    pub(crate) auth: AuthValue,
    /// Key or data; empty if the TPM is to make it.
    pub(crate) data: SensitiveData,
}

impl Unmarshal for SensitiveCreate {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self {
            auth: input.get::<AuthValue>()?.without_trailing_zeros(),
            data: input.get()?,
        })
    }
}
