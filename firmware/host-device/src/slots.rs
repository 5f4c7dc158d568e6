//! Writing images into slots and judging what lies there, by the bootloader's own rules.

use crate::DeviceError;
use ironroot_boot::otp::{self, RootKeys, Scheme, Wrapping};
use ironroot_boot::trailer_ops::{self, FlashSource, Request};
use ironroot_boot::{
    Area, Demands, FlashMap, Image, PerImage, Reason, Slot, SlotState, Standing, UpdateLayout,
    UpdateMode,
};
use ironroot_image::encryption::{self, Decryption, schemes};
use ironroot_image::{BootRecord, ImageSource, Refusal, Suite, Verified, Version, peek, suites};
use ironroot_platform::{Flash, FlashCounter, FlashRegion, HardwareCounter};
use ironroot_port_host::FileFlash;
use ironroot_psa::ImageRules;

/// Every signature scheme: what tools and the host device can check.
pub const ALL_SUITES: &[(Scheme, &Suite)] = &[
    (Scheme::P256Sha256, &suites::P256_SHA256),
    (Scheme::Ed25519Sha256, &suites::ED25519_SHA256),
    (Scheme::Ed25519Sha512, &suites::ED25519_SHA512),
    (Scheme::Ed25519Pure, &suites::ED25519_PURE),
    (Scheme::Rsa2048Sha256, &suites::RSA2048_SHA256),
    (Scheme::Rsa3072Sha256, &suites::RSA3072_SHA256),
    (Scheme::LmsSha256, &suites::LMS_SHA256),
];

/// Every kind of encrypted image whose key fits a device's OTP.
pub const ALL_ENCRYPTION: &[(Wrapping, encryption::Scheme)] = &[
    (Wrapping::EciesP256Aes128, &schemes::ECIES_P256_AES128),
    (Wrapping::EciesP256Aes256, &schemes::ECIES_P256_AES256),
    (Wrapping::EciesX25519Aes128, &schemes::ECIES_X25519_AES128),
    (Wrapping::EciesX25519Aes256, &schemes::ECIES_X25519_AES256),
    (
        Wrapping::EciesX25519Sha512Aes128,
        &schemes::ECIES_X25519_SHA512_AES128,
    ),
    (
        Wrapping::EciesX25519Sha512Aes256,
        &schemes::ECIES_X25519_SHA512_AES256,
    ),
    (Wrapping::KeyWrapAes128, &schemes::KEY_WRAP_AES128),
    (Wrapping::KeyWrapAes256, &schemes::KEY_WRAP_AES256),
];

/// What a device demands of images, whoever asks: its bootloader, its update service, or a tool.
#[must_use]
pub(crate) fn image_rules(layout: &UpdateLayout<'_>) -> ImageRules {
    ImageRules {
        suites: ALL_SUITES,
        encryption: ALL_ENCRYPTION,
        windows: PerImage {
            secure: load_window(layout, Image::Secure),
            non_secure: load_window(layout, Image::NonSecure),
        },
    }
}

/// What a slot holds and what the device would say of it.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Which slot.
    pub slot: Slot,
    /// What it claims.
    pub state: SlotState,
    /// What its trailer means.
    pub standing: Standing,
    /// The device's verdict on the image, whatever the trailer says.
    pub verdict: Result<Accepted, Reason>,
}

/// What is known of an image that the device would accept.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// Its version.
    pub version: Version,
    /// Its security counter.
    pub security_counter: u32,
    /// Which image it says it is, in its boot record.
    pub says: Option<Image>,
}

/// The hardware counter of an image.
///
/// # Errors
/// [`DeviceError::Counter`], [`DeviceError::Flash`].
pub fn security_counter(
    flash: &FileFlash,
    map: &FlashMap,
    image: Image,
) -> Result<FlashCounter<FlashRegion<FileFlash>>, DeviceError> {
    Ok(FlashCounter::open(
        map.security_counter(image).of(flash.clone())?,
    )?)
}

/// Judges image bytes as the device would, were they in `slot`.
///
/// # Errors
/// [`DeviceError::Counter`], [`DeviceError::Flash`]. The verdict itself is in the answer.
pub fn judge(
    flash: &FileFlash,
    layout: &UpdateLayout<'_>,
    root_keys: &PerImage<RootKeys>,
    image: Image,
    slot: Slot,
    bytes: &[u8],
) -> Result<Result<Accepted, Reason>, DeviceError> {
    let map = layout.map;
    let counter = security_counter(flash, map, image)?;
    let demands = Demands {
        image,
        slot,
        root_key: root_keys.get(image),
        suites: ALL_SUITES,
        size_limit: room(layout, image)?,
        counter: counter.read()?,
        counter_limit: counter.limit(),
        window: load_window(layout, image),
        decryption: None,
    };
    let in_clear = layout.mode.moves_sectors() && slot == Slot::A;
    let judge = |decryption: Option<Decryption<'_>>| {
        let demands = Demands {
            decryption,
            ..demands
        };
        match in_clear {
            true => demands
                .examine_in_place(bytes)
                .map(|image| accepted(&image)),
            false => demands.examine(bytes).map(|image| accepted(&image)),
        }
    };
    let key = otp::read_decryption_key(&map.otp.of(flash.clone())?)?;
    Ok(match key {
        None => judge(None),
        Some(key) => key.using(ALL_ENCRYPTION, judge),
    })
}

fn accepted<S: ImageSource>(verified: &Verified<S>) -> Accepted {
    Accepted {
        version: verified.version(),
        security_counter: verified.security_counter().unwrap_or_default(),
        says: component(verified),
    }
}

/// By the component types that the bootloader, too, gives to images without a boot record.
fn component<S: ImageSource>(verified: &Verified<S>) -> Option<Image> {
    let mut buffer = [0; BootRecord::MAX_LEN];
    let record = verified.boot_record(&mut buffer).ok()??;
    match BootRecord::parse(record).ok()?.component {
        "SPE" => Some(Image::Secure),
        "NSPE" => Some(Image::NonSecure),
        _ => None,
    }
}

/// How many bytes an image may have.
fn room(layout: &UpdateLayout<'_>, image: Image) -> Result<u32, DeviceError> {
    let room = layout.room(image);
    room.ok_or(DeviceError::Trailer(trailer_ops::TrailerError::NoTrailer))
}

/// Where the board's bootloader loads an image: AN521's code memory, `ARCHITECTURE.md`, "Memory map";
/// on the host, memory of no particular address. Nothing where images run in place.
pub(crate) fn load_window(
    layout: &UpdateLayout<'_>,
    image: Image,
) -> Option<ironroot_image::AddressRange> {
    let map = layout.map;
    if layout.mode != UpdateMode::RamLoad {
        return None;
    }
    let (start, len) = match image {
        _ if *map != ironroot_boot::flash_map::AN521 => (0, map.slot(image, Slot::A).len),
        Image::Secure => (0x1001_0000, 448 * 1024),
        Image::NonSecure => (0x0020_0000, 1024 * 1024),
    };
    Some(ironroot_image::AddressRange { start, len })
}

/// Looks at one slot.
///
/// # Errors
/// [`DeviceError::Counter`], [`DeviceError::Flash`].
pub fn inspect(
    flash: &FileFlash,
    layout: &UpdateLayout<'_>,
    root_keys: &PerImage<RootKeys>,
    image: Image,
    slot: Slot,
) -> Result<Report, DeviceError> {
    let area = layout.map.slot(image, slot);
    let mut state = SlotState::read(&area.of(flash.clone())?);
    let standing = state.trailer.map_or(Standing::Unmarked, |trailer| {
        layout.mode.standing(slot, &trailer)
    });
    let area = image_in(flash, layout, area, slot)?;
    state.header = peek(&FlashSource(&area.of(flash.clone())?));
    let verdict = match state.header {
        Err(refusal) => Err(Reason::Image(refusal)),
        Ok(_) => {
            let bytes = read(flash, area)?;
            judge(flash, layout, root_keys, image, slot, &bytes)?
        }
    };
    Ok(Report {
        slot,
        state,
        standing,
        verdict,
    })
}

/// The part of a slot that begins with an image: where candidates go, or where a swap leaves the image before.
fn image_in(
    flash: &FileFlash,
    layout: &UpdateLayout<'_>,
    area: Area,
    slot: Slot,
) -> Result<Area, DeviceError> {
    let candidate = behind(area, candidate_offset(layout, slot));
    let header = peek(&FlashSource(&candidate.of(flash.clone())?));
    Ok(match header {
        Err(Refusal::NoImage) => area,
        _ => candidate,
    })
}

/// How far from the start of a slot a candidate begins.
fn candidate_offset(layout: &UpdateLayout<'_>, slot: Slot) -> u32 {
    match slot {
        Slot::A => 0,
        Slot::B => layout.mode.candidate_sector() * layout.map.geometry.sector_size,
    }
}

fn behind(area: Area, offset: u32) -> Area {
    Area {
        offset: area.offset + offset,
        len: area.len - offset,
    }
}

/// The bytes of an area. A read error shows up as a refusal of the zeros.
pub(crate) fn read(flash: &FileFlash, area: Area) -> Result<Vec<u8>, DeviceError> {
    let region = area.of(flash.clone())?;
    let mut bytes = vec![0; region.geometry().size() as usize];
    let _ = FlashSource(&region).read_at(0, &mut bytes);
    Ok(bytes)
}

/// Confirms the image in a slot.
///
/// # Errors
/// [`DeviceError::Trailer`], [`DeviceError::Flash`].
pub fn confirm<F: Flash>(
    flash: F,
    map: &FlashMap,
    (image, slot): (Image, Slot),
) -> Result<(), DeviceError> {
    Ok(trailer_ops::confirm(&mut map.slot(image, slot).of(flash)?)?)
}

/// Withdraws what a slot asks for; the image in it stays.
///
/// # Errors
/// [`DeviceError::Flash`].
pub fn withdraw<F: Flash>(
    flash: F,
    map: &FlashMap,
    (image, slot): (Image, Slot),
) -> Result<(), DeviceError> {
    let mut region = map.slot(image, slot).of(flash)?;
    let last = region.geometry().sectors.saturating_sub(1);
    Ok(region.erase(last)?)
}

/// Erases a slot and writes an image into it, where the device's strategy looks for it; `request` is what its
/// trailer then asks for.
///
/// `progress` hears how many bytes of how many are written. An image that is as long as the slot brings
/// its own trailer and gets no other.
///
/// # Errors
/// [`DeviceError::TooLarge`], [`DeviceError::Flash`], [`DeviceError::Trailer`].
pub fn write<F: Flash>(
    flash: &mut F,
    layout: &UpdateLayout<'_>,
    (image, slot): (Image, Slot),
    bytes: &[u8],
    request: Option<Request>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), DeviceError> {
    let mut region = layout.map.slot(image, slot).of(flash)?;
    let geometry = region.geometry();
    let limit = room(layout, image)?;
    let start = candidate_offset(layout, slot) as usize;
    let whole = start == 0 && bytes.len() == geometry.size() as usize;
    if !whole && bytes.len() > limit as usize {
        let image_len = bytes.len();
        return Err(DeviceError::TooLarge {
            which: image,
            slot,
            image: image_len,
            limit,
        });
    }
    // The trailer goes first: whatever is cut off after it leaves an image that nobody asked for.
    for sector in (0..geometry.sectors).rev() {
        erase_if_needed(&mut region, sector)?;
    }
    let sector = geometry.sector_size as usize;
    for (index, piece) in bytes.chunks(sector).enumerate() {
        let offset = index * sector;
        program(&mut region, start + offset, piece)?;
        progress((offset + piece.len()).min(bytes.len()), bytes.len());
    }
    match request {
        Some(request) if !whole => Ok(trailer_ops::set_pending(&mut region, image, request)?),
        _ => Ok(()),
    }
}

fn erase_if_needed<F: Flash>(region: &mut F, sector: u32) -> Result<(), DeviceError> {
    let geometry = region.geometry();
    let mut content = vec![0; geometry.sector_size as usize];
    region.read(sector * geometry.sector_size, &mut content)?;
    if content.iter().all(|byte| *byte == geometry.erased) {
        return Ok(());
    }
    Ok(region.erase(sector)?)
}

/// Programs a piece without its erased units: they would only be spent.
fn program<F: Flash>(region: &mut F, offset: usize, piece: &[u8]) -> Result<(), DeviceError> {
    let geometry = region.geometry();
    let unit = geometry.write_unit as usize;
    let mut padded = piece.to_vec();
    padded.resize(piece.len().next_multiple_of(unit), geometry.erased);
    let is_erased = |unit: &[u8]| unit.iter().all(|byte| *byte == geometry.erased);
    let units: Vec<&[u8]> = padded.chunks(unit).collect();
    let mut at = offset;
    for run in units.chunk_by(|a, b| is_erased(a) == is_erased(b)) {
        let bytes = run.concat();
        if !is_erased(&bytes) {
            let at = u32::try_from(at).map_err(|_| ironroot_platform::FlashError::OutOfRange)?;
            region.program(at, &bytes)?;
        }
        at += bytes.len();
    }
    Ok(())
}
