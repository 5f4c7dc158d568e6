//! What the trailers ask for, and what of it can be done: jobs.

use super::{
    Facts, InPlace, Job, Phase, asked_kind, is_committed, is_confirmed, is_member, members,
};
use crate::boot::BootError;
use crate::flash_map::{Image, PerImage, Slot};
use crate::install::decide;
use crate::install::set::{Mask, SetRecord};
use crate::install::swapper::UnderWay;
use crate::install::{Method, Party};
use crate::slots::{Reason, Report};
use ironroot_image::Refusal;
use ironroot_image::trailer::{FlagState, MagicState, SwapType, Trailer};
use ironroot_platform::{Flash, HardwareCounter};

impl<M: Method, F: Flash + Clone, C: HardwareCounter, K: SetRecord, R: Report>
    InPlace<'_, '_, '_, M, F, C, K, R>
{
    /// What a trial of a set came to. Gives the phase from which the jobs follow.
    pub(super) fn settle_trial(&mut self) -> Result<Phase, BootError> {
        let phase = self.phase()?;
        let mask = match phase {
            Phase::Trial(mask) => mask,
            Phase::Staged(mask) => return self.hold_unless_whole(mask).map(|()| phase),
            _ => return Ok(phase),
        };
        let mut confirmed = true;
        for image in members(mask) {
            let (primary, _) = self.swapper(image)?.flags(&self.device.flash);
            let going_back = primary.copy_done != FlagState::Set
                && matches!(
                    SwapType::from_info(primary.swap_info),
                    Some((SwapType::Revert, _))
                );
            confirmed &= is_confirmed(&primary) && !going_back;
        }
        if confirmed && !self.turn_back {
            self.set_phase(Phase::Idle)?;
            return Ok(Phase::Idle);
        }
        Ok(phase)
    }

    /// Of a set that was staged nothing starts as long as an image is not asked for.
    fn hold_unless_whole(&mut self, mask: Mask) -> Result<(), BootError> {
        let mut whole = true;
        for image in members(mask) {
            let swapper = self.swapper(image)?;
            let (primary, secondary) = swapper.flags(&self.device.flash);
            let asked = secondary.magic == MagicState::Good
                && matches!(
                    asked_kind(M::TABLE, image, &primary, &secondary),
                    SwapType::Test | SwapType::Permanent
                );
            whole &= asked || swapper.find(&self.device.flash)?.is_some();
        }
        for image in members(mask).filter(|_| !whole) {
            let memory = self.memory.get_mut(image);
            if !memory.refused {
                memory.refused = true;
                self.report_refusal(image, Slot::B, Reason::SetIncomplete);
            }
        }
        Ok(())
    }

    /// What the trailers of `image` ask for.
    pub(super) fn job(&mut self, image: Image, phase: Phase) -> Result<Option<Job>, BootError> {
        if self.swappers.get(image).is_none() {
            return Ok(None);
        }
        let held = is_committed(phase) && !is_member(phase.mask(), image);
        if held || matches!(phase, Phase::Accepted(_)) {
            // The set that was begun comes first, or the marks of the one that was accepted; this waits for the
            // next boot.
            return Ok(None);
        }
        let swapper = self.swapper(image)?;
        let under_way = match phase {
            Phase::Idle | Phase::Staged(_) | Phase::Accepted(_) => {
                swapper.find(&self.device.flash)?
            }
            // The record says that it is complete, whatever its mark reads.
            Phase::Trial(mask) if is_member(mask, image) => None,
            Phase::Trial(_) => swapper.find(&self.device.flash)?,
            // The mark that ended it may be torn: it is made again.
            Phase::Installing(_) | Phase::Reverting(_) => {
                swapper.find_or_last(&self.device.flash)?
            }
        };
        if let Some(under_way) = under_way {
            return self.job_to_go_on(image, under_way);
        }
        if is_committed(phase) {
            // Every journal of the set was open before the phase began: this one is done.
            return Ok(None);
        }
        let (primary, secondary) = swapper.flags(&self.device.flash);
        let marked = swapper.request_is_marked(&self.device.flash);
        let memory = *self.memory.get(image);
        let asked = secondary.magic == MagicState::Good && !memory.refused;
        let kind = if asked {
            asked_kind(M::TABLE, image, &primary, &secondary)
        } else if M::REVERTS && self.goes_back(image, &primary, phase) {
            SwapType::Revert
        } else if memory.rescue && !memory.refused {
            SwapType::Permanent
        } else {
            SwapType::None
        };
        // A request of ours whose mark is missing may be half written, but then the primary trailer still says why
        // it was made: it is made again.
        let whole = kind != SwapType::Revert || marked || !self.goes_back(image, &primary, phase);
        self.job_to_start(image, kind, asked && whole)
    }

    /// Whether the image in the primary slot has to make room for the one before it.
    pub(super) fn goes_back(&self, image: Image, primary: &Trailer, phase: Phase) -> bool {
        if self.memory.get(image).stuck {
            return false;
        }
        match phase {
            Phase::Trial(mask) if is_member(mask, image) => true,
            _ if decide::on_trial(primary) => true,
            _ => {
                let swapper = self.swappers.get(image).as_ref();
                M::SCRATCH
                    && swapper
                        .is_some_and(|swapper| swapper.scratch_asks_to_go_back(&self.device.flash))
            }
        }
    }

    /// How long the swap must be is found from both images' sizes; whether the one that comes is acceptable, when
    /// all jobs are known.
    pub(super) fn job_to_start(
        &mut self,
        image: Image,
        kind: SwapType,
        asked: bool,
    ) -> Result<Option<Job>, BootError> {
        if kind == SwapType::None {
            return Ok(None);
        }
        let swapper = self.swapper(image)?;
        let largest = swapper.swap(kind, swapper.room_in_bytes());
        let largest = largest.ok_or(BootError::FaultDetected)?;
        let coming = self.judge(image, &largest, 0, Party::Coming);
        let facts = match coming {
            Ok(facts) => facts,
            Err(reason) => {
                self.refuse(image, kind, asked, reason)?;
                return Ok(None);
            }
        };
        // Going back to an older version is what a revert is for.
        if kind != SwapType::Revert
            && self.setup.rules.get(image).refuse_downgrades
            && let Ok(present) = self.judge_primary(image)
            && !facts.version.satisfies(&present.version)
        {
            self.refuse(image, kind, asked, Reason::Downgrade)?;
            return Ok(None);
        }
        let leaving = self.judge_structure(image, &largest, 0, Party::Leaving);
        let size = facts.size.max(leaving.unwrap_or(0));
        // Another bootloader that overwrites begins without a word. Only a whole image other than the candidate
        // shows that it did not.
        let untouched = |present: Facts| present.digest != facts.digest;
        let doubtful = !M::REVERTS && !self.judge_primary(image).is_ok_and(untouched);
        let swap = self.swapper(image)?.swap(kind, size);
        Ok(swap.map(|swap| Job {
            kind,
            swap,
            size,
            under_way: None,
            asked,
            doubtful,
        }))
    }

    /// An interrupted swap goes on if the image is whole that comes; if only the other one is, so that it can come
    /// back. A status under which neither is, is a lie.
    pub(super) fn job_to_go_on(
        &mut self,
        image: Image,
        under_way: UnderWay,
    ) -> Result<Option<Job>, BootError> {
        let UnderWay {
            journal,
            swap,
            done,
            ..
        } = under_way;
        let job = Job {
            kind: journal.kind,
            swap,
            size: journal.swap_size,
            under_way: Some(under_way),
            asked: false,
            doubtful: true,
        };
        let Err(reason) = self.judge(image, &swap, done, Party::Coming) else {
            return Ok(Some(job));
        };
        // A step that is complete but for its entry needs its source no more.
        if let Some(further) = under_way.one_further::<M>()
            && self
                .judge(image, &swap, further.done, Party::Coming)
                .is_ok()
        {
            let under_way = Some(further);
            return Ok(Some(Job { under_way, ..job }));
        }
        self.report_refusal(image, Slot::B, reason);
        let swapper = self.swappers.get(image).as_ref();
        let swapper = swapper.ok_or(BootError::FaultDetected)?;
        if self.judge_primary(image).is_ok() {
            // Nothing was moved yet, or the status lies.
            swapper.forget(&mut self.device.flash)?;
            return Ok(None);
        }
        if self.judge(image, &swap, done, Party::Leaving).is_err() {
            return Ok(None);
        }
        // To the end, and back: what comes does not verify then, and the one that leaves is whole.
        let kind = match swap.back {
            false => SwapType::Test,
            true => SwapType::Permanent,
        };
        Ok(Some(Job { kind, ..job }))
    }

    /// Takes the jobs out that cannot be done as a whole: dependencies, downgrades, sets.
    pub(super) fn verify_jobs(
        &mut self,
        jobs: &mut PerImage<Option<Job>>,
        phase: Phase,
    ) -> Result<(), BootError> {
        self.keep_reverts_together(jobs, phase);
        if is_committed(phase) {
            return Ok(());
        }
        // With a set, nothing moves before all journals are open and the phase says so.
        let together = self.record.together();
        let unmoved = |job: &Job| match job.under_way {
            None => true,
            Some(under_way) => together && under_way.done == 0,
        };
        let starts = |job: &Option<Job>| {
            job.is_some_and(|job| unmoved(&job) && job.kind != SwapType::Revert)
        };
        if !Image::ALL.iter().any(|image| starts(jobs.get(*image))) {
            return Ok(());
        }
        let mut after = PerImage::<Option<Facts>>::default();
        for image in self.setup.images.iter().copied() {
            *after.get_mut(image) = self.facts_after(image, jobs.get(image).as_ref());
        }
        let mut refused = None;
        for image in self.setup.images.iter().copied() {
            let Some(facts) = after.get(image) else {
                continue;
            };
            let met = self.setup.images.iter().copied().all(|other| {
                let present = after.get(other).map(|facts| facts.version);
                let needed = *facts.needs.get(other);
                needed
                    .is_none_or(|needed| present.is_some_and(|version| version.satisfies(&needed)))
            });
            if !met {
                refused = Some((image, Reason::DependencyUnmet));
            }
        }
        let missing = |image: &Image| self.memory.get(*image).refused;
        if together && refused.is_none() {
            let missing = self.setup.images.iter().copied().find(missing);
            refused = missing.map(|image| (image, Reason::SetIncomplete));
        }
        let Some((_, reason)) = refused else {
            return Ok(());
        };
        // The requests stay: what is missing may come with the next download.
        for image in Image::ALL {
            if starts(jobs.get(image)) {
                let dropped = jobs.get_mut(image).take();
                if dropped.is_some_and(|job| job.under_way.is_some()) {
                    // What runs must not confirm what does not.
                    let swapper = self.swappers.get(image).as_ref();
                    let swapper = swapper.ok_or(BootError::FaultDetected)?;
                    swapper.forget(&mut self.device.flash)?;
                }
                self.memory.get_mut(image).refused = true;
                self.report_refusal(image, Slot::B, reason);
            }
        }
        Ok(())
    }

    /// The images of a set go back together or not at all.
    pub(super) fn keep_reverts_together(&mut self, jobs: &mut PerImage<Option<Job>>, phase: Phase) {
        let Phase::Trial(mask) = phase else {
            return;
        };
        let stuck = members(mask).any(|image| self.memory.get(image).stuck);
        for image in members(mask).filter(|_| stuck) {
            let job = jobs.get_mut(image);
            if job.is_some_and(|job| job.kind == SwapType::Revert && job.under_way.is_none()) {
                *job = None;
                self.memory.get_mut(image).stuck = true;
            }
        }
    }

    /// What will run when `job` is done.
    pub(super) fn facts_after(&self, image: Image, job: Option<&Job>) -> Option<Facts> {
        match job {
            None => self.judge_primary(image).ok(),
            Some(job) => {
                let done = job.under_way.map_or(0, |under_way| under_way.done);
                self.judge(image, &job.swap, done, Party::Coming).ok()
            }
        }
    }

    /// A candidate that is refused costs its request, and nothing else: neither it nor the primary slot is touched.
    pub(super) fn refuse(
        &mut self,
        image: Image,
        kind: SwapType,
        asked: bool,
        reason: Reason,
    ) -> Result<(), BootError> {
        self.report_refusal(image, Slot::B, reason);
        let memory = self.memory.get_mut(image);
        match kind {
            SwapType::Revert => {
                memory.stuck = true;
                memory.outdated = reason == Reason::Image(Refusal::CounterTooLow);
            }
            _ => memory.refused = true,
        }
        // What could not be read may be readable next time.
        let for_good = !matches!(reason, Reason::Image(Refusal::Unreadable));
        if asked && for_good {
            let swapper = self.swappers.get(image).as_ref();
            let swapper = swapper.ok_or(BootError::FaultDetected)?;
            swapper.drop_request(&mut self.device.flash)?;
        }
        Ok(())
    }
}
