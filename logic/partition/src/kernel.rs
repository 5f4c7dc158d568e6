//! What the partition manager offers a partition, with slices in place of addresses.

use ironroot_psa_api::{Handle, PsaMessage, Status};

/// A message and the signal it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming {
    /// The signal of the service it is for.
    pub signal: u32,
    /// The message.
    pub message: PsaMessage,
}

/// The partition's side of the supervisor calls ([`ironroot_psa_api::svc`]).
///
/// A call that breaks FF-M's rules does not return: the partition manager ends the partition.
pub trait Kernel {
    /// Answers `answered`, if given, and waits for the next message
    /// ([`ironroot_psa_api::svc::REPLY_AND_NEXT`]). Nothing when there will be no more: the partition
    /// manager is gone, which only happens on a host.
    fn next(&mut self, answered: Option<(Handle, Status)>) -> Option<Incoming>;

    /// `psa_read`: the next bytes of an input, at most what is left; returns how many.
    fn read(&mut self, message: Handle, input: usize, out: &mut [u8]) -> usize;

    /// `psa_skip`: passes over the next bytes of an input; returns how many.
    fn skip(&mut self, message: Handle, input: usize, len: usize) -> usize;

    /// `psa_write`: appends to an output. More than fits ends the partition.
    fn write(&mut self, message: Handle, output: usize, data: &[u8]);

    /// `psa_set_rhandle`: ties a number to the connection of the message.
    fn set_rhandle(&mut self, message: Handle, rhandle: u32);

    /// `psa_rot_lifecycle_state` ([`ironroot_psa_api::svc::lifecycle`]).
    fn lifecycle(&mut self) -> u32;

    /// `psa_panic`: ends the partition.
    fn panic(&mut self) -> !;
}

impl<K: Kernel + ?Sized> Kernel for &mut K {
    fn next(&mut self, answered: Option<(Handle, Status)>) -> Option<Incoming> {
        (**self).next(answered)
    }
    fn read(&mut self, message: Handle, input: usize, out: &mut [u8]) -> usize {
        (**self).read(message, input, out)
    }
    fn skip(&mut self, message: Handle, input: usize, len: usize) -> usize {
        (**self).skip(message, input, len)
    }
    fn write(&mut self, message: Handle, output: usize, data: &[u8]) {
        (**self).write(message, output, data);
    }
    fn set_rhandle(&mut self, message: Handle, rhandle: u32) {
        (**self).set_rhandle(message, rhandle);
    }
    fn lifecycle(&mut self) -> u32 {
        (**self).lifecycle()
    }
    fn panic(&mut self) -> ! {
        (**self).panic()
    }
}
