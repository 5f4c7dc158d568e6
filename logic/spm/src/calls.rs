//! Requests on their way in: which service, may this caller use it, and who answers.
//!
//! The same path serves the non-secure world and partitions. An `Err(ProgrammerError)` from here is
//! the caller's fault: the non-secure world gets it as a status, a partition is ended by it (FF-M 1.0,
//! programmer errors). A service's own `PSA_ERROR_PROGRAMMER_ERROR` is an ordinary reply to both.

use crate::connection::{Connection, Slot, State};
use crate::message::Message;
use crate::partition::Order;
use crate::services::RootServices;
use crate::spm::{Caller, Spm};
use crate::table::{Provider, ServiceAccess, ServiceInfo};
use ironroot_platform::{ClientMemory, MemoryOwner, PartitionRunner};
use ironroot_psa_api::message::{CONNECT, DISCONNECT};
use ironroot_psa_api::{Control, Error, Handle, StatelessHandle, Status, VERSION_NONE};

/// Whom a handle names.
struct Target {
    service: &'static ServiceInfo,
    connection: Option<Slot>,
    rhandle: u32,
}

impl<S, R, M, const P: usize, const C: usize> Spm<S, R, M, P, C>
where
    S: RootServices,
    R: PartitionRunner,
    M: ClientMemory,
{
    pub(crate) fn request(
        &mut self,
        caller: Caller,
        handle: Handle,
        control: u32,
        in_vec: u32,
        out_vec: u32,
    ) -> Result<Status, Error> {
        let target = self.target(caller, handle)?;
        let control = Control::parse(control).ok_or(Error::ProgrammerError)?;
        let vectors = self.vectors.of(caller.owner).ok_or(Error::GenericError)?;
        vectors.capture(&self.memory, caller.owner, control, in_vec, out_vec)?;
        let order = Order {
            kind: control.kind(),
            client: caller.client,
            owner: caller.owner,
            connection: target.connection,
            rhandle: target.rhandle,
        };
        let answer = self.dispatch(target.service, order);
        let delivered = !matches!(
            answer,
            Err(Error::ConnectionBusy | Error::ConnectionRefused)
        );
        if delivered && let Some(vectors) = self.vectors.of(caller.owner) {
            vectors.write_lengths(&mut self.memory);
        }
        if let (Some(slot), Ok(status)) = (target.connection, answer) {
            self.after_request(slot, status);
        }
        answer
    }

    fn target(&mut self, caller: Caller, handle: Handle) -> Result<Target, Error> {
        if !handle.is_stateless() {
            let found = self.connections.find(caller.client, handle);
            return match found {
                Some((
                    slot,
                    &mut Connection {
                        state: State::Open,
                        service: Some(service),
                        rhandle,
                        ..
                    },
                )) => Ok(Target {
                    service,
                    connection: Some(slot),
                    rhandle,
                }),
                _ => Err(Error::ProgrammerError),
            };
        }
        let stateless = StatelessHandle::parse(handle).ok_or(Error::ProgrammerError)?;
        let service = self
            .tables
            .stateless(stateless.index())
            .ok_or(Error::ProgrammerError)?;
        if !self.may_use(caller, service) {
            return Err(Error::ConnectionRefused);
        }
        if !service.accepts_version(u32::from(stateless.version())) {
            return Err(Error::ProgrammerError);
        }
        Ok(Target {
            service,
            connection: None,
            rhandle: 0,
        })
    }

    /// A non-secure caller needs the service's leave; a partition must have declared the dependency.
    fn may_use(&self, caller: Caller, service: &ServiceInfo) -> bool {
        match caller.owner {
            MemoryOwner::NonSecure => service.non_secure_clients,
            MemoryOwner::Partition(index) => {
                let info = self.tables.partition(index);
                info.is_some_and(|info| info.dependencies.contains(&service.sid))
            }
        }
    }

    /// Hands a message to whoever answers and brings the answer back.
    ///
    /// `ConnectionBusy`, `ConnectionRefused`: the message did not reach the service.
    /// `ServiceFailure`: the partition failed before it answered.
    fn dispatch(&mut self, service: &'static ServiceInfo, order: Order) -> Result<Status, Error> {
        match service.provider {
            Provider::Root(number) => {
                let vectors = self.vectors.of(order.owner).ok_or(Error::GenericError)?;
                let mut message = Message::new(
                    &mut self.memory,
                    vectors,
                    order.client,
                    order.kind,
                    order.rhandle,
                );
                let status = self.services.call(number, &mut message);
                let rhandle = message.rhandle();
                self.keep_rhandle(order.connection, rhandle);
                Ok(status)
            }
            Provider::Partition { partition, signal } => self.deliver(partition, signal, order),
        }
    }

    pub(crate) fn keep_rhandle(&mut self, connection: Option<Slot>, rhandle: u32) {
        if let Some(connection) = connection.and_then(|slot| self.connections.get_mut(slot)) {
            connection.rhandle = rhandle;
        }
    }

    /// A connection on which the service found a programmer error can only be closed (FF-M 1.0,
    /// `psa_call`).
    fn after_request(&mut self, slot: Slot, status: Status) {
        if status != Error::ProgrammerError.status() {
            return;
        }
        if let Some(connection) = self.connections.get_mut(slot)
            && connection.state == State::Open
        {
            connection.state = State::Broken { tell: true };
        }
    }

    pub(crate) fn open_connection(
        &mut self,
        caller: Caller,
        sid: u32,
        version: u32,
    ) -> Result<Handle, Error> {
        let service = self.tables.by_sid(sid).ok_or(Error::ConnectionRefused)?;
        if !self.may_use(caller, service) {
            return Err(Error::ConnectionRefused);
        }
        if service.access != ServiceAccess::Connection {
            return Err(Error::ProgrammerError);
        }
        if !service.accepts_version(version) {
            return Err(Error::ConnectionRefused);
        }
        let slot = self
            .connections
            .open(caller.client, service)
            .ok_or(Error::ConnectionBusy)?;
        match self.tell(service, caller, CONNECT, slot, 0) {
            Ok(Status::SUCCESS) => {
                let connection = self.connections.get_mut(slot).ok_or(Error::GenericError)?;
                // The partition may have said yes and failed right after: what it tied to the connection
                // died with it.
                if !matches!(connection.state, State::Connecting) {
                    self.connections.close(slot);
                    return Err(Error::ConnectionRefused);
                }
                connection.state = State::Open;
                self.connections.handle(slot).ok_or(Error::GenericError)
            }
            Ok(status) => {
                self.connections.close(slot);
                let busy = status == Error::ConnectionBusy.status();
                Err(if busy {
                    Error::ConnectionBusy
                } else {
                    Error::ConnectionRefused
                })
            }
            Err(error) => {
                self.connections.close(slot);
                Err(error)
            }
        }
    }

    pub(crate) fn close_connection(&mut self, caller: Caller, handle: Handle) -> Result<(), Error> {
        if handle.is_null() {
            return Ok(());
        }
        let found = self.connections.find(caller.client, handle);
        let (slot, _) = found.ok_or(Error::ProgrammerError)?;
        self.end_connection(slot, caller);
        Ok(())
    }

    /// Tells the service, if there is one to tell, and frees the slot. A service that is busy or
    /// gone is not told; its rhandle dies with the connection.
    pub(crate) fn end_connection(&mut self, slot: Slot, caller: Caller) {
        let Some(&mut connection) = self.connections.get_mut(slot) else {
            return;
        };
        let tell = matches!(connection.state, State::Open | State::Broken { tell: true });
        if let (true, Some(service)) = (tell, connection.service) {
            let _ = self.tell(service, caller, DISCONNECT, slot, connection.rhandle);
        }
        self.connections.close(slot);
    }

    /// A message of the framework's own, which has no vectors.
    fn tell(
        &mut self,
        service: &'static ServiceInfo,
        caller: Caller,
        kind: i32,
        slot: Slot,
        rhandle: u32,
    ) -> Result<Status, Error> {
        self.vectors
            .of(caller.owner)
            .ok_or(Error::GenericError)?
            .clear();
        let Caller { client, owner } = caller;
        let order = Order {
            kind,
            client,
            owner,
            connection: Some(slot),
            rhandle,
        };
        self.dispatch(service, order)
    }

    pub(crate) fn service_version(&self, caller: Caller, sid: u32) -> u32 {
        match self.tables.by_sid(sid) {
            Some(service) if self.may_use(caller, service) => service.version,
            _ => VERSION_NONE,
        }
    }
}
