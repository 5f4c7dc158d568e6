//! Client memory on the host: what each client sent along with its present call.
//!
//! Every owner has its own range of 16 MiB of addresses ([`memory_base`]), so that an address says whose
//! memory it means; what a client sends appears at the start of its range. Nobody can name another
//! owner's range: a client's addresses must lie in its own.

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

/// The address at which the partition manager sees the memory that `owner` sends.
#[must_use]
pub const fn memory_base(owner: MemoryOwner) -> u32 {
    range_of(owner) << RANGE_BITS
}

/// The address at which the partition manager sees the memory that a client of the socket sends.
pub const CLIENT_MEMORY: u32 = memory_base(MemoryOwner::NonSecure);

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
            return Ok(CheckedSpan::vouch(span, access));
        }
        let offset = span
            .base
            .checked_sub(memory_base(owner))
            .ok_or(MemoryError)?;
        let end = offset.checked_add(span.len).ok_or(MemoryError)?;
        // Beyond 254 partitions two owners would share a range.
        let range = u8::try_from(range_of(owner)).map_err(|_| MemoryError)?;
        let memories = self.by_range.borrow();
        let memory = memories.get(&u32::from(range)).ok_or(MemoryError)?;
        if end as usize > memory.len() || end > OFFSET_MASK {
            return Err(MemoryError);
        }
        Ok(CheckedSpan::vouch(span, access))
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
    const NON_SECURE: MemoryOwner = MemoryOwner::NonSecure;

    fn memories() -> ClientMemories {
        let memories = ClientMemories::default();
        memories.put(NON_SECURE, b"non-secure".to_vec());
        memories.put(PARTITION, b"partition!".to_vec());
        memories
    }

    fn span(owner: MemoryOwner, offset: u32, len: u32) -> Span {
        Span {
            base: memory_base(owner) + offset,
            len,
        }
    }

    #[test]
    fn a_span_must_lie_in_the_owners_memory() {
        let memories = memories();
        let check = |span| memories.check(NON_SECURE, span, Access::Read).is_ok();
        for (offset, len) in [(0, 10), (9, 1), (10, 0)] {
            assert!(check(span(NON_SECURE, offset, len)));
        }
        for (offset, len) in [(0, 11), (10, 1), (1, u32::MAX), (1 << 24, 1)] {
            assert!(!check(span(NON_SECURE, offset, len)), "{offset} {len}");
        }
        assert!(!check(span(PARTITION, 0, 1)), "another owner's memory");
        assert!(!check(Span { base: 0, len: 1 }));
        let absent = MemoryOwner::Partition(PartitionIndex(1));
        assert!(
            memories
                .check(absent, span(absent, 0, 1), Access::Read)
                .is_err()
        );
    }

    #[test]
    fn the_last_partition_has_a_range_that_does_not_wrap() {
        let last = MemoryOwner::Partition(PartitionIndex(u8::MAX - 2));
        assert_eq!(memory_base(last), 0xff00_0000);
        let one_more = MemoryOwner::Partition(PartitionIndex(u8::MAX));
        let memories = memories();
        memories.put(one_more, b"aliased".to_vec());
        assert!(
            memories
                .check(one_more, span(one_more, 0, 1), Access::Write)
                .is_err()
        );
    }

    #[test]
    fn copies_reach_the_checked_owner_and_nobody_else() {
        let mut memories = memories();
        let from = memories
            .check(NON_SECURE, span(NON_SECURE, 0, 4), Access::Read)
            .unwrap();
        let to = memories
            .check(PARTITION, span(PARTITION, 6, 4), Access::Write)
            .unwrap();
        assert_eq!(memories.transfer(from, to), 4);
        assert_eq!(memories.copy_out(from, b"x"), 0);
        assert_eq!(memories.take(PARTITION), b"partitnon-");
        assert_eq!(memories.take(NON_SECURE), b"non-secure");
    }

    #[test]
    fn a_span_outlives_its_memory_without_reaching_other_bytes() {
        let mut memories = memories();
        let stale = memories
            .check(PARTITION, span(PARTITION, 2, 8), Access::Write)
            .unwrap();
        memories.put(PARTITION, b"short".to_vec());
        assert_eq!(memories.copy_in(stale, &mut [0; 8]), 0);
        assert_eq!(memories.copy_out(stale, b"12345678"), 0);
    }
}
