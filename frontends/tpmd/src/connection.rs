//! One client: bytes that came, bytes that wait to go, and never a call that blocks.
//!
//! What a client may make the daemon keep is bounded: one message of input, one answer of output. A
//! client that does not fetch its answer is not read from either.

use crate::protocol::data::{self, Message};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// TPM commands.
    Data,
    /// The simulator's platform signals.
    Platform,
    /// swtpm's control channel; descriptors are accepted over a Unix socket.
    Control,
}

/// What carries a connection's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Connected.
    Socket,
    /// A character device that is a stream of bytes.
    Device,
    /// A vTPM proxy's descriptor, which has no type: a read is a command, a write its answer.
    Proxy,
}

impl Carrier {
    /// Of a descriptor that was inherited or made; the sandbox does not let this be asked.
    ///
    /// # Errors
    /// `NOTSUP` for a file or a folder.
    pub(crate) fn of(descriptor: &OwnedFd) -> rustix::io::Result<Self> {
        let status = rustix::fs::fstat(descriptor)?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::Socket => Ok(Self::Socket),
            FileType::CharacterDevice => Ok(Self::Device),
            FileType::Unknown => Ok(Self::Proxy),
            FileType::RegularFile
            | FileType::Directory
            | FileType::Symlink
            | FileType::Fifo
            | FileType::BlockDevice => Err(Errno::NOTSUP),
        }
    }
}

/// Names a connection for as long as the daemon lives.
pub(crate) type ConnectionId = u64;

/// One read takes this much; a message may be longer.
const READ: usize = 8 * 1024;

/// A client.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) role: Role,
    descriptor: OwnedFd,
    carrier: Carrier,
    pub(crate) input: Vec<u8>,
    output: Vec<u8>,
    /// The first descriptor that came along and was not taken yet.
    pub(crate) passed: Option<OwnedFd>,
    /// It was passed over the control channel.
    pub(crate) was_passed: bool,
    /// Commands come without a frame only.
    pub(crate) bare: bool,
    /// A command at the front of the input waits for the TPM or is being run.
    pub(crate) waiting: bool,
    /// No more comes; close when all is answered.
    pub(crate) ending: bool,
    /// Gone.
    pub(crate) dead: bool,
    pub(crate) since: Instant,
}

impl Connection {
    /// Takes over a connected socket, or a device that commands come from.
    pub(crate) fn new(
        id: ConnectionId,
        role: Role,
        carrier: Carrier,
        descriptor: OwnedFd,
    ) -> rustix::io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&descriptor)?;
        rustix::fs::fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK)?;
        Ok(Self {
            id,
            role,
            descriptor,
            carrier,
            input: Vec::new(),
            output: Vec::new(),
            passed: None,
            was_passed: false,
            bare: false,
            waiting: false,
            ending: false,
            dead: false,
            since: Instant::now(),
        })
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Whether more input is wanted now.
    pub(crate) fn wants_input(&self) -> bool {
        !self.waiting && !self.ending && self.output.is_empty()
    }

    /// Whether an answer is stuck.
    pub(crate) fn wants_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether the client is in the middle of a message.
    pub(crate) fn is_midway(&self) -> bool {
        !self.waiting && (!self.input.is_empty() || !self.output.is_empty())
    }

    /// Reads what is there, up to one read.
    pub(crate) fn fill(&mut self) {
        let mut buffer = [0; READ];
        match self.receive(&mut buffer) {
            Ok(0) => self.ending = true,
            Ok(len) => {
                self.input
                    .extend_from_slice(buffer.get(..len).unwrap_or_default());
                self.since = Instant::now();
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.dead = true,
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        if self.role != Role::Control {
            return rustix::io::read(&self.descriptor, buffer);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            &self.descriptor,
            &mut [IoSliceMut::new(buffer)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                // All but the first are closed here.
                for descriptor in descriptors {
                    self.passed.get_or_insert(descriptor);
                }
            }
        }
        Ok(received.bytes)
    }

    /// The message at the front of the data channel's input, and its length.
    pub(crate) fn message(&self, max_command: usize) -> Option<(Message<'_>, usize)> {
        match self.carrier {
            Carrier::Socket | Carrier::Device if self.bare => {
                data::parse_bare(&self.input, max_command)
            }
            Carrier::Socket | Carrier::Device => data::parse(&self.input, max_command),
            Carrier::Proxy => data::parse_whole(&self.input, max_command),
        }
    }

    /// What came makes no sense: a stream cannot be followed any further. A guest's is kept all the same, from what comes
    /// next: one process of the guest must not take the TPM from the others.
    pub(crate) fn lose_track(&mut self) {
        self.ending |= !self.bare && self.carrier != Carrier::Proxy;
    }

    /// A kernel that has no other way sets the locality by a command.
    pub(crate) fn is_proxy(&self) -> bool {
        self.carrier == Carrier::Proxy
    }

    /// Forgets the first `len` bytes of input, which were a message.
    pub(crate) fn consume(&mut self, len: usize) {
        let len = len.min(self.input.len());
        if let Some(bytes) = self.input.get_mut(..len) {
            // A command may have held an auth value.
            ironroot_crypto::wipe(bytes);
        }
        self.input.drain(..len);
    }

    /// Where an answer is put together. [`flush`](Self::flush) sends it.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends what the client takes.
    pub(crate) fn flush(&mut self) {
        while !self.output.is_empty() && !self.dead {
            match self.send() {
                Ok(sent) => {
                    self.output.drain(..sent.min(self.output.len()));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.dead = true,
            }
        }
    }

    fn send(&self) -> rustix::io::Result<usize> {
        match self.carrier {
            // Not `write`: a client that is gone is an error here, not a signal.
            Carrier::Socket => {
                rustix::net::send(&self.descriptor, &self.output, SendFlags::NOSIGNAL)
            }
            Carrier::Device => rustix::io::write(&self.descriptor, &self.output),
            Carrier::Proxy => match rustix::io::write(&self.descriptor, &self.output) {
                // The kernel has lost patience: nobody waits for this answer any more, but the next command comes.
                Err(Errno::IO) => Ok(self.output.len()),
                other => other,
            },
        }
    }

    /// Whether nothing more will happen on it.
    pub(crate) fn is_over(&self) -> bool {
        self.dead || (self.ending && !self.waiting && self.output.is_empty())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        ironroot_crypto::wipe(&mut self.input);
        ironroot_crypto::wipe(&mut self.output);
    }
}
