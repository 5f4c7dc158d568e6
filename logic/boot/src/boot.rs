//! One boot, from slots to [`Launch`]: the images that may be started.
//!
//! ```text
//!            ┌───────────── refused: the reason is reported, the next slot tried ──────────────┐
//!            ▼                                                                                 │
//! slots → candidate → copied → verified → dependencies met → trial marked ──┬─→ counters raised → Launch
//!         (per image, newest first)       (over both images)                └─ or nothing to mark
//! ```
//!
//! What may be written on the way: `copy_done` of an image whose trial begins, and the hardware counter of
//! a confirmed one. Nothing is erased. Both images are chosen before either starts. The order matters:
//! the trial is marked before the image runs (else a crashing image would be tried forever), and the counter
//! is raised only for a confirmed image (else an image that never worked would lock out the one that did).

use crate::demands::{Bindings, Demands};
use crate::flash_map::{FlashMap, Image, PerImage, PerSlot, Slot};
use crate::in_place::{ImageRules, Setup};
use crate::install::FlashImage;
use crate::install::set::{EachForItself, Group, SetRecord, Stage as SetStage, Trials};
use crate::launch::{Chosen, Launch, Launched};
use crate::memory::ImageMemory;
use crate::otp::{RootKeys, Scheme};
use crate::slots::{Event, Reason, Refused, Report, SlotState};
use crate::stage::{OnFlash, Stage};
use crate::strategy::{Standing, Strategy};
use crate::trailer_ops;
use ironroot_image::encryption::Decryption;
use ironroot_image::trailer::{Alignment, FlagState, Layout};
use ironroot_image::{ImageSource, Refusal, Suite, Version};
use ironroot_platform::{CounterError, Flash, FlashError, HardwareCounter};

/// Why nothing can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootError {
    /// No slot of this image is acceptable.
    NothingToBoot(Image),
    /// The image's hardware counter cannot be read or raised, so old images cannot be kept out.
    Counter(Image, CounterError),
    /// The flash failed, or is not the one of the map.
    Flash(FlashError),
    /// A decision that was taken does not stand any more: a fault or an attack on the processor.
    FaultDetected,
}

impl From<FlashError> for BootError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

/// What a boot works on.
#[derive(Debug)]
pub struct Device<'d, F, C> {
    /// The flash that the map counts in.
    pub flash: F,
    /// Where everything lies.
    pub map: &'d FlashMap,
    /// Who may sign each image, from the OTP area.
    pub root_keys: &'d PerImage<RootKeys>,
    /// Each image's hardware counter.
    pub counters: PerImage<C>,
    /// The signature schemes this bootloader has.
    pub suites: &'d [(Scheme, &'static Suite)],
    /// How encrypted images are opened; nothing on a device that takes none.
    pub decryption: Option<Decryption<'d>>,
}

/// What is known of one slot during the boot.
#[derive(Debug, Clone, Copy)]
struct Contender {
    standing: Standing,
    version: Option<Version>,
    out: bool,
}

/// Chooses, copies and verifies both images, and does what must be done before they start. Each image is
/// confirmed or given up for itself.
///
/// # Errors
/// [`BootError`]. Whatever is refused on the way is reported.
pub fn boot<'m, F: Flash, C: HardwareCounter, S: Strategy, R: Report>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    memory: &'m ImageMemory<'_>,
    report: &mut R,
) -> Result<Launch<'m>, BootError> {
    boot_as_set(strategy, device, memory, &mut EachForItself, report)
}

/// The same for images that go together: both trials begin in one step, both are confirmed or neither is.
///
/// # Errors
/// [`BootError`].
pub fn boot_as_set<'m, F: Flash, C: HardwareCounter, S: Strategy, K: SetRecord, R: Report>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    memory: &'m ImageMemory<'_>,
    record: &mut K,
    report: &mut R,
) -> Result<Launch<'m>, BootError> {
    start(
        strategy,
        device,
        (&Image::ALL, memory, &PerImage::default()),
        record,
        report,
    )
}

/// Chooses among images that run where they lie: direct-XIP, a single slot, a firmware loader. The flash must be
/// one that nobody else can write while an image runs.
///
/// # Errors
/// [`BootError`].
pub fn boot_from_flash<
    F: Flash + Clone,
    C: HardwareCounter,
    S: Strategy,
    K: SetRecord,
    R: Report,
>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    setup: &Setup<'_>,
    record: &mut K,
    report: &mut R,
) -> Result<Launched<FlashImage<F>>, BootError> {
    let address = setup.address;
    start(
        strategy,
        device,
        (setup.images, OnFlash { address }, &setup.rules),
        record,
        report,
    )
}

/// Which images, where they are verified, and what each has to keep to.
type Scene<'s, G> = (&'s [Image], G, &'s PerImage<ImageRules>);

fn start<F: Flash, C: HardwareCounter, S: Strategy, G: Stage<F>, K: SetRecord, R: Report>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    (images, stage, rules): Scene<'_, G>,
    record: &mut K,
    report: &mut R,
) -> Result<Launched<G::Source>, BootError> {
    settle_trials(strategy, device, record)?;
    let trials = Trials::of(record)?;
    let nothing = Contender {
        standing: Standing::Unmarked,
        version: None,
        out: true,
    };
    let nothing = PerSlot {
        a: nothing,
        b: nothing,
    };
    let mut boot = Boot {
        strategy,
        contenders: PerImage {
            secure: nothing,
            non_secure: nothing,
        },
        minimums: PerImage::default(),
        chosen: PerImage {
            secure: None,
            non_secure: None,
        },
        device,
        images,
        stage,
        rules,
        trials,
        record,
        report,
    };
    for image in images.iter().copied() {
        *boot.contenders.get_mut(image) = survey(
            strategy,
            boot.device,
            boot.report,
            image,
            (boot.record, trials),
        )?;
        *boot.minimums.get_mut(image) = read_counter(boot.device, image)?;
    }
    boot.choose()?;
    boot.raise_counters()?;
    boot.finish(S::MODE)
}

/// What a trial of a set came to: confirmed as a whole, or failed as a whole.
fn settle_trials<F: Flash, C, S: Strategy, K: SetRecord>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    record: &mut K,
) -> Result<(), BootError> {
    if !record.together() {
        return Ok(());
    }
    let trials = Trials::of(record)?;
    if trials.stage != SetStage::Trial {
        return Ok(());
    }
    let (mut all_confirmed, mut none_begun) = (true, true);
    for (image, slot) in trials.group.members() {
        let region = device.map.slot(image, slot).of(&mut device.flash)?;
        let trailer = trailer_ops::state(&region).ok();
        let standing = trailer.map(|trailer| strategy.standing(slot, &trailer));
        all_confirmed &= standing == Some(Standing::Confirmed);
        none_begun &= standing == Some(Standing::Pending);
    }
    if none_begun && !all_confirmed {
        return Ok(());
    }
    let over = Trials {
        stage: SetStage::Idle,
        group: Group::default(),
        failed: match all_confirmed {
            true => trials.failed,
            false => trials.failed.and(trials.group),
        },
    };
    if all_confirmed {
        return over.write(record);
    }
    for (image, slot) in trials.group.members() {
        let mut region = device.map.slot(image, slot).of(&mut device.flash)?;
        let trailer = trailer_ops::state(&region);
        if trailer.is_ok_and(|trailer| strategy.standing(slot, &trailer) == Standing::Pending) {
            // So that it stays out when the record is about another trial. If it cannot be marked it is tried
            // alone, as without a record.
            let _ = trailer_ops::begin_trial(&mut region);
        }
    }
    over.write(record)
}

/// Compares an image's counter with the hardware's, once more, and raises that if the image `counts`: the new value.
pub(crate) fn settle_counter<S: ImageSource, C: HardwareCounter>(
    image: Image,
    chosen: &Chosen<S>,
    counts: bool,
    counter: &mut C,
) -> Result<Option<u32>, BootError> {
    let failed = |error| BootError::Counter(image, error);
    let least = counter.read().map_err(failed)?;
    let value = chosen.verified.security_counter();
    let value = value.filter(|value| *value >= least);
    let value = value.ok_or(BootError::FaultDetected)?;
    if counts && value > least {
        counter.advance_to(value).map_err(failed)?;
        return Ok(Some(value));
    }
    Ok(None)
}

fn read_counter<F, C: HardwareCounter>(
    device: &Device<'_, F, C>,
    image: Image,
) -> Result<u32, BootError> {
    device
        .counters
        .get(image)
        .read()
        .map_err(|error| BootError::Counter(image, error))
}

/// Looks at both slots of an image. A slot that holds something and takes no part is reported.
fn survey<F: Flash, C, S: Strategy, K: SetRecord, R: Report>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    report: &mut R,
    image: Image,
    (record, trials): (&K, Trials),
) -> Result<PerSlot<Contender>, BootError> {
    let mut look = |slot| -> Result<Contender, BootError> {
        if strategy.preference(slot).is_none() {
            return Ok(Contender {
                standing: Standing::Unmarked,
                version: None,
                out: true,
            });
        }
        let region = device.map.slot(image, slot).of(&mut device.flash)?;
        let state = SlotState::read(&region);
        let standing = state.trailer.map_or(Standing::Unmarked, |trailer| {
            // Asked of the record, so that a bootloader without one has none of this.
            if record.together() {
                let marked = trailer.copy_done != FlagState::Unset;
                if trials.accepted(image, slot) {
                    return Standing::Confirmed;
                }
                if marked && trials.failed.contains(image, slot) {
                    return Standing::TrialFailed;
                }
            }
            strategy.standing(slot, &trailer)
        });
        report.report(&Event::Found {
            image,
            slot,
            state,
            standing,
        });
        let version = state.version();
        let refusal = match (standing, state.header) {
            // Empty: nothing to tell.
            (Standing::Unmarked, Err(Refusal::NoImage)) => None,
            (Standing::Unmarked, _) => Some(Reason::NotMarked),
            (Standing::TrialFailed, _) => Some(Reason::TrialFailed),
            (Standing::Confirmed | Standing::Pending, Err(refusal)) => Some(Reason::Image(refusal)),
            (Standing::Confirmed | Standing::Pending, Ok(_)) => None,
        };
        if let Some(reason) = refusal {
            report.report(&Event::Refused(Refused {
                image,
                slot,
                reason,
            }));
        }
        Ok(Contender {
            standing,
            version,
            out: version.is_none(),
        })
    };
    Ok(PerSlot {
        a: look(Slot::A)?,
        b: look(Slot::B)?,
    })
}

struct Boot<'b, 'd, F, C, S, G: Stage<F>, K, R> {
    strategy: &'b S,
    device: &'b mut Device<'d, F, C>,
    images: &'b [Image],
    stage: G,
    rules: &'b PerImage<ImageRules>,
    /// What the record said when this boot began.
    trials: Trials,
    record: &'b mut K,
    report: &'b mut R,
    contenders: PerImage<PerSlot<Contender>>,
    minimums: PerImage<u32>,
    chosen: PerImage<Option<Chosen<G::Source>>>,
}

impl<F: Flash, C: HardwareCounter, S: Strategy, G: Stage<F>, K: SetRecord, R: Report>
    Boot<'_, '_, F, C, S, G, K, R>
{
    /// Until both images are chosen, their dependencies are met and their trials marked. Each round that
    /// does not end it puts one slot out, so there are at most as many as slots.
    // A function of its own, like `load`: one frame for everything costs 1 KB of code to address.
    #[inline(never)]
    fn choose(&mut self) -> Result<(), BootError> {
        loop {
            for image in self.images.iter().copied() {
                if self.chosen.get(image).is_none() {
                    *self.chosen.get_mut(image) = Some(self.next_good(image)?);
                }
            }
            let unusable = self.unmet_dependency().or_else(|| self.incomplete_set());
            let unusable = match unusable {
                Some(unusable) => Some(unusable),
                None => self.unmarkable_trial()?,
            };
            let Some((image, reason)) = unusable else {
                return Ok(());
            };
            if let Some(dropped) = self.chosen.get_mut(image).take() {
                self.refuse(image, dropped.slot, reason);
            }
        }
    }

    /// The next best slot of `image` whose copy passes verification.
    fn next_good(&mut self, image: Image) -> Result<Chosen<G::Source>, BootError> {
        loop {
            let slot = self.best(image).ok_or(BootError::NothingToBoot(image))?;
            match self.load(image, slot) {
                Ok(chosen) => {
                    let version = chosen.verified.version();
                    self.report.report(&Event::Verified {
                        image,
                        slot,
                        version,
                    });
                    if matches!(chosen.standing, Standing::TrialFailed | Standing::Unmarked) {
                        self.report.report(&Event::LastResort { image, slot });
                    }
                    return Ok(chosen);
                }
                Err(reason) => self.refuse(image, slot, reason),
            }
        }
    }

    fn refuse(&mut self, image: Image, slot: Slot, reason: Reason) {
        self.contenders.get_mut(image).get_mut(slot).out = true;
        self.report.report(&Event::Refused(Refused {
            image,
            slot,
            reason,
        }));
    }

    /// The slot to try next: what the strategy prefers, then the newest version, on equal ones slot A. One whose
    /// trial failed comes after all that may boot, one that nobody asked for after everything: rather than
    /// nothing, the device boots what is correctly signed and no rollback.
    fn best(&self, image: Image) -> Option<Slot> {
        let slots = self.contenders.get(image);
        let rank = |slot: Slot| {
            let contender = slots.get(slot);
            let class = match contender.standing {
                Standing::Confirmed | Standing::Pending => 2,
                Standing::TrialFailed => 1,
                Standing::Unmarked => 0,
            };
            let preference = self.strategy.preference(slot)?;
            (!contender.out).then_some((preference, class, contender.version))
        };
        match (rank(Slot::A), rank(Slot::B)) {
            (None, None) => None,
            (a, b) if b > a => Some(Slot::B),
            _ => Some(Slot::A),
        }
    }

    /// Brings the image in `slot` to where it runs and verifies it there.
    #[inline(never)]
    fn load(&mut self, image: Image, slot: Slot) -> Result<Chosen<G::Source>, Reason> {
        let standing = self.contenders.get(image).get(slot).standing;
        let root_key = self.device.root_keys.get(image);
        let area = self.device.map.slot(image, slot);
        let trailer = Alignment::for_write_unit(self.device.map.geometry.write_unit)
            .and_then(|alignment| Layout::new(area.len, alignment));
        let demands = Demands {
            image,
            slot,
            root_key,
            suites: self.device.suites,
            size_limit: trailer.map_or(0, |trailer| trailer.swap_info()),
            counter: *self.minimums.get(image),
            counter_limit: self.device.counters.get(image).limit(),
            window: self.stage.window(image),
            decryption: self.device.decryption,
        };
        let rules = self.rules.get(image);
        let bindings = Bindings {
            rom_address: self.stage.rom_address(image, area),
            vendor_uuid: rules.vendor_uuid,
            class_uuid: rules.class_uuid,
        };
        let (stage, flash) = (&self.stage, &mut self.device.flash);
        let verified = demands.judge_bound(&bindings, |policy| {
            stage.bring(flash, image, area, policy, demands.decryption.as_ref())
        })?;
        Ok(Chosen {
            slot,
            standing,
            scheme: root_key.scheme(),
            verified,
        })
    }

    /// An image whose dependency the other chosen image does not satisfy.
    fn unmet_dependency(&self) -> Option<(Image, Reason)> {
        self.images.iter().copied().find_map(|image| {
            let chosen = self.chosen.get(image).as_ref()?;
            let unmet = chosen.verified.dependencies().any(|dependency| {
                let needed = Image::from_number(dependency.image)
                    .and_then(|image| self.chosen.get(image).as_ref());
                !needed.is_some_and(|other| other.verified.version().satisfies(&dependency.minimum))
            });
            unmet.then_some((image, Reason::DependencyUnmet))
        })
    }

    /// In a set, an image that would be tried although another image's trial was refused or not asked for, or
    /// before what was accepted is marked.
    fn incomplete_set(&self) -> Option<(Image, Reason)> {
        if !self.record.together() {
            return None;
        }
        let staged = |(image, slot)| {
            let chosen = self.chosen.get(image).as_ref();
            chosen.is_some_and(|it| (it.slot, it.standing) == (slot, Standing::Pending))
        };
        let held = match self.trials.stage {
            SetStage::Staged => !self.trials.group.members().all(staged),
            stage => stage == SetStage::Accepted,
        };
        let missing = |image: &Image| {
            let refused = |slot: Slot| {
                let contender = self.contenders.get(*image).get(slot);
                contender.out && contender.standing == Standing::Pending
            };
            Slot::ALL.into_iter().any(refused)
        };
        if !held && !self.images.iter().any(missing) {
            return None;
        }
        let tried = self.pending().next()?;
        Some((tried.0, Reason::SetIncomplete))
    }

    /// The chosen images whose trial this is.
    fn pending(&self) -> impl Iterator<Item = (Image, Slot)> + '_ {
        self.images.iter().copied().filter_map(|image| {
            let chosen = self.chosen.get(image).as_ref()?;
            (chosen.standing == Standing::Pending).then_some((image, chosen.slot))
        })
    }

    /// From here on the trials of a set have begun, whatever becomes of the marks.
    fn record_trials(&mut self) -> Result<(), BootError> {
        let on_trial = self.pending();
        let on_trial = on_trial.fold(Group::default(), |group, (image, slot)| {
            group.with(image, slot)
        });
        if self.record.together() && !on_trial.is_empty() {
            let trials = Trials {
                stage: SetStage::Trial,
                group: on_trial,
                // What is tried now was written afresh since its slot failed.
                failed: Trials::of(self.record)?.failed.without(on_trial),
            };
            trials.write(self.record)?;
        }
        Ok(())
    }

    /// Marks the trials; gives an image whose mark could not be written.
    fn unmarkable_trial(&mut self) -> Result<Option<(Image, Reason)>, BootError> {
        self.record_trials()?;
        for image in Image::ALL {
            let Some(chosen) = self.chosen.get_mut(image) else {
                continue;
            };
            let slot = chosen.slot;
            // The contender's standing changes with the mark, so that a second round does not mark again.
            let contender = self.contenders.get_mut(image).get_mut(slot);
            if contender.standing != Standing::Pending {
                continue;
            }
            let marked = self
                .device
                .map
                .slot(image, slot)
                .of(&mut self.device.flash)
                .map_err(trailer_ops::TrailerError::Flash)
                .and_then(|mut region| trailer_ops::begin_trial(&mut region));
            if marked.is_err() {
                return Ok(Some((image, Reason::MarkFailed)));
            }
            contender.standing = Standing::TrialFailed;
            self.report.report(&Event::TrialBegins { image, slot });
        }
        Ok(None)
    }

    /// Only a confirmed image raises its counter. None starts whose counter is below what the hardware says now:
    /// what the verification compared it with went through many hands.
    fn raise_counters(&mut self) -> Result<(), BootError> {
        for image in Image::ALL {
            let Some(chosen) = self.chosen.get(image) else {
                continue;
            };
            let confirmed = chosen.standing == Standing::Confirmed;
            let counts = confirmed && self.strategy.raises_counter(chosen.slot);
            let counter = self.device.counters.get_mut(image);
            if let Some(value) = settle_counter(image, chosen, counts, counter)? {
                self.report.report(&Event::CounterRaised { image, value });
            }
        }
        Ok(())
    }

    fn finish(self, mode: u8) -> Result<Launched<G::Source>, BootError> {
        if self.images.is_empty() {
            return Err(BootError::FaultDetected);
        }
        for image in self.images.iter().copied() {
            let chosen = self.chosen.get(image).as_ref();
            if !chosen.is_some_and(|chosen| chosen.verified.still_stands()) {
                return Err(BootError::FaultDetected);
            }
        }
        Ok(Launched::new(mode, self.chosen))
    }
}
