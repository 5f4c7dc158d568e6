//! `psa/initial_attestation.h`.

use ironroot_client::attest;
use ironroot_psa_api::attest::{GET_TOKEN, is_challenge_size};
use ironroot_psa_api::{Error, service};

use crate::memory::{ReadPointer, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, shell};

/// # Safety
/// As the header says: `challenge` and `token` are valid for their sizes, `token_size` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_initial_attest_get_token(
    challenge: ReadPointer,
    challenge_size: usize,
    token: WritePointer,
    token_room: usize,
    token_size: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: token,
        size: token_room,
        length: token_size,
    };
    destination.receive(|link, room| {
        if !is_challenge_size(challenge_size) {
            return Err(Error::InvalidArgument);
        }
        let challenge = challenge.bytes(challenge_size)?;
        let rooms = core::slice::from_mut(room);
        link.carry(service::ATTESTATION.handle, GET_TOKEN, &[challenge], rooms)
            .ok()
    })
}

/// # Safety
/// As the header says: `token_size` is valid for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_initial_attest_get_token_size(
    challenge_size: usize,
    token_size: WriteOne<usize>,
) -> CStatus {
    shell(|link| {
        let token_size = token_size.checked()?;
        token_size.set(attest::get_token_size(link, challenge_size)?);
        Ok(())
    })
}
