//! Hashes: in one call and in parts.

use super::operation::Operation;
use super::{Call, algorithm, each_chunk};
use crate::store::Store;
use ironroot_crypto::ct_eq;
use ironroot_crypto::hash::{Digest, HashAlgorithm, Hasher};
use ironroot_psa_api::Error;

/// A hash in parts.
pub(crate) struct HashOperation {
    hasher: Hasher,
}

impl HashOperation {
    pub(crate) fn new(algorithm: HashAlgorithm) -> Self {
        Self {
            hasher: Hasher::new(algorithm),
        }
    }
}

fn running(operation: &mut Operation) -> Result<&mut HashOperation, Error> {
    match operation {
        Operation::Hash(hash) => Ok(hash),
        Operation::Mac(_) | Operation::Derivation(_) | Operation::Failed => Err(Error::BadState),
    }
}

fn last(operation: Operation) -> Result<HashOperation, Error> {
    match operation {
        Operation::Hash(hash) => Ok(hash),
        Operation::Mac(_) | Operation::Derivation(_) | Operation::Failed => Err(Error::BadState),
    }
}

fn digest_of(algorithm: HashAlgorithm, call: &mut Call<'_, '_, impl Store>) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    each_chunk(call.message, 1, |chunk| hasher.update(chunk));
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
    call.start(|_| Ok(Operation::Hash(HashOperation::new(algorithm))))
}

/// `psa_hash_update`.
pub(crate) fn update(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    call.step(|operation, message| {
        let hash = running(operation)?;
        each_chunk(message, 1, |chunk| hash.hasher.update(chunk));
        Ok(())
    })
}

/// `psa_hash_finish`.
pub(crate) fn finish(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let room = call.message.out_len(1);
    let digest = call.finish(|operation| {
        let hash = last(operation)?;
        if hash.hasher.algorithm().digest_len() > room {
            return Err(Error::BufferTooSmall);
        }
        Ok(hash.hasher.finish())
    })?;
    call.write(1, digest.as_slice())
}

/// `psa_hash_verify`.
pub(crate) fn verify(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let expected = call.read_digest(1);
    call.finish(|operation| {
        let digest = last(operation)?.hasher.finish();
        let expected = expected.as_ref().ok_or(Error::InvalidSignature)?;
        if ct_eq(expected.as_slice(), digest.as_slice()) {
            Ok(())
        } else {
            Err(Error::InvalidSignature)
        }
    })
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
    let mut copy = None;
    let _ = call
        .service
        .operations
        .step(call.client, call.request.operation, |operation| {
            copy = running(operation).ok().map(|hash| hash.hasher.clone());
            Ok(())
        });
    let hasher = copy.ok_or(Error::BadState)?;
    let operation = Operation::Hash(HashOperation { hasher });
    let handle = call.service.operations.add(call.client, operation)?;
    call.write(0, &handle.to_le_bytes())
}

/// `psa_can_do_hash`.
pub(crate) fn can_do(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let answer = u32::from(algorithm::hash(call.request.algorithm).is_ok());
    call.write(0, &answer.to_le_bytes())
}
