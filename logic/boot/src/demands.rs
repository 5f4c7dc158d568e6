//! What a device demands of an image: one list, for the bootloader that starts it, the update service
//! that takes it in, and the tools that look at it.

use crate::flash_map::{IMAGES, Image, Slot};
use crate::otp::{MAX_ROOT_KEYS, RootKeys, Scheme};
use crate::slots::Reason;
use ironroot_image::encryption::{Decrypted, Decryption};
use ironroot_image::{
    AddressRange, HEADER_LEN, Header, ImageSource, Keys, Policy, Refusal, Signers, Suite, Verified,
};

/// What a device demands of the image in one of its slots.
#[derive(Debug, Clone, Copy)]
pub struct Demands<'d> {
    /// Which image.
    pub image: Image,
    /// In which slot.
    pub slot: Slot,
    /// Who must have signed it.
    pub root_key: &'d RootKeys,
    /// The signature schemes that can be checked.
    pub suites: &'d [(Scheme, &'static Suite)],
    /// How far it may reach from the start of the slot: to the slot's trailer.
    pub size_limit: u32,
    /// Present value of its hardware counter.
    pub counter: u32,
    /// The highest value that counter can reach.
    pub counter_limit: u32,
    /// The addresses it may ask to be loaded to; nothing on a machine that does not load.
    pub window: Option<AddressRange>,
    /// How encrypted images are opened; nothing on a device that takes none.
    pub decryption: Option<Decryption<'d>>,
}

/// What binds an image to a device, a place and a key, beside its signature.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bindings {
    pub(crate) rom_address: Option<u32>,
    pub(crate) vendor_uuid: Option<[u8; 16]>,
    pub(crate) class_uuid: Option<[u8; 16]>,
}

impl Demands<'_> {
    /// Judges an image where it lies, an encrypted one through its content key. What is to be *started* is
    /// copied first and judged then: [`crate::boot()`].
    ///
    /// # Errors
    /// The first [`Reason`] found.
    pub fn examine<S: ImageSource>(&self, source: S) -> Result<Verified<Decrypted<S>>, Reason> {
        let source = match &self.decryption {
            None => Decrypted::plain(source),
            Some(decryption) => Decrypted::open(source, decryption).map_err(Reason::Image)?,
        };
        self.judge(|policy| Verified::check(source, policy))
    }

    /// Judges an image in the clear, whatever its header says of how it came: as it lies in the slot that images
    /// run from, or in a copy of it.
    ///
    /// # Errors
    /// The first [`Reason`] found.
    pub fn examine_in_place<S: ImageSource>(&self, source: S) -> Result<Verified<S>, Reason> {
        self.judge(|policy| Verified::check(source, policy))
    }

    /// Judges the header of an image of `total` bytes before the image is there, and before a slot is
    /// erased for it. What passes is judged again as a whole.
    ///
    /// # Errors
    /// The first [`Reason`] found.
    pub fn admit(&self, header: &[u8; HEADER_LEN as usize], total: u32) -> Result<Header, Reason> {
        self.by_policy(|policy| policy.admit(header, total))
    }

    pub(crate) fn judge<S: ImageSource>(
        &self,
        verify: impl FnOnce(&Policy<'_>) -> Result<Verified<S>, Refusal>,
    ) -> Result<Verified<S>, Reason> {
        self.judge_bound(&Bindings::default(), verify)
    }

    pub(crate) fn judge_bound<S: ImageSource>(
        &self,
        bindings: &Bindings,
        verify: impl FnOnce(&Policy<'_>) -> Result<Verified<S>, Refusal>,
    ) -> Result<Verified<S>, Reason> {
        let verified = self.measure(bindings, verify)?;
        // Asked before the image runs: a counter that cannot follow would leave the old image in reach.
        match verified.security_counter() {
            Some(counter) if counter <= self.counter_limit => Ok(verified),
            _ => Err(Reason::CounterOutOfReach),
        }
    }

    /// Anything else that needs the policy, without the proof.
    pub(crate) fn measure<T>(
        &self,
        bindings: &Bindings,
        look: impl FnOnce(&Policy<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Reason> {
        self.by_policy(|policy| {
            look(&Policy {
                rom_address: bindings.rom_address,
                vendor_uuid: bindings.vendor_uuid,
                class_uuid: bindings.class_uuid,
                ..*policy
            })
        })
    }

    fn by_policy<T>(
        &self,
        judge: impl FnOnce(&Policy<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Reason> {
        let keys = self.root_key.keys();
        let suite = self.suite_of(self.root_key.scheme())?;
        // A device without signatures: the policy contradicts itself, and says so.
        let bad = Reason::Image(Refusal::BadPolicy);
        let first = suite.signature().ok_or(bad)?;
        let (mut hashes, mut types) = ([&[][..]; MAX_ROOT_KEYS], [first; MAX_ROOT_KEYS]);
        for ((key, hash), kind) in keys.clone().zip(&mut hashes).zip(&mut types) {
            *hash = key.key_hash;
            *kind = self.suite_of(key.scheme)?.signature().ok_or(bad)?;
        }
        let count = keys.count();
        let key_hashes = hashes.get(..count).unwrap_or_default();
        let policy = Policy {
            image: self.image.number(),
            images: IMAGES as u8,
            slot: match self.slot {
                Slot::A => ironroot_image::Slot::Primary,
                Slot::B => ironroot_image::Slot::Secondary,
            },
            min_security_counter: Some(self.counter),
            ram_window: self.window,
            encryption: self.decryption.as_ref().map(Decryption::scheme),
            signers: Signers {
                required: self.root_key.required(),
                revoked: self.root_key.revoked().into(),
                types: types.get(..count).unwrap_or_default(),
            },
            ..Policy::new(suite, Keys::Hashes(key_hashes), self.size_limit)
        };
        judge(&policy).map_err(Reason::Image)
    }

    fn suite_of(&self, scheme: Scheme) -> Result<&'static Suite, Reason> {
        let suite = self.suites.iter().find(|(offered, _)| *offered == scheme);
        suite
            .map(|(_, suite)| *suite)
            .ok_or(Reason::SchemeNotSupported)
    }
}
