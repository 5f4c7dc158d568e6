//! What the service keeps over a reset: one record of the vault for all components, so that what
//! concerns several of them changes at once or not at all.

use crate::space;
use crate::store::Store;
use ironroot_boot::{Image, PerImage, Slot};
use ironroot_codec::{Cursor, Writer};
use ironroot_psa_api::fwu::{ComponentState, reason};
use ironroot_psa_api::{Error, Status};
use ironroot_vault::RecordId;

/// Nobody's: no client has this id.
const NAME: RecordId = RecordId::new(space::UPDATE, 0, 1);
const FORMAT: u8 = 1;
const ENTRY_LEN: usize = 44;
const LEN: usize = 1 + 2 * ENTRY_LEN;

/// How far an update is. Numbers are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    #[default]
    Ready = 0,
    Writing = 1,
    Candidate = 2,
    /// Marked, or about to be.
    Staged = 3,
    Failed = 4,
    Trial = 5,
    Rejected = 6,
    Updated = 7,
    /// The decision to accept is taken; marks may still be missing.
    Accepting = 8,
}

impl Stage {
    const ALL: [Self; 9] = [
        Self::Ready,
        Self::Writing,
        Self::Candidate,
        Self::Staged,
        Self::Failed,
        Self::Trial,
        Self::Rejected,
        Self::Updated,
        Self::Accepting,
    ];

    /// As clients see it; `running` is whether the new image runs.
    pub(super) const fn state(self, running: bool) -> ComponentState {
        match self {
            Self::Ready => ComponentState::Ready,
            Self::Writing => ComponentState::Writing,
            Self::Candidate => ComponentState::Candidate,
            Self::Staged => ComponentState::Staged,
            Self::Failed => ComponentState::Failed,
            Self::Trial => ComponentState::Trial,
            Self::Rejected => ComponentState::Rejected,
            Self::Updated => ComponentState::Updated,
            Self::Accepting if running => ComponentState::Trial,
            // It was accepted and comes with the next boot.
            Self::Accepting => ComponentState::Staged,
        }
    }

    /// An installation that has not come to its end.
    pub(super) const fn in_flight(self) -> bool {
        matches!(
            self,
            Self::Staged | Self::Trial | Self::Rejected | Self::Accepting
        )
    }
}

/// What is known of one component's update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stage: Stage,
    /// Where the image lies that the stage speaks of.
    pub(super) slot: Slot,
    /// An erase of the second slot began and was not seen to end: what reads as erased may not be. Of a staged
    /// image, where sectors move: its mark may never have been written.
    pub(super) doubtful: bool,
    pub(super) reason: u8,
    pub(super) error: Status,
    /// While writing: up to this sector, what reads as erased may not be.
    pub(super) tail: u16,
    pub(super) digest: [u8; 32],
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            stage: Stage::Ready,
            slot: Slot::A,
            doubtful: false,
            reason: reason::NONE,
            error: Status::SUCCESS,
            tail: 0,
            digest: [0; 32],
        }
    }
}

impl Entry {
    /// At a stage, with nothing else to tell.
    pub(super) fn at(stage: Stage, slot: Slot) -> Self {
        Self {
            stage,
            slot,
            ..Self::default()
        }
    }

    /// About the image with this digest.
    pub(super) const fn of(self, digest: [u8; 32]) -> Self {
        Self { digest, ..self }
    }

    /// Failed or rejected, and why.
    pub(super) fn down(stage: Stage, slot: Slot, error: Status, reason: u8) -> Self {
        Self {
            error,
            reason,
            ..Self::at(stage, slot)
        }
    }

    /// Whether `stage` is where it is.
    pub(super) fn is(&self, stage: Stage) -> bool {
        self.stage == stage
    }

    fn write(&self, out: &mut Writer<'_>) -> Option<()> {
        out.u8(self.stage as u8).ok()?;
        out.u8(self.slot.number()).ok()?;
        out.u8(u8::from(self.doubtful)).ok()?;
        out.u8(self.reason).ok()?;
        out.i32_le(self.error.0).ok()?;
        out.u16_le(self.tail).ok()?;
        out.u16_le(0).ok()?;
        out.put(&self.digest).ok()
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        let stage = input.u8().ok()?;
        let entry = Self {
            stage: Stage::ALL.get(usize::from(stage)).copied()?,
            slot: Slot::from_number(input.u8().ok()?)?,
            doubtful: input.u8().ok()? != 0,
            reason: input.u8().ok()?,
            error: Status::from_register(input.u32_le().ok()?),
            tail: input.u16_le().ok()?,
            digest: {
                input.skip(2).ok()?;
                input.array().ok()?
            },
        };
        Some(entry)
    }
}

/// The entries of all components.
pub(super) type Book = PerImage<Entry>;

/// The stored entries; without a record those of components that were never updated.
pub(super) fn load(store: &mut impl Store) -> Result<Book, Error> {
    let foreign = Entry {
        doubtful: true,
        ..Entry::default()
    };
    match store.read(&NAME, decode) {
        // A later version of this service wrote it, before the device went back to this one.
        Ok(book) => Ok(book.unwrap_or(Book {
            secure: foreign,
            non_secure: foreign,
        })),
        Err(Error::DoesNotExist) => Ok(Book::default()),
        Err(error) => Err(error),
    }
}

/// Stores the entries.
pub(super) fn save(store: &mut impl Store, book: &Book) -> Result<(), Error> {
    store.set_with(&NAME, 0, LEN, |place| {
        let mut out = Writer::new(place);
        let written = out.u8(FORMAT).is_ok()
            && Image::ALL
                .into_iter()
                .all(|image| book.get(image).write(&mut out).is_some());
        if written {
            Ok(())
        } else {
            Err(Error::CorruptionDetected)
        }
    })
}

fn decode(bytes: &[u8]) -> Option<Book> {
    let mut input = Cursor::new(bytes);
    (bytes.len() == LEN && input.u8().ok()? == FORMAT).then_some(())?;
    Some(Book {
        secure: Entry::read(&mut input)?,
        non_secure: Entry::read(&mut input)?,
    })
}
