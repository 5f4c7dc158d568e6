//! What a TPM finds around it on a host.

use crate::state::HostStore;
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::kdf::hkdf;
use ironroot_platform::EntropyError;
use ironroot_port_host::OsEntropy;
use ironroot_tpm::{Entropy, Ticks, UniqueKey};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

/// Entropy, time and a secret of its own, which belongs to the state.
pub(crate) struct HostPlatform {
    store: Rc<RefCell<HostStore>>,
    since: Instant,
}

impl HostPlatform {
    pub(crate) fn new(store: Rc<RefCell<HostStore>>) -> Self {
        Self {
            store,
            since: Instant::now(),
        }
    }
}

impl Entropy for HostPlatform {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        OsEntropy.fill(out)
    }
}

impl Ticks for HostPlatform {
    fn now(&mut self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl UniqueKey for HostPlatform {
    fn derive(&mut self, purpose: &[u8], out: &mut [u8]) {
        // Fails for more than 8,160 bytes only; zeros would not do then.
        let derived = self.store.borrow().unique().expose(|unique| {
            hkdf(
                HashAlgorithm::Sha256,
                b"ironroot tpm unique",
                unique,
                purpose,
                out,
            )
        });
        assert!(derived.is_ok(), "a derived key of {} bytes", out.len());
    }
}
