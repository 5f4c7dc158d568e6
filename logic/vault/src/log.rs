//! The state of the log: which sectors are in it and where it ends.
//!
//! Sectors `tail` to `number` hold everything that matters, in the order it was written; `number` is
//! the head, where the log grows. All other sectors are free, whatever they read as.

use crate::cipher::Tag;
use crate::header::Header;
use crate::layout::{HEADER_LEN, Layout, TAG_LEN};

#[derive(Clone, Copy)]
pub(crate) struct Log {
    /// The head's number; 0 before the first sector.
    pub(crate) number: u32,
    /// The oldest sector with a live record, or the head.
    pub(crate) tail: u32,
    /// What the head's own header says the tail is.
    pub(crate) header_tail: u32,
    /// `number` and `header_tail` as of the last commit: what the next mount finds if power goes now.
    pub(crate) anchored: (u32, u32),
    /// Where the next frame goes in the head.
    pub(crate) end: u32,
    /// The tag of the last frame, or of the header.
    pub(crate) link: Tag,
    /// The number of the last commit: the value of the hardware counter.
    pub(crate) generation: u32,
    /// The number of the last commit that was written, acknowledged or not.
    pub(crate) written: u32,
    /// The head was erased and begun since this mount: its rest is truly erased.
    pub(crate) writable: bool,
}

impl Log {
    pub(crate) const BLANK: Self = Self {
        number: 0,
        tail: 1,
        header_tail: 1,
        anchored: (0, 1),
        end: 0,
        link: [0; TAG_LEN],
        generation: 0,
        written: 0,
        writable: false,
    };

    pub(crate) fn is_blank(&self) -> bool {
        self.number == 0
    }

    /// Goes to the beginning of the sector with this header.
    pub(crate) fn enter(&mut self, header: &Header) {
        self.number = header.number;
        self.header_tail = header.tail;
        self.end = HEADER_LEN;
        self.link = header.tag;
    }

    /// Sectors from the tail to the head.
    pub(crate) fn window(&self) -> u32 {
        self.number.saturating_add(1).saturating_sub(self.tail)
    }

    /// The same, as the next mount would find it.
    fn anchored_window(&self) -> u32 {
        let (number, tail) = self.anchored;
        number.saturating_add(1).saturating_sub(tail)
    }

    /// How many sectors an operation that begins now may begin.
    ///
    /// * The window that its headers announce leaves one sector over: the next operation needs it.
    /// * What it erases is not in the window that a cut would fall back to.
    pub(crate) fn openings_left(&self, layout: &Layout) -> u32 {
        let spare = layout.sectors.saturating_sub(1);
        let announced = spare.saturating_sub(self.window());
        let destroyed = layout.sectors.saturating_sub(self.anchored_window());
        announced.min(destroyed)
    }

    /// The number of the sector in the log that holds a place.
    pub(crate) fn number_of(&self, place: u32, layout: &Layout) -> u32 {
        // The window is shorter than the ring, so going back from the head meets each sector once.
        let head = layout.physical(self.number);
        let sector = place >> layout.sector_size.trailing_zeros();
        let back = match head.checked_sub(sector) {
            Some(back) => back,
            None => head.saturating_add(layout.sectors).saturating_sub(sector),
        };
        self.number.saturating_sub(back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_platform::Geometry;

    #[test]
    fn a_place_has_the_number_of_its_sector_in_the_window() {
        let geometry = Geometry {
            sector_size: 256,
            sectors: 7,
            write_unit: 4,
            erased: 0xff,
        };
        let layout = Layout::of(geometry).unwrap();
        for head in 6..60 {
            let log = Log {
                number: head,
                tail: head - 5,
                ..Log::BLANK
            };
            for number in log.tail..=head {
                assert_eq!(log.number_of(layout.base(number) + 64, &layout), number);
                assert_eq!(log.number_of(layout.base(number) + 255, &layout), number);
            }
        }
    }
}
