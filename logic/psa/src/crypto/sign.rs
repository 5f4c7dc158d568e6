//! Signatures: ECDSA on P-256 and Ed25519 (PSA Crypto API, asymmetric signature).

use super::algorithm::{self, Signature};
use super::key::{Key, KeyKind};
use super::{Call, each_chunk, eddsa, policy};
use crate::error::from_crypto;
use crate::store::Store;
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey};
use ironroot_crypto::hash::{HashAlgorithm, Hasher};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::Usage;

/// Both curves' signatures have 64 bytes: r ‖ s, and R ‖ S.
pub(super) const SIGNATURE_LEN: usize = 64;
const INPUT: usize = 1;
const SIGNATURE: usize = 2;

fn begin(call: &mut Call<'_, '_, impl Store>, usage: Usage) -> Result<(Key, Signature), Error> {
    let key = call.load_key(call.request.key)?;
    policy::check(&key.attributes, usage, call.request.algorithm)?;
    let algorithm = algorithm::signature(call.request.algorithm)?;
    let fits = match algorithm {
        Signature::Ecdsa { .. } => matches!(key.kind, KeyKind::P256Pair | KeyKind::P256Public),
        Signature::PureEddsa => matches!(key.kind, KeyKind::Ed25519Pair | KeyKind::Ed25519Public),
    };
    let signs = usage == Usage::SIGN_HASH || usage == Usage::SIGN_MESSAGE;
    if !fits || signs && key.kind.is_public() {
        return Err(Error::InvalidArgument);
    }
    Ok((key, algorithm))
}

/// The hash that the caller made, of the length that the algorithm demands. Ed25519 signs no hash.
fn given_hash(
    call: &mut Call<'_, '_, impl Store>,
    algorithm: Signature,
) -> Result<super::Short, Error> {
    let Signature::Ecdsa { hash, .. } = algorithm else {
        return Err(Error::InvalidArgument);
    };
    let given = call.read_digest(INPUT).ok_or(Error::InvalidArgument)?;
    let right = match hash {
        Some(hash) => given.as_slice().len() == hash.digest_len(),
        None => !given.as_slice().is_empty(),
    };
    if right {
        Ok(given)
    } else {
        Err(Error::InvalidArgument)
    }
}

/// `psa_sign_hash`.
pub(crate) fn sign_hash(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let (key, algorithm) = begin(call, Usage::SIGN_HASH)?;
    let hash = given_hash(call, algorithm)?;
    call.expect_room(0, SIGNATURE_LEN)?;
    let signature = sign_with_p256(call, &key, algorithm, hash.as_slice())?;
    call.write(0, &signature)
}

/// `psa_verify_hash`.
pub(crate) fn verify_hash(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let (key, algorithm) = begin(call, Usage::VERIFY_HASH)?;
    let hash = given_hash(call, algorithm)?;
    let signature = given_signature(call)?;
    verify_with_p256(&key, hash.as_slice(), &signature)
}

/// `psa_sign_message`.
pub(crate) fn sign_message(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let (key, algorithm) = begin(call, Usage::SIGN_MESSAGE)?;
    call.expect_room(0, SIGNATURE_LEN)?;
    match algorithm {
        Signature::Ecdsa { hash, .. } => {
            let digest = hash_of_message(call, hash)?;
            let signature = sign_with_p256(call, &key, algorithm, digest.as_slice())?;
            call.write(0, &signature)
        }
        Signature::PureEddsa => {
            let seed = key.material.secret().ok_or(Error::CorruptionDetected)?;
            let signature = call.with_whole(INPUT, |message| eddsa::sign(&seed, message))??;
            call.write(0, &signature)
        }
    }
}

/// `psa_verify_message`.
pub(crate) fn verify_message(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let (key, algorithm) = begin(call, Usage::VERIFY_MESSAGE)?;
    match algorithm {
        Signature::Ecdsa { hash, .. } => {
            let digest = hash_of_message(call, hash)?;
            let signature = given_signature(call)?;
            verify_with_p256(&key, digest.as_slice(), &signature)
        }
        Signature::PureEddsa => {
            let signature = given_signature(call)?;
            let point = key.kind.public_part(&key.material)?;
            call.with_whole(INPUT, |message| eddsa::verify(&point, message, &signature))?
        }
    }
}

fn hash_of_message(
    call: &mut Call<'_, '_, impl Store>,
    hash: Option<HashAlgorithm>,
) -> Result<ironroot_crypto::hash::Digest, Error> {
    // An algorithm that names no hash can sign hashes only.
    let mut hasher = Hasher::new(hash.ok_or(Error::InvalidArgument)?);
    each_chunk(call.message, INPUT, &mut |chunk| hasher.update(chunk));
    Ok(hasher.finish())
}

/// A signature of another length is a wrong one.
fn given_signature(call: &mut Call<'_, '_, impl Store>) -> Result<[u8; SIGNATURE_LEN], Error> {
    call.message
        .read_whole(SIGNATURE)
        .ok_or(Error::InvalidSignature)
}

fn sign_with_p256(
    call: &mut Call<'_, '_, impl Store>,
    key: &Key,
    algorithm: Signature,
    digest: &[u8],
) -> Result<[u8; SIGNATURE_LEN], Error> {
    let secret = key.material.secret().ok_or(Error::CorruptionDetected)?;
    let private = P256PrivateKey::from_bytes(&secret).map_err(|_| Error::CorruptionDetected)?;
    Ok(match algorithm {
        Signature::Ecdsa {
            deterministic: true,
            ..
        } => private.sign_prehash(digest),
        _ => private.sign_prehash_hedged(digest, call.drbg),
    })
}

fn verify_with_p256(
    key: &Key,
    digest: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> Result<(), Error> {
    let point = key.kind.public_part(&key.material)?;
    let public = point
        .expose(P256PublicKey::from_sec1)
        .map_err(from_crypto)?;
    public
        .verify_prehash(digest, signature)
        .map_err(from_crypto)
}
