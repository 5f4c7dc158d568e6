//! The pool of multipart operations.
//!
//! An operation lives here; the client holds its handle: slot number and generation. A handle of a
//! freed slot or of another client names nothing. Life of an operation:
//!
//! ```text
//! setup ──► running ──finish──► gone
//!              │ any failing call, or its key destroyed
//!              ▼
//!           failed ──abort──► gone
//! ```
//! `abort` frees from every state and succeeds on handles that name nothing (PSA Crypto API,
//! multi-part operations), so that no sequence of calls leaks a slot.

use super::derivation::Derivation;
use super::mac::MacOperation;
use ironroot_crypto::hash::Hasher;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::KeyId;

/// How many multipart operations there can be, of all clients together.
pub(crate) const MAX_OPERATIONS: usize = 8;

/// What an operation is doing. Dropping one wipes it.
pub(crate) enum Operation {
    Hash(Hasher),
    Mac(MacOperation),
    Derivation(Derivation),
    /// Good for `abort` only.
    Failed,
}

impl Operation {
    fn uses(&self, key: KeyId) -> bool {
        match self {
            Self::Hash(_) | Self::Failed => false,
            Self::Mac(mac) => mac.key == key,
            Self::Derivation(derivation) => derivation.uses(key),
        }
    }
}

struct Slot {
    generation: u32,
    owner: i32,
    operation: Option<Operation>,
}

/// The operations of all clients.
pub(crate) struct Operations {
    slots: [Slot; MAX_OPERATIONS],
}

/// Slot number plus one in the low bits, so that zero is no handle; the generation above.
const INDEX_BITS: u32 = 8;
const GENERATION_MASK: u32 = u32::MAX >> INDEX_BITS;

impl Operations {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [const {
                Slot {
                    generation: 0,
                    owner: 0,
                    operation: None,
                }
            }; MAX_OPERATIONS],
        }
    }

    /// Adds an operation and returns its handle.
    ///
    /// # Errors
    /// `INSUFFICIENT_MEMORY` when the pool is full.
    pub(crate) fn add(&mut self, owner: i32, operation: Operation) -> Result<u32, Error> {
        let mut slots = self.slots.iter_mut().zip(1u32..);
        let (slot, number) = slots
            .find(|(slot, _)| slot.operation.is_none())
            .ok_or(Error::InsufficientMemory)?;
        slot.generation = slot.generation.wrapping_add(1) & GENERATION_MASK;
        slot.owner = owner;
        slot.operation = Some(operation);
        Ok(slot.generation << INDEX_BITS | number)
    }

    #[inline(never)] // everything here goes through it; one copy is enough
    fn slot(&mut self, owner: i32, handle: u32) -> Option<&mut Slot> {
        let number = usize::try_from(handle & !(GENERATION_MASK << INDEX_BITS)).ok()?;
        let slot = self.slots.get_mut(number.checked_sub(1)?)?;
        let is_it = slot.generation == handle >> INDEX_BITS && slot.owner == owner;
        if is_it && slot.operation.is_some() {
            Some(slot)
        } else {
            None
        }
    }

    /// An operation of this client.
    ///
    /// # Errors
    /// `BAD_STATE` when the handle names none.
    pub(crate) fn get(&mut self, owner: i32, handle: u32) -> Result<&mut Operation, Error> {
        let slot = self.slot(owner, handle).ok_or(Error::BadState)?;
        slot.operation.as_mut().ok_or(Error::BadState)
    }

    /// Frees an operation, whatever its state. Without effect if there is none.
    pub(crate) fn abort(&mut self, owner: i32, handle: u32) {
        if let Some(slot) = self.slot(owner, handle) {
            slot.operation = None;
        }
    }

    /// Ends all operations that use a key of this client.
    pub(crate) fn key_destroyed(&mut self, owner: i32, key: KeyId) {
        for slot in self.slots.iter_mut().filter(|slot| slot.owner == owner) {
            if let Some(operation) = slot.operation.as_mut().filter(|own| own.uses(key)) {
                *operation = Operation::Failed;
            }
        }
    }

    /// Frees all operations of a client that is gone.
    pub(crate) fn remove_all(&mut self, owner: i32) {
        for slot in self.slots.iter_mut().filter(|slot| slot.owner == owner) {
            slot.operation = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn add(pool: &mut Operations) -> Result<u32, Error> {
        pool.add(-1, Operation::Failed)
    }

    fn is_there(pool: &mut Operations, owner: i32, handle: u32) -> bool {
        pool.get(owner, handle).is_ok()
    }

    #[test]
    fn a_full_pool_refuses_and_every_abort_makes_room() {
        let mut pool = Operations::new();
        let handles: Vec<u32> = (0..MAX_OPERATIONS)
            .map(|_| add(&mut pool).unwrap())
            .collect();
        for handle in handles {
            assert_eq!(add(&mut pool), Err(Error::InsufficientMemory));
            pool.abort(-1, handle);
            assert!(add(&mut pool).is_ok());
        }
    }

    #[test]
    fn handles_are_never_zero_and_a_stale_one_names_nothing() {
        let mut pool = Operations::new();
        let mut seen = Vec::new();
        for _ in 0..1000 {
            let handle = add(&mut pool).unwrap();
            assert_ne!(handle, 0);
            assert!(!seen.contains(&handle));
            assert!(is_there(&mut pool, -1, handle));
            pool.abort(-1, handle);
            assert!(!is_there(&mut pool, -1, handle));
            seen.push(handle);
        }
    }

    #[test]
    fn no_guessed_handle_reaches_another_clients_operation() {
        let mut pool = Operations::new();
        let handle = add(&mut pool).unwrap();
        for guess in 0..0x1_0000 {
            assert!(!is_there(&mut pool, -2, guess));
            pool.abort(-2, guess);
        }
        assert!(is_there(&mut pool, -1, handle));
    }
}
