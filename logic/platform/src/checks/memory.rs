//! What access to clients' memory must do.

use std::vec;
use std::vec::Vec;

use crate::{Access, CheckedSpan, ClientMemory, MemoryError, MemoryOwner, Span};

/// What a port tells of its memory for [`check_client_memory`].
pub struct MemoryCase<'a> {
    /// Whose rights are checked.
    pub owner: MemoryOwner,
    /// At least 64 bytes that the owner may read and write, one byte more of which is not the owner's.
    pub writable: Span,
    /// Bytes that the owner may read but not write, if there are any.
    pub read_only: Option<Span>,
    /// Ranges that are not the owner's, wholly or in part.
    pub forbidden: &'a [Span],
}

/// Checks the [`ClientMemory`] contract. Overwrites the writable range's first 64 bytes.
///
/// # Panics
/// When a promise is broken.
pub fn check_client_memory<M: ClientMemory>(memory: &mut M, case: &MemoryCase<'_>) {
    grants_what_is_the_owners(memory, case);
    refuses_what_is_not(memory, case);
    copies_the_shorter_length(memory, case);
    writes_only_what_was_checked_for_writing(memory, case);
    overlapping_transfers_read_first(memory, case);
}

fn grants_what_is_the_owners<M: ClientMemory>(memory: &M, case: &MemoryCase<'_>) {
    for access in [Access::Read, Access::Write] {
        let span = memory
            .check(case.owner, case.writable, access)
            .expect("the owner's own memory");
        assert_eq!(
            (span.base(), span.len()),
            (case.writable.base, case.writable.len)
        );
        assert_eq!(span.is_writable(), access == Access::Write);
        let empty = Span {
            len: 0,
            ..case.writable
        };
        let span = memory
            .check(case.owner, empty, access)
            .expect("an empty range passes");
        assert!(span.is_empty());
    }
    if let Some(read_only) = case.read_only {
        memory
            .check(case.owner, read_only, Access::Read)
            .expect("the owner may read it");
    }
}

fn refuses_what_is_not<M: ClientMemory>(memory: &M, case: &MemoryCase<'_>) {
    let Span { base, len } = case.writable;
    let wraps = Span {
        base,
        len: u32::MAX,
    };
    let to_the_top = Span {
        base,
        len: 0u32.wrapping_sub(base),
    };
    let too_long = Span {
        base,
        len: len.saturating_add(1),
    };
    for span in case
        .forbidden
        .iter()
        .copied()
        .chain([wraps, to_the_top, too_long])
    {
        for access in [Access::Read, Access::Write] {
            let refused = memory.check(case.owner, span, access);
            assert_eq!(
                refused,
                Err(MemoryError),
                "{span:?} is not the owner's to {access:?}"
            );
        }
    }
    if let Some(read_only) = case.read_only {
        let refused = memory.check(case.owner, read_only, Access::Write);
        assert_eq!(refused, Err(MemoryError), "read-only memory is not written");
    }
}

fn copies_the_shorter_length<M: ClientMemory>(memory: &mut M, case: &MemoryCase<'_>) {
    let span = checked(memory, case, 0, 16);
    let data: Vec<u8> = (1..=32).collect();
    assert_eq!(
        memory.copy_out(span, &data),
        16,
        "no more than the range is written"
    );
    assert_eq!(memory.copy_out(span, &[]), 0);
    let mut out = vec![0; 32];
    assert_eq!(
        memory.copy_in(span, &mut out),
        16,
        "no more than the range is read"
    );
    assert_eq!(out[..16], data[..16]);
    assert_eq!(out[16..], [0; 16]);
    let mut short = [0; 3];
    assert_eq!(
        memory.copy_in(span, &mut short),
        3,
        "no more than the buffer is read"
    );
    assert_eq!(short, [1, 2, 3]);
    assert_eq!(memory.copy_out(span, &[9]), 1);
    memory.copy_in(span, &mut short);
    assert_eq!(short, [9, 2, 3], "bytes behind the data stay");
}

fn writes_only_what_was_checked_for_writing<M: ClientMemory>(
    memory: &mut M,
    case: &MemoryCase<'_>,
) {
    let readable = memory
        .check(case.owner, part(case, 0, 16), Access::Read)
        .expect("the owner's");
    let writable = checked(memory, case, 16, 16);
    let mut before = [0; 16];
    memory.copy_in(readable, &mut before);
    assert_eq!(memory.copy_out(readable, &[0xee; 16]), 0);
    assert_eq!(memory.transfer(writable, readable), 0);
    let mut after = [0; 16];
    memory.copy_in(readable, &mut after);
    assert_eq!(before, after, "a range checked for reading is not written");
}

fn overlapping_transfers_read_first<M: ClientMemory>(memory: &mut M, case: &MemoryCase<'_>) {
    let data: Vec<u8> = (0..64).collect();
    for (from, to) in [(0, 8), (8, 0), (0, 32), (5, 5)] {
        let whole = checked(memory, case, 0, 64);
        memory.copy_out(whole, &data);
        let (source, target) = (
            checked(memory, case, from, 24),
            checked(memory, case, to, 24),
        );
        assert_eq!(memory.transfer(source, target), 24);
        let mut expected = data.clone();
        let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
        expected.copy_within(from..from + 24, to);
        let mut out = vec![0; 64];
        memory.copy_in(whole, &mut out);
        assert_eq!(out, expected, "as if the source had been copied first");
    }
}

fn part(case: &MemoryCase<'_>, offset: u32, len: u32) -> Span {
    Span {
        base: case.writable.base + offset,
        len,
    }
}

fn checked<M: ClientMemory>(memory: &M, case: &MemoryCase<'_>, at: u32, len: u32) -> CheckedSpan {
    memory
        .check(case.owner, part(case, at, len), Access::Write)
        .expect("the owner's own memory")
}
