//! What the device demands of an image, wherever its sectors are.

use super::{Facts, InPlace};
use crate::demands::{Bindings, Demands};
use crate::flash_map::{Image, PerImage, Slot};
use crate::install::method::Swap;
use crate::install::set::SetRecord;
use crate::install::{FlashImage, Method, Party};
use crate::slots::{Event, Reason, Refused, Report};
use ironroot_image::{Candidate, ImageSource, Policy, Refusal, Verified, Version};
use ironroot_platform::{Flash, HardwareCounter};

impl<M: Method, F: Flash + Clone, C: HardwareCounter, K: SetRecord, R: Report>
    InPlace<'_, '_, '_, M, F, C, K, R>
{
    pub(super) fn report_refusal(&mut self, image: Image, slot: Slot, reason: Reason) {
        self.report.report(&Event::Refused(Refused {
            image,
            slot,
            reason,
        }));
    }

    pub(super) fn demands(&self, image: Image, slot: Slot, room: u32) -> Demands<'_> {
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

    pub(super) fn bindings(&self, image: Image) -> Bindings {
        let rules = self.setup.rules.get(image);
        let primary = self.device.map.slot(image, Slot::A);
        Bindings {
            rom_address: self.setup.address.get(image).checked_add(primary.offset),
            vendor_uuid: rules.vendor_uuid,
            class_uuid: rules.class_uuid,
        }
    }

    /// Verifies one of a swap's images where its sectors are.
    pub(super) fn verify(
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

    pub(super) fn judge(
        &self,
        image: Image,
        swap: &Swap,
        done: u32,
        party: Party,
    ) -> Result<Facts, Reason> {
        Ok(facts(&self.verify(image, swap, done, party)?))
    }

    /// How long one of a swap's images is, if it has the form of one.
    pub(super) fn judge_structure(
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

    pub(super) fn verify_primary(&self, image: Image) -> Result<Verified<FlashImage<F>>, Reason> {
        let unfit = Reason::Image(Refusal::FaultDetected);
        let swapper = self.swappers.get(image).as_ref().ok_or(unfit)?;
        let area = self.device.map.slot(image, Slot::A);
        let address = self.setup.address.get(image);
        let address = address.checked_add(area.offset).ok_or(unfit)?;
        let room = swapper.room_in_bytes();
        let source = FlashImage::new(self.device.flash.clone(), area.offset, room, address);
        let demands = self.demands(image, Slot::A, room);
        let check = |policy: &Policy<'_>| Verified::check(source, policy);
        demands.judge_bound(&self.bindings(image), check)
    }

    pub(super) fn judge_primary(&self, image: Image) -> Result<Facts, Reason> {
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
