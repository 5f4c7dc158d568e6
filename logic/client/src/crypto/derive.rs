//! Key derivation and agreement.

use super::{Operation, ask, call, tell};
use crate::transport::Transport;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, DerivationStep, KeyAttributes, KeyId};

/// `psa_raw_key_agreement`: returns the length of the shared secret.
///
/// # Errors
/// `InvalidHandle`, `NotPermitted`, `NotSupported`, `InvalidArgument`, `BufferTooSmall`.
pub fn raw_agreement<T: Transport>(
    transport: &mut T,
    algorithm: Algorithm,
    private_key: KeyId,
    peer_key: &[u8],
    secret: &mut [u8],
) -> Result<usize, Error> {
    let request = CryptoRequest::new(CryptoFunction::RawKeyAgreement);
    let request = request.key(private_key).algorithm(algorithm);
    call(transport, &request, &[peer_key], secret)
}

/// A derivation in progress: inputs in the order of the algorithm, then outputs.
///
/// Any step that fails leaves it good for nothing but [`abort`](Self::abort), which must also end a
/// successful one.
#[derive(Debug)]
#[must_use]
pub struct Derivation(Operation);

impl Derivation {
    /// The one that the service knows by `handle`: for callers that keep it as a number, as in C.
    pub const fn from_handle(handle: u32) -> Self {
        Self(Operation(handle))
    }

    /// The service's number for it.
    #[must_use]
    pub const fn handle(&self) -> u32 {
        self.0.0
    }

    /// `psa_key_derivation_setup`.
    ///
    /// # Errors
    /// `NotSupported`, `InvalidArgument`, `InsufficientMemory`.
    pub fn new<T: Transport>(transport: &mut T, algorithm: Algorithm) -> Result<Self, Error> {
        let request = CryptoRequest::new(CryptoFunction::KeyDerivationSetup).algorithm(algorithm);
        Operation::set_up(transport, &request).map(Self)
    }

    /// `psa_key_derivation_input_bytes`.
    ///
    /// # Errors
    /// `BadState` out of order, `InvalidArgument`.
    pub fn input_bytes<T: Transport>(
        &mut self,
        transport: &mut T,
        step: DerivationStep,
        data: &[u8],
    ) -> Result<(), Error> {
        let request = self.0.request(CryptoFunction::KeyDerivationInputBytes);
        tell(transport, &request.step(step), &[data])
    }

    /// `psa_key_derivation_input_integer`.
    ///
    /// # Errors
    /// `BadState` out of order, `InvalidArgument`.
    pub fn input_integer<T: Transport>(
        &mut self,
        transport: &mut T,
        step: DerivationStep,
        value: u64,
    ) -> Result<(), Error> {
        let request = self.0.request(CryptoFunction::KeyDerivationInputInteger);
        tell(transport, &request.step(step).value(value), &[])
    }

    /// `psa_key_derivation_input_key`.
    ///
    /// # Errors
    /// `InvalidHandle`, `NotPermitted`, `BadState` out of order.
    pub fn input_key<T: Transport>(
        &mut self,
        transport: &mut T,
        step: DerivationStep,
        key: KeyId,
    ) -> Result<(), Error> {
        let request = self
            .0
            .request(CryptoFunction::KeyDerivationInputKey)
            .key(key);
        tell(transport, &request.step(step), &[])
    }

    /// `psa_key_derivation_key_agreement`.
    ///
    /// # Errors
    /// `InvalidHandle`, `NotPermitted`, `InvalidArgument`, `BadState`.
    pub fn key_agreement<T: Transport>(
        &mut self,
        transport: &mut T,
        step: DerivationStep,
        private_key: KeyId,
        peer_key: &[u8],
    ) -> Result<(), Error> {
        let request = self
            .0
            .request(CryptoFunction::KeyDerivationKeyAgreement)
            .key(private_key);
        tell(transport, &request.step(step), &[peer_key])
    }

    /// `psa_key_derivation_get_capacity`: bytes that are left.
    ///
    /// # Errors
    /// `BadState`.
    pub fn capacity<T: Transport>(&self, transport: &mut T) -> Result<u32, Error> {
        ask(
            transport,
            &self.0.request(CryptoFunction::KeyDerivationGetCapacity),
            &[],
        )
    }

    /// `psa_key_derivation_set_capacity`: can only shrink.
    ///
    /// # Errors
    /// `InvalidArgument` for more than is left, `BadState`.
    pub fn set_capacity<T: Transport>(
        &mut self,
        transport: &mut T,
        capacity: u32,
    ) -> Result<(), Error> {
        let request = self.0.request(CryptoFunction::KeyDerivationSetCapacity);
        tell(transport, &request.value(u64::from(capacity)), &[])
    }

    /// `psa_key_derivation_output_bytes`: fills `out`.
    ///
    /// # Errors
    /// `InsufficientData` when fewer bytes are left, `NotPermitted`, `BadState`.
    pub fn output_bytes<T: Transport>(
        &mut self,
        transport: &mut T,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let wanted = out.len();
        let request = self.0.request(CryptoFunction::KeyDerivationOutputBytes);
        match call(transport, &request, &[], out)? {
            got if got == wanted => Ok(()),
            _ => Err(Error::CommunicationFailure),
        }
    }

    /// `psa_key_derivation_output_key`: returns the id of the new key.
    ///
    /// # Errors
    /// `InsufficientData`, `NotPermitted` when the secret did not come in as a key, `BadState`, and
    /// those of [`super::key::generate`].
    pub fn output_key<T: Transport>(
        &mut self,
        transport: &mut T,
        attributes: &KeyAttributes,
    ) -> Result<KeyId, Error> {
        let request = self.0.request(CryptoFunction::KeyDerivationOutputKey);
        ask(transport, &request, &[&attributes.to_bytes()]).map(KeyId)
    }

    /// `psa_key_derivation_abort`: the end of every derivation.
    pub fn abort<T: Transport>(self, transport: &mut T) {
        self.0.abort(transport, CryptoFunction::KeyDerivationAbort);
    }
}

/// Derives a key from `secret` with HKDF over SHA-256, bound to `info`; returns its id.
///
/// # Errors
/// Those of the steps of [`Derivation`].
pub fn hkdf_key<T: Transport>(
    transport: &mut T,
    secret: KeyId,
    info: &[u8],
    attributes: &KeyAttributes,
) -> Result<KeyId, Error> {
    let mut derivation = Derivation::new(transport, Algorithm::hkdf(Algorithm::SHA_256))?;
    let derived = (|| {
        derivation.input_key(transport, DerivationStep::SECRET, secret)?;
        derivation.input_bytes(transport, DerivationStep::INFO, info)?;
        derivation.output_key(transport, attributes)
    })();
    derivation.abort(transport);
    derived
}
