//! A device of two images in RAM, with images made by the project's own builder.
#![allow(dead_code)] // each test file uses its own part

use ironroot_boot::flash_map::{Area, FlashMap, PerImage, PerSlot};
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{
    BootError, Device, Event, Image, ImageMemory, Launch, RamLoad, Reason, Running, Slot, Window,
    boot,
};
use ironroot_crypto::Secret;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_image::build::{Encryption, KeyForm, Placement, Recipe};
use ironroot_image::encryption::Decryption;
use ironroot_image::{BootRecord, Dependency, Suite, Version, suites};
use ironroot_platform::model::{ModelCounter, ModelFlash, Power};
use ironroot_platform::{Flash, FlashRegion, Geometry, HardwareCounter};

pub(crate) const SUITES: &[(Scheme, &Suite)] = &[(Scheme::Ed25519Sha256, &suites::ED25519_SHA256)];

const SLOT: u32 = 0x800;
const fn area(offset: u32, len: u32) -> Area {
    Area { offset, len }
}

pub(crate) const MAP: FlashMap = FlashMap {
    geometry: Geometry {
        sector_size: 0x400,
        sectors: 16,
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
    vault: area(0x2000, 0x400),
    otp: area(0x2400, 0x400),
    security_counters: PerImage {
        secure: area(0x2800, 0x400),
        non_secure: area(0x2c00, 0x400),
    },
    vault_counter: area(0x3000, 0x400),
    boot_counter: area(0x3400, 0x400),
    set_record: area(0x3800, 0x400),
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

/// What a test says about an image; the rest is the same for all.
#[derive(Clone, Copy)]
pub(crate) struct Spec<'a> {
    pub(crate) version: Version,
    pub(crate) counter: Option<u32>,
    pub(crate) signer: u8,
    pub(crate) needs: Option<Dependency>,
    pub(crate) placement: Placement,
    pub(crate) components: &'a [BootRecord<'a>],
    pub(crate) boot_record: Option<&'a str>,
    pub(crate) payload: &'a [u8],
}

/// An image of version `major`.0.0 with the same number as security counter.
pub(crate) fn spec(major: u8) -> Spec<'static> {
    Spec {
        version: Version::new(major, 0, 0),
        counter: Some(u32::from(major)),
        signer: 1,
        needs: None,
        placement: Placement::Anywhere,
        components: &[],
        boot_record: None,
        payload: b"payload",
    }
}

impl Spec<'_> {
    pub(crate) fn needs(self, image: Image, major: u8) -> Self {
        let minimum = Version::new(major, 0, 0);
        Self {
            needs: Some(Dependency {
                image: image.number(),
                minimum,
            }),
            ..self
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        self.build_for(None)
    }

    /// Encrypted under a key of its own, which `wrap` wraps for a device.
    pub(crate) fn build_for(&self, wrap: Option<&Encryption<'_>>) -> Vec<u8> {
        let key = key(self.signer);
        let der = der(&key);
        let dependencies: Vec<_> = self.needs.into_iter().collect();
        let recipe = Recipe {
            security_counter: self.counter,
            placement: self.placement,
            dependencies: &dependencies,
            components: self.components,
            boot_record: self.boot_record,
            encryption: wrap.map(|wrap| wrap.key.scheme()),
            ..Recipe::new(
                &suites::ED25519_SHA256,
                Some(KeyForm::Whole(&der)),
                self.version,
            )
        };
        let mut out = [0; 0x800];
        let unsigned = recipe.assemble(self.payload, &mut out).unwrap();
        let signature = key.sign(unsigned.digest());
        match wrap {
            None => unsigned.finish(Some(&signature)).unwrap().to_vec(),
            Some(wrap) => unsigned
                .finish_encrypted(Some(&signature), wrap)
                .unwrap()
                .to_vec(),
        }
    }
}

/// What one boot did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) running: PerImage<Running>,
    pub(crate) versions: PerImage<u8>,
    pub(crate) events: Vec<Event>,
}

impl Outcome {
    pub(crate) fn slots(&self) -> (Slot, Slot) {
        (self.running.secure.slot, self.running.non_secure.slot)
    }

    pub(crate) fn majors(&self) -> (u8, u8) {
        (self.versions.secure, self.versions.non_secure)
    }

    pub(crate) fn refusals(&self) -> Vec<(Image, Slot, Reason)> {
        refusals(&self.events)
    }

    pub(crate) fn last_resort(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::LastResort { .. }))
    }
}

pub(crate) fn refusals(events: &[Event]) -> Vec<(Image, Slot, Reason)> {
    let refused = events.iter().filter_map(|event| match event {
        Event::Refused(refused) => Some((refused.image, refused.slot, refused.reason)),
        _ => None,
    });
    refused.collect()
}

pub(crate) struct Bench {
    pub(crate) power: Power,
    pub(crate) flash: ModelFlash,
    pub(crate) counters: PerImage<ModelCounter>,
    pub(crate) root_keys: PerImage<RootKeys>,
    pub(crate) decryption: Option<Decryption<'static>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let power = Power::new();
        let root = |seed| {
            let hash = digest(HashAlgorithm::Sha256, &der(&key(seed)));
            RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap()
        };
        Self {
            flash: ModelFlash::new(MAP.geometry, &power),
            counters: PerImage {
                secure: ModelCounter::new(0, 1000, &power),
                non_secure: ModelCounter::new(0, 1000, &power),
            },
            root_keys: PerImage {
                secure: root(1),
                non_secure: root(1),
            },
            decryption: None,
            power,
        }
    }

    /// Both images in version 1, installed for good in slot A, and booted once.
    pub(crate) fn in_the_field() -> Self {
        let mut bench = Self::new();
        for image in Image::ALL {
            bench.install(image, Slot::A, &spec(1).build(), Request::Permanent);
        }
        assert_eq!(bench.boot().unwrap().majors(), (1, 1));
        bench
    }

    /// A copy of all state on a supply of its own.
    pub(crate) fn fork(&self) -> Self {
        let power = Power::new();
        Self {
            flash: self.flash.fork(&power),
            counters: PerImage {
                secure: self.counters.secure.fork(&power),
                non_secure: self.counters.non_secure.fork(&power),
            },
            root_keys: self.root_keys,
            decryption: self.decryption,
            power,
        }
    }

    pub(crate) fn slot(&mut self, image: Image, slot: Slot) -> FlashRegion<&mut ModelFlash> {
        MAP.slot(image, slot).of(&mut self.flash).unwrap()
    }

    /// Erases the slot and writes `bytes`, without a mark.
    pub(crate) fn write(&mut self, image: Image, slot: Slot, bytes: &[u8]) -> Option<()> {
        let mut region = self.slot(image, slot);
        for sector in 0..region.geometry().sectors {
            region.erase(sector).ok()?;
        }
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(4), 0xff);
        for (offset, chunk) in (0..).step_by(0x100).zip(padded.chunks(0x100)) {
            region.program(offset, chunk).ok()?;
        }
        Some(())
    }

    pub(crate) fn update(
        &mut self,
        image: Image,
        slot: Slot,
        bytes: &[u8],
        request: Request,
    ) -> Option<()> {
        self.write(image, slot, bytes)?;
        trailer_ops::set_pending(&mut self.slot(image, slot), image, request).ok()
    }

    pub(crate) fn install(&mut self, image: Image, slot: Slot, bytes: &[u8], request: Request) {
        self.update(image, slot, bytes, request).unwrap();
    }

    pub(crate) fn confirm(
        &mut self,
        image: Image,
        slot: Slot,
    ) -> Result<(), trailer_ops::TrailerError> {
        trailer_ops::confirm(&mut self.slot(image, slot))
    }

    pub(crate) fn counter(&self, image: Image) -> u32 {
        self.counters.get(image).read().unwrap()
    }

    pub(crate) fn boot(&mut self) -> Result<Outcome, BootError> {
        self.boot_with(|_| ()).0.map(|(outcome, ())| outcome)
    }

    /// Boots, lets `look` see the launch, and gives the events even of a failed boot.
    #[allow(clippy::type_complexity)]
    pub(crate) fn boot_with<T>(
        &mut self,
        look: impl FnOnce(&Launch<'_>) -> T,
    ) -> (Result<(Outcome, T), BootError>, Vec<Event>) {
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
        let mut events = Vec::new();
        let mut device = Device {
            flash: &mut self.flash,
            map: &MAP,
            root_keys: &self.root_keys,
            counters: PerImage {
                secure: &mut self.counters.secure,
                non_secure: &mut self.counters.non_secure,
            },
            suites: SUITES,
            decryption: self.decryption,
        };
        let launch = boot(&RamLoad, &mut device, &memory, &mut |event: &Event| {
            events.push(*event);
        });
        let outcome = launch.map(|launch| {
            let running = |image| launch.running(image).unwrap();
            let version = |image| launch.verified(image).unwrap().version().major;
            let outcome = Outcome {
                running: PerImage {
                    secure: running(Image::Secure),
                    non_secure: running(Image::NonSecure),
                },
                versions: PerImage {
                    secure: version(Image::Secure),
                    non_secure: version(Image::NonSecure),
                },
                events: events.clone(),
            };
            (outcome, look(&launch))
        });
        (outcome, events)
    }
}
