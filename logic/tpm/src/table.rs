//! The command table: one line per command. The dispatcher, GetCapability and the tests read the same lines.
//!
//! The lines themselves stand in `commands/*`, one file per chapter of Part 3, next to what they run.

use crate::commands::CHAPTERS;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy, Kind};
use crate::rc::{Rc, Result};

/// One command, as a line of the table says it.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    /// `TPM_CC`.
    pub(crate) code: u32,
    /// What may stand in each place of the handle area.
    pub(crate) handles: &'static [Place],
    /// Which authorisation the first handles need, as many as there are roles.
    pub(crate) roles: &'static [Role],
    /// What else is to be known of it.
    pub(crate) traits: u8,
    /// What it does.
    pub(crate) run: fn(&mut Core<'_>, &mut Call<'_>) -> Result<()>,
}

/// It may write NV.
pub(crate) const NV: u8 = 0x01;
/// It may flush any number of loaded objects.
pub(crate) const EXTENSIVE: u8 = 0x02;
/// A handle of its own is flushed when it succeeds.
pub(crate) const FLUSHED: u8 = 0x04;
/// The answer has a handle.
pub(crate) const RETURNS_HANDLE: u8 = 0x08;
/// The first parameter is a sized buffer and may be encrypted by the caller.
pub(crate) const DECRYPT: u8 = 0x10;
/// The first parameter of the answer is a sized buffer and may be encrypted for the caller.
pub(crate) const ENCRYPT: u8 = 0x20;
/// It takes no sessions at all.
pub(crate) const NO_SESSIONS: u8 = 0x40;

/// Which authorisation a handle needs (Part 1, section 19.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Auth value or policy.
    User,
    /// As the object's attributes say: policy, or the auth value.
    Admin,
    /// Policy alone, with the command in it.
    #[cfg_attr(not(feature = "full"), expect(dead_code, reason = "no command has it"))]
    Duplicate,
}

/// What may stand in a place of the handle area: the `TPMI_DH` and `TPMI_RH` types of Part 2, section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A loaded or persistent object.
    Object,
    /// The same, or `TPM_RH_NULL`.
    ObjectOrNull,
    /// Owner, platform, endorsement, lockout, a countdown timer.
    HierarchyPolicy,
    /// A countdown timer.
    #[cfg(feature = "full")]
    Timer,
    /// Whatever can authorise: object, PCR, NV index, hierarchy (not null), lockout, countdown timer.
    Entity,
    /// The same, or `TPM_RH_NULL`.
    EntityOrNull,
    /// Anything that may be under a parent handle: object or hierarchy.
    #[cfg_attr(not(feature = "full"), expect(dead_code, reason = "no command has it"))]
    Parent,
    /// Owner, platform, endorsement, null.
    Hierarchy,
    /// Owner, platform, endorsement, lockout.
    HierarchyAuth,
    /// Owner or platform.
    Provision,
    /// Platform.
    Platform,
    /// Owner or platform: for NV_GlobalWriteLock and the like as [`Place::Provision`]; endorsement alone here.
    Endorsement,
    /// Lockout.
    Lockout,
    /// Lockout or platform.
    Clear,
    /// An NV index, owner or platform.
    NvAuth,
    /// An NV index.
    NvIndex,
    /// A PCR.
    Pcr,
    /// A PCR or null.
    PcrOrNull,
    /// A policy or trial session.
    PolicySession,
    /// An HMAC session.
    HmacSession,
    /// Any session or loaded object: ContextSave.
    Saveable,
}

impl Place {
    /// Whether a handle of this kind may stand here, whatever it names.
    ///
    /// # Errors
    /// `VALUE`.
    pub(crate) fn accepts(self, handle: Handle) -> Result<()> {
        let object = matches!(handle.kind(), Kind::Transient | Kind::Persistent);
        let null = handle == Handle::NULL;
        let hierarchy = Hierarchy::of(handle).is_some();
        let lockout = handle == Handle::LOCKOUT;
        let pcr = handle.kind() == Kind::Pcr && handle.0 < 24;
        let nv = handle.kind() == Kind::Nv;
        let session = matches!(handle.kind(), Kind::HmacSession | Kind::PolicySession);
        let timer = is_timer(handle);
        let provision = matches!(handle, Handle::OWNER | Handle::PLATFORM);
        let fits = match self {
            Self::Object => object,
            Self::ObjectOrNull => object || null,
            Self::HierarchyPolicy => hierarchy && !null || lockout || timer,
            #[cfg(feature = "full")]
            Self::Timer => timer,
            Self::Entity => object || hierarchy && !null || lockout || pcr || nv || timer,
            Self::EntityOrNull => object || hierarchy || lockout || pcr || nv || timer,
            Self::Parent => object || hierarchy,
            Self::Hierarchy => hierarchy,
            Self::HierarchyAuth => hierarchy && !null || lockout,
            Self::Provision => provision,
            Self::Platform => handle == Handle::PLATFORM,
            Self::Endorsement => handle == Handle::ENDORSEMENT,
            Self::Lockout => lockout,
            Self::Clear => lockout || handle == Handle::PLATFORM,
            Self::NvAuth => nv || provision,
            Self::NvIndex => nv,
            Self::Pcr => pcr,
            Self::PcrOrNull => pcr || null,
            Self::PolicySession => handle.kind() == Kind::PolicySession,
            Self::HmacSession => handle.kind() == Kind::HmacSession,
            Self::Saveable => session || handle.kind() == Kind::Transient,
        };
        match fits {
            true => Ok(()),
            false => Err(Rc::VALUE),
        }
    }
}

/// Whether it names a countdown timer that there is.
#[cfg(feature = "full")]
fn is_timer(handle: Handle) -> bool {
    crate::supplement::timer_of(handle).is_some()
}

/// Without timers.
#[cfg(not(feature = "full"))]
const fn is_timer(_handle: Handle) -> bool {
    false
}

impl Place {
    /// Whether what the handle names need not be there: null, and an NV index or object that the command itself judges.
    pub(crate) fn may_be_absent(self, handle: Handle) -> bool {
        handle == Handle::NULL && matches!(self, Self::ObjectOrNull | Self::PcrOrNull)
    }
}

/// A line as it is kept: half the size of a [`Command`], without pointers to its places and roles.
#[derive(Clone, Copy)]
pub(crate) struct Listed {
    /// What it does.
    pub(crate) run: fn(&mut Core<'_>, &mut Call<'_>) -> Result<()>,
    code: u16,
    traits: u8,
    handle_count: u8,
    role_count: u8,
    places: [Place; 3],
    roles: [Role; 3],
}

impl Listed {
    const fn of(command: Command) -> Self {
        let (handles, roles) = (command.handles, command.roles);
        assert!(roles.len() <= handles.len() && handles.len() <= 3);
        assert!(command.code <= 0xffff);
        let mut listed = Self {
            run: command.run,
            code: command.code as u16,
            traits: command.traits,
            handle_count: handles.len() as u8,
            role_count: roles.len() as u8,
            places: [Place::Object; 3],
            roles: [Role::User; 3],
        };
        let mut at = 0;
        while at < handles.len() {
            listed.places[at] = handles[at];
            if at < roles.len() {
                listed.roles[at] = roles[at];
            }
            at += 1;
        }
        listed
    }

    /// `TPM_CC`.
    pub(crate) fn code(&self) -> u32 {
        self.code.into()
    }

    /// What may stand in each place of the handle area.
    pub(crate) fn handles(&self) -> &[Place] {
        let count = usize::from(self.handle_count);
        self.places.get(..count).unwrap_or_default()
    }

    /// Which authorisation the first handles need.
    pub(crate) fn roles(&self) -> &[Role] {
        let count = usize::from(self.role_count);
        self.roles.get(..count).unwrap_or_default()
    }

    /// Whether it has this trait.
    pub(crate) const fn is(&self, which: u8) -> bool {
        self.traits & which != 0
    }

    /// `TPMA_CC` (Part 2, section 8.9).
    pub(crate) fn attributes(&self) -> u32 {
        let flag = |set: bool, bit: u32| (set as u32) << bit;
        self.code()
            | flag(self.is(NV), 22)
            | flag(self.is(EXTENSIVE), 23)
            | flag(self.is(FLUSHED), 24)
            | u32::from(self.handle_count) << 25
            | flag(self.is(RETURNS_HANDLE), 28)
    }
}

const COUNT: usize = {
    let (mut total, mut chapter) = (0, 0);
    while chapter < CHAPTERS.len() {
        total += CHAPTERS[chapter].len();
        chapter += 1;
    }
    total
};

/// All commands in the order of their codes; made and checked at compile time.
pub(crate) static COMMANDS: [Listed; COUNT] = sorted();

/// The command of that code.
pub(crate) fn find(code: u32) -> Option<&'static Listed> {
    let at = COMMANDS.binary_search_by_key(&code, Listed::code).ok()?;
    COMMANDS.get(at)
}

const fn sorted() -> [Listed; COUNT] {
    let mut all = [Listed::of(CHAPTERS[0][0]); COUNT];
    let (mut filled, mut chapter) = (0, 0);
    while chapter < CHAPTERS.len() {
        let mut line = 0;
        while line < CHAPTERS[chapter].len() {
            let command = Listed::of(CHAPTERS[chapter][line]);
            let mut at = filled;
            while at > 0 && all[at - 1].code > command.code {
                all[at] = all[at - 1];
                at -= 1;
            }
            assert!(
                at == 0 || all[at - 1].code != command.code,
                "a command stands twice in the table"
            );
            all[at] = command;
            filled += 1;
            line += 1;
        }
        chapter += 1;
    }
    all
}
