//! One `psa_call`, with slices in place of addresses.

use ironroot_psa_api::{Error, Handle, Status};

/// An output of a call: the caller's buffer, and how much of it the service wrote.
#[derive(Debug)]
pub struct Output<'a> {
    buffer: &'a mut [u8],
    written: usize,
}

impl<'a> Output<'a> {
    /// Nothing written yet.
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, written: 0 }
    }

    /// For transports: where the service's bytes go.
    #[must_use]
    pub const fn buffer(&mut self) -> &mut [u8] {
        self.buffer
    }

    /// For transports: how much the service wrote. More than fits counts as all of it.
    pub fn set_written(&mut self, written: usize) {
        self.written = written.min(self.buffer.len());
    }

    /// Bytes written.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }
}

/// Carries calls to the secure world.
pub trait Transport {
    /// `psa_call`: a message of type `kind` (zero or positive) with at most four buffers in all.
    ///
    /// Returns what the service replied, or what stopped the message on its way; sets how much was
    /// written to each output.
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status;

    /// `psa_connect`.
    ///
    /// # Errors
    /// `ConnectionRefused`, `ConnectionBusy`, or what the transport itself fails with.
    fn connect(&mut self, sid: u32, version: u32) -> Result<Handle, Error>;

    /// `psa_close`.
    fn close(&mut self, handle: Handle);

    /// `psa_version`: version of a service, zero if there is none for this caller.
    fn version(&mut self, sid: u32) -> u32;

    /// `psa_framework_version`.
    fn framework_version(&mut self) -> u32;
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        (**self).call(handle, kind, inputs, outputs)
    }
    fn connect(&mut self, sid: u32, version: u32) -> Result<Handle, Error> {
        (**self).connect(sid, version)
    }
    fn close(&mut self, handle: Handle) {
        (**self).close(handle);
    }
    fn version(&mut self, sid: u32) -> u32 {
        (**self).version(sid)
    }
    fn framework_version(&mut self) -> u32 {
        (**self).framework_version()
    }
}

/// A call with one output buffer; its length written is the result.
pub(crate) fn call_into<T: Transport>(
    transport: &mut T,
    handle: Handle,
    kind: i32,
    inputs: &[&[u8]],
    out: &mut [u8],
) -> Result<usize, Error> {
    let mut outputs = [Output::new(out)];
    transport.call(handle, kind, inputs, &mut outputs).ok()?;
    let [output] = &outputs;
    Ok(output.written())
}

/// A call whose one output has exactly `N` bytes.
pub(crate) fn call_for<T: Transport, const N: usize>(
    transport: &mut T,
    handle: Handle,
    kind: i32,
    inputs: &[&[u8]],
) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let written = call_into(transport, handle, kind, inputs, &mut bytes)?;
    if written == N {
        Ok(bytes)
    } else {
        Err(Error::CommunicationFailure)
    }
}
