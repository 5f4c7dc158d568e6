//! Hashes: in one call and in parts.

use super::operation::Operation;
use super::{Call, algorithm, each_chunk};
use crate::store::Store;
use ironroot_crypto::hash::{Digest, HashAlgorithm, Hasher};
use ironroot_psa_api::Error;

fn digest_of(algorithm: HashAlgorithm, call: &mut Call<'_, '_, impl Store>) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    each_chunk(call.message, 1, &mut |chunk| hasher.update(chunk));
    hasher.finish()
}

/// `psa_hash_compute`.
pub(crate) fn compute(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let algorithm = algorithm::hash(call.request.algorithm)?;
    call.expect_room(0, algorithm.digest_len())?;
    let digest = digest_of(algorithm, call);
    call.write(0, digest.as_slice())
}

/// `psa_hash_compare`.
pub(crate) fn compare(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let algorithm = algorithm::hash(call.request.algorithm)?;
    let digest = digest_of(algorithm, call);
    call.expect_equal(2, digest.as_slice())
}

/// `psa_hash_setup`.
pub(crate) fn setup(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let algorithm = algorithm::hash(call.request.algorithm)?;
    call.start(|_| Ok(Operation::Hash(Hasher::new(algorithm))))
}

/// `psa_hash_clone`: the one operation that can be copied.
pub(crate) fn clone(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let target = call
        .message
        .read_whole::<4>(1)
        .ok_or(Error::ProgrammerError)?;
    if target != [0; 4] {
        return Err(Error::BadState);
    }
    call.expect_room(0, 4)?;
    // A source in the wrong state stays as it is: the call is about the target.
    let operations = &mut call.service.operations;
    let copy = match operations.get(call.client, call.request.operation)? {
        Operation::Hash(hasher) => Operation::Hash(hasher.clone()),
        Operation::Mac(_) | Operation::Derivation(_) | Operation::Failed => {
            return Err(Error::BadState);
        }
    };
    let handle = operations.add(call.client, copy)?;
    call.write(0, &handle.to_le_bytes())
}

/// `psa_can_do_hash`.
pub(crate) fn can_do(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let answer = u32::from(algorithm::hash(call.request.algorithm).is_ok());
    call.write(0, &answer.to_le_bytes())
}
