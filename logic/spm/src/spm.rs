//! The partition manager itself: what it owns and where callers come in.

use crate::connection::Connections;
use crate::partition::{PartitionState, Run};
use crate::services::RootServices;
use crate::table::{Priority, Tables};
use crate::vectors::VectorsByCaller;
use ironroot_platform::{ClientMemory, MemoryOwner, PartitionIndex, PartitionRunner};
use ironroot_psa_api::{ClientId, Error, FRAMEWORK_VERSION, Handle, Status};

/// Who makes a request: an identity and whose memory its pointers mean. The two go together, so a
/// caller can only be made where both are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub(crate) client: ClientId,
    pub(crate) owner: MemoryOwner,
}

impl Caller {
    /// The non-secure world, as client `client`; nothing if that id is a secure one.
    #[must_use]
    pub const fn non_secure(client: ClientId) -> Option<Self> {
        if client.is_non_secure() {
            Some(Self {
                client,
                owner: MemoryOwner::NonSecure,
            })
        } else {
            None
        }
    }
}

/// The secure partition manager.
///
/// `S` are the root services, `R` runs partitions, `M` reaches clients' memory. `P` is the number of
/// partitions there is room for (the tables may have fewer), `C` the number of connections.
///
/// One request at a time: `&mut self` says so, and the gate must not call again before the first
/// call returned (it answers [`Error::NESTED_CALL`] itself).
#[derive(Debug)]
pub struct Spm<S, R, M, const P: usize = 4, const C: usize = 8> {
    pub(crate) tables: &'static Tables,
    pub(crate) services: S,
    pub(crate) runner: R,
    pub(crate) memory: M,
    pub(crate) partitions: [PartitionState; P],
    pub(crate) connections: Connections<C>,
    pub(crate) vectors: VectorsByCaller<P>,
    pub(crate) lifecycle: u32,
}

impl<S, R, M, const P: usize, const C: usize> Spm<S, R, M, P, C>
where
    S: RootServices,
    R: PartitionRunner,
    M: ClientMemory,
{
    /// With every partition in its initial state. `lifecycle` is what partitions are told
    /// ([`ironroot_psa_api::svc::lifecycle`]). Partitions beyond `P` never run.
    pub fn new(tables: &'static Tables, services: S, runner: R, memory: M, lifecycle: u32) -> Self {
        let mut index = 0u8;
        let partitions = [(); P].map(|()| {
            let here = PartitionIndex(index);
            index = index.saturating_add(1);
            let restarts = tables
                .partition(here)
                .map_or(0, |info| info.restart.restarts);
            let mut state = PartitionState::new(tables.signals(here), restarts);
            if tables.partition(here).is_none() {
                state.run = Run::Disabled;
            }
            state
        });
        let connections = Connections::NONE;
        let vectors = VectorsByCaller::NONE;
        Self {
            tables,
            services,
            runner,
            memory,
            partitions,
            connections,
            vectors,
            lifecycle,
        }
    }

    /// Runs every partition once, until it waits for its first message: high priority first, then in
    /// the order of the table. A partition that calls another one starts that one first.
    pub fn start(&mut self) {
        for priority in [Priority::High, Priority::Normal, Priority::Low] {
            for (index, info) in (0..=u8::MAX).zip(self.tables.partitions()) {
                if info.priority == priority {
                    // A failure is recorded where it is found; the others start all the same.
                    let _ = self.ensure_started(PartitionIndex(index));
                }
            }
        }
    }

    /// `psa_call`, with the registers as they came: handle, control word, addresses of the arrays.
    pub fn call(
        &mut self,
        caller: Caller,
        handle: u32,
        control: u32,
        in_vec: u32,
        out_vec: u32,
    ) -> Status {
        match self.request(caller, Handle(handle), control, in_vec, out_vec) {
            Ok(status) => status,
            Err(error) => error.status(),
        }
    }

    /// `psa_connect`.
    ///
    /// # Errors
    /// `ConnectionRefused`: no such service, or not for this caller or version, or the service said
    /// so. `ConnectionBusy`: no connection is free, or the service said so. `ProgrammerError`: the
    /// service is stateless.
    pub fn connect(&mut self, caller: Caller, sid: u32, version: u32) -> Result<Handle, Error> {
        self.open_connection(caller, sid, version)
    }

    /// `psa_close`. The null handle is closed already.
    ///
    /// # Errors
    /// `ProgrammerError`: the handle names no connection of this caller.
    pub fn close(&mut self, caller: Caller, handle: u32) -> Result<(), Error> {
        self.close_connection(caller, Handle(handle))
    }

    /// `psa_version`: version of a service, zero if there is none or it is not for this caller.
    #[must_use]
    pub fn version(&self, caller: Caller, sid: u32) -> u32 {
        self.service_version(caller, sid)
    }

    /// `psa_framework_version`.
    #[must_use]
    pub const fn framework_version(&self) -> u32 {
        FRAMEWORK_VERSION
    }

    /// The root services, for the firmware's own use between calls.
    pub const fn services_mut(&mut self) -> &mut S {
        &mut self.services
    }

    /// The partition runner, for the firmware's own use between calls.
    pub const fn runner_mut(&mut self) -> &mut R {
        &mut self.runner
    }

    /// The clients' memory, for the firmware's own use between calls.
    pub const fn memory_mut(&mut self) -> &mut M {
        &mut self.memory
    }

    pub(crate) fn state(&mut self, partition: PartitionIndex) -> Option<&mut PartitionState> {
        self.partitions.get_mut(usize::from(partition.0))
    }
}
