//! Making a token: claims in deterministic CBOR, wrapped in COSE_Sign1 with ES256.
//!
//! ```text
//! d2                      tag 18, COSE_Sign1
//! 84                      array of four
//!   43 a1 01 26           protected header {1: -7}, ES256
//!   a0                    no unprotected header
//!   5x…                   payload: the claims
//!   58 40 …               signature r ‖ s
//! ```
//! What is signed is the hash of the `Sig_structure` (RFC 9052, 4.4), which is never put together in
//! memory: it is encoded into the hash, the payload from where it lies in the token.

use crate::claims::{
    BootSeed, Challenge, Claim, ClientId, ImplementationId, InstanceId, Lifecycle, Profile,
    is_certification_reference,
};
use crate::component::SoftwareComponent;
use crate::encode::Encoder;
use core::convert::Infallible;
use ironroot_crypto::hash::{HashAlgorithm, Hasher};

/// The most software components a token carries.
pub const MAX_COMPONENTS: usize = 16;

/// Tag 18, array of four, the protected header as a byte string, empty unprotected header.
const COSE_SIGN1_HEAD: &[u8] = &[0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0];
/// {1: -7}: ES256 (RFC 9053).
const PROTECTED_ES256: &[u8] = &[0xa1, 0x01, 0x26];
/// Head of the 64-byte signature.
const SIGNATURE_HEAD: &[u8] = &[0x58, 0x40];
const SIGNATURE_LEN: usize = 64;

/// Everything a token says; its types hold only what the profile allows.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Claim set to use.
    pub profile: Profile,
    /// The verifier's challenge.
    pub challenge: Challenge<'a>,
    /// Who asks.
    pub client_id: ClientId,
    /// The device's lifecycle.
    pub lifecycle: Lifecycle,
    /// Which kind of device.
    pub implementation_id: &'a ImplementationId,
    /// Which device: the instance id of the key that will sign.
    pub instance_id: InstanceId,
    /// Differs from boot to boot; profile 1 demands one of 32 bytes.
    pub boot_seed: Option<BootSeed<'a>>,
    /// Entry in the certification database, in the form of the profile.
    pub certification_reference: Option<&'a str>,
    /// Where the token can be verified.
    pub verification_service: Option<&'a str>,
    /// What runs on the device, bootloader's measurements first; not empty, except in profile 1.
    pub software_components: &'a [SoftwareComponent<'a>],
}

/// Why no token was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MakeError<E> {
    /// The evidence breaks its profile: no components or too many, one without proper hashes, a
    /// certification reference of the wrong form, or a missing boot seed.
    Evidence,
    /// `out` is smaller than [`size`] says.
    BufferTooSmall,
    /// The signer failed.
    Sign(E),
}

/// How many bytes [`make`] will write. Signs nothing.
///
/// # Errors
/// [`MakeError::Evidence`] as for [`make`].
pub fn size(evidence: &Evidence<'_>) -> Result<usize, MakeError<Infallible>> {
    let payload = payload_len(evidence).ok_or(MakeError::Evidence)?;
    token_len(payload).ok_or(MakeError::Evidence)
}

/// Makes a token into the start of `out` and returns its length.
///
/// `sign` gets the SHA-256 that ES256 signs and gives the signature as r ‖ s. Nothing is left in
/// `out` when it fails.
///
/// # Errors
/// [`MakeError`]; the evidence and the room are checked before anything is signed.
pub fn make<E>(
    evidence: &Evidence<'_>,
    out: &mut [u8],
    sign: impl FnOnce(&[u8; 32]) -> Result<[u8; SIGNATURE_LEN], E>,
) -> Result<usize, MakeError<E>> {
    let payload_len = payload_len(evidence).ok_or(MakeError::Evidence)?;
    let len = token_len(payload_len).ok_or(MakeError::Evidence)?;
    let token = out.get_mut(..len).ok_or(MakeError::BufferTooSmall)?;
    let made = write_token(evidence, payload_len, token, sign);
    if made.is_err() {
        token.fill(0);
    }
    made.map(|()| len)
}

fn write_token<E>(
    evidence: &Evidence<'_>,
    payload_len: usize,
    token: &mut [u8],
    sign: impl FnOnce(&[u8; 32]) -> Result<[u8; SIGNATURE_LEN], E>,
) -> Result<(), MakeError<E>> {
    let (body, signature) = token
        .split_last_chunk_mut::<SIGNATURE_LEN>()
        .ok_or(MakeError::BufferTooSmall)?;
    let mut encoder = Encoder::into_buffer(&mut *body);
    write_body(evidence, payload_len, &mut encoder);
    if encoder.len() != body.len() {
        return Err(MakeError::BufferTooSmall);
    }
    let payload = body
        .len()
        .checked_sub(payload_len.saturating_add(SIGNATURE_HEAD.len()))
        .and_then(|at| body.get(at..)?.get(..payload_len))
        .ok_or(MakeError::BufferTooSmall)?;
    let digest = signed_digest(PROTECTED_ES256, payload).ok_or(MakeError::Evidence)?;
    *signature = sign(&digest).map_err(MakeError::Sign)?;
    Ok(())
}

/// Everything before the signature's bytes.
fn write_body(evidence: &Evidence<'_>, payload_len: usize, encoder: &mut Encoder<'_>) {
    encoder.raw(COSE_SIGN1_HEAD);
    encoder.bytes_head(payload_len);
    write_claims(evidence, encoder);
    encoder.raw(SIGNATURE_HEAD);
}

/// SHA-256 of the `Sig_structure` around a payload (RFC 9052, 4.4; no external data).
///
/// Always there: SHA-256 gives 32 bytes.
pub(crate) fn signed_digest(protected: &[u8], payload: &[u8]) -> Option<[u8; 32]> {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    let mut encoder = Encoder::into_hash(&mut hasher);
    encoder.array(4);
    encoder.text("Signature1");
    encoder.bytes(protected);
    encoder.bytes(&[]);
    encoder.bytes(payload);
    hasher.finish().to_array()
}

/// Length of the whole token around a payload.
fn token_len(payload_len: usize) -> Option<usize> {
    let mut head = Encoder::measure();
    head.bytes_head(payload_len);
    COSE_SIGN1_HEAD
        .len()
        .checked_add(head.len())?
        .checked_add(payload_len)?
        .checked_add(SIGNATURE_HEAD.len())?
        .checked_add(SIGNATURE_LEN)
}

/// Length of the encoded claims, or nothing when the evidence breaks its profile.
fn payload_len(evidence: &Evidence<'_>) -> Option<usize> {
    if !is_complete(evidence) {
        return None;
    }
    let mut encoder = Encoder::measure();
    write_claims(evidence, &mut encoder);
    Some(encoder.len())
}

/// What the types of [`Evidence`] cannot say, because it depends on the profile.
fn is_complete(evidence: &Evidence<'_>) -> bool {
    let components = evidence.software_components;
    let reference = evidence.certification_reference;
    let by_profile = match evidence.profile {
        Profile::Rfc9783 => !components.is_empty(),
        Profile::IotProfile1 => evidence
            .boot_seed
            .is_some_and(|seed| seed.as_bytes().len() == 32),
    };
    by_profile
        && components.len() <= MAX_COMPONENTS
        && components.iter().all(SoftwareComponent::is_valid)
        && reference.is_none_or(|text| is_certification_reference(text, evidence.profile))
        && evidence
            .verification_service
            .is_none_or(|text| !text.is_empty())
}

/// Writes the claims that are there, in the order of the profile's table.
fn write_claims(evidence: &Evidence<'_>, encoder: &mut Encoder<'_>) {
    let table = evidence.profile.table().iter();
    let present = table.filter_map(|(key, claim)| Some((*key, value(evidence, *claim)?)));
    encoder.map(present.clone().count());
    for (key, value) in present {
        encoder.integer(key);
        match value {
            Value::Bytes(bytes) => encoder.bytes(bytes),
            Value::Text(text) => encoder.text(text),
            Value::Number(number) => encoder.integer(number),
            Value::Components(components) => {
                encoder.array(components.len());
                components
                    .iter()
                    .for_each(|component| component.write(encoder));
            }
        }
    }
}

/// What a claim holds.
enum Value<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
    Number(i32),
    Components(&'a [SoftwareComponent<'a>]),
}

/// The value of a claim, if the token has it.
fn value<'a>(evidence: &'a Evidence<'_>, claim: Claim) -> Option<Value<'a>> {
    let components = evidence.software_components;
    Some(match claim {
        Claim::Nonce => Value::Bytes(evidence.challenge.as_bytes()),
        Claim::InstanceId => Value::Bytes(evidence.instance_id.as_bytes()),
        Claim::Profile => Value::Text(evidence.profile.name()),
        Claim::BootSeed => Value::Bytes(evidence.boot_seed?.as_bytes()),
        Claim::ClientId => Value::Number(evidence.client_id.get()),
        Claim::Lifecycle => Value::Number(i32::from(evidence.lifecycle.value())),
        Claim::ImplementationId => Value::Bytes(evidence.implementation_id),
        Claim::CertificationReference => Value::Text(evidence.certification_reference?),
        Claim::SoftwareComponents if components.is_empty() => return None,
        Claim::SoftwareComponents => Value::Components(components),
        Claim::NoSoftwareMeasurements if components.is_empty() => Value::Number(1),
        Claim::NoSoftwareMeasurements => return None,
        Claim::VerificationService => Value::Text(evidence.verification_service?),
    })
}
