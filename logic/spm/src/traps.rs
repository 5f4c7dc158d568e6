//! Partitions: delivering messages to them and answering their supervisor calls.
//!
//! A partition runs inside [`Spm::run`] until it waits or fails. Every argument of its calls is
//! hostile: a rule broken ends the partition (FF-M: a programmer error in a partition is a panic), and
//! its restart policy says what then. Calls it makes to others recurse through the same path as
//! everyone's; the depth is bounded because a partition on the stack is `Running` and refuses more.

use crate::partition::{Active, Order, Phase, Run};
use crate::services::{FailureCause, FailureOutcome, PartitionFailure, RootServices};
use crate::spm::{Caller, Spm};
use crate::table::{AfterLastRestart, Provider};
use crate::vectors::Vectors;
use ironroot_platform::{
    Access, CheckedSpan, ClientMemory, MemoryOwner, PartitionIndex, PartitionRunner, Span, Trap,
};
use ironroot_psa_api::message::{CONNECT, PsaMessage};
use ironroot_psa_api::{Error, FRAMEWORK_VERSION, Handle, MAX_VECTORS, Status, svc};

/// What follows a supervisor call.
enum Next {
    /// The partition goes on; the call returns this.
    Resume(u32),
    /// The partition waits.
    Blocked,
    /// The partition failed.
    Failed(FailureCause),
}

/// A rule was broken; which call it was is known to the caller.
struct RuleBroken;

impl<S, R, M, const P: usize, const C: usize> Spm<S, R, M, P, C>
where
    S: RootServices,
    R: PartitionRunner,
    M: ClientMemory,
{
    /// Gives a partition a message and runs it until it has answered and waits again.
    ///
    /// `ConnectionBusy`: it is busy or does not listen. `ConnectionRefused`: it is disabled.
    /// `ServiceFailure`: it failed before it answered.
    pub(crate) fn deliver(
        &mut self,
        partition: PartitionIndex,
        signal: u32,
        order: Order,
    ) -> Result<Status, Error> {
        self.ensure_started(partition)?;
        let state = self.partitions.get_mut(usize::from(partition.0));
        let state = state.ok_or(Error::ConnectionRefused)?;
        let Run::Waiting { mask, next } = state.run else {
            return Err(Error::ConnectionBusy);
        };
        if mask & signal == 0 {
            return Err(Error::ConnectionBusy);
        }
        let handle = state.next_handle();
        state.run = Run::Running;
        let active = state.active.insert(Active {
            phase: Phase::Asserted,
            handle,
            signal,
            order,
        });
        if let Some(place) = next {
            active.phase = Phase::Delivered;
            let vectors = self.vectors.of(order.owner).ok_or(Error::GenericError)?;
            self.memory
                .copy_out(place, &active.as_partition_sees_it(vectors).to_bytes());
        }
        // A failure is handled where it is found; what counts here is whether there is an answer.
        let _ = self.run(partition, signal & mask);
        let state = self.state(partition).ok_or(Error::ConnectionRefused)?;
        let active = state.active.take().ok_or(Error::ServiceFailure)?;
        match active.phase {
            Phase::Replied(status) => {
                self.keep_rhandle(active.order.connection, active.order.rhandle);
                Ok(status)
            }
            Phase::Asserted | Phase::Delivered => Err(Error::ServiceFailure),
        }
    }

    /// Runs a stopped partition until its first wait. One that fails doing so is restarted by its
    /// policy and tried again with the next message, not at once.
    pub(crate) fn ensure_started(&mut self, partition: PartitionIndex) -> Result<(), Error> {
        let state = self.state(partition).ok_or(Error::ConnectionRefused)?;
        match state.run {
            Run::Waiting { .. } => Ok(()),
            Run::Running => Err(Error::ConnectionBusy),
            Run::Disabled => Err(Error::ConnectionRefused),
            Run::Stopped => {
                state.run = Run::Running;
                self.runner.restart(partition);
                self.run(partition, 0).map_err(|_| Error::ServiceFailure)
            }
        }
    }

    /// One turn of a partition: until it waits, or fails.
    fn run(&mut self, partition: PartitionIndex, result: u32) -> Result<(), FailureCause> {
        let outer = self.runner.begin_turn();
        let ended = self.run_until_it_waits(partition, result);
        self.runner.end_turn(outer, ended.is_ok());
        ended
    }

    fn run_until_it_waits(
        &mut self,
        partition: PartitionIndex,
        mut result: u32,
    ) -> Result<(), FailureCause> {
        loop {
            let next = match self.runner.resume(partition, result) {
                Trap::Call { number, args } => self.supervisor_call(partition, number, args),
                Trap::Fault => Next::Failed(FailureCause::Hardware),
            };
            match next {
                Next::Resume(value) => result = value,
                Next::Blocked => return Ok(()),
                Next::Failed(cause) => {
                    self.fail(partition, cause);
                    return Err(cause);
                }
            }
        }
    }

    fn supervisor_call(&mut self, partition: PartitionIndex, number: u8, args: [u32; 4]) -> Next {
        let [a, b, c, d] = args;
        let answer = match number {
            svc::WAIT => self.trap_wait(partition, a, b),
            svc::GET => self.trap_get(partition, a, b),
            svc::READ => self.trap_read(partition, a, b, Span { base: c, len: d }),
            svc::SKIP => self.trap_skip(partition, a, b, c),
            svc::WRITE => self.trap_write(partition, a, b, Span { base: c, len: d }),
            svc::REPLY => self.trap_reply(partition, a, b).map(|()| Next::Resume(0)),
            svc::REPLY_AND_NEXT => self.trap_reply_and_next(partition, a, b, c),
            svc::SET_RHANDLE => self.trap_set_rhandle(partition, a, b),
            svc::CALL => self.trap_call(partition, args),
            svc::CONNECT => self.trap_connect(partition, a, b),
            svc::CLOSE => self.trap_close(partition, a),
            svc::VERSION => self.trap_version(partition, a),
            svc::FRAMEWORK_VERSION => Ok(Next::Resume(FRAMEWORK_VERSION)),
            svc::LIFECYCLE => Ok(Next::Resume(self.lifecycle)),
            svc::PANIC => Ok(Next::Failed(FailureCause::Panic)),
            _ => Err(RuleBroken),
        };
        match answer {
            Ok(next) => next,
            Err(RuleBroken) => Next::Failed(FailureCause::ProgrammerError { call: number }),
        }
    }

    fn trap_wait(
        &mut self,
        partition: PartitionIndex,
        mask: u32,
        timeout: u32,
    ) -> Result<Next, RuleBroken> {
        let state = self.state(partition).ok_or(RuleBroken)?;
        if mask & state.signals == 0 {
            return Err(RuleBroken);
        }
        let asserted = state.asserted() & mask;
        if asserted != 0 || timeout & svc::BLOCK == 0 {
            return Ok(Next::Resume(asserted));
        }
        Ok(self.block(partition, mask, None))
    }

    /// Lets a partition wait. Whoever has not answered its message would wait for ever: its next
    /// message can only come after this one.
    fn block(&mut self, partition: PartitionIndex, mask: u32, next: Option<CheckedSpan>) -> Next {
        match self.state(partition) {
            Some(state) if !state.owes_a_reply() => {
                state.run = Run::Waiting { mask, next };
                Next::Blocked
            }
            _ => Next::Failed(FailureCause::Deadlock),
        }
    }

    fn trap_get(
        &mut self,
        partition: PartitionIndex,
        signal: u32,
        address: u32,
    ) -> Result<Next, RuleBroken> {
        let place = self.message_place(partition, address)?;
        let state = self
            .partitions
            .get_mut(usize::from(partition.0))
            .ok_or(RuleBroken)?;
        if !signal.is_power_of_two() || state.asserted() != signal {
            return Err(RuleBroken);
        }
        let active = state.active.as_mut().ok_or(RuleBroken)?;
        active.phase = Phase::Delivered;
        let vectors = self.vectors.of(active.order.owner).ok_or(RuleBroken)?;
        self.memory
            .copy_out(place, &active.as_partition_sees_it(vectors).to_bytes());
        Ok(Next::Resume(Status::SUCCESS.to_register()))
    }

    fn message_place(
        &self,
        partition: PartitionIndex,
        address: u32,
    ) -> Result<CheckedSpan, RuleBroken> {
        let span = Span {
            base: address,
            len: PsaMessage::SIZE as u32,
        };
        self.own_memory(partition, span, Access::Write)
    }

    fn own_memory(
        &self,
        partition: PartitionIndex,
        span: Span,
        access: Access,
    ) -> Result<CheckedSpan, RuleBroken> {
        let owner = MemoryOwner::Partition(partition);
        self.memory
            .check(owner, span, access)
            .map_err(|_| RuleBroken)
    }

    /// The vectors of the request a handle names; connection messages have none.
    fn vectors_of(
        &mut self,
        partition: PartitionIndex,
        handle: u32,
    ) -> Result<&mut Vectors, RuleBroken> {
        let active = self
            .state(partition)
            .and_then(|s| s.delivered(handle))
            .ok_or(RuleBroken)?;
        if active.order.kind < 0 {
            return Err(RuleBroken);
        }
        let owner = active.order.owner;
        self.vectors.of(owner).ok_or(RuleBroken)
    }

    fn trap_read(
        &mut self,
        partition: PartitionIndex,
        handle: u32,
        vector: u32,
        buffer: Span,
    ) -> Result<Next, RuleBroken> {
        let vector = vector_number(vector)?;
        let to = self.own_memory(partition, buffer, Access::Write)?;
        let from = self
            .vectors_of(partition, handle)?
            .take_input(vector, buffer.len);
        if !from.is_empty() {
            self.memory.transfer(from, to);
        }
        Ok(Next::Resume(from.len()))
    }

    fn trap_skip(
        &mut self,
        partition: PartitionIndex,
        handle: u32,
        vector: u32,
        len: u32,
    ) -> Result<Next, RuleBroken> {
        let vector = vector_number(vector)?;
        let passed = self.vectors_of(partition, handle)?.take_input(vector, len);
        Ok(Next::Resume(passed.len()))
    }

    fn trap_write(
        &mut self,
        partition: PartitionIndex,
        handle: u32,
        vector: u32,
        buffer: Span,
    ) -> Result<Next, RuleBroken> {
        let vector = vector_number(vector)?;
        let from = self.own_memory(partition, buffer, Access::Read)?;
        let vectors = self.vectors_of(partition, handle)?;
        let to = vectors
            .take_output(vector, buffer.len)
            .map_err(|_| RuleBroken)?;
        if !to.is_empty() {
            self.memory.transfer(from, to);
        }
        Ok(Next::Resume(0))
    }

    fn trap_reply(
        &mut self,
        partition: PartitionIndex,
        handle: u32,
        status: u32,
    ) -> Result<(), RuleBroken> {
        let status = Status::from_register(status);
        let active = self
            .state(partition)
            .and_then(|s| s.delivered(handle))
            .ok_or(RuleBroken)?;
        if active.order.kind == CONNECT && !answers_a_connect(status) {
            return Err(RuleBroken);
        }
        active.phase = Phase::Replied(status);
        Ok(())
    }

    fn trap_reply_and_next(
        &mut self,
        partition: PartitionIndex,
        handle: u32,
        status: u32,
        address: u32,
    ) -> Result<Next, RuleBroken> {
        let place = self.message_place(partition, address)?;
        // The null handle: nothing to answer yet, only wait and get.
        if handle != Handle::NULL.0 {
            self.trap_reply(partition, handle, status)?;
        }
        let asserted = self.state(partition).ok_or(RuleBroken)?.asserted();
        if asserted != 0 {
            self.trap_get(partition, asserted, address)?;
            return Ok(Next::Resume(asserted));
        }
        Ok(self.block(partition, svc::WAIT_ANY, Some(place)))
    }

    fn trap_set_rhandle(
        &mut self,
        partition: PartitionIndex,
        handle: u32,
        rhandle: u32,
    ) -> Result<Next, RuleBroken> {
        let active = self
            .state(partition)
            .and_then(|s| s.delivered(handle))
            .ok_or(RuleBroken)?;
        if active.order.connection.is_none() {
            return Err(RuleBroken);
        }
        active.order.rhandle = rhandle;
        Ok(Next::Resume(0))
    }

    fn as_caller(&self, partition: PartitionIndex) -> Result<Caller, RuleBroken> {
        let info = self.tables.partition(partition).ok_or(RuleBroken)?;
        Ok(Caller {
            client: info.client,
            owner: MemoryOwner::Partition(partition),
        })
    }

    fn trap_call(&mut self, partition: PartitionIndex, args: [u32; 4]) -> Result<Next, RuleBroken> {
        let [handle, control, in_vec, out_vec] = args;
        let caller = self.as_caller(partition)?;
        match self.request(caller, Handle(handle), control, in_vec, out_vec) {
            Ok(status) => Ok(Next::Resume(status.to_register())),
            Err(Error::ProgrammerError) => Err(RuleBroken),
            Err(error) => Ok(Next::Resume(error.status().to_register())),
        }
    }

    fn trap_connect(
        &mut self,
        partition: PartitionIndex,
        sid: u32,
        version: u32,
    ) -> Result<Next, RuleBroken> {
        let caller = self.as_caller(partition)?;
        match self.open_connection(caller, sid, version) {
            Ok(handle) => Ok(Next::Resume(handle.0)),
            Err(Error::ProgrammerError) => Err(RuleBroken),
            Err(error) => Ok(Next::Resume(error.status().to_register())),
        }
    }

    fn trap_close(&mut self, partition: PartitionIndex, handle: u32) -> Result<Next, RuleBroken> {
        let caller = self.as_caller(partition)?;
        self.close_connection(caller, Handle(handle))
            .map_err(|_| RuleBroken)?;
        Ok(Next::Resume(0))
    }

    fn trap_version(&mut self, partition: PartitionIndex, sid: u32) -> Result<Next, RuleBroken> {
        let caller = self.as_caller(partition)?;
        Ok(Next::Resume(self.service_version(caller, sid)))
    }

    /// Applies the restart policy to a partition that failed.
    ///
    /// It stays `Running` until everything of it is cleaned up, so that nobody reaches it meanwhile.
    fn fail(&mut self, partition: PartitionIndex, cause: FailureCause) {
        let Some(info) = self.tables.partition(partition) else {
            return;
        };
        let Some(state) = self.state(partition) else {
            return;
        };
        let outcome = match (state.restarts_left.checked_sub(1), info.restart.then) {
            (Some(left), _) => FailureOutcome::Restarted { left },
            (None, AfterLastRestart::Disable) => FailureOutcome::Disabled,
            (None, AfterLastRestart::ResetSystem) => FailureOutcome::ResetSystem,
        };
        self.services.partition_failed(PartitionFailure {
            partition,
            info,
            cause,
            outcome,
        });
        self.connections.break_services(|service| {
            matches!(service.provider, Provider::Partition { partition: its, .. } if its == partition)
        });
        let owner = MemoryOwner::Partition(partition);
        let caller = Caller {
            client: info.client,
            owner,
        };
        while let Some(slot) = self.connections.of_client(info.client) {
            self.end_connection(slot, caller);
        }
        let run = match outcome {
            // It is put back to its initial state when it starts, as on the first time.
            FailureOutcome::Restarted { .. } => Run::Stopped,
            FailureOutcome::Disabled | FailureOutcome::ResetSystem => Run::Disabled,
        };
        if let Some(state) = self.state(partition) {
            state.restarts_left = state.restarts_left.saturating_sub(1);
            state.run = run;
        }
    }
}

fn vector_number(vector: u32) -> Result<usize, RuleBroken> {
    match usize::try_from(vector) {
        Ok(index) if index < MAX_VECTORS => Ok(index),
        _ => Err(RuleBroken),
    }
}

/// FF-M 1.0, `psa_reply`: what a connect message may be answered with.
fn answers_a_connect(status: Status) -> bool {
    [
        Error::ProgrammerError,
        Error::ConnectionRefused,
        Error::ConnectionBusy,
    ]
    .iter()
    .any(|error| error.status() == status)
        || status == Status::SUCCESS
}
