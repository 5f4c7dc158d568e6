//! What runs in the end: primary slots verified, counters raised, or another round.

use super::{InPlace, Memory, Phase, is_confirmed, is_member};
use crate::boot::{BootError, settle_counter};
use crate::flash_map::{Image, PerImage, Slot};
use crate::install::decide;
use crate::install::set::SetRecord;
use crate::install::{FlashImage, Method};
use crate::launch::{Chosen, Launched};
use crate::slots::{Event, Report};
use crate::strategy::Standing;
use ironroot_image::Verified;
use ironroot_image::trailer::{FlagState, MagicState};
use ironroot_platform::{Flash, HardwareCounter};

impl<M: Method, F: Flash + Clone, C: HardwareCounter, K: SetRecord, R: Report>
    InPlace<'_, '_, '_, M, F, C, K, R>
{
    /// Verifies what is in the primary slots. Nothing if another round may help.
    #[inline(never)]
    pub(super) fn conclude(&mut self) -> Result<Option<Launched<FlashImage<F>>>, BootError> {
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
        if self.setup.images.is_empty() {
            return Err(BootError::FaultDetected);
        }
        for image in self.setup.images.iter().copied() {
            let chosen: Option<&Chosen<FlashImage<F>>> = chosen.get(image).as_ref();
            if !chosen.is_some_and(|chosen| chosen.verified.still_stands()) {
                return Err(BootError::FaultDetected);
            }
        }
        Ok(Some(Launched::new(M::MODE, chosen)))
    }

    pub(super) fn any_stuck(&self) -> bool {
        let stuck = |image: &Image| self.memory.get(*image).stuck;
        self.setup.images.iter().any(stuck)
    }

    /// Whether something can still be done for an image whose primary slot does not verify.
    pub(super) fn another_way(&mut self, image: Image) -> Result<bool, BootError> {
        let (primary, _) = self.swapper(image)?.flags(&self.device.flash);
        if let Phase::Accepted(mask) = self.phase()? {
            // What cannot run is not kept, whoever accepted it.
            self.set_phase(Phase::Trial(mask))?;
        }
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

    pub(super) fn choose(
        &mut self,
        image: Image,
        verified: Verified<FlashImage<F>>,
    ) -> Result<Chosen<FlashImage<F>>, BootError> {
        let (primary, _) = self.swapper(image)?.flags(&self.device.flash);
        let open = matches!(self.phase()?, Phase::Trial(mask) if is_member(mask, image));
        let Memory {
            stuck, outdated, ..
        } = *self.memory.get(image);
        let accepted = matches!(self.phase()?, Phase::Accepted(mask) if is_member(mask, image));
        let confirmed = is_confirmed(&primary) || !M::REVERTS || accepted;
        let standing = match (confirmed, open, stuck) {
            (_, false, true) if outdated => Standing::Confirmed,
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

    /// Only a confirmed image raises its counter, and in a set only when all are. None starts whose counter is below
    /// what the hardware says now.
    pub(super) fn raise_counters(
        &mut self,
        chosen: &PerImage<Option<Chosen<FlashImage<F>>>>,
    ) -> Result<(), BootError> {
        for image in Image::ALL {
            let Some(chosen) = chosen.get(image) else {
                continue;
            };
            let counts = chosen.standing == Standing::Confirmed;
            let counter = self.device.counters.get_mut(image);
            if let Some(value) = settle_counter(image, chosen, counts, counter)? {
                self.report.report(&Event::CounterRaised { image, value });
            }
        }
        Ok(())
    }
}
