//! Partitions as processes.
//!
//! A partition runs in a process of its own that holds one descriptor, a socket to the partition
//! manager, and that the kernel allows four system calls: read, write, exit and return from signal
//! (seccomp's strict mode). It cannot open, map, connect, fork or trace anything. A system call it may
//! not make kills it, which the partition manager sees as a fault.

use crate::memory::ClientMemories;
use crate::wire;
use ironroot_platform::{MemoryOwner, PartitionIndex, PartitionRunner, Trap};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::thread::{SecureComputingMode, set_no_new_privs, set_secure_computing_mode};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a partition may run until its next call, unless told otherwise.
const WATCHDOG: Duration = Duration::from_secs(30);

struct Running {
    child: Child,
    link: UnixStream,
}

/// Keeps descriptors that this process inherited without the close-on-exec mark out of the partition.
fn keep_descriptors_to_ourselves() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<RawFd>().ok()) else {
            continue;
        };
        if number <= 2 {
            continue;
        }
        // SAFETY: the number was listed as open a moment ago and is borrowed for one call that changes
        // nothing but the close-on-exec mark. Should another thread have closed it meanwhile, the call
        // fails, or marks a descriptor that is to be marked as well.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        match fcntl_setfd(descriptor, FdFlags::CLOEXEC) {
            Ok(()) | Err(Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Running {
    fn start(mut command: Command, watchdog: Duration) -> io::Result<Self> {
        keep_descriptors_to_ourselves()?;
        let (link, partition_end) = UnixStream::pair()?;
        link.set_read_timeout(Some(watchdog))?;
        link.set_write_timeout(Some(watchdog))?;
        let child = command
            .stdin(Stdio::from(OwnedFd::from(partition_end)))
            .stdout(Stdio::null())
            .env_clear()
            .spawn()?;
        Ok(Self { child, link })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the process is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs partitions as processes: [`PartitionRunner`] of the host.
pub struct ProcessRunner<S> {
    command: S,
    memories: ClientMemories,
    running: BTreeMap<u8, Running>,
    watchdog: Duration,
    on_fault: Box<dyn FnMut(PartitionIndex)>,
}

impl<S: FnMut(PartitionIndex) -> Command> ProcessRunner<S> {
    /// A runner that starts a partition with the command `command` makes for it, and keeps the
    /// partitions' memory in `memories`.
    ///
    /// The program must call [`PartitionLink::confine`] before it looks at anything foreign.
    pub fn new(memories: ClientMemories, command: S) -> Self {
        Self {
            command,
            memories,
            running: BTreeMap::new(),
            watchdog: WATCHDOG,
            on_fault: Box::new(|_| ()),
        }
    }

    /// Who writes the fault record when a partition did what it may not, hung or died.
    #[must_use]
    pub fn with_fault_hook(self, on_fault: impl FnMut(PartitionIndex) + 'static) -> Self {
        let on_fault = Box::new(on_fault);
        Self { on_fault, ..self }
    }

    /// A partition that makes no call for this long is at fault.
    #[must_use]
    pub fn with_watchdog(self, watchdog: Duration) -> Self {
        Self { watchdog, ..self }
    }

    fn step(&mut self, partition: PartitionIndex, result: u32) -> io::Result<wire::Question> {
        let owner = MemoryOwner::Partition(partition);
        match self.running.get_mut(&partition.0) {
            Some(running) => {
                wire::send_answer(&mut running.link, result, &self.memories.take(owner))?;
                wire::receive_question(&mut running.link)
            }
            None => {
                let running = Running::start((self.command)(partition), self.watchdog)?;
                let running = self.running.entry(partition.0).or_insert(running);
                wire::receive_question(&mut running.link)
            }
        }
    }
}

impl<S: FnMut(PartitionIndex) -> Command> PartitionRunner for ProcessRunner<S> {
    fn restart(&mut self, partition: PartitionIndex) {
        self.running.remove(&partition.0);
        drop(self.memories.take(MemoryOwner::Partition(partition)));
    }

    fn resume(&mut self, partition: PartitionIndex, result: u32) -> Trap {
        let trap = self.step(partition, result).ok().and_then(|question| {
            let number = u8::try_from(question.number).ok()?;
            self.memories
                .put(MemoryOwner::Partition(partition), question.memory);
            Some(Trap::Call {
                number,
                args: question.args,
            })
        });
        trap.unwrap_or_else(|| {
            self.restart(partition);
            (self.on_fault)(partition);
            Trap::Fault
        })
    }
}

/// A partition's own end of the link to the partition manager.
#[derive(Debug)]
pub struct PartitionLink {
    link: File,
}

impl PartitionLink {
    /// Gives up every right of this process but calling the partition manager.
    ///
    /// For the only thread of a program started by a [`ProcessRunner`], before it looks at anything
    /// foreign. What the partition needs of the heap it must have by then.
    ///
    /// # Errors
    /// What the operating system says; the partition must not run then.
    pub fn confine() -> io::Result<Self> {
        let link = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        set_no_new_privs(true)?;
        set_secure_computing_mode(SecureComputingMode::Strict)?;
        Ok(Self { link })
    }

    /// Makes a call about `memory` and gives its result.
    ///
    /// # Errors
    /// The stream's: the partition manager is gone, and so should be the partition.
    pub fn call(&mut self, number: u8, args: [u32; 4], memory: &mut [u8]) -> io::Result<u32> {
        wire::send_question(&mut self.link, u32::from(number), args, memory)?;
        wire::receive_answer(&mut self.link, memory)
    }
}
