//! A device in RAM whose images run from the primary slot, and what a test says about it.

use ironroot_boot::flash_map::{Area, FlashMap, PerImage, PerSlot};
use ironroot_boot::install::layout::TrailerLayout;
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::SetRecord;
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{
    BootError, Device, Event, Image, ImageMemory, ImageRules, Launched, Located, Reason, Running,
    Setup, Slot, Strategy, Window, boot_as_set, boot_from_flash, boot_in_place,
};
use ironroot_crypto::Secret;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_image::build::{Encryption, KeyForm, Placement, Recipe};
use ironroot_image::encryption::Decryption;
use ironroot_image::trailer::{FlagState, MagicState, Trailer};
use ironroot_image::{Dependency, Suite, Version, suites};
use ironroot_platform::model::{ModelCounter, ModelFlash, Power};
use ironroot_platform::{CounterError, Flash, FlashError, FlashRegion, Geometry, HardwareCounter};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

const SUITES: &[(Scheme, &Suite)] = &[(Scheme::Ed25519Sha256, &suites::ED25519_SHA256)];

/// A handle on the flash: as a driver's on a device.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Rc<RefCell<ModelFlash>>);

impl Flash for Handle {
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

/// How the flash is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) sector: u32,
    pub(crate) write_unit: u32,
    pub(crate) erased: u8,
    pub(crate) primary: u32,
    pub(crate) secondary: u32,
    pub(crate) scratch: u32,
    pub(crate) max_sectors: u32,
    pub(crate) images: usize,
}

/// Two sectors of 256 bytes for an image, one for the trailer.
pub(crate) const SMALL: Shape = Shape {
    sector: 256,
    write_unit: 4,
    erased: 0xff,
    primary: 5,
    secondary: 5,
    scratch: 1,
    max_sectors: 5,
    images: 1,
};

impl Shape {
    pub(crate) fn geometry(&self) -> Geometry {
        let slots = (self.primary + self.secondary) * 2;
        Geometry {
            sector_size: self.sector,
            sectors: slots + self.scratch + 6,
            write_unit: self.write_unit,
            erased: self.erased,
        }
    }

    pub(crate) fn map(&self) -> FlashMap {
        let mut next = 0;
        let mut area = |sectors: u32| {
            let area = Area {
                offset: next,
                len: sectors * self.sector,
            };
            next += area.len;
            area
        };
        let secure = PerSlot {
            a: area(self.primary),
            b: area(self.secondary),
        };
        let non_secure = PerSlot {
            a: area(self.primary),
            b: area(self.secondary),
        };
        area(self.scratch);
        FlashMap {
            geometry: self.geometry(),
            slots: PerImage { secure, non_secure },
            vault: area(1),
            otp: area(1),
            security_counters: PerImage {
                secure: area(1),
                non_secure: area(1),
            },
            vault_counter: area(1),
            boot_counter: area(1),
            set_record: area(1),
        }
    }

    pub(crate) fn scratch_area(&self) -> Option<Area> {
        (self.scratch > 0).then_some(Area {
            offset: 2 * (self.primary + self.secondary) * self.sector,
            len: self.scratch * self.sector,
        })
    }
}

fn key(seed: u8) -> Ed25519PrivateKey {
    Ed25519PrivateKey::from_seed(&Secret::new([seed; 32]))
}

/// RFC 8410, section 4: SubjectPublicKeyInfo of an Ed25519 key.
fn der(key: &Ed25519PrivateKey) -> Vec<u8> {
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend(key.public().to_bytes());
    der
}

/// What a test says about an image.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) version: Version,
    pub(crate) counter: u32,
    pub(crate) signer: u8,
    pub(crate) needs: Vec<Dependency>,
    pub(crate) placement: Placement,
    pub(crate) vendor: Option<[u8; 16]>,
    pub(crate) class: Option<[u8; 16]>,
    pub(crate) payload: Vec<u8>,
}

/// Version `major`.0.0, counter `major`, about a sector and a half long.
pub(crate) fn spec(major: u8) -> Spec {
    Spec {
        version: Version::new(major, 0, 0),
        counter: u32::from(major),
        signer: 1,
        needs: Vec::new(),
        placement: Placement::Anywhere,
        vendor: None,
        class: None,
        payload: (0..150)
            .map(|i: u8| i.wrapping_mul(3) ^ (major * 17))
            .collect(),
    }
}

impl Spec {
    pub(crate) fn needs(mut self, image: Image, major: u8) -> Self {
        self.needs.push(Dependency {
            image: image.number(),
            minimum: Version::new(major, 0, 0),
        });
        self
    }

    /// As long as `len` bytes with its TLVs.
    pub(crate) fn long(mut self, len: usize) -> Self {
        let now = self.build().len();
        let payload = self.payload.len() + len - now;
        // No two sectors are alike, nor the same one of two versions.
        let start = self.payload.len();
        let version = usize::from(self.version.major);
        let byte = |at: usize| (at ^ ((at >> 8) * 31) ^ (version * 101)) as u8;
        self.payload.extend((start..payload).map(byte));
        self
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        self.build_for(None)
    }

    pub(crate) fn build_for(&self, encryption: Option<&Encryption<'_>>) -> Vec<u8> {
        let key = key(self.signer);
        let der = der(&key);
        let recipe = Recipe {
            security_counter: Some(self.counter),
            placement: self.placement,
            dependencies: &self.needs,
            vendor_uuid: self.vendor,
            encryption: encryption.map(|encryption| encryption.key.scheme()),
            class_uuid: self.class,
            ..Recipe::new(
                &suites::ED25519_SHA256,
                Some(KeyForm::Whole(&der)),
                self.version,
            )
        };
        let mut out = vec![0; self.payload.len() + 0x400];
        let unsigned = recipe.assemble(&self.payload, &mut out).unwrap();
        let signature = key.sign(unsigned.digest());
        let finished = match encryption {
            None => unsigned.finish(Some(&signature)),
            Some(encryption) => unsigned.finish_encrypted(Some(&signature), encryption),
        };
        finished.unwrap().to_vec()
    }
}

/// A record of a set, or none.
pub(crate) trait Record: SetRecord {
    fn fresh(power: &Power) -> Self;
    fn fork(&self, power: &Power) -> Self;
}

impl Record for ironroot_boot::install::set::EachForItself {
    fn fresh(_: &Power) -> Self {
        Self
    }
    fn fork(&self, _: &Power) -> Self {
        Self
    }
}

pub(crate) struct Set(ironroot_boot::install::set::Together<ModelCounter>);

impl SetRecord for Set {
    fn together(&self) -> bool {
        true
    }
    fn bits(&self) -> Result<u16, CounterError> {
        self.0.bits()
    }
    fn set_bits(&mut self, bits: u16) -> Result<(), CounterError> {
        self.0.set_bits(bits)
    }
}

impl Record for Set {
    fn fresh(power: &Power) -> Self {
        Self(ironroot_boot::install::set::Together(ModelCounter::new(
            0,
            u32::MAX,
            power,
        )))
    }
    fn fork(&self, power: &Power) -> Self {
        Self(ironroot_boot::install::set::Together(self.0.0.fork(power)))
    }
}

/// What one boot did.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) majors: Vec<u8>,
    pub(crate) running: Vec<Running>,
    pub(crate) entries: Vec<u32>,
    pub(crate) events: Vec<Event>,
}

impl Outcome {
    pub(crate) fn trial(&self) -> bool {
        self.running.iter().any(|running| running.trial)
    }

    pub(crate) fn last_resort(&self) -> bool {
        let last = |event: &Event| matches!(event, Event::LastResort { .. });
        self.events.iter().any(last)
    }

    pub(crate) fn reasons(&self) -> Vec<Reason> {
        reasons(&self.events)
    }
}

pub(crate) fn reasons(events: &[Event]) -> Vec<Reason> {
    let refused = events.iter().filter_map(|event| match event {
        Event::Refused(refused) => Some(refused.reason),
        _ => None,
    });
    refused.collect()
}

fn outcome<S: Located>(launched: &Launched<S>, setup: &Setup<'_>) -> Outcome {
    let images = setup.images.iter().copied();
    let version = |image| launched.verified(image).unwrap().version();
    let mut area = [0; 1024];
    launched
        .write_shared_data(&mut area, Version::new(0, 1, 0))
        .unwrap();
    Outcome {
        majors: images.clone().map(|image| version(image).major).collect(),
        running: images
            .clone()
            .map(|image| launched.running(image).unwrap())
            .collect(),
        entries: images.map(|image| launched.entry(image)).collect(),
        events: Vec::new(),
    }
}

/// One device.
pub(crate) struct Bench<M, K> {
    pub(crate) shape: Shape,
    pub(crate) rules: ImageRules,
    pub(crate) decryption: Option<Decryption<'static>>,
    pub(crate) power: Power,
    pub(crate) flash: Handle,
    pub(crate) counters: PerImage<ModelCounter>,
    pub(crate) record: K,
    pub(crate) events: Vec<Event>,
    root_key: RootKeys,
    method: PhantomData<M>,
}

impl<M: Method + Default, K: Record> Bench<M, K> {
    pub(crate) fn new(shape: Shape) -> Self {
        let power = Power::new();
        let flash = ModelFlash::new(shape.geometry(), &power);
        let hash = digest(HashAlgorithm::Sha256, &der(&key(1)));
        Self {
            root_key: RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap(),
            shape,
            rules: ImageRules::default(),
            decryption: None,
            flash: Handle(Rc::new(RefCell::new(flash))),
            counters: PerImage {
                secure: ModelCounter::new(0, 1000, &power),
                non_secure: ModelCounter::new(0, 1000, &power),
            },
            record: K::fresh(&power),
            events: Vec::new(),
            power,
            method: PhantomData,
        }
    }

    /// A device that runs version 1, confirmed, and was booted once.
    pub(crate) fn in_the_field(shape: Shape) -> Self {
        let images: Vec<_> = (0..shape.images).map(|_| spec(1).build()).collect();
        Self::that_runs(shape, &images)
    }

    pub(crate) fn that_runs(shape: Shape, images: &[Vec<u8>]) -> Self {
        let mut bench = Self::new(shape);
        for (image, bytes) in bench.images().to_vec().into_iter().zip(images) {
            bench.factory(image, bytes);
        }
        let outcome = bench.boot().unwrap();
        assert!(!outcome.trial());
        assert_eq!(bench.counter(Image::Secure), outcome.majors[0].into());
        bench
    }

    /// Writes an image to the primary slot, confirmed: as imgtool's `--confirm` does.
    pub(crate) fn factory(&mut self, image: Image, bytes: &[u8]) {
        self.write_at(image, Slot::A, 0, bytes).unwrap();
        let mut region = self.slot(image, Slot::A);
        trailer_ops::set_pending(&mut region, image, Request::Permanent).unwrap();
    }

    pub(crate) fn images(&self) -> &'static [Image] {
        &Image::ALL[..self.shape.images]
    }

    pub(crate) fn fork(&self) -> Self {
        let power = Power::new();
        Self {
            shape: self.shape,
            rules: self.rules,
            decryption: self.decryption,
            flash: Handle(Rc::new(RefCell::new(self.flash.0.borrow().fork(&power)))),
            counters: PerImage {
                secure: self.counters.secure.fork(&power),
                non_secure: self.counters.non_secure.fork(&power),
            },
            record: self.record.fork(&power),
            root_key: self.root_key,
            events: Vec::new(),
            power,
            method: PhantomData,
        }
    }

    pub(crate) fn slot(&self, image: Image, slot: Slot) -> FlashRegion<Handle> {
        self.shape
            .map()
            .slot(image, slot)
            .of(self.flash.clone())
            .unwrap()
    }

    /// Erases the slot and writes `bytes` from sector `sector` on.
    pub(crate) fn write_at(
        &mut self,
        image: Image,
        slot: Slot,
        sector: u32,
        bytes: &[u8],
    ) -> Option<()> {
        let mut region = self.slot(image, slot);
        for sector in (0..region.geometry().sectors).rev() {
            region.erase(sector).ok()?;
        }
        let unit = self.shape.write_unit as usize;
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(unit), self.shape.erased);
        let start = sector * self.shape.sector;
        for (offset, chunk) in (start..).step_by(0x100).zip(padded.chunks(0x100)) {
            region.program(offset, chunk).ok()?;
        }
        Some(())
    }

    /// What an update client does: writes the candidate where the method wants it, and asks for it.
    pub(crate) fn update(&mut self, image: Image, bytes: &[u8], request: Request) -> Option<()> {
        self.write_at(image, Slot::B, M::CANDIDATE, bytes)?;
        trailer_ops::set_pending(&mut self.slot(image, Slot::B), image, request).ok()
    }

    pub(crate) fn confirm(&mut self, image: Image) -> Option<()> {
        trailer_ops::confirm(&mut self.slot(image, Slot::A)).ok()
    }

    pub(crate) fn counter(&self, image: Image) -> u32 {
        self.counters.get(image).read().unwrap()
    }

    /// `len` bytes of a slot from sector `sector` on.
    pub(crate) fn content(&self, image: Image, slot: Slot, sector: u32, len: usize) -> Vec<u8> {
        let area = self.shape.map().slot(image, slot);
        let start = (area.offset + sector * self.shape.sector) as usize;
        self.flash.0.borrow().bytes()[start..start + len].to_vec()
    }

    pub(crate) fn whole_slot(&self, image: Image, slot: Slot) -> Vec<u8> {
        let len = self.shape.map().slot(image, slot).len as usize;
        self.content(image, slot, 0, len)
    }

    pub(crate) fn layout(&self, image: Image, slot: Slot) -> TrailerLayout {
        let area = self.shape.map().slot(image, slot);
        let geometry = self.shape.geometry();
        TrailerLayout::new(area, &geometry, M::KEPT, self.shape.max_sectors).unwrap()
    }

    pub(crate) fn trailer(&self, image: Image, slot: Slot) -> Trailer {
        trailer_ops::state(&self.slot(image, slot)).unwrap()
    }

    /// Magic, image_ok, copy_done.
    pub(crate) fn flags(&self, image: Image, slot: Slot) -> (MagicState, FlagState, FlagState) {
        let trailer = self.trailer(image, slot);
        (trailer.magic, trailer.image_ok, trailer.copy_done)
    }

    /// The version in the primary slot, if a whole image of version 1 or 2 is there; 0 if not.
    pub(crate) fn flash_major(&self) -> u8 {
        let whole = |major: &u8| {
            let bytes = spec(*major).build();
            self.content(Image::Secure, Slot::A, 0, bytes.len()) == bytes
        };
        [1, 2].into_iter().find(whole).unwrap_or(0)
    }

    pub(crate) fn violations(&self) -> u32 {
        self.flash.0.borrow().violations()
    }

    pub(crate) fn setup(&self) -> Setup<'static> {
        Setup {
            images: self.images(),
            address: PerImage {
                secure: 0x1000_0000,
                non_secure: 0x1000_0000,
            },
            max_sectors: self.shape.max_sectors,
            scratch: self.shape.scratch_area(),
            rules: PerImage {
                secure: self.rules,
                non_secure: self.rules,
            },
        }
    }

    pub(crate) fn boot(&mut self) -> Result<Outcome, BootError> {
        let setup = self.setup();
        self.boot_with(&setup)
    }

    pub(crate) fn boot_with(&mut self, setup: &Setup<'_>) -> Result<Outcome, BootError> {
        self.start(setup, |device, record, mut report| {
            boot_in_place(M::default(), device, setup, record, &mut report)
                .map(|it| outcome(&it, setup))
        })
    }

    /// Boots by a strategy that moves nothing, from flash.
    pub(crate) fn boot_slots<S: Strategy>(&mut self, strategy: S) -> Result<Outcome, BootError> {
        let setup = &self.setup();
        self.start(setup, |device, record, mut report| {
            boot_from_flash(&strategy, device, setup, record, &mut report)
                .map(|it| outcome(&it, setup))
        })
    }

    /// Boots by a strategy that moves nothing, from memory.
    pub(crate) fn boot_loaded<S: Strategy>(&mut self, strategy: S) -> Result<Outcome, BootError> {
        let setup = &self.setup();
        let (mut secure, mut non_secure) = ([0; 0x700], [0; 0x700]);
        let memory = ImageMemory::new(PerImage {
            secure: Window {
                address: 0x1000,
                bytes: &mut secure,
            },
            non_secure: Window {
                address: 0x8000,
                bytes: &mut non_secure,
            },
        });
        self.start(setup, |device, record, mut report| {
            boot_as_set(&strategy, device, &memory, record, &mut report)
                .map(|it| outcome(&it, setup))
        })
    }

    fn start(
        &mut self,
        setup: &Setup<'_>,
        run: impl FnOnce(
            &mut Device<'_, Handle, &mut ModelCounter>,
            &mut K,
            &mut dyn FnMut(&Event),
        ) -> Result<Outcome, BootError>,
    ) -> Result<Outcome, BootError> {
        assert_eq!(setup.images.len(), self.shape.images);
        let map = self.shape.map();
        let root_keys = PerImage {
            secure: self.root_key,
            non_secure: self.root_key,
        };
        let mut events = Vec::new();
        let mut device = Device {
            flash: self.flash.clone(),
            map: &map,
            root_keys: &root_keys,
            counters: PerImage {
                secure: &mut self.counters.secure,
                non_secure: &mut self.counters.non_secure,
            },
            suites: SUITES,
            decryption: self.decryption,
        };
        let mut report = |event: &Event| events.push(*event);
        let outcome = run(&mut device, &mut self.record, &mut report);
        self.events.clone_from(&events);
        Ok(Outcome { events, ..outcome? })
    }

    /// Power comes back, and the device boots.
    pub(crate) fn reboot(&mut self) -> Result<Outcome, BootError> {
        self.power.on();
        self.boot()
    }
}
