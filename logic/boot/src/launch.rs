//! The images that may be started, and what the bootloader tells them.

use crate::flash_map::{Image, PerImage, Slot};
use crate::install::FlashImage;
use crate::memory::Frozen;
use crate::otp::Scheme;
use crate::strategy::Standing;
use ironroot_codec::{BufferFull, Writer};
use ironroot_image::boot_record::Items;
use ironroot_image::shared_data::{
    CLAIM_BOOT_RECORD, EntryType, INFO_MODE, INFO_RECOVERY, INFO_RUNNING_SLOT,
    INFO_SECURITY_COUNTER, INFO_SIGNATURE, INFO_VERSION, SharedData, SharedDataWriter,
};
use ironroot_image::{BootRecord, ImageSource, Verified, Version};
use ironroot_platform::Flash;

/// Bootloader information of ours: how image 0 runs (2 bytes: slot number, trial 0 or 1); image 1 is one
/// further on. MCUboot has a running slot for one image only.
const INFO_RUNNING: u16 = 0x800;

/// Software modules of packed components count from here; below are the images' own numbers.
const FIRST_COMPONENT_MODULE: u8 = 8;
const LAST_MODULE: u8 = 63;

/// An image that was chosen, verified where it will run.
#[derive(Debug)]
pub(crate) struct Chosen<S> {
    pub(crate) slot: Slot,
    pub(crate) standing: Standing,
    pub(crate) scheme: Scheme,
    pub(crate) verified: Verified<S>,
}

/// Images in memory, and images on flash that run where they lie.
pub trait Located: ImageSource {
    /// Where the processor sees the first byte.
    fn address(&self) -> u32;
}

impl Located for Frozen<'_> {
    fn address(&self) -> u32 {
        Frozen::address(self)
    }
}

impl<F: Flash> Located for FlashImage<F> {
    fn address(&self) -> u32 {
        FlashImage::address(self)
    }
}

/// Every image of the device, verified where it lies, marked and counted. Only the boot functions of this
/// crate make one.
#[derive(Debug)]
pub struct Launched<S> {
    mode: u8,
    images: PerImage<Option<Chosen<S>>>,
}

/// Both images in memory.
pub type Launch<'m> = Launched<Frozen<'m>>;

impl<S: Located> Launched<S> {
    pub(crate) const fn new(mode: u8, images: PerImage<Option<Chosen<S>>>) -> Self {
        Self { mode, images }
    }

    /// The verified image; nothing for one that the device does not have.
    #[must_use]
    pub fn verified(&self, image: Image) -> Option<&Verified<S>> {
        self.images
            .get(image)
            .as_ref()
            .map(|chosen| &chosen.verified)
    }

    /// Which slot the image came from, and whether this is its trial.
    #[must_use]
    pub fn running(&self, image: Image) -> Option<Running> {
        self.images.get(image).as_ref().map(|chosen| Running {
            slot: chosen.slot,
            // A last resort is no trial: nothing may confirm it by itself.
            trial: chosen.standing == Standing::Pending,
        })
    }

    /// The address the payload lies at and runs from; its vector table, on a Cortex-M. 0 for an image that the
    /// device does not have.
    #[must_use]
    pub fn entry(&self, image: Image) -> u32 {
        let verified = self.verified(image);
        // Where it lies was checked: addresses do not wrap there.
        verified.map_or(0, |verified| {
            verified
                .source()
                .address()
                .saturating_add(verified.payload().offset)
        })
    }

    /// The bytes of the payload, for images in memory.
    #[must_use]
    pub fn payload(&self, image: Image) -> &[u8] {
        let bytes = self.verified(image).and_then(|verified| {
            let extent = verified.payload();
            verified.source().contiguous(extent.offset, extent.len)
        });
        bytes.unwrap_or_default()
    }

    /// Writes the shared data area: each image's boot record, the records of components packed in it, and
    /// what the bootloader knows. Gives the written length.
    ///
    /// # Errors
    /// [`BufferFull`] when `area` is too small.
    #[inline(never)] // its buffers need not lie under everything the caller does
    pub fn write_shared_data(
        &self,
        area: &mut [u8],
        bootloader: Version,
    ) -> Result<usize, BufferFull> {
        let mut out = SharedDataWriter::new(area)?;
        let mut component_module = FIRST_COMPONENT_MODULE;
        for image in Image::ALL {
            if let Some(verified) = self.verified(image) {
                add_boot_record(&mut out, image, verified)?;
                add_components(&mut out, verified, &mut component_module)?;
            }
        }
        self.add_information(&mut out, bootloader)?;
        Ok(out.written().len())
    }

    fn add_information(
        &self,
        out: &mut SharedDataWriter<'_>,
        bootloader: Version,
    ) -> Result<(), BufferFull> {
        let info = EntryType::bootloader;
        out.add(info(INFO_MODE), &[self.mode])?;
        let first = Image::ALL
            .into_iter()
            .find_map(|image| self.images.get(image).as_ref());
        if let Some(first) = first {
            out.add(info(INFO_SIGNATURE), &[signature_type(first.scheme)])?;
            out.add(info(INFO_RECOVERY), &[0])?;
            out.add(info(INFO_RUNNING_SLOT), &[first.slot.number()])?;
        }
        out.add(info(INFO_VERSION), &bootloader.to_bytes())?;
        for image in Image::ALL {
            let (Some(verified), Some(running)) = (self.verified(image), self.running(image))
            else {
                continue;
            };
            let number = u16::from(image.number());
            let counter = verified.security_counter().unwrap_or(0);
            let kind = info(INFO_SECURITY_COUNTER.saturating_add(number));
            out.add(kind, &counter.to_le_bytes())?;
            let kind = info(INFO_RUNNING.saturating_add(number));
            out.add(kind, &[running.slot.number(), u8::from(running.trial)])?;
        }
        Ok(())
    }
}

fn add_boot_record<S: ImageSource>(
    out: &mut SharedDataWriter<'_>,
    image: Image,
    verified: &Verified<S>,
) -> Result<(), BufferFull> {
    let mut buffer = [0; BootRecord::MAX_LEN];
    let kind = EntryType::measurement(image.number(), CLAIM_BOOT_RECORD);
    if let Ok(Some(record)) = verified.boot_record(&mut buffer) {
        return out.add(kind, record);
    }
    let mut words = [0; Version::MAX_WORDS];
    let mut version = Writer::new(&mut words);
    let mut fits = Ok(());
    verified
        .version()
        .spell(&mut |character| fits = fits.and_then(|()| version.u8(character)));
    fits?;
    let record = Items {
        component: match image {
            Image::Secure => b"SPE",
            Image::NonSecure => b"NSPE",
        },
        version: version.written(),
        signer: verified.signer().unwrap_or_default(),
        algorithm: hash_name(verified.digest().len()),
        measurement: verified.digest(),
    };
    let mut writer = Writer::new(&mut buffer);
    record.write(&mut writer)?;
    out.add(kind, writer.written())
}

fn add_components<S: ImageSource>(
    out: &mut SharedDataWriter<'_>,
    verified: &Verified<S>,
    module: &mut u8,
) -> Result<(), BufferFull> {
    for entry in verified.component_records() {
        let mut buffer = [0; BootRecord::MAX_LEN];
        let record = entry
            .read(verified.source(), &mut buffer)
            .map_err(|_| BufferFull)?;
        if *module > LAST_MODULE {
            return Err(BufferFull);
        }
        out.add(EntryType::measurement(*module, CLAIM_BOOT_RECORD), record)?;
        *module = module.saturating_add(1);
    }
    Ok(())
}

/// How an image runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The slot it came from.
    pub slot: Slot,
    /// It is not confirmed: without confirmation the next boot goes back.
    pub trial: bool,
}

impl Running {
    /// What the bootloader told of `image` in the shared data area.
    #[must_use]
    pub fn read(shared: &SharedData<'_>, image: Image) -> Option<Self> {
        let kind = INFO_RUNNING.saturating_add(u16::from(image.number()));
        let [slot, trial] = shared.find(EntryType::bootloader(kind))?.try_into().ok()?;
        let trial = match trial {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(Self {
            slot: Slot::from_number(slot)?,
            trial,
        })
    }
}

/// MCUboot's number of a signature type.
const fn signature_type(scheme: Scheme) -> u8 {
    match scheme {
        Scheme::Rsa2048Sha256 | Scheme::Rsa3072Sha256 => 1,
        Scheme::P256Sha256 => 2,
        Scheme::Ed25519Sha256 | Scheme::Ed25519Sha512 | Scheme::Ed25519Pure => 3,
        // Ours: MCUboot has no number for it.
        Scheme::LmsSha256 => 0x80,
    }
}

const fn hash_name(len: usize) -> &'static [u8] {
    match len {
        48 => b"SHA384",
        64 => b"SHA512",
        _ => b"SHA256",
    }
}
