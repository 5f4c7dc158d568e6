//! Firmware Update (PSA Firmware Update API 1.0).

use crate::transport::{Transport, call_for};
use ironroot_psa_api::fwu::{self, ComponentInfo};
use ironroot_psa_api::service::FIRMWARE_UPDATE;
use ironroot_psa_api::{Error, Status};

/// What is still to be done after a successful step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Nothing.
    Done,
    /// The system must reset.
    Reboot,
    /// The component must restart.
    Restart,
}

/// State, version and limits of a component.
///
/// # Errors
/// `DoesNotExist` for a component that is not there.
pub fn query<T: Transport>(transport: &mut T, component: u8) -> Result<ComponentInfo, Error> {
    let bytes = call_for(
        transport,
        FIRMWARE_UPDATE.handle,
        fwu::QUERY,
        &[&[component]],
    )?;
    ComponentInfo::from_bytes(&bytes).ok_or(Error::CommunicationFailure)
}

/// Begins an update; `manifest` is empty where images carry their own.
///
/// # Errors
/// `BadState` unless the component is `Ready`, `DoesNotExist`.
pub fn start<T: Transport>(transport: &mut T, component: u8, manifest: &[u8]) -> Result<(), Error> {
    request(transport, fwu::START, &[&[component], manifest]).map(drop)
}

/// Writes a block of the new image at `offset`.
///
/// # Errors
/// `BadState` unless the component is `Writing`, `InvalidArgument` for a block that does not fit or
/// is not aligned, `InsufficientStorage`, `StorageFailure`.
pub fn write<T: Transport>(
    transport: &mut T,
    component: u8,
    offset: u32,
    block: &[u8],
) -> Result<(), Error> {
    request(
        transport,
        fwu::WRITE,
        &[&[component], &offset.to_le_bytes(), block],
    )
    .map(drop)
}

/// The image is complete.
///
/// # Errors
/// `BadState` unless `Writing`; `InvalidSignature`, `NotPermitted` when the image is found bad.
pub fn finish<T: Transport>(transport: &mut T, component: u8) -> Result<(), Error> {
    request(transport, fwu::FINISH, &[&[component]]).map(drop)
}

/// Gives up an image that is being written or complete.
///
/// # Errors
/// `BadState`.
pub fn cancel<T: Transport>(transport: &mut T, component: u8) -> Result<(), Error> {
    request(transport, fwu::CANCEL, &[&[component]]).map(drop)
}

/// Makes a component that failed, was rejected or was updated ready again.
///
/// # Errors
/// `BadState`.
pub fn clean<T: Transport>(transport: &mut T, component: u8) -> Result<(), Error> {
    request(transport, fwu::CLEAN, &[&[component]]).map(drop)
}

/// Installs every complete image.
///
/// # Errors
/// `BadState` when there is none, `DependencyNeeded`.
pub fn install<T: Transport>(transport: &mut T) -> Result<Completion, Error> {
    request(transport, fwu::INSTALL, &[])
}

/// Asks for a system reset. Returns only if that was refused.
///
/// # Errors
/// `NotPermitted`, `NotSupported`.
pub fn request_reboot<T: Transport>(transport: &mut T) -> Result<(), Error> {
    request(transport, fwu::REQUEST_REBOOT, &[]).map(drop)
}

/// Gives up every staged or trial image, saying why: any number, `SUCCESS` for no special reason.
///
/// # Errors
/// `BadState`.
pub fn reject<T: Transport>(transport: &mut T, reason: Status) -> Result<Completion, Error> {
    request(transport, fwu::REJECT, &[&reason.0.to_le_bytes()])
}

/// Confirms the trial images.
///
/// # Errors
/// `BadState` when none is on trial.
pub fn accept<T: Transport>(transport: &mut T) -> Result<(), Error> {
    request(transport, fwu::ACCEPT, &[]).map(drop)
}

fn request<T: Transport>(
    transport: &mut T,
    kind: i32,
    inputs: &[&[u8]],
) -> Result<Completion, Error> {
    let status = transport.call(FIRMWARE_UPDATE.handle, kind, inputs, &mut []);
    status.ok()?;
    Ok(match status {
        Status::SUCCESS_REBOOT => Completion::Reboot,
        Status::SUCCESS_RESTART => Completion::Restart,
        _ => Completion::Done,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use ironroot_psa_api::fwu::{ComponentState, ImageVersion};

    #[test]
    fn update_calls_pass_the_vectors_of_tf_m() {
        let mut fake = Fake::default();
        start(&mut fake, 1, b"").unwrap();
        write(&mut fake, 1, 0x100, b"block").unwrap();
        finish(&mut fake, 1).unwrap();
        reject(&mut fake, Error::GenericError.status()).unwrap();
        accept(&mut fake).unwrap();
        let kinds: std::vec::Vec<_> = fake.calls.iter().map(|call| call.kind).collect();
        assert_eq!(kinds, [1001, 1002, 1003, 1007, 1009]);
        let offset = std::vec![0, 1, 0, 0];
        assert_eq!(
            fake.calls[1].inputs,
            [std::vec![1], offset, b"block".to_vec()]
        );
        assert_eq!(fake.calls[3].inputs, [(-132i32).to_le_bytes()]);
        assert!(fake.calls[4].inputs.is_empty());
    }

    #[test]
    fn what_is_still_to_be_done_is_told() {
        let mut fake = Fake::answering(&[(0, &[]), (1, &[]), (2, &[]), (-156, &[])]);
        assert_eq!(install(&mut fake), Ok(Completion::Done));
        assert_eq!(install(&mut fake), Ok(Completion::Reboot));
        assert_eq!(install(&mut fake), Ok(Completion::Restart));
        assert_eq!(install(&mut fake), Err(Error::DependencyNeeded));
    }

    #[test]
    fn component_info_is_decoded_and_nonsense_refused() {
        let info = ComponentInfo {
            state: ComponentState::Trial,
            error: Status::SUCCESS,
            version: ImageVersion {
                major: 2,
                ..ImageVersion::default()
            },
            max_size: 7,
            flags: 0,
            location: 0,
            candidate_digest: [0; 32],
            written: 0,
            reason: 0,
        };
        let mut bad = info.to_bytes();
        bad[0] = 99;
        let mut fake = Fake::answering(&[(0, &[&info.to_bytes()]), (0, &[&bad]), (-140, &[])]);
        assert_eq!(query(&mut fake, 0), Ok(info));
        assert_eq!(query(&mut fake, 0), Err(Error::CommunicationFailure));
        assert_eq!(query(&mut fake, 9), Err(Error::DoesNotExist));
    }
}
