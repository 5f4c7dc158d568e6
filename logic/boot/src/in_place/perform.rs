//! Jobs are done: journals first, then sectors, then marks.

use super::{InPlace, Job, Phase, is_confirmed, journal_of, members};
use crate::boot::BootError;
use crate::flash_map::{Image, PerImage};
use crate::install::method::Swap;
use crate::install::set::SetRecord;
use crate::install::swapper::Ciphers;
use crate::install::{Method, Party};
use crate::slots::{Event, Report};
use ironroot_platform::{Flash, HardwareCounter};

impl<M: Method, F: Flash + Clone, C: HardwareCounter, K: SetRecord, R: Report>
    InPlace<'_, '_, '_, M, F, C, K, R>
{
    /// From here on each job can be resumed. No sector has moved.
    pub(super) fn open_journals(&mut self, jobs: &PerImage<Option<Job>>) -> Result<(), BootError> {
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
    pub(super) fn move_sectors(&mut self, jobs: &PerImage<Option<Job>>) -> Result<(), BootError> {
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

    pub(super) fn move_image(&mut self, image: Image, job: &Job) -> Result<(), BootError> {
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

    pub(super) fn cipher(
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
    pub(super) fn close_set(&mut self) -> Result<(), BootError> {
        let phase = self.phase()?;
        let next = match phase {
            Phase::Idle | Phase::Staged(_) | Phase::Trial(_) | Phase::Accepted(_) => {
                return Ok(());
            }
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
}
