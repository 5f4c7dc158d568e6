//! The Platform service: reset, lifecycle, the fault log.

use crate::System;
use crate::faults;
use crate::store::Store;
use ironroot_boot::otp::Lifecycle;
use ironroot_psa_api::Error;
use ironroot_psa_api::platform::{
    IOCTL, IOCTL_FAULT, IOCTL_LIFECYCLE, IOCTL_RECOVERY, NV_INCREMENT, NV_READ, SYSTEM_RESET,
};
use ironroot_spm::Message;

/// Answers a message.
pub(crate) fn call(
    store: &mut impl Store,
    lifecycle: Lifecycle,
    system: &mut impl System,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    match message.kind() {
        SYSTEM_RESET => {
            system.reset();
            Ok(())
        }
        IOCTL => ioctl(store, lifecycle, system, message),
        // The counters that there are belong to the bootloader and the vault.
        NV_READ | NV_INCREMENT => Err(Error::NotSupported),
        _ => Err(Error::NotSupported),
    }
}

fn ioctl(
    store: &mut impl Store,
    lifecycle: Lifecycle,
    system: &mut impl System,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    let request = message
        .read_whole(0)
        .map(u32::from_le_bytes)
        .ok_or(Error::ProgrammerError)?;
    match request {
        IOCTL_LIFECYCLE => message
            .write(0, &u32::from(lifecycle as u16).to_le_bytes())
            .map_err(Error::from),
        // Whoever may reset the device may have it wait for an image: none is taken that it would not boot.
        IOCTL_RECOVERY => match system.ask_for_recovery() {
            true => Ok(()),
            false => Err(Error::NotSupported),
        },
        IOCTL_FAULT => {
            let back = message.read_whole(1).map_or(0, u32::from_le_bytes);
            let (record, sequence) = faults::newest(store, back)?;
            // Secure addresses help only an attacker; who has the device in hand has the vault's copy.
            let record = record.without_secure_addresses().encode(sequence);
            message.write(0, &record).map_err(Error::from)
        }
        _ => Err(Error::NotSupported),
    }
}
