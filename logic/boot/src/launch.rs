//! The images that may be started, and what the bootloader tells them.

use crate::boot::Chosen;
use crate::flash_map::{Image, PerImage, Slot};
use crate::memory::Frozen;
use crate::otp::Scheme;
use crate::strategy::Standing;
use ironroot_codec::{BufferFull, Writer};
use ironroot_image::boot_record::Items;
use ironroot_image::shared_data::{
    CLAIM_BOOT_RECORD, EntryType, INFO_MODE, INFO_RECOVERY, INFO_RUNNING_SLOT,
    INFO_SECURITY_COUNTER, INFO_SIGNATURE, INFO_VERSION, SharedData, SharedDataWriter,
};
use ironroot_image::{BootRecord, ImageSource as _, Verified, Version};

/// Bootloader information of ours: how image 0 runs (2 bytes: slot number, trial 0 or 1); image 1 is one
/// further on. MCUboot has a running slot for one image only.
const INFO_RUNNING: u16 = 0x800;

/// Software modules of packed components count from here; below are the images' own numbers.
const FIRST_COMPONENT_MODULE: u8 = 8;
const LAST_MODULE: u8 = 63;

/// Both images, verified where they lie, marked and counted. Only [`crate::boot`] makes one.
#[derive(Debug)]
pub struct Launch<'m> {
    mode: u8,
    images: PerImage<Chosen<'m>>,
}

impl<'m> Launch<'m> {
    pub(crate) const fn new(mode: u8, images: PerImage<Chosen<'m>>) -> Self {
        Self { mode, images }
    }

    /// The verified image.
    #[must_use]
    pub const fn verified(&self, image: Image) -> &Verified<Frozen<'m>> {
        &self.images.get(image).verified
    }

    /// Which slot the image came from, and whether this is its trial.
    #[must_use]
    pub fn running(&self, image: Image) -> Running {
        let chosen = self.images.get(image);
        Running {
            slot: chosen.slot,
            // A last resort is no trial: nothing may confirm it by itself.
            trial: chosen.standing == Standing::Pending,
        }
    }

    /// The address the payload lies at and runs from; its vector table, on a Cortex-M.
    #[must_use]
    pub fn entry(&self, image: Image) -> u32 {
        let verified = self.verified(image);
        // Both were checked to lie in the window, whose addresses do not wrap.
        verified
            .source()
            .address()
            .saturating_add(verified.payload().offset)
    }

    /// The bytes of the payload.
    #[must_use]
    pub fn payload(&self, image: Image) -> &[u8] {
        let verified = self.verified(image);
        let extent = verified.payload();
        verified
            .source()
            .contiguous(extent.offset, extent.len)
            .unwrap_or_default()
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
            self.add_boot_record(&mut out, image)?;
            self.add_components(&mut out, image, &mut component_module)?;
        }
        self.add_information(&mut out, bootloader)?;
        Ok(out.written().len())
    }

    fn add_boot_record(
        &self,
        out: &mut SharedDataWriter<'_>,
        image: Image,
    ) -> Result<(), BufferFull> {
        let mut buffer = [0; BootRecord::MAX_LEN];
        let verified = self.verified(image);
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

    fn add_components(
        &self,
        out: &mut SharedDataWriter<'_>,
        image: Image,
        module: &mut u8,
    ) -> Result<(), BufferFull> {
        let verified = self.verified(image);
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

    fn add_information(
        &self,
        out: &mut SharedDataWriter<'_>,
        bootloader: Version,
    ) -> Result<(), BufferFull> {
        let info = EntryType::bootloader;
        out.add(info(INFO_MODE), &[self.mode])?;
        out.add(
            info(INFO_SIGNATURE),
            &[signature_type(self.images.secure.scheme)],
        )?;
        out.add(info(INFO_RECOVERY), &[0])?;
        out.add(info(INFO_RUNNING_SLOT), &[self.images.secure.slot.number()])?;
        out.add(info(INFO_VERSION), &bootloader.to_bytes())?;
        for image in Image::ALL {
            let number = u16::from(image.number());
            let counter = self.verified(image).security_counter().unwrap_or(0);
            let kind = info(INFO_SECURITY_COUNTER.saturating_add(number));
            out.add(kind, &counter.to_le_bytes())?;
            let running = self.running(image);
            let kind = info(INFO_RUNNING.saturating_add(number));
            out.add(kind, &[running.slot.number(), u8::from(running.trial)])?;
        }
        Ok(())
    }
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
    }
}

const fn hash_name(len: usize) -> &'static [u8] {
    match len {
        48 => b"SHA384",
        64 => b"SHA512",
        _ => b"SHA256",
    }
}
