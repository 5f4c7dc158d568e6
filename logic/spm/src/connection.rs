//! Connections: the handles of connection-based services.
//!
//! A handle is a slot number (bits 0 to 7) and the slot's generation (bits 8 to 29), which grows
//! with every connection made there, so the handle of a closed connection does not name the next
//! one. It works for the client that connected and for nobody else; a guessed handle is worth nothing.

use crate::table::ServiceInfo;
use ironroot_psa_api::{ClientId, Handle};

const GENERATION_SHIFT: u32 = 8;
const LAST_GENERATION: u32 = (1 << 22) - 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody's.
    Free,
    /// The service has not yet answered the connect message.
    Connecting,
    /// Ready for a request.
    Open,
    /// Of no more use: the service found a programmer error or was restarted. Only to be closed.
    Broken {
        /// Whether the service is to be told of the end.
        tell: bool,
    },
}

/// One connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) state: State,
    generation: u32,
    pub(crate) client: ClientId,
    pub(crate) service: Option<&'static ServiceInfo>,
    pub(crate) rhandle: u32,
}

const FREE: Connection = Connection {
    state: State::Free,
    generation: 0,
    client: ClientId::NON_SECURE,
    service: None,
    rhandle: 0,
};

/// Place of a connection in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u8);

/// All connections there can be: `N`, at most 256.
#[derive(Debug)]
pub(crate) struct Connections<const N: usize> {
    slots: [Connection; N],
}

impl<const N: usize> Connections<N> {
    pub(crate) const NONE: Self = Self { slots: [FREE; N] };

    /// Takes a free slot for a connection that is being made. The non-secure world leaves a quarter
    /// of the slots to partitions, whose services would otherwise be its hostages.
    pub(crate) fn open(&mut self, client: ClientId, service: &'static ServiceInfo) -> Option<Slot> {
        let kept = if client.is_non_secure() { N >> 2 } else { 0 };
        let free = |(_, connection): &(u8, &mut Connection)| connection.state == State::Free;
        let (slot, connection) = (0..=u8::MAX).zip(&mut self.slots).filter(free).nth(kept)?;
        let generation = match connection.generation {
            LAST_GENERATION.. => 1,
            generation => generation.saturating_add(1),
        };
        let service = Some(service);
        *connection = Connection {
            state: State::Connecting,
            generation,
            client,
            service,
            rhandle: 0,
        };
        Some(Slot(slot))
    }

    pub(crate) fn close(&mut self, slot: Slot) {
        if let Some(connection) = self.get_mut(slot) {
            connection.state = State::Free;
        }
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Connection> {
        self.slots.get_mut(usize::from(slot.0))
    }

    /// The handle a client gets.
    pub(crate) fn handle(&self, slot: Slot) -> Option<Handle> {
        let connection = self.slots.get(usize::from(slot.0))?;
        Some(Handle(
            connection.generation << GENERATION_SHIFT | u32::from(slot.0),
        ))
    }

    /// The connection a client means; nothing if it has none such.
    pub(crate) fn find(
        &mut self,
        client: ClientId,
        handle: Handle,
    ) -> Option<(Slot, &mut Connection)> {
        let slot = Slot((handle.0 & 0xff) as u8);
        let generation = handle.0 >> GENERATION_SHIFT;
        let connection = self.get_mut(slot)?;
        let usable = matches!(connection.state, State::Open | State::Broken { .. });
        if !usable || connection.generation != generation || connection.client != client {
            return None;
        }
        Some((slot, connection))
    }

    /// Any connection of that client.
    pub(crate) fn of_client(&self, client: ClientId) -> Option<Slot> {
        let its = |c: &Connection| c.state != State::Free && c.client == client;
        (0..=u8::MAX)
            .zip(&self.slots)
            .find(|(_, c)| its(c))
            .map(|(slot, _)| Slot(slot))
    }

    /// Makes every connection useless whose service answers true.
    pub(crate) fn break_services(&mut self, lost: impl Fn(&ServiceInfo) -> bool) {
        for connection in &mut self.slots {
            let concerned = connection.service.is_some_and(&lost);
            if concerned && !matches!(connection.state, State::Free) {
                connection.state = State::Broken { tell: false };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Provider, ServiceAccess, VersionPolicy};

    static SERVICE: ServiceInfo = ServiceInfo {
        sid: 1,
        name: "s",
        version: 1,
        version_policy: VersionPolicy::Strict,
        non_secure_clients: true,
        access: ServiceAccess::Connection,
        provider: Provider::Root(0),
    };

    fn client(id: i32) -> ClientId {
        ClientId::new(id).unwrap()
    }

    fn opened(pool: &mut Connections<2>, id: i32) -> (Slot, Handle) {
        let slot = pool.open(client(id), &SERVICE).unwrap();
        pool.get_mut(slot).unwrap().state = State::Open;
        (slot, pool.handle(slot).unwrap())
    }

    #[test]
    fn a_handle_dies_with_its_connection() {
        let mut pool = Connections::<2>::NONE;
        let (slot, stale) = opened(&mut pool, -1);
        assert!(pool.find(client(-1), stale).is_some());
        pool.close(slot);
        assert!(pool.find(client(-1), stale).is_none());
        let (_, fresh) = opened(&mut pool, -1);
        assert_ne!(stale, fresh);
        assert!(pool.find(client(-1), stale).is_none());
    }

    #[test]
    fn handles_are_positive_not_stateless_and_useless_to_others() {
        let mut pool = Connections::<2>::NONE;
        for _ in 0..1000 {
            let (slot, handle) = opened(&mut pool, 5);
            assert!(!handle.is_stateless() && !handle.is_null() && handle.0 >> 31 == 0);
            assert!(pool.find(client(6), handle).is_none());
            assert!(pool.find(client(-1), handle).is_none());
            assert!(pool.find(client(5), Handle(handle.0 ^ 1)).is_none());
            assert!(pool.find(client(5), Handle(handle.0 ^ 0x100)).is_none());
            assert!(pool.find(client(5), Handle(handle.0 | 1 << 31)).is_none());
            pool.close(slot);
        }
    }

    #[test]
    fn generations_start_over_at_one() {
        let mut pool = Connections::<1>::NONE;
        pool.slots[0].generation = LAST_GENERATION;
        let slot = pool.open(client(1), &SERVICE).unwrap();
        assert_eq!(pool.handle(slot), Some(Handle(1 << GENERATION_SHIFT)));
        assert_eq!(pool.open(client(1), &SERVICE), None);
    }
}
