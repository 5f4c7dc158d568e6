//! Who may sign an image: the device's root keys, how many of them must have signed, and which were revoked.

use super::{OtpError, Scheme};
use ironroot_codec::{BufferFull, Writer};
use ironroot_image::Required;

/// As many root keys as an image can have. All of them fit the record with hashes of 32 bytes.
pub const MAX_ROOT_KEYS: usize = 4;

/// The longest item: what is required, and every key.
pub(super) const ITEM_SIZE: usize = 1 + MAX_ROOT_KEYS * RootKey::ITEM_SIZE;

/// One key that may sign: the hash of a public key (MCUboot's hardware-key mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootKey {
    scheme: Scheme,
    hash: [u8; 64],
}

impl RootKey {
    const ITEM_SIZE: usize = 65;
    const NONE: Self = Self {
        scheme: Scheme::P256Sha256,
        hash: [0; 64],
    };

    /// The key whose DER encoding has this hash, made with the scheme's hash algorithm.
    #[must_use]
    pub fn new(scheme: Scheme, key_hash: &[u8]) -> Option<Self> {
        if key_hash.len() != scheme.hash_len() {
            return None;
        }
        let mut hash = [0; 64];
        for (place, byte) in hash.iter_mut().zip(key_hash) {
            *place = *byte;
        }
        Some(Self { scheme, hash })
    }

    /// How the key signs.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Hash of the DER public key.
    #[must_use]
    pub fn key_hash(&self) -> &[u8] {
        self.hash.get(..self.scheme.hash_len()).unwrap_or_default()
    }
}

/// Whom the device lets sign one image. There are always keys enough left that are not revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootKeys {
    keys: [RootKey; MAX_ROOT_KEYS],
    len: u8,
    required: Required,
    revoked: u8,
}

impl From<RootKey> for RootKeys {
    fn from(key: RootKey) -> Self {
        let [_, rest @ ..] = [RootKey::NONE; MAX_ROOT_KEYS];
        let [second, third, fourth] = rest;
        Self {
            keys: [key, second, third, fourth],
            len: 1,
            required: Required::Keys(1),
            revoked: 0,
        }
    }
}

impl RootKeys {
    /// One key alone: [`RootKey::new`].
    #[must_use]
    pub fn one(scheme: Scheme, key_hash: &[u8]) -> Option<Self> {
        RootKey::new(scheme, key_hash).map(Self::from)
    }

    /// Several keys, none revoked. `None` for none or more than [`MAX_ROOT_KEYS`], for a key that is there
    /// twice, for keys whose images differ (in their hash, or in whether the signature is over the image
    /// itself), and for a requirement that they cannot meet.
    #[must_use]
    pub fn new(keys: &[RootKey], required: Required) -> Option<Self> {
        let first = keys.first()?;
        let mut all = [RootKey::NONE; MAX_ROOT_KEYS];
        for (place, key) in all.iter_mut().zip(keys) {
            *place = *key;
        }
        let goes_together = |key: &RootKey| key.scheme.image_kind() == first.scheme.image_kind();
        let twice = |key: &RootKey| keys.iter().filter(|other| other.hash == key.hash).count() > 1;
        let sound =
            keys.len() <= MAX_ROOT_KEYS && keys.iter().all(|key| goes_together(key) && !twice(key));
        let set = Self {
            keys: all,
            len: keys.len() as u8,
            required,
            revoked: 0,
        };
        let set = (sound && set.is_possible()).then_some(set)?;
        // One key is one key, however it was asked for.
        Some(if set.is_plain() {
            Self::from(*first)
        } else {
            set
        })
    }

    /// The keys, in the order in which they were provisioned.
    #[must_use]
    pub fn keys(&self) -> &[RootKey] {
        self.keys.get(..usize::from(self.len)).unwrap_or(&self.keys)
    }

    /// How many of them must have signed.
    #[must_use]
    pub const fn required(&self) -> Required {
        self.required
    }

    /// Which of them count no more: bit n for key n.
    #[must_use]
    pub const fn revoked(&self) -> u8 {
        self.revoked
    }

    /// How the first key signs; the others' images have the same hash.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        let [first, ..] = &self.keys;
        first.scheme
    }

    /// Hash of the first key.
    #[must_use]
    pub fn key_hash(&self) -> &[u8] {
        let [first, ..] = &self.keys;
        first.key_hash()
    }

    /// The same keys, with these revoked (beside those that are). `None` if a bit stands for no key.
    ///
    /// # Errors
    /// [`OtpError::LastKeys`] when those that are left could not meet the requirement.
    pub(super) fn revoking(&self, keys: u8) -> Result<Self, OtpError> {
        let all = 0xff_u8.wrapping_shl(u32::from(self.len));
        if keys & all != 0 {
            return Err(OtpError::Invalid);
        }
        let set = Self {
            revoked: self.revoked | keys,
            ..*self
        };
        if set.is_possible() {
            Ok(set)
        } else {
            Err(OtpError::LastKeys)
        }
    }

    fn usable(&self) -> impl Iterator<Item = &RootKey> {
        let mut revoked = self.revoked;
        self.keys().iter().filter(move |_| {
            let usable = revoked & 1 == 0;
            revoked >>= 1;
            usable
        })
    }

    /// Whether the keys that are not revoked can meet the requirement.
    fn is_possible(&self) -> bool {
        match self.required {
            Required::Keys(0) => false,
            Required::Keys(required) => self.usable().count() >= usize::from(required),
            Required::EachType => self.keys().iter().all(|wanted| {
                let mut usable = self.usable();
                usable.any(|key| key.scheme == wanted.scheme)
            }),
        }
    }

    /// One key, any of it, as a record of the first format keeps it.
    pub(super) fn is_plain(&self) -> bool {
        self.len == 1
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) -> Result<(), BufferFull> {
        if !self.is_plain() {
            out.u8(match self.required {
                Required::EachType => 0,
                Required::Keys(required) => required,
            })?;
        }
        for key in self.keys() {
            out.u8(key.scheme as u8)?;
            out.put(key.key_hash())?;
        }
        Ok(())
    }

    /// Reads an item: what is required, then the keys; of the first format one key alone.
    ///
    /// Whether the keys go together was asked when they were provisioned, and is asked again by the policy that
    /// is made of them: a bootloader does not carry it twice.
    pub(super) fn decode(item: &[u8], plain: bool) -> Option<Self> {
        let (required, mut rest) = match item.split_first() {
            Some((required, rest)) if !plain => (*required, rest),
            _ => (1, item),
        };
        let mut set = Self {
            keys: [RootKey::NONE; MAX_ROOT_KEYS],
            len: 0,
            required: match required {
                0 => Required::EachType,
                count => Required::Keys(count),
            },
            revoked: 0,
        };
        for key in &mut set.keys {
            let Some((scheme, tail)) = rest.split_first() else {
                break;
            };
            key.scheme = Scheme::from_number(*scheme)?;
            let (hash, tail) = tail.split_at_checked(key.scheme.hash_len())?;
            for (to, from) in key.hash.iter_mut().zip(hash) {
                *to = *from;
            }
            set.len = set.len.wrapping_add(1);
            rest = tail;
        }
        (rest.is_empty() && set.len != 0).then_some(set)
    }

    /// The same keys, with what one-time memory says of them: trusted as the record is.
    pub(super) const fn with_revoked(mut self, keys: u8) -> Self {
        self.revoked = keys;
        self
    }
}
