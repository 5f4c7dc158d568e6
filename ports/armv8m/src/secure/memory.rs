//! Memory of clients: attribution and protection asked from the hardware, then copied once.

use super::runner::PartitionImage;
use crate::cpu::target_test;
use ironroot_platform::{Access, CheckedSpan, ClientMemory, MemoryError, MemoryOwner, Span};

/// Access to the non-secure world's memory and the partitions'.
#[derive(Debug)]
pub struct Memory {
    /// `start..end` of plain non-secure memory: devices are not buffers.
    non_secure: &'static [(u32, u32)],
    partitions: &'static [PartitionImage],
}

impl Memory {
    /// The ranges come from the board's table and the partition table.
    #[must_use]
    pub const fn new(
        non_secure: &'static [(u32, u32)],
        partitions: &'static [PartitionImage],
    ) -> Self {
        Self {
            non_secure,
            partitions,
        }
    }
}

fn inside(range: (u32, u32), base: u32, end: u32) -> bool {
    range.0 <= base && end <= range.1
}

impl ClientMemory for Memory {
    #[inline]
    fn check(
        &self,
        owner: MemoryOwner,
        span: Span,
        access: Access,
    ) -> Result<CheckedSpan, MemoryError> {
        if span.len == 0 {
            return Ok(CheckedSpan::vouch(span, access));
        }
        let end = span.base.checked_add(span.len).ok_or(MemoryError)?;
        let write = matches!(access, Access::Write);
        let allowed = match owner {
            MemoryOwner::NonSecure => {
                let last = end.wrapping_sub(1);
                self.non_secure
                    .iter()
                    .any(|&range| inside(range, span.base, end))
                    && target_test::non_secure_can_access(span.base, last, write)
            }
            MemoryOwner::Partition(index) => {
                let image = self
                    .partitions
                    .get(usize::from(index.0))
                    .ok_or(MemoryError)?;
                inside(image.ram, span.base, end) || (!write && inside(image.code, span.base, end))
            }
        };
        if allowed {
            Ok(CheckedSpan::vouch(span, access))
        } else {
            Err(MemoryError)
        }
    }

    #[inline]
    fn copy_in(&self, from: CheckedSpan, out: &mut [u8]) -> usize {
        let count = out.len().min(from.len() as usize);
        copy(from.base() as usize as *const u8, out.as_mut_ptr(), count);
        count
    }

    #[inline]
    fn copy_out(&mut self, to: CheckedSpan, data: &[u8]) -> usize {
        if !to.is_writable() {
            return 0;
        }
        let count = data.len().min(to.len() as usize);
        copy(data.as_ptr(), to.base() as usize as *mut u8, count);
        count
    }

    fn transfer(&mut self, from: CheckedSpan, to: CheckedSpan) -> usize {
        if !to.is_writable() {
            return 0;
        }
        let count = from.len().min(to.len()) as usize;
        let source = from.base() as usize as *const u8;
        let target = to.base() as usize as *mut u8;
        if (source as usize) < (target as usize) {
            copy_down(source, target, count);
        } else {
            copy(source, target, count);
        }
        count
    }
}

/// Copies upwards, by words where both ends are aligned. Each byte is read exactly once: the owner may
/// change it between two reads.
fn copy(from: *const u8, to: *mut u8, count: usize) {
    let mut done = 0;
    if (from as usize | to as usize) & 3 == 0 {
        while count - done >= 4 {
            // SAFETY: `done + 4 <= count`, and both ranges were checked (or are a Rust slice) for
            // `count` bytes; both addresses are word-aligned.
            let word = unsafe { from.wrapping_add(done).cast::<u32>().read_volatile() };
            // SAFETY: as above.
            unsafe { to.wrapping_add(done).cast::<u32>().write_volatile(word) };
            done += 4;
        }
    }
    while done < count {
        // SAFETY: `done < count`; ranges as above.
        let byte = unsafe { from.wrapping_add(done).read_volatile() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(done).write_volatile(byte) };
        done += 1;
    }
}

/// Copies downwards, for a target that begins inside its source.
fn copy_down(from: *const u8, to: *mut u8, count: usize) {
    let mut left = count;
    while left > 0 {
        left -= 1;
        // SAFETY: `left < count`, and both ranges were checked for `count` bytes.
        let byte = unsafe { from.wrapping_add(left).read_volatile() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(left).write_volatile(byte) };
    }
}
