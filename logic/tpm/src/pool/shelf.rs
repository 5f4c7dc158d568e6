//! The primes that are ready, and whether more are wanted.

use super::{Primes, SparePrime};
use ironroot_crypto::tpm::rsa::SPARE_PRIME_LEN;
use ironroot_crypto::{Secret, wipe};

/// At most four primes. Wiped when dropped; its bytes hold nothing that was taken or wiped.
pub struct Shelf {
    places: [Place; Self::PLACES],
    /// How often it was wiped.
    epoch: u64,
    /// A prime was asked for since it was wiped last.
    wanted: bool,
}

/// The bytes are zeros while there is no prime. (Moving a prime out of an `Option` would leave its bytes behind.)
struct Place {
    bytes: Secret<SPARE_PRIME_LEN>,
    full: bool,
}

/// That one prime is missing; good until the shelf is wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    epoch: u64,
}

impl Shelf {
    /// How many primes there can be: two keys' worth.
    pub const PLACES: usize = 4;

    /// An empty one; nothing is wanted.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            places: [const { Place::EMPTY }; Self::PLACES],
            epoch: 0,
            wanted: false,
        }
    }

    /// What is missing; `None`: nothing, or nobody wants it.
    #[must_use]
    pub fn order(&self) -> Option<Order> {
        let has_room = self.places.iter().any(|place| !place.full);
        (self.wanted && has_room).then_some(Order { epoch: self.epoch })
    }

    /// Puts a prime where one was missing. One that was ordered before the shelf was wiped is left out.
    pub fn put(&mut self, order: Order, prime: &SparePrime) {
        let empty = self.places.iter_mut().find(|place| !place.full);
        if let Some(place) = empty
            && self.wanted
            && order.epoch == self.epoch
        {
            prime.expose(|prime| place.bytes.expose_mut(|bytes| *bytes = *prime));
            place.full = true;
        }
    }

    /// How many primes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.iter().filter(|place| place.full).count()
    }
}

impl Default for Shelf {
    fn default() -> Self {
        Self::new()
    }
}

impl Primes for Shelf {
    fn take(&mut self) -> Option<SparePrime> {
        self.wanted = true;
        let place = self.places.iter_mut().find(|place| place.full)?;
        let prime = place.bytes.expose(SparePrime::from_bytes);
        place.clear();
        Some(prime)
    }

    fn wipe(&mut self) {
        self.places.iter_mut().for_each(Place::clear);
        self.epoch = self.epoch.wrapping_add(1);
        self.wanted = false;
    }
}

impl Place {
    const EMPTY: Self = Self {
        bytes: Secret::zeroed(),
        full: false,
    };

    fn clear(&mut self) {
        self.bytes.expose_mut(|bytes| wipe(bytes));
        self.full = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn prime(byte: u8) -> SparePrime {
        SparePrime::from_bytes(&[byte; SPARE_PRIME_LEN])
    }

    fn bytes(prime: &SparePrime) -> u8 {
        prime.expose(|bytes| bytes[0])
    }

    /// A shelf that was asked, and then filled with these.
    fn filled(bytes: &[u8]) -> Shelf {
        let mut shelf = Shelf::new();
        assert!(shelf.take().is_none());
        for byte in bytes {
            shelf.put(shelf.order().unwrap(), &prime(*byte));
        }
        shelf
    }

    fn is_blank(place: &Place) -> bool {
        !place.full && place.bytes.matches(&[0; SPARE_PRIME_LEN])
    }

    #[test]
    fn nothing_is_ordered_before_somebody_asks() {
        let mut shelf = Shelf::new();
        assert_eq!(shelf.order(), None);
        assert!(shelf.take().is_none());
        assert!(shelf.order().is_some());
    }

    #[test]
    fn it_holds_four_and_orders_no_fifth() {
        let mut shelf = filled(&[1, 2, 3]);
        let order = shelf.order().unwrap();
        shelf.put(order, &prime(4));
        assert_eq!((shelf.count(), shelf.order()), (4, None));
        shelf.put(order, &prime(5));
        assert_eq!(shelf.count(), 4);
        let mut taken: Vec<_> = std::iter::from_fn(|| shelf.take())
            .map(|one| bytes(&one))
            .collect();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3, 4]);
    }

    #[test]
    fn what_was_taken_is_gone_from_memory() {
        let mut shelf = filled(&[1, 2]);
        while shelf.take().is_some() {}
        assert!(shelf.places.iter().all(is_blank));
        assert!(shelf.order().is_some(), "it is filled again");
    }

    #[test]
    fn wiping_leaves_zeros_and_wants_nothing() {
        let mut shelf = filled(&[1, 2, 3, 4]);
        shelf.wipe();
        assert!(shelf.places.iter().all(is_blank));
        assert_eq!(shelf.order(), None);
        assert!(shelf.take().is_none());
    }

    #[test]
    fn what_was_ordered_before_a_wipe_never_arrives() {
        let mut shelf = filled(&[1]);
        let order = shelf.order().unwrap();
        shelf.wipe();
        shelf.put(order, &prime(2));
        assert!(shelf.take().is_none());
        // Not even when primes are wanted again.
        shelf.put(order, &prime(2));
        assert!(shelf.take().is_none());
        assert_ne!(shelf.order(), Some(order));
    }
}
