//! Dependencies of an image on other images of the same device.

use crate::{ImageSource, Policy, Refusal, TlvEntry, Version};
use ironroot_codec::Cursor;

/// "Image `image` must be present in at least `minimum`" (TLV 0x40, 12 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// Number of the other image.
    pub image: u8,
    /// Its lowest version that will do; the build number does not count.
    pub minimum: Version,
}

impl Dependency {
    /// Length of the TLV's data.
    pub const LEN: usize = 12;

    pub(crate) fn read(entry: &TlvEntry, source: &dyn ImageSource) -> Result<Self, Refusal> {
        let bytes: [u8; Self::LEN] = entry.array(source)?;
        Self::parse(&bytes).ok_or(Refusal::DependencyMalformed)
    }

    fn parse(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let image = cursor.u8().ok()?;
        let padding: [u8; 3] = cursor.array().ok()?;
        let minimum = Version::read(&mut cursor).ok()?;
        (padding == [0; 3]).then_some(Self { image, minimum })
    }

    /// The TLV's data.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; Self::LEN] {
        let [a, b, c, d, e, f, g, h] = self.minimum.to_bytes();
        [self.image, 0, 0, 0, a, b, c, d, e, f, g, h]
    }

    /// One that can never be satisfied is refused at once, not at every boot: an image the device
    /// does not have, or this very image in a later version than it is.
    pub(crate) fn check(&self, own: &Version, policy: &Policy<'_>) -> Result<(), Refusal> {
        let absent = self.image >= policy.images;
        let newer_self = self.image == policy.image && !own.satisfies(&self.minimum);
        if absent || newer_self {
            Err(Refusal::DependencyImpossible)
        } else {
            Ok(())
        }
    }
}
