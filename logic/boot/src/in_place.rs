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

mod conclude;
mod jobs;
mod judge;
mod perform;

use crate::boot::{BootError, Device};
use crate::flash_map::{Area, Image, PerImage, Slot};
use crate::install::decide::{Table, swap_type};
use crate::install::method::Swap;
use crate::install::set::{Mask, Phase, SetRecord};
use crate::install::swapper::{Swapper, UnderWay};
use crate::install::{Areas, FlashImage, Journal, Method};
use crate::launch::Launched;
use crate::slots::Report;
use ironroot_image::Version;
use ironroot_image::trailer::{FlagState, MagicState, SwapType, Trailer};
use ironroot_platform::{Flash, FlashError, HardwareCounter};

/// How often a boot starts over because a primary slot did not verify.
const ROUNDS: u32 = 4;

/// What a device that runs images in place has beside its [`Device`].
#[derive(Clone, Copy)]
pub struct Setup<'d> {
    /// Its images.
    pub images: &'d [Image],
    /// Where the processor sees the first byte of the flash, for each image: the same on most machines, but a
    /// slot may be seen through a window of its own.
    pub address: PerImage<u32>,
    /// The most sectors an image can have: what both bootloaders agreed on, `BOOT_MAX_IMG_SECTORS`.
    /// [`UpdateLayout`](crate::UpdateLayout) has it and the scratch area of a device.
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
    /// What there is to go back to is below the counter, which only a confirmation raises: it was confirmed, and
    /// the mark has faded since.
    outdated: bool,
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
        if self.record.together() && mask != 0 && !is_committed(phase) {
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
            None => job.kind != SwapType::Test,
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
