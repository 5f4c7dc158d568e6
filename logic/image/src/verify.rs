//! Second stage: a candidate becomes [`Verified`], or is refused.
//!
//! Every signature under a known key must be valid, whatever it is needed for; enough different keys that are
//! not revoked must have signed ([`Signers`](crate::Signers)).
//!
//! Order: hash over header, payload and protected area; signatures; security counter; the rules
//! on signed contents. Then what decides is looked at a second time through different values, and
//! only a complete ledger of decisions makes the result.

use crate::boot_record::{BootRecord, Items};
use crate::candidate::Structure;
use crate::decision::{Decision, Ledger, Step, Tally};
use crate::policy::Keys;
use crate::suite::Claim;
use crate::tlv::{Entries, TlvEntry};
use crate::{Candidate, Dependency, ImageSource, Policy, Refusal, Verified, tlv};
use ironroot_crypto::hash::Digest;

/// The longest public key: RSA-3072 as PKCS#1 DER is 398 bytes.
const MAX_KEY: usize = 416;

/// What the second stage proved.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) digest: Digest,
    pub(crate) signer: Option<Digest>,
    pub(crate) keys: u32,
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
        let Signed { signer, tally } = check_signatures(self, &digest, &mut ledger)?;
        let security_counter = check_counter(self, &mut ledger)?;
        check_rules(self, &mut ledger)?;
        look_again(self, &digest, security_counter, &tally)?;
        if !ledger.is_complete() {
            return Err(Refusal::FaultDetected);
        }
        Ok(Proof {
            digest,
            signer,
            keys: tally.keys() & !self.policy.signers.revoked,
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

/// What came of the signatures.
struct Signed {
    signer: Option<Digest>,
    tally: Tally,
}

/// Every signature that names a trusted key is valid, and the keys are enough.
fn check_signatures(
    candidate: &Suspect<'_>,
    digest: &Digest,
    ledger: &mut Ledger,
) -> Result<Signed, Refusal> {
    if candidate.policy.suite.signature().is_none() {
        // `Policy::check` made sure that the key policy says the same.
        // A signature that the image may carry proves nothing here, and is not looked at.
        let unsigned = matches!(candidate.policy.keys, Keys::Unsigned);
        ledger.enter(Step::Signature, Decision::of(unsigned));
        return Ok(Signed {
            signer: None,
            tally: Tally::new(),
        });
    }
    let walk = SignatureWalk::walk(candidate, digest)?;
    let signers = &candidate.policy.signers;
    let enough = Decision::twice(|| signers.satisfied_by(walk.tally.keys()));
    if !enough.is_yes() {
        return Err(walk.too_few());
    }
    ledger.enter(Step::Signature, enough);
    Ok(Signed {
        signer: walk.first.map(|(_, signer)| signer),
        tally: walk.tally,
    })
}

fn check_pure_marker(candidate: &Suspect<'_>, pure: bool) -> Result<(), Refusal> {
    match (candidate.structure.found.pure, pure) {
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
    digest: &'w Digest,
    pending: Option<Named>,
    tally: Tally,
    /// The first of the device's keys that signed and counts, and its hash.
    first: Option<(u32, Digest)>,
    unknown: u32,
}

/// Whom a key TLV named.
#[derive(Clone, Copy)]
enum Named {
    Unknown,
    /// Trusted: the TLV, and the key's place in the policy.
    Trusted {
        entry: TlvEntry,
        key: u32,
    },
}

impl<'w> SignatureWalk<'w> {
    fn walk(candidate: &'w Suspect<'w>, digest: &'w Digest) -> Result<Self, Refusal> {
        let pure = candidate
            .policy
            .suite
            .signature()
            .is_some_and(|kind| kind.pure);
        check_pure_marker(candidate, pure)?;
        let mut walk = Self {
            candidate,
            digest,
            pending: None,
            tally: Tally::new(),
            first: None,
            unknown: 0,
        };
        for entry in candidate.unprotected_entries() {
            walk.step(entry?)?;
        }
        match walk.pending {
            None => Ok(walk),
            Some(_) => Err(Refusal::KeyWithoutSignature),
        }
    }

    /// Why the keys that signed are not enough.
    fn too_few(&self) -> Refusal {
        let keys = self.tally.keys();
        if keys & !self.candidate.policy.signers.revoked != 0 {
            Refusal::TooFewSignatures
        } else if keys != 0 {
            Refusal::KeyRevoked
        } else if self.unknown != 0 {
            Refusal::UnknownKey
        } else {
            Refusal::SignatureMissing
        }
    }

    fn step(&mut self, entry: TlvEntry) -> Result<(), Refusal> {
        match entry.kind {
            tlv::KEYHASH | tlv::PUBKEY => {
                if self.pending.is_some() {
                    return Err(Refusal::KeyWithoutSignature);
                }
                self.pending = Some(self.find_key(entry)?);
                Ok(())
            }
            tlv::RSA2048 | tlv::RSA3072 | tlv::ECDSA | tlv::ED25519 | tlv::LMS => {
                match self.pending.take().ok_or(Refusal::SignatureWithoutKey)? {
                    Named::Unknown => {
                        self.unknown = self.unknown.saturating_add(1);
                        Ok(())
                    }
                    Named::Trusted { entry: named, key } => self.check(entry, named, key),
                }
            }
            _ => Ok(()),
        }
    }

    /// Looks up the key that a key TLV names, in the one form that the device uses.
    fn find_key(&self, entry: TlvEntry) -> Result<Named, Refusal> {
        let Policy { suite, keys, .. } = self.candidate.policy;
        let hash = suite.hash();
        let mut buffer = [0; MAX_KEY];
        let named = |key: usize| Named::Trusted {
            entry,
            key: key as u32,
        };
        match (keys, entry.kind) {
            (Keys::Embedded(keys), tlv::KEYHASH) => {
                if entry.len != hash.len {
                    return Err(Refusal::TlvLength);
                }
                let wanted = entry.read(self.candidate.source, &mut buffer)?;
                for (index, key) in keys.iter().enumerate() {
                    if Decision::equal(hash.of_bytes(key)?.as_slice(), wanted).is_yes() {
                        return Ok(named(index));
                    }
                }
                Ok(Named::Unknown)
            }
            (Keys::Hashes(hashes), tlv::PUBKEY) => {
                let wanted = hash.of_bytes(entry.read(self.candidate.source, &mut buffer)?)?;
                let known = hashes
                    .iter()
                    .position(|known| Decision::equal(known, wanted.as_slice()).is_yes());
                Ok(known.map_or(Named::Unknown, named))
            }
            _ => Err(Refusal::KeyForm),
        }
    }

    /// Whether `bytes` are key `key` of the policy.
    #[inline(never)]
    fn is_key(&self, key: u32, bytes: &[u8]) -> bool {
        let Policy { suite, keys, .. } = self.candidate.policy;
        match keys {
            Keys::Embedded(keys) => keys
                .get(key as usize)
                .is_some_and(|known| Decision::equal(known, bytes).is_yes()),
            Keys::Hashes(hashes) => {
                let digest = suite.hash().of_bytes(bytes);
                hashes.get(key as usize).is_some_and(|known| {
                    digest.is_ok_and(|digest| Decision::equal(known, digest.as_slice()).is_yes())
                })
            }
            Keys::Unsigned => false,
        }
    }

    /// A signature under a trusted key must be of the key's type and valid.
    fn check(&mut self, entry: TlvEntry, named: TlvEntry, key: u32) -> Result<(), Refusal> {
        let candidate = self.candidate;
        let policy = candidate.policy;
        let kind = policy.signature_of(key).ok_or(Refusal::FaultDetected)?;
        if entry.kind != kind.tlv {
            return Err(Refusal::SignatureType);
        }
        let mut buffer = [0; MAX_KEY];
        let bytes = match policy.keys {
            Keys::Embedded(keys) => keys
                .get(key as usize)
                .copied()
                .ok_or(Refusal::FaultDetected)?,
            Keys::Hashes(_) => named.read(candidate.source, &mut buffer)?,
            Keys::Unsigned => return Err(Refusal::FaultDetected),
        };
        let decision = kind.verify(&Claim {
            key: bytes,
            digest: self.digest.as_slice(),
            source: candidate.source,
            signed_len: candidate.structure.layout.signed_len,
            signature: entry,
        })?;
        if !decision.is_yes() {
            return Err(Refusal::SignatureInvalid);
        }
        // That the key is the device's was decided once, when it was looked up. A stranger's valid signature
        // behind a skipped instruction there would be as good as the device's own.
        let trusted = Decision::twice(|| self.is_key(key, bytes));
        self.tally.enter(key, Decision::both(decision, trusted));
        let revoked = policy.signers.revoked.wrapping_shr(key) & 1 == 1;
        if !revoked && self.first.is_none_or(|(first, _)| key < first) {
            self.first = Some((key, policy.suite.hash().of_bytes(bytes)?));
        }
        Ok(())
    }
}

/// The signatures of an image, counted: for the words that a tool says when they are not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureCount {
    /// Trusted keys that signed validly and count: bit n for key n of [`Policy::keys`].
    pub keys: u32,
    /// Revoked keys that signed validly, likewise.
    pub revoked: u32,
    /// Signatures by keys that the device does not know.
    pub unknown: u32,
}

pub(crate) fn count<S: ImageSource>(
    candidate: &Candidate<'_, S>,
) -> Result<SignatureCount, Refusal> {
    let suspect = Suspect {
        source: &candidate.source,
        policy: candidate.policy,
        structure: &candidate.structure,
    };
    let digest = check_hash(&suspect, &mut Ledger::new())?;
    let walk = SignatureWalk::walk(&suspect, &digest)?;
    let revoked = candidate.policy.signers.revoked;
    Ok(SignatureCount {
        keys: walk.tally.keys() & !revoked,
        revoked: walk.tally.keys() & revoked,
        unknown: walk.unknown,
    })
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

/// Asks again what decides, from the bytes and in another form. Signatures are not computed a
/// second time: their outcomes are [`Decision`]s that the tally compares once more.
fn look_again(
    candidate: &Suspect<'_>,
    digest: &Digest,
    counter: Option<u32>,
    tally: &Tally,
) -> Result<(), Refusal> {
    let unsigned = matches!(candidate.policy.keys, Keys::Unsigned);
    if !unsigned
        && !candidate
            .policy
            .signers
            .satisfied_by(core::hint::black_box(tally.keys()))
    {
        return Err(Refusal::FaultDetected);
    }
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
