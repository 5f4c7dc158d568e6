//! The test-target instruction: what could the non-secure world do at this address?
//! Arm v8-M Architecture Reference Manual, C2.4.235 (TT, TTT, TTA, TTAT).

/// What the processor answers about one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer(u32);

impl Answer {
    /// Non-secure code may read it (MPU of the non-secure world and attribution agree).
    const fn non_secure_readable(self) -> bool {
        self.0 & 1 << 20 != 0
    }
    /// Non-secure code may read and write it.
    const fn non_secure_writable(self) -> bool {
        self.0 & 1 << 21 != 0
    }
    /// Everything that tells one region of MPU, SAU or IDAU from another.
    const fn regions(self) -> u32 {
        // MREGION 7:0, SREGION 15:8, MRVALID 16, SRVALID 17, IRVALID 23, IREGION 31:24
        self.0 & 0xFF83_FFFF
    }
}

fn test(address: u32, unprivileged: bool) -> Answer {
    let answer: u32;
    if unprivileged {
        // SAFETY: the instruction only answers a question about an address; it accesses nothing.
        unsafe {
            core::arch::asm!("ttat {0}, {1}", out(reg) answer, in(reg) address,
                options(nomem, nostack, preserves_flags));
        }
    } else {
        // SAFETY: as above.
        unsafe {
            core::arch::asm!("tta {0}, {1}", out(reg) answer, in(reg) address,
                options(nomem, nostack, preserves_flags));
        }
    }
    Answer(answer)
}

fn caller_is_unprivileged() -> bool {
    let control: u32;
    // SAFETY: reads the banked non-secure CONTROL register.
    unsafe {
        core::arch::asm!("mrs {0}, CONTROL_NS", out(reg) control,
            options(nomem, nostack, preserves_flags));
    }
    control & 1 != 0
}

/// Whether the non-secure world, at its present privilege, could itself access every byte from
/// `first` to `last`. Both ends must lie in one region of each unit: a range that bridges a border
/// could have anything in its middle.
#[must_use]
pub fn non_secure_can_access(first: u32, last: u32, write: bool) -> bool {
    let unprivileged = caller_is_unprivileged();
    let start = test(first, unprivileged);
    let end = test(last, unprivileged);
    let allowed = |answer: Answer| {
        if write {
            answer.non_secure_writable()
        } else {
            answer.non_secure_readable()
        }
    };
    allowed(start) && allowed(end) && start.regions() == end.regions()
}
