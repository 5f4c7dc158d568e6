//! HMAC: in one call and in parts.

use super::key::{Key, KeyKind};
use super::operation::Operation;
use super::{Call, Short, algorithm, each_chunk, policy};
use crate::store::Store;
use ironroot_crypto::ct_eq;
use ironroot_crypto::hash::Digest;
use ironroot_crypto::mac::Hmac;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{KeyId, Usage};

/// What a MAC in parts is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Sign,
    Verify,
}

impl Purpose {
    const fn usage(self) -> Usage {
        match self {
            Self::Sign => Usage::SIGN_MESSAGE,
            Self::Verify => Usage::VERIFY_MESSAGE,
        }
    }
}

/// A MAC in parts.
pub(crate) struct MacOperation {
    hmac: Hmac,
    length: usize,
    purpose: Purpose,
    key: KeyId,
}

impl MacOperation {
    pub(crate) const fn key(&self) -> KeyId {
        self.key
    }

    /// Ends the MAC: the digest and how much of it counts.
    fn finish(self) -> (Digest, usize) {
        (self.hmac.finish(), self.length)
    }
}

fn begin(call: &mut Call<'_, '_, impl Store>, purpose: Purpose) -> Result<MacOperation, Error> {
    let key: Key = call.load_key(call.request.key)?;
    policy::check(&key.attributes, purpose.usage(), call.request.algorithm)?;
    let mac = algorithm::mac(call.request.algorithm)?;
    if key.kind != KeyKind::Hmac {
        return Err(Error::InvalidArgument);
    }
    Ok(MacOperation {
        hmac: key.material.expose(|bytes| Hmac::new(mac.hash, bytes)),
        length: mac.length,
        purpose,
        key: key.attributes.id,
    })
}

fn running(operation: &mut Operation) -> Result<&mut MacOperation, Error> {
    match operation {
        Operation::Mac(mac) => Ok(mac),
        Operation::Hash(_) | Operation::Derivation(_) | Operation::Failed => Err(Error::BadState),
    }
}

fn last(operation: Operation, purpose: Purpose) -> Result<MacOperation, Error> {
    match operation {
        Operation::Mac(mac) if mac.purpose == purpose => Ok(mac),
        _ => Err(Error::BadState),
    }
}

fn truncated(digest: &Digest, length: usize) -> Result<&[u8], Error> {
    digest
        .as_slice()
        .get(..length)
        .ok_or(Error::CorruptionDetected)
}

/// Compares in constant time, over the whole length: a shorter expectation is a wrong one. The right MAC is
/// wiped, for whoever fails to know it must not find it.
fn compare(mut digest: Digest, length: usize, expected: Option<&Short>) -> Result<(), Error> {
    let expected = expected.map(Short::as_slice).unwrap_or_default();
    let equal = ct_eq(truncated(&digest, length)?, expected);
    digest.wipe();
    if equal {
        Ok(())
    } else {
        Err(Error::InvalidSignature)
    }
}

/// `psa_mac_compute`.
pub(crate) fn compute(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let mut mac = begin(call, Purpose::Sign)?;
    call.expect_room(0, mac.length)?;
    each_chunk(call.message, 1, |chunk| mac.hmac.update(chunk));
    let (digest, length) = mac.finish();
    call.write(0, truncated(&digest, length)?)
}

/// `psa_mac_verify`.
pub(crate) fn verify(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let mut mac = begin(call, Purpose::Verify)?;
    each_chunk(call.message, 1, |chunk| mac.hmac.update(chunk));
    let (digest, length) = mac.finish();
    compare(digest, length, call.read_digest(2).as_ref())
}

/// `psa_mac_sign_setup` and `psa_mac_verify_setup`.
pub(crate) fn setup(call: &mut Call<'_, '_, impl Store>, purpose: Purpose) -> Result<(), Error> {
    call.start(|call| begin(call, purpose).map(Operation::Mac))
}

/// `psa_mac_update`.
pub(crate) fn update(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    call.step(|operation, message| {
        let mac = running(operation)?;
        each_chunk(message, 1, |chunk| mac.hmac.update(chunk));
        Ok(())
    })
}

/// `psa_mac_sign_finish`.
pub(crate) fn sign_finish(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let room = call.message.out_len(1);
    let (digest, length) = call.finish(|operation| {
        let mac = last(operation, Purpose::Sign)?;
        if mac.length > room {
            return Err(Error::BufferTooSmall);
        }
        Ok(mac.finish())
    })?;
    call.write(1, truncated(&digest, length)?)
}

/// `psa_mac_verify_finish`.
pub(crate) fn verify_finish(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let expected = call.read_digest(1);
    call.finish(|operation| {
        let (digest, length) = last(operation, Purpose::Verify)?.finish();
        compare(digest, length, expected.as_ref())
    })
}
