//! Who may sign an image: the device's root keys, how many of them must have signed, and which were revoked.

use super::{OtpError, Scheme};
use ironroot_codec::{BufferFull, Writer};
use ironroot_image::Required;

/// As many root keys as an image can have; with hashes of 64 bytes two.
pub const MAX_ROOT_KEYS: usize = 4;

/// Room for that many schemes and hashes of 32 bytes.
const KEYS_SIZE: usize = MAX_ROOT_KEYS * 33;

/// The longest item: what is required, and every key.
pub(super) const ITEM_SIZE: usize = 1 + KEYS_SIZE;

/// One key that may sign: the hash of a public key (MCUboot's hardware-key mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootKey {
    scheme: Scheme,
    hash: [u8; 64],
}

impl RootKey {
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

/// A key of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldKey<'k> {
    /// How the key signs.
    pub scheme: Scheme,
    /// Hash of the DER public key.
    pub key_hash: &'k [u8],
}

/// The keys of a set, in the order in which they were provisioned.
#[derive(Debug, Clone)]
pub struct HeldKeys<'k> {
    rest: &'k [u8],
}

impl<'k> Iterator for HeldKeys<'k> {
    type Item = HeldKey<'k>;

    fn next(&mut self) -> Option<Self::Item> {
        let (scheme, tail) = self.rest.split_first()?;
        let scheme = Scheme::from_number(*scheme)?;
        let (key_hash, tail) = tail.split_at_checked(scheme.hash_len())?;
        self.rest = tail;
        Some(HeldKey { scheme, key_hash })
    }
}

/// Whom the device lets sign one image. There are always keys enough left that are not revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootKeys {
    /// Scheme and hash of each key, as in the record; zeros behind them.
    keys: [u8; KEYS_SIZE],
    len: u8,
    required: Required,
    revoked: u8,
}

impl From<RootKey> for RootKeys {
    fn from(key: RootKey) -> Self {
        let mut set = Self::empty(Required::Keys(1));
        set.push(&key);
        set
    }
}

impl RootKeys {
    const fn empty(required: Required) -> Self {
        Self {
            keys: [0; KEYS_SIZE],
            len: 0,
            required,
            revoked: 0,
        }
    }

    /// Adds a key; what does not fit is cut off, and refused by who counts.
    fn push(&mut self, key: &RootKey) {
        let bytes = [key.scheme as u8];
        let all = bytes.iter().chain(key.key_hash());
        let room = self
            .keys
            .get_mut(usize::from(self.len)..)
            .unwrap_or_default();
        let written = room
            .iter_mut()
            .zip(all)
            .map(|(to, from)| *to = *from)
            .count();
        self.len = self.len.saturating_add(written as u8);
    }

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
        let goes_together = |key: &RootKey| key.scheme.image_kind() == first.scheme.image_kind();
        let twice = |key: &RootKey| keys.iter().filter(|other| other.hash == key.hash).count() > 1;
        let sound = keys.iter().all(|key| goes_together(key) && !twice(key));
        let size: usize = keys.iter().fold(0, |size, key| {
            size.saturating_add(1).saturating_add(key.key_hash().len())
        });
        if !sound || size > KEYS_SIZE {
            return None;
        }
        let mut set = Self::empty(required);
        keys.iter().for_each(|key| set.push(key));
        if !set.is_possible() {
            return None;
        }
        // One key is one key, however it was asked for.
        Some(if set.is_plain() {
            Self::from(*first)
        } else {
            set
        })
    }

    /// The keys, in the order in which they were provisioned.
    #[must_use]
    pub fn keys(&self) -> HeldKeys<'_> {
        HeldKeys { rest: self.bytes() }
    }

    fn bytes(&self) -> &[u8] {
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
    pub fn scheme(&self) -> Scheme {
        let first = self.keys().next();
        first.map_or(Scheme::P256Sha256, |key| key.scheme)
    }

    /// Hash of the first key.
    #[must_use]
    pub fn key_hash(&self) -> &[u8] {
        self.keys().next().map_or(&[], |key| key.key_hash)
    }

    /// The same keys, with these revoked (beside those that are). `None` if a bit stands for no key.
    ///
    /// # Errors
    /// [`OtpError::LastKeys`] when those that are left could not meet the requirement.
    pub(super) fn revoking(&self, keys: u8) -> Result<Self, OtpError> {
        let beyond = 0xff_u8.wrapping_shl(self.keys().count() as u32);
        if keys & beyond != 0 {
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

    fn usable(&self) -> impl Iterator<Item = HeldKey<'_>> {
        let mut revoked = self.revoked;
        self.keys().filter(move |_| {
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
            Required::EachType => self.keys().all(|wanted| {
                let mut usable = self.usable();
                usable.any(|key| key.scheme == wanted.scheme)
            }),
        }
    }

    /// One key, as a record of the first format keeps it.
    pub(super) fn is_plain(&self) -> bool {
        self.keys().count() == 1
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) -> Result<(), BufferFull> {
        if !self.is_plain() {
            out.u8(match self.required {
                Required::EachType => 0,
                Required::Keys(required) => required,
            })?;
        }
        out.put(self.bytes())
    }

    /// Reads an item: what is required, then the keys; of the first format one key alone.
    ///
    /// Whether the keys go together was asked when they were provisioned, and is asked again by the policy that
    /// is made of them: a bootloader does not carry it twice.
    pub(super) fn decode(item: &[u8], plain: bool) -> Option<Self> {
        let (required, bytes) = match item.split_first() {
            Some((required, rest)) if !plain => (*required, rest),
            _ => (1, item),
        };
        let mut set = Self::empty(match required {
            0 => Required::EachType,
            count => Required::Keys(count),
        });
        let mut walk = HeldKeys { rest: bytes };
        let count = walk.by_ref().count();
        let whole = walk.rest.is_empty() && (1..=MAX_ROOT_KEYS).contains(&count);
        let room = set.keys.get_mut(..bytes.len())?;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        set.len = bytes.len() as u8;
        whole.then_some(set)
    }

    /// The same keys, with what one-time memory says of them: trusted as the record is.
    pub(super) const fn with_revoked(mut self, keys: u8) -> Self {
        self.revoked = keys;
        self
    }
}
