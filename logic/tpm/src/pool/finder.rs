//! The search that fills a shelf, in steps of one modular exponentiation.

use super::{Order, SparePrime};
use crate::store::{Entropy, EntropyError};
use ironroot_crypto::CryptoError;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::rsa::SpareSearch;

/// Finds one prime after another. Its generator is its own and gets a new seed whenever the shelf was wiped in between:
/// what was found before and after have nothing in common. Wiped when dropped.
#[derive(Default)]
pub struct Finder {
    order: Option<Order>,
    drbg: Option<Drbg>,
    search: Option<SpareSearch>,
}

impl Finder {
    /// One that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            order: None,
            drbg: None,
            search: None,
        }
    }

    /// One step for an order; gives the prime when it is found. What was begun for an older order is wiped first.
    ///
    /// # Errors
    /// There is no entropy; the next step tries again.
    pub fn step(
        &mut self,
        order: Order,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<SparePrime>, EntropyError> {
        if self.order != Some(order) {
            self.rest();
        }
        if self.drbg.is_none() {
            let drbg = Drbg::from_entropy(&mut &mut *entropy, b"ironroot tpm primes");
            self.drbg = Some(drbg.map_err(|_: CryptoError| EntropyError)?);
            self.order = Some(order);
        }
        if self.search.is_none() {
            self.search = self.drbg.as_mut().map(SpareSearch::new);
        }
        // A search that fails has met what must never be; another one begins.
        let found = self.search.as_mut().map(SpareSearch::step);
        match found {
            Some(Ok(None)) | None => Ok(None),
            Some(Ok(Some(prime))) => {
                self.search = None;
                Ok(Some(prime))
            }
            Some(Err(_)) => {
                self.search = None;
                Ok(None)
            }
        }
    }

    /// Nothing is wanted now: wipes generator and search.
    pub fn rest(&mut self) {
        *self = Self::new();
    }
}
