//! Where a signed image goes: into a plain or an Intel HEX file, alone or in a slot with its trailer.

use super::encryption::Recipient;
use super::files::{self, Readers};
use super::sign_options::Sign;
use super::{hex, usage};
use anyhow::{Context, bail};
use ironroot_image::build::{Mark, Reserve, pad};
use ironroot_image::trailer::{Alignment, FLAG_SET, Layout, MAGIC_LEN};

impl Sign {
    /// Checks that the image fits its slot, fills the slot up if that was asked, and writes.
    pub(super) fn write(
        &self,
        out: &mut [u8],
        len: usize,
        address: Option<u32>,
        recipient: Option<&Recipient>,
    ) -> anyhow::Result<()> {
        let trailer = self.trailer(len, recipient)?;
        if hex::is_hex(&self.outfile) {
            let address = self.hex_addr.or(address).ok_or_else(|| {
                usage("an Intel HEX file needs an address, and INFILE has none: --hex-addr ADDRESS")
            })?;
            let text = self.hex_pieces(&out[..len], address, trailer.as_ref())?;
            return files::write(&self.outfile, text.as_bytes(), Readers::Everyone);
        }
        let Some((layout, reserved)) = trailer else {
            return files::write(&self.outfile, &out[..len], Readers::Everyone);
        };
        let mark = if self.confirms() {
            Mark::Confirmed
        } else {
            Mark::Trial
        };
        let slot = &mut out[..layout.slot_size() as usize];
        pad(slot, len, &layout, reserved, mark, self.erased_val)
            .map_err(|error| self.explain(error))?;
        files::write(&self.outfile, slot, Readers::Everyone)
    }

    /// The trailer to be written, and what it reserves; `None` without padding.
    fn trailer(
        &self,
        len: usize,
        recipient: Option<&Recipient>,
    ) -> anyhow::Result<Option<(Layout, u32)>> {
        let Some(slot_size) = self.slot_size else {
            return Ok(None);
        };
        let by_unit = Alignment::for_write_unit(self.align).unwrap_or(Alignment::Eight);
        let alignment = self.max_align.unwrap_or(by_unit);
        let reserve = Reserve {
            alignment,
            write_unit: self.align,
            max_sectors: self.max_sectors,
            overwrite_only: self.overwrite_only,
            content_key: match recipient {
                None => 0,
                Some(recipient) if self.save_enctlv => u32::from(recipient.scheme.tlv_len()),
                // imgtool's figure for AES-256 too.
                Some(_) => 16,
            },
        };
        let reserved = reserve.bytes().filter(|reserved| *reserved <= slot_size);
        let reserved = reserved
            .with_context(|| format!("a slot of {slot_size:#x} bytes has no room for a trailer"))?;
        if len > (slot_size - reserved) as usize {
            bail!(
                "the image ({len:#x} bytes) and its trailer ({reserved:#x}) exceed the slot \
                 ({slot_size:#x}); a smaller --max-sectors makes the trailer smaller"
            );
        }
        if !self.pads() {
            return Ok(None);
        }
        if self.confirm && self.overwrite_only {
            eprintln!(
                "ironroot: note: overwriting devices have no confirmation; --confirm only pads"
            );
        }
        let layout = Layout::new(slot_size, alignment).ok_or_else(|| {
            usage(format!(
                "the slot's size is no multiple of the alignment, {}",
                alignment.bytes()
            ))
        })?;
        Ok(Some((layout, reserved)))
    }

    fn confirms(&self) -> bool {
        self.confirm && !self.overwrite_only
    }

    /// Image and trailer, without what lies between; as imgtool does.
    fn hex_pieces(
        &self,
        image: &[u8],
        address: u32,
        trailer: Option<&(Layout, u32)>,
    ) -> anyhow::Result<String> {
        let mut pieces = vec![(address, image)];
        let mut flag = [self.erased_val; ironroot_image::trailer::MAX_ALIGNMENT];
        if self.confirms() {
            flag[0] = FLAG_SET;
        }
        if let Some((layout, _)) = trailer {
            let at = |offset: u32| {
                address
                    .checked_add(offset)
                    .context("the slot ends beyond 4 GiB")
            };
            if (self.test || self.confirm) && !self.overwrite_only {
                let unit = layout.alignment().bytes() as usize;
                pieces.push((at(layout.image_ok())?, &flag[..unit]));
            }
            pieces.push((
                at(layout.magic())?,
                &layout.alignment().magic()[..MAGIC_LEN],
            ));
        }
        hex::write(&pieces).context("the image ends beyond 4 GiB")
    }
}
