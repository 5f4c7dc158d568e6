//! Firmware Update (PSA Firmware Update API 1.0), the part that ends an update: what runs, and its
//! confirmation.
//!
//! Offered: `query`, `accept`, `request_reboot`. Images get into their slots by other ways for now, so the
//! functions that would write them answer `NOT_SUPPORTED`; [`call`] is where they will stand, and
//! [`ImageSlots`] is what they need. States seen here: `TRIAL` until accepted, `UPDATED` after that
//! until the next boot, else `READY`; none of them is stored, for all follow from the trailers.

use crate::System;
use ironroot_boot::trailer_ops::{self, TrailerError};
use ironroot_boot::{FlashMap, Image, PerImage, Running, Slot, SlotState};
use ironroot_image::shared_data::SharedData;
use ironroot_platform::{Flash, FlashError, FlashRegion};
use ironroot_psa_api::fwu::{
    ACCEPT, CANCEL, CLEAN, ComponentInfo, ComponentState, FINISH, INSTALL, ImageVersion, QUERY,
    REJECT, REQUEST_REBOOT, START, WRITE,
};
use ironroot_psa_api::{Error, Status};
use ironroot_spm::Message;

/// The slots of both images: the device's flash and where on it they lie.
#[derive(Debug)]
pub struct ImageSlots<F> {
    flash: F,
    map: FlashMap,
}

impl<F: Flash> ImageSlots<F> {
    /// The slots that `map` names on `flash`, which is the whole flash of the device.
    pub const fn new(flash: F, map: FlashMap) -> Self {
        Self { flash, map }
    }

    pub(crate) fn into_inner(self) -> F {
        self.flash
    }

    fn slot(&mut self, image: Image, slot: Slot) -> Result<FlashRegion<&mut F>, FlashError> {
        self.map.slot(image, slot).of(&mut self.flash)
    }
}

/// What the service remembers of this boot.
#[derive(Debug)]
pub(crate) struct UpdateState {
    running: PerImage<Option<Running>>,
    accepted: PerImage<bool>,
}

impl UpdateState {
    /// From what the bootloader told.
    pub(crate) fn new(shared_data: &[u8]) -> Self {
        let shared = SharedData::parse(shared_data);
        let running = |image| {
            shared
                .as_ref()
                .and_then(|shared| Running::read(shared, image))
        };
        Self {
            running: PerImage {
                secure: running(Image::Secure),
                non_secure: running(Image::NonSecure),
            },
            accepted: PerImage::default(),
        }
    }

    fn state(&self, image: Image) -> ComponentState {
        match self.running.get(image) {
            _ if *self.accepted.get(image) => ComponentState::Updated,
            Some(running) if running.trial => ComponentState::Trial,
            _ => ComponentState::Ready,
        }
    }
}

/// Answers a message.
pub(crate) fn call<F: Flash>(
    state: &mut UpdateState,
    slots: &mut ImageSlots<F>,
    system: &mut impl System,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    match message.kind() {
        QUERY => query(state, slots, message),
        ACCEPT => accept(state, slots),
        REQUEST_REBOOT => {
            system.reset();
            Ok(())
        }
        // The next step of this service writes images: these belong to it.
        START | WRITE | FINISH | CANCEL | INSTALL | CLEAN | REJECT => Err(Error::NotSupported),
        _ => Err(Error::NotSupported),
    }
}

fn query<F: Flash>(
    state: &UpdateState,
    slots: &mut ImageSlots<F>,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    let [component] = message.read_whole(0).ok_or(Error::ProgrammerError)?;
    let image = Image::from_number(component).ok_or(Error::DoesNotExist)?;
    let running = state.running.get(image).ok_or(Error::DoesNotExist)?;
    let slot = slots
        .slot(image, running.slot)
        .map_err(|_| Error::StorageFailure)?;
    let version = SlotState::read(&slot)
        .version()
        .map_or(ImageVersion::default(), |version| ImageVersion {
            major: version.major,
            minor: version.minor,
            patch: version.revision,
            build: version.build,
        });
    let info = ComponentInfo {
        state: state.state(image),
        error: Status::SUCCESS,
        version,
        max_size: slot.geometry().size(),
        flags: 0,
        location: u32::from(running.slot.number()),
        candidate_digest: [0; 32],
    };
    message.write(0, &info.to_bytes()).map_err(Error::from)
}

/// Confirms every image that runs on trial. If power goes between two confirmations, the images that were
/// not reached are still on trial after the next boot (or go back, if the first one's confirmation lets
/// them), and accepting again completes it: confirming twice is harmless.
fn accept<F: Flash>(state: &mut UpdateState, slots: &mut ImageSlots<F>) -> Result<(), Error> {
    let on_trial = |state: &UpdateState, image| state.state(image) == ComponentState::Trial;
    if !Image::ALL.into_iter().any(|image| on_trial(state, image)) {
        return Err(Error::BadState);
    }
    for image in Image::ALL {
        let Some(running) = state.running.get(image).filter(|_| on_trial(state, image)) else {
            continue;
        };
        let mut slot = slots
            .slot(image, running.slot)
            .map_err(|_| Error::StorageFailure)?;
        trailer_ops::confirm(&mut slot).map_err(from_trailer)?;
        *state.accepted.get_mut(image) = true;
    }
    Ok(())
}

fn from_trailer(error: TrailerError) -> Error {
    match error {
        TrailerError::BadState => Error::BadState,
        TrailerError::NoTrailer | TrailerError::Flash(_) => Error::StorageFailure,
    }
}
