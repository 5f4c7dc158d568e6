//! The PSA Root of Trust as one value: every service's state, and what they are made of.

use crate::attestation::{self, Attester};
use crate::crypto::{self, BuiltinSecrets, CryptoService, Environment};
use crate::scratch::Scratch;
use crate::table::Service;
use crate::update::{self, ImageSlots, UpdateState};
use crate::{faults, its, platform};
use ironroot_attest::Profile;
use ironroot_boot::fault::{Cause, FaultArea, FaultRecord, Origin};
use ironroot_boot::otp::{Facts, Otp, ProvisioningFlags};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::key_tree::KeyTree;
use ironroot_platform::{Flash, HardwareCounter, PartitionIndex};
use ironroot_psa_api::{Error, Status};
use ironroot_spm::{FailureCause, FailureOutcome, Message, PartitionFailure, RootServices};
use ironroot_vault::Vault;

/// What only the port can do.
pub trait System {
    /// Resets the system. On a device this does not return; where the answer to the request must
    /// still get out, it may return and reset a moment later.
    fn reset(&mut self);

    /// Has the next reset enter the bootloader's recovery mode. False where nobody can ask for it.
    fn ask_for_recovery(&mut self) -> bool {
        false
    }
}

/// What the Root of Trust is built from.
pub struct Parts<'a, F: Flash, C: HardwareCounter, G, S, const RECORDS: usize> {
    /// The mounted record store.
    pub vault: Vault<F, C, RECORDS>,
    /// The image slots, for the update service.
    pub slots: ImageSlots<G>,
    /// The port's hand.
    pub system: S,
    /// What provisioning wrote.
    pub otp: Otp,
    /// The root of derived keys, made from the hardware unique key.
    pub key_tree: KeyTree,
    /// A seeded random generator.
    pub drbg: Drbg,
    /// The area that the bootloader filled, in MCUboot's format; it must not change any more.
    pub shared_data: &'a [u8],
    /// Claim set of attestation tokens.
    pub profile: Profile,
    /// How often the device was booted, for fault records.
    pub boot_count: u32,
}

/// The services of the PSA Root of Trust: crypto, internal trusted storage, attestation, update, platform.
///
/// `F` and `C` are the vault's flash and counter, `G` the flash with the image slots, `S` the port.
pub struct RootOfTrust<'a, F: Flash, C: HardwareCounter, G, S, const RECORDS: usize> {
    vault: Vault<F, C, RECORDS>,
    slots: ImageSlots<G>,
    system: S,
    facts: Facts,
    attestation_key: Secret<32>,
    key_tree: KeyTree,
    drbg: Drbg,
    shared_data: &'a [u8],
    profile: Profile,
    boot_seed: [u8; 32],
    boot_count: u32,
    crypto: CryptoService,
    update: UpdateState,
    scratch: Scratch,
}

impl<'a, F: Flash, C: HardwareCounter, G: Flash, S: System, const RECORDS: usize>
    RootOfTrust<'a, F, C, G, S, RECORDS>
{
    /// Puts the services together, draws this boot's seed, and looks at what the boot made of updates. The
    /// hardware unique key is wiped: what needs it has the key tree.
    #[must_use]
    pub fn new(parts: Parts<'a, F, C, G, S, RECORDS>) -> Self {
        let Parts {
            vault,
            mut slots,
            system,
            otp,
            key_tree,
            mut drbg,
            shared_data,
            profile,
            boot_count,
        } = parts;
        let mut boot_seed = [0; 32];
        drbg.fill(&mut boot_seed);
        if cfg!(feature = "update") {
            let together = otp.facts.flags.contains(ProvisioningFlags::IMAGES_TOGETHER);
            slots.updating(update::mode(shared_data), together);
        }
        Self {
            vault,
            slots,
            system,
            facts: otp.facts,
            attestation_key: otp.secrets.attestation_key,
            key_tree,
            drbg,
            shared_data,
            profile,
            boot_seed,
            boot_count,
            crypto: CryptoService::new(),
            update: UpdateState::new(shared_data),
            scratch: Scratch::new(),
        }
    }

    /// Looks at what this boot made of updates: completes them, or takes them back. To be called once at start;
    /// without it the first call of the update service does it, on whatever stack that has. It may verify an
    /// image, so it is apart from [`new`](Self::new), under which large values lie on the stack.
    pub fn settle_updates(&mut self) {
        if cfg!(feature = "update") {
            let environment = update::Environment {
                store: &mut self.vault,
                slots: &mut self.slots,
                root_keys: &self.facts.root_keys,
            };
            update::settle(&mut self.update, environment);
        }
    }

    /// Moves the faults of earlier boots from reserved memory into the log. To be called once at start.
    ///
    /// # Errors
    /// Those of the vault; what was not moved stays where it is.
    pub fn collect_faults(&mut self, area: &mut FaultArea<'_>) -> Result<(), Error> {
        faults::collect(&mut self.vault, area)
    }

    /// A fault of the log with secure addresses and all, for the secure console: the newest but `back`.
    ///
    /// # Errors
    /// `DOES_NOT_EXIST` when there are not so many.
    pub fn fault(&mut self, back: u32) -> Result<FaultRecord, Error> {
        faults::newest(&mut self.vault, back).map(|(record, _)| record)
    }

    /// What is provisioned and no secret.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The port's hand.
    pub const fn system_mut(&mut self) -> &mut S {
        &mut self.system
    }

    /// Gives the vault and the flash with the slots back, for tests that cut the power.
    #[must_use]
    pub fn into_storage(self) -> (Vault<F, C, RECORDS>, G) {
        (self.vault, self.slots.into_inner())
    }

    fn answer(&mut self, service: Service, message: &mut Message<'_>) -> Result<Status, Error> {
        let lifecycle = self.facts.lifecycle;
        let done = match service {
            Service::Crypto => {
                let builtin = BuiltinSecrets {
                    tree: &self.key_tree,
                    attestation_key: &self.attestation_key,
                };
                let environment = Environment {
                    store: &mut self.vault,
                    drbg: &mut self.drbg,
                    scratch: &mut self.scratch,
                    builtin,
                };
                crypto::call(&mut self.crypto, environment, message)
            }
            Service::Its => its::call(&mut self.vault, lifecycle, message),
            Service::Attestation => {
                let attester = Attester {
                    profile: self.profile,
                    facts: &self.facts,
                    boot_seed: &self.boot_seed,
                    shared_data: self.shared_data,
                    key: &self.attestation_key,
                };
                attestation::call(&attester, &mut self.scratch, message)
            }
            Service::Update if cfg!(not(feature = "update")) => return Err(Error::NotSupported),
            Service::Update => {
                let environment = update::Environment {
                    store: &mut self.vault,
                    slots: &mut self.slots,
                    root_keys: &self.facts.root_keys,
                };
                let (scratch, system) = (&mut self.scratch, &mut self.system);
                return update::call(&mut self.update, environment, scratch, system, message);
            }
            Service::Platform => {
                platform::call(&mut self.vault, lifecycle, &mut self.system, message)
            }
        };
        done.map(|()| Status::SUCCESS)
    }
}

impl<F: Flash, C: HardwareCounter, G: Flash, S: System, const RECORDS: usize> RootServices
    for RootOfTrust<'_, F, C, G, S, RECORDS>
{
    fn call(&mut self, service: u32, message: &mut Message<'_>) -> Status {
        match Service::from_number(service) {
            Some(service) => self.answer(service, message).unwrap_or_else(Error::status),
            None => Error::ConnectionRefused.status(),
        }
    }

    fn partition_failed(&mut self, failure: PartitionFailure) {
        self.crypto.remove_client(failure.info.client.get());
        if let Some(record) = record_of(&failure) {
            let record = FaultRecord {
                boot_count: self.boot_count,
                ..record
            };
            // The log is full or the flash is failing: the partition is stopped all the same.
            let _ = faults::record(&mut self.vault, &record);
        }
        if matches!(failure.outcome, FailureOutcome::ResetSystem) {
            self.system.reset();
        }
    }
}

/// The port has recorded what the hardware caught; the rest only the partition manager knows.
fn record_of(failure: &PartitionFailure) -> Option<FaultRecord> {
    let PartitionIndex(index) = failure.partition;
    let cause = match failure.outcome {
        FailureOutcome::Disabled => Cause::PartitionDown,
        FailureOutcome::Restarted { .. } | FailureOutcome::ResetSystem => Cause::PartitionPanic,
    };
    let detail = match failure.cause {
        FailureCause::Hardware if cause != Cause::PartitionDown => return None,
        FailureCause::Hardware => 0,
        FailureCause::Panic => 1,
        FailureCause::ProgrammerError { call } => 0x100 | u32::from(call),
        FailureCause::Deadlock => 2,
    };
    Some(FaultRecord {
        detail,
        ..FaultRecord::new(cause, Origin::Partition(index))
    })
}
