//! What an attack is, how one is run and how its outcome is judged.

use ironroot_port_armv8m::nonsecure::mailbox;
use ironroot_port_armv8m::say;

use crate::request::Request;

/// One attack. Numbers never change meaning: test harnesses and transcripts use them.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    /// Number in the mailbox.
    pub(crate) number: u32,
    /// Short name for the transcript.
    pub(crate) name: &'static str,
    /// What a sound device does about it.
    pub(crate) expect: Expect,
    /// The attempt.
    pub(crate) attempt: Attempt,
}

/// How an attack is carried out.
#[derive(Clone, Copy)]
pub(crate) enum Attempt {
    /// A function; what it returns is what the attacker got.
    Do(fn() -> u32),
    /// A change to a valid request, which is then made. The result is the status.
    Twist(fn(&mut Request)),
}

/// What a sound device does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The processor or a memory gate stops it: the secure world records a fault and resets.
    Fault(Fault),
    /// The call is refused with this status.
    Status(i32),
    /// A partition's attempt is refused with this status at the isolation levels whose bits are set, and
    /// succeeds at the others, which shows what the border is good for.
    StatusAtLevels {
        /// Bit 1 for level 1, and so on.
        levels: u8,
        /// The status.
        status: i32,
    },
    /// The attacker gets this word: 0 from a device that is not his, the truth from an untouched victim.
    Word(u32),
}

/// Which fault stops it, and the bit of the status register that says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SFSR.AUVIOL: attribution says that the address is secure.
    Attribution,
    /// SFSR.INVEP: secure code was entered by something else than a gateway instruction.
    EntryPoint,
    /// SFSR.INVER: an exception return that claims to come from a secure exception.
    ExceptionReturn,
    /// SFSR.INVIS: an exception return from secure state finds no integrity signature on the stack.
    Signature,
    /// UFSR.INVPC: a return whose popped state cannot be. The non-secure world has no UsageFault handler
    /// enabled, so it escalates to the secure world's HardFault.
    ReturnState,
    /// The same when a gate's own return finds such a state: the secure world's UsageFault.
    ReturnStateInside,
}

impl Fault {
    /// Words for the transcript.
    const fn words(self) -> &'static str {
        match self {
            Self::Attribution => "SecureFault AUVIOL",
            Self::EntryPoint => "SecureFault INVEP",
            Self::ExceptionReturn => "SecureFault INVER",
            Self::Signature => "SecureFault INVIS",
            Self::ReturnState => "HardFault FORCED (UsageFault INVPC)",
            Self::ReturnStateInside => "UsageFault INVPC",
        }
    }
}

impl Expect {
    /// What is expected of the level that the harness named, 3 if it named none.
    fn here(self) -> Self {
        let Self::StatusAtLevels { levels, status } = self else {
            return self;
        };
        let level = match mailbox::argument() & 0xFF {
            level @ 1..=3 => level,
            _ => 3,
        };
        Self::Status(if levels & 1 << level == 0 { 0 } else { status })
    }
}

/// Set while an attempt is under way, with the attack's number in the low half: a reset leaves it.
const UNDER_WAY: u32 = 0xA77A_0000;

impl Attack {
    /// Whether a sound device resets.
    pub(crate) const fn is_fatal(&self) -> bool {
        matches!(self.expect, Expect::Fault(_))
    }

    /// Runs it and says whether the device did what it should.
    pub(crate) fn run(&self) -> bool {
        let expect = self.expect.here();
        self.announce(expect);
        mailbox::remember(UNDER_WAY | self.number);
        let value = match self.attempt {
            Attempt::Do(function) => function(),
            Attempt::Twist(twist) => {
                let mut request = Request::valid();
                twist(&mut request);
                request.make()
            }
        };
        let held = match expect {
            Expect::Fault(_) | Expect::StatusAtLevels { .. } => false,
            Expect::Status(status) => value == status.cast_unsigned(),
            Expect::Word(word) => value == word,
        };
        let verdict = if held { "as expected" } else { "BROKEN" };
        match expect {
            Expect::Status(_) => say!("survived: value {} ({verdict})", value.cast_signed()),
            _ => say!("survived: value {value:#010x} ({verdict})"),
        }
        let well = self.secure_world_is_well();
        mailbox::remember(0);
        held && well
    }

    fn announce(&self, expect: Expect) {
        let Self { number, name, .. } = self;
        match expect {
            Expect::Fault(fault) => say!("attack {number} {name}: expect {}", fault.words()),
            Expect::Status(status) => say!("attack {number} {name}: expect status {status}"),
            Expect::Word(word) => say!("attack {number} {name}: expect {word:#010x}"),
            Expect::StatusAtLevels { .. } => {}
        }
    }

    /// After every attempt the secure world must still serve an honest caller.
    fn secure_world_is_well(&self) -> bool {
        let status = Request::valid().make();
        let well = status == 0 && Request::digest_is_right();
        if !well {
            say!(
                "attack {} left the secure world unwell: status {}",
                self.number,
                status.cast_signed()
            );
        }
        well
    }
}

/// The attack that a reset interrupted, if this start follows one. Forgets it.
pub(crate) fn interrupted() -> Option<u32> {
    let word = mailbox::remembered();
    mailbox::remember(0);
    (word & 0xFFFF_0000 == UNDER_WAY).then_some(word & 0xFFFF)
}
