//! Client memory on the host: what each client sent along with its present call.
//!
//! Every owner has its own range of 16 MiB of the partition manager's address numbers, so that a
//! checked span says whose memory it is. Nobody can name another owner's range: a client's addresses
//! are offsets into its own memory, checked before the owner's base is added.

use ironroot_platform::{
    Access, CheckedSpan, ClientMemory, MemoryError, MemoryOwner, PartitionIndex, Span,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const RANGE_BITS: u32 = 24;
const OFFSET_MASK: u32 = (1 << RANGE_BITS) - 1;

/// The memory of all clients. Clones are handles to the same memory.
#[derive(Debug, Clone, Default)]
pub struct ClientMemories {
    by_range: Rc<RefCell<BTreeMap<u32, Vec<u8>>>>,
}

const fn range_of(owner: MemoryOwner) -> u32 {
    match owner {
        MemoryOwner::NonSecure => 1,
        MemoryOwner::Partition(PartitionIndex(index)) => 2 + index as u32,
    }
}

impl ClientMemories {
    /// Takes over what `owner` sent.
    pub fn put(&self, owner: MemoryOwner, memory: Vec<u8>) {
        self.by_range.borrow_mut().insert(range_of(owner), memory);
    }

    /// Gives `owner`'s memory back; it has none then.
    #[must_use]
    pub fn take(&self, owner: MemoryOwner) -> Vec<u8> {
        self.by_range
            .borrow_mut()
            .remove(&range_of(owner))
            .unwrap_or_default()
    }
}

/// Range number and bytes within it of a checked span.
fn place(span: CheckedSpan) -> (u32, std::ops::Range<usize>) {
    let offset = (span.base() & OFFSET_MASK) as usize;
    (
        span.base() >> RANGE_BITS,
        offset..offset + span.len() as usize,
    )
}

impl ClientMemory for ClientMemories {
    fn check(
        &self,
        owner: MemoryOwner,
        span: Span,
        access: Access,
    ) -> Result<CheckedSpan, MemoryError> {
        if span.len == 0 {
            return Ok(CheckedSpan::EMPTY);
        }
        let range = range_of(owner);
        let memories = self.by_range.borrow();
        let memory = memories.get(&range).ok_or(MemoryError)?;
        let end = span.base.checked_add(span.len).ok_or(MemoryError)?;
        if end as usize > memory.len() || end > OFFSET_MASK {
            return Err(MemoryError);
        }
        let base = range << RANGE_BITS | span.base;
        Ok(CheckedSpan::vouch(
            Span {
                base,
                len: span.len,
            },
            access,
        ))
    }

    fn copy_in(&self, from: CheckedSpan, out: &mut [u8]) -> usize {
        let (range, bytes) = place(from);
        let memories = self.by_range.borrow();
        let source = memories
            .get(&range)
            .and_then(|memory| memory.get(bytes))
            .unwrap_or_default();
        let len = source.len().min(out.len());
        out[..len].copy_from_slice(&source[..len]);
        len
    }

    fn copy_out(&mut self, to: CheckedSpan, data: &[u8]) -> usize {
        if !to.is_writable() {
            return 0;
        }
        let (range, bytes) = place(to);
        let mut memories = self.by_range.borrow_mut();
        let target = memories
            .get_mut(&range)
            .and_then(|memory| memory.get_mut(bytes))
            .unwrap_or_default();
        let len = target.len().min(data.len());
        target[..len].copy_from_slice(&data[..len]);
        len
    }

    fn transfer(&mut self, from: CheckedSpan, to: CheckedSpan) -> usize {
        let mut bytes = vec![0; from.len().min(to.len()) as usize];
        let len = self.copy_in(from, &mut bytes);
        self.copy_out(to, &bytes[..len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITION: MemoryOwner = MemoryOwner::Partition(PartitionIndex(0));

    fn memories() -> ClientMemories {
        let memories = ClientMemories::default();
        memories.put(MemoryOwner::NonSecure, b"non-secure".to_vec());
        memories.put(PARTITION, b"partition!".to_vec());
        memories
    }

    #[test]
    fn a_span_must_lie_in_the_owners_memory() {
        let memories = memories();
        let check = |base, len| {
            memories
                .check(MemoryOwner::NonSecure, Span { base, len }, Access::Read)
                .is_ok()
        };
        assert!(check(0, 10) && check(9, 1) && check(10, 0) && check(u32::MAX, 0));
        for (base, len) in [(0, 11), (10, 1), (u32::MAX, 1), (1, u32::MAX), (2 << 24, 1)] {
            assert!(!check(base, len), "{base} {len}");
        }
        let absent = MemoryOwner::Partition(PartitionIndex(1));
        assert!(
            memories
                .check(absent, Span { base: 0, len: 1 }, Access::Read)
                .is_err()
        );
    }

    #[test]
    fn copies_reach_the_checked_owner_and_nobody_else() {
        let mut memories = memories();
        let span = Span { base: 0, len: 4 };
        let from = memories
            .check(MemoryOwner::NonSecure, span, Access::Read)
            .unwrap();
        let to = memories
            .check(PARTITION, Span { base: 6, len: 4 }, Access::Write)
            .unwrap();
        assert_eq!(memories.transfer(from, to), 4);
        assert_eq!(memories.copy_out(from, b"x"), 0);
        assert_eq!(memories.take(PARTITION), b"partitnon-");
        assert_eq!(memories.take(MemoryOwner::NonSecure), b"non-secure");
    }

    #[test]
    fn a_span_outlives_its_memory_without_reaching_other_bytes() {
        let mut memories = memories();
        let span = Span { base: 2, len: 8 };
        let stale = memories.check(PARTITION, span, Access::Write).unwrap();
        memories.put(PARTITION, b"short".to_vec());
        assert_eq!(memories.copy_in(stale, &mut [0; 8]), 0);
        assert_eq!(memories.copy_out(stale, b"12345678"), 0);
    }
}
