//! Reading a device's fault log from its flash file, while it is switched off.

use crate::secure::{Machine, VAULT_RECORDS, mount_vault};
use crate::slots::image_rules;
use crate::{DeviceError, DeviceFiles, Retained};
use ironroot_attest::Profile;
use ironroot_boot::fault::FaultRecord;
use ironroot_boot::otp;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::key_tree::KeyTree;
use ironroot_platform::Flash;
use ironroot_port_host::{FileFlash, OsEntropy};
use ironroot_psa::{ImageSlots, Parts, RootOfTrust};

/// What is known of a device's faults.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Recorded since the last start of the secure world, oldest first; on AN521 these are in the machine.
    pub retained: Vec<FaultRecord>,
    /// In the log, newest first.
    pub logged: Vec<FaultRecord>,
}

/// Reads the faults of a device that is not running.
///
/// # Errors
/// [`DeviceError`]: the device is running, not provisioned, or its vault does not open.
pub fn faults(files: &DeviceFiles) -> Result<Faults, DeviceError> {
    let flash = files.open_flash()?;
    let mut retained = Retained::new(&files.retained_file()).records();
    retained.sort_by_key(|(_, sequence)| *sequence);
    Ok(Faults {
        retained: retained.into_iter().map(|(record, _)| record).collect(),
        logged: logged(files, &flash)?,
    })
}

fn logged(files: &DeviceFiles, flash: &FileFlash) -> Result<Vec<FaultRecord>, DeviceError> {
    let map = files.map();
    let otp = otp::read(&map.otp.of(flash.clone())?)?;
    // A device that never ran has no vault, and looking must not make one.
    if is_blank(&map.vault.of(flash.clone())?)? {
        return Ok(Vec::new());
    }
    let key_tree = KeyTree::new(&otp.secrets.hardware_unique_key);
    let mut drbg = Drbg::from_entropy(&mut OsEntropy, b"ironroot fault reader")?;
    let vault = mount_vault(files, flash, &key_tree, &mut drbg)?;
    let mut root: RootOfTrust<'_, _, _, _, _, VAULT_RECORDS> = RootOfTrust::new(Parts {
        vault,
        slots: ImageSlots::new(flash.clone(), *map, image_rules(&files.layout())),
        system: Machine::default(),
        otp,
        key_tree,
        drbg,
        shared_data: &[],
        profile: Profile::Rfc9783,
        boot_count: 0,
    });
    Ok((0..).map_while(|back| root.fault(back).ok()).collect())
}

fn is_blank<F: Flash>(flash: &F) -> Result<bool, DeviceError> {
    let geometry = flash.geometry();
    let mut content = vec![0; geometry.size() as usize];
    flash.read(0, &mut content)?;
    Ok(content.iter().all(|byte| *byte == geometry.erased))
}
