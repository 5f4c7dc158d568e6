//! A TPM of this machine's kernel whose commands a process answers: Linux's vTPM proxy, `/dev/vtpmx`.
//!
//! Source: Linux, `include/uapi/linux/vtpm_proxy.h` and "Virtual TPM Proxy Driver for Linux Containers".

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

/// Where TPMs are asked for.
const PLACE: &str = "/dev/vtpmx";
/// `VTPM_PROXY_FLAG_TPM2`
const TPM2: u32 = 1;
/// `VTPM_PROXY_IOC_NEW_DEV`
const NEW_DEVICE: Opcode = opcode::read_write::<NewDevice>(0xa1, 0);

/// `struct vtpm_proxy_new_dev`: the flags go in, the rest comes out.
#[repr(C)]
#[derive(Default)]
struct NewDevice {
    flags: u32,
    number: u32,
    descriptor: u32,
    major: u32,
    minor: u32,
}

/// A TPM 2.0 that the kernel shows as `/dev/tpmN` for as long as the descriptor is open.
///
/// One read takes a whole command of up to 4,096 bytes and waits for one whatever the descriptor's mode, so poll first;
/// one write gives the whole answer, and is refused where nobody waits for one. The kernel itself starts the TPM up, and
/// sets its locality by the vendor command 0x20001000.
#[derive(Debug)]
pub struct VtpmProxy {
    /// Where commands come from and answers go.
    pub descriptor: OwnedFd,
    /// N of `/dev/tpmN`.
    pub number: u32,
    /// The device's major number.
    pub major: u32,
    /// The device's minor number.
    pub minor: u32,
}

impl VtpmProxy {
    /// Has the kernel make one.
    ///
    /// # Errors
    /// The operating system's: `NotFound` where the driver (module `tpm_vtpm_proxy`) is not there, `PermissionDenied` to
    /// all but root.
    pub fn create() -> io::Result<Self> {
        let place = File::options().read(true).write(true).open(PLACE)?;
        let mut device = NewDevice {
            flags: TPM2,
            ..NewDevice::default()
        };
        // SAFETY: the number has the size and the direction of `NewDevice` in it, and that has the layout of what the
        // driver reads and writes under it.
        let request = unsafe { Updater::<NEW_DEVICE, _>::new(&mut device) };
        // SAFETY: a driver that does not know the number refuses it; the one that does keeps to `device`.
        unsafe { ioctl(&place, request) }?;
        let descriptor = i32::try_from(device.descriptor)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        // SAFETY: the driver has just put this descriptor into our table, and nobody else knows its number.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
        Ok(Self {
            descriptor,
            number: device.number,
            major: device.major,
            minor: device.minor,
        })
    }
}

/// In the words of swtpm, which scripts read.
impl fmt::Display for VtpmProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "/dev/tpm{} (major/minor = {}/{})",
            self.number, self.major, self.minor
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_kernels() {
        // _IOWR(0xa1, 0x00, 20 bytes)
        assert_eq!(u64::from(NEW_DEVICE), 0xc014_a100);
    }
}
