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

use crate::demands::Demands;
use crate::flash_map::{FlashMap, Image, PerImage, PerSlot, Slot};
use crate::launch::{Chosen, Launch};
use crate::memory::{Frozen, ImageMemory, WindowCell};
use crate::otp::{RootKey, Scheme};
use crate::slots::{Event, Reason, Refused, Report, SlotState};
use crate::strategy::{Standing, Strategy};
use crate::trailer_ops::{self, FlashSource};
use ironroot_image::encryption::{Decrypted, Decryption};
use ironroot_image::{Candidate, Policy, Refusal, Suite, Verified, Version};
use ironroot_platform::{CounterError, Flash, FlashError, FlashRegion, HardwareCounter};

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
    pub root_keys: &'d PerImage<RootKey>,
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

/// Chooses, copies and verifies both images, and does what must be done before they start.
///
/// # Errors
/// [`BootError`]. Whatever is refused on the way is reported.
pub fn boot<'m, F: Flash, C: HardwareCounter, S: Strategy, R: Report>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    memory: &'m ImageMemory<'_>,
    report: &mut R,
) -> Result<Launch<'m>, BootError> {
    let contenders = PerImage {
        secure: survey(strategy, device, report, Image::Secure)?,
        non_secure: survey(strategy, device, report, Image::NonSecure)?,
    };
    let minimums = PerImage {
        secure: read_counter(device, Image::Secure)?,
        non_secure: read_counter(device, Image::NonSecure)?,
    };
    let chosen = PerImage {
        secure: None,
        non_secure: None,
    };
    let mut boot = Boot {
        device,
        memory,
        report,
        contenders,
        minimums,
        chosen,
    };
    boot.choose()?;
    boot.raise_counters()?;
    boot.finish(S::MODE)
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
fn survey<F: Flash, C, S: Strategy, R: Report>(
    strategy: &S,
    device: &mut Device<'_, F, C>,
    report: &mut R,
    image: Image,
) -> Result<PerSlot<Contender>, BootError> {
    strategy.prepare(&mut device.flash, device.map, image)?;
    let mut look = |slot| -> Result<Contender, BootError> {
        let region = device.map.slot(image, slot).of(&mut device.flash)?;
        let state = SlotState::read(&region);
        let standing = state.trailer.map_or(Standing::Unmarked, |trailer| {
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

struct Boot<'b, 'm, 'w, 'd, F, C, R> {
    device: &'b mut Device<'d, F, C>,
    memory: &'m ImageMemory<'w>,
    report: &'b mut R,
    contenders: PerImage<PerSlot<Contender>>,
    minimums: PerImage<u32>,
    chosen: PerImage<Option<Chosen<Frozen<'m>>>>,
}

impl<'m, F: Flash, C: HardwareCounter, R: Report> Boot<'_, 'm, '_, '_, F, C, R> {
    /// Until both images are chosen, their dependencies are met and their trials marked. Each round that
    /// does not end it puts one slot out, so there are at most as many as slots.
    // A function of its own, like `load`: one frame for everything costs 1 KB of code to address.
    #[inline(never)]
    fn choose(&mut self) -> Result<(), BootError> {
        loop {
            for image in Image::ALL {
                if self.chosen.get(image).is_none() {
                    *self.chosen.get_mut(image) = Some(self.next_good(image)?);
                }
            }
            let unusable = self.unmet_dependency().or_else(|| self.unmarkable_trial());
            let Some((image, reason)) = unusable else {
                return Ok(());
            };
            if let Some(dropped) = self.chosen.get_mut(image).take() {
                self.refuse(image, dropped.slot, reason);
            }
        }
    }

    /// The next best slot of `image` whose copy passes verification.
    fn next_good(&mut self, image: Image) -> Result<Chosen<Frozen<'m>>, BootError> {
        loop {
            let slot = best(self.contenders.get(image)).ok_or(BootError::NothingToBoot(image))?;
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

    /// Copies the image in `slot` and verifies the copy. What fails is wiped from its window again.
    #[inline(never)]
    fn load(&mut self, image: Image, slot: Slot) -> Result<Chosen<Frozen<'m>>, Reason> {
        let standing = self.contenders.get(image).get(slot).standing;
        let window = self.memory.window(image);
        let root_key = self.device.root_keys.get(image);
        let area = self.device.map.slot(image, slot);
        let region = area.of(&mut self.device.flash);
        let region = region.map_err(|_| Reason::Image(Refusal::Unreadable))?;
        let trailer = trailer_ops::layout(&region);
        let demands = Demands {
            image,
            slot,
            root_key,
            suites: self.device.suites,
            size_limit: trailer.map_or(0, |trailer| trailer.swap_info()),
            counter: *self.minimums.get(image),
            counter_limit: self.device.counters.get(image).limit(),
            window: Some(window.range()),
            decryption: self.device.decryption,
        };
        let verified = demands.judge(|policy| {
            copy_and_verify(&region, window, policy, demands.decryption.as_ref())
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
        Image::ALL.into_iter().find_map(|image| {
            let chosen = self.chosen.get(image).as_ref()?;
            let unmet = chosen.verified.dependencies().any(|dependency| {
                let needed = Image::from_number(dependency.image)
                    .and_then(|image| self.chosen.get(image).as_ref());
                !needed.is_some_and(|other| other.verified.version().satisfies(&dependency.minimum))
            });
            unmet.then_some((image, Reason::DependencyUnmet))
        })
    }

    /// Marks the trials; gives an image whose mark could not be written.
    fn unmarkable_trial(&mut self) -> Option<(Image, Reason)> {
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
                return Some((image, Reason::MarkFailed));
            }
            contender.standing = Standing::TrialFailed;
            self.report.report(&Event::TrialBegins { image, slot });
        }
        None
    }

    /// Only a confirmed image raises its counter.
    fn raise_counters(&mut self) -> Result<(), BootError> {
        for image in Image::ALL {
            let Some(chosen) = self.chosen.get(image) else {
                continue;
            };
            let (Standing::Confirmed, Some(value)) =
                (chosen.standing, chosen.verified.security_counter())
            else {
                continue;
            };
            if value > *self.minimums.get(image) {
                let counter = self.device.counters.get_mut(image);
                counter
                    .advance_to(value)
                    .map_err(|error| BootError::Counter(image, error))?;
                self.report.report(&Event::CounterRaised { image, value });
            }
        }
        Ok(())
    }

    fn finish(self, mode: u8) -> Result<Launch<'m>, BootError> {
        for image in Image::ALL {
            let chosen = self.chosen.get(image).as_ref();
            if !chosen.is_some_and(|chosen| chosen.verified.still_stands()) {
                return Err(BootError::FaultDetected);
            }
        }
        Ok(Launch::new(mode, self.chosen))
    }
}

/// The slot to try next: newest version first, on equal ones slot A. One whose trial failed comes after all
/// that may boot, one that nobody asked for after everything: rather than nothing, the device boots what is
/// correctly signed and no rollback.
fn best(slots: &PerSlot<Contender>) -> Option<Slot> {
    let rank = |slot: Slot| {
        let contender = slots.get(slot);
        let class = match contender.standing {
            Standing::Confirmed | Standing::Pending => 2,
            Standing::TrialFailed => 1,
            Standing::Unmarked => 0,
        };
        (!contender.out).then_some((class, contender.version))
    };
    match (rank(Slot::A), rank(Slot::B)) {
        (None, None) => None,
        (a, b) if b > a => Some(Slot::B),
        _ => Some(Slot::A),
    }
}

/// Copies the image at the start of `slot` into `window`, no byte more, decrypts the copy if it is encrypted,
/// and verifies what came of it.
fn copy_and_verify<'m, F: Flash>(
    slot: &FlashRegion<F>,
    window: &'m WindowCell<'_>,
    policy: &Policy<'_>,
    decryption: Option<&Decryption<'_>>,
) -> Result<Verified<Frozen<'m>>, Refusal> {
    // What flash says here decides only how much is copied to where and how it is opened; the copy is judged
    // on its own.
    let (place, len, cipher) = {
        let source = FlashSource(slot);
        let candidate = Candidate::parse(&source, policy)?;
        let cipher = match decryption {
            None => None,
            Some(decryption) => Decrypted::open(&source, decryption)?.into_cipher(),
        };
        (
            window
                .place(candidate.header())
                .ok_or(Refusal::LoadAddress)?,
            candidate.total_len(),
            cipher,
        )
    };
    let copied = match window.open(place, len) {
        None => Err(Refusal::TooLarge),
        Some(mut bytes) => {
            let read = slot.read(0, &mut bytes).map_err(|_| Refusal::Unreadable);
            if let Some(cipher) = cipher {
                cipher.apply(0, &mut bytes);
            }
            read
        }
    };
    let verified = copied.and_then(|()| verify_copy(window, place, len, policy));
    if verified.is_err() {
        // Nothing if the range is outside the window: then nothing was copied either.
        if let Some(mut bytes) = window.open(place, len) {
            bytes.fill(0);
        }
    }
    verified
}

fn verify_copy<'m>(
    window: &'m WindowCell<'_>,
    place: usize,
    len: u32,
    policy: &Policy<'_>,
) -> Result<Verified<Frozen<'m>>, Refusal> {
    let copy = window.freeze(place, len).ok_or(Refusal::FaultDetected)?;
    let verified = Verified::check(copy, policy)?;
    // The copy's own header must agree with where it was put: flash may have changed under the reads.
    if window.place(verified.header()) != Some(place) {
        return Err(Refusal::LoadAddress);
    }
    Ok(verified)
}
