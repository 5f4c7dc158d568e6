//! `ironroot device revoke-key`.

use super::provision::write_public;
use super::values::DeviceArgument;
use crate::image::shared;
use anyhow::bail;
use clap::Args;
use ironroot_boot::otp::RootKeys;
use ironroot_boot::{Image, PerImage};
use ironroot_host_device::{facts, identity, revoke_keys};
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const ABOUT: &str = "\
Revoke root keys of a device for good: their signatures count no more, from the next boot on.

Refused when the keys that are left could sign no image any more, and when an image that is installed and confirmed \
is not signed by enough of them: install and confirm images signed by the others first. This is written to one-time \
memory. Power loss leaves the old keys or the new ones; run the command again until it says done.";

/// Options of `revoke-key`.
#[derive(Args)]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    device: DeviceArgument,
    /// The key (PEM or DER, either half). May be repeated
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Only for this image (default: wherever the device has the key)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..2))]
    image: Option<u8>,
}

impl RevokeKey {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let files = self.device.find()?;
        let mut flash = files.open_flash()?;
        let present = facts(&mut flash, files.map())?.root_keys;
        let mut masks = PerImage {
            secure: 0,
            non_secure: 0,
        };
        for path in &self.key {
            let key = shared::root_key(path)?;
            let mut found = false;
            for image in Image::ALL {
                if self.image.is_some_and(|only| only != image.number()) {
                    continue;
                }
                let mask = mask(present.get(image), &key)?;
                *masks.get_mut(image) |= mask;
                found |= mask != 0;
            }
            if !found {
                bail!("{}: the device does not have this key", path.display());
            }
        }
        revoke_keys(&flash, &files.layout(), masks)?;
        write_public(&files, &identity(&mut flash, files.map())?)?;
        println!("done: revoked for image 0: {}", list(masks.secure));
        println!("      revoked for image 1: {}", list(masks.non_secure));
        Ok(ExitCode::SUCCESS)
    }
}

/// The bit of a key in a set; none if it is not there.
fn mask(keys: &RootKeys, key: &shared::RootKey) -> anyhow::Result<u8> {
    let mut mask = 0;
    for suite in &key.suites {
        let hash = suite.hash().of_bytes(&key.der)?;
        for (index, known) in keys.keys().enumerate() {
            if known.key_hash == hash.as_slice() {
                mask |= 1 << index;
            }
        }
    }
    Ok(mask)
}

fn list(mask: u8) -> String {
    let keys = (0..8).filter(|key| mask >> key & 1 == 1);
    let keys: Vec<String> = keys.map(|key| format!("key {key}")).collect();
    match keys.is_empty() {
        true => "none".to_owned(),
        false => keys.join(", "),
    }
}
