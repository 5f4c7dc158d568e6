//! `dump`: what stands in an image, judged by nobody.
//!
//! It reads as much as there is, so that broken images can be looked at: header fields are shown even
//! where a device would refuse them, and an area ends at the first TLV that does not fit.

use super::arguments::to_hex;
use super::hex;
use anyhow::bail;
use clap::Args;
use ironroot_codec::{Cursor, EndOfInput, Tlv, Tlvs};
use ironroot_image::trailer::{Alignment, Layout, MagicState, SwapType, Trailer};
use ironroot_image::{BootRecord, Flags, HEADER_MAGIC, Header, Version, tlv};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `dump`.
#[derive(Args)]
pub(crate) struct Dump {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The image, or the contents of its slot
    #[arg(value_name = "IMAGE")]
    file: PathBuf,
}

/// An image as it reads.
struct Contents<'a> {
    header: RawHeader,
    areas: Vec<Area<'a>>,
    trailer: Option<(Alignment, u8, Trailer)>,
    /// Bytes from the start to the end of the last area.
    end: usize,
}

struct RawHeader {
    load_address: u32,
    header_size: u16,
    protected_size: u16,
    payload_size: u32,
    flags: Flags,
    version: Version,
    /// Why a device would refuse it.
    problem: Option<&'static str>,
}

struct Area<'a> {
    protected: bool,
    offset: usize,
    total: u16,
    entries: Vec<Tlv<'a>>,
    /// Whether it ends in something that is no TLV.
    broken: bool,
}

impl Dump {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let bytes = hex::read_image(&self.file)?;
        let Some(contents) = Contents::read(&bytes) else {
            bail!(
                "{}: no image (the header magic is missing)",
                self.file.display()
            );
        };
        if self.json {
            println!("{:#}", contents.json());
        } else {
            contents.print();
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The component type in an image's boot record; nobody has verified it.
pub(super) fn component(bytes: &[u8]) -> Option<String> {
    let contents = Contents::read(bytes)?;
    let mut entries = contents.areas.iter().flat_map(|area| &area.entries);
    let entry = entries.find(|entry| entry.kind == tlv::BOOT_RECORD)?;
    let record = BootRecord::parse(entry.data).ok()?;
    Some(record.component.to_owned())
}

impl<'a> Contents<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = RawHeader::read(bytes).ok().flatten()?;
        let (mut areas, mut at) = (Vec::new(), usize::from(header.header_size));
        at = at.saturating_add(header.payload_size as usize);
        for magic in [tlv::PROTECTED_MAGIC, tlv::UNPROTECTED_MAGIC] {
            if let Some(area) = Area::read(bytes, at, magic) {
                at = at.saturating_add(usize::from(area.total));
                areas.push(area);
            }
        }
        Some(Self {
            header,
            areas,
            trailer: trailer(bytes),
            end: at,
        })
    }

    fn json(&self) -> Value {
        let header = &self.header;
        let entry = |entry: &Tlv<'_>| {
            let mut value = json!({
                "type": entry.kind,
                "name": name(entry.kind),
                "length": entry.data.len(),
                "data": to_hex(entry.data),
            });
            if let Some(meaning) = meaning(entry) {
                value["value"] = meaning;
            }
            value
        };
        let area = |area: &Area<'_>| {
            json!({
                "protected": area.protected,
                "offset": area.offset,
                "length": area.total,
                "complete": !area.broken,
                "tlvs": area.entries.iter().map(entry).collect::<Vec<_>>(),
            })
        };
        json!({
            "header": {
                "load_address": header.load_address,
                "header_size": header.header_size,
                "protected_tlv_size": header.protected_size,
                "payload_size": header.payload_size,
                "flags": header.flags.0,
                "flag_names": flag_names(header.flags),
                "version": header.version.to_string(),
                "problem": header.problem,
            },
            "tlv_areas": self.areas.iter().map(area).collect::<Vec<_>>(),
            "end": self.end,
            "trailer": self.trailer.as_ref().map(|(alignment, erased, trailer)| json!({
                "alignment": alignment.bytes(),
                "erased": erased,
                "magic": format!("{:?}", trailer.magic).to_lowercase(),
                "image_ok": format!("{:?}", trailer.image_ok).to_lowercase(),
                "copy_done": format!("{:?}", trailer.copy_done).to_lowercase(),
                "swap_info": swap_info(trailer.swap_info, *erased),
            })),
        })
    }

    fn print(&self) {
        let header = &self.header;
        println!("header");
        println!("  version         {}", header.version);
        println!(
            "  payload         {} bytes from {:#x}",
            header.payload_size, header.header_size
        );
        println!("  load address    {:#010x}", header.load_address);
        let flags = format!(
            "{:#x} {}",
            header.flags.0,
            flag_names(header.flags).join(" ")
        );
        println!("  flags           {}", flags.trim_end());
        if let Some(problem) = header.problem {
            println!("  a device would refuse it: {problem}");
        }
        for area in &self.areas {
            let kind = if area.protected {
                "protected (signed)"
            } else {
                "unprotected"
            };
            println!("{kind} TLVs, {} bytes at {:#x}", area.total, area.offset);
            for entry in &area.entries {
                let name = name(entry.kind).unwrap_or("vendor or unknown");
                println!("  {:#06x} {name}, {} bytes", entry.kind, entry.data.len());
                println!("         {}", shown(entry));
            }
            if area.broken {
                println!("  (the area ends in bytes that are no TLV)");
            }
        }
        if self.areas.is_empty() {
            println!("no TLV area behind the payload");
        }
        println!("ends at {:#x}", self.end);
        if let Some((alignment, erased, trailer)) = &self.trailer {
            println!(
                "trailer (alignment {}, erased {erased:#04x})",
                alignment.bytes()
            );
            println!("  magic     {:?}", trailer.magic);
            println!("  image ok  {:?}", trailer.image_ok);
            println!("  copy done {:?}", trailer.copy_done);
            println!("  swap info {}", swap_info(trailer.swap_info, *erased));
        }
    }
}

impl RawHeader {
    /// `None` inside when the magic is another.
    fn read(bytes: &[u8]) -> Result<Option<Self>, EndOfInput> {
        let mut cursor = Cursor::new(bytes);
        let raw: [u8; 32] = cursor.clone().array()?;
        if cursor.u32_le()? != HEADER_MAGIC {
            return Ok(None);
        }
        Ok(Some(Self {
            load_address: cursor.u32_le()?,
            header_size: cursor.u16_le()?,
            protected_size: cursor.u16_le()?,
            payload_size: cursor.u32_le()?,
            flags: Flags(cursor.u32_le()?),
            version: Version {
                major: cursor.u8()?,
                minor: cursor.u8()?,
                revision: cursor.u16_le()?,
                build: cursor.u32_le()?,
            },
            problem: Header::parse(&raw).err().map(|refusal| refusal.describe()),
        }))
    }
}

impl<'a> Area<'a> {
    fn read(bytes: &'a [u8], offset: usize, magic: u16) -> Option<Self> {
        let mut cursor = Cursor::new(bytes.get(offset..)?);
        let found = cursor.u16_le().ok()?;
        let total = cursor.u16_le().ok()?;
        if found != magic {
            return None;
        }
        let wanted = usize::from(total).saturating_sub(4);
        let inside = cursor.take(wanted.min(cursor.remaining())).ok()?;
        let entries: Vec<_> = Tlvs::new(inside).map_while(Result::ok).collect();
        let broken =
            total < 4 || inside.len() < wanted || Tlvs::new(inside).any(|entry| entry.is_err());
        let protected = magic == tlv::PROTECTED_MAGIC;
        Some(Self {
            protected,
            offset,
            total,
            entries,
            broken,
        })
    }
}

/// The trailer, when the file is a whole slot: its last bytes are a magic.
fn trailer(bytes: &[u8]) -> Option<(Alignment, u8, Trailer)> {
    let size = u32::try_from(bytes.len()).ok()?;
    [Alignment::Eight, Alignment::Sixteen, Alignment::ThirtyTwo]
        .into_iter()
        .find_map(|alignment| {
            let layout = Layout::new(size, alignment)?;
            // The unit of image_ok has a byte that was never written: it tells what erased flash reads.
            let erased = *bytes.get(layout.image_ok() as usize + 1)?;
            let trailer = Trailer::read(bytes, &layout, erased).ok()?;
            (trailer.magic == MagicState::Good).then_some((alignment, erased, trailer))
        })
}

fn swap_info(info: u8, erased: u8) -> String {
    match SwapType::from_info(info) {
        _ if info == erased => "unset".to_owned(),
        Some((kind, image)) => format!("{kind:?}, image {image}").to_lowercase(),
        None => format!("{info:#04x}"),
    }
}

fn name(kind: u16) -> Option<&'static str> {
    tlv::NAMES
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, name)| *name)
}

fn flag_names(flags: Flags) -> Vec<&'static str> {
    Flags::NAMES
        .iter()
        .filter(|(flag, _)| flags.has(*flag))
        .map(|(_, name)| *name)
        .collect()
}

/// What an entry says, where that is more than bytes.
fn meaning(entry: &Tlv<'_>) -> Option<Value> {
    let mut cursor = Cursor::new(entry.data);
    match entry.kind {
        tlv::SECURITY_COUNTER if entry.data.len() == 4 => Some(json!(cursor.u32_le().ok()?)),
        tlv::DEPENDENCY if entry.data.len() == 12 => {
            let image = cursor.u8().ok()?;
            cursor.skip(3).ok()?;
            let (major, minor) = (cursor.u8().ok()?, cursor.u8().ok()?);
            let (revision, build) = (cursor.u16_le().ok()?, cursor.u32_le().ok()?);
            let minimum = Version {
                major,
                minor,
                revision,
                build,
            };
            Some(json!({ "image": image, "minimum": minimum.to_string() }))
        }
        tlv::BOOT_RECORD | tlv::COMPONENT_RECORD => {
            let record = BootRecord::parse(entry.data).ok()?;
            Some(json!({
                "component": record.component,
                "version": record.version,
                "signer": to_hex(record.signer),
                "algorithm": record.algorithm,
                "measurement": to_hex(record.measurement),
            }))
        }
        _ => None,
    }
}

fn shown(entry: &Tlv<'_>) -> String {
    match (entry.kind, meaning(entry)) {
        (tlv::DEPENDENCY, Some(value)) => {
            let minimum = value["minimum"].as_str().unwrap_or_default();
            format!("image {} in version {minimum} or later", value["image"])
        }
        (tlv::BOOT_RECORD | tlv::COMPONENT_RECORD, Some(value)) => {
            let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            format!(
                "{} {}, signer {}, {} {}",
                field("component"),
                field("version"),
                field("signer"),
                field("algorithm"),
                field("measurement")
            )
        }
        (_, Some(value)) => value.to_string(),
        (_, None) => {
            let hex = to_hex(entry.data);
            if hex.len() <= 128 {
                hex
            } else {
                format!("{}…", &hex[..128])
            }
        }
    }
}
