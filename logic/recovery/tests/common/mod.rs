//! A device of two images in RAM, and a client on its serial line.
#![allow(dead_code)] // each test file uses its own part

use ironroot_boot::flash_map::{Area, FlashMap, PerImage, PerSlot};
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{BootError, Device, Image, ImageMemory, RamLoad, Slot, Window, boot};
use ironroot_crypto::Secret;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{Suite, Version, suites};
use ironroot_platform::model::{ModelCounter, ModelFlash, Power};
use ironroot_platform::{Flash, Geometry, HardwareCounter as _};
use ironroot_recovery::{Event, Place, Recovery, Slots, Store};

pub(crate) const SUITES: &[(Scheme, &Suite)] = &[(Scheme::Ed25519Sha256, &suites::ED25519_SHA256)];

/// Six sectors, the last of them with the trailer.
pub(crate) const SLOT: u32 = 6 * 0x400;

const fn area(offset: u32, len: u32) -> Area {
    Area { offset, len }
}

pub(crate) const MAP: FlashMap = FlashMap {
    geometry: Geometry {
        sector_size: 0x400,
        sectors: 32,
        write_unit: 4,
        erased: 0xff,
    },
    slots: PerImage {
        secure: PerSlot {
            a: area(0, SLOT),
            b: area(SLOT, SLOT),
        },
        non_secure: PerSlot {
            a: area(2 * SLOT, SLOT),
            b: area(3 * SLOT, SLOT),
        },
    },
    vault: area(0x6000, 0x400),
    otp: area(0x6400, 0x400),
    security_counters: PerImage {
        secure: area(0x6800, 0x400),
        non_secure: area(0x6c00, 0x400),
    },
    vault_counter: area(0x7000, 0x400),
    boot_counter: area(0x7400, 0x400),
    set_record: area(0x7800, 0x400),
};

pub(crate) fn key(seed: u8) -> Ed25519PrivateKey {
    Ed25519PrivateKey::from_seed(&Secret::new([seed; 32]))
}

/// RFC 8410, section 4: SubjectPublicKeyInfo of an Ed25519 key.
pub(crate) fn der(key: &Ed25519PrivateKey) -> Vec<u8> {
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend(key.public().to_bytes());
    der
}

/// An image of version `major`.0.0 whose payload has `len` bytes.
pub(crate) fn image(major: u8, len: usize) -> Vec<u8> {
    signed(1, major, &vec![0x50 + major; len], u32::from(major))
}

pub(crate) fn signed(signer: u8, major: u8, payload: &[u8], counter: u32) -> Vec<u8> {
    let key = key(signer);
    let der = der(&key);
    let recipe = Recipe {
        security_counter: Some(counter),
        ..Recipe::new(
            &suites::ED25519_SHA256,
            Some(KeyForm::Whole(&der)),
            Version::new(major, 0, 0),
        )
    };
    let mut out = vec![0; payload.len() + 0x400];
    let unsigned = recipe.assemble(payload, &mut out).unwrap();
    let signature = key.sign(unsigned.digest());
    unsigned.finish(Some(&signature)).unwrap().to_vec()
}

pub(crate) struct Bench {
    pub(crate) power: Power,
    pub(crate) flash: ModelFlash,
    pub(crate) counters: PerImage<ModelCounter>,
    pub(crate) root_keys: PerImage<RootKeys>,
}

impl Bench {
    /// Nothing in any slot.
    pub(crate) fn blank() -> Self {
        Self::blank_with(MAP.geometry)
    }

    pub(crate) fn blank_with(geometry: Geometry) -> Self {
        let power = Power::new();
        let hash = digest(HashAlgorithm::Sha256, &der(&key(1)));
        let root = RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap();
        Self {
            flash: ModelFlash::new(geometry, &power),
            counters: PerImage {
                secure: ModelCounter::new(0, 1000, &power),
                non_secure: ModelCounter::new(0, 1000, &power),
            },
            root_keys: PerImage {
                secure: root,
                non_secure: root,
            },
            power,
        }
    }

    /// Version 1 of both images in slot A, confirmed; version 0 in slot B, left from before.
    pub(crate) fn in_the_field() -> Self {
        let mut bench = Self::blank();
        for number in Image::ALL {
            bench.install(number, Slot::B, &image(0, 700));
            bench.install(number, Slot::A, &image(1, 900));
        }
        assert_eq!(bench.boot(), Ok((1, 1)));
        bench
    }

    pub(crate) fn install(&mut self, image: Image, slot: Slot, bytes: &[u8]) {
        let mut region = MAP.slot(image, slot).of(&mut self.flash).unwrap();
        for sector in 0..region.geometry().sectors {
            region.erase(sector).unwrap();
        }
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(4), 0xff);
        region.program(0, &bytes).unwrap();
        trailer_ops::set_pending(&mut region, image, Request::Permanent).unwrap();
    }

    pub(crate) fn fork(&self) -> Self {
        let power = Power::new();
        Self {
            flash: self.flash.fork(&power),
            counters: PerImage {
                secure: self.counters.secure.fork(&power),
                non_secure: self.counters.non_secure.fork(&power),
            },
            root_keys: self.root_keys,
            power,
        }
    }

    pub(crate) fn slots(&mut self) -> Slots<'_, &mut ModelFlash, RamLoad> {
        let value = |counter: &ModelCounter| (counter.read().unwrap(), counter.limit());
        Slots {
            flash: &mut self.flash,
            map: &MAP,
            strategy: RamLoad,
            root_keys: &self.root_keys,
            suites: SUITES,
            counters: PerImage {
                secure: value(&self.counters.secure),
                non_secure: value(&self.counters.non_secure),
            },
            windows: PerImage::default(),
            decryption: None,
        }
    }

    /// What is in a slot, byte by byte.
    pub(crate) fn content(&self, place: Place) -> Vec<u8> {
        let area = MAP.slot(place.image, place.slot);
        self.flash.bytes()[area.offset as usize..area.end() as usize].to_vec()
    }

    /// Major versions of the images that boot.
    pub(crate) fn boot(&mut self) -> Result<(u8, u8), BootError> {
        let (mut secure, mut non_secure) = (vec![0; SLOT as usize], vec![0; SLOT as usize]);
        let memory = ImageMemory::new(PerImage {
            secure: Window {
                address: 0,
                bytes: &mut secure,
            },
            non_secure: Window {
                address: 0,
                bytes: &mut non_secure,
            },
        });
        let mut device = Device {
            flash: &mut self.flash,
            map: &MAP,
            root_keys: &self.root_keys,
            counters: PerImage {
                secure: &mut self.counters.secure,
                non_secure: &mut self.counters.non_secure,
            },
            suites: SUITES,
            decryption: None,
        };
        let mut versions = PerImage {
            secure: 0,
            non_secure: 0,
        };
        let mut report = |event: &ironroot_boot::Event| {
            if let ironroot_boot::Event::Verified { image, version, .. } = event {
                *versions.get_mut(*image) = version.major;
            }
        };
        boot(&RamLoad, &mut device, &memory, &mut report)?;
        Ok((versions.secure, versions.non_secure))
    }

    /// Puts bytes on the line; what comes back, and the last event.
    pub(crate) fn line(&mut self, recovery: &mut Recovery, bytes: &[u8]) -> (Vec<u8>, Event) {
        let mut out = Vec::new();
        let mut last = Event::None;
        let mut slots = self.slots();
        for byte in bytes {
            let event = recovery.receive(*byte, &mut slots as &mut dyn Store, &mut |b| out.push(b));
            if event != Event::None {
                last = event;
            }
        }
        (out, last)
    }
}
