//! Hashes.

use super::{Operation, call, end, finish, tell};
use crate::transport::Transport;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::Algorithm;

/// `psa_hash_compute`: the hash of `input`; returns its length.
///
/// # Errors
/// `NotSupported`, `InvalidArgument` for what is no hash, `BufferTooSmall`.
pub fn compute<T: Transport>(
    transport: &mut T,
    algorithm: Algorithm,
    input: &[u8],
    hash: &mut [u8],
) -> Result<usize, Error> {
    let request = CryptoRequest::new(CryptoFunction::HashCompute).algorithm(algorithm);
    call(transport, &request, &[input], hash)
}

/// `psa_hash_compare`: whether `hash` is the hash of `input`.
///
/// # Errors
/// `InvalidSignature` when it is not; `NotSupported`, `InvalidArgument`.
pub fn compare<T: Transport>(
    transport: &mut T,
    algorithm: Algorithm,
    input: &[u8],
    hash: &[u8],
) -> Result<(), Error> {
    let request = CryptoRequest::new(CryptoFunction::HashCompare).algorithm(algorithm);
    tell(transport, &request, &[input, hash])
}

/// A hash in parts.
///
/// A step that fails leaves it good for nothing but [`abort`](Self::abort). Dropping it without a last
/// step keeps a place in the service taken.
#[derive(Debug)]
#[must_use]
pub struct HashOperation(Operation);

impl HashOperation {
    /// The one that the service knows by `handle`: for callers that keep it as a number, as in C.
    pub const fn from_handle(handle: u32) -> Self {
        Self(Operation(handle))
    }

    /// The service's number for it.
    #[must_use]
    pub const fn handle(&self) -> u32 {
        self.0.0
    }

    /// `psa_hash_setup`.
    ///
    /// # Errors
    /// `NotSupported`, `InvalidArgument`, `InsufficientMemory` when all places are taken.
    pub fn new<T: Transport>(transport: &mut T, algorithm: Algorithm) -> Result<Self, Error> {
        let request = CryptoRequest::new(CryptoFunction::HashSetup).algorithm(algorithm);
        Operation::set_up(transport, &request).map(Self)
    }

    /// `psa_hash_update`.
    ///
    /// # Errors
    /// `BadState` after a failure.
    pub fn update<T: Transport>(&mut self, transport: &mut T, input: &[u8]) -> Result<(), Error> {
        tell(
            transport,
            &self.0.request(CryptoFunction::HashUpdate),
            &[input],
        )
    }

    /// `psa_hash_clone`: a second operation in the same state.
    ///
    /// # Errors
    /// `BadState`, `InsufficientMemory`.
    pub fn try_clone<T: Transport>(&self, transport: &mut T) -> Result<Self, Error> {
        let request = self.0.request(CryptoFunction::HashClone);
        let target = 0u32.to_le_bytes();
        super::ask(transport, &request, &[&target]).map(|handle| Self(Operation(handle)))
    }

    /// `psa_hash_finish`: returns the length of the hash.
    ///
    /// # Errors
    /// `BadState`, `BufferTooSmall`. The operation is over either way.
    pub fn finish<T: Transport>(self, transport: &mut T, hash: &mut [u8]) -> Result<usize, Error> {
        let result = finish(
            transport,
            &self.0.request(CryptoFunction::HashFinish),
            &[],
            hash,
        );
        self.over(transport, result)
    }

    /// `psa_hash_verify`: whether `hash` is the hash.
    ///
    /// # Errors
    /// `InvalidSignature` when it is not; `BadState`. The operation is over either way.
    pub fn verify<T: Transport>(self, transport: &mut T, hash: &[u8]) -> Result<(), Error> {
        let result = end(
            transport,
            &self.0.request(CryptoFunction::HashVerify),
            &[hash],
        );
        self.over(transport, result)
    }

    /// `psa_hash_abort`.
    pub fn abort<T: Transport>(self, transport: &mut T) {
        self.0.abort(transport, CryptoFunction::HashAbort);
    }

    fn over<T: Transport, R>(
        self,
        transport: &mut T,
        result: Result<R, Error>,
    ) -> Result<R, Error> {
        if result.is_err() {
            self.abort(transport);
        }
        result
    }
}
