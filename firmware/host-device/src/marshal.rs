//! Calls as a process makes them: slices are copied into the memory that goes along with the call.
//!
//! Memory of a call, from its base on: the vectors as a 32-bit client lays them out, then what they point
//! to, each at a multiple of eight bytes. One buffer, taken once: a confined partition can get no more.

use ironroot_client::{Output, Transport};
use ironroot_partition::{Incoming, Kernel};
use ironroot_port_host::wire::MAX_MEMORY;
use ironroot_port_host::{Connection, PartitionLink};
use ironroot_psa_api::{
    Control, Error, Handle, InVec, MAX_VECTORS, OutVec, PsaMessage, Status, svc, vector,
};

/// One call to the partition manager about some memory.
pub trait Link {
    /// Makes the call; nothing if the other end is gone.
    fn call(&mut self, number: u8, args: [u32; 4], memory: &mut [u8]) -> Option<u32>;
}

impl Link for Connection {
    fn call(&mut self, number: u8, args: [u32; 4], memory: &mut [u8]) -> Option<u32> {
        Self::call(self, number.into(), args, memory).ok()
    }
}

impl Link for PartitionLink {
    fn call(&mut self, number: u8, args: [u32; 4], memory: &mut [u8]) -> Option<u32> {
        Self::call(self, number, args, memory).ok()
    }
}

/// The PSA interfaces over a [`Link`]: [`Transport`] for every client, [`Kernel`] for partitions.
#[derive(Debug)]
pub struct Marshal<L> {
    link: L,
    base: u32,
    memory: Vec<u8>,
}

impl Marshal<PartitionLink> {
    /// Makes this process a partition: takes the memory it will need, gives up every right but calling the
    /// partition manager, and calls that from now on.
    ///
    /// # Errors
    /// [`PartitionLink::confine`]'s; the partition must not run then.
    pub fn confine(base: u32) -> std::io::Result<Self> {
        let memory = Vec::with_capacity(MAX_MEMORY);
        let link = PartitionLink::confine()?;
        Ok(Self { link, base, memory })
    }
}

/// No room for the call, or nobody to answer it.
#[derive(Debug, Clone, Copy)]
struct Lost;

impl<L: Link> Marshal<L> {
    /// Calls through `link`, whose memory the partition manager sees at `base`.
    #[must_use]
    pub fn new(link: L, base: u32) -> Self {
        Self {
            link,
            base,
            memory: Vec::with_capacity(MAX_MEMORY),
        }
    }

    /// Appends bytes and gives their address.
    fn put(&mut self, bytes: &[u8]) -> Result<u32, Lost> {
        self.reserve(bytes.len())
            .inspect(|_| self.memory.extend_from_slice(bytes))
            .map(|place| self.base + place)
    }

    /// Appends room and gives its place.
    fn room(&mut self, len: usize) -> Result<u32, Lost> {
        let place = self.reserve(len)?;
        self.memory.resize(self.memory.len() + len, 0);
        Ok(place)
    }

    /// Aligns, and makes sure that `len` more bytes need no new memory.
    fn reserve(&mut self, len: usize) -> Result<u32, Lost> {
        let place = self.memory.len().next_multiple_of(8);
        if place.checked_add(len).ok_or(Lost)? > self.memory.capacity() {
            return Err(Lost);
        }
        self.memory.resize(place, 0);
        u32::try_from(place).map_err(|_| Lost)
    }

    fn take(&self, place: u32, out: &mut [u8]) {
        let place = place as usize;
        if let Some(bytes) = self.memory.get(place..place + out.len()) {
            out.copy_from_slice(bytes);
        }
    }

    fn go(&mut self, number: u8, args: [u32; 4]) -> Result<u32, Lost> {
        self.link.call(number, args, &mut self.memory).ok_or(Lost)
    }

    /// A call without memory. What is lost reads as zero.
    fn plain(&mut self, number: u8, args: [u32; 4]) -> u32 {
        self.memory.clear();
        self.go(number, args).unwrap_or_default()
    }

    fn call_vectors(
        &mut self,
        handle: Handle,
        control: Control,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Result<Status, Lost> {
        self.memory.clear();
        let in_vectors = self.room(MAX_VECTORS * vector::VECTOR_SIZE)?;
        let out_vectors = self.room(MAX_VECTORS * vector::VECTOR_SIZE)?;
        let mut slot = in_vectors;
        for input in inputs {
            let base = self.put(input)?;
            let len = u32::try_from(input.len()).map_err(|_| Lost)?;
            self.patch(slot, &InVec { base, len }.to_bytes());
            slot += vector::VECTOR_SIZE as u32;
        }
        let mut places = [0; MAX_VECTORS];
        slot = out_vectors;
        for (place, output) in places.iter_mut().zip(outputs.iter_mut()) {
            let len = output.buffer().len();
            *place = self.room(len)?;
            let base = self.base + *place;
            let len = u32::try_from(len).map_err(|_| Lost)?;
            self.patch(slot, &OutVec { base, len }.to_bytes());
            slot += vector::VECTOR_SIZE as u32;
        }
        let (first, second) = (self.base + in_vectors, self.base + out_vectors);
        let status = self.go(svc::CALL, [handle.0, control.word(), first, second])?;
        for (index, (place, output)) in places.iter().zip(outputs).enumerate() {
            let vectors = &self.memory[out_vectors as usize..];
            let written = OutVec::nth(vectors, index).map_or(0, |vector| vector.len as usize);
            let written = written.min(output.buffer().len());
            self.take(*place, &mut output.buffer()[..written]);
            output.set_written(written);
        }
        Ok(Status::from_register(status))
    }

    fn patch(&mut self, place: u32, bytes: &[u8]) {
        let place = place as usize;
        self.memory[place..place + bytes.len()].copy_from_slice(bytes);
    }
}

impl<L: Link> Transport for Marshal<L> {
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
        self.call_vectors(handle, control, inputs, outputs)
            .unwrap_or(Error::CommunicationFailure.status())
    }

    fn connect(&mut self, sid: u32, version: u32) -> Result<Handle, Error> {
        self.memory.clear();
        let answer = self.go(svc::CONNECT, [sid, version, 0, 0]);
        let answer = answer.map_err(|Lost| Error::CommunicationFailure)?;
        match Status::from_register(answer).ok() {
            Ok(()) => Ok(Handle(answer)),
            Err(error) => Err(error),
        }
    }

    fn close(&mut self, handle: Handle) {
        self.plain(svc::CLOSE, [handle.0, 0, 0, 0]);
    }

    fn version(&mut self, sid: u32) -> u32 {
        self.plain(svc::VERSION, [sid, 0, 0, 0])
    }

    fn framework_version(&mut self) -> u32 {
        self.plain(svc::FRAMEWORK_VERSION, [0; 4])
    }
}

impl<L: Link> Kernel for Marshal<L> {
    fn next(&mut self, answered: Option<(Handle, Status)>) -> Option<Incoming> {
        self.memory.clear();
        let place = self.room(PsaMessage::SIZE).ok()?;
        let to = self.base + place;
        let signal = match answered {
            Some((handle, status)) => {
                let args = [handle.0, status.to_register(), to, 0];
                self.go(svc::REPLY_AND_NEXT, args).ok()?
            }
            None => loop {
                let signals = self.go(svc::WAIT, [svc::WAIT_ANY, svc::BLOCK, 0, 0]).ok()?;
                let lowest = signals & signals.wrapping_neg();
                if self.go(svc::GET, [lowest, to, 0, 0]).ok()? == 0 {
                    break lowest;
                }
            },
        };
        let mut message = [0; PsaMessage::SIZE];
        self.take(place, &mut message);
        Some(Incoming {
            signal,
            message: PsaMessage::from_bytes(&message),
        })
    }

    fn read(&mut self, message: Handle, input: usize, out: &mut [u8]) -> usize {
        self.memory.clear();
        let len = out.len().min(MAX_MEMORY);
        let Ok(place) = self.room(len) else { return 0 };
        let args = [message.0, input as u32, self.base + place, len as u32];
        let read = self.go(svc::READ, args).unwrap_or_default() as usize;
        let read = read.min(len);
        self.take(place, &mut out[..read]);
        read
    }

    fn skip(&mut self, message: Handle, input: usize, len: usize) -> usize {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.plain(svc::SKIP, [message.0, input as u32, len, 0]) as usize
    }

    fn write(&mut self, message: Handle, output: usize, data: &[u8]) {
        self.memory.clear();
        let Ok(address) = self.put(data) else {
            self.panic()
        };
        let args = [message.0, output as u32, address, data.len() as u32];
        // Without an answer the next call finds out.
        let _ = self.go(svc::WRITE, args);
    }

    fn set_rhandle(&mut self, message: Handle, rhandle: u32) {
        self.plain(svc::SET_RHANDLE, [message.0, rhandle, 0, 0]);
    }

    fn lifecycle(&mut self) -> u32 {
        self.plain(svc::LIFECYCLE, [0; 4])
    }

    fn panic(&mut self) -> ! {
        self.plain(svc::PANIC, [0; 4]);
        // The partition manager does not answer that call: it ends this process.
        std::process::exit(1)
    }
}
