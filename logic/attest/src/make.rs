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
use core::convert::Infallible;
use ironroot_crypto::hash::{HashAlgorithm, Hasher};
use minicbor::Encoder;
use minicbor::encode::Write;

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
    let mut rest = token;
    fits(rest.write_all(COSE_SIGN1_HEAD))?;
    let mut head = Encoder::new(rest);
    fits(head.bytes_len(to_u64(payload_len)))?;
    let (payload, mut tail) = head
        .into_writer()
        .split_at_mut_checked(payload_len)
        .ok_or(MakeError::BufferTooSmall)?;
    fits(write_claims(evidence, &mut Encoder::new(&mut *payload)))?;
    let digest = signed_digest(PROTECTED_ES256, payload).ok_or(MakeError::Evidence)?;
    let signature = sign(&digest).map_err(MakeError::Sign)?;
    fits(tail.write_all(SIGNATURE_HEAD))?;
    fits(tail.write_all(&signature))
}

/// Writing into a slice fails in one way only.
fn fits<T, W, E>(written: Result<T, W>) -> Result<(), MakeError<E>> {
    written.map(|_| ()).map_err(|_| MakeError::BufferTooSmall)
}

/// SHA-256 of the `Sig_structure` around a payload (RFC 9052, 4.4; no external data).
///
/// Always there: a hash takes any input, and SHA-256 gives 32 bytes.
pub(crate) fn signed_digest(protected: &[u8], payload: &[u8]) -> Option<[u8; 32]> {
    let mut encoder = Encoder::new(Hashing(Hasher::new(HashAlgorithm::Sha256)));
    write_sig_structure(&mut encoder, protected, payload).ok()?;
    encoder.into_writer().0.finish().to_array()
}

fn write_sig_structure<W: Write>(
    encoder: &mut Encoder<W>,
    protected: &[u8],
    payload: &[u8],
) -> Written<W> {
    encoder
        .array(4)?
        .str("Signature1")?
        .bytes(protected)?
        .bytes(&[])?
        .bytes(payload)?
        .ok()
}

/// Length of the whole token around a payload.
fn token_len(payload_len: usize) -> Option<usize> {
    let mut counter = Counter(COSE_SIGN1_HEAD.len());
    Encoder::new(&mut counter)
        .bytes_len(to_u64(payload_len))
        .ok()?;
    counter
        .0
        .checked_add(payload_len)?
        .checked_add(SIGNATURE_HEAD.len())?
        .checked_add(SIGNATURE_LEN)
}

/// Length of the encoded claims, or nothing when the evidence breaks its profile.
fn payload_len(evidence: &Evidence<'_>) -> Option<usize> {
    if !is_complete(evidence) {
        return None;
    }
    let mut counter = Counter(0);
    write_claims(evidence, &mut Encoder::new(&mut counter)).ok()?;
    Some(counter.0)
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

type Written<W> = Result<(), minicbor::encode::Error<<W as Write>::Error>>;

/// Writes the claims that are there, in the order of the profile's table.
fn write_claims<W: Write>(evidence: &Evidence<'_>, encoder: &mut Encoder<W>) -> Written<W> {
    let table = evidence.profile.table();
    let present = table
        .iter()
        .filter(|(_, claim)| is_present(evidence, *claim));
    encoder.map(to_u64(present.clone().count()))?;
    for (key, claim) in present {
        encoder.i64(*key)?;
        write_claim(evidence, *claim, encoder)?;
    }
    Ok(())
}

fn is_present(evidence: &Evidence<'_>, claim: Claim) -> bool {
    match claim {
        Claim::BootSeed => evidence.boot_seed.is_some(),
        Claim::CertificationReference => evidence.certification_reference.is_some(),
        Claim::VerificationService => evidence.verification_service.is_some(),
        Claim::SoftwareComponents => !evidence.software_components.is_empty(),
        Claim::NoSoftwareMeasurements => evidence.software_components.is_empty(),
        Claim::Nonce
        | Claim::InstanceId
        | Claim::Profile
        | Claim::ClientId
        | Claim::Lifecycle
        | Claim::ImplementationId => true,
    }
}

fn write_claim<W: Write>(
    evidence: &Evidence<'_>,
    claim: Claim,
    encoder: &mut Encoder<W>,
) -> Written<W> {
    match claim {
        Claim::Nonce => encoder.bytes(evidence.challenge.as_bytes())?.ok(),
        Claim::InstanceId => encoder.bytes(evidence.instance_id.as_bytes())?.ok(),
        Claim::Profile => encoder.str(evidence.profile.name())?.ok(),
        Claim::BootSeed => encoder
            .bytes(
                evidence
                    .boot_seed
                    .map(|seed| seed.as_bytes())
                    .unwrap_or_default(),
            )?
            .ok(),
        Claim::ClientId => encoder.i32(evidence.client_id.get())?.ok(),
        Claim::Lifecycle => encoder.u16(evidence.lifecycle.value())?.ok(),
        Claim::ImplementationId => encoder.bytes(evidence.implementation_id)?.ok(),
        Claim::CertificationReference => encoder
            .str(evidence.certification_reference.unwrap_or_default())?
            .ok(),
        Claim::SoftwareComponents => {
            encoder.array(to_u64(evidence.software_components.len()))?;
            evidence
                .software_components
                .iter()
                .try_for_each(|component| component.write(encoder))
        }
        Claim::NoSoftwareMeasurements => encoder.u8(1)?.ok(),
        Claim::VerificationService => encoder
            .str(evidence.verification_service.unwrap_or_default())?
            .ok(),
    }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Counts what would be written.
struct Counter(usize);

impl Write for Counter {
    type Error = Infallible;

    fn write_all(&mut self, buf: &[u8]) -> Result<(), Infallible> {
        self.0 = self.0.saturating_add(buf.len());
        Ok(())
    }
}

/// Hashes what would be written.
struct Hashing(Hasher);

impl Write for Hashing {
    type Error = Infallible;

    fn write_all(&mut self, buf: &[u8]) -> Result<(), Infallible> {
        self.0.update(buf);
        Ok(())
    }
}
