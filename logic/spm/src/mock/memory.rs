//! Memory of clients: regions of bytes with an owner each, and a memory of what was copied.

use ironroot_platform::{Access, CheckedSpan, ClientMemory, MemoryError, MemoryOwner, Span};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

#[derive(Debug)]
struct Region {
    owner: MemoryOwner,
    base: u32,
    bytes: Vec<u8>,
    writable: bool,
}

/// A write that happens right after a given address was read.
#[derive(Debug)]
struct Tamper {
    after_reading: u32,
    at: u32,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Arena {
    regions: Vec<Region>,
    tampers: Vec<Tamper>,
    reads: Vec<(u32, u32)>,
}

/// Memory of clients. Clones are the same memory.
#[derive(Debug, Clone, Default)]
pub struct MockMemory(Arc<Mutex<Arena>>);

impl MockMemory {
    /// No memory at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `len` zero bytes from `base` that `owner` may read and write.
    ///
    /// # Panics
    /// If another region is there.
    pub fn add(&self, owner: MemoryOwner, base: u32, len: usize) {
        self.add_region(Region {
            owner,
            base,
            bytes: std::vec![0; len],
            writable: true,
        });
    }

    /// Adds bytes that `owner` may only read.
    ///
    /// # Panics
    /// If another region is there.
    pub fn add_read_only(&self, owner: MemoryOwner, base: u32, bytes: &[u8]) {
        self.add_region(Region {
            owner,
            base,
            bytes: bytes.to_vec(),
            writable: false,
        });
    }

    fn add_region(&self, region: Region) {
        let mut arena = self.arena();
        let range = |r: &Region| u64::from(r.base)..u64::from(r.base) + r.bytes.len() as u64;
        let new = range(&region);
        let overlaps = |r: &Region| range(r).start < new.end && new.start < range(r).end;
        assert!(!arena.regions.iter().any(overlaps), "regions overlap");
        arena.regions.push(region);
    }

    /// Writes as the owner would.
    ///
    /// # Panics
    /// If it is not all inside one region.
    pub fn poke(&self, at: u32, bytes: &[u8]) {
        self.arena().place(at, bytes.len()).copy_from_slice(bytes);
    }

    /// Reads as the owner would.
    ///
    /// # Panics
    /// If it is not all inside one region.
    #[must_use]
    pub fn peek(&self, at: u32, len: usize) -> Vec<u8> {
        self.arena().place(at, len).to_vec()
    }

    /// Lets another thread of the client write `bytes` to `at` right after `trigger` was first read.
    pub fn tamper_after_reading(&self, trigger: u32, at: u32, bytes: &[u8]) {
        let tamper = Tamper {
            after_reading: trigger,
            at,
            bytes: bytes.to_vec(),
        };
        self.arena().tampers.push(tamper);
    }

    /// Every copy out of client memory so far: base and length.
    #[must_use]
    pub fn reads(&self) -> Vec<(u32, u32)> {
        self.arena().reads.clone()
    }

    fn arena(&self) -> MutexGuard<'_, Arena> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arena {
    fn place(&mut self, at: u32, len: usize) -> &mut [u8] {
        let region = self.regions.iter_mut().find(|r| {
            at.checked_sub(r.base)
                .is_some_and(|o| o as usize + len <= r.bytes.len())
        });
        let region = region.unwrap_or_else(|| panic!("no memory at {at:#x}, {len} bytes"));
        let offset = (at - region.base) as usize;
        &mut region.bytes[offset..offset + len]
    }

    fn read(&mut self, at: u32, out: &mut [u8]) {
        out.copy_from_slice(self.place(at, out.len()));
        self.reads
            .push((at, u32::try_from(out.len()).unwrap_or(u32::MAX)));
        let end = u64::from(at) + out.len() as u64;
        let due = |t: &Tamper| (u64::from(at)..end).contains(&u64::from(t.after_reading));
        for tamper in self.tampers.extract_if(.., |t| due(t)).collect::<Vec<_>>() {
            self.place(tamper.at, tamper.bytes.len())
                .copy_from_slice(&tamper.bytes);
        }
    }
}

impl ClientMemory for MockMemory {
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
        let arena = self.arena();
        let fits = |r: &Region| {
            let len = u32::try_from(r.bytes.len()).unwrap_or(u32::MAX);
            r.owner == owner
                && span.base >= r.base
                && end <= r.base.saturating_add(len)
                && (r.writable || access == Access::Read)
        };
        if arena.regions.iter().any(fits) {
            Ok(CheckedSpan::vouch(span, access))
        } else {
            Err(MemoryError)
        }
    }

    fn copy_in(&self, from: CheckedSpan, out: &mut [u8]) -> usize {
        let len = out.len().min(from.len() as usize);
        if len > 0 {
            self.arena().read(from.base(), &mut out[..len]);
        }
        len
    }

    fn copy_out(&mut self, to: CheckedSpan, data: &[u8]) -> usize {
        let len = data.len().min(to.len() as usize);
        if len == 0 || !to.is_writable() {
            return 0;
        }
        self.poke(to.base(), &data[..len]);
        len
    }

    fn transfer(&mut self, from: CheckedSpan, to: CheckedSpan) -> usize {
        let mut bytes = std::vec![0; from.len().min(to.len()) as usize];
        if !to.is_writable() {
            return 0;
        }
        self.copy_in(from, &mut bytes);
        self.copy_out(to, &bytes)
    }
}
