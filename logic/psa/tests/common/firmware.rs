//! A device whose firmware is updated through the service and booted by the real bootloader, on modelled
//! flash that can lose power at every operation.

use super::{Device, FakeSystem, VAULT_GEOMETRY, forever, service_number};
use ironroot_boot::flash_map::Area;
use ironroot_boot::install::set::Together;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::otp::{ProvisioningFlags, RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{
    BootError, DirectXipRevert, Event, FlashMap, Image, ImageMemory, Launched, Located, PerImage,
    PerSlot, RamLoad, Running, Setup, Slot, UpdateLayout, UpdateMode, Window, boot_as_set,
    boot_from_flash, boot_in_place, flash_map,
};
use ironroot_client::{Output, Transport, fwu};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::key_tree::KeyTree;
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{AddressRange, Dependency, Suite, Version, suites};
use ironroot_platform::model::{ModelCounter, ModelFlash, Power};
use ironroot_platform::{Flash, FlashCounter, FlashError, Geometry};
use ironroot_psa::{ImageRules, ImageSlots, Parts, RootOfTrust};
use ironroot_psa_api::fwu::{ComponentInfo, ComponentState};
use ironroot_psa_api::{ClientId, Error, Handle, Status};
use ironroot_spm::mock::call_service;
use ironroot_vault::Vault;
use std::cell::RefCell;
use std::rc::Rc;

pub(crate) const SECTOR: u32 = 0x400;
/// Sectors of a slot; the last one has the trailer.
const SLOT_SECTORS: u32 = 5;
/// The longest image.
pub(crate) const LIMIT: u32 = (SLOT_SECTORS - 1) * SECTOR;

const fn sectors(first: u32, count: u32) -> Area {
    Area {
        offset: first * SECTOR,
        len: count * SECTOR,
    }
}

/// Slots from sector 0, then counters; vault and OTP are elsewhere.
pub(crate) fn map() -> FlashMap {
    let slots = |first| PerSlot {
        a: sectors(first, SLOT_SECTORS),
        b: sectors(first + SLOT_SECTORS, SLOT_SECTORS),
    };
    FlashMap {
        geometry: Geometry {
            sector_size: SECTOR,
            sectors: 4 * SLOT_SECTORS + 4 + 2 + 2,
            write_unit: 4,
            erased: 0xff,
        },
        slots: PerImage {
            secure: slots(0),
            non_secure: slots(2 * SLOT_SECTORS),
        },
        security_counters: PerImage {
            secure: sectors(4 * SLOT_SECTORS, 2),
            non_secure: sectors(4 * SLOT_SECTORS + 2, 2),
        },
        set_record: sectors(4 * SLOT_SECTORS + 4, 2),
        ..flash_map::AN521
    }
}

/// For swaps that need one.
const SCRATCH: Area = sectors(4 * SLOT_SECTORS + 6, 2);

/// How a device updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) mode: UpdateMode,
    /// Its images are a set.
    pub(crate) together: bool,
}

impl Kind {
    pub(crate) const fn of(mode: UpdateMode) -> Self {
        Self {
            mode,
            together: false,
        }
    }

    pub(crate) const fn together(mode: UpdateMode) -> Self {
        Self {
            mode,
            together: true,
        }
    }
}

/// Where each image is loaded.
const WINDOWS: PerImage<u32> = PerImage {
    secure: 0x1000,
    non_secure: 0x8000,
};

const SUITES: &[(Scheme, &Suite)] = &[(Scheme::Ed25519Sha256, &suites::ED25519_SHA256)];

fn rules() -> ImageRules {
    let window = |start| {
        Some(AddressRange {
            start,
            len: LIMIT + SECTOR,
        })
    };
    ImageRules {
        suites: SUITES,
        encryption: &[],
        windows: PerImage {
            secure: window(WINDOWS.secure),
            non_secure: window(WINDOWS.non_secure),
        },
    }
}

/// The flash with slots and counters, which bootloader and service reach in turn.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Rc<RefCell<ModelFlash>>);

impl Flash for Shared {
    fn geometry(&self) -> Geometry {
        self.0.borrow().geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        self.0.borrow().read(offset, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        self.0.borrow_mut().program(offset, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.0.borrow_mut().erase(sector)
    }
}

fn key() -> (Ed25519PrivateKey, Vec<u8>) {
    let key = Ed25519PrivateKey::from_seed(&Secret::new([7; 32]));
    // RFC 8410, section 4: SubjectPublicKeyInfo of an Ed25519 key.
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend(key.public().to_bytes());
    (key, der)
}

/// An image to build.
#[derive(Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) major: u8,
    pub(crate) counter: u32,
    pub(crate) len: usize,
    pub(crate) needs: Option<(Image, u8)>,
}

/// Version `major`.0.0, the same number as security counter.
pub(crate) const fn spec(major: u8, len: usize) -> Spec {
    Spec {
        major,
        counter: major as u32,
        len,
        needs: None,
    }
}

impl Spec {
    pub(crate) const fn needs(self, image: Image, major: u8) -> Self {
        Self {
            needs: Some((image, major)),
            ..self
        }
    }

    pub(crate) fn build(self) -> Vec<u8> {
        let (key, der) = key();
        let dependencies: Vec<_> = self
            .needs
            .map(|(image, major)| Dependency {
                image: image.number(),
                minimum: Version::new(major, 0, 0),
            })
            .into_iter()
            .collect();
        let recipe = Recipe {
            security_counter: Some(self.counter),
            dependencies: &dependencies,
            ..Recipe::new(
                &suites::ED25519_SHA256,
                Some(KeyForm::Whole(&der)),
                Version::new(self.major, 0, 0),
            )
        };
        // No byte of the payload reads as erased, but for a stretch in the middle.
        let payload: Vec<u8> = (0..self.len)
            .map(|at| {
                if (600..700).contains(&at) {
                    0xff
                } else {
                    (at % 251) as u8 ^ self.major
                }
            })
            .collect();
        let mut out = vec![0; self.len + 0x400];
        let unsigned = recipe.assemble(&payload, &mut out).unwrap();
        let signature = key.sign(unsigned.digest());
        unsigned.finish(Some(&signature)).unwrap().to_vec()
    }
}

/// What a boot came to.
struct Started {
    versions: (u8, u8),
    running: PerImage<Running>,
    shared_data: Vec<u8>,
}

impl Started {
    fn new<S: Located>(launch: &Launched<S>) -> Self {
        let version = |image| launch.verified(image).unwrap().version().major;
        let running = |image| launch.running(image).unwrap();
        let mut area = [0; 1024];
        let len = launch
            .write_shared_data(&mut area, Version::new(0, 1, 0))
            .unwrap();
        Self {
            versions: (version(Image::Secure), version(Image::NonSecure)),
            running: PerImage {
                secure: running(Image::Secure),
                non_secure: running(Image::NonSecure),
            },
            shared_data: area[..len].to_vec(),
        }
    }
}

type Root = RootOfTrust<'static, ModelFlash, ModelCounter, Shared, FakeSystem, 64>;

/// What is left of a device without power.
struct Parked {
    vault: ModelFlash,
    counter: ModelCounter,
}

/// A device with the images it runs, between two resets.
pub(crate) struct Machine {
    pub(crate) kind: Kind,
    pub(crate) power: Power,
    pub(crate) flash: Shared,
    pub(crate) running: PerImage<Running>,
    /// Versions that run.
    pub(crate) versions: (u8, u8),
    pub(crate) events: Vec<Event>,
    root: Option<Root>,
    parked: Option<Parked>,
    boots: u32,
}

impl Machine {
    /// Version 1 of both images, installed in slot A and booted.
    pub(crate) fn new() -> Self {
        Self::of(Kind::of(UpdateMode::RamLoad))
    }

    /// The same of another kind.
    pub(crate) fn of(kind: Kind) -> Self {
        let power = Power::new();
        let flash = Shared(Rc::new(RefCell::new(ModelFlash::new(
            map().geometry,
            &power,
        ))));
        let idle = Running {
            slot: Slot::A,
            trial: false,
        };
        let mut machine = Self {
            kind,
            flash,
            running: PerImage {
                secure: idle,
                non_secure: idle,
            },
            versions: (0, 0),
            events: Vec::new(),
            root: None,
            parked: Some(Parked {
                vault: ModelFlash::new(VAULT_GEOMETRY, &power),
                counter: ModelCounter::new(0, 1_000_000, &power),
            }),
            power,
            boots: 0,
        };
        for image in Image::ALL {
            machine.install_from_outside(
                image,
                Slot::A,
                &spec(1, 1000).build(),
                Request::Permanent,
            );
        }
        machine.reset();
        assert_eq!(machine.versions, (1, 1));
        machine
    }

    /// A copy with a supply of its own, reset.
    pub(crate) fn fork(&mut self) -> Self {
        self.park();
        let power = Power::new();
        let parked = self.parked.as_ref().unwrap();
        let flash = self.flash.0.borrow().fork(&power);
        Self {
            kind: self.kind,
            flash: Shared(Rc::new(RefCell::new(flash))),
            running: self.running,
            versions: self.versions,
            events: Vec::new(),
            root: None,
            parked: Some(Parked {
                vault: parked.vault.fork(&power),
                counter: parked.counter.fork(&power),
            }),
            power,
            boots: self.boots,
        }
    }

    fn park(&mut self) {
        if let Some(root) = self.root.take() {
            let (vault, _) = root.into_storage();
            let (vault, counter) = vault.into_parts();
            self.parked = Some(Parked { vault, counter });
        }
    }

    /// What a tool does while the device is off.
    pub(crate) fn install_from_outside(
        &mut self,
        image: Image,
        slot: Slot,
        bytes: &[u8],
        request: Request,
    ) {
        let mut region = map().slot(image, slot).of(&mut self.flash).unwrap();
        for sector in 0..SLOT_SECTORS {
            region.erase(sector).unwrap();
        }
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(4), 0xff);
        region.program(0, &padded).unwrap();
        match self.kind.mode.moves_sectors() && slot == Slot::A {
            true => trailer_ops::set_installed(&mut region).unwrap(),
            false => trailer_ops::set_pending(&mut region, image, request).unwrap(),
        }
    }

    /// Boots; false if power went meanwhile.
    pub(crate) fn try_reset(&mut self) -> bool {
        self.park();
        self.boots += 1;
        let otp = {
            let (_, der) = key();
            let hash = digest(HashAlgorithm::Sha256, &der);
            let mut otp = Device::default().otp();
            let root_key = RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap();
            otp.facts.root_keys = PerImage {
                secure: root_key,
                non_secure: root_key,
            };
            if self.kind.together {
                otp.facts.flags = ProvisioningFlags::IMAGES_TOGETHER;
            }
            otp
        };
        let Some(shared_data) = self.bootloader(&otp.facts.root_keys) else {
            return false;
        };
        let violations = self.violations();
        let Parked { vault, counter } = self.parked.take().unwrap();
        let mut drbg = Drbg::new(&Secret::new([0x44; 32]), &self.boots.to_le_bytes());
        let key_tree = KeyTree::new(&otp.secrets.hardware_unique_key);
        let vault_key = key_tree.derive(b"vault", b"");
        // Mounting moves the flash in: what a failed mount leaves is on a copy.
        let (vault_copy, counter_copy) = (vault.fork(&self.power), counter.fork(&self.power));
        let mounted = Vault::mount(vault, counter, &vault_key, &mut drbg);
        let Ok(vault) = mounted else {
            assert!(!self.power.is_on(), "the vault mounts unless power goes");
            self.parked = Some(Parked {
                vault: vault_copy,
                counter: counter_copy,
            });
            return false;
        };
        let mut root = RootOfTrust::new(Parts {
            vault,
            slots: ImageSlots::new(self.flash.clone(), map(), rules()),
            system: FakeSystem::default(),
            otp,
            key_tree,
            drbg,
            shared_data: forever(&shared_data),
            profile: ironroot_attest::Profile::Rfc9783,
            boot_count: self.boots,
        });
        root.settle_updates();
        self.root = Some(root);
        assert_eq!(
            self.violations(),
            violations,
            "the service broke the flash's rules"
        );
        self.power.is_on()
    }

    /// Operations on the slots that flash does not allow. The bootloader may try one after a second cut.
    fn violations(&self) -> u32 {
        self.flash.0.borrow().violations()
    }

    /// Boots. Whatever was cut before, something correctly signed must start.
    pub(crate) fn reset(&mut self) {
        self.power.on();
        assert!(self.try_reset());
    }

    fn bootloader(&mut self, root_keys: &PerImage<RootKeys>) -> Option<Vec<u8>> {
        let mut events = Vec::new();
        let started = self.start(root_keys, &mut |event: &Event| events.push(*event));
        self.events = events;
        match started {
            Some(Ok(started)) => {
                self.versions = started.versions;
                self.running = started.running;
                Some(started.shared_data)
            }
            Some(Err(error)) => {
                let events = &self.events;
                assert!(!self.power.is_on(), "nothing boots: {error:?} {events:?}");
                None
            }
            None => None,
        }
    }

    /// The bootloader of this device's kind. Nothing if a counter cannot be opened.
    fn start(
        &self,
        root_keys: &PerImage<RootKeys>,
        mut report: &mut dyn FnMut(&Event),
    ) -> Option<Result<Started, BootError>> {
        let map = map();
        let open = |area: Area| FlashCounter::open(area.of(self.flash.clone()).unwrap());
        let mut record = match self.kind.together {
            true => Some(Together(open(map.set_record).ok()?)),
            false => None,
        };
        let mut device = ironroot_boot::Device {
            flash: self.flash.clone(),
            map: &map,
            root_keys,
            counters: PerImage {
                secure: open(map.security_counters.secure).ok()?,
                non_secure: open(map.security_counters.non_secure).ok()?,
            },
            suites: SUITES,
            decryption: None,
        };
        let layout = UpdateLayout::new(self.kind.mode, &map).with_scratch(SCRATCH);
        let setup = Setup {
            images: &Image::ALL,
            address: PerImage::default(),
            max_sectors: layout.max_sectors,
            scratch: layout.scratch,
            rules: PerImage::default(),
        };
        macro_rules! in_place {
            ($method:expr) => {
                boot_in_place($method, &mut device, &setup, &mut record, &mut report)
                    .map(|launch| Started::new(&launch))
            };
        }
        Some(match self.kind.mode {
            UpdateMode::RamLoad => {
                let (mut secure, mut non_secure) = ([0; 0x1400], [0; 0x1400]);
                let memory = ImageMemory::new(PerImage {
                    secure: Window {
                        address: WINDOWS.secure,
                        bytes: &mut secure,
                    },
                    non_secure: Window {
                        address: WINDOWS.non_secure,
                        bytes: &mut non_secure,
                    },
                });
                boot_as_set(&RamLoad, &mut device, &memory, &mut record, &mut report)
                    .map(|launch| Started::new(&launch))
            }
            UpdateMode::DirectXipRevert => {
                let strategy = &DirectXipRevert;
                boot_from_flash(strategy, &mut device, &setup, &mut record, &mut report)
                    .map(|launch| Started::new(&launch))
            }
            UpdateMode::SwapOffset => in_place!(SwapOffset),
            UpdateMode::SwapMove => in_place!(SwapMove),
            UpdateMode::SwapScratch => in_place!(SwapScratch),
            UpdateMode::Overwrite => in_place!(Overwrite),
            UpdateMode::DirectXip => panic!("an image that is written is meant for good"),
        })
    }

    pub(crate) fn query(&mut self, component: u8) -> ComponentInfo {
        fwu::query(self, component).unwrap()
    }

    pub(crate) fn states(&mut self) -> (ComponentState, ComponentState) {
        (self.query(0).state, self.query(1).state)
    }

    /// Starts and writes an image, to its last byte.
    pub(crate) fn download(&mut self, component: u8, bytes: &[u8]) -> Result<(), Error> {
        fwu::start(self, component, &[])?;
        self.write_from(component, bytes, 0)
    }

    pub(crate) fn write_from(
        &mut self,
        component: u8,
        bytes: &[u8],
        from: usize,
    ) -> Result<(), Error> {
        for (at, block) in (0..).step_by(512).zip(bytes[from..].chunks(512)) {
            fwu::write(self, component, (from + at) as u32, block)?;
        }
        Ok(())
    }

    /// Downloads and finishes.
    pub(crate) fn prepare(&mut self, component: u8, bytes: &[u8]) -> Result<(), Error> {
        self.download(component, bytes)?;
        fwu::finish(self, component)
    }

    /// The bytes of a slot.
    pub(crate) fn slot_bytes(&self, image: Image, slot: Slot) -> Vec<u8> {
        let area = map().slot(image, slot);
        let mut bytes = vec![0; area.len as usize];
        self.flash.read(area.offset, &mut bytes).unwrap();
        bytes
    }

    pub(crate) fn resets(&mut self) -> u32 {
        self.root.as_mut().unwrap().system_mut().resets
    }

    /// A raw message to the update service.
    pub(crate) fn message(
        &mut self,
        kind: i32,
        inputs: &[&[u8]],
        out_sizes: &[usize],
    ) -> (Status, Vec<Vec<u8>>) {
        let handle = ironroot_psa_api::service::FIRMWARE_UPDATE.handle;
        let number = service_number(handle).unwrap();
        let violations = self.violations();
        let root = self.root.as_mut().expect("a device that runs");
        let answer = call_service(root, number, ClientId::NON_SECURE, kind, inputs, out_sizes);
        assert_eq!(
            self.violations(),
            violations,
            "the service broke the flash's rules"
        );
        answer
    }
}

impl Transport for Machine {
    fn call(
        &mut self,
        _: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        let sizes: Vec<usize> = outputs
            .iter_mut()
            .map(|output| output.buffer().len())
            .collect();
        let (status, written) = self.message(kind, inputs, &sizes);
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
