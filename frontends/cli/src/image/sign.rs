//! `sign`: from a payload to an image.
//!
//! Steps: read the payload (with room for the header, or without), choose the suite from the key,
//! assemble what is signed, sign it (or take a signature made elsewhere), encrypt. Padding and writing are
//! in [`super::sign_output`].

use super::arguments::{Component, short_number, tlv_value};
use super::encryption::Recipient;
use super::files::{self, Readers};
use super::key::{PrivateKey, PublicKey};
use super::sign_options::{PublicKeyFormat, Sign, VectorToSign};
use super::uuid::{DNS, Identifier};
use super::{hex, key_file, pem, usage};
use anyhow::{Context, bail};
use ironroot_image::build::{BuildError, Encryption, KeyForm, Placement, Recipe, Unsigned};
use ironroot_image::{BootRecord, Suite, suites, tlv};
use std::path::Path;
use std::process::ExitCode;

/// Who signs, and with what.
struct Signer {
    private: Option<PrivateKey>,
    public: Option<PublicKey>,
    suite: &'static Suite,
}

impl Sign {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        self.check_options()?;
        let payload = self.payload()?;
        let signer = self.signer()?;
        let recipient = self.recipient()?;
        let custom = self.custom_tlvs()?;
        let custom: Vec<_> = custom
            .iter()
            .map(|(kind, data)| (*kind, data.as_slice()))
            .collect();
        let records = self.component_records(&signer)?;
        let mut recipe = self.recipe(&signer, &custom, &records);
        recipe.recipe.encryption = recipient.as_ref().map(|recipient| recipient.scheme);

        let room = payload.bytes.len() + usize::from(self.header_size) + 0x2_1000;
        let mut out = vec![0; room.max(self.slot_size.unwrap_or(0) as usize)];
        let unsigned = recipe
            .assemble(&payload.bytes, &mut out)
            .map_err(|error| self.explain(error))?;
        if let Some(what) = self.vector_to_sign {
            let bytes = match what {
                VectorToSign::Payload => unsigned.signed_region(),
                VectorToSign::Digest => unsigned.digest(),
            };
            files::write(&self.outfile, bytes, Readers::Everyone)?;
            return Ok(ExitCode::SUCCESS);
        }
        let signature = self.signature(&signer, &unsigned)?;
        let len = self.finish(unsigned, signature.as_deref(), recipient.as_ref())?;
        self.write(&mut out, len, payload.address, recipient.as_ref())?;
        if let (Some(path), Some(signature)) = (&self.sig_out, &signature) {
            files::write(
                path,
                pem::encode_base64(signature).as_bytes(),
                Readers::Everyone,
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn recipient(&self) -> anyhow::Result<Option<Recipient>> {
        let read =
            |argument: &String| Recipient::read(argument, self.encrypt_keylen, self.hmac_sha);
        self.encrypt.as_ref().map(read).transpose()
    }

    /// Completes the image and gives its length.
    fn finish(
        &self,
        unsigned: Unsigned<'_, '_>,
        signature: Option<&[u8]>,
        recipient: Option<&Recipient>,
    ) -> anyhow::Result<usize> {
        let image = match recipient {
            None => unsigned.finish(signature),
            Some(recipient) => {
                let (key, wrapped) = recipient.content_key(unsigned.digest())?;
                let encryption = Encryption {
                    key: &key,
                    wrapped: wrapped.as_slice(),
                    clear: self.clear,
                };
                unsigned.finish_encrypted(signature, &encryption)
            }
        };
        image
            .map(|image| image.len())
            .map_err(|error| self.explain(error))
    }

    /// The payload without the room for the header.
    fn payload(&self) -> anyhow::Result<Payload> {
        let mut payload = Payload::read(&self.infile)?;
        let size = usize::from(self.header_size);
        if self.pad_header {
            let before = |address: u32| match address {
                0 => Some(0),
                address => address.checked_sub(u32::from(self.header_size)),
            };
            if let Some(address) = payload.address {
                let moved = before(address);
                payload.address =
                    Some(moved.context("there is no room for the header below INFILE's address")?);
            }
            return Ok(payload);
        }
        if payload.bytes.len() < size || payload.bytes[..size].iter().any(|byte| *byte != 0) {
            bail!(
                "{} does not start with {size} zero bytes for the header; \
                 with --pad-header they are put in front of it",
                self.infile.display()
            );
        }
        payload.bytes.drain(..size);
        Ok(payload)
    }

    fn signer(&self) -> anyhow::Result<Signer> {
        let private = self
            .key
            .as_deref()
            .map(key_file::load_private)
            .transpose()?;
        let public = match (&private, &self.fix_sig_pubkey) {
            (Some(key), _) => Some(key_file::public(key)?),
            (None, Some(path)) => Some(key_file::load_public(path)?),
            (None, None) => None,
        };
        let suite = self.suite(public.as_ref())?;
        Ok(Signer {
            private,
            public,
            suite,
        })
    }

    /// The suite that key, --sha and --pure name.
    fn suite(&self, key: Option<&PublicKey>) -> anyhow::Result<&'static Suite> {
        let Some(key) = key else {
            if self.pure {
                return Err(usage("--pure is a way to sign, and there is no key"));
            }
            return Ok(match self.sha.as_str() {
                "384" => &suites::UNSIGNED_SHA384,
                "512" => &suites::UNSIGNED_SHA512,
                _ => &suites::UNSIGNED_SHA256,
            });
        };
        let name = key.kind.name;
        key.kind.must_sign()?;
        if self.pure {
            if !matches!(self.sha.as_str(), "auto" | "512") {
                return Err(usage("--pure goes with SHA-512"));
            }
            let no = || {
                usage(format!(
                    "{name} keys sign only a hash; --pure is for Ed25519"
                ))
            };
            return key.kind.pure.ok_or_else(no);
        }
        let by_hash = |suite: &&&Suite| suite.hash().name == format!("SHA-{}", self.sha);
        let found = match self.sha.as_str() {
            "auto" => key.kind.suites.first(),
            _ => key.kind.suites.iter().find(by_hash),
        };
        let no = || usage(format!("{name} keys do not go with --sha {}", self.sha));
        found.copied().ok_or_else(no)
    }

    fn custom_tlvs(&self) -> anyhow::Result<Vec<(u16, Vec<u8>)>> {
        let (given, files) = (
            self.custom_tlv.as_chunks::<2>(),
            self.custom_tlv_file.as_chunks::<2>(),
        );
        let mut all: Vec<(u16, Vec<u8>)> = Vec::new();
        let values = given.0.iter().map(|[kind, value]| {
            let value = tlv_value(value).ok_or_else(|| usage(format!("{value}: odd hexadecimal")));
            (kind, value)
        });
        let contents = files
            .0
            .iter()
            .map(|[kind, path]| (kind, files::read(Path::new(path))));
        for (kind, value) in values.chain(contents) {
            let number = short_number(kind).map_err(|error| usage(format!("{kind}: {error}")))?;
            if number == tlv::COMPONENT_RECORD {
                return Err(usage(format!("{kind}: --component writes this TLV")));
            }
            if !tlv::is_vendor(number) {
                return Err(usage(format!(
                    "{kind}: custom TLVs have types 0xXXa0 to 0xXXff, without 0xffff"
                )));
            }
            if all.iter().any(|(known, _)| *known == number) {
                return Err(usage(format!("custom TLV {kind} is given twice")));
            }
            all.push((number, value?));
        }
        Ok(all)
    }

    /// Every component with its signer filled in.
    fn component_records(&self, signer: &Signer) -> anyhow::Result<Vec<Component>> {
        let own = match &signer.public {
            Some(key) => signer.suite.hash().of_bytes(&key.der)?.as_slice().to_vec(),
            None => vec![0; 32],
        };
        let complete = |component: &Component| Component {
            signer: Some(component.signer.clone().unwrap_or_else(|| own.clone())),
            ..component.clone()
        };
        Ok(self.component.iter().map(complete).collect())
    }

    /// Gives the recipe to `build`; it borrows from all arguments.
    fn recipe<'a>(
        &'a self,
        signer: &'a Signer,
        custom: &'a [(u16, &'a [u8])],
        components: &'a [Component],
    ) -> OwnedRecipe<'a> {
        let key = signer
            .public
            .as_ref()
            .map(|key| match self.public_key_format {
                PublicKeyFormat::Hash => KeyForm::Hash(&key.der),
                PublicKeyFormat::Full => KeyForm::Whole(&key.der),
            });
        let placement = match (self.load_addr, self.rom_fixed) {
            (Some(address), _) => Placement::Ram(address),
            (None, Some(address)) => Placement::Rom(address),
            (None, None) => Placement::Anywhere,
        };
        let vendor = self.vid.as_ref().map(|vendor| vendor.in_namespace(&DNS));
        let class = |class: &Identifier| class.in_namespace(&vendor.unwrap_or_default());
        let class = self.cid.as_ref().map(class);
        let recipe = Recipe {
            header_size: self.header_size,
            header_fill: if self.pad_header { self.erased_val } else { 0 },
            placement,
            non_bootable: self.non_bootable,
            security_counter: self
                .security_counter
                .map(|counter| counter.value(&self.version)),
            boot_record: self.boot_record.as_deref(),
            dependencies: self.dependencies.as_ref().map_or(&[], |list| &list.0),
            vendor_uuid: vendor,
            class_uuid: class,
            custom,
            ..Recipe::new(signer.suite, key, self.version)
        };
        let components = components
            .iter()
            .map(|component| BootRecord {
                component: &component.name,
                version: &component.version,
                signer: component.signer.as_deref().unwrap_or(&[]),
                algorithm: "SHA256",
                measurement: &component.measurement,
            })
            .collect();
        OwnedRecipe { recipe, components }
    }

    fn signature(
        &self,
        signer: &Signer,
        unsigned: &Unsigned<'_, '_>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let mut signature = match (&signer.private, &self.fix_sig) {
            (Some(key), _) => key.sign(signer.suite, unsigned)?,
            (None, Some(path)) => {
                let text = files::read(path)?;
                let text = std::str::from_utf8(&text).ok();
                text.and_then(pem::decode_base64)
                    .with_context(|| format!("{}: not base64", path.display()))?
            }
            (None, None) if signer.public.is_some() => {
                return Err(usage(
                    "--fix-sig-pubkey without --fix-sig: there is no signature",
                ));
            }
            (None, None) => return Ok(None),
        };
        if self.pad_sig
            && signer
                .suite
                .signature()
                .is_some_and(|kind| kind.tlv == tlv::ECDSA)
        {
            signature.resize(signature.len().max(72), 0);
        }
        Ok(Some(signature))
    }

    pub(super) fn explain(&self, error: BuildError) -> anyhow::Error {
        match error {
            BuildError::HeaderSize => usage("the header is at least 32 bytes (-H)"),
            BuildError::TooLarge | BuildError::BufferFull => {
                anyhow::anyhow!("payload or TLVs are longer than the format can say")
            }
            BuildError::CustomType => usage("a custom TLV outside the vendor range"),
            BuildError::BootRecord => usage(format!(
                "a boot record's type has at most {} characters, and no record more than {} bytes",
                BootRecord::MAX_COMPONENT,
                BootRecord::MAX_LEN
            )),
            BuildError::Signature => usage("a signature without a key, or the other way round"),
            BuildError::Encryption => anyhow::anyhow!("the content key is of another scheme"),
            BuildError::SlotTooSmall => anyhow::anyhow!("the slot is too small for the image"),
            BuildError::NotAnImage(_) | BuildError::AlreadySigned => {
                anyhow::anyhow!("the image cannot take a signature")
            }
        }
    }
}

/// What an image is made from.
struct Payload {
    bytes: Vec<u8>,
    /// Of the first byte, where the file says it.
    address: Option<u32>,
}

impl Payload {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = files::read(path)?;
        if !hex::is_hex(path) {
            return Ok(Self {
                bytes,
                address: None,
            });
        }
        let text = std::str::from_utf8(&bytes).ok();
        let text = text.with_context(|| format!("{}: not Intel HEX", path.display()))?;
        let (address, bytes) = hex::parse(text).with_context(|| format!("{}", path.display()))?;
        Ok(Self {
            bytes,
            address: Some(address),
        })
    }
}

/// A recipe with the component records it borrows.
struct OwnedRecipe<'a> {
    recipe: Recipe<'a>,
    components: Vec<BootRecord<'a>>,
}

impl<'a> OwnedRecipe<'a> {
    fn assemble<'r, 'b>(
        &'r self,
        payload: &[u8],
        out: &'b mut [u8],
    ) -> Result<Unsigned<'r, 'b>, BuildError>
    where
        'a: 'r,
    {
        Recipe {
            components: &self.components,
            ..self.recipe
        }
        .assemble(payload, out)
    }
}
