//! Second stage: a candidate becomes [`Verified`], or is refused.
//!
//! Order: hash over header, payload and protected area; signatures; security counter; the rules
//! on signed contents. Then what decides is looked at a second time through different values, and
//! only a complete ledger of decisions makes the result.

use crate::boot_record::{BootRecord, Items};
use crate::candidate::Structure;
use crate::decision::{Decision, Ledger, Step};
use crate::policy::Keys;
use crate::suite::{Claim, Signature};
use crate::tlv::{Entries, TlvEntry};
use crate::{Candidate, Dependency, ImageSource, Policy, Refusal, Verified, tlv};
use ironroot_crypto::hash::Digest;

/// The longest public key: RSA-3072 as PKCS#1 DER is 398 bytes.
const MAX_KEY: usize = 416;
/// The longest signature: RSA-3072.
const MAX_SIGNATURE: usize = 384;

/// What the second stage proved.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) digest: Digest,
    pub(crate) signer: Option<Digest>,
    pub(crate) security_counter: Option<u32>,
    pub(crate) ledger: Ledger,
}

/// A candidate, whatever the kind of its source: nothing below here is compiled per source.
struct Suspect<'c> {
    source: &'c dyn ImageSource,
    policy: &'c Policy<'c>,
    structure: &'c Structure,
}

pub(crate) fn verify<S: ImageSource>(candidate: Candidate<'_, S>) -> Result<Verified<S>, Refusal> {
    let suspect = Suspect {
        source: &candidate.source,
        policy: candidate.policy,
        structure: &candidate.structure,
    };
    let proof = suspect.prove()?;
    Ok(Verified::new(candidate, proof))
}

impl Suspect<'_> {
    #[inline(never)] // one copy for every kind of source
    fn prove(&self) -> Result<Proof, Refusal> {
        let mut ledger = Ledger::new();
        let digest = check_hash(self, &mut ledger)?;
        let signer = check_signatures(self, &digest, &mut ledger)?;
        let security_counter = check_counter(self, &mut ledger)?;
        check_rules(self, &mut ledger)?;
        look_again(self, &digest, security_counter)?;
        if !ledger.is_complete() {
            return Err(Refusal::FaultDetected);
        }
        Ok(Proof {
            digest,
            signer,
            security_counter,
            ledger,
        })
    }

    fn unprotected_entries(&self) -> Entries<'_> {
        self.structure.layout.unprotected_entries(self.source)
    }

    fn protected_entries(&self) -> Entries<'_> {
        self.structure.layout.protected_entries(self.source)
    }
}

/// The hash TLV is of the suite's type and says what the image hashes to.
fn check_hash(candidate: &Suspect<'_>, ledger: &mut Ledger) -> Result<Digest, Refusal> {
    let hash = candidate.policy.suite.hash();
    let entry = candidate.structure.found.hash.ok_or(Refusal::HashMissing)?;
    if entry.kind != hash.tlv {
        return Err(Refusal::HashType);
    }
    if entry.len != hash.len {
        return Err(Refusal::TlvLength);
    }
    let digest = hash.of(candidate.source, candidate.structure.layout.signed_len)?;
    let mut buffer = [0; 64];
    let stored = entry.read(candidate.source, &mut buffer)?;
    let decision = Decision::equal(digest.as_slice(), stored);
    if !decision.is_yes() {
        return Err(Refusal::HashMismatch);
    }
    ledger.enter(Step::Hash, decision);
    Ok(digest)
}

/// Every signature that names a trusted key is valid, and there is at least one. Gives the hash of
/// the (last) trusted key; none for a device without signatures.
fn check_signatures(
    candidate: &Suspect<'_>,
    digest: &Digest,
    ledger: &mut Ledger,
) -> Result<Option<Digest>, Refusal> {
    let Some(signature) = candidate.policy.suite.signature() else {
        // `Policy::check` made sure that the key policy says the same.
        // A signature that the image may carry proves nothing here, and is not looked at.
        let unsigned = matches!(candidate.policy.keys, Keys::Unsigned);
        ledger.enter(Step::Signature, Decision::of(unsigned));
        return Ok(None);
    };
    check_pure_marker(candidate, signature)?;
    let mut walk = SignatureWalk {
        candidate,
        signature,
        digest,
        pending: None,
        accepted: None,
    };
    let mut unknown_key = false;
    for entry in candidate.unprotected_entries() {
        unknown_key |= walk.step(entry?)? == Outcome::UnknownKey;
    }
    if walk.pending.is_some() {
        return Err(Refusal::KeyWithoutSignature);
    }
    let reason = if unknown_key {
        Refusal::UnknownKey
    } else {
        Refusal::SignatureMissing
    };
    let (signer, decision) = walk.accepted.ok_or(reason)?;
    ledger.enter(Step::Signature, decision);
    Ok(Some(signer))
}

fn check_pure_marker(candidate: &Suspect<'_>, signature: &Signature) -> Result<(), Refusal> {
    match (candidate.structure.found.pure, signature.pure) {
        (None, false) => Ok(()),
        (None, true) => Err(Refusal::PureMissing),
        (Some(_), false) => Err(Refusal::PureUnexpected),
        (Some(entry), true) if entry.array(candidate.source)? == [1] => Ok(()),
        (Some(_), true) => Err(Refusal::PureMissing),
    }
}

/// Walks key and signature TLVs in order: a key TLV says whose the next signature is.
struct SignatureWalk<'w> {
    candidate: &'w Suspect<'w>,
    signature: &'static Signature,
    digest: &'w Digest,
    pending: Option<Named>,
    accepted: Option<(Digest, Decision)>,
}

/// Whom a key TLV named.
#[derive(Clone, Copy)]
enum Named {
    Unknown,
    /// Trusted: the TLV, and for an embedded key its place in the policy.
    Trusted {
        entry: TlvEntry,
        embedded: usize,
    },
}

#[derive(PartialEq, Eq)]
enum Outcome {
    UnknownKey,
    Other,
}

impl SignatureWalk<'_> {
    fn step(&mut self, entry: TlvEntry) -> Result<Outcome, Refusal> {
        match entry.kind {
            tlv::KEYHASH | tlv::PUBKEY => {
                if self.pending.is_some() {
                    return Err(Refusal::KeyWithoutSignature);
                }
                let named = self.find_key(entry)?;
                self.pending = Some(named);
                Ok(match named {
                    Named::Unknown => Outcome::UnknownKey,
                    Named::Trusted { .. } => Outcome::Other,
                })
            }
            tlv::RSA2048 | tlv::RSA3072 | tlv::ECDSA | tlv::ED25519 => {
                let named = self.pending.take().ok_or(Refusal::SignatureWithoutKey)?;
                if let Named::Trusted {
                    entry: key,
                    embedded,
                } = named
                {
                    self.accepted = Some(self.check(entry, key, embedded)?);
                }
                Ok(Outcome::Other)
            }
            _ => Ok(Outcome::Other),
        }
    }

    /// Looks up the key that a key TLV names, in the one form that the device uses.
    fn find_key(&self, entry: TlvEntry) -> Result<Named, Refusal> {
        let Policy { suite, keys, .. } = self.candidate.policy;
        let hash = suite.hash();
        let mut buffer = [0; MAX_KEY];
        match (keys, entry.kind) {
            (Keys::Embedded(keys), tlv::KEYHASH) => {
                if entry.len != hash.len {
                    return Err(Refusal::TlvLength);
                }
                let named = entry.read(self.candidate.source, &mut buffer)?;
                for (embedded, key) in keys.iter().enumerate() {
                    if Decision::equal(hash.of_bytes(key)?.as_slice(), named).is_yes() {
                        return Ok(Named::Trusted { entry, embedded });
                    }
                }
                Ok(Named::Unknown)
            }
            (Keys::Hashes(hashes), tlv::PUBKEY) => {
                let named = hash.of_bytes(entry.read(self.candidate.source, &mut buffer)?)?;
                let known = hashes
                    .iter()
                    .any(|h| Decision::equal(h, named.as_slice()).is_yes());
                Ok(if known {
                    Named::Trusted { entry, embedded: 0 }
                } else {
                    Named::Unknown
                })
            }
            _ => Err(Refusal::KeyForm),
        }
    }

    /// A signature under a trusted key must be of the suite's type and valid.
    fn check(
        &self,
        entry: TlvEntry,
        key: TlvEntry,
        embedded: usize,
    ) -> Result<(Digest, Decision), Refusal> {
        if entry.kind != self.signature.tlv {
            return Err(Refusal::SignatureType);
        }
        let candidate = self.candidate;
        let mut key_buffer = [0; MAX_KEY];
        let key = match candidate.policy.keys {
            Keys::Embedded(keys) => keys.get(embedded).copied().ok_or(Refusal::FaultDetected)?,
            Keys::Hashes(_) => key.read(candidate.source, &mut key_buffer)?,
            Keys::Unsigned => return Err(Refusal::FaultDetected),
        };
        let mut signature_buffer = [0; MAX_SIGNATURE];
        let decision = self.signature.verify(&Claim {
            key,
            digest: self.digest.as_slice(),
            source: candidate.source,
            signed_len: candidate.structure.layout.signed_len,
            signature: entry.read(candidate.source, &mut signature_buffer)?,
        })?;
        if !decision.is_yes() {
            return Err(Refusal::SignatureInvalid);
        }
        Ok((candidate.policy.suite.hash().of_bytes(key)?, decision))
    }
}

fn read_counter(candidate: &Suspect<'_>) -> Result<Option<u32>, Refusal> {
    let Some(entry) = candidate.structure.found.counter else {
        return Ok(None);
    };
    entry
        .array(candidate.source)
        .map(|bytes| Some(u32::from_le_bytes(bytes)))
}

/// The counter, where the device enforces one, is there and high enough.
fn check_counter(candidate: &Suspect<'_>, ledger: &mut Ledger) -> Result<Option<u32>, Refusal> {
    let counter = read_counter(candidate)?;
    let enough = match candidate.policy.min_security_counter {
        None => true,
        Some(minimum) => counter.ok_or(Refusal::CounterMissing)? >= minimum,
    };
    let decision = Decision::of(enough);
    if !decision.is_yes() {
        return Err(Refusal::CounterTooLow);
    }
    ledger.enter(Step::Counter, decision);
    Ok(counter)
}

/// The rules on signed contents: they hold for the signer's mistakes, not against forgers.
fn check_rules(candidate: &Suspect<'_>, ledger: &mut Ledger) -> Result<(), Refusal> {
    let Suspect {
        source,
        policy,
        structure: Structure { header, found, .. },
    } = *candidate;
    let measurement = usize::from(policy.suite.hash().len);
    for entry in candidate.protected_entries() {
        let entry = entry?;
        match entry.kind {
            tlv::DEPENDENCY => {
                Dependency::read(&entry, source)?.check(&header.version, policy)?;
            }
            tlv::BOOT_RECORD if record_measurement(&entry, source)? != Some(measurement) => {
                return Err(Refusal::BootRecordMalformed);
            }
            tlv::COMPONENT_RECORD if record_measurement(&entry, source)?.is_none() => {
                return Err(Refusal::ComponentRecordMalformed);
            }
            _ => {}
        }
    }
    check_uuid(
        source,
        found.vendor_uuid,
        policy.vendor_uuid,
        Refusal::VendorMismatch,
    )?;
    check_uuid(
        source,
        found.class_uuid,
        policy.class_uuid,
        Refusal::ClassMismatch,
    )?;
    ledger.enter(Step::Rules, Decision::of(true));
    Ok(())
}

/// Length of the measurement in a boot record; `None` if it is not one.
fn record_measurement(
    entry: &TlvEntry,
    source: &dyn ImageSource,
) -> Result<Option<usize>, Refusal> {
    let mut buffer = [0; BootRecord::MAX_LEN];
    if usize::from(entry.len) > buffer.len() {
        return Ok(None);
    }
    let bytes = entry.read(source, &mut buffer)?;
    Ok(Items::read(bytes).map(|items| items.measurement.len()))
}

fn check_uuid(
    source: &dyn ImageSource,
    found: Option<TlvEntry>,
    wanted: Option<[u8; 16]>,
    refusal: Refusal,
) -> Result<(), Refusal> {
    let found = found.map(|entry| entry.array::<16>(source)).transpose()?;
    match wanted {
        Some(_) if found != wanted => Err(refusal),
        _ => Ok(()),
    }
}

/// Asks again what decides, from the bytes and in another form. The signature is not computed a
/// second time: its outcome is a [`Decision`] that the ledger compares once more.
fn look_again(
    candidate: &Suspect<'_>,
    digest: &Digest,
    counter: Option<u32>,
) -> Result<(), Refusal> {
    let entry = candidate
        .structure
        .found
        .hash
        .ok_or(Refusal::FaultDetected)?;
    let mut buffer = [0; 64];
    let stored = entry.read(candidate.source, &mut buffer)?;
    if !Decision::equal(stored, digest.as_slice()).is_yes() {
        return Err(Refusal::FaultDetected);
    }
    let again = read_counter(candidate)?;
    let headroom = match (candidate.policy.min_security_counter, again) {
        (None, _) => Some(0),
        (Some(minimum), Some(value)) => value.checked_sub(core::hint::black_box(minimum)),
        (Some(_), None) => None,
    };
    if headroom.is_none() || again != counter {
        return Err(Refusal::FaultDetected);
    }
    Ok(())
}
