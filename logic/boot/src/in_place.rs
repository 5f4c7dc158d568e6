//! One boot of a device whose images run from the primary slot: by swap or by overwriting.
//!
//! ```text
//!              ┌──────────────────── a primary does not verify: another round ────────────────────┐
//!              ▼                                                                                  │
//! trailers → jobs → what would run is verified → commit record → sectors move → marks → primaries verified → Launched
//!   (per image: go on, start, go back)  (over all images: dependencies)                   counters raised
//! ```
//!
//! Nothing moves before the image that would run in the end was verified where its sectors are now, whether a
//! swap starts or goes on after a reset. So a bad candidate never touches the primary slot, and a trailer that
//! lies costs nothing: it can ask for things, no more. An image that cannot be completed is not given up: if the
//! one that leaves is whole, the steps are finished and it is swapped back.
//!
//! Every loop here has a bound: rounds, images, steps of a list.

use crate::boot::{BootError, Device};
use crate::demands::{Bindings, Demands};
use crate::flash_map::{Area, Image, PerImage, Slot};
use crate::install::decide::{self, Table, swap_type};
use crate::install::method::Swap;
use crate::install::set::{Mask, Phase, SetRecord};
use crate::install::swapper::{Ciphers, Swapper, UnderWay};
use crate::install::{Areas, FlashImage, Journal, Method, Party};
use crate::launch::{Chosen, Launched};
use crate::slots::{Event, Reason, Refused, Report};
use crate::strategy::Standing;
use ironroot_image::trailer::{FlagState, MagicState, SwapType, Trailer};
use ironroot_image::{Candidate, ImageSource, Policy, Refusal, Verified, Version};
use ironroot_platform::{Flash, FlashError, HardwareCounter};

/// How often a boot starts over because a primary slot did not verify.
const ROUNDS: u32 = 4;

/// What a device that runs images in place has beside its [`Device`].
#[derive(Clone, Copy)]
pub struct Setup<'d> {
    /// Its images.
    pub images: &'d [Image],
    /// Where the processor sees the first byte of the flash.
    pub address: u32,
    /// The most sectors an image can have: what both bootloaders agreed on, `BOOT_MAX_IMG_SECTORS`.
    pub max_sectors: u32,
    /// The scratch area, for the method that needs one.
    pub scratch: Option<Area>,
    /// What each image has to keep to.
    pub rules: PerImage<ImageRules>,
}

/// What one image has to keep to, beside its signature and its security counter.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImageRules {
    /// Install the candidate, whatever its trailer says, when the primary slot has no acceptable image.
    pub bootstrap: bool,
    /// Refuse a candidate with a lower version than the image that runs (build numbers left out).
    pub refuse_downgrades: bool,
    /// The vendor identifier it must carry.
    pub vendor_uuid: Option<[u8; 16]>,
    /// The device class identifier it must carry.
    pub class_uuid: Option<[u8; 16]>,
}

/// Boots: finishes what was interrupted, does what is asked, and verifies what runs.
///
/// # Errors
/// [`BootError`]. Whatever is refused on the way is reported. After [`BootError::Flash`] a further boot goes on
/// where this one stopped.
pub fn boot_in_place<M: Method, F: Flash + Clone, C: HardwareCounter, K: SetRecord, R: Report>(
    _method: M,
    device: &mut Device<'_, F, C>,
    setup: &Setup<'_>,
    record: &mut K,
    report: &mut R,
) -> Result<Launched<FlashImage<F>>, BootError> {
    let geometry = device.flash.geometry();
    let swapper = |image: Image| -> Result<Option<Swapper<M>>, BootError> {
        if !setup.images.contains(&image) {
            return Ok(None);
        }
        let areas = Areas {
            primary: device.map.slot(image, Slot::A),
            secondary: device.map.slot(image, Slot::B),
            scratch: setup.scratch,
        };
        // A layout without room is a mistake of whoever made the device: nothing can be booted.
        Swapper::new(areas, &geometry, image, setup.max_sectors)
            .map(Some)
            .ok_or(BootError::Flash(FlashError::OutOfRange))
    };
    let swappers = PerImage {
        secure: swapper(Image::Secure)?,
        non_secure: swapper(Image::NonSecure)?,
    };
    let counter = |image: Image| match setup.images.contains(&image) {
        false => Ok(0),
        true => {
            let counter = device.counters.get(image).read();
            counter.map_err(|error| BootError::Counter(image, error))
        }
    };
    let minimums = PerImage {
        secure: counter(Image::Secure)?,
        non_secure: counter(Image::NonSecure)?,
    };
    let mut boot = InPlace {
        device,
        setup,
        record,
        report,
        swappers,
        minimums,
        memory: PerImage::default(),
        turn_back: false,
    };
    for _ in 0..ROUNDS {
        boot.install()?;
        if let Some(launched) = boot.conclude()? {
            return Ok(launched);
        }
    }
    let first = setup.images.first().copied().unwrap_or(Image::Secure);
    Err(BootError::NothingToBoot(first))
}

/// What has to be done for one image.
#[derive(Debug, Clone, Copy)]
struct Job {
    kind: SwapType,
    swap: Swap,
    size: u32,
    /// It goes on after a reset.
    under_way: Option<UnderWay>,
    /// The secondary slot's trailer asks for it.
    asked: bool,
    /// What is written may be there already, half.
    doubtful: bool,
}

/// What is known of an image after it was verified.
#[derive(Debug, Clone, Copy)]
struct Facts {
    version: Version,
    size: u32,
    /// The beginning of its hash.
    digest: [u8; 32],
    /// The least versions it needs of the others.
    needs: PerImage<Option<Version>>,
}

/// What this boot learnt about an image.
#[derive(Debug, Clone, Copy, Default)]
struct Memory {
    /// Its candidate was refused.
    refused: bool,
    /// There is nothing to go back to.
    stuck: bool,
    /// The primary slot has no acceptable image: take what the secondary slot has.
    rescue: bool,
}

struct InPlace<'b, 'd, 's, M, F, C, K, R> {
    device: &'b mut Device<'d, F, C>,
    setup: &'b Setup<'s>,
    record: &'b mut K,
    report: &'b mut R,
    swappers: PerImage<Option<Swapper<M>>>,
    minimums: PerImage<u32>,
    memory: PerImage<Memory>,
    /// A set must be taken back, confirmed or not: one of its images does not verify.
    turn_back: bool,
}

impl<M: Method, F: Flash + Clone, C: HardwareCounter, K: SetRecord, R: Report>
    InPlace<'_, '_, '_, M, F, C, K, R>
{
    fn swapper(&self, image: Image) -> Result<&Swapper<M>, BootError> {
        let swapper = self.swappers.get(image).as_ref();
        swapper.ok_or(BootError::FaultDetected)
    }

    fn phase(&self) -> Result<Phase, BootError> {
        let phase = Phase::of(self.record);
        phase.map_err(|error| BootError::Counter(Image::Secure, error))
    }

    fn set_phase(&mut self, phase: Phase) -> Result<(), BootError> {
        let changed = phase.write(self.record);
        changed.map_err(|error| BootError::Counter(Image::Secure, error))
    }

    /// From the trailers to slots that hold what they should.
    #[inline(never)]
    fn install(&mut self) -> Result<(), BootError> {
        let phase = self.settle_trial()?;
        let mut jobs = PerImage {
            secure: self.job(Image::Secure, phase)?,
            non_secure: self.job(Image::NonSecure, phase)?,
        };
        self.verify_jobs(&mut jobs, phase)?;
        let mask = mask_of(&jobs);
        for image in Image::ALL {
            if let Some(job) = jobs.get(image)
                && job.kind == SwapType::Revert
                && !job.asked
                && job.under_way.is_none()
                && M::REVERTS
            {
                let swapper = self.swappers.get(image).as_ref();
                let swapper = swapper.ok_or(BootError::FaultDetected)?;
                swapper.ask_to_go_back(&mut self.device.flash, job.size)?;
            }
        }
        self.open_journals(&jobs)?;
        if K::TOGETHER && mask != 0 && !is_committed(phase) {
            let back = Image::ALL.into_iter().all(|image| {
                let job = jobs.get(image).as_ref();
                job.is_none_or(|job| job.kind == SwapType::Revert)
            });
            self.set_phase(match back {
                true => Phase::Reverting(mask),
                false => Phase::Installing(mask),
            })?;
        }
        self.move_sectors(&jobs)?;
        self.close_set()
    }

    /// What a trial of a set came to. Gives the phase from which the jobs follow.
    fn settle_trial(&mut self) -> Result<Phase, BootError> {
        let phase = self.phase()?;
        let Phase::Trial(mask) = phase else {
            return Ok(phase);
        };
        let mut confirmed = true;
        for image in members(mask) {
            let (primary, _) = self.swapper(image)?.flags(&self.device.flash);
            confirmed &= is_confirmed(&primary);
        }
        if confirmed && !self.turn_back {
            self.set_phase(Phase::Idle)?;
            return Ok(Phase::Idle);
        }
        Ok(phase)
    }

    /// What the trailers of `image` ask for.
    fn job(&mut self, image: Image, phase: Phase) -> Result<Option<Job>, BootError> {
        if self.swappers.get(image).is_none() {
            return Ok(None);
        }
        let held = is_committed(phase) && !is_member(phase.mask(), image);
        if held {
            // The set that was begun comes first; this waits for the next boot.
            return Ok(None);
        }
        let swapper = self.swapper(image)?;
        let under_way = match phase {
            Phase::Idle => swapper.find(&self.device.flash)?,
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
    fn goes_back(&self, image: Image, primary: &Trailer, phase: Phase) -> bool {
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
    fn job_to_start(
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
    fn job_to_go_on(
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
    fn verify_jobs(
        &mut self,
        jobs: &mut PerImage<Option<Job>>,
        phase: Phase,
    ) -> Result<(), BootError> {
        self.keep_reverts_together(jobs, phase);
        if is_committed(phase) {
            return Ok(());
        }
        // With a set, nothing moves before all journals are open and the phase says so.
        let unmoved = |job: &Job| match job.under_way {
            None => true,
            Some(under_way) => K::TOGETHER && under_way.done == 0,
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
        if K::TOGETHER && refused.is_none() {
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
    fn keep_reverts_together(&mut self, jobs: &mut PerImage<Option<Job>>, phase: Phase) {
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
    fn facts_after(&self, image: Image, job: Option<&Job>) -> Option<Facts> {
        match job {
            None => self.judge_primary(image).ok(),
            Some(job) => {
                let done = job.under_way.map_or(0, |under_way| under_way.done);
                self.judge(image, &job.swap, done, Party::Coming).ok()
            }
        }
    }

    /// A candidate that is refused costs its request, and nothing else: neither it nor the primary slot is touched.
    fn refuse(
        &mut self,
        image: Image,
        kind: SwapType,
        asked: bool,
        reason: Reason,
    ) -> Result<(), BootError> {
        self.report_refusal(image, Slot::B, reason);
        let memory = self.memory.get_mut(image);
        match kind {
            SwapType::Revert => memory.stuck = true,
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

    /// From here on each job can be resumed. No sector has moved.
    fn open_journals(&mut self, jobs: &PerImage<Option<Job>>) -> Result<(), BootError> {
        for image in Image::ALL {
            let Some(job) = jobs.get(image) else {
                continue;
            };
            self.report.report(&Event::Update {
                image,
                kind: job.kind,
                resumed: job.under_way.is_some(),
            });
            let swapper = self.swappers.get(image).as_ref();
            let swapper = swapper.ok_or(BootError::FaultDetected)?;
            let flash = &mut self.device.flash;
            match &job.under_way {
                Some(under_way) => swapper.renew(flash, under_way, &journal_of(job))?,
                None => swapper.begin(flash, &journal_of(job))?,
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn move_sectors(&mut self, jobs: &PerImage<Option<Job>>) -> Result<(), BootError> {
        // What was interrupted first: its scratch area may be full.
        for resumed in [true, false] {
            for image in Image::ALL {
                let Some(job) = jobs.get(image) else {
                    continue;
                };
                if job.under_way.is_some() == resumed {
                    self.move_image(image, job)?;
                }
            }
        }
        // All marks at the end: until the last image is in place, none counts as installed.
        for image in Image::ALL {
            let Some(job) = jobs.get(image) else {
                continue;
            };
            let swapper = self.swappers.get(image).as_ref();
            let swapper = swapper.ok_or(BootError::FaultDetected)?;
            swapper.finish(&mut self.device.flash, &job.swap, &journal_of(job))?;
        }
        Ok(())
    }

    fn move_image(&mut self, image: Image, job: &Job) -> Result<(), BootError> {
        let done = job.under_way.map_or(0, |under_way| under_way.done);
        let ciphers = Ciphers {
            coming: self.cipher(image, &job.swap, done, Party::Coming),
            leaving: self.cipher(image, &job.swap, done, Party::Leaving),
        };
        let swapper = self.swappers.get(image).as_ref();
        let swapper = swapper.ok_or(BootError::FaultDetected)?;
        let flash = &mut self.device.flash;
        Ok(swapper.go(flash, &job.swap, done, job.doubtful, &ciphers)?)
    }

    fn cipher(
        &self,
        image: Image,
        swap: &Swap,
        done: u32,
        party: Party,
    ) -> Option<ironroot_image::encryption::PayloadCipher> {
        let swapper = self.swapper(image).ok()?;
        let view = swapper.view(&self.device.flash, *swap, done, party);
        view.find_cipher(self.device.decryption.as_ref()).ok()?
    }

    /// All images of the set are where they belong.
    fn close_set(&mut self) -> Result<(), BootError> {
        let phase = self.phase()?;
        let next = match phase {
            Phase::Idle | Phase::Trial(_) => return Ok(()),
            Phase::Reverting(_) => Phase::Idle,
            Phase::Installing(mask) => {
                let mut confirmed = true;
                for image in members(mask) {
                    let (primary, _) = self.swapper(image)?.flags(&self.device.flash);
                    confirmed &= is_confirmed(&primary) && M::REVERTS;
                }
                match confirmed && !self.turn_back || !M::REVERTS {
                    true => Phase::Idle,
                    false => Phase::Trial(mask),
                }
            }
        };
        if phase == Phase::Reverting(phase.mask()) {
            self.turn_back = false;
        }
        self.set_phase(next)
    }

    /// Verifies what is in the primary slots. Nothing if another round may help.
    #[inline(never)]
    fn conclude(&mut self) -> Result<Option<Launched<FlashImage<F>>>, BootError> {
        if self.turn_back && matches!(self.phase()?, Phase::Trial(_)) && !self.any_stuck() {
            return Ok(None);
        }
        let mut chosen = PerImage {
            secure: None,
            non_secure: None,
        };
        for image in self.setup.images.iter().copied() {
            match self.verify_primary(image) {
                Ok(verified) => *chosen.get_mut(image) = Some(self.choose(image, verified)?),
                Err(reason) => {
                    self.report_refusal(image, Slot::A, reason);
                    return match self.another_way(image)? {
                        true => Ok(None),
                        false => Err(BootError::NothingToBoot(image)),
                    };
                }
            }
        }
        self.raise_counters(&chosen)?;
        let all = self.setup.images.iter().all(|image| {
            let chosen: Option<&Chosen<FlashImage<F>>> = chosen.get(*image).as_ref();
            chosen.is_some_and(|chosen| chosen.verified.still_stands())
        });
        if !all || self.setup.images.is_empty() {
            return Err(BootError::FaultDetected);
        }
        Ok(Some(Launched::new(M::MODE, chosen)))
    }

    fn any_stuck(&self) -> bool {
        let stuck = |image: &Image| self.memory.get(*image).stuck;
        self.setup.images.iter().any(stuck)
    }

    /// Whether something can still be done for an image whose primary slot does not verify.
    fn another_way(&mut self, image: Image) -> Result<bool, BootError> {
        let (primary, _) = self.swapper(image)?.flags(&self.device.flash);
        let in_trial = matches!(self.phase()?, Phase::Trial(mask) if is_member(mask, image));
        // After a complete swap the other slot has the image before, or the one it was to go back to.
        let swapped = (primary.magic, primary.copy_done) == (MagicState::Good, FlagState::Set);
        let rescue = self.setup.rules.get(image).bootstrap || swapped && M::REVERTS;
        let memory = self.memory.get_mut(image);
        if (decide::on_trial(&primary) || in_trial) && !memory.stuck {
            self.turn_back = true;
            return Ok(true);
        }
        let first_time = !memory.rescue;
        memory.rescue = rescue;
        Ok(first_time && rescue)
    }

    fn choose(
        &mut self,
        image: Image,
        verified: Verified<FlashImage<F>>,
    ) -> Result<Chosen<FlashImage<F>>, BootError> {
        let (primary, _) = self.swapper(image)?.flags(&self.device.flash);
        let open = matches!(self.phase()?, Phase::Trial(mask) if is_member(mask, image));
        let stuck = self.memory.get(image).stuck;
        let standing = match (is_confirmed(&primary) || !M::REVERTS, open, stuck) {
            (_, _, true) => Standing::TrialFailed,
            (_, true, false) => Standing::Pending,
            (true, false, false) => Standing::Confirmed,
            (false, false, false) if decide::on_trial(&primary) => Standing::Pending,
            (false, false, false) => Standing::Unmarked,
        };
        let slot = Slot::A;
        self.report.report(&Event::Verified {
            image,
            slot,
            version: verified.version(),
        });
        match standing {
            Standing::TrialFailed => self.report.report(&Event::LastResort { image, slot }),
            Standing::Pending => self.report.report(&Event::TrialBegins { image, slot }),
            Standing::Confirmed | Standing::Unmarked => {}
        }
        Ok(Chosen {
            slot,
            standing,
            scheme: self.device.root_keys.get(image).scheme(),
            verified,
        })
    }

    /// Only a confirmed image raises its counter, and in a set only when all are.
    fn raise_counters(
        &mut self,
        chosen: &PerImage<Option<Chosen<FlashImage<F>>>>,
    ) -> Result<(), BootError> {
        for image in Image::ALL {
            let Some(chosen) = chosen.get(image) else {
                continue;
            };
            let (Standing::Confirmed, Some(value)) =
                (chosen.standing, chosen.verified.security_counter())
            else {
                continue;
            };
            if value > *self.minimums.get(image) {
                let counter = self.device.counters.get_mut(image);
                let raised = counter.advance_to(value);
                raised.map_err(|error| BootError::Counter(image, error))?;
                self.report.report(&Event::CounterRaised { image, value });
            }
        }
        Ok(())
    }

    fn report_refusal(&mut self, image: Image, slot: Slot, reason: Reason) {
        self.report.report(&Event::Refused(Refused {
            image,
            slot,
            reason,
        }));
    }

    fn demands(&self, image: Image, slot: Slot, room: u32) -> Demands<'_> {
        Demands {
            image,
            slot,
            root_key: self.device.root_keys.get(image),
            suites: self.device.suites,
            size_limit: room,
            counter: *self.minimums.get(image),
            counter_limit: self.device.counters.get(image).limit(),
            window: None,
            // Known from the bindings: a swap opens images on its own.
            decryption: self.device.decryption,
        }
    }

    fn bindings(&self, image: Image) -> Bindings {
        let rules = self.setup.rules.get(image);
        let primary = self.device.map.slot(image, Slot::A);
        Bindings {
            rom_address: self.setup.address.checked_add(primary.offset),
            vendor_uuid: rules.vendor_uuid,
            class_uuid: rules.class_uuid,
        }
    }

    /// Verifies one of a swap's images where its sectors are.
    fn verify(
        &self,
        image: Image,
        swap: &Swap,
        done: u32,
        party: Party,
    ) -> Result<Verified<impl ImageSource>, Reason> {
        let unfit = Reason::Image(Refusal::FaultDetected);
        let swapper = self.swappers.get(image).as_ref().ok_or(unfit)?;
        let view = swapper.view(&self.device.flash, *swap, done, party);
        let view = view.decrypted(self.device.decryption.as_ref());
        let view = view.map_err(Reason::Image)?;
        let demands = self.demands(image, Slot::B, swapper.room_in_bytes());
        let check = |policy: &Policy<'_>| Verified::check(view, policy);
        demands.judge_bound(&self.bindings(image), check)
    }

    fn judge(&self, image: Image, swap: &Swap, done: u32, party: Party) -> Result<Facts, Reason> {
        Ok(facts(&self.verify(image, swap, done, party)?))
    }

    /// How long one of a swap's images is, if it has the form of one.
    fn judge_structure(
        &self,
        image: Image,
        swap: &Swap,
        done: u32,
        party: Party,
    ) -> Result<u32, Reason> {
        let unfit = Reason::Image(Refusal::FaultDetected);
        let swapper = self.swappers.get(image).as_ref().ok_or(unfit)?;
        let view = swapper.view(&self.device.flash, *swap, done, party);
        let demands = self.demands(image, Slot::A, swapper.room_in_bytes());
        demands.measure(&self.bindings(image), |policy| {
            Candidate::parse(view, policy).map(|candidate| candidate.total_len())
        })
    }

    fn verify_primary(&self, image: Image) -> Result<Verified<FlashImage<F>>, Reason> {
        let unfit = Reason::Image(Refusal::FaultDetected);
        let swapper = self.swappers.get(image).as_ref().ok_or(unfit)?;
        let area = self.device.map.slot(image, Slot::A);
        let address = self.setup.address.checked_add(area.offset).ok_or(unfit)?;
        let room = swapper.room_in_bytes();
        let source = FlashImage::new(self.device.flash.clone(), area.offset, room, address);
        let demands = self.demands(image, Slot::A, room);
        let check = |policy: &Policy<'_>| Verified::check(source, policy);
        demands.judge_bound(&self.bindings(image), check)
    }

    fn judge_primary(&self, image: Image) -> Result<Facts, Reason> {
        Ok(facts(&self.verify_primary(image)?))
    }
}

fn facts<S: ImageSource>(verified: &Verified<S>) -> Facts {
    let mut needs = PerImage::<Option<Version>>::default();
    for dependency in verified.dependencies() {
        if let Some(other) = Image::from_number(dependency.image) {
            let needed = needs.get_mut(other);
            *needed = (*needed).max(Some(dependency.minimum));
        }
    }
    Facts {
        version: verified.version(),
        size: verified.total_len(),
        digest: verified.digest().first_chunk().copied().unwrap_or_default(),
        needs,
    }
}

/// What the secondary slot asks for. A revert of ours says so twice.
fn asked_kind(table: Table, image: Image, primary: &Trailer, secondary: &Trailer) -> SwapType {
    match swap_type(table, primary, secondary) {
        SwapType::Test | SwapType::Permanent
            if SwapType::from_info(secondary.swap_info)
                == Some((SwapType::Revert, image.number())) =>
        {
            SwapType::Revert
        }
        // Good magic, bad flags: nothing can be made of it, nor does it keep a trial from ending.
        kind => kind,
    }
}

fn journal_of(job: &Job) -> Journal {
    let before = job.under_way.map(|under_way| under_way.journal);
    Journal {
        kind: job.kind,
        confirmed: match before {
            // An image that turned out not to be whole is confirmed by nobody.
            Some(before) => before.confirmed && before.kind == job.kind,
            None => job.kind == SwapType::Permanent,
        },
        swap_size: job.size,
        last_entry: before.and_then(|before| before.last_entry),
    }
}

fn is_confirmed(trailer: &Trailer) -> bool {
    (trailer.magic, trailer.image_ok) == (MagicState::Good, FlagState::Set)
}

const fn is_committed(phase: Phase) -> bool {
    matches!(phase, Phase::Installing(_) | Phase::Reverting(_))
}

const fn bit(image: Image) -> Mask {
    1 << image.number()
}

const fn is_member(mask: Mask, image: Image) -> bool {
    mask & bit(image) != 0
}

fn members(mask: Mask) -> impl Iterator<Item = Image> {
    Image::ALL
        .into_iter()
        .filter(move |image| is_member(mask, *image))
}

fn mask_of(jobs: &PerImage<Option<Job>>) -> Mask {
    let has_job = |image: &Image| jobs.get(*image).is_some();
    let bits = Image::ALL.iter().filter(|image| has_job(image));
    bits.fold(0, |mask, image| mask | bit(*image))
}
