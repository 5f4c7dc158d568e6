//! A host device whose images go together: staged by its own update service, then power is cut before each write and
//! erase of a whole run, through the boot, the start of the secure world and the application's acceptance.
//!
//! A normal run cuts before every fourth; `IRONROOT_POWER_CUTS=all` before every one. A swap of two whole programs has
//! tens of thousands: there each cut is a share further on than the one before.

use ironroot_boot::otp::{Lifecycle, RootKeys, Scheme, Text};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, PerImage, Slot, UpdateMode};
use ironroot_client::fwu;
use ironroot_crypto::Secret;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_host_device::{
    Board, BootOptions, Choices, DeviceError, DeviceFiles, Offline, elf, provision, run, write,
};
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{Version, suites};
use ironroot_port_host::Durability;
use ironroot_psa_api::fwu::MAX_WRITE_SIZE;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

const SECURE: &str = env!("CARGO_BIN_EXE_ironroot-host-secure");
const APPLICATION: &str = env!("CARGO_BIN_EXE_ironroot-host-app");

fn key() -> Ed25519PrivateKey {
    Ed25519PrivateKey::from_seed(&Secret::new([1; 32]))
}

/// RFC 8410, section 4: SubjectPublicKeyInfo of an Ed25519 key.
fn der() -> Vec<u8> {
    let mut der = hex::decode("302a300506032b6570032100").unwrap();
    der.extend(key().public().to_bytes());
    der
}

/// Version `major`.0.0 of a program, with the same number as security counter.
fn signed(program: &str, image: Image, major: u8) -> Vec<u8> {
    let payload = elf::loaded_part(&std::fs::read(program).unwrap()).unwrap();
    let der = der();
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
    let unsigned = recipe.assemble(&payload, &mut out).unwrap();
    let signature = key().sign(unsigned.digest());
    unsigned.finish(Some(&signature)).unwrap().to_vec()
}

/// A provisioned device of a set that runs version 1 of both images, and has version 2 of both staged.
fn staged(path: &Path, mode: UpdateMode) -> DeviceFiles {
    let files = DeviceFiles::create_for(path, Board::Host, mode).unwrap();
    let hash = digest(HashAlgorithm::Sha256, &der());
    let key = RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap();
    let choices = Choices {
        root_keys: PerImage {
            secure: key,
            non_secure: key,
        },
        decryption_key: None,
        lifecycle: Lifecycle::Secured,
        implementation_id: None,
        certification_reference: Text::EMPTY,
        verification_service: Text::EMPTY,
        together: true,
        seed: Some([7; 32]),
    };
    provision(&mut files.open_flash().unwrap(), Board::Host, choices).unwrap();
    let programs = [(Image::Secure, SECURE), (Image::NonSecure, APPLICATION)];
    for (image, program) in programs {
        let flash = files.open_flash().unwrap();
        let mut flash = flash.with_durability(Durability::OnFlush);
        let (layout, request) = (files.layout(), Some(Request::Permanent));
        let (place, bytes) = ((image, Slot::A), signed(program, image, 1));
        write(&mut flash, &layout, place, &bytes, request, &mut |_, _| ()).unwrap();
    }
    assert_eq!(boot(&files, &[], None).versions(), [1, 1]);
    let mut service = Offline::open(&files).unwrap();
    for (image, program) in programs {
        let bytes = signed(program, image, 2);
        let component = image.number();
        fwu::start(&mut service, component, &[]).unwrap();
        for (at, block) in (0..)
            .step_by(MAX_WRITE_SIZE)
            .zip(bytes.chunks(MAX_WRITE_SIZE))
        {
            fwu::write(&mut service, component, at as u32, block).unwrap();
        }
        fwu::finish(&mut service, component).unwrap();
    }
    fwu::install(&mut service).unwrap();
    files
}

#[derive(Debug)]
struct Ran {
    /// The application's exit code.
    result: Result<Option<i32>, DeviceError>,
    console: Vec<String>,
    application: String,
}

impl Ran {
    fn version(&self, image: &str) -> u8 {
        let start = format!("app: firmware: {image} ");
        let line = self
            .application
            .lines()
            .find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("{self:#?}"));
        line[start.len()..]
            .split('.')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    fn versions(&self) -> [u8; 2] {
        ["secure", "non-secure"].map(|image| self.version(image))
    }

    fn accepted(&self) -> bool {
        self.application.contains("app: update: accepted")
    }
}

fn boot(files: &DeviceFiles, arguments: &[&str], cut_power_after: Option<u32>) -> Ran {
    let mut output = tempfile::tempfile_in(files.path()).unwrap();
    let options = BootOptions {
        application_arguments: arguments.iter().map(ToString::to_string).collect(),
        application_output: Some(output.try_clone().unwrap()),
        cut_power_after,
        ..BootOptions::default()
    };
    let mut console = Vec::new();
    let result = run(files, &options, &mut |line| console.push(line.to_owned()));
    output.rewind().unwrap();
    let mut application = String::new();
    output.read_to_string(&mut application).unwrap();
    Ran {
        result: result.map(|report| report.exit_code),
        console,
        application,
    }
}

fn copy(from: &Path, to: PathBuf) -> DeviceFiles {
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    DeviceFiles::find(&to).unwrap()
}

/// In memory where there is such a folder: a device makes sure of each write, and here are thousands of them.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn sweep(mode: UpdateMode, answer: &[&str], operations: impl Iterator<Item = u32>) {
    let directory = folder();
    let field = directory.path().join("field");
    staged(&field, mode);
    let (mut cuts, mut kept) = (0, 0);
    for operation in operations {
        let path = directory.path().join("cut");
        let files = copy(&field, path.clone());
        let first = boot(&files, answer, Some(operation));
        let what = format!("{mode:?} {answer:?}, cut before {operation}");
        // Whoever decided, it is not by starting a part: both new, or both old.
        let mut versions = [0; 2];
        for _ in 0..3 {
            let after = boot(&files, &["--no-accept"], None);
            assert!(matches!(after.result, Ok(Some(0))), "{what}: {after:#?}");
            versions = after.versions();
            assert_eq!(versions[0], versions[1], "{what}: {:#?}", after.console);
        }
        if first.accepted() {
            assert_eq!(versions, [2, 2], "{what}: accepted and lost");
        }
        kept += u32::from(versions == [2, 2]);
        std::fs::remove_dir_all(path).unwrap();
        match first.result {
            Ok(Some(0)) => break,
            Ok(_) | Err(DeviceError::PowerCut) => cuts += 1,
            Err(error) => panic!("{what}: {error} {:#?}", first.console),
        }
    }
    assert!(cuts > 2, "{mode:?}: {cuts}");
    assert_eq!(kept > 0, answer.is_empty(), "{mode:?}");
    println!("{mode:?} {answer:?}: {cuts} cuts of a whole run, {kept} of them kept version 2");
}

/// `ironroot device boot` that is killed leaves nothing of its device running, whose flash would stay locked.
#[test]
fn the_secure_world_does_not_outlive_the_process_that_started_it() {
    let directory = folder();
    let files = staged(&directory.path().join("dev"), UpdateMode::RamLoad);
    let hand_over = directory.path().join("hand-over");
    // Boot number 1, and nothing told by a bootloader.
    std::fs::write(&hand_over, 1_u32.to_le_bytes()).unwrap();
    let mut starter = std::process::Command::new("sh")
        .args(["-c", "\"$0\" --device \"$1\" < \"$2\"; true", SECURE])
        .args([files.path(), &hand_over])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 5];
    let mut stdout = starter.stdout.take().unwrap();
    stdout.read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready");
    assert!(files.open_flash().is_err(), "it runs");
    starter.kill().unwrap();
    starter.wait().unwrap();
    let gone = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        files.open_flash().is_ok()
    });
    assert!(gone, "it is left behind");
}

fn thoroughly() -> bool {
    std::env::var_os("IRONROOT_POWER_CUTS").is_some()
}

#[test]
fn both_images_are_accepted_or_neither_wherever_power_is_cut() {
    let step = if thoroughly() { 1 } else { 4 };
    sweep(UpdateMode::RamLoad, &[], (0..).step_by(step));
}

#[test]
fn both_images_go_back_wherever_power_is_cut() {
    let step = if thoroughly() { 1 } else { 8 };
    let answer = &["--no-accept"];
    sweep(UpdateMode::RamLoad, answer, (0..).step_by(step));
}

#[test]
fn both_images_are_swapped_and_accepted_or_neither_wherever_power_is_cut() {
    let tenths = if thoroughly() { 2 } else { 20 };
    let further = |last: &u32| Some(last + 1 + last / 10 * tenths);
    let operations = std::iter::successors(Some(7), further);
    sweep(UpdateMode::SwapOffset, &[], operations);
}
