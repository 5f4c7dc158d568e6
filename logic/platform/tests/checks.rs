//! The checks accept a sound implementation and catch a broken one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ironroot_platform::checks::{
    MemoryCase, check_client_memory, check_counter, check_entropy, check_flash,
};
use ironroot_platform::model::{ModelCounter, ModelFlash, Power};
use ironroot_platform::{
    Access, CheckedSpan, ClientMemory, CounterError, Entropy, EntropyError, Flash, FlashError,
    Geometry, HardwareCounter, MemoryError, MemoryOwner, Span,
};

fn is_caught(check: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(check)).is_err()
}

/// A splitmix64 stream through `spoil`.
struct Source<S> {
    state: u64,
    spoil: S,
}

impl<S: Fn(usize, u8) -> u8> Entropy for Source<S> {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        for (at, byte) in out.iter_mut().enumerate() {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (self.spoil)(at, (z >> 32) as u8);
        }
        Ok(())
    }
}

fn entropy_is_caught(spoil: impl Fn(usize, u8) -> u8) -> bool {
    is_caught(|| check_entropy(&mut Source { state: 5, spoil }))
}

#[test]
fn a_sound_source_passes_and_gross_failures_do_not() {
    assert!(!entropy_is_caught(|_, byte| byte));
    assert!(entropy_is_caught(|_, _| 0), "stuck");
    assert!(entropy_is_caught(|at, _| at as u8), "a ramp");
    assert!(
        entropy_is_caught(|at, byte| if at == 64 { 0 } else { byte }),
        "a byte left alone"
    );
    assert!(entropy_is_caught(|at, byte| if at % 16 == 0 {
        byte | 0x80
    } else {
        byte & 0xfe
    }));
    struct Failing;
    impl Entropy for Failing {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError)
        }
    }
    assert!(is_caught(|| check_entropy(&mut Failing)));
}

/// Makes one promise of a sound flash untrue.
struct BrokenFlash {
    inner: ModelFlash,
    fault: FlashFault,
}

#[derive(Clone, Copy, PartialEq)]
enum FlashFault {
    None,
    SecondProgram,
    Unaligned,
    Spills,
    EraseTooMuch,
    Outside,
}

impl Flash for BrokenFlash {
    fn geometry(&self) -> Geometry {
        self.inner.geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        let result = self.inner.read(offset, out);
        if self.fault == FlashFault::Outside {
            result.or(Ok(()))
        } else {
            result
        }
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        match self.fault {
            FlashFault::SecondProgram => {
                self.inner
                    .program(offset, data)
                    .or_else(|error| match error {
                        FlashError::NotErased => Ok(()),
                        other => Err(other),
                    })
            }
            FlashFault::Unaligned => match self.inner.program(offset, data) {
                Err(FlashError::Unaligned) => Ok(()),
                other => other,
            },
            FlashFault::Spills => {
                let end = offset.wrapping_add(data.len() as u32);
                self.inner.program(offset, data)?;
                self.inner.corrupt(end, 0xff);
                Ok(())
            }
            _ => self.inner.program(offset, data),
        }
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        if self.fault == FlashFault::EraseTooMuch {
            self.inner.erase(sector ^ 1)?;
        }
        self.inner.erase(sector)
    }
}

#[test]
fn a_flash_that_breaks_a_promise_is_caught() {
    for (fault, caught) in [
        (FlashFault::None, false),
        (FlashFault::SecondProgram, true),
        (FlashFault::Unaligned, true),
        (FlashFault::Spills, true),
        (FlashFault::EraseTooMuch, true),
        (FlashFault::Outside, true),
    ] {
        let geometry = Geometry {
            sector_size: 128,
            sectors: 4,
            write_unit: 4,
            erased: 0xff,
        };
        let inner = ModelFlash::new(geometry, &Power::new());
        assert_eq!(
            is_caught(|| check_flash(&mut BrokenFlash { inner, fault })),
            caught
        );
    }
}

#[test]
fn a_counter_that_goes_back_is_caught() {
    struct GoesBack(u32);
    impl HardwareCounter for GoesBack {
        fn read(&self) -> Result<u32, CounterError> {
            Ok(self.0)
        }
        fn advance_to(&mut self, value: u32) -> Result<(), CounterError> {
            self.0 = value;
            Ok(())
        }
        fn limit(&self) -> u32 {
            u32::MAX
        }
    }
    assert!(is_caught(|| check_counter(&mut GoesBack(3))));
    assert!(!is_caught(|| check_counter(&mut ModelCounter::new(
        3,
        u32::MAX,
        &Power::new()
    ))));
}

/// 256 bytes at 0x1000: the first 64 read-only, the rest writable.
struct Memory {
    bytes: [u8; 256],
    fault: MemoryFault,
}

#[derive(Clone, Copy, PartialEq)]
enum MemoryFault {
    None,
    Wraps,
    OffByOne,
    WritesReadOnly,
    CopiesForward,
}

const BASE: u32 = 0x1000;

impl Memory {
    fn range(&self, span: CheckedSpan, len: usize) -> std::ops::Range<usize> {
        let start = (span.base() - BASE) as usize;
        start..start + len.min(span.len() as usize)
    }
    fn may_write(&self, span: CheckedSpan) -> bool {
        span.is_writable() || self.fault == MemoryFault::WritesReadOnly
    }
}

impl ClientMemory for Memory {
    fn check(
        &self,
        _: MemoryOwner,
        span: Span,
        access: Access,
    ) -> Result<CheckedSpan, MemoryError> {
        let end = match self.fault {
            MemoryFault::Wraps => span.base.wrapping_add(span.len),
            _ => span.base.checked_add(span.len).ok_or(MemoryError)?,
        };
        let last = BASE + 256 + u32::from(self.fault == MemoryFault::OffByOne);
        let first = if access == Access::Write {
            BASE + 64
        } else {
            BASE
        };
        let inside = (first..=last).contains(&span.base) && end <= last;
        if inside {
            Ok(CheckedSpan::vouch(span, access))
        } else {
            Err(MemoryError)
        }
    }
    fn copy_in(&self, from: CheckedSpan, out: &mut [u8]) -> usize {
        let range = self.range(from, out.len());
        let len = range.len();
        out[..len].copy_from_slice(&self.bytes[range]);
        len
    }
    fn copy_out(&mut self, to: CheckedSpan, data: &[u8]) -> usize {
        if !self.may_write(to) {
            return 0;
        }
        let range = self.range(to, data.len());
        let len = range.len();
        self.bytes[range].copy_from_slice(&data[..len]);
        len
    }
    fn transfer(&mut self, from: CheckedSpan, to: CheckedSpan) -> usize {
        if !self.may_write(to) {
            return 0;
        }
        let source = self.range(from, to.len() as usize);
        let (target, len) = (self.range(to, source.len()).start, source.len());
        if self.fault == MemoryFault::CopiesForward {
            (0..len).for_each(|at| self.bytes[target + at] = self.bytes[source.start + at]);
        } else {
            self.bytes.copy_within(source, target);
        }
        len
    }
}

#[test]
fn memory_that_breaks_a_promise_is_caught() {
    for (fault, caught) in [
        (MemoryFault::None, false),
        (MemoryFault::Wraps, true),
        (MemoryFault::OffByOne, true),
        (MemoryFault::WritesReadOnly, true),
        (MemoryFault::CopiesForward, true),
    ] {
        let mut memory = Memory {
            bytes: [0; 256],
            fault,
        };
        let case = MemoryCase {
            owner: MemoryOwner::NonSecure,
            writable: Span {
                base: BASE + 64,
                len: 192,
            },
            read_only: Some(Span {
                base: BASE,
                len: 64,
            }),
            forbidden: &[
                Span { base: 0, len: 4 },
                Span {
                    base: BASE - 1,
                    len: 2,
                },
                Span {
                    base: BASE + 255,
                    len: 2,
                },
                Span {
                    base: u32::MAX,
                    len: 1,
                },
            ],
        };
        assert_eq!(
            is_caught(|| check_client_memory(&mut memory, &case)),
            caught
        );
    }
}
