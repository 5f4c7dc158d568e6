//! A Root of Trust on modelled flash, reached through the client library or by raw messages.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod firmware;
pub(crate) mod update_model;
pub(crate) mod vectors;

use ironroot_attest::Profile;
use ironroot_boot::fault::FaultArea;
use ironroot_boot::otp::{
    Facts, Lifecycle, Otp, ProvisioningFlags, RootKeys, Scheme, Secrets, Text,
};
use ironroot_boot::{FlashMap, PerImage, flash_map};
use ironroot_client::{Output, Transport};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::key_tree::KeyTree;
use ironroot_image::shared_data::{CLAIM_BOOT_RECORD, EntryType, SharedDataWriter};
use ironroot_image::suites;
use ironroot_platform::Geometry;
use ironroot_platform::model::{ModelCounter, ModelFlash, Power};
use ironroot_psa::{ImageRules, ImageSlots, Parts, RootOfTrust, System};
use ironroot_psa_api::crypto::CryptoRequest;
use ironroot_psa_api::{ClientId, Error, Handle, StatelessHandle, Status};
use ironroot_spm::mock::call_service;
use ironroot_spm::{Provider, RootServices, ServiceAccess};
use ironroot_vault::Vault;
use std::collections::BTreeSet;
use std::sync::Mutex;

pub(crate) type Root = RootOfTrust<'static, ModelFlash, ModelCounter, ModelFlash, FakeSystem, 64>;

/// Counts how often the system was reset.
#[derive(Default)]
pub(crate) struct FakeSystem {
    pub(crate) resets: u32,
    /// How often the recovery mode was asked for; nothing on a board that has no way to ask.
    pub(crate) recoveries: Option<u32>,
}

impl System for FakeSystem {
    fn reset(&mut self) {
        self.resets += 1;
    }

    fn ask_for_recovery(&mut self) -> bool {
        self.recoveries = self.recoveries.map(|asked| asked + 1);
        self.recoveries.is_some()
    }
}

pub(crate) const VAULT_GEOMETRY: Geometry = Geometry {
    sector_size: 4096,
    sectors: 16,
    write_unit: 4,
    erased: 0xff,
};

/// The slots of a small device, so that a test need not have 16 MiB.
pub(crate) fn small_map() -> FlashMap {
    let mut map = flash_map::AN521;
    let area = |number: u32| flash_map::Area {
        offset: number * 0x4000,
        len: 0x4000,
    };
    map.slots.secure.a = area(0);
    map.slots.secure.b = area(1);
    map.slots.non_secure.a = area(2);
    map.slots.non_secure.b = area(3);
    let counter = |sector: u32| flash_map::Area {
        offset: sector * 0x1000,
        len: 0x2000,
    };
    map.security_counters.secure = counter(16);
    map.security_counters.non_secure = counter(18);
    map.geometry.sectors = 20;
    map
}

/// What the device accepts: signatures by the key whose hash is in its OTP.
pub(crate) const RULES: ImageRules = ImageRules {
    suites: &[(Scheme::P256Sha256, &suites::P256_SHA256)],
    encryption: &[],
    windows: PerImage {
        secure: None,
        non_secure: None,
    },
};

pub(crate) fn slots_flash(power: &Power) -> ModelFlash {
    ModelFlash::new(small_map().geometry, power)
}

/// What a device is made of. Tests change it before they build.
pub(crate) struct Device {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) profile: Profile,
    pub(crate) shared_data: Vec<u8>,
    pub(crate) certification_reference: &'static str,
    /// Writes the image slots before each start, on a blank flash.
    pub(crate) prepare_slots: fn(&mut ModelFlash),
    pub(crate) boots: u32,
    /// SHA-256 of the key that signs images.
    pub(crate) root_key_hash: [u8; 32],
}

impl Default for Device {
    fn default() -> Self {
        Self {
            lifecycle: Lifecycle::Secured,
            profile: Profile::Rfc9783,
            shared_data: shared_data(&[boot_record("SPE", 1), boot_record("NSPE", 2)], &[]),
            certification_reference: "",
            prepare_slots: |_| (),
            boots: 0,
            root_key_hash: [3; 32],
        }
    }
}

/// A boot record as imgtool writes it, in its order of keys.
pub(crate) fn boot_record(component: &str, number: u8) -> Vec<u8> {
    let mut record = vec![0xa5, 0x01, 0x60 | component.len() as u8];
    record.extend(component.as_bytes());
    record.extend(b"\x04\x651.2.3\x05\x58\x20");
    record.extend([0x20 + number; 32]);
    record.extend(b"\x06\x66SHA256\x02\x58\x20");
    record.extend([0x10 + number; 32]);
    record
}

/// A shared data area with boot records and further entries.
pub(crate) fn shared_data(records: &[Vec<u8>], more: &[(u16, &[u8])]) -> Vec<u8> {
    let mut area = vec![0; 4096];
    let mut writer = SharedDataWriter::new(&mut area).unwrap();
    for (module, record) in (0..).zip(records) {
        writer
            .add(EntryType::measurement(module, CLAIM_BOOT_RECORD), record)
            .unwrap();
    }
    for (kind, data) in more {
        writer.add(EntryType::bootloader(*kind), data).unwrap();
    }
    writer.written().to_vec()
}

const HUK: [u8; 32] = [0x11; 32];
const ATTESTATION_KEY: [u8; 32] = [0x22; 32];

pub(crate) fn attestation_public_key() -> P256PublicKey {
    P256PrivateKey::from_bytes(&Secret::new(ATTESTATION_KEY))
        .unwrap()
        .public()
}

impl Device {
    pub(crate) fn otp(&self) -> Otp {
        let point = attestation_public_key().to_sec1();
        let hash: [u8; 32] = digest(HashAlgorithm::Sha256, &point).to_array().unwrap();
        let mut instance_id = [1; 33];
        instance_id[1..].copy_from_slice(&hash);
        let root_key = RootKeys::one(Scheme::P256Sha256, &self.root_key_hash).unwrap();
        Otp {
            facts: Facts {
                lifecycle: self.lifecycle,
                implementation_id: [0x77; 32],
                instance_id,
                root_keys: PerImage {
                    secure: root_key,
                    non_secure: root_key,
                },
                certification_reference: Text::new(self.certification_reference).unwrap(),
                verification_service: Text::EMPTY,
                flags: ProvisioningFlags::default(),
            },
            secrets: Secrets {
                hardware_unique_key: Secret::new(HUK),
                attestation_key: Secret::new(ATTESTATION_KEY),
                entropy_seed: Secret::new([0x33; 32]),
                decryption_key: None,
            },
        }
    }

    /// Starts the device on the given flash. Each start draws other random numbers.
    pub(crate) fn start(
        &mut self,
        flash: ModelFlash,
        counter: ModelCounter,
        slots: ModelFlash,
    ) -> Root {
        self.try_start(flash, counter, slots)
            .expect("the vault mounts")
    }

    pub(crate) fn try_start(
        &mut self,
        flash: ModelFlash,
        counter: ModelCounter,
        slots: ModelFlash,
    ) -> Result<Root, ironroot_vault::VaultError> {
        self.boots += 1;
        let mut slots = slots;
        (self.prepare_slots)(&mut slots);
        let mut drbg = Drbg::new(&Secret::new([0x44; 32]), &self.boots.to_le_bytes());
        let otp = self.otp();
        let key_tree = KeyTree::new(&otp.secrets.hardware_unique_key);
        let key = key_tree.derive(b"vault", b"");
        let vault = Vault::mount(flash, counter, &key, &mut drbg)?;
        let mut root = RootOfTrust::new(Parts {
            vault,
            slots: ImageSlots::new(slots, small_map(), RULES),
            system: FakeSystem::default(),
            otp,
            key_tree,
            drbg,
            shared_data: forever(&self.shared_data),
            profile: self.profile,
            boot_count: self.boots,
        });
        root.settle_updates();
        Ok(root)
    }
}

/// The same bytes for the rest of the run. Each content is kept once, for fuzzing starts many devices.
fn forever(bytes: &[u8]) -> &'static [u8] {
    static KEPT: Mutex<BTreeSet<&'static [u8]>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap();
    match kept.get(bytes) {
        Some(same) => same,
        None => {
            let new = Vec::leak(bytes.to_vec());
            kept.insert(new);
            new
        }
    }
}

/// A running device and the client that calls it.
pub(crate) struct Rig {
    pub(crate) device: Device,
    pub(crate) root: Root,
    pub(crate) power: Power,
    pub(crate) client: ClientId,
}

impl Default for Rig {
    fn default() -> Self {
        Self::new(Device::default())
    }
}

impl Rig {
    pub(crate) fn new(mut device: Device) -> Self {
        let power = Power::new();
        let flash = ModelFlash::new(VAULT_GEOMETRY, &power);
        let counter = ModelCounter::new(0, 1_000_000, &power);
        let root = device.start(flash, counter, slots_flash(&power));
        Self {
            device,
            root,
            power,
            client: ClientId::NON_SECURE,
        }
    }

    /// Turns the device off and on again: what is not in the vault is gone.
    pub(crate) fn restart(self) -> Self {
        let Self {
            mut device,
            root,
            power,
            client,
        } = self;
        let (flash, counter) = root.into_storage().0.into_parts();
        power.on();
        let root = device.start(flash, counter, slots_flash(&power));
        Self {
            device,
            root,
            power,
            client,
        }
    }

    /// The same device, called by another client.
    pub(crate) fn as_client(&mut self, id: i32) -> &mut Self {
        self.client = ClientId::new(id).unwrap();
        self
    }

    /// A raw message to a service: its constant handle, type, inputs and sizes of outputs.
    pub(crate) fn message(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        out_sizes: &[usize],
    ) -> (Status, Vec<Vec<u8>>) {
        let number = service_number(handle).expect("a service of the table");
        call_service(&mut self.root, number, self.client, kind, inputs, out_sizes)
    }

    /// A raw message to the Crypto service.
    pub(crate) fn crypto(
        &mut self,
        request: &CryptoRequest,
        inputs: &[&[u8]],
        out_sizes: &[usize],
    ) -> (Status, Vec<Vec<u8>>) {
        let request = request.to_bytes();
        let inputs: Vec<&[u8]> = std::iter::once(&request[..])
            .chain(inputs.iter().copied())
            .collect();
        self.message(
            ironroot_psa_api::service::CRYPTO.handle,
            0,
            &inputs,
            out_sizes,
        )
    }

    pub(crate) fn collect_faults(&mut self, area: &mut FaultArea<'_>) {
        self.root.collect_faults(area).unwrap();
    }
}

/// The number under which the partition manager's table has the service with this constant handle.
fn service_number(handle: Handle) -> Option<u32> {
    let index = StatelessHandle::parse(handle)?.index();
    ironroot_psa::SERVICES
        .iter()
        .find_map(|info| match (info.access, info.provider) {
            (ServiceAccess::Stateless(own), Provider::Root(number)) if own == index => Some(number),
            _ => None,
        })
}

impl Transport for Rig {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        let sizes: Vec<usize> = outputs
            .iter_mut()
            .map(|output| output.buffer().len())
            .collect();
        let Some(number) = service_number(handle) else {
            return Error::ConnectionRefused.status();
        };
        let (status, written) =
            call_service(&mut self.root, number, self.client, kind, inputs, &sizes);
        for (output, bytes) in outputs.iter_mut().zip(written) {
            output.buffer()[..bytes.len()].copy_from_slice(&bytes);
            output.set_written(bytes.len());
        }
        status
    }
    fn connect(&mut self, _sid: u32, _version: u32) -> Result<Handle, Error> {
        Err(Error::ConnectionRefused)
    }
    fn close(&mut self, _handle: Handle) {}
    fn version(&mut self, _sid: u32) -> u32 {
        1
    }
    fn framework_version(&mut self) -> u32 {
        0x0101
    }
}

/// A partition of client id `id` that failed.
pub(crate) fn partition_failure(
    id: i32,
    cause: ironroot_spm::FailureCause,
    outcome: ironroot_spm::FailureOutcome,
) -> ironroot_spm::PartitionFailure {
    use ironroot_spm::{AfterLastRestart, PartitionInfo, Priority, RestartPolicy};
    let info = PartitionInfo {
        client: ClientId::new(id).unwrap(),
        name: "TEST",
        priority: Priority::Normal,
        dependencies: &[],
        restart: RestartPolicy {
            restarts: 1,
            then: AfterLastRestart::Disable,
        },
    };
    ironroot_spm::PartitionFailure {
        partition: ironroot_platform::PartitionIndex(3),
        info: Box::leak(Box::new(info)),
        cause,
        outcome,
    }
}

pub(crate) fn fail_partition(root: &mut Root, failure: ironroot_spm::PartitionFailure) {
    RootServices::partition_failed(root, failure);
}
