//! Content keys in the trailer of a swap: what lets it go on after a power cut.
//!
//! ```text
//! … swap status | key of slot 1 | key of slot 0 | swap size | …
//! ```
//!
//! Each takes whole units of the trailer's alignment, filled up with 0xff. MCUboot keeps them in the clear,
//! or, with `BOOT_SWAP_SAVE_ENCTLV`, in the wrapped form of their TLV: then whoever reads the flash learns
//! nothing. 0xff in all bytes means "no key", whatever erased flash reads.

use super::{ContentKey, Decryption, MAX_WRAPPED_KEY};
use crate::trailer::{Alignment, MAX_ALIGNMENT};
use crate::{ImageSource, Refusal, Slot};
use ironroot_crypto::Secret;

/// What no key looks like.
const UNSET: u8 = 0xff;

/// In which form a trailer keeps content keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedForm {
    /// In the clear.
    Plain,
    /// As their TLV has them.
    Wrapped,
}

/// Where the trailer of a slot keeps both images' content keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedKeys {
    form: SavedForm,
    /// Bytes of one key.
    len: u32,
    /// The same in whole units.
    unit: u32,
    slot_0: u32,
    slot_1: u32,
}

impl SavedKeys {
    /// The longest unit: a wrapped RSA-2048 key is a multiple of every alignment already.
    pub const MAX_UNIT: usize = MAX_WRAPPED_KEY;

    /// The places below `swap_size`, which is the offset of the swap size in its slot. `None` when there is
    /// no room.
    #[must_use]
    pub fn below(
        swap_size: u32,
        alignment: Alignment,
        form: SavedForm,
        decryption: &Decryption<'_>,
    ) -> Option<Self> {
        let scheme = decryption.scheme();
        let len = match form {
            SavedForm::Plain => u32::try_from(scheme.key_len()).ok()?,
            SavedForm::Wrapped => u32::from(scheme.tlv_len()),
        };
        let unit = len.checked_next_multiple_of(alignment.bytes())?;
        let slot_0 = swap_size.checked_sub(unit)?;
        Some(Self {
            form,
            len,
            unit,
            slot_0,
            slot_1: slot_0.checked_sub(unit)?,
        })
    }

    /// Offset, from the start of the slot whose trailer it is, of the key of the image in `slot`.
    #[must_use]
    pub const fn offset(&self, slot: Slot) -> u32 {
        match slot {
            Slot::Primary => self.slot_0,
            Slot::Secondary => self.slot_1,
        }
    }

    /// Where the keys begin: the swap status ends here.
    #[must_use]
    pub const fn start(&self) -> u32 {
        self.slot_1
    }

    /// Length of one key's unit, a multiple of the alignment: what is written.
    #[must_use]
    pub const fn unit_len(&self) -> u32 {
        self.unit
    }

    /// What to write for a key. `wrapped` is the data of its TLV, used in that form. Take the first
    /// [`unit_len`](Self::unit_len) bytes.
    ///
    /// # Errors
    /// [`Refusal::TlvLength`] when the TLV is not of the scheme.
    pub fn encode(
        &self,
        key: &ContentKey,
        wrapped: &[u8],
    ) -> Result<Secret<{ Self::MAX_UNIT }>, Refusal> {
        let mut unit = Secret::new([UNSET; Self::MAX_UNIT]);
        let mut put = |bytes: &[u8]| {
            if bytes.len() != self.len as usize {
                return Err(Refusal::TlvLength);
            }
            unit.expose_mut(|unit| {
                for (to, from) in unit.iter_mut().zip(bytes) {
                    *to = *from;
                }
            });
            Ok(())
        };
        match self.form {
            SavedForm::Plain => key.expose(&mut put)?,
            SavedForm::Wrapped => put(wrapped)?,
        }
        Ok(unit)
    }

    /// Reads the key of the image in `slot` from the trailer of `trailer`; `None` when there is none.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], and as [`Decryption::unwrap_key`] for wrapped ones.
    pub fn read(
        &self,
        trailer: &dyn ImageSource,
        slot: Slot,
        erased: u8,
        decryption: &Decryption<'_>,
    ) -> Result<Option<ContentKey>, Refusal> {
        let mut bytes = Secret::<{ Self::MAX_UNIT }>::zeroed();
        bytes.expose_mut(|bytes| {
            let key = bytes
                .get_mut(..self.len as usize)
                .ok_or(Refusal::TlvLength)?;
            trailer
                .read_at(self.offset(slot), key)
                .map_err(|_| Refusal::Unreadable)?;
            let all = |value| key.iter().fold(0, |sum, byte| sum | (byte ^ value)) == 0;
            if all(UNSET) || all(erased) {
                return Ok(None);
            }
            match self.form {
                SavedForm::Plain => {
                    ContentKey::new(decryption.scheme(), key).ok_or(Refusal::ContentKey)
                }
                SavedForm::Wrapped => decryption.unwrap_key(key),
            }
            .map(Some)
        })
    }
}

// One key fits `MAX_UNIT` whatever the alignment.
const _: () = assert!(MAX_WRAPPED_KEY.is_multiple_of(MAX_ALIGNMENT));
