//! Memory for secrets that must not reach swap or a core file.
//!
//! Pages are taken to be of 4 KiB. Where they are larger the whole page is locked, and leaving it out of core files is
//! refused by the kernel, which is no error here.

use rustix::mm::{Advice, madvise, mlock, munlock};
use std::ffi::c_void;
use std::hint::black_box;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::without_provenance_mut;

/// A value in pages of its own, locked into memory. They stay where they are until it is dropped.
///
/// Whoever makes it puts in what is no secret yet: on its way here the value passes the stack.
#[derive(Debug)]
pub struct Locked<T> {
    pages: Box<Pages<T>>,
}

/// Begins at a page and fills its last one. The value is dropped, and wipes itself, before the lock is.
#[derive(Debug)]
#[repr(C, align(4096))]
struct Pages<T> {
    value: T,
    lock: Option<Lock>,
}

impl<T> Locked<T> {
    /// Locks memory for `value`.
    ///
    /// # Errors
    /// What the operating system says: `OutOfMemory` or `PermissionDenied` if the user may lock no more
    /// (`ulimit -l`).
    pub fn new(value: T) -> io::Result<Self> {
        let mut pages = Box::new(Pages { value, lock: None });
        let start = (&raw mut *pages).cast();
        // SAFETY: these pages belong to the box alone, and the lock goes before they do.
        let lock = unsafe { Lock::new(start, size_of::<Pages<T>>()) }?;
        pages.lock = Some(lock);
        Ok(Self { pages })
    }
}

impl<T> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.pages.value
    }
}

impl<T> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.pages.value
    }
}

/// Pages that are locked, and left out of core files, until it is dropped.
#[derive(Debug)]
struct Lock {
    address: usize,
    len: usize,
}

impl Lock {
    /// # Safety
    /// Until it is dropped the span is memory of its maker's, who is alone on its pages.
    unsafe fn new(start: *mut c_void, len: usize) -> io::Result<Self> {
        // SAFETY: the span is memory, and locking changes nothing in it.
        unsafe { mlock(start, len) }?;
        // SAFETY: the same; the advice is about core files only.
        let _ = unsafe { madvise(start, len, Advice::LinuxDontDump) };
        let address = start.addr();
        Ok(Self { address, len })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let start = without_provenance_mut(self.address);
        // SAFETY: the span is still the maker's, and nobody else locked anything on its pages.
        let _ = unsafe { munlock(start, self.len) };
        // SAFETY: the same; the advice takes the other one back.
        let _ = unsafe { madvise(start, self.len, Advice::LinuxDoDump) };
    }
}

/// How much of a stack [`on_locked_stack`] locks, in bytes. `work` has all but a page and a little more of it.
pub const LOCKED_STACK: usize = 64 * 1024;

/// Does `work` on locked stack: its own variables are in it, and those of what it calls. It stays locked as long as the
/// thread has its stack.
///
/// # Errors
/// As [`Locked::new`]; then `work` was not begun.
pub fn on_locked_stack<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    lock_below()?;
    Ok(a_page_below(work))
}

/// Calls `work` so that its frame begins further down than the area of [`lock_below`], which has the same caller.
#[inline(never)]
fn a_page_below<T>(work: impl FnOnce() -> T) -> T {
    let gap = [0_u8; 4096];
    black_box(&gap);
    let done = in_a_frame_of_its_own(work);
    // Still in use: the call above could not take its place.
    black_box(&gap);
    done
}

#[inline(never)]
fn in_a_frame_of_its_own<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Locks the stack below its caller.
#[inline(never)]
fn lock_below() -> io::Result<()> {
    let area = [0_u8; LOCKED_STACK];
    let start = black_box(&area).as_ptr().cast_mut();
    // SAFETY: the area is this call's, and locking changes nothing in it. Its pages are the stack's, also behind this
    // call.
    unsafe { mlock(start.cast(), LOCKED_STACK) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flags of the mapping that holds an address (proc(5), "smaps", VmFlags).
    fn flags(address: *const c_void) -> Vec<String> {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut here = false;
        for line in maps.lines() {
            if let Some((range, _)) = line.split_once(' ')
                && let Some((from, to)) = range.split_once('-')
                && let Ok(from) = usize::from_str_radix(from, 16)
                && let Ok(to) = usize::from_str_radix(to, 16)
            {
                here = (from..to).contains(&address.addr());
            }
            if let Some(flags) = line.strip_prefix("VmFlags:").filter(|_| here) {
                return flags.split_whitespace().map(str::to_owned).collect();
            }
        }
        panic!("no mapping holds {address:?}");
    }

    fn has(flags: &[String], wanted: &str) -> bool {
        flags.iter().any(|flag| flag == wanted)
    }

    #[test]
    fn locked_memory_has_pages_of_its_own_outside_core_files() {
        let mut locked = Locked::new([7_u8; 5000]).unwrap();
        locked[4999] = 8;
        assert_eq!((locked[0], locked[4999]), (7, 8));
        let start: *const c_void = (&raw const *locked).cast();
        assert_eq!(start.addr() % 4096, 0);
        assert_eq!(size_of_val(&*locked.pages), 8192);
        for address in [start, start.wrapping_byte_add(8191)] {
            let flags = flags(address);
            assert!(has(&flags, "lo"), "not locked: {flags:?}");
            assert!(has(&flags, "dd"), "in core files: {flags:?}");
        }
    }

    #[test]
    fn the_lock_goes_after_the_value() {
        /// Notes whether its own memory is locked when it is dropped.
        struct Witness<'a>(&'a std::cell::Cell<Option<bool>>);
        impl Drop for Witness<'_> {
            fn drop(&mut self) {
                let here = (&raw const *self).cast();
                self.0.set(Some(has(&flags(here), "lo")));
            }
        }
        let seen = std::cell::Cell::new(None);
        drop(Locked::new(Witness(&seen)).unwrap());
        assert_eq!(seen.get(), Some(true));
    }

    #[test]
    fn a_lock_that_is_gone_leaves_the_memory_unlocked() {
        let mut pages = Box::new(Pages {
            value: 0_u8,
            lock: None,
        });
        let start: *mut c_void = (&raw mut *pages).cast();
        // SAFETY: the pages are the box's, and the lock is gone before they are.
        let lock = unsafe { Lock::new(start, 4096) }.unwrap();
        assert!(has(&flags(start), "lo"));
        drop(lock);
        let flags = flags(start);
        assert!(!has(&flags, "lo") && !has(&flags, "dd"));
    }

    /// Calls `work` so many times 256 bytes and more further down.
    #[inline(never)]
    fn deeper(by: u32, work: fn()) {
        let room = black_box([0_u8; 256]);
        match by.checked_sub(1) {
            Some(by) => deeper(by, work),
            None => work(),
        }
        black_box(&room);
    }

    #[test]
    fn work_on_locked_stack_has_its_own_variables_there_and_those_further_down() {
        fn work() {
            let own = [0_u8; 6000];
            let start: *const c_void = black_box(&own).as_ptr().cast();
            let end = start.wrapping_byte_add(own.len() - 1);
            let far_below = end.wrapping_byte_sub(LOCKED_STACK * 7 / 8);
            for address in [start, end, far_below] {
                assert!(has(&flags(address), "lo"), "not locked");
            }
        }
        // Wherever in a page it begins: what is locked must not follow from rounding.
        for by in 0..16 {
            let thread = std::thread::spawn(move || {
                deeper(by, || on_locked_stack(work).unwrap());
            });
            thread.join().unwrap();
        }
    }

    #[test]
    fn what_work_gives_comes_back() {
        let thread = std::thread::spawn(|| on_locked_stack(|| 7).unwrap());
        assert_eq!(thread.join().unwrap(), 7);
    }
}
