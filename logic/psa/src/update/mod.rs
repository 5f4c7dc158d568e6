//! Firmware Update (PSA Firmware Update API 1.0.1).
//!
//! ```text
//!            start          finish          install          (boot)         accept
//!   READY ─────────► WRITING ─────► CANDIDATE ─────► STAGED ─────────► TRIAL ─────► UPDATED
//!     ▲                 │ cancel        │ cancel        │ reject         │ reject      │
//!     │                 ▼               ▼               ▼                ▼             │
//!     │               FAILED ◄──────────┴───────────────┘◄─── (boot) REJECTED         │
//!     └──── clean ──────┴──────────────────────────────────────────────────────────────┘
//! ```
//!
//! Components are the images: 0 secure, 1 non-secure. A new image goes block by block into the slot that does
//! not run. `finish` and `install` judge it by the bootloader's own rules ([`ironroot_boot::Demands`]).
//!
//! What the specification leaves open, here: every state but STAGED, TRIAL and REJECTED survives a reset.
//! WRITING does so up to whole sectors; `written` of the component's information says where to go on. Blocks
//! may come in any order, and again with the same bytes; other bytes where something is written are
//! `INVALID_ARGUMENT`. A padded tail reads as erased. All candidates are installed, accepted and rejected
//! together: decisions are one record of the vault ([`book`]), and what a cut left half done the next boot
//! completes or takes back ([`settle`]). An image must be newer than the active one.
//!
//! On a device whose images are a set ([`ironroot_boot::install::set`]) the bootloader keeps to the decision as
//! well: what is staged starts as one, and `accept` is one write of that record.
//!
//! Where sectors move at boot ([`UpdateMode::moves_sectors`]) the new image goes to slot B, from the sector on that
//! the strategy wants it in, and runs from slot A, as the old one does: which of the two it is, its digest tells.

mod book;
mod settle;
mod slots;

pub use slots::{ImageRules, ImageSlots};

use crate::System;
use crate::scratch::Scratch;
use crate::store::Store;
use book::{Book, Entry, Stage};
use ironroot_boot::install::set::Group;
use ironroot_boot::otp::RootKeys;
use ironroot_boot::{Image, PerImage, Reason, Running, Slot, UpdateMode};
use ironroot_image::shared_data::SharedData;
use ironroot_image::{Dependency, Refusal, Version};
use ironroot_platform::Flash;
use ironroot_psa_api::fwu::{
    ACCEPT, CANCEL, CLEAN, ComponentInfo, ComponentState, FINISH, INSTALL, ImageVersion,
    LOG2_WRITE_ALIGN, MAX_WRITE_SIZE, QUERY, REJECT, REQUEST_REBOOT, START, WRITE, reason,
};
use ironroot_psa_api::{Error, Status};
use ironroot_spm::Message;

/// What the service remembers.
#[derive(Debug)]
pub(crate) struct UpdateState {
    running: PerImage<Option<Running>>,
    /// As stored; nothing until the first look after a boot succeeded.
    book: Option<Book>,
    /// While writing: how much was stored front to back.
    written: PerImage<u32>,
}

/// How the device updates, from what the bootloader told.
pub(crate) fn mode(shared_data: &[u8]) -> UpdateMode {
    let shared = SharedData::parse(shared_data);
    let told = shared.and_then(|shared| UpdateMode::read(&shared));
    told.unwrap_or(UpdateMode::RamLoad)
}

impl UpdateState {
    /// From what the bootloader told.
    pub(crate) fn new(shared_data: &[u8]) -> Self {
        let shared = SharedData::parse(shared_data);
        let running = |image| Running::read(shared.as_ref()?, image);
        Self {
            running: PerImage {
                secure: running(Image::Secure),
                non_secure: running(Image::NonSecure),
            },
            book: None,
            written: PerImage::default(),
        }
    }
}

/// What the service works with.
pub(crate) struct Environment<'e, S, F> {
    pub(crate) store: &'e mut S,
    pub(crate) slots: &'e mut ImageSlots<F>,
    pub(crate) root_keys: &'e PerImage<RootKeys>,
}

/// Answers a message.
pub(crate) fn call<S: Store, F: Flash>(
    state: &mut UpdateState,
    env: Environment<'_, S, F>,
    scratch: &mut Scratch,
    system: &mut impl System,
    message: &mut Message<'_>,
) -> Result<Status, Error> {
    if message.kind() == REQUEST_REBOOT {
        system.reset();
        return Ok(Status::SUCCESS);
    }
    let mut service = Service::open(state, env)?;
    let done = |()| Status::SUCCESS;
    let result = match message.kind() {
        QUERY => service.query(message).map(done),
        START => service.start(message).map(done),
        WRITE => service.write(scratch, message).map(done),
        FINISH => service.finish(message).map(done),
        CANCEL => service.cancel(message).map(done),
        CLEAN => service.clean(message).map(done),
        INSTALL => service.install(),
        REJECT => service.reject(message),
        ACCEPT => service.accept().map(done),
        _ => Err(Error::NotSupported),
    };
    let book = service.book;
    state.book = Some(book);
    result
}

/// Looks at what a boot made of updates. Called once at start; if that fails, every call tries again.
pub(crate) fn settle<S: Store, F: Flash>(state: &mut UpdateState, env: Environment<'_, S, F>) {
    // There is nobody to tell yet.
    let book = Service::open(state, env).map(|service| service.book);
    state.book = book.ok();
}

struct Service<'s, S, F> {
    running: PerImage<Option<Running>>,
    written: &'s mut PerImage<u32>,
    book: Book,
    env: Environment<'s, S, F>,
}

/// A component that exists.
#[derive(Clone, Copy)]
struct Component {
    image: Image,
    running: Running,
    entry: Entry,
}

impl Component {
    /// The slot that does not run: B, always, where sectors move.
    const fn second(&self) -> (Image, Slot) {
        (self.image, self.running.slot.other())
    }
}

impl<'s, S: Store, F: Flash> Service<'s, S, F> {
    /// The service as it stands; after a boot, first what the boot made of it.
    fn open(state: &'s mut UpdateState, env: Environment<'s, S, F>) -> Result<Self, Error> {
        let known = state.book;
        let mut service = Self {
            running: state.running,
            written: &mut state.written,
            book: match known {
                Some(book) => book,
                None => book::load(env.store)?,
            },
            env,
        };
        if known.is_none() {
            service.settle()?;
        }
        Ok(service)
    }

    fn get(&self, image: Image) -> Option<Component> {
        let running = (*self.running.get(image))?;
        let entry = *self.book.get(image);
        Some(Component {
            image,
            running,
            entry,
        })
    }

    /// The component that input 0 names.
    fn component(&self, message: &mut Message<'_>) -> Result<Component, Error> {
        let [number] = message.read_whole(0).ok_or(Error::ProgrammerError)?;
        let image = Image::from_number(number).ok_or(Error::DoesNotExist)?;
        self.get(image).ok_or(Error::DoesNotExist)
    }

    fn component_at(
        &self,
        message: &mut Message<'_>,
        stages: &[Stage],
    ) -> Result<Component, Error> {
        let component = self.component(message)?;
        if stages.contains(&component.entry.stage) {
            Ok(component)
        } else {
            Err(Error::BadState)
        }
    }

    /// Stores what changed. A change that could not be stored did not happen.
    fn change(&mut self, change: impl Fn(Image, &mut Entry)) -> Result<(), Error> {
        let mut book = self.book;
        for image in Image::ALL {
            change(image, book.get_mut(image));
        }
        book::save(self.env.store, &book)?;
        self.book = book;
        Ok(())
    }

    fn enter(&mut self, image: Image, entry: Entry) -> Result<(), Error> {
        self.change(|other, place| {
            if other == image {
                *place = entry;
            }
        })
    }

    /// Brings every component at stage `from` to `to`, in the slot it is in.
    fn advance(&mut self, from: Stage, to: Stage) -> Result<(), Error> {
        self.change(|_, entry| {
            if entry.is(from) {
                entry.stage = to;
            }
        })
    }

    fn any(&self, stage: Stage) -> bool {
        Image::ALL
            .into_iter()
            .any(|image| self.book.get(image).is(stage))
    }

    /// Components at `stage`.
    fn all_at(&self, stage: Stage) -> [Option<Component>; 2] {
        Image::ALL.map(|image| {
            self.get(image)
                .filter(|component| component.entry.is(stage))
        })
    }

    fn query(&mut self, message: &mut Message<'_>) -> Result<(), Error> {
        let component = self.component(message)?;
        let Component {
            image,
            running,
            entry,
        } = component;
        let state = entry.stage.state(entry.slot == running.slot);
        let version = self.env.slots.version((image, running.slot));
        let info = ComponentInfo {
            state,
            error: entry.error,
            version: version.map_or(ImageVersion::default(), |version| ImageVersion {
                major: version.major,
                minor: version.minor,
                patch: version.revision,
                build: version.build,
            }),
            max_size: self.env.slots.limit(component.second())?,
            flags: 0,
            location: u32::from(running.slot.number()),
            candidate_digest: match state {
                ComponentState::Candidate | ComponentState::Staged => entry.digest,
                _ => [0; 32],
            },
            written: match state {
                ComponentState::Writing => *self.written.get(image),
                _ => 0,
            },
            reason: entry.reason,
        };
        let bytes = info.to_bytes();
        let shown = if message.out_len(0) < ComponentInfo::SIZE {
            bytes.get(..ComponentInfo::TF_M_SIZE).unwrap_or_default()
        } else {
            &bytes
        };
        message.write(0, shown).map_err(Error::from)
    }

    fn start(&mut self, message: &mut Message<'_>) -> Result<(), Error> {
        let component = self.component_at(message, &[Stage::Ready])?;
        if message.in_len(1) != 0 {
            return Err(Error::InvalidArgument); // images carry their manifest
        }
        self.erase(&component)?;
        *self.written.get_mut(component.image) = 0;
        let (image, slot) = component.second();
        self.enter(image, Entry::at(Stage::Writing, slot))
    }

    /// Erases the second slot. If power goes, the next time every sector is erased: one whose erase was cut
    /// off may read as erased and not be. Whoever calls stores a new entry afterwards, without the doubt.
    fn erase(&mut self, component: &Component) -> Result<(), Error> {
        let entry = component.entry;
        if !entry.doubtful {
            if self.env.slots.is_blank(component.second())? {
                return Ok(());
            }
            let doubtful = Entry {
                doubtful: true,
                ..entry
            };
            self.enter(component.image, doubtful)?;
        }
        self.env.slots.erase(component.second(), entry.doubtful)
    }

    fn write(&mut self, scratch: &mut Scratch, message: &mut Message<'_>) -> Result<(), Error> {
        let component = self.component_at(message, &[Stage::Writing])?;
        let offset = message
            .read_whole(1)
            .map(u32::from_le_bytes)
            .ok_or(Error::ProgrammerError)?;
        let len = message.in_len(2);
        let unit = self.env.slots.write_unit().max(1 << LOG2_WRITE_ALIGN);
        let aligned = offset & unit.wrapping_sub(1) == 0; // a power of two
        if len == 0 || len > MAX_WRITE_SIZE || !aligned {
            return Err(Error::InvalidArgument);
        }
        let fits = |len: usize| -> Option<(u32, usize)> {
            let padded = u32::try_from(len).ok()?.checked_next_multiple_of(unit)?;
            let end = offset.checked_add(padded)?;
            Some((end, usize::try_from(padded).ok()?))
        };
        let (end, padded) = fits(len).ok_or(Error::InvalidArgument)?;
        if end > self.env.slots.limit(component.second())? {
            return Err(Error::InvalidArgument);
        }
        if !component.entry.doubtful {
            // If power goes from here on, the end of what is written is not to be trusted.
            let doubtful = Entry {
                doubtful: true,
                ..component.entry
            };
            self.enter(component.image, doubtful)?;
        }
        let erased = self.env.slots.erased();
        scratch.lend(padded, |block| {
            block.fill(erased);
            let data = block.get_mut(..len).ok_or(Error::CorruptionDetected)?;
            if message.read(2, data) != len {
                return Err(Error::ProgrammerError);
            }
            self.env.slots.place(component.second(), offset, block)
        })?;
        let written = self.written.get_mut(component.image);
        if offset <= *written {
            *written = end.max(*written);
        }
        Ok(())
    }

    fn finish(&mut self, message: &mut Message<'_>) -> Result<(), Error> {
        let component = self.component_at(message, &[Stage::Writing])?;
        let (image, slot) = component.second();
        let active = self.env.slots.version((image, component.running.slot));
        let (keys, place) = (self.env.root_keys, (image, slot));
        let refused = match self.env.slots.examine(keys, place, &|_| true) {
            Ok(examined) if Some(examined.version) > active => {
                let candidate = Entry::at(Stage::Candidate, slot);
                return self.enter(image, candidate.of(examined.digest));
            }
            Ok(_) => (Error::NotPermitted, reason::NOT_NEWER),
            Err(refusal) => (status_of(refusal), refusal.number()),
        };
        self.enter(image, failed(slot, refused))?;
        Err(refused.0)
    }

    fn cancel(&mut self, message: &mut Message<'_>) -> Result<(), Error> {
        let component = self.component_at(message, &[Stage::Writing, Stage::Candidate])?;
        let (image, slot) = component.second();
        self.enter(
            image,
            Entry::down(Stage::Failed, slot, Status::SUCCESS, reason::CANCELLED),
        )
    }

    fn clean(&mut self, message: &mut Message<'_>) -> Result<(), Error> {
        let component = self.component_at(message, &[Stage::Failed, Stage::Updated])?;
        self.erase(&component)?;
        let (image, slot) = component.second();
        self.enter(image, Entry::at(Stage::Ready, slot))
    }

    fn install(&mut self) -> Result<Status, Error> {
        let busy = Image::ALL
            .into_iter()
            .any(|image| self.book.get(image).stage.in_flight());
        if busy || !self.any(Stage::Candidate) {
            return Err(Error::BadState);
        }
        self.judge_all(Stage::Candidate)?;
        let moves = self.env.slots.moves_sectors();
        self.change(|_, entry| {
            if entry.is(Stage::Candidate) {
                (entry.stage, entry.doubtful) = (Stage::Staged, moves);
            }
        })?;
        if let Err(error) = self.mark_staged() {
            self.unstage()?;
            return Err(error);
        }
        self.marks_may_be_missing(false)?;
        Ok(Status::SUCCESS_REBOOT)
    }

    /// Where a mark is used up by the swap, a missing one tells nothing unless it is known to have been there.
    fn marks_may_be_missing(&mut self, doubtful: bool) -> Result<(), Error> {
        if !self.env.slots.moves_sectors() {
            return Ok(());
        }
        self.change(|_, entry| {
            if entry.is(Stage::Staged) {
                entry.doubtful = doubtful;
            }
        })
    }

    fn mark_staged(&mut self) -> Result<(), Error> {
        self.env.slots.stage_set(self.group_at(Stage::Staged))?;
        for component in self.all_at(Stage::Staged).into_iter().flatten() {
            self.env.slots.mark(component.second())?;
        }
        Ok(())
    }

    /// Components at `stage`, and the slot of each.
    fn group_at(&self, stage: Stage) -> Group {
        let components = self.all_at(stage).into_iter().flatten();
        components.fold(Group::default(), |group, component| {
            group.with(component.image, component.entry.slot)
        })
    }

    /// Nothing is asked for any more: a set waits for all of its marks, and is forgotten when none is left.
    fn take_marks_back(&mut self) -> Result<(), Error> {
        for component in self.all_at(Stage::Staged).into_iter().flatten() {
            self.env.slots.unmark(component.second())?;
        }
        self.env.slots.forget_set()
    }

    /// Staged images are candidates again.
    fn unstage(&mut self) -> Result<(), Error> {
        self.take_marks_back()?;
        self.change(|_, entry| {
            if entry.is(Stage::Staged) {
                (entry.stage, entry.doubtful) = (Stage::Candidate, false);
            }
        })
    }

    /// Judges every image at `stage`, with what runs and each other as what they may depend on. One that is
    /// bad fails them all; one that lacks another fails none.
    fn judge_all(&mut self, stage: Stage) -> Result<(), Error> {
        let versions = Image::ALL.map(|image| {
            let component = self.get(image)?;
            let place = if component.entry.is(stage) {
                component.second()
            } else {
                (image, component.running.slot)
            };
            self.env.slots.version(place)
        });
        let met = |dependency: &Dependency| meets(&versions, dependency);
        let mut complete = true;
        for component in self.all_at(stage).into_iter().flatten() {
            let judged = self
                .env
                .slots
                .examine(self.env.root_keys, component.second(), &met);
            match judged {
                Ok(examined) => complete &= examined.complete,
                Err(refusal) => {
                    let refused = (status_of(refusal), refusal.number());
                    self.change(|_, entry| {
                        if entry.is(stage) {
                            *entry = failed(entry.slot, refused);
                        }
                    })?;
                    return Err(refused.0);
                }
            }
        }
        if complete {
            Ok(())
        } else {
            Err(Error::DependencyNeeded)
        }
    }

    /// Takes marks back before it says so: whatever a cut leaves, the images are still staged or the next boot
    /// finds that the set is not whole any more.
    fn reject(&mut self, message: &mut Message<'_>) -> Result<Status, Error> {
        let error = message
            .read_whole(0)
            .map(|bytes| Status(i32::from_le_bytes(bytes)))
            .ok_or(Error::ProgrammerError)?;
        let (from, to, status) = if self.any(Stage::Trial) {
            if !self.env.slots.accepted_set()?.is_empty() {
                return Err(Error::BadState); // an acceptance that failed half-way has decided
            }
            (Stage::Trial, Stage::Rejected, Status::SUCCESS_REBOOT)
        } else if self.any(Stage::Staged) {
            self.marks_may_be_missing(true)?;
            self.take_marks_back()?;
            (Stage::Staged, Stage::Failed, Status::SUCCESS)
        } else {
            return Err(Error::BadState);
        };
        self.change(|_, entry| {
            if entry.is(from) {
                *entry = Entry::down(to, entry.slot, error, reason::REJECTED);
            }
        })?;
        Ok(status)
    }

    /// Confirms all images on trial. The decision is stored first, and carried out at the next boot if power
    /// goes before it is done. Of a set it is the bootloader's record that decides.
    fn accept(&mut self) -> Result<(), Error> {
        let begun = Image::ALL.into_iter().any(|image| {
            self.get(image).is_some_and(|component| {
                component.entry.is(Stage::Accepting)
                    && component.entry.slot == component.running.slot
            })
        });
        if !self.any(Stage::Trial) && !begun {
            return Err(Error::BadState);
        }
        if self.any(Stage::Trial) {
            self.env.slots.accept_set(self.group_at(Stage::Trial))?;
            self.advance(Stage::Trial, Stage::Accepting)?;
        }
        self.carry_acceptance_out(false)?;
        self.env.slots.forget_set()
    }
}

/// Failed by a verdict: what the caller is told, and the reason.
fn failed(slot: Slot, (error, reason): (Error, u8)) -> Entry {
    Entry::down(Stage::Failed, slot, error.status(), reason)
}

/// Whether the versions of the images meet a dependency.
fn meets(versions: &[Option<Version>; 2], dependency: &Dependency) -> bool {
    let other = versions
        .get(usize::from(dependency.image))
        .copied()
        .flatten();
    other.is_some_and(|version| version.satisfies(&dependency.minimum))
}

/// A refusal as `psa_fwu_finish` and `psa_fwu_install` answer it.
fn status_of(reason: Reason) -> Error {
    match reason {
        Reason::Image(Refusal::Unreadable) => Error::StorageFailure,
        Reason::Image(Refusal::FaultDetected) => Error::CorruptionDetected,
        Reason::Image(
            Refusal::CounterMissing
            | Refusal::CounterTooLow
            | Refusal::VendorMismatch
            | Refusal::ClassMismatch
            | Refusal::NotBootable,
        )
        | Reason::SchemeNotSupported
        | Reason::CounterOutOfReach => Error::NotPermitted,
        // Hash, key and signature: the refusals from 40 on, up to those of policy.
        Reason::Image(refusal) if matches!(refusal as u8, 40..60) => Error::InvalidSignature,
        _ => Error::InvalidArgument,
    }
}
