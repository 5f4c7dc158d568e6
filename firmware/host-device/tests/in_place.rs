//! Host devices by the strategy they were made for: updated, confirmed, taken back, refused, and cut off.

use ironroot_boot::otp::{Lifecycle, RootKeys, Scheme, Text};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, PerImage, Slot, UpdateMode};
use ironroot_crypto::Secret;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_host_device::{
    Board, BootOptions, Choices, DeviceError, DeviceFiles, elf, provision, run, security_counter,
    write,
};
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{Version, suites};
use ironroot_platform::{Flash as _, HardwareCounter as _};
use ironroot_port_host::Durability;
use std::io::{Read as _, Seek as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SECURE: &str = env!("CARGO_BIN_EXE_ironroot-host-secure");
const APPLICATION: &str = env!("CARGO_BIN_EXE_ironroot-host-app");

fn key(seed: u8) -> Ed25519PrivateKey {
    Ed25519PrivateKey::from_seed(&Secret::new([seed; 32]))
}

/// RFC 8410, section 4: SubjectPublicKeyInfo of an Ed25519 key.
fn der(key: &Ed25519PrivateKey) -> Vec<u8> {
    let mut der = hex::decode("302a300506032b6570032100").unwrap();
    der.extend(key.public().to_bytes());
    der
}

/// Version `major`.0.0 of a program, with the same number as security counter.
fn signed(payload: &[u8], image: Image, major: u8, seed: u8) -> Vec<u8> {
    let key = key(seed);
    let der = der(&key);
    let recipe = Recipe {
        header_size: 0x400,
        security_counter: Some(major.into()),
        boot_record: Some(match image {
            Image::Secure => "SPE",
            Image::NonSecure => "NSPE",
        }),
        ..Recipe::new(
            &suites::ED25519_SHA256,
            Some(KeyForm::Whole(&der)),
            Version::new(major, 0, 0),
        )
    };
    let mut out = vec![0; payload.len() + 0x1000];
    let unsigned = recipe.assemble(payload, &mut out).unwrap();
    let signature = key.sign(unsigned.digest());
    unsigned.finish(Some(&signature)).unwrap().to_vec()
}

/// One device at a time: a process that one test starts holds the lock of another's flash until it runs its program.
static ALONE: Mutex<()> = Mutex::new(());

struct Bench {
    files: DeviceFiles,
    application: Vec<u8>,
    _directory: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// What a boot printed, the device's console before its application.
struct Ran {
    lines: Vec<String>,
    result: Result<(), DeviceError>,
}

impl Ran {
    fn has(&self, line: &str) -> bool {
        self.lines.iter().any(|found| found == line)
    }

    fn must_have(&self, line: &str) {
        assert!(self.has(line), "{line}\n{:#?}", self.lines);
    }

    fn runs(&self, version: &str) {
        assert!(self.result.is_ok(), "{:?}\n{:#?}", self.result, self.lines);
        self.must_have(&format!("app: firmware: non-secure {version}"));
    }
}

impl Bench {
    /// A provisioned device that runs version 1 of both images.
    fn new(mode: UpdateMode) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dev");
        let files = DeviceFiles::create_for(&path, Board::Host, mode).unwrap();
        let payload = |path: &str| elf::loaded_part(&std::fs::read(path).unwrap()).unwrap();
        let bench = Self {
            files,
            application: payload(APPLICATION),
            _directory: directory,
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let hash = digest(HashAlgorithm::Sha256, &der(&key(1)));
        let key = RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap();
        let choices = Choices {
            root_keys: PerImage {
                secure: key,
                non_secure: key,
            },
            seed: Some([7; 32]),
            lifecycle: Lifecycle::Secured,
            ..choices()
        };
        let mut flash = bench.files.open_flash().unwrap();
        provision(&mut flash, Board::Host, choices).unwrap();
        drop(flash);
        let secure = signed(&payload(SECURE), Image::Secure, 1, 1);
        bench.put(Image::Secure, Slot::A, &secure, Request::Permanent);
        let application = signed(&bench.application, Image::NonSecure, 1, 1);
        bench.put(Image::NonSecure, Slot::A, &application, Request::Permanent);
        bench.boot(&[]).runs("1.0.0, confirmed");
        bench
    }

    fn put(&self, image: Image, slot: Slot, bytes: &[u8], request: Request) {
        let flash = self.files.open_flash().unwrap();
        let mut flash = flash.with_durability(Durability::OnFlush);
        let (layout, request) = (self.files.layout(), Some(request));
        let place = (image, slot);
        write(&mut flash, &layout, place, bytes, request, &mut |_, _| ()).unwrap();
    }

    /// A candidate of version `major` in slot B.
    fn update(&self, major: u8) {
        let candidate = signed(&self.application, Image::NonSecure, major, 1);
        self.put(Image::NonSecure, Slot::B, &candidate, Request::Trial);
    }

    fn boot(&self, arguments: &[&str]) -> Ran {
        self.boot_until(arguments, None)
    }

    fn boot_until(&self, arguments: &[&str], cut_power_after: Option<u32>) -> Ran {
        let mut output = tempfile::tempfile().unwrap();
        let options = BootOptions {
            application_arguments: arguments.iter().map(ToString::to_string).collect(),
            application_output: Some(output.try_clone().unwrap()),
            cut_power_after,
            ..BootOptions::default()
        };
        let mut lines = Vec::new();
        let result = run(&self.files, &options, &mut |line| {
            lines.push(line.to_owned())
        });
        output.rewind().unwrap();
        let mut application = String::new();
        output.read_to_string(&mut application).unwrap();
        lines.extend(application.lines().map(ToOwned::to_owned));
        Ran {
            lines,
            result: result.map(drop),
        }
    }

    /// The bytes of slot A up to its trailer.
    fn primary(&self) -> Vec<u8> {
        let layout = self.files.layout();
        let area = layout.map.slot(Image::NonSecure, Slot::A);
        let mut bytes = vec![0; layout.room(Image::NonSecure).unwrap() as usize];
        let flash = self.files.open_flash().unwrap();
        flash.read(area.offset, &mut bytes).unwrap();
        bytes
    }

    fn counter(&self) -> u32 {
        let flash = self.files.open_flash().unwrap();
        let counter = security_counter(&flash, self.files.map(), Image::NonSecure);
        counter.unwrap().read().unwrap()
    }
}

fn choices() -> Choices {
    let none = RootKeys::one(Scheme::Ed25519Sha256, &[0; 32]).unwrap();
    Choices {
        root_keys: PerImage {
            secure: none,
            non_secure: none,
        },
        decryption_key: None,
        lifecycle: Lifecycle::Secured,
        implementation_id: None,
        certification_reference: Text::EMPTY,
        verification_service: Text::EMPTY,
        together: false,
        seed: None,
    }
}

#[test]
fn every_strategy_tries_what_it_can_take_back_and_keeps_what_is_accepted() {
    for mode in UpdateMode::all() {
        let name = mode.name();
        let bench = Bench::new(mode);
        bench.update(2);
        let trial = bench.boot(&["--no-accept"]);
        match mode.reverts() {
            true => trial.runs("2.0.0, on trial"),
            false => trial.runs("2.0.0, confirmed"),
        }
        let raised = trial.has("boot: non-secure counter raised to 2");
        assert_eq!(raised, !mode.reverts(), "{name}");
        let next = bench.boot(&["--no-accept"]);
        if !mode.reverts() {
            next.runs("2.0.0, confirmed");
            continue;
        }
        next.runs("1.0.0, confirmed");
        assert_eq!(bench.counter(), 1, "{name}");

        bench.update(3);
        bench.boot(&[]).runs("3.0.0, on trial");
        assert_eq!(bench.counter(), 1, "{name}");
        let confirmed = bench.boot(&[]);
        confirmed.runs("3.0.0, confirmed");
        confirmed.must_have("boot: non-secure counter raised to 3");
        bench.boot(&[]).runs("3.0.0, confirmed");
    }
}

#[test]
fn a_candidate_that_is_altered_or_foreign_never_touches_slot_a() {
    for mode in UpdateMode::all().filter(|mode| mode.moves_sectors()) {
        let bench = Bench::new(mode);
        let before = bench.primary();
        let mut altered = signed(&bench.application, Image::NonSecure, 2, 1);
        altered[0x5000] ^= 1;
        let foreign = signed(&bench.application, Image::NonSecure, 2, 9);
        for candidate in [altered, foreign] {
            bench.put(Image::NonSecure, Slot::B, &candidate, Request::Trial);
            let ran = bench.boot(&[]);
            ran.runs("1.0.0, confirmed");
            let refused = "boot: non-secure slot b refused: ";
            let said = ran.lines.iter().any(|line| line.starts_with(refused));
            assert!(said, "{}: {:#?}", mode.name(), ran.lines);
            assert_eq!(bench.primary(), before, "{}", mode.name());
        }
        assert_eq!(bench.counter(), 1);
    }
}

/// Cuts each boot of an update a little later than the one before, until one ends.
fn through_cuts(bench: &Bench, step: u32) -> (Ran, u32) {
    for cut in 0.. {
        let ran = bench.boot_until(&["--no-accept"], Some(10 + cut * step + cut % 7));
        match ran.result {
            Err(DeviceError::PowerCut) => {}
            _ => return (ran, cut),
        }
    }
    unreachable!("an update has an end")
}

#[test]
fn an_update_and_its_revert_go_on_after_power_cuts() {
    for mode in UpdateMode::all().filter(|mode| mode.moves_sectors()) {
        let name = mode.name();
        let bench = Bench::new(mode);
        let before = bench.primary();
        bench.update(2);
        // Both versions are one program: overwriting finds most sectors as they should be, until it was cut off.
        let step = if mode.reverts() { 150 } else { 400 };
        let (there, forward) = through_cuts(&bench, step);
        match mode.reverts() {
            true => there.runs("2.0.0, on trial"),
            false => there.runs("2.0.0, confirmed"),
        }
        assert!(forward > 1, "{name}: {forward} cuts");
        if !mode.reverts() {
            println!("{name}: {forward} cuts");
            continue;
        }
        let (back, backward) = through_cuts(&bench, step);
        back.runs("1.0.0, confirmed");
        assert!(backward > 1, "{name}: {backward} cuts");
        assert_eq!(bench.counter(), 1, "{name}");
        // Moving leaves a copy of the last sector behind the image.
        let len = bench.application.len();
        let exact = bench.primary()[..len] == before[..len];
        assert!(exact, "{name}: a revert is exact");
        println!("{name}: {forward} cuts forward, {backward} back");
    }
}
