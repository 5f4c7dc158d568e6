//! Message authentication codes.

use super::{Operation, call, end, finish, tell};
use crate::transport::Transport;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyId};

/// `psa_mac_compute`: returns the length of the MAC.
///
/// # Errors
/// `InvalidHandle`, `NotPermitted`, `NotSupported`, `InvalidArgument`, `BufferTooSmall`.
pub fn compute<T: Transport>(
    transport: &mut T,
    key: KeyId,
    algorithm: Algorithm,
    input: &[u8],
    mac: &mut [u8],
) -> Result<usize, Error> {
    let request = CryptoRequest::new(CryptoFunction::MacCompute)
        .key(key)
        .algorithm(algorithm);
    call(transport, &request, &[input], mac)
}

/// `psa_mac_verify`.
///
/// # Errors
/// `InvalidSignature` when it does not match; `InvalidHandle`, `NotPermitted`, `NotSupported`.
pub fn verify<T: Transport>(
    transport: &mut T,
    key: KeyId,
    algorithm: Algorithm,
    input: &[u8],
    mac: &[u8],
) -> Result<(), Error> {
    let request = CryptoRequest::new(CryptoFunction::MacVerify)
        .key(key)
        .algorithm(algorithm);
    tell(transport, &request, &[input, mac])
}

/// A MAC in parts. Made by [`sign`](Self::sign) or [`verify`](Self::verify), ended by the matching
/// last step; see [`super::hash::HashOperation`] for failures.
#[derive(Debug)]
#[must_use]
pub struct MacOperation(Operation);

impl MacOperation {
    /// The one that the service knows by `handle`: for callers that keep it as a number, as in C.
    pub const fn from_handle(handle: u32) -> Self {
        Self(Operation(handle))
    }

    /// The service's number for it.
    #[must_use]
    pub const fn handle(&self) -> u32 {
        self.0.0
    }

    /// `psa_mac_sign_setup`.
    ///
    /// # Errors
    /// `InvalidHandle`, `NotPermitted`, `NotSupported`, `InsufficientMemory`.
    pub fn sign<T: Transport>(
        transport: &mut T,
        key: KeyId,
        algorithm: Algorithm,
    ) -> Result<Self, Error> {
        Self::set_up(transport, CryptoFunction::MacSignSetup, key, algorithm)
    }

    /// `psa_mac_verify_setup`.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn verify<T: Transport>(
        transport: &mut T,
        key: KeyId,
        algorithm: Algorithm,
    ) -> Result<Self, Error> {
        Self::set_up(transport, CryptoFunction::MacVerifySetup, key, algorithm)
    }

    fn set_up<T: Transport>(
        transport: &mut T,
        function: CryptoFunction,
        key: KeyId,
        algorithm: Algorithm,
    ) -> Result<Self, Error> {
        let request = CryptoRequest::new(function).key(key).algorithm(algorithm);
        Operation::set_up(transport, &request).map(Self)
    }

    /// `psa_mac_update`.
    ///
    /// # Errors
    /// `BadState` after a failure.
    pub fn update<T: Transport>(&mut self, transport: &mut T, input: &[u8]) -> Result<(), Error> {
        tell(
            transport,
            &self.0.request(CryptoFunction::MacUpdate),
            &[input],
        )
    }

    /// `psa_mac_sign_finish`: returns the length of the MAC.
    ///
    /// # Errors
    /// `BadState`, `BufferTooSmall`. The operation is over either way.
    pub fn sign_finish<T: Transport>(
        self,
        transport: &mut T,
        mac: &mut [u8],
    ) -> Result<usize, Error> {
        let request = self.0.request(CryptoFunction::MacSignFinish);
        let result = finish(transport, &request, &[], mac);
        self.over(transport, result)
    }

    /// `psa_mac_verify_finish`.
    ///
    /// # Errors
    /// `InvalidSignature` when it does not match; `BadState`. The operation is over either way.
    pub fn verify_finish<T: Transport>(self, transport: &mut T, mac: &[u8]) -> Result<(), Error> {
        let result = end(
            transport,
            &self.0.request(CryptoFunction::MacVerifyFinish),
            &[mac],
        );
        self.over(transport, result)
    }

    /// `psa_mac_abort`.
    pub fn abort<T: Transport>(self, transport: &mut T) {
        self.0.abort(transport, CryptoFunction::MacAbort);
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
