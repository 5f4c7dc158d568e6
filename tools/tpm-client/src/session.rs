//! A session that authenticates commands and answers: HMAC, SHA-256, unsalted and unbound, for audit.
//!
//! TPM 2.0 Part 1, "HMAC Computation": without salt and bind there is no session key, and a command that takes no
//! authorisation adds no auth value, so the HMAC's key is empty. What it shows is that nothing was changed by accident,
//! and what such a session costs.

use crate::wire::{Client, Error, Parts, sized};
use ironroot_crypto::ct_eq;
use ironroot_crypto::tpm::hash::{Digest, HashAlgorithm, digest_parts, hmac};

/// audit, continueSession
const ATTRIBUTES: u8 = 0x81;
/// In an answer: no other session audited since this one began.
const EXCLUSIVE: u8 = 0x02;
const SUCCESS: [u8; 4] = [0; 4];
const GET_RANDOM: [u8; 4] = [0, 0, 1, 0x7b];
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
/// The caller's nonce: what this session is for does not need a fresh one.
const NONCE: [u8; 32] = [0xa5; 32];

/// An HMAC session of a TPM.
pub struct HmacSession {
    /// Its handle.
    pub handle: u32,
    nonce_tpm: Vec<u8>,
}

impl Client {
    /// `StartAuthSession` of an HMAC session.
    ///
    /// # Errors
    /// The stream's; `Refused`; `Malformed`.
    pub fn hmac_session(&mut self) -> Result<HmacSession, Error> {
        const NULL_HANDLE: u32 = 0x4000_0007;
        let null_algorithm = [0, 0x10];
        let sha256 = [0, 0x0b];
        let parts = Parts {
            handles: &[NULL_HANDLE, NULL_HANDLE],
            params: &[&sized(&NONCE)[..], &[0, 0], &[0], &null_algorithm, &sha256].concat(),
            out_handles: 1,
            ..Parts::default()
        };
        let mut answer = self.command(0x176, &parts)?;
        let nonce_tpm = answer.sized()?;
        Ok(HmacSession {
            handle: answer.handle,
            nonce_tpm,
        })
    }

    /// `GetRandom`, audited by the session; the answer's HMAC is checked.
    ///
    /// # Errors
    /// The stream's; `Refused`; `Malformed`, also for a wrong HMAC.
    pub fn get_random_in(&mut self, session: &mut HmacSession, len: u16) -> Result<Vec<u8>, Error> {
        let params = len.to_be_bytes();
        let command = digest_parts(HASH, &[&GET_RANDOM, &params]);
        let own = proof(&command, &NONCE, &session.nonce_tpm, ATTRIBUTES);
        let area = [
            &session.handle.to_be_bytes()[..],
            &sized(&NONCE),
            &[ATTRIBUTES],
            &sized(own.as_slice()),
        ]
        .concat();
        let area_len = u32::try_from(area.len()).unwrap_or(u32::MAX);
        let body = [&area_len.to_be_bytes()[..], &area, &params].concat();
        let size = u32::try_from(body.len() + 10).unwrap_or(u32::MAX);
        let frame = [&[0x80, 2], &size.to_be_bytes()[..], &GET_RANDOM, &body].concat();
        let mut answer = self.answered(0x17b, &frame)?;
        let params_len = usize::try_from(answer.u32()?).unwrap_or(usize::MAX);
        let params = answer.take(params_len)?.to_vec();
        let nonce_tpm = answer.sized()?;
        let attributes = answer.take(1)?[0];
        let given = answer.sized()?;
        let response = digest_parts(HASH, &[&SUCCESS, &GET_RANDOM, &params]);
        let expected = proof(&response, &nonce_tpm, &NONCE, attributes);
        if attributes & !EXCLUSIVE != ATTRIBUTES || !ct_eq(expected.as_slice(), &given) {
            return Err(Error::Malformed("HMAC"));
        }
        session.nonce_tpm = nonce_tpm;
        let random = params.get(2..).unwrap_or_default().to_vec();
        Ok(random)
    }
}

/// The HMAC of a command or an answer.
fn proof(parameters: &Digest, newer: &[u8], older: &[u8], attributes: u8) -> Digest {
    let parts = [parameters.as_slice(), newer, older, &[attributes]];
    hmac(HASH, &[], &parts)
}
