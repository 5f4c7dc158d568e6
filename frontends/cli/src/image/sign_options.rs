//! The options of `sign`: imgtool's names and defaults.

use super::arguments::{self as arg, Component, Counter, Dependencies, short_number};
use super::encryption::HmacHash;
use super::hex::is_hex;
use super::usage;
use super::uuid::{Identifier, identifier};
use clap::{Args, ValueEnum};
use ironroot_image::Version;
use ironroot_image::trailer::Alignment;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ironroot image sign -k key.pem -v 1.2.3 -H 0x200 --pad-header -S 0x80000 app.bin app.signed.bin
  ironroot image sign -k key.pem -v 1.2.3 -s auto --boot-record SPE --public-key-format full \\
      -H 0x400 --pad-header -S 0x80000 -L 0x10010000 spe.bin spe.signed.bin
  ironroot image sign -k key.pem -E device.pub.pem --encrypt-keylen 256 -v 1.2.3 -H 0x200 --pad-header \\
      app.bin app.encrypted.bin          (open it with `verify --decryption-key device.pem`)
  Signing elsewhere: `--vector-to-sign digest` writes what is to be signed, `--fix-sig` and
  `--fix-sig-pubkey` take the signature (base64) back.";

/// Options of `sign`.
#[derive(Args)]
pub(crate) struct Sign {
    /// Private key (PEM or DER); without one the image gets only a hash
    #[arg(short, long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// How the image names the key; `full` for devices that store only its hash
    #[arg(long, value_name = "FORMAT", default_value = "hash")]
    pub(super) public_key_format: PublicKeyFormat,
    /// Version: maj.min.rev+build, later parts optional
    #[arg(short, long, value_name = "VERSION", value_parser = arg::version)]
    pub(super) version: Version,
    /// Security counter; `auto` makes it from the version
    #[arg(short, long, value_name = "COUNTER", value_parser = arg::counter)]
    pub(super) security_counter: Option<Counter>,
    /// Other images that must be present: "(ID,VERSION), …"
    #[arg(short, long, value_name = "LIST", value_parser = arg::dependencies)]
    pub(super) dependencies: Option<Dependencies>,
    /// Size of the header: where the payload starts
    #[arg(short = 'H', long, value_name = "BYTES", value_parser = short_number, default_value = "0x20")]
    pub(super) header_size: u16,
    /// Put the header in front of INFILE (else INFILE starts with that many zeros)
    #[arg(long)]
    pub(super) pad_header: bool,
    /// Size of the slot; needed for padding, and checked when given
    #[arg(short = 'S', long, value_name = "BYTES", value_parser = arg::number)]
    pub(super) slot_size: Option<u32>,
    /// Fill the slot up and write the trailer's magic
    #[arg(long)]
    pub(super) pad: bool,
    /// Pad, and mark the image as confirmed
    #[arg(long)]
    pub(super) confirm: bool,
    /// Pad, and mark the image for one trial boot (the same as --pad)
    #[arg(long, conflicts_with = "confirm")]
    pub(super) test: bool,
    /// Write unit of the flash
    #[arg(long, value_name = "BYTES", default_value = "1", value_parser = write_unit)]
    pub(super) align: u32,
    /// Alignment of the trailer's items, when it is not the larger of 8 and --align
    #[arg(long, value_name = "BYTES", value_parser = alignment)]
    pub(super) max_align: Option<Alignment>,
    /// Sectors the trailer's status area is made for
    #[arg(short = 'M', long, value_name = "COUNT", default_value = "128", value_parser = arg::number)]
    pub(super) max_sectors: u32,
    /// The device overwrites instead of swapping: a smaller trailer
    #[arg(long)]
    pub(super) overwrite_only: bool,
    /// What erased flash reads
    #[arg(short = 'R', long, value_name = "VALUE", default_value = "0xff", value_parser = erased)]
    pub(super) erased_val: u8,
    /// Add a boot record with this component type (at most 12 characters)
    #[arg(long, value_name = "TYPE")]
    pub(super) boot_record: Option<String>,
    /// Add the record of a component packed inside the payload: NAME:VERSION:SHA256HEX[:SIGNERHEX];
    /// without SIGNERHEX the image's own signer. May be repeated
    #[arg(long, value_name = "COMPONENT", value_parser = arg::component)]
    pub(super) component: Vec<Component>,
    /// Run from RAM at this address
    #[arg(short = 'L', long, value_name = "ADDRESS", value_parser = arg::number,
          conflicts_with = "rom_fixed")]
    pub(super) load_addr: Option<u32>,
    /// Built for this flash address
    #[arg(short = 'F', long, value_name = "ADDRESS", value_parser = arg::number)]
    pub(super) rom_fixed: Option<u32>,
    /// Mark the image as not bootable
    #[arg(long)]
    pub(super) non_bootable: bool,
    /// Add a protected vendor TLV: hexadecimal after 0x, else text. May be repeated
    #[arg(long, num_args = 2, value_names = ["TYPE", "VALUE"])]
    pub(super) custom_tlv: Vec<String>,
    /// Add a protected vendor TLV with a file's contents. May be repeated
    #[arg(long, num_args = 2, value_names = ["TYPE", "FILE"])]
    pub(super) custom_tlv_file: Vec<String>,
    /// Vendor identifier: a UUID, or a domain name that one is made from
    #[arg(long, value_name = "UUID|NAME", value_parser = identifier)]
    pub(super) vid: Option<Identifier>,
    /// Device class identifier: a UUID, or a name that one is made from, with --vid
    #[arg(long, value_name = "UUID|NAME", value_parser = identifier)]
    pub(super) cid: Option<Identifier>,
    /// Hash; `auto` is the usual one for the key
    #[arg(long, value_name = "BITS", default_value = "auto", value_parser = ["auto", "256", "384", "512"])]
    pub(super) sha: String,
    /// Sign the image itself instead of its hash (Ed25519)
    #[arg(long)]
    pub(super) pure: bool,
    /// Zeros behind ECDSA signatures up to 72 bytes, for MCUboot before 1.5
    #[arg(long)]
    pub(super) pad_sig: bool,
    /// Byte order; MCUboot and Ironroot read little endian only
    #[arg(short, long, value_name = "ORDER", default_value = "little", value_parser = ["little"], hide = true)]
    pub(super) endian: String,
    /// Write what is to be signed to OUTFILE instead of an image
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["fix_sig", "sig_out"])]
    pub(super) vector_to_sign: Option<VectorToSign>,
    /// Take this signature (base64) instead of making one
    #[arg(
        long,
        value_name = "FILE",
        requires = "fix_sig_pubkey",
        conflicts_with = "key"
    )]
    pub(super) fix_sig: Option<PathBuf>,
    /// Public key that the signature of --fix-sig is by
    #[arg(long, value_name = "FILE")]
    pub(super) fix_sig_pubkey: Option<PathBuf>,
    /// Write the signature (base64) to this file too
    #[arg(long, value_name = "FILE")]
    pub(super) sig_out: Option<PathBuf>,
    /// Encrypt the payload for the device with this key: a file with a P-256, X25519 or RSA-2048 key, public
    /// or private; or the 32 or 64 digits of the key that signer and device share (AES key wrap)
    #[arg(short = 'E', long, value_name = "FILE|HEX")]
    pub(super) encrypt: Option<String>,
    /// Length of the payload's AES key (default 128; with AES key wrap that of the shared key)
    #[arg(long, value_name = "BITS", value_parser = key_length, requires = "encrypt")]
    pub(super) encrypt_keylen: Option<u16>,
    /// Hash of ECIES; 512 goes with X25519 only
    #[arg(
        long,
        value_name = "BITS",
        default_value = "auto",
        requires = "encrypt"
    )]
    pub(super) hmac_sha: HmacHash,
    /// Leave the payload of an encrypted image in the clear: for programming a primary slot directly
    #[arg(short, long, requires = "encrypt")]
    pub(super) clear: bool,
    /// The device's trailer keeps wrapped keys instead of plain ones: a larger trailer
    #[arg(long)]
    pub(super) save_enctlv: bool,
    /// Address of the image's first byte in an OUTFILE that is Intel HEX
    #[arg(short = 'x', long, value_name = "ADDRESS", value_parser = arg::number)]
    pub(super) hex_addr: Option<u32>,
    /// Not supported: imgtool compresses, and devices refuse
    #[arg(long, value_name = "METHOD", hide = true)]
    pub(super) compression: Option<String>,
    /// Payload: a plain binary, or Intel HEX if it is named *.hex
    #[arg(value_name = "INFILE")]
    pub(super) infile: PathBuf,
    /// Image to write; Intel HEX if it is named *.hex
    #[arg(value_name = "OUTFILE")]
    pub(super) outfile: PathBuf,
}

/// How an image names its key.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PublicKeyFormat {
    /// By its hash
    Hash,
    /// Whole
    Full,
}

/// What `--vector-to-sign` writes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum VectorToSign {
    /// Header, payload and protected TLVs
    Payload,
    /// Their hash
    Digest,
}

fn key_length(text: &str) -> Result<u16, String> {
    match text {
        "128" => Ok(128),
        "256" => Ok(256),
        _ => Err("128 or 256".to_owned()),
    }
}

fn write_unit(text: &str) -> Result<u32, String> {
    let unit = arg::number(text)?;
    Alignment::for_write_unit(unit)
        .map(|_| unit)
        .ok_or("one of 1, 2, 4, 8, 16, 32".to_owned())
}

fn alignment(text: &str) -> Result<Alignment, String> {
    let known = arg::number(text)?;
    let alignment = Alignment::for_write_unit(known).filter(|found| found.bytes() == known);
    alignment.ok_or("one of 8, 16, 32".to_owned())
}

fn erased(text: &str) -> Result<u8, String> {
    match arg::number(text)? {
        0 => Ok(0),
        0xff => Ok(0xff),
        _ => Err("0 or 0xff".to_owned()),
    }
}

impl Sign {
    /// Refuses what the parser cannot see: options that need or exclude each other, or do not work yet.
    pub(super) fn check_options(&self) -> anyhow::Result<()> {
        if self
            .compression
            .as_deref()
            .is_some_and(|method| method != "disabled")
        {
            return Err(usage(
                "compressed images are not supported: Ironroot's bootloader refuses them; sign the plain payload",
            ));
        }
        if self.pads() && self.slot_size.is_none() {
            return Err(usage("padding needs the slot's size: -S BYTES"));
        }
        if self.load_addr == Some(0) || self.rom_fixed == Some(0) {
            return Err(usage("address 0 means \"none\" in an image header"));
        }
        if matches!(self.cid, Some(Identifier::Name(_))) && self.vid.is_none() {
            return Err(usage(
                "a class identifier's name needs a vendor: --vid, or give a UUID",
            ));
        }
        if self.hex_addr.is_some() && !is_hex(&self.outfile) {
            return Err(usage("--hex-addr is for an OUTFILE named *.hex"));
        }
        Ok(())
    }

    /// Whether the slot is to be filled up.
    pub(super) fn pads(&self) -> bool {
        self.pad || self.confirm || self.test
    }
}
