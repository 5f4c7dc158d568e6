//! Initial Attestation (PSA Attestation API 1.0).

use crate::transport::{Transport, call_for, call_into};
use ironroot_psa_api::Error;
use ironroot_psa_api::attest::{GET_TOKEN, GET_TOKEN_SIZE};
use ironroot_psa_api::service::ATTESTATION;

/// Makes a token over `challenge` (32, 48 or 64 bytes); returns its length.
///
/// # Errors
/// `InvalidArgument` for another challenge length, `BufferTooSmall`, `ServiceFailure`.
pub fn get_token<T: Transport>(
    transport: &mut T,
    challenge: &[u8],
    token: &mut [u8],
) -> Result<usize, Error> {
    call_into(
        transport,
        ATTESTATION.handle,
        GET_TOKEN,
        &[challenge],
        token,
    )
}

/// How long a token over a challenge of that many bytes would be.
///
/// # Errors
/// `InvalidArgument` for a challenge length that is not 32, 48 or 64, `ServiceFailure`.
pub fn get_token_size<T: Transport>(
    transport: &mut T,
    challenge_size: usize,
) -> Result<usize, Error> {
    let size = u32::try_from(challenge_size).map_err(|_| Error::InvalidArgument)?;
    let input = size.to_le_bytes();
    let bytes = call_for(transport, ATTESTATION.handle, GET_TOKEN_SIZE, &[&input])?;
    Ok(u32::from_le_bytes(bytes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn attestation_calls_pass_the_vectors_of_tf_m() {
        let mut fake = Fake::answering(&[(0, &[b"token"]), (0, &[&[0x34, 0x12, 0, 0]])]);
        assert_eq!(get_token(&mut fake, &[7; 32], &mut [0; 64]), Ok(5));
        assert_eq!(get_token_size(&mut fake, 32), Ok(0x1234));
        assert_eq!((fake.calls[0].kind, fake.calls[1].kind), (1001, 1002));
        assert_eq!(fake.calls[0].inputs, [[7; 32]]);
        assert_eq!(fake.calls[1].inputs, [[32, 0, 0, 0]]);
    }

    #[test]
    fn a_refusal_comes_through() {
        let mut fake = Fake::answering(&[(-135, &[]), (-138, &[])]);
        assert_eq!(get_token_size(&mut fake, 31), Err(Error::InvalidArgument));
        assert_eq!(
            get_token(&mut fake, &[0; 32], &mut []),
            Err(Error::BufferTooSmall)
        );
    }
}
