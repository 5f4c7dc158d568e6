//! What stays for good: seeds, proofs, auth values and policies of the hierarchies, the lockout, counters.
//!
//! All of it is one record, [`RecordId::PERMANENT`], so that a command that changes several of these values changes
//! them together. The record begins with its version; an unknown one is refused, never converted silently.

use super::journalled::Duplicate;
use super::orderly::Orderly;
use crate::entity::Policy;
use crate::profile::{MAX_BANKS, Profile};
use crate::rc::{Rc, Result};
use crate::store::{Change, MAX_RECORD, RecordId, Store};
use crate::structures::{Alg, AuthValue, BANKS};
use crate::tpm::StartError;
use crate::wire::{Input, Output};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::source::DERIVATION_ID;
use ironroot_crypto::{Secret, wipe};

/// First bytes of the record.
const MAGIC: u32 = 0x4952_5450;
/// The layout of the record; a change of what follows is a new number.
const VERSION: u16 = 1;

/// A primary seed, and by which rule keys are derived from it.
pub(crate) struct Seed {
    /// 1: `docs/decisions/0012`.
    pub(crate) derivation: u8,
    /// The seed.
    pub(crate) bytes: Secret<64>,
}

impl Seed {
    /// A new seed.
    pub(crate) fn random(drbg: &mut Drbg) -> Self {
        Self {
            derivation: DERIVATION_ID,
            bytes: drbg.secret(),
        }
    }

    fn duplicate(&self) -> Self {
        Self {
            derivation: self.derivation,
            bytes: duplicate(&self.bytes),
        }
    }
}

pub(super) fn duplicate<const N: usize>(secret: &Secret<N>) -> Secret<N> {
    secret.expose(|bytes| Secret::new(*bytes))
}

/// One of the hierarchies that stay: owner, endorsement, platform.
pub(crate) struct Root {
    /// Auth value; the platform's is empty after each reset and not kept here.
    pub(crate) auth: AuthValue,
    /// Policy; likewise.
    pub(crate) policy: Policy,
    /// Primary seed.
    pub(crate) seed: Seed,
    /// Proof: the key of its tickets and of what it protects.
    pub(crate) proof: Secret<64>,
}

impl Root {
    fn random(drbg: &mut Drbg) -> Self {
        Self {
            auth: AuthValue::EMPTY,
            policy: Policy::NONE,
            seed: Seed::random(drbg),
            proof: drbg.secret(),
        }
    }

    /// Nobody has set an auth value or a policy.
    pub(crate) fn open(&mut self) {
        self.auth = AuthValue::EMPTY;
        self.policy = Policy::NONE;
    }
}

impl Duplicate for Root {
    fn duplicate(&self) -> Self {
        Self {
            auth: self.auth.duplicate(),
            policy: self.policy,
            seed: self.seed.duplicate(),
            proof: duplicate(&self.proof),
        }
    }
}

/// Guard against guessing auth values (Part 1, section 19.8).
#[derive(Clone, Copy)]
pub(crate) struct Lockout {
    /// Failed tries, as of the last commit; see [`crate::state::Healing`].
    pub(crate) failed_tries: u32,
    /// How many lock.
    pub(crate) max_tries: u32,
    /// Seconds until one try is forgotten; 0: wrong auth values are not counted at all.
    pub(crate) recovery_time: u32,
    /// Seconds until lockout's own auth value may be tried again; 0: not before the next start.
    pub(crate) lockout_recovery: u32,
    /// Whether lockout's own auth value may be tried.
    pub(crate) auth_enabled: bool,
    /// Whether a guarded auth value was tried since the last start. A start that finds this set, without an orderly
    /// shutdown before, counts one failed try: power may have been cut to hide it.
    pub(crate) tried: bool,
}

impl Lockout {
    /// As a new TPM has it, and one that was cleared.
    pub(crate) const NEW: Self = Self {
        failed_tries: 0,
        max_tries: 3,
        recovery_time: 1000,
        lockout_recovery: 1000,
        auth_enabled: true,
        tried: false,
    };
}

/// Everything that stays for good but NV indices and persistent objects.
pub(crate) struct Permanent {
    pub(crate) owner: Root,
    pub(crate) endorsement: Root,
    pub(crate) platform: Root,
    pub(crate) lockout_auth: AuthValue,
    pub(crate) lockout_policy: Policy,
    pub(crate) lockout: Lockout,
    pub(crate) clear_disabled: bool,
    /// Resets in the life of this TPM, and since the last Clear.
    pub(crate) total_resets: u64,
    pub(crate) reset_count: u32,
    /// Starts that were no resumes, in the life of this TPM. NV indices are stamped with it: a lock or a value that a
    /// start takes away is gone when the stamp is older.
    pub(crate) starts: u64,
    /// Global write locks in the life of this TPM, and at which start the last one was.
    pub(crate) global_locks: u64,
    pub(crate) global_lock_start: u64,
    /// No counter that was deleted had a greater value.
    pub(crate) max_counter: u64,
    /// No later value of Clock was ever told, in ms; the value itself after an orderly shutdown.
    pub(crate) clock: u64,
    /// `safe` of TPMS_CLOCK_INFO.
    pub(crate) clock_safe: bool,
    /// How the last shutdown was.
    pub(crate) orderly: Orderly,
    /// Which PCRs each bank has from the next reset on, in the order of [`BANKS`].
    pub(crate) banks: [u32; MAX_BANKS],
    /// Goes into the random bit generator at the next start.
    pub(crate) random: Secret<32>,
}

impl Permanent {
    /// Reads it, or makes a new TPM and commits it.
    ///
    /// # Errors
    /// `Version`, `Corrupt`, or the store's; nothing was changed.
    pub(crate) fn read_or_make(
        store: &mut dyn Store,
        drbg: &mut Drbg,
        profile: &Profile,
    ) -> core::result::Result<Self, StartError> {
        match Self::read(store)? {
            Some(permanent) => Ok(permanent),
            None => Self::make(store, drbg, profile),
        }
    }

    /// Reads it; `None`: there is none, and nothing else either.
    ///
    /// # Errors
    /// `Version`, `Corrupt`, or the store's. A store that has other records but not this one is corrupt: a new TPM is
    /// never made on top of what another one left.
    pub(crate) fn read(store: &mut dyn Store) -> core::result::Result<Option<Self>, StartError> {
        let mut record = [0; MAX_RECORD];
        let Some(len) = store.read(RecordId::PERMANENT, &mut record)? else {
            return match store.at_or_after(RecordId(0))? {
                None => Ok(None),
                Some(_) => Err(StartError::Corrupt),
            };
        };
        let parsed = record
            .get(..len)
            .ok_or(StartError::Corrupt)
            .and_then(Self::parse);
        wipe(&mut record);
        parsed.map(Some)
    }

    fn make(
        store: &mut dyn Store,
        drbg: &mut Drbg,
        profile: &Profile,
    ) -> core::result::Result<Self, StartError> {
        let permanent = Self::random(drbg, profile);
        let mut record = [0; MAX_RECORD];
        let mut out = Output::new(&mut record);
        permanent.write(&mut out).map_err(|_| StartError::Corrupt)?;
        let made = store.commit(&[Change::Set {
            id: RecordId::PERMANENT,
            data: out.written(),
        }]);
        wipe(&mut record);
        made?;
        Ok(permanent)
    }

    fn random(drbg: &mut Drbg, profile: &Profile) -> Self {
        let mut banks = [0; MAX_BANKS];
        for (bank, (_, hash)) in banks.iter_mut().zip(BANKS) {
            if profile.pcr_banks.contains(hash) {
                *bank = crate::pcr::ALL;
            }
        }
        Self {
            owner: Root::random(drbg),
            endorsement: Root::random(drbg),
            platform: Root::random(drbg),
            lockout_auth: AuthValue::EMPTY,
            lockout_policy: Policy::NONE,
            lockout: Lockout::NEW,
            clear_disabled: false,
            total_resets: 0,
            reset_count: 0,
            starts: 0,
            global_locks: 0,
            global_lock_start: 0,
            max_counter: 0,
            clock: 0,
            clock_safe: true,
            orderly: Orderly::Clear,
            banks,
            random: drbg.secret(),
        }
    }

    /// The record.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&MAGIC)?;
        out.put(&VERSION)?;
        for root in [&self.owner, &self.endorsement, &self.platform] {
            write_root(root, out)?;
        }
        out.put(&self.lockout_auth)?;
        write_policy(&self.lockout_policy, out)?;
        let lockout = &self.lockout;
        for number in [
            lockout.failed_tries,
            lockout.max_tries,
            lockout.recovery_time,
            lockout.lockout_recovery,
        ] {
            out.put(&number)?;
        }
        for flag in [
            lockout.auth_enabled,
            lockout.tried,
            self.clear_disabled,
            self.clock_safe,
        ] {
            out.put(&flag)?;
        }
        out.put(&self.reset_count)?;
        for number in [
            self.total_resets,
            self.starts,
            self.global_locks,
            self.global_lock_start,
            self.max_counter,
            self.clock,
        ] {
            out.put(&number)?;
        }
        out.put(&self.orderly.number())?;
        // The number of banks is a matter of the build: a state goes with its build's hash algorithms.
        out.put(&(MAX_BANKS as u8))?;
        self.banks.iter().try_for_each(|bank| out.put(bank))?;
        self.random.expose(|bytes| out.raw(bytes))
    }

    fn parse(record: &[u8]) -> core::result::Result<Self, StartError> {
        let mut input = Input::new(record);
        let magic: u32 = input.get().map_err(|_| StartError::Corrupt)?;
        let version: u16 = input.get().map_err(|_| StartError::Corrupt)?;
        match (magic, version) {
            (MAGIC, VERSION) => {}
            (MAGIC, _) => return Err(StartError::Version),
            _ => return Err(StartError::Corrupt),
        }
        let permanent = Self::parse_body(&mut input).map_err(|_| StartError::Corrupt)?;
        match input.is_empty() {
            true => Ok(permanent),
            false => Err(StartError::Corrupt),
        }
    }

    fn parse_body(input: &mut Input<'_>) -> Result<Self> {
        let (owner, endorsement, platform) =
            (read_root(input)?, read_root(input)?, read_root(input)?);
        let lockout_auth = input.get()?;
        let lockout_policy = read_policy(input)?;
        let mut lockout = Lockout {
            failed_tries: input.get()?,
            max_tries: input.get()?,
            recovery_time: input.get()?,
            lockout_recovery: input.get()?,
            ..Lockout::NEW
        };
        lockout.auth_enabled = input.get()?;
        lockout.tried = input.get()?;
        Ok(Self {
            owner,
            endorsement,
            platform,
            lockout_auth,
            lockout_policy,
            lockout,
            clear_disabled: input.get()?,
            clock_safe: input.get()?,
            reset_count: input.get()?,
            total_resets: input.get()?,
            starts: input.get()?,
            global_locks: input.get()?,
            global_lock_start: input.get()?,
            max_counter: input.get()?,
            clock: input.get()?,
            orderly: Orderly::of(input.get()?).ok_or(Rc::VALUE)?,
            banks: read_banks(input)?,
            random: Secret::from_slice(input.take(32)?).ok_or(Rc::SIZE)?,
        })
    }
}

fn write_root(root: &Root, out: &mut Output<'_>) -> Result<()> {
    out.put(&root.auth)?;
    write_policy(&root.policy, out)?;
    out.put(&root.seed.derivation)?;
    root.seed.bytes.expose(|bytes| out.raw(bytes))?;
    root.proof.expose(|bytes| out.raw(bytes))
}

fn read_root(input: &mut Input<'_>) -> Result<Root> {
    let auth = input.get()?;
    let policy = read_policy(input)?;
    let derivation = input.get()?;
    // Keys that this build cannot derive again would come out as other keys.
    if derivation != DERIVATION_ID {
        return Err(Rc::VALUE);
    }
    Ok(Root {
        auth,
        policy,
        seed: Seed {
            derivation,
            bytes: Secret::from_slice(input.take(64)?).ok_or(Rc::SIZE)?,
        },
        proof: Secret::from_slice(input.take(64)?).ok_or(Rc::SIZE)?,
    })
}

/// A policy in a record: algorithm (`TPM_ALG_NULL`: none) and sized digest.
pub(crate) fn write_policy(policy: &Policy, out: &mut Output<'_>) -> Result<()> {
    out.put(&policy.hash.map_or(Alg::NULL, Alg::from))?;
    out.put(&policy.digest)
}

pub(crate) fn read_policy(input: &mut Input<'_>) -> Result<Policy> {
    Ok(Policy {
        hash: input.get()?,
        digest: input.get()?,
    })
}

fn read_banks(input: &mut Input<'_>) -> Result<[u32; MAX_BANKS]> {
    if usize::from(input.get::<u8>()?) != MAX_BANKS {
        return Err(Rc::SIZE);
    }
    let mut banks = [0; MAX_BANKS];
    for bank in &mut banks {
        *bank = input.get()?;
    }
    match banks.iter().all(|bank| bank & !crate::pcr::ALL == 0) {
        true => Ok(banks),
        false => Err(Rc::VALUE),
    }
}

impl Duplicate for Permanent {
    fn duplicate(&self) -> Self {
        Self {
            owner: self.owner.duplicate(),
            endorsement: self.endorsement.duplicate(),
            platform: self.platform.duplicate(),
            lockout_auth: self.lockout_auth.duplicate(),
            random: duplicate(&self.random),
            ..*self
        }
    }
}
