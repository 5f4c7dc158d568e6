//! One file on its way into a slot, whatever protocol carries it.

use crate::store::{Announced, Fault, Place, Store, Writable};
use ironroot_boot::{Image, Reason, Slot};
use ironroot_image::{HEADER_LEN, Refusal};

/// Length of the buffer: the header, and the largest unit that any flash is programmed by.
const UNIT: usize = HEADER_LEN as usize;

/// A file that is being received.
///
/// Its first 32 bytes, the image header, are kept back until they are complete and the device has admitted
/// them; only then the slot is touched.
#[derive(Debug)]
pub struct Upload {
    image: Image,
    slot: Option<Slot>,
    upgrade_only: bool,
    len: u32,
    offset: u32,
    target: Option<Writable>,
    /// The last `offset` modulo 32 bytes received.
    buffer: [u8; UNIT],
}

impl Upload {
    /// A file of `len` bytes for `image`, into `slot` if that is given.
    #[must_use]
    pub const fn new(image: Image, slot: Option<Slot>, len: u32, upgrade_only: bool) -> Self {
        Self {
            image,
            slot,
            upgrade_only,
            len,
            offset: 0,
            target: None,
            buffer: [0; UNIT],
        }
    }

    /// How many bytes were received; the client goes on here.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Length of the file.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether the file is empty, which is never an image.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all bytes were received.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.offset == self.len
    }

    /// How many bytes are still to come.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.len.saturating_sub(self.offset)
    }

    /// Where the file goes; unknown until its header is there.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.target.as_ref().map(Writable::place)
    }

    /// Which image it shall be.
    #[must_use]
    pub const fn image(&self) -> Image {
        self.image
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Fault`]; the upload has failed then and must be begun again.
    pub fn accept(&mut self, store: &mut dyn Store, data: &[u8]) -> Result<(), Fault> {
        if u32::try_from(data.len()).map_or(true, |len| len > self.remaining()) {
            return Err(Fault::Overrun);
        }
        let mut rest = data;
        while !rest.is_empty() {
            let fill = self.fill();
            let whole = rest.len() & !(UNIT - 1);
            let taken = match &self.target {
                // Long runs go straight to flash.
                Some(target) if fill == 0 && whole != 0 => {
                    store.write(target, self.offset, rest.get(..whole).unwrap_or(&[]))?;
                    self.advance(whole);
                    whole
                }
                _ => self.buffer(store, fill, rest)?,
            };
            rest = rest.get(taken..).unwrap_or(&[]);
        }
        Ok(())
    }

    /// Verifies the whole image, once it is complete.
    ///
    /// # Errors
    /// [`Fault::Length`], [`Fault::Refused`].
    pub fn finish(&self, store: &mut dyn Store) -> Result<Place, Fault> {
        let truncated = Fault::Refused(Reason::Image(Refusal::Truncated));
        let place = self.place().ok_or(truncated)?;
        if !self.is_complete() {
            return Err(truncated);
        }
        let known = store.look(place).image?;
        if known.len == self.len {
            Ok(place)
        } else {
            Err(Fault::Length)
        }
    }

    const fn fill(&self) -> usize {
        self.offset as usize & (UNIT - 1)
    }

    fn advance(&mut self, len: usize) {
        // Never beyond `len`, which is a `u32`: checked on entry.
        self.offset = self.offset.saturating_add(len as u32);
    }

    /// Puts bytes into the buffer, and the buffer to flash when it is full or the file ends.
    fn buffer(&mut self, store: &mut dyn Store, fill: usize, rest: &[u8]) -> Result<usize, Fault> {
        let room = self.buffer.iter_mut().skip(fill);
        let taken = room.zip(rest).map(|(to, from)| *to = *from).count();
        let filled = fill.saturating_add(taken);
        let start = self.offset.saturating_sub(fill as u32);
        let last = start.saturating_add(filled as u32) == self.len;
        if filled == UNIT || last {
            if self.target.is_none() {
                self.target = Some(self.begin(store, filled)?);
            }
            let bytes = self.buffer.get(..filled).unwrap_or(&[]);
            if let Some(target) = &self.target {
                store.write(target, start, bytes)?;
            }
        }
        self.advance(taken);
        Ok(taken)
    }

    /// The header is there: nothing was touched before this.
    fn begin(&self, store: &mut dyn Store, filled: usize) -> Result<Writable, Fault> {
        if filled < UNIT {
            return Err(Fault::Refused(Reason::Image(Refusal::Truncated)));
        }
        let target = store.choose(&Announced {
            image: self.image,
            slot: self.slot,
            len: self.len,
            upgrade_only: self.upgrade_only,
            header: &self.buffer,
        })?;
        store.clear(&target)?;
        Ok(target)
    }
}
