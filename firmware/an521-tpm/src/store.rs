//! A store that forgets everything at reset: enough for showing the engine at work.

use ironroot_tpm::{Change, RecordId, Store, StoreError};

const RECORDS: usize = 12;
const LEN: usize = 1024;

/// Records in an array, unordered.
pub(crate) struct ArrayStore {
    records: [Option<Record>; RECORDS],
}

#[derive(Clone, Copy)]
struct Record {
    id: RecordId,
    len: usize,
    bytes: [u8; LEN],
}

impl ArrayStore {
    pub(crate) const EMPTY: Self = Self {
        records: [None; RECORDS],
    };

    fn set(&mut self, id: RecordId, data: &[u8]) -> Result<(), StoreError> {
        let mut record = Record {
            id,
            len: data.len(),
            bytes: [0; LEN],
        };
        let bytes = record.bytes.get_mut(..data.len()).ok_or(StoreError::Full)?;
        copy(bytes, data);
        self.remove(id);
        let free = self.records.iter_mut().find(|place| place.is_none());
        *free.ok_or(StoreError::Full)? = Some(record);
        Ok(())
    }

    fn remove(&mut self, id: RecordId) {
        for place in &mut self.records {
            if place.is_some_and(|record| record.id == id) {
                *place = None;
            }
        }
    }
}

/// Copies what fits. The library's copy panics where lengths differ, and built for size alone that stays in.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

impl Store for ArrayStore {
    fn read(&mut self, id: RecordId, out: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let Some(record) = self.records.iter().flatten().find(|record| record.id == id) else {
            return Ok(None);
        };
        let bytes = record.bytes.get(..record.len).ok_or(StoreError::Corrupt)?;
        copy(out.get_mut(..record.len).ok_or(StoreError::Full)?, bytes);
        Ok(Some(record.len))
    }

    fn at_or_after(&mut self, from: RecordId) -> Result<Option<RecordId>, StoreError> {
        let later = self.records.iter().flatten().map(|record| record.id);
        Ok(later.filter(|id| *id >= from).min())
    }

    /// Nothing can interrupt it, so one change after the other will do.
    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        for change in changes {
            match change {
                Change::Set { id, data } => self.set(*id, data)?,
                Change::Remove(id) => self.remove(*id),
            }
        }
        Ok(())
    }

    fn free(&mut self) -> u32 {
        let free = self.records.iter().filter(|place| place.is_none()).count();
        u32::try_from(free.saturating_mul(LEN)).unwrap_or(u32::MAX)
    }
}
