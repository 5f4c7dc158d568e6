//! Revoked keys: one-time words behind the record.
//!
//! An entry is as a lifecycle change, but its word is `0x8000_0000 | non-secure << 8 | secure`: every key that
//! is revoked by then, bit n for key n of each image. The last whole entry counts. Not all together: one that
//! was cut off may read as whole today and torn tomorrow, and what was decided without it must stay decided.

use super::changes::{ENTRIES, entry, is_erased, read, write};
use super::{OtpError, RootKeys, record};
use crate::flash_map::PerImage;
use ironroot_platform::Flash;

const REVOCATION: u32 = 0x8000_0000;
const COPIES: u32 = 2;

/// Entries that revocations leave for the device's last lifecycle changes.
const RESERVED: u32 = 4;

/// The keys as provisioned, with what is revoked of them.
pub(super) fn apply<F: Flash>(
    flash: &F,
    keys: PerImage<RootKeys>,
) -> Result<PerImage<RootKeys>, OtpError> {
    let mut word = 0;
    for index in 0..ENTRIES {
        if let Some(found) = revocation(flash, index)? {
            word = found;
        }
    }
    let [secure, non_secure, ..] = word.to_le_bytes();
    Ok(PerImage {
        secure: keys.secure.with_revoked(secure),
        non_secure: keys.non_secure.with_revoked(non_secure),
    })
}

fn revocation<F: Flash>(flash: &F, index: u32) -> Result<Option<u32>, OtpError> {
    let word = read(flash, index)?;
    Ok(word.filter(|word| word & REVOCATION != 0))
}

/// Revokes keys (bit n for key n) of each image for good, or settles what was begun; keys that are revoked
/// already may be named again.
///
/// `still_boots` is asked before anything is written, with the keys as they will be: whether each image that
/// is installed for good is signed by enough of them. Answer from the device's slots; a device on which
/// nothing passes any more is bricked.
///
/// After a power cut the device has the old keys or the new ones, perhaps changing between the two with each
/// boot; calling again until the answer is `Ok` settles it.
///
/// # Errors
/// [`OtpError::Invalid`] for a key that is not there, [`OtpError::LastKeys`] when too few would be left,
/// [`OtpError::NothingWouldBoot`], [`OtpError::Exhausted`], and those of [`super::read_facts`].
pub fn revoke<F: Flash>(
    flash: &mut F,
    keys: PerImage<u8>,
    still_boots: impl FnOnce(&PerImage<RootKeys>) -> bool,
) -> Result<(), OtpError> {
    let present = apply(flash, record::find(flash)?.root_keys(flash)?)?;
    let revoked = PerImage {
        secure: present.secure.revoking(keys.secure)?,
        non_secure: present.non_secure.revoking(keys.non_secure)?,
    };
    if !still_boots(&revoked) {
        return Err(OtpError::NothingWouldBoot);
    }
    let masks = [revoked.secure.revoked(), revoked.non_secure.revoked(), 0, 0];
    if masks == [0; 4] {
        return Ok(());
    }
    settle(flash, REVOCATION | u32::from_le_bytes(masks))
}

/// Writes `word` until it stands twice behind every other: the second copy is begun only when the first is
/// complete, so at least one is for good.
fn settle<F: Flash>(flash: &mut F, word: u32) -> Result<(), OtpError> {
    let (mut copies, mut free) = (0_u32, 0);
    for index in 0..ENTRIES {
        match revocation(flash, index)? {
            Some(found) if found == word => copies = copies.saturating_add(1),
            Some(_) => copies = 0,
            None => {}
        }
        if !is_erased(flash, index)? {
            free = index.saturating_add(1);
        }
    }
    for index in free..ENTRIES.saturating_sub(RESERVED) {
        if copies < COPIES && write(flash, index, &entry(word))? {
            copies = copies.saturating_add(1);
        }
    }
    if copies < COPIES {
        Err(OtpError::Exhausted)
    } else {
        Ok(())
    }
}
