//! After a boot: what became of updates, by what the bootloader started and what the trailers say.
//!
//! Marks of several slots cannot be written at once, and neither can confirmations. So the decision stands
//! in the [book](super::book) first, and here it is completed or taken back:
//!
//! | stored | found | then |
//! |---|---|---|
//! | STAGED | all on trial | TRIAL |
//! | STAGED | none marked | CANDIDATE: the installation had not begun |
//! | STAGED | some on trial only | these REJECTED, the others FAILED: a set goes back as one |
//! | STAGED, as a set with a record | some marked only | none marked any more: CANDIDATE |
//! | STAGED | refused at boot, or tried and gone | FAILED, with the reason |
//! | TRIAL, REJECTED | gone | FAILED |
//! | accepting, or accepted by the record of the set | – | every mark is written (again): UPDATED, or with the next boot |
//! | WRITING | power went while writing | the torn end is erased, by whole sectors |

use super::book::{self, Entry, Stage};
use super::{Component, Service, status_of};
use crate::store::Store;
use ironroot_boot::{Image, Reason, Slot};
use ironroot_image::trailer::{FlagState, MagicState};
use ironroot_platform::Flash;
use ironroot_psa_api::Error;
use ironroot_psa_api::fwu::reason;

/// What became of an image that was staged or on trial.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It runs on trial.
    OnTrial,
    /// It runs, confirmed.
    Kept,
    /// It is marked, and the bootloader has not tried it.
    Waiting,
    /// It has no mark.
    Unmarked,
    /// It was tried, and something else runs; or it runs because nothing else can.
    Gone,
}

impl<S: Store, F: Flash> Service<'_, S, F> {
    /// Brings the book in line with what this boot made of it.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let stored = self.book;
        self.locate()?;
        self.take_acceptance_over()?;
        self.carry_acceptance_out(true)?;
        self.settle_staged()?;
        for image in Image::ALL {
            if let Some(component) = self.get(image) {
                let was = stored.get(image).stage;
                *self.book.get_mut(image) = self.settle_one(&component, was)?;
            }
        }
        if self.book != stored {
            book::save(self.env.store, &self.book)?;
        }
        if !self.any(Stage::Staged) {
            // What was accepted is marked by now.
            self.env.slots.forget_set()?;
        }
        for component in self.all_at(Stage::Writing).into_iter().flatten() {
            self.resume(&component)?;
        }
        Ok(())
    }

    /// Where sectors move, new images and old ones run from the same slot: which one it is now.
    fn locate(&mut self) -> Result<(), Error> {
        if !self.env.slots.moves_sectors() {
            return Ok(());
        }
        for image in Image::ALL {
            let entry = *self.book.get(image);
            if entry.stage.in_flight() {
                let runs = self.digest_of_running(image) == Some(entry.digest);
                self.book.get_mut(image).slot = if runs { Slot::A } else { Slot::B };
            }
        }
        Ok(())
    }

    /// Of the image in slot A, where sectors move.
    fn digest_of_running(&mut self, image: Image) -> Option<[u8; 32]> {
        let (keys, place) = (self.env.root_keys, (image, Slot::A));
        let examined = self.env.slots.examine(keys, place, &|_| true);
        examined.ok().map(|examined| examined.digest)
    }

    /// The record of a set says that it is accepted, whatever the book says.
    fn take_acceptance_over(&mut self) -> Result<(), Error> {
        let accepted = self.env.slots.accepted_set()?;
        for image in Image::ALL {
            if let Some(slot) = accepted.slot(image) {
                let entry = self.book.get_mut(image);
                (entry.stage, entry.slot) = (Stage::Accepting, slot);
            }
        }
        Ok(())
    }

    /// Confirms what is to be accepted. After a reset (`afresh`) marks are written anew: one whose writing
    /// was cut off may look right today only.
    pub(super) fn carry_acceptance_out(&mut self, afresh: bool) -> Result<(), Error> {
        let mut book = self.book;
        for component in self.all_at(Stage::Accepting).into_iter().flatten() {
            let Component {
                image,
                running,
                entry,
            } = component;
            let place = (image, entry.slot);
            let runs = entry.slot == running.slot;
            *book.get_mut(image) = if !runs && self.fate(&component)? == Fate::Waiting {
                // Marked for good before this boot, and still it does not run.
                self.gone(&component)
            } else {
                self.env.slots.confirm(place, afresh)?;
                let stage = if runs {
                    Stage::Updated
                } else {
                    Stage::Accepting
                };
                Entry { stage, ..entry }
            };
        }
        if book != self.book {
            book::save(self.env.store, &book)?;
            self.book = book;
        }
        Ok(())
    }

    fn fate(&mut self, component: &Component) -> Result<Fate, Error> {
        let Component {
            image,
            running,
            entry,
        } = *component;
        let runs = entry.slot == running.slot;
        let moves = self.env.slots.moves_sectors();
        if running.trial && (runs || !moves) {
            return Ok(Fate::OnTrial);
        }
        if runs && !self.env.slots.reverts() {
            return Ok(Fate::Kept);
        }
        if !runs && self.env.slots.failed_set()?.contains(image, entry.slot) {
            return Ok(Fate::Gone);
        }
        let trailer = self.env.slots.trailer((image, entry.slot))?;
        let marked = trailer.magic == MagicState::Good || trailer.copy_done == FlagState::Set;
        let confirmed = marked && trailer.image_ok == FlagState::Set;
        Ok(match (confirmed, runs) {
            (true, true) => Fate::Kept,
            (true, false) => Fate::Waiting,
            (false, true) => Fate::Gone,
            // A swap uses the mark up.
            (false, false) if !marked && moves && !entry.doubtful => Fate::Gone,
            (false, false) if !marked => Fate::Unmarked,
            (false, false) if trailer.copy_done == FlagState::Unset => Fate::Waiting,
            (false, false) => Fate::Gone,
        })
    }

    /// All that was staged, as a set.
    fn settle_staged(&mut self) -> Result<(), Error> {
        let mut fates = [None; 2];
        for (place, component) in fates.iter_mut().zip(self.all_at(Stage::Staged)) {
            *place = match component {
                Some(component) => Some((component, self.fate(&component)?)),
                None => None,
            };
        }
        let all = |good: &[Fate]| fates.iter().flatten().all(|(_, fate)| good.contains(fate));
        if !self.any(Stage::Staged) {
            return Ok(());
        }
        // Of a set that waits for all of its marks nothing was tried.
        let held = self.env.slots.together() && all(&[Fate::Unmarked, Fate::Waiting]);
        if all(&[Fate::Unmarked]) || held && !all(&[Fate::Waiting]) {
            return self.unstage();
        }
        if all(&[Fate::Waiting]) {
            return self.settle_waiting();
        }
        let whole = all(&[Fate::OnTrial, Fate::Kept]);
        for (component, fate) in fates.into_iter().flatten() {
            let Component {
                image,
                running,
                entry,
            } = component;
            let broken = Error::GenericError.status();
            *self.book.get_mut(image) = match fate {
                Fate::Kept => Entry::at(Stage::Updated, running.slot),
                Fate::OnTrial if whole => Entry::at(Stage::Trial, running.slot).of(entry.digest),
                Fate::OnTrial => {
                    Entry::down(Stage::Rejected, running.slot, broken, reason::SET_BROKEN)
                        .of(entry.digest)
                }
                Fate::Gone => {
                    let failed = self.gone(&component);
                    if self.env.slots.moves_sectors() {
                        // The bootloader may have been cut off while it dropped the mark.
                        self.env.slots.unmark(component.second())?;
                    }
                    failed
                }
                Fate::Waiting | Fate::Unmarked => {
                    let failed = self.gone(&component);
                    self.env.slots.unmark((image, entry.slot))?;
                    failed
                }
            };
        }
        Ok(())
    }

    /// Staged and marked, and the bootloader did not try it: it refused, or there was no boot since.
    fn settle_waiting(&mut self) -> Result<(), Error> {
        match self.judge_all(Stage::Staged) {
            Ok(()) => return Ok(()),
            Err(Error::DependencyNeeded) => {
                let unmet = Reason::DependencyUnmet.number();
                self.change(|_, entry| {
                    if entry.is(Stage::Staged) {
                        let status = Error::DependencyNeeded.status();
                        *entry = Entry::down(Stage::Failed, entry.slot, status, unmet);
                    }
                })?;
            }
            // They are failed already.
            Err(_) => (),
        }
        for component in self.all_at(Stage::Failed).into_iter().flatten() {
            if component.entry.slot != component.running.slot {
                self.env.slots.unmark(component.second())?;
            }
        }
        // A set is forgotten when its last mark is gone.
        self.env.slots.forget_set()
    }

    /// Failed, because something else runs. Why: what the bootloader says of the image, or its trial.
    fn gone(&mut self, component: &Component) -> Entry {
        let (image, second) = component.second();
        let place = (image, component.entry.slot);
        let trailer = self.env.slots.trailer(place);
        let tried = match self.env.slots.moves_sectors() && self.env.slots.reverts() {
            // What waited for its swap and is swapped back has no mark left.
            true => !component.entry.is(Stage::Accepting),
            false => trailer.is_ok_and(|trailer| trailer.copy_done != FlagState::Unset),
        };
        let judged = self.env.slots.examine(self.env.root_keys, place, &|_| true);
        let (error, reason) = match judged {
            Err(refusal) => (status_of(refusal), refusal.number()),
            Ok(_) if tried => (Error::GenericError, Reason::TrialFailed.number()),
            Ok(_) => (Error::GenericError, reason::NOT_STARTED),
        };
        Entry::down(Stage::Failed, second, error.status(), reason)
    }

    /// A component by itself, `was` at this stage before the boot.
    fn settle_one(&mut self, component: &Component, was: Stage) -> Result<Entry, Error> {
        let Component { running, entry, .. } = *component;
        let second = running.slot.other();
        Ok(match entry.stage {
            Stage::Trial if was == Stage::Trial => match self.fate(component)? {
                Fate::OnTrial => Entry::at(Stage::Trial, running.slot).of(entry.digest),
                Fate::Kept => Entry::at(Stage::Updated, running.slot),
                // Confirmed from outside after it was gone: it comes back.
                Fate::Waiting => Entry::at(Stage::Staged, second).of(entry.digest),
                Fate::Unmarked | Fate::Gone => self.gone(component),
            },
            Stage::Rejected if was == Stage::Rejected && !running.trial => Entry {
                stage: Stage::Failed,
                slot: second,
                ..entry
            },
            Stage::Staged | Stage::Accepting => entry,
            Stage::Trial | Stage::Rejected if was == Stage::Staged => entry,
            // Somebody else installed it: a tool while the device was off, or the bootloader's recovery.
            _ if running.trial => {
                let digest = match self.env.slots.moves_sectors() {
                    true => self.digest_of_running(component.image),
                    false => None,
                };
                Entry::at(Stage::Trial, running.slot).of(digest.unwrap_or_default())
            }
            Stage::Writing | Stage::Candidate | Stage::Failed if entry.slot != second => {
                Entry::default()
            }
            Stage::Updated if entry.slot == second => Entry::default(),
            _ => entry,
        })
    }

    /// Finds where an interrupted download goes on. The last sector in use may end in a torn write and the
    /// one behind it may only look erased: both are erased, and so are the sectors that an earlier resumption
    /// was about to erase.
    fn resume(&mut self, component: &Component) -> Result<(), Error> {
        let (place, entry) = (component.second(), component.entry);
        if entry.doubtful {
            let last = self.env.slots.last_used(place)?.unwrap_or(0);
            let behind = u16::try_from(last.saturating_add(1)).unwrap_or(u16::MAX);
            let tail = entry.tail.max(behind);
            if tail != entry.tail {
                self.enter(component.image, Entry { tail, ..entry })?;
            }
            self.env.slots.erase_range(place, (last, tail.into()))?;
            let sound = Entry {
                doubtful: false,
                tail: 0,
                ..entry
            };
            self.enter(component.image, sound)?;
        }
        let used = self
            .env
            .slots
            .last_used(place)?
            .map_or(0, |last| last.saturating_add(1));
        let written = used.saturating_mul(self.env.slots.sector_size());
        *self.written.get_mut(component.image) = written;
        Ok(())
    }
}
