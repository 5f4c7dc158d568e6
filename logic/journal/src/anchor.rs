//! Keeping a [`Position`] outside: two slots, written in turn, so that one is always whole.
//!
//! | offset in a slot | length | content |
//! |---|---|---|
//! | 0 | 8 | `IRANCHOR` |
//! | 8 | 8 | turn: the slot with the higher one counts |
//! | 16 | 24 | the position |
//! | 40 | 24 | the first bytes of the SHA-256 of all before |
//!
//! Slot *n* lies at *n* × [`SLOT_STRIDE`] of the file. Whoever can write the anchor can go back to any
//! state: it is worth as much as the place it is kept in.

use crate::Position;
use ironroot_codec::{BufferFull, Cursor, EndOfInput, Writer};
use ironroot_crypto::hash::{HashAlgorithm, digest};

/// Bytes of a slot.
pub const SLOT_LEN: usize = 64;
/// Bytes from one slot to the other: they share no sector.
pub const SLOT_STRIDE: u64 = 4096;

const MAGIC: [u8; 8] = *b"IRANCHOR";
const SUMMED: usize = 40;

/// What two slots say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchored {
    /// The last position; `None` in a new anchor.
    pub position: Option<Position>,
    turn: u64,
}

impl Anchored {
    /// Reads both slots. `None`: neither is blank or whole, so this is no anchor, or a damaged one.
    #[must_use]
    pub fn read(slots: [&[u8; SLOT_LEN]; 2]) -> Option<Self> {
        let newest = slots
            .iter()
            .filter_map(|slot| parse(slot))
            .max_by_key(|(turn, _)| *turn);
        match newest {
            Some((turn, position)) => Some(Self {
                position: Some(position),
                turn,
            }),
            None if slots.iter().all(|slot| slot.iter().all(|byte| *byte == 0)) => Some(Self {
                position: None,
                turn: 0,
            }),
            None => None,
        }
    }

    /// The next slot to write, and its content.
    #[must_use]
    pub fn next(&self, position: &Position) -> (Self, usize, [u8; SLOT_LEN]) {
        let turn = self.turn.wrapping_add(1);
        let mut slot = [0; SLOT_LEN];
        // The slot has room for all of it.
        let _ = write(&mut slot, turn, position);
        let next = Self {
            position: Some(*position),
            turn,
        };
        (next, usize::from(turn & 1 == 1), slot)
    }
}

fn write(slot: &mut [u8; SLOT_LEN], turn: u64, position: &Position) -> Result<(), BufferFull> {
    let mut out = Writer::new(slot);
    out.put(&MAGIC)?;
    out.u64_le(turn)?;
    out.put(&position.encode())?;
    let sum = digest(HashAlgorithm::Sha256, out.written());
    out.put(sum.as_slice().get(..SLOT_LEN - SUMMED).unwrap_or_default())
}

fn parse(slot: &[u8; SLOT_LEN]) -> Option<(u64, Position)> {
    let (summed, sum) = slot.split_at_checked(SUMMED)?;
    let expected = digest(HashAlgorithm::Sha256, summed);
    let whole = expected.as_slice().get(..sum.len()) == Some(sum);
    let read = || -> Result<_, EndOfInput> {
        let mut input = Cursor::new(summed);
        let magic: [u8; 8] = input.array()?;
        Ok((magic, input.u64_le()?, Position::decode(&input.array()?)))
    };
    let (magic, turn, position) = read().ok()?;
    (whole && magic == MAGIC).then_some((turn, position))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(number: u64) -> Position {
        Position {
            number,
            tag: [number as u8; 16],
        }
    }

    #[test]
    fn the_last_position_written_is_read_and_a_torn_slot_leaves_the_one_before() {
        let mut slots = [[0; SLOT_LEN]; 2];
        let mut state = Anchored::read([&slots[0], &slots[1]]).unwrap();
        assert_eq!(state.position, None);
        for number in 1..50 {
            let before = state.position;
            let (next, index, content) = state.next(&position(number));
            for torn in 0..SLOT_LEN {
                let mut slots = slots;
                slots[index][..torn].copy_from_slice(&content[..torn]);
                let read = Anchored::read([&slots[0], &slots[1]]);
                match before {
                    Some(_) => assert_eq!(read.unwrap().position, before),
                    None => assert!(read.is_none_or(|read| read.position.is_none())),
                }
            }
            slots[index] = content;
            state = Anchored::read([&slots[0], &slots[1]]).unwrap();
            assert_eq!(state, next);
            assert_eq!(state.position, Some(position(number)));
        }
    }

    #[test]
    fn what_is_neither_blank_nor_an_anchor_is_refused() {
        let blank = [0; SLOT_LEN];
        let mut other = blank;
        other[20] = 1;
        assert!(Anchored::read([&blank, &other]).is_none());
        assert!(Anchored::read([&other, &blank]).is_none());
        let (_, _, good) = Anchored::read([&blank, &blank]).unwrap().next(&position(3));
        for bit in 0..SLOT_LEN * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Anchored::read([&blank, &bad]).is_none(), "{bit}");
        }
    }
}
