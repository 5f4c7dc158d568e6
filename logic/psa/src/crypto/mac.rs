//! HMAC: in one call, and its beginning in parts (the rest is in [`super::parts`]).

use super::key::KeyKind;
use super::operation::Operation;
use super::parts::{Outcome, Part};
use super::{Call, algorithm, each_chunk, policy};
use crate::store::Store;
use ironroot_crypto::mac::Hmac;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{KeyId, Usage};

/// A MAC being computed.
pub(crate) struct MacOperation {
    hmac: Hmac,
    /// How much of the result counts.
    length: usize,
    /// [`Part::MacSign`] or [`Part::MacVerify`].
    pub(super) purpose: Part,
    pub(super) key: KeyId,
}

impl MacOperation {
    pub(super) fn update(&mut self, chunk: &[u8]) {
        self.hmac.update(chunk);
    }

    pub(super) fn finish(self) -> Outcome {
        Outcome {
            digest: self.hmac.finish(),
            len: self.length,
        }
    }
}

fn begin(call: &mut Call<'_, '_, impl Store>, purpose: Part) -> Result<MacOperation, Error> {
    let key = call.load_key(call.request.key)?;
    let usage = match purpose {
        Part::MacSign => Usage::SIGN_MESSAGE,
        Part::MacVerify | Part::Hash => Usage::VERIFY_MESSAGE,
    };
    policy::check(&key.attributes, usage, call.request.algorithm)?;
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

/// `psa_mac_compute`.
pub(crate) fn compute(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let mut mac = begin(call, Part::MacSign)?;
    call.expect_room(0, mac.length)?;
    each_chunk(call.message, 1, &mut |chunk| mac.update(chunk));
    call.write(0, mac.finish().as_slice())
}

/// `psa_mac_verify`.
pub(crate) fn verify(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let mut mac = begin(call, Part::MacVerify)?;
    each_chunk(call.message, 1, &mut |chunk| mac.update(chunk));
    let expected = call.read_digest(2);
    mac.finish().compare(expected.as_ref())
}

/// `psa_mac_sign_setup` and `psa_mac_verify_setup`.
pub(crate) fn setup(call: &mut Call<'_, '_, impl Store>, purpose: Part) -> Result<(), Error> {
    call.start(|call| begin(call, purpose).map(Operation::Mac))
}
