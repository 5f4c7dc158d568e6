//! What a frame says: a run of entries.
//!
//! | offset in the entry | length | content |
//! |---|---|---|
//! | 0 | 4 | record |
//! | 4 | 4 | length of the data; all ones: the record is removed |
//! | 8 | | data |
//!
//! The body of the first frame of a segment begins with the tag of the last frame before it (16 bytes).

use crate::JournalError;
use crate::keys::{TAG_LEN, Tag};
use ironroot_codec::{Cursor, Writer};

/// The name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(pub u32);

/// One change of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// The record has this content from now on.
    Set(RecordId, &'a [u8]),
    /// The record is no more. It may be one that never was.
    Remove(RecordId),
}

impl Change<'_> {
    fn id(&self) -> RecordId {
        match self {
            Self::Set(id, _) | Self::Remove(id) => *id,
        }
    }
}

const REMOVED: u32 = u32::MAX;

/// Bytes that an entry takes besides its data.
pub(crate) const ENTRY_HEAD: usize = 8;

/// Writes the changes of one transaction.
pub(crate) fn put_changes(
    out: &mut Writer<'_>,
    changes: &[Change<'_>],
) -> Result<(), JournalError> {
    changes
        .iter()
        .try_for_each(|change| put_change(out, change))
}

/// Writes a whole content: what is live and stays, then the changes.
pub(crate) fn put_snapshot<'a>(
    out: &mut Writer<'_>,
    link: &Tag,
    live: impl Iterator<Item = (RecordId, &'a [u8])>,
    changes: &[Change<'_>],
) -> Result<(), JournalError> {
    out.put(link)?;
    for (id, data) in live {
        if !changes.iter().any(|change| change.id() == id) {
            put_change(out, &Change::Set(id, data))?;
        }
    }
    let mut rest = changes.iter();
    while let Some(change) = rest.next() {
        // The last word on a record counts; a removal needs no entry where nothing was before.
        let last_word = !rest.clone().any(|later| later.id() == change.id());
        if last_word && matches!(change, Change::Set(..)) {
            put_change(out, change)?;
        }
    }
    Ok(())
}

/// The link at the beginning of a snapshot, and its entries.
pub(crate) fn split_link(body: &[u8]) -> Result<(Tag, &[u8]), JournalError> {
    let (link, entries) = body
        .split_first_chunk::<TAG_LEN>()
        .ok_or(JournalError::Damaged)?;
    Ok((*link, entries))
}

/// Shows every entry to `visit`, in order.
pub(crate) fn walk(entries: &[u8], visit: &mut dyn FnMut(Change<'_>)) -> Result<(), JournalError> {
    let mut input = Cursor::new(entries);
    while input.peek().is_some() {
        let id = RecordId(input.u32_le()?);
        match input.u32_le()? {
            REMOVED => visit(Change::Remove(id)),
            len => {
                let len = usize::try_from(len).map_err(|_| JournalError::Damaged)?;
                visit(Change::Set(id, input.take(len)?));
            }
        }
    }
    Ok(())
}

fn put_change(out: &mut Writer<'_>, change: &Change<'_>) -> Result<(), JournalError> {
    match change {
        Change::Set(id, data) => {
            let len = u32::try_from(data.len()).map_err(|_| JournalError::Full)?;
            if len == REMOVED {
                return Err(JournalError::Full);
            }
            out.u32_le(id.0)?;
            out.u32_le(len)?;
            out.put(data)?;
        }
        Change::Remove(id) => {
            out.u32_le(id.0)?;
            out.u32_le(REMOVED)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn entries_that_end_too_early_are_refused_and_none_is_read_past_the_end() {
        let mut bytes = [0; 64];
        let mut out = Writer::new(&mut bytes);
        let changes = [
            Change::Set(RecordId(7), b"abc"),
            Change::Remove(RecordId(8)),
        ];
        put_changes(&mut out, &changes).unwrap();
        let whole = out.finish();
        for len in 0..=whole.len() {
            let mut seen = 0;
            let result = walk(&whole[..len], &mut |_| seen += 1);
            let at_an_end = matches!(len, 0 | 11 | 19);
            assert_eq!(result.is_ok(), at_an_end, "{len}");
            assert_eq!(seen, usize::from(len >= 11) + usize::from(len >= 19));
        }
    }

    #[test]
    fn a_snapshot_holds_each_record_once() {
        let mut bytes = [0; 256];
        let mut out = Writer::new(&mut bytes);
        let live = [
            (RecordId(1), &b"old"[..]),
            (RecordId(2), b"stays"),
            (RecordId(3), b"goes"),
        ];
        let changes = [
            Change::Set(RecordId(3), b"only for a moment"),
            Change::Set(RecordId(1), b"newer"),
            Change::Set(RecordId(1), b"new"),
            Change::Remove(RecordId(3)),
        ];
        put_snapshot(&mut out, &[9; TAG_LEN], live.into_iter(), &changes).unwrap();
        let (link, entries) = split_link(out.finish()).unwrap();
        let mut seen = Vec::new();
        walk(entries, &mut |change| match change {
            Change::Set(id, data) => seen.push((id.0, data.to_vec())),
            Change::Remove(_) => panic!("a snapshot removes nothing"),
        })
        .unwrap();
        assert_eq!(link, [9; TAG_LEN]);
        assert_eq!(seen, [(2, b"stays".to_vec()), (1, b"new".to_vec())]);
    }
}
