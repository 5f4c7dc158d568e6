//! What the protocols ask of a device, and what it answers.

use ironroot_boot::trailer_ops::{Request, TrailerError};
use ironroot_boot::{Image, Reason, Slot, Standing};
use ironroot_crypto::hash::MAX_DIGEST_LEN;
use ironroot_image::{HEADER_LEN, Refusal, Version};
use ironroot_platform::FlashError;

/// One slot of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which image.
    pub image: Image,
    /// Which of its slots.
    pub slot: Slot,
}

impl Place {
    /// Every slot, image by image.
    pub const ALL: [Self; 4] = [
        Self::new(Image::Secure, Slot::A),
        Self::new(Image::Secure, Slot::B),
        Self::new(Image::NonSecure, Slot::A),
        Self::new(Image::NonSecure, Slot::B),
    ];

    /// The place of `image` in `slot`.
    #[must_use]
    pub const fn new(image: Image, slot: Slot) -> Self {
        Self { image, slot }
    }

    /// Its number over all images: image times two plus slot, as MCUmgr counts slots.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.image.number() << 1 | self.slot.number()
    }

    /// The place with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// Why the device did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no such image or slot.
    NoSuchSlot,
    /// The slot holds the last good image.
    LastGood,
    /// An update was interrupted: its sectors are on their way, and the next boot ends it.
    Interrupted,
    /// The device would go on booting the image in the other slot, which is as new or newer.
    NotNewer,
    /// The device would not boot this image.
    Refused(Reason),
    /// The file is longer or shorter than the image in it.
    Length,
    /// More data than announced.
    Overrun,
    /// No slot holds that image.
    NotThere,
    /// The slot's trailer is not in the state for that: the image has to be loaded again.
    State,
    /// A confirmed image cannot go back on trial.
    AlreadyConfirmed,
    /// The flash failed.
    Flash(FlashError),
}

impl Fault {
    /// The fault in words. For a refusal, the reason's.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NoSuchSlot => "no such image or slot",
            Self::LastGood => "that slot holds the last good image",
            Self::Interrupted => "an update was interrupted; start the device once, to end it",
            Self::NotNewer => "not newer than the image in the other slot, which would boot",
            Self::Refused(reason) => reason.words(),
            Self::Length => "the file does not end where the image ends",
            Self::Overrun => "more data than announced",
            Self::NotThere => "no slot holds that image",
            Self::State => "the slot is not in the state for that; load the image again",
            Self::AlreadyConfirmed => "confirmed already",
            Self::Flash(_) => "the flash failed",
        }
    }
}

impl From<FlashError> for Fault {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl From<TrailerError> for Fault {
    fn from(error: TrailerError) -> Self {
        match error {
            TrailerError::NoTrailer => Self::NoSuchSlot,
            TrailerError::BadState => Self::State,
            TrailerError::Flash(error) => Self::Flash(error),
        }
    }
}

/// A verified image, as clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its version.
    pub version: Version,
    /// Its length with its TLVs.
    pub len: u32,
    hash: [u8; MAX_DIGEST_LEN],
    hash_len: usize,
}

impl Known {
    /// An image with this image hash, of at most 64 bytes.
    #[must_use]
    pub fn new(version: Version, len: u32, hash: &[u8]) -> Self {
        let mut own = [0; MAX_DIGEST_LEN];
        own.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
        Self {
            version,
            len,
            hash: own,
            hash_len: hash.len().min(MAX_DIGEST_LEN),
        }
    }

    /// The image hash: that of header, payload and protected TLVs, not of the file.
    #[must_use]
    pub fn hash(&self) -> &[u8] {
        self.hash.get(..self.hash_len).unwrap_or(&[])
    }
}

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What its trailer asks for.
    pub standing: Standing,
    /// The image, if the bootloader would accept it.
    pub image: Result<Known, Reason>,
}

/// How good a slot's image is: the better one is never given up. `None` is no good image.
type Rank = Option<(u8, Version, bool)>;

/// A confirmed image, in [`Rank`].
const CONFIRMED: u8 = 2;

/// What both slots of an image hold, slot A first.
#[derive(Debug, Clone, Copy)]
pub struct Pair(pub [Entry; 2]);

impl Pair {
    /// What `slot` holds.
    #[must_use]
    pub const fn get(&self, slot: Slot) -> &Entry {
        let Self([a, b]) = self;
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }

    fn rank(&self, slot: Slot) -> Rank {
        let Entry { standing, image } = self.get(slot);
        let class = match standing {
            Standing::Confirmed => CONFIRMED,
            Standing::Pending | Standing::TrialFailed => 1,
            Standing::Unmarked => 0,
        };
        Some((class, image.as_ref().ok()?.version, slot == Slot::A))
    }

    /// The slot that the device would boot, were the other one empty: the last good image.
    #[must_use]
    pub fn current(&self) -> Option<Slot> {
        match (self.rank(Slot::A), self.rank(Slot::B)) {
            (None, None) => None,
            (a, b) if b > a => Some(Slot::B),
            _ => Some(Slot::A),
        }
    }

    /// Whether `slot` may lose what it holds: the other one is better, or good for good.
    #[must_use]
    pub fn may_lose(&self, slot: Slot) -> bool {
        let (own, other) = (self.rank(slot), self.rank(slot.other()));
        own.is_none() || other > own || other.is_some_and(|(class, ..)| class == CONFIRMED)
    }

    /// Whether the device would go on booting the confirmed image in the other slot if that in `slot` were
    /// marked: the newest boots, on equal versions slot A.
    pub(crate) fn would_not_boot(&self, slot: Slot, version: Version) -> bool {
        match self.rank(slot.other()) {
            Some((CONFIRMED, other, is_a)) => (other, is_a) > (version, slot == Slot::A),
            _ => false,
        }
    }
}

/// A slot that a file may be written to: the device found that it can lose what it holds. Only
/// [`Store::choose`] makes one, for one upload.
#[derive(Debug)]
pub struct Writable(Place);

impl Writable {
    pub(crate) const fn new(place: Place) -> Self {
        Self(place)
    }

    /// Which slot.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.0
    }
}

impl Entry {
    pub(crate) const EMPTY: Self = Self {
        standing: Standing::Unmarked,
        image: Err(Reason::Image(Refusal::NoImage)),
    };
}

/// What the first bytes of a file and the client say, before anything is erased.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    /// Which image it shall be.
    pub image: Image,
    /// Which slot the client asks for; the device chooses if it does not say.
    pub slot: Option<Slot>,
    /// Length of the file in bytes.
    pub len: u32,
    /// Only a version newer than the present one.
    pub upgrade_only: bool,
    /// The image header.
    pub header: &'a [u8; HEADER_LEN as usize],
}

/// The slots of a device, as the protocols use them. [`Slots`](crate::Slots) is the one that matters; what a
/// protocol may do is decided there, not in the protocol.
pub trait Store {
    /// Length of a slot in bytes.
    fn size(&self, place: Place) -> u32;

    /// How long an image in that slot can be.
    fn limit(&mut self, place: Place) -> u32;

    /// What a slot holds, judged as the bootloader does.
    fn look(&mut self, place: Place) -> Entry;

    /// The slot of an image that the device would boot, from what both hold.
    fn current(&self, pair: &Pair) -> Option<Slot> {
        pair.current()
    }

    /// Checks all that can be checked before the image is there and chooses its slot. Changes nothing.
    ///
    /// # Errors
    /// [`Fault::NoSuchSlot`], [`Fault::LastGood`], [`Fault::NotNewer`], [`Fault::Refused`].
    fn choose(&mut self, announced: &Announced<'_>) -> Result<Writable, Fault>;

    /// Makes the slot ready to be written: whatever it held counts no more.
    ///
    /// # Errors
    /// [`Fault::Flash`].
    fn clear(&mut self, slot: &Writable) -> Result<(), Fault>;

    /// Writes the next bytes. They come in order and without gaps, and but for the last of an image in
    /// multiples of 32.
    ///
    /// # Errors
    /// [`Fault::NoSuchSlot`] beyond what an image may take, [`Fault::Flash`].
    fn write(&mut self, slot: &Writable, at: u32, bytes: &[u8]) -> Result<(), Fault>;

    /// Whether the first `len` bytes of the slot have this SHA-256, read back.
    ///
    /// # Errors
    /// [`Fault::Flash`].
    fn holds(&mut self, place: Place, len: u32, sha256: &[u8]) -> Result<bool, Fault>;

    /// Erases a whole slot.
    ///
    /// # Errors
    /// [`Fault::LastGood`], [`Fault::Flash`].
    fn erase(&mut self, place: Place) -> Result<(), Fault>;

    /// Verifies the image and asks for it to be booted. Asking again for the same is no error.
    ///
    /// # Errors
    /// [`Fault::Refused`], [`Fault::NotNewer`], [`Fault::State`], [`Fault::AlreadyConfirmed`],
    /// [`Fault::Flash`].
    fn mark(&mut self, place: Place, request: Request) -> Result<(), Fault>;
}
