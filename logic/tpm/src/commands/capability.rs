//! Part 3, section 30: GetCapability. TestParms is with the objects.
//!
//! Each list begins at the property asked for and ends at the count asked for, or where the answer is full; `moreData`
//! says that the list goes on. In failure mode only the properties that identify the TPM are told.

mod algorithms;
mod properties;

pub use properties::REVISION;

pub(super) use algorithms::{algorithms, is_implemented};

use super::pcr::{tell_banks, tell_policy};
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Kind};
use crate::pcr::{COUNT, Property};
use crate::rc::{Rc, Result};
use crate::structures::CURVES;
use crate::table::{COMMANDS as ALL_COMMANDS, Command, Listed};
use crate::wire::{Marshal, Output};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[Command {
    code: 0x17a,
    handles: &[],
    roles: &[],
    traits: 0,
    run: get_capability,
}];

/// `TPM_PT_MAX_CAP_BUFFER`, in bytes; the capability and the count come off it.
pub(super) const MAX_CAP_BUFFER: usize = 1024;
const ROOM: usize = MAX_CAP_BUFFER - 8;

/// `TPM_CAP`
const ALGORITHMS: u32 = 0;
const HANDLES: u32 = 1;
const ALL_CODES: u32 = 2;
const PP_COMMANDS: u32 = 3;
const AUDIT_COMMANDS: u32 = 4;
const PCRS: u32 = 5;
const TPM_PROPERTIES: u32 = 6;
const PCR_PROPERTIES: u32 = 7;
const CURVES_LIST: u32 = 8;
const AUTH_POLICIES: u32 = 9;
const ACTS: u32 = 10;
/// There are none.
const VENDOR_PROPERTIES: u32 = 0x100;

/// A list being written: how many may stand in it, how many do, whether more would.
struct List {
    most: usize,
    told: u32,
    more: bool,
    /// Where the count stands.
    at: usize,
}

impl List {
    /// Begins a list of at most `wanted` items of `len` bytes.
    fn begin(wanted: u32, len: usize, out: &mut Output<'_>) -> Result<Self> {
        let at = out.len();
        out.put(&0u32)?;
        Ok(Self {
            most: usize::try_from(wanted)
                .unwrap_or(usize::MAX)
                .min(ROOM / len.max(1)),
            told: 0,
            more: false,
            at,
        })
    }

    /// One more item; `false`: it did not fit, and no further one will.
    fn tell<T: Marshal>(&mut self, item: &T, out: &mut Output<'_>) -> Result<bool> {
        if self.told as usize >= self.most {
            self.more = true;
            return Ok(false);
        }
        self.told = self.told.saturating_add(1);
        out.put(item)?;
        Ok(true)
    }

    /// Writes the count; gives whether there was more.
    fn end(self, out: &mut Output<'_>) -> Result<bool> {
        out.patch(self.at, &self.told.to_be_bytes())?;
        Ok(self.more)
    }
}

/// Writes a list of what `items` has, `len` bytes each.
fn tell<T: Marshal>(
    items: impl Iterator<Item = T>,
    len: usize,
    wanted: u32,
    out: &mut Output<'_>,
) -> Result<bool> {
    let mut list = List::begin(wanted, len, out)?;
    for item in items {
        if !list.tell(&item, out)? {
            break;
        }
    }
    list.end(out)
}

pub(super) fn get_capability(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    // What there is not is refused before the rest is read.
    let capability = call.params.with(|input| match input.get::<u32>()? {
        known @ (ALGORITHMS..=ACTS | VENDOR_PROPERTIES) => Ok(known),
        _ => Err(Rc::VALUE),
    })?;
    let (property, wanted) = (call.params.get()?, call.params.get()?);
    call.params.end()?;
    if core.has_failed() && !(capability == TPM_PROPERTIES && properties::identifies(property)) {
        return Err(Rc::FAILURE);
    }
    call.out.put(&false)?;
    call.out.put(&capability)?;
    let out = &mut call.out;
    let more = match capability {
        ALGORITHMS => tell(algorithms::properties(property), 8, wanted, out)?,
        HANDLES => tell_handles(core, Handle(property), wanted, out)?,
        ALL_CODES => {
            let codes = ALL_COMMANDS
                .iter()
                .filter(|command| command.code() >= property);
            tell(codes.map(Listed::attributes), 4, wanted, out)?
        }
        #[cfg(feature = "full")]
        PP_COMMANDS | AUDIT_COMMANDS => {
            let kept = core.supplement.kept.get();
            let list = match capability {
                PP_COMMANDS => kept.presence,
                _ => kept.audited,
            };
            tell(list.from(property), 4, wanted, out)?
        }
        // None needs physical presence, and none is audited, where there are no commands that say so.
        #[cfg(not(feature = "full"))]
        PP_COMMANDS | AUDIT_COMMANDS => tell(core::iter::empty::<u32>(), 4, wanted, out)?,
        PCRS if property != 0 => return Err(Rc::VALUE.parameter(2)),
        PCRS if wanted == 0 => tell(core::iter::once(0u32), 4, 0, out)?,
        PCRS => tell_banks(core, out).map(|()| false)?,
        TPM_PROPERTIES => properties::tell(core, property, wanted, out)?,
        PCR_PROPERTIES => {
            let known = Property::ALL.iter().filter(|known| known.0 >= property);
            tell(known.copied(), 8, wanted, out)?
        }
        CURVES_LIST => {
            let curves = CURVES
                .iter()
                .copied()
                .filter(|curve| u32::from(*curve) >= property);
            tell(curves, 2, wanted, out)?
        }
        AUTH_POLICIES if Handle(property).kind() != Kind::Permanent => {
            return Err(Rc::VALUE.parameter(2));
        }
        AUTH_POLICIES => tell_policies(core, property, wanted, out)?,
        ACTS if !(0x4000_0110..=0x4000_011f).contains(&property) => {
            return Err(Rc::VALUE.parameter(2));
        }
        #[cfg(feature = "full")]
        ACTS => tell(timers(core, property), 12, wanted, out)?,
        // There are no authenticated countdown timers.
        #[cfg(not(feature = "full"))]
        ACTS => tell(core::iter::empty::<u32>(), 12, wanted, out)?,
        _ => return Err(Rc::VALUE.parameter(1)),
    };
    call.out.patch(0, &[u8::from(more)])
}

/// `TPMS_TAGGED_PCR_SELECT`
impl Marshal for Property {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        let [a, b, c, _] = self.registers().to_le_bytes();
        out.put(&self.0)?;
        out.raw(&[3, a, b, c])
    }
}

/// Authenticated countdown timers (`TPMS_ACT_DATA`): seconds left, and whether one ran out.
#[cfg(feature = "full")]
fn timers(core: &Core<'_>, from: u32) -> impl Iterator<Item = Timed> {
    let now = core.clock.time;
    (Handle::ACT_FIRST.0..)
        .zip(core.supplement.live.timers)
        .filter(move |(handle, _)| *handle >= from)
        .map(move |(handle, timer)| Timed {
            handle,
            left: timer.remaining(now),
            signalled: timer.signalled,
        })
}

#[cfg(feature = "full")]
struct Timed {
    handle: u32,
    left: u32,
    signalled: bool,
}

#[cfg(feature = "full")]
impl Marshal for Timed {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.handle)?;
        out.put(&self.left)?;
        out.put(&u32::from(self.signalled))
    }
}

/// Permanent handles, in order: the owner, null, passwords, lockout, endorsement, platform and its NV; in the full build
/// two countdown timers.
const PERMANENT: &[Handle] = &[
    Handle::OWNER,
    Handle::NULL,
    Handle::PASSWORD,
    Handle::LOCKOUT,
    Handle::ENDORSEMENT,
    Handle::PLATFORM,
    Handle::PLATFORM_NV,
    #[cfg(feature = "full")]
    Handle::ACT_FIRST,
    #[cfg(feature = "full")]
    Handle(Handle::ACT_FIRST.0 + 1),
];

/// Handles of one kind, from `from` on; those of sessions are counted by their lower 24 bits, whatever kind of session
/// they are: 0x02 asks for loaded and 0x03 for saved ones.
fn tell_handles(
    core: &mut Core<'_>,
    from: Handle,
    wanted: u32,
    out: &mut Output<'_>,
) -> Result<bool> {
    match from.kind() {
        Kind::Pcr => tell((from.0..COUNT as u32).map(Handle), 4, wanted, out),
        Kind::Nv | Kind::Persistent => tell_records(core, from, wanted, out),
        Kind::HmacSession => tell(core.sessions.loaded(from), 4, wanted, out),
        Kind::PolicySession => tell(core.sessions.saved(from), 4, wanted, out),
        Kind::Permanent => tell(
            PERMANENT.iter().copied().filter(|handle| *handle >= from),
            4,
            wanted,
            out,
        ),
        Kind::Transient => tell(core.objects.loaded(from), 4, wanted, out),
        Kind::Unknown => Err(Rc::HANDLE.parameter(2)),
    }
}

/// NV indices and persistent objects: their handles are where the store files them.
fn tell_records(
    core: &mut Core<'_>,
    from: Handle,
    wanted: u32,
    out: &mut Output<'_>,
) -> Result<bool> {
    let mut list = List::begin(wanted, 4, out)?;
    let (kind, mut next) = (from.kind(), from.0);
    while let Some(handle) = core.next_record(next, kind)? {
        if !list.tell(&handle, out)? {
            break;
        }
        next = handle.0.saturating_add(1);
    }
    list.end(out)
}

/// Policies of hierarchies and lockout (`TPMS_TAGGED_POLICY`).
fn tell_policies(
    core: &mut Core<'_>,
    from: u32,
    wanted: u32,
    out: &mut Output<'_>,
) -> Result<bool> {
    struct Tagged(Handle, crate::entity::Policy);
    impl Marshal for Tagged {
        fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
            out.put(&self.0)?;
            tell_policy(&self.1, out)
        }
    }
    let kept = core.permanent.get();
    let all = [
        Tagged(Handle::OWNER, kept.owner.policy),
        Tagged(Handle::LOCKOUT, kept.lockout_policy),
        Tagged(Handle::ENDORSEMENT, kept.endorsement.policy),
        Tagged(Handle::PLATFORM, core.volatile.platform_policy),
    ];
    #[cfg(feature = "full")]
    let all = all.into_iter().chain(
        (Handle::ACT_FIRST.0..)
            .zip(core.supplement.live.timers)
            .map(|(handle, timer)| Tagged(Handle(handle), timer.policy)),
    );
    let longest = 4 + 2 + crate::profile::MAX_DIGEST;
    tell(
        all.into_iter().filter(|tagged| tagged.0.0 >= from),
        longest,
        wanted,
        out,
    )
}
