//! Reference measurements: which software is acceptable.
//!
//! ```json
//! {
//!   "format": "ironroot-measurements-1",
//!   "implementation_id": "7777…",
//!   "components": [
//!     { "type": "SPE", "measurement": "ab12…", "signer": "cd34…", "version": "1.2.3" },
//!     { "type": "NSPE", "measurement": "ef56…", "signer": "cd34…" }
//!   ]
//! }
//! ```
//!
//! `implementation_id`, `signer` and `version` may be left out; what is there must match. Several entries of one
//! type are alternatives (two acceptable releases). Every component of the token must match an entry,
//! and every type of the reference must be in the token exactly once: software that is missing is as
//! suspicious as software too much.

use super::verify::Check;
use crate::image::shared::{RootKey, from_hex, read, root_key, to_hex};
use anyhow::{Context, bail};
use ironroot_attest::{Claims, SoftwareComponent};
use ironroot_image::{AddressRange, BootRecord, Keys, Policy, Refusal, Verified};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FORMAT: &str = "ironroot-measurements-1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    implementation_id: Option<String>,
    components: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    measurement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

/// One acceptable component.
struct Expected {
    kind: String,
    measurement: Vec<u8>,
    signer: Option<Vec<u8>>,
    version: Option<String>,
}

/// All that is acceptable.
pub(super) struct Reference {
    implementation_id: Option<Vec<u8>>,
    components: Vec<Expected>,
}

fn bytes(text: &str, what: &str) -> anyhow::Result<Vec<u8>> {
    from_hex(text).with_context(|| format!("{what}: not hexadecimal"))
}

impl Reference {
    /// Reads a reference file.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = serde_json::from_str(text)?;
        if file.format != FORMAT {
            bail!("format is {:?}, not {FORMAT:?}", file.format);
        }
        if file.components.is_empty() {
            bail!("no components: nothing would be acceptable");
        }
        let components = file.components.into_iter().map(Expected::try_from);
        Ok(Self {
            implementation_id: file
                .implementation_id
                .map(|id| bytes(&id, "implementation_id"))
                .transpose()?,
            components: components.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Compares a token's software, and its implementation id if the reference has one.
    pub(super) fn judge(&self, claims: &Claims<'_>) -> Vec<Check> {
        let mut checks = Vec::new();
        if let Some(id) = &self.implementation_id {
            let result = if *id == claims.implementation_id {
                Ok("as in the reference".into())
            } else {
                Err("not the one in the reference".into())
            };
            checks.push(Check {
                name: "implementation",
                result,
            });
        }
        let mut seen = Vec::new();
        for component in claims.software_components.clone() {
            seen.push(component.measurement_type.unwrap_or_default().to_owned());
            checks.push(Check {
                name: "software",
                result: self.component(&component),
            });
        }
        let types: BTreeSet<&str> = self.components.iter().map(|c| c.kind.as_str()).collect();
        for kind in types {
            match seen.iter().filter(|seen| *seen == kind).count() {
                1 => {}
                0 => checks.push(software(Err(format!("{kind}: missing in the token")))),
                _ => checks.push(software(Err(format!(
                    "{kind}: more than once in the token"
                )))),
            }
        }
        checks
    }

    fn component(&self, found: &SoftwareComponent<'_>) -> Result<String, String> {
        let kind = found.measurement_type.unwrap_or_default();
        let name = if kind.is_empty() { "(no type)" } else { kind };
        let mut alternatives = self.components.iter().filter(|c| c.kind == kind).peekable();
        if alternatives.peek().is_none() {
            return Err(format!("{name}: not in the reference"));
        }
        let mut wrong = "measurement";
        for expected in alternatives {
            match expected.difference(found) {
                None => {
                    let version = found.version.unwrap_or("without version");
                    return Ok(format!("{name} {version}, as in the reference"));
                }
                Some(difference) => wrong = difference,
            }
        }
        Err(format!("{name}: {wrong} is not the one in the reference"))
    }
}

fn software(result: Result<String, String>) -> Check {
    Check {
        name: "software",
        result,
    }
}

impl Expected {
    fn difference(&self, found: &SoftwareComponent<'_>) -> Option<&'static str> {
        let signer = self.signer.as_deref();
        let version = self.version.as_deref();
        if self.measurement != found.measurement_value {
            Some("measurement")
        } else if signer.is_some_and(|signer| signer != found.signer_id) {
            Some("signer")
        } else if version.is_some() && version != found.version {
            Some("version")
        } else {
            None
        }
    }
}

impl TryFrom<Entry> for Expected {
    type Error = anyhow::Error;

    fn try_from(entry: Entry) -> anyhow::Result<Self> {
        Ok(Self {
            measurement: bytes(&entry.measurement, "measurement")?,
            signer: entry
                .signer
                .map(|signer| bytes(&signer, "signer"))
                .transpose()?,
            kind: entry.kind,
            version: entry.version,
        })
    }
}

/// Names the bootloader gives images that carry no boot record, by image number.
const NAMES: [&str; 2] = ["SPE", "NSPE"];

/// Prints the reference for images that one of the keys signed: what a device that boots them measures.
pub(super) fn write(images: &[PathBuf], keys: &[PathBuf]) -> anyhow::Result<()> {
    let keys = keys
        .iter()
        .map(|path| root_key(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut components = Vec::new();
    for (number, path) in (0..).zip(images) {
        let bytes = read(path)?;
        let verified = verify(&bytes, number, &keys)
            .map_err(|refusal| anyhow::anyhow!("{}: refused: {refusal}", path.display()))?;
        components.extend(entries(&verified, number).with_context(|| path.display().to_string())?);
    }
    let file = File {
        format: FORMAT.into(),
        implementation_id: None,
        components,
    };
    println!("{}", serde_json::to_string_pretty(&file)?);
    Ok(())
}

/// The bootloader's own judgement, by the first key and suite that accept the image.
fn verify<'a>(
    bytes: &'a [u8],
    number: u8,
    keys: &[RootKey],
) -> Result<Verified<&'a [u8]>, Refusal> {
    let mut refusal = Refusal::UnknownKey;
    for key in keys {
        for suite in &key.suites {
            let hash = suite
                .hash()
                .of_bytes(&key.der)
                .map_err(|_| Refusal::UnknownKey)?;
            let (trusted, hashes) = ([key.der.as_slice()], [hash.as_slice()]);
            for form in [Keys::Embedded(&trusted), Keys::Hashes(&hashes)] {
                let mut policy = Policy::new(suite, form, u32::MAX);
                policy.image = number;
                policy.images = Policy::MAX_IMAGES;
                policy.ram_window = Some(AddressRange {
                    start: 0x1000,
                    len: u32::MAX - 0x1000,
                });
                match Verified::check(bytes, &policy) {
                    Ok(verified) => return Ok(verified),
                    // The other form may be the image's.
                    Err(Refusal::KeyForm) => {}
                    Err(why) => refusal = why,
                }
            }
        }
    }
    Err(refusal)
}

/// The image itself and what is packed in it.
fn entries(image: &Verified<&[u8]>, number: u8) -> anyhow::Result<Vec<Entry>> {
    let mut buffer = [0; BootRecord::MAX_LEN];
    let own = match image
        .boot_record(&mut buffer)
        .map_err(|why| anyhow::anyhow!("{why}"))?
    {
        Some(record) => Entry::of_record(record)?,
        None => Entry {
            kind: NAMES
                .get(usize::from(number))
                .context("no boot record, and only the first two images have names of their own")?
                .to_string(),
            measurement: to_hex(image.digest()),
            signer: image.signer().map(to_hex),
            version: Some(image.version().to_string()),
        },
    };
    let mut entries = vec![own];
    for component in image.component_records() {
        let mut buffer = [0; BootRecord::MAX_LEN];
        let record = component.read(image.source(), &mut buffer);
        entries.push(Entry::of_record(
            record.map_err(|why| anyhow::anyhow!("{why}"))?,
        )?);
    }
    Ok(entries)
}

impl Entry {
    fn of_record(record: &[u8]) -> anyhow::Result<Self> {
        let component = SoftwareComponent::from_boot_record(record)
            .map_err(|_| anyhow::anyhow!("a boot record that no token can carry"))?;
        Ok(Self {
            kind: component.measurement_type.unwrap_or_default().to_owned(),
            measurement: to_hex(component.measurement_value),
            signer: Some(to_hex(component.signer_id)),
            version: component.version.map(str::to_owned),
        })
    }
}
