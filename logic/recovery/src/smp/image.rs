//! The image group: state, upload, erase, slot info.
//!
//! MCUmgr, "Application/software image management group". Where it leaves a choice:
//!
//! * `image` of an upload is 0 or 1, and the device chooses the slot; 2 to 5 are the four slots by themselves,
//!   as slot info tells (`upload_image_id`).
//! * `slot` of an erase counts over all images: image times two plus slot. Without it, 1.
//! * "active" is the image that the device would boot if the slot beside it were empty: nothing runs here.
//! * The answer to the last piece says whether the bootloader accepts the image, not just its check sum.

use super::cbor::Encoder;
use super::{Failure, Fields};
use crate::{Entry, Fault, Known, Pair, Place, Store, Upload};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot, Standing};
use ironroot_image::Version;

const SHA256_LEN: usize = 32;

/// `image` of the first slot by itself.
const FIRST_SLOT: u32 = 2;

/// An upload, and by which hash its client will know it again.
#[derive(Debug)]
pub(super) struct Session {
    upload: Upload,
    /// The number the client gave.
    target: u32,
    sha: Option<[u8; SHA256_LEN]>,
}

/// Command 0, read: every image that the bootloader would accept.
pub(super) fn list(store: &mut dyn Store, out: &mut Encoder<'_>) {
    out.map(1);
    out.text(b"images");
    let count_at = out.position();
    out.list(0);
    let mut count = 0;
    for image in Image::ALL {
        let pair = Pair(Slot::ALL.map(|slot| store.look(Place::new(image, slot))));
        let current = store.current(&pair);
        for slot in Slot::ALL {
            let place = Place::new(image, slot);
            if let &Entry {
                standing,
                image: Ok(known),
            } = pair.get(slot)
            {
                entry(place, standing, &known, current == Some(slot), out);
                count += 1;
            }
        }
    }
    // Fewer than 24 items: the count is in the list's first byte.
    out.patch(count_at, &[0x80 | count]);
}

fn entry(place: Place, standing: Standing, known: &Known, active: bool, out: &mut Encoder<'_>) {
    let (pending, confirmed) = (
        standing == Standing::Pending,
        standing == Standing::Confirmed,
    );
    let flags = u8::from(pending) + u8::from(confirmed) + u8::from(active);
    out.map(5 + flags);
    out.uint("image", place.image.number().into());
    out.uint("slot", place.slot.number().into());
    version(&known.version, out);
    out.bytes("hash", known.hash());
    out.bool("bootable", true);
    for (name, set) in [
        ("pending", pending),
        ("confirmed", confirmed),
        ("active", active),
    ] {
        if set {
            out.bool(name, true);
        }
    }
}

/// As MCUmgr writes it: 1.2.3, with a build number 1.2.3.4.
fn version(version: &Version, out: &mut Encoder<'_>) {
    let mut words = [0; Version::MAX_WORDS];
    let mut len = 0;
    version.spell(&mut |character| {
        if let Some(place) = words.get_mut(len) {
            *place = if character == b'+' { b'.' } else { character };
            len = len.saturating_add(1);
        }
    });
    out.words("version", words.get(..len).unwrap_or(&[]));
}

/// Command 0, write: trial or confirmation of the image with a hash.
pub(super) fn mark(fields: &Fields<'_>, store: &mut dyn Store) -> Result<(), Failure> {
    // Nothing runs here that could be meant without a hash.
    let hash = fields.hash.ok_or(Failure::INVALID)?;
    let request = if fields.confirm == Some(true) {
        Request::Permanent
    } else {
        Request::Trial
    };
    for place in Place::ALL {
        if store
            .look(place)
            .image
            .is_ok_and(|known| known.hash() == hash)
        {
            return Ok(store.mark(place, request)?);
        }
    }
    Err(Fault::NotThere.into())
}

/// Command 1.
pub(super) fn upload(
    fields: &Fields<'_>,
    session: &mut Option<Session>,
    store: &mut dyn Store,
    out: &mut Encoder<'_>,
) -> Result<(), Failure> {
    let (Some(offset), Some(data)) = (fields.off, fields.data) else {
        return Err(Failure::INVALID);
    };
    let goes_on = match session {
        // Where it broke off, if it is the same file: the client goes on from there.
        Some(known) if offset == 0 => known.is_same(fields),
        _ => false,
    };
    if offset == 0 && !goes_on {
        *session = None;
        *session = Some(Session::begin(fields)?);
    }
    let Some(known) = session else {
        // We were reset in between: from the beginning, with all that belongs to it.
        offset_reply(0, None, out);
        return Ok(());
    };
    if offset != known.upload.offset() {
        let matches = match known.upload.is_complete() {
            true => known.finish(store)?,
            false => None,
        };
        offset_reply(known.upload.offset(), matches, out);
        return Ok(());
    }
    let result = known
        .upload
        .accept(store, data)
        .and_then(|()| match known.upload.is_complete() {
            true => known.finish(store),
            false => Ok(None),
        });
    match result {
        Ok(matches) => {
            offset_reply(known.upload.offset(), matches, out);
            Ok(())
        }
        Err(fault) => {
            *session = None;
            Err(fault.into())
        }
    }
}

fn offset_reply(offset: u32, matches: Option<bool>, out: &mut Encoder<'_>) {
    out.map(if matches.is_some() { 2 } else { 1 });
    out.uint("off", offset);
    if let Some(matches) = matches {
        out.bool("match", matches);
    }
}

impl Session {
    fn begin(fields: &Fields<'_>) -> Result<Self, Failure> {
        let len = fields.len.ok_or(Failure::INVALID)?;
        let sha = match fields.sha {
            None => None,
            Some(sha) => Some(sha.try_into().map_err(|_| Failure::INVALID)?),
        };
        let target = fields.image.unwrap_or(0);
        let (image, slot) = match target.checked_sub(FIRST_SLOT) {
            None => (u8::try_from(target).ok().and_then(Image::from_number), None),
            Some(number) => {
                let place = Place::from_number(number);
                (place.map(|p| p.image), place.map(|p| p.slot))
            }
        };
        let image = image.ok_or(Fault::NoSuchSlot)?;
        Ok(Self {
            upload: Upload::new(image, slot, len, fields.upgrade == Some(true)),
            target,
            sha,
        })
    }

    /// Whether a first piece belongs to this upload.
    fn is_same(&self, fields: &Fields<'_>) -> bool {
        self.sha.as_ref().map(<[u8; SHA256_LEN]>::as_slice) == fields.sha
            && self.sha.is_some()
            && fields.image.unwrap_or(0) == self.target
            && fields.len == Some(self.upload.len())
    }

    /// All is there: whether it is the file that was announced, if that is known. The image itself is
    /// verified too.
    fn finish(&self, store: &mut dyn Store) -> Result<Option<bool>, Fault> {
        if let (Some(sha), Some(place)) = (&self.sha, self.upload.place())
            && !store.holds(place, self.upload.len(), sha)?
        {
            return Ok(Some(false));
        }
        self.upload.finish(store)?;
        Ok(self.sha.map(|_| true))
    }
}

/// Command 5.
pub(super) fn erase(fields: &Fields<'_>, store: &mut dyn Store) -> Result<(), Failure> {
    let place = Place::from_number(fields.slot.unwrap_or(1)).ok_or(Fault::NoSuchSlot)?;
    Ok(store.erase(place)?)
}

/// Command 6.
pub(super) fn slots(store: &mut dyn Store, out: &mut Encoder<'_>) {
    out.map(1);
    out.text(b"images");
    out.list(Image::ALL.len() as u8);
    for image in Image::ALL {
        out.map(3);
        out.uint("image", image.number().into());
        out.text(b"slots");
        out.list(Slot::ALL.len() as u8);
        for slot in Slot::ALL {
            let place = Place::new(image, slot);
            out.map(3);
            out.uint("slot", slot.number().into());
            out.uint("size", store.size(place));
            let number = u32::from(place.number()).saturating_add(FIRST_SLOT);
            out.uint("upload_image_id", number);
        }
        out.uint("max_image_size", store.limit(Place::new(image, Slot::A)));
    }
}
