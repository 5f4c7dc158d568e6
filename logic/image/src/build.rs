//! Building images, as the image tool does.
//!
//! Two typed steps, so that the private key can be anywhere (a file, a token, another machine):
//! [`Recipe::assemble`] lays out header, payload and protected TLVs and gives [`Unsigned`], whose
//! digest or bytes are to be signed; [`Unsigned::finish`] adds hash, key and signature. The order of
//! TLVs is imgtool's: counter, boot record, dependencies, vendor and class identifier, custom ones;
//! then hash, pure marker, key, signature, content key.

use crate::boot_record::BootRecord;
use crate::encryption::{ContentKey, Scheme, apply_payload};
use crate::trailer::{self, FLAG_SET, Layout};
use crate::{Dependency, Flags, HEADER_LEN, Header, Refusal, Suite, Version, tlv};
use ironroot_codec::{BufferFull, Writer};
use ironroot_crypto::hash::Digest;

/// The encrypted payload of imgtool is padded to whole blocks.
const AES_BLOCK: usize = 16;

/// Why an image cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildError {
    /// The output buffer is too small.
    BufferFull,
    /// The header size is below 32.
    HeaderSize,
    /// The payload or the TLVs are longer than the format can say.
    TooLarge,
    /// A custom TLV has a type outside the vendor range.
    CustomType,
    /// The component type or version of a boot record is too long.
    BootRecord,
    /// The suite wants a signature and there is none, or the other way round.
    Signature,
    /// The slot has no room for image and trailer.
    SlotTooSmall,
    /// The recipe wants an encrypted image and there is no content key of its scheme, or the other way round.
    Encryption,
    /// What should get one more signature is no image in order: why not.
    NotAnImage(Refusal),
    /// The image has a signature by that key.
    AlreadySigned,
}

impl From<BufferFull> for BuildError {
    fn from(_: BufferFull) -> Self {
        Self::BufferFull
    }
}

/// Where an image has to be to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Not said.
    Anywhere,
    /// Copied to this RAM address, header first.
    Ram(u32),
    /// In flash at this address.
    Rom(u32),
}

/// The public key an image names, DER.
#[derive(Debug, Clone, Copy)]
pub enum KeyForm<'a> {
    /// By its hash (KEYHASH).
    Hash(&'a [u8]),
    /// Whole (PUBKEY), for devices that store only the hash.
    Whole(&'a [u8]),
}

impl<'a> KeyForm<'a> {
    const fn der(&self) -> &'a [u8] {
        match self {
            Self::Hash(der) | Self::Whole(der) => der,
        }
    }
}

/// Everything that makes up an image but its payload and its signature.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// Hash and signature algorithm.
    pub suite: &'a Suite,
    /// The signer's public key; `None` for an unsigned image.
    pub key: Option<KeyForm<'a>>,
    /// Offset of the payload, at least 32.
    pub header_size: u16,
    /// What the bytes between header and payload read: the erased value, or zero.
    pub header_fill: u8,
    /// Version.
    pub version: Version,
    /// Where it has to be to run.
    pub placement: Placement,
    /// Mark it as not bootable.
    pub non_bootable: bool,
    /// Security counter.
    pub security_counter: Option<u32>,
    /// Component type for a boot record, at most 12 characters.
    pub boot_record: Option<&'a str>,
    /// Other images it needs.
    pub dependencies: &'a [Dependency],
    /// Vendor identifier.
    pub vendor_uuid: Option<[u8; 16]>,
    /// Device class identifier.
    pub class_uuid: Option<[u8; 16]>,
    /// Vendor TLVs: type and data.
    pub custom: &'a [(u16, &'a [u8])],
    /// Records of components packed inside the payload.
    pub components: &'a [BootRecord<'a>],
    /// How the payload will be encrypted: sets the flag, and pads with zeros until header and payload fill
    /// whole AES blocks, as imgtool does.
    pub encryption: Option<Scheme>,
}

impl<'a> Recipe<'a> {
    /// An image of this version with nothing but the least.
    #[must_use]
    pub const fn new(suite: &'a Suite, key: Option<KeyForm<'a>>, version: Version) -> Self {
        Self {
            suite,
            key,
            header_size: HEADER_LEN,
            header_fill: 0xff,
            version,
            placement: Placement::Anywhere,
            non_bootable: false,
            security_counter: None,
            boot_record: None,
            dependencies: &[],
            vendor_uuid: None,
            class_uuid: None,
            custom: &[],
            components: &[],
            encryption: None,
        }
    }

    /// Lays out everything that will be signed at the start of `out`.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn assemble<'b>(
        &self,
        payload: &[u8],
        out: &'b mut [u8],
    ) -> Result<Unsigned<'a, 'b>, BuildError> {
        if self.header_size < HEADER_LEN {
            return Err(BuildError::HeaderSize);
        }
        if self.suite.signature().is_some() != self.key.is_some() {
            return Err(BuildError::Signature);
        }
        let mut writer = Writer::new(out);
        writer.fill(self.header_fill, usize::from(self.header_size))?;
        writer.put(payload)?;
        if self.encryption.is_some() {
            let whole = writer.position().next_multiple_of(AES_BLOCK);
            writer.fill(0, whole.saturating_sub(writer.position()))?;
        }
        let payload_len = writer
            .position()
            .saturating_sub(usize::from(self.header_size));
        let protected_start = writer.position();
        self.write_protected(&mut writer)?;
        let protected = writer.position().saturating_sub(protected_start);
        let header = self.header(payload_len, protected)?;
        writer.patch(0, &header.to_bytes())?;
        Unsigned::new(self, header, writer)
    }

    fn header(&self, payload: usize, protected: usize) -> Result<Header, BuildError> {
        let (load_address, placed) = match self.placement {
            Placement::Anywhere => (0, Flags(0)),
            Placement::Ram(address) => (address, Flags::RAM_LOAD),
            Placement::Rom(address) => (address, Flags::ROM_FIXED),
        };
        let bootable = if self.non_bootable {
            Flags::NON_BOOTABLE
        } else {
            Flags(0)
        };
        let encrypted = self.encryption.map_or(Flags(0), |scheme| scheme.flag());
        let header = Header {
            load_address,
            header_size: self.header_size,
            protected_size: u16::try_from(protected).map_err(|_| BuildError::TooLarge)?,
            payload_size: u32::try_from(payload).map_err(|_| BuildError::TooLarge)?,
            flags: placed.with(bootable).with(encrypted),
            version: self.version,
        };
        header.signed_len().ok_or(BuildError::TooLarge)?;
        Ok(header)
    }

    /// The protected area; nothing at all when it would be empty.
    fn write_protected(&self, writer: &mut Writer<'_>) -> Result<(), BuildError> {
        let start = writer.position();
        writer.u16_le(tlv::PROTECTED_MAGIC)?;
        writer.u16_le(0)?;
        let first = writer.position();
        if let Some(counter) = self.security_counter {
            writer.tlv(tlv::SECURITY_COUNTER, &counter.to_le_bytes())?;
        }
        self.write_boot_record(writer)?;
        for dependency in self.dependencies {
            writer.tlv(tlv::DEPENDENCY, &dependency.to_bytes())?;
        }
        for (kind, uuid) in [
            (tlv::VENDOR_UUID, self.vendor_uuid),
            (tlv::CLASS_UUID, self.class_uuid),
        ] {
            if let Some(uuid) = uuid {
                writer.tlv(kind, &uuid)?;
            }
        }
        for (kind, data) in self.custom {
            // Signatures are not protected, ours neither.
            if !tlv::is_vendor(*kind) || *kind == tlv::LMS {
                return Err(BuildError::CustomType);
            }
            writer.tlv(*kind, data)?;
        }
        for component in self.components {
            write_record(writer, tlv::COMPONENT_RECORD, component)?;
        }
        if writer.position() == first {
            writer.truncate(start);
            return Ok(());
        }
        close_area(writer, start)
    }

    fn write_boot_record(&self, writer: &mut Writer<'_>) -> Result<(), BuildError> {
        let Some(component) = self.boot_record else {
            return Ok(());
        };
        if component.len() > BootRecord::MAX_COMPONENT {
            return Err(BuildError::BootRecord);
        }
        let hash = self.suite.hash();
        let zeros = [0; 64];
        let measurement = zeros
            .get(..usize::from(hash.len))
            .ok_or(BuildError::BootRecord)?;
        let key_hash = self.key_hash()?;
        // imgtool: the signer of an unsigned image is 32 zero bytes, whatever the hash.
        let unsigned = zeros.get(..32).ok_or(BuildError::BootRecord)?;
        let mut text = [0; 16];
        let record = BootRecord {
            component,
            version: version_text(&self.version, &mut text)?,
            signer: key_hash.as_ref().map_or(unsigned, Digest::as_slice),
            algorithm: hash.record_name,
            measurement,
        };
        write_record(writer, tlv::BOOT_RECORD, &record)
    }

    fn key_hash(&self) -> Result<Option<Digest>, BuildError> {
        let Some(key) = self.key else { return Ok(None) };
        hash_of(self.suite, key.der()).map(Some)
    }
}

fn hash_of(suite: &Suite, bytes: &[u8]) -> Result<Digest, BuildError> {
    suite
        .hash()
        .of_bytes(bytes)
        .map_err(|_: Refusal| BuildError::TooLarge)
}

/// "major.minor.revision", the form of boot records.
fn version_text<'b>(version: &Version, buffer: &'b mut [u8; 16]) -> Result<&'b str, BuildError> {
    struct Text<'w, 'b>(&'w mut Writer<'b>);
    impl core::fmt::Write for Text<'_, '_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.put(text.as_bytes()).map_err(|_| core::fmt::Error)
        }
    }
    let mut writer = Writer::new(buffer);
    let short = Version {
        build: 0,
        ..*version
    };
    core::fmt::Write::write_fmt(&mut Text(&mut writer), format_args!("{short}"))
        .map_err(|_| BuildError::BootRecord)?;
    core::str::from_utf8(writer.finish()).map_err(|_| BuildError::BootRecord)
}

fn write_record(
    writer: &mut Writer<'_>,
    kind: u16,
    record: &BootRecord<'_>,
) -> Result<(), BuildError> {
    let mut buffer = [0; BootRecord::MAX_LEN];
    let mut cbor = Writer::new(&mut buffer);
    record
        .write(&mut cbor)
        .map_err(|_| BuildError::BootRecord)?;
    Ok(writer.tlv(kind, cbor.written())?)
}

/// Writes the total length into the area header at `start`.
fn close_area(writer: &mut Writer<'_>, start: usize) -> Result<(), BuildError> {
    let total = writer.position().saturating_sub(start);
    let total = u16::try_from(total).map_err(|_| BuildError::TooLarge)?;
    Ok(writer.patch(start.saturating_add(2), &total.to_le_bytes())?)
}

/// The content key of an image to be encrypted.
#[derive(Clone, Copy)]
pub struct Encryption<'k> {
    /// The key, of the recipe's scheme.
    pub key: &'k ContentKey,
    /// The key wrapped for the device.
    pub wrapped: &'k [u8],
    /// Leave the payload in the clear, for a primary slot (imgtool's `--clear`).
    pub clear: bool,
}

/// An image complete up to what is signed.
#[derive(Debug)]
pub struct Unsigned<'a, 'b> {
    suite: &'a Suite,
    key: Option<KeyForm<'a>>,
    encryption: Option<Scheme>,
    header: Header,
    writer: Writer<'b>,
    digest: Digest,
}

impl<'a, 'b> Unsigned<'a, 'b> {
    fn new(recipe: &Recipe<'a>, header: Header, writer: Writer<'b>) -> Result<Self, BuildError> {
        let digest = hash_of(recipe.suite, writer.written())?;
        Ok(Self {
            suite: recipe.suite,
            key: recipe.key,
            encryption: recipe.encryption,
            header,
            writer,
            digest,
        })
    }

    /// The image hash: what a signature is over, unless it is pure.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.digest.as_slice()
    }

    /// Header, payload and protected area: what a pure signature is over.
    #[must_use]
    pub fn signed_region(&self) -> &[u8] {
        self.writer.written()
    }

    /// Adds the unprotected area and gives the image. `signature` is as its TLV holds it (DER for
    /// ECDSA), and `None` exactly for unsigned suites.
    ///
    /// # Errors
    /// [`BuildError::Signature`], [`BuildError::Encryption`] for a recipe with encryption,
    /// [`BuildError::BufferFull`], [`BuildError::TooLarge`].
    pub fn finish(self, signature: Option<&[u8]>) -> Result<&'b mut [u8], BuildError> {
        self.complete(signature, None)
    }

    /// The same for a recipe with encryption: adds the content key's TLV and encrypts the payload.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); [`BuildError::Encryption`] when the key is not of the recipe's scheme.
    pub fn finish_encrypted(
        self,
        signature: Option<&[u8]>,
        encryption: &Encryption<'_>,
    ) -> Result<&'b mut [u8], BuildError> {
        self.complete(signature, Some(encryption))
    }

    fn complete(
        self,
        signature: Option<&[u8]>,
        encrypted: Option<&Encryption<'_>>,
    ) -> Result<&'b mut [u8], BuildError> {
        let Self {
            suite,
            key,
            encryption,
            header,
            mut writer,
            digest,
        } = self;
        let fits = match (encryption, encrypted) {
            (None, None) => true,
            (Some(scheme), Some(encrypted)) => {
                encrypted.key.scheme().is(scheme)
                    && encrypted.wrapped.len() == usize::from(scheme.tlv_len())
            }
            _ => false,
        };
        if !fits {
            return Err(BuildError::Encryption);
        }
        let start = writer.position();
        writer.u16_le(tlv::UNPROTECTED_MAGIC)?;
        writer.u16_le(0)?;
        writer.tlv(suite.hash().tlv, digest.as_slice())?;
        match (suite.signature(), key, signature) {
            (None, None, None) => {}
            (Some(kind), Some(key), Some(signature)) => {
                if kind.pure {
                    writer.tlv(tlv::SIG_PURE, &[1])?;
                }
                match key {
                    KeyForm::Hash(der) => {
                        writer.tlv(tlv::KEYHASH, hash_of(suite, der)?.as_slice())?;
                    }
                    KeyForm::Whole(der) => writer.tlv(tlv::PUBKEY, der)?,
                }
                writer.tlv(kind.tlv, signature)?;
            }
            _ => return Err(BuildError::Signature),
        }
        if let Some(encrypted) = encrypted {
            writer.tlv(encrypted.key.scheme().tlv(), encrypted.wrapped)?;
        }
        close_area(&mut writer, start)?;
        let image = writer.finish();
        if let Some(encrypted) = encrypted.filter(|encrypted| !encrypted.clear) {
            apply_payload(encrypted.key, &header, image);
        }
        Ok(image)
    }
}

/// What a padded image's trailer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Magic only: to be tried once.
    Trial,
    /// Magic and image ok: for good.
    Confirmed,
}

/// Fills the rest of a slot behind an image: erased bytes and the trailer. `slot` is the whole slot,
/// the image of `image_len` bytes at its start; `reserved` is how much the trailer takes with the
/// strategy's status area.
///
/// # Errors
/// [`BuildError::SlotTooSmall`].
pub fn pad(
    slot: &mut [u8],
    image_len: usize,
    layout: &Layout,
    reserved: u32,
    mark: Mark,
    erased: u8,
) -> Result<(), BuildError> {
    let small = BuildError::SlotTooSmall;
    if slot.len() != layout.slot_size() as usize {
        return Err(small);
    }
    let end = slot.len().checked_sub(reserved as usize).ok_or(small)?;
    if image_len > end {
        return Err(small);
    }
    slot.get_mut(image_len..).ok_or(small)?.fill(erased);
    let magic = layout.magic() as usize;
    slot.get_mut(magic..)
        .ok_or(small)?
        .copy_from_slice(layout.alignment().magic());
    if mark == Mark::Confirmed {
        *slot.get_mut(layout.image_ok() as usize).ok_or(small)? = FLAG_SET;
    }
    Ok(())
}

/// What decides how much of a slot imgtool reserves for the trailer.
#[derive(Debug, Clone, Copy)]
pub struct Reserve {
    /// Alignment of the items.
    pub alignment: trailer::Alignment,
    /// What the flash writes at once, in bytes (`--align`).
    pub write_unit: u32,
    /// How many sectors a swap may have (`--max-sectors`).
    pub max_sectors: u32,
    /// Whether the device overwrites instead of swapping.
    pub overwrite_only: bool,
    /// Bytes of one content key in the trailer of a swap, before they are aligned: 0 without encryption, 16
    /// for a plain one (AES-256 too), or the length of the TLV when that is saved.
    pub content_key: u32,
}

impl Reserve {
    /// The length from the start of the status area to the end of the slot; `None` when it does not fit 32
    /// bits.
    ///
    /// Swapping: `max_sectors` × 3 status units of `write_unit` bytes, two content keys, four items, magic.
    /// Overwriting: two items and the magic.
    #[must_use]
    pub fn bytes(&self) -> Option<u32> {
        let align = self.alignment.bytes();
        let magic = align.max(trailer::MAGIC_LEN as u32);
        if self.overwrite_only {
            return align.checked_mul(2)?.checked_add(magic);
        }
        let status = self
            .max_sectors
            .checked_mul(3)?
            .checked_mul(self.write_unit)?;
        let keys = self
            .content_key
            .checked_next_multiple_of(align)?
            .checked_mul(2)?;
        status
            .checked_add(keys)?
            .checked_add(align.checked_mul(4)?)?
            .checked_add(magic)
    }
}
