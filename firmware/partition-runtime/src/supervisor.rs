//! The supervisor calls with slices in place of addresses.

use ironroot_client::{Output, Transport};
use ironroot_partition::{Incoming, Kernel};
use ironroot_port_armv8m::partition::supervisor_call;
use ironroot_psa_api::{
    Control, Error, Handle, InVec, MAX_VECTORS, OutVec, PsaMessage, Status, svc,
};

/// The way to the partition manager.
#[derive(Debug, Clone, Copy, Default)]
pub struct Supervisor;

/// Ends the partition; its restart policy decides what follows.
pub fn give_up() -> ! {
    loop {
        supervisor_call::<{ svc::PANIC }>(0, 0, 0, 0);
    }
}

fn address<T>(value: &T) -> u32 {
    core::ptr::from_ref(value).expose_provenance() as u32
}

fn address_mut<T>(value: &mut T) -> u32 {
    core::ptr::from_mut(value).expose_provenance() as u32
}

fn span(bytes: &[u8]) -> (u32, u32) {
    (
        bytes.as_ptr().expose_provenance() as u32,
        bytes.len() as u32,
    )
}

fn span_mut(bytes: &mut [u8]) -> (u32, u32) {
    (
        bytes.as_mut_ptr().expose_provenance() as u32,
        bytes.len() as u32,
    )
}

impl Kernel for Supervisor {
    fn next(&mut self, answered: Option<(Handle, Status)>) -> Option<Incoming> {
        let mut message = [0; PsaMessage::SIZE];
        let to = address_mut(&mut message);
        let signal = match answered {
            Some((handle, status)) => supervisor_call::<{ svc::REPLY_AND_NEXT }>(
                handle.0,
                status.0.cast_unsigned(),
                to,
                0,
            ),
            None => loop {
                let signal = supervisor_call::<{ svc::WAIT }>(svc::WAIT_ANY, svc::BLOCK, 0, 0);
                let lowest = signal & signal.wrapping_neg();
                if supervisor_call::<{ svc::GET }>(lowest, to, 0, 0) == 0 {
                    break lowest;
                }
            },
        };
        Some(Incoming {
            signal,
            message: PsaMessage::from_bytes(&message),
        })
    }

    fn read(&mut self, message: Handle, input: usize, out: &mut [u8]) -> usize {
        let (base, len) = span_mut(out);
        supervisor_call::<{ svc::READ }>(message.0, input as u32, base, len) as usize
    }

    fn skip(&mut self, message: Handle, input: usize, len: usize) -> usize {
        supervisor_call::<{ svc::SKIP }>(message.0, input as u32, len as u32, 0) as usize
    }

    fn write(&mut self, message: Handle, output: usize, data: &[u8]) {
        let (base, len) = span(data);
        supervisor_call::<{ svc::WRITE }>(message.0, output as u32, base, len);
    }

    fn set_rhandle(&mut self, message: Handle, rhandle: u32) {
        supervisor_call::<{ svc::SET_RHANDLE }>(message.0, rhandle, 0, 0);
    }

    fn lifecycle(&mut self) -> u32 {
        supervisor_call::<{ svc::LIFECYCLE }>(0, 0, 0, 0)
    }

    fn panic(&mut self) -> ! {
        give_up()
    }
}

impl Transport for Supervisor {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        let Some(control) = Control::new(kind, inputs.len(), outputs.len()) else {
            return Error::ProgrammerError.status();
        };
        let mut in_vectors = [InVec { base: 0, len: 0 }; MAX_VECTORS];
        for (vector, input) in in_vectors.iter_mut().zip(inputs) {
            let (base, len) = span(input);
            *vector = InVec { base, len };
        }
        let mut out_vectors = [OutVec { base: 0, len: 0 }; MAX_VECTORS];
        for (vector, output) in out_vectors.iter_mut().zip(outputs.iter_mut()) {
            let (base, len) = span_mut(output.buffer());
            *vector = OutVec { base, len };
        }
        let status = supervisor_call::<{ svc::CALL }>(
            handle.0,
            control.word(),
            address(&in_vectors),
            address_mut(&mut out_vectors),
        );
        for (vector, output) in out_vectors.iter().zip(outputs) {
            output.set_written(vector.len as usize);
        }
        Status(status.cast_signed())
    }

    fn connect(&mut self, sid: u32, version: u32) -> Result<Handle, Error> {
        let answer = supervisor_call::<{ svc::CONNECT }>(sid, version, 0, 0);
        let status = answer.cast_signed();
        if status < 0 {
            Err(Error::from_code(status))
        } else {
            Ok(Handle(answer))
        }
    }

    fn close(&mut self, handle: Handle) {
        supervisor_call::<{ svc::CLOSE }>(handle.0, 0, 0, 0);
    }

    fn version(&mut self, sid: u32) -> u32 {
        supervisor_call::<{ svc::VERSION }>(sid, 0, 0, 0)
    }

    fn framework_version(&mut self) -> u32 {
        supervisor_call::<{ svc::FRAMEWORK_VERSION }>(0, 0, 0, 0)
    }
}
