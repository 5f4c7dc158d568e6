//! The vault as the services see it: the same operations, PSA's errors.

use ironroot_platform::{Flash, HardwareCounter};
use ironroot_psa_api::Error;
use ironroot_vault::{RecordId, RecordInfo, Vault, VaultError};

/// What the services ask of the vault. The one implementation is [`Vault`]; the trait spares every
/// function of every service its three type parameters.
pub(crate) trait Store {
    fn read<R>(&mut self, id: &RecordId, f: impl FnOnce(&[u8]) -> R) -> Result<R, Error>;
    fn info(&self, id: &RecordId) -> Result<RecordInfo, Error>;
    fn set_with(
        &mut self,
        id: &RecordId,
        flags: u32,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error>;
    fn remove(&mut self, id: &RecordId) -> Result<(), Error>;
}

impl<F: Flash, C: HardwareCounter, const RECORDS: usize> Store for Vault<F, C, RECORDS> {
    fn read<R>(&mut self, id: &RecordId, f: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        Self::read(self, id, f).map_err(to_psa)
    }

    fn info(&self, id: &RecordId) -> Result<RecordInfo, Error> {
        Self::info(self, id).map_err(to_psa)
    }

    fn set_with(
        &mut self,
        id: &RecordId,
        flags: u32,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        Self::set_with(self, id, flags, len, fill).map_err(to_psa)?
    }

    fn remove(&mut self, id: &RecordId) -> Result<(), Error> {
        Self::remove(self, id).map_err(to_psa)
    }
}

fn to_psa(error: VaultError) -> Error {
    match error {
        VaultError::Missing => Error::DoesNotExist,
        VaultError::NoSpace | VaultError::TooMany | VaultError::TooLong => {
            Error::InsufficientStorage
        }
        VaultError::BadOffset => Error::InvalidArgument,
        VaultError::Corrupt => Error::CorruptionDetected,
        VaultError::Tampered => Error::DataCorrupt,
        VaultError::RolledBack | VaultError::NotBlank => Error::DataInvalid,
        VaultError::Geometry | VaultError::Flash | VaultError::Counter | VaultError::Exhausted => {
            Error::StorageFailure
        }
    }
}
