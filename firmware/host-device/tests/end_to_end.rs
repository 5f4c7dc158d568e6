//! One host device from the factory to a refused update: real processes, real images, one transcript.

use ironroot_boot::otp::{Lifecycle, RootKeys, Scheme, Text};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, PerImage, Reason, Slot, Standing};
use ironroot_crypto::Secret;
use ironroot_crypto::ecdsa::{P256PrivateKey, der};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_host_device::{
    Board, BootOptions, Choices, DeviceError, DeviceFiles, RunReport, elf, faults, inspect,
    provision, run, write,
};
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{Dependency, Refusal, Version, suites};
use std::io::{Read as _, Seek as _};
use std::path::Path;

const SECURE: &str = env!("CARGO_BIN_EXE_ironroot-host-secure");
const APPLICATION: &str = env!("CARGO_BIN_EXE_ironroot-host-app");

fn root_key() -> P256PrivateKey {
    P256PrivateKey::from_bytes(&Secret::new([0x51; 32])).unwrap()
}

/// RFC 5480: SubjectPublicKeyInfo of a P-256 key.
fn root_key_der() -> Vec<u8> {
    let info = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let mut der = hex::decode(info).unwrap();
    der.extend(root_key().public().to_sec1());
    der
}

fn signed(payload: &[u8], image: Image, major: u8, needs: Option<u8>) -> Vec<u8> {
    let key = root_key_der();
    let needs: Vec<_> = needs
        .map(|major| Dependency {
            image: 0,
            minimum: Version::new(major, 0, 0),
        })
        .into_iter()
        .collect();
    let recipe = Recipe {
        header_size: 0x400,
        security_counter: Some(major.into()),
        boot_record: Some(match image {
            Image::Secure => "SPE",
            Image::NonSecure => "NSPE",
        }),
        dependencies: &needs,
        ..Recipe::new(
            &suites::P256_SHA256,
            Some(KeyForm::Whole(&key)),
            Version::new(major, 0, 0),
        )
    };
    let mut out = vec![0; payload.len() + 0x1000];
    let unsigned = recipe.assemble(payload, &mut out).unwrap();
    let mut signature = [0; der::MAX_LEN];
    let len = der::encode(&root_key().sign_prehash(unsigned.digest()), &mut signature);
    unsigned.finish(Some(&signature[..len])).unwrap().to_vec()
}

struct Bench {
    files: DeviceFiles,
    application: Vec<u8>,
    secure: Vec<u8>,
    _directory: tempfile::TempDir,
}

struct Ran {
    report: RunReport,
    console: Vec<String>,
    application: Vec<String>,
}

impl Bench {
    /// A provisioned device with version 1 of both images.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = DeviceFiles::create(&directory.path().join("dev"), Board::Host).unwrap();
        let payload = |path: &str| elf::loaded_part(&std::fs::read(path).unwrap()).unwrap();
        let bench = Self {
            files,
            application: payload(APPLICATION),
            secure: payload(SECURE),
            _directory: directory,
        };
        let hash = digest(HashAlgorithm::Sha256, &root_key_der());
        let key = RootKeys::one(Scheme::P256Sha256, hash.as_slice()).unwrap();
        let choices = Choices {
            root_keys: PerImage {
                secure: key,
                non_secure: key,
            },
            decryption_key: None,
            lifecycle: Lifecycle::Secured,
            implementation_id: None,
            certification_reference: Text::EMPTY,
            together: false,
            verification_service: Text::EMPTY,
            seed: Some([7; 32]),
        };
        let mut flash = bench.files.open_flash().unwrap();
        provision(&mut flash, Board::Host, choices).unwrap();
        drop(flash);
        bench.install(
            Image::Secure,
            Slot::A,
            &signed(&bench.secure, Image::Secure, 1, None),
        );
        let application = signed(&bench.application, Image::NonSecure, 1, None);
        bench.install(Image::NonSecure, Slot::A, &application);
        bench
    }

    fn put(&self, image: Image, slot: Slot, bytes: &[u8], request: Request) {
        let mut flash = self
            .files
            .open_flash()
            .unwrap()
            .with_durability(ironroot_port_host::Durability::OnFlush);
        let place = (image, slot);
        write(
            &mut flash,
            &self.files.layout(),
            place,
            bytes,
            Some(request),
            &mut |_, _| (),
        )
        .unwrap();
    }

    fn install(&self, image: Image, slot: Slot, bytes: &[u8]) {
        self.put(image, slot, bytes, Request::Permanent);
    }

    fn update(&self, image: Image, slot: Slot, bytes: &[u8]) {
        self.put(image, slot, bytes, Request::Trial);
    }

    fn standing(&self, image: Image, slot: Slot) -> (Standing, Result<u32, Reason>) {
        let mut flash = self.files.open_flash().unwrap();
        let facts = ironroot_host_device::identity(&mut flash, self.files.map())
            .unwrap()
            .facts;
        let report = inspect(&flash, &self.files.layout(), &facts.root_keys, image, slot).unwrap();
        (
            report.standing,
            report.verdict.map(|accepted| accepted.security_counter),
        )
    }

    fn boot(&self, arguments: &[&str]) -> Ran {
        let mut output = tempfile::tempfile().unwrap();
        let options = BootOptions {
            application_arguments: arguments.iter().map(ToString::to_string).collect(),
            application_output: Some(output.try_clone().unwrap()),
            ..BootOptions::default()
        };
        let mut console = Vec::new();
        let report = run(&self.files, &options, &mut |line| {
            console.push(line.to_owned())
        });
        output.rewind().unwrap();
        let mut application = String::new();
        output.read_to_string(&mut application).unwrap();
        Ran {
            report: report.unwrap_or_else(|error| panic!("{error}\n{console:#?}\n{application}")),
            console,
            application: application.lines().map(ToOwned::to_owned).collect(),
        }
    }
}

impl Ran {
    fn console_has(&self, line: &str) {
        assert!(
            self.console.iter().any(|found| found == line),
            "{line}\n{:#?}",
            self.console
        );
    }

    fn application_has(&self, line: &str) {
        let found = self.application.iter().any(|found| found == line);
        assert!(found, "{line}\n{:#?}", self.application);
    }
}

fn expected(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(ToOwned::to_owned)
        .collect()
}

/// The transcript without the token, which is another each time.
fn comparable(ran: &Ran) -> Vec<String> {
    let lines = ran.console.iter().chain(&ran.application);
    let cut = |line: &String| match line.strip_prefix("app: token: ") {
        Some(token) => {
            assert!(token.len() > 400 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
            "app: token: …".to_owned()
        }
        None => line.clone(),
    };
    lines.map(cut).collect()
}

#[test]
fn a_device_boots_updates_confirms_refuses_and_goes_back() {
    let bench = Bench::new();

    // First boot: the whole story.
    let first = bench.boot(&[]);
    assert_eq!(comparable(&first), expected("first_boot.out"));
    assert_eq!(
        first.report,
        RunReport {
            exit_code: Some(0),
            resets: 0
        }
    );

    // Another client has its own storage and keys.
    let other = bench.boot(&["--client-id", "-7"]);
    other.application_has("app: its: start number 1, kept in internal trusted storage");

    // An update on trial that the application does not accept: the device goes back.
    let second = signed(&bench.application, Image::NonSecure, 2, None);
    bench.update(Image::NonSecure, Slot::B, &second);
    let trial = bench.boot(&["--no-accept"]);
    trial.console_has("boot: non-secure slot b: trial begins");
    trial.application_has("app: firmware: non-secure 2.0.0, on trial");
    let back = bench.boot(&[]);
    back.console_has("boot: non-secure slot b refused: its trial boot was not confirmed");
    back.application_has("app: firmware: non-secure 1.0.0, confirmed");
    back.application_has("app: its: start number 3, kept in internal trusted storage");

    // The same update, accepted: it stays, and the counter rises at its next start.
    bench.update(Image::NonSecure, Slot::B, &second);
    bench
        .boot(&[])
        .application_has("app: update: accepted, the device stays with it");
    let confirmed = bench.boot(&[]);
    confirmed.console_has("boot: non-secure counter raised to 2");
    confirmed.application_has("app: firmware: non-secure 2.0.0, confirmed");
    let too_old = Reason::Image(Refusal::CounterTooLow);
    assert_eq!(
        bench.standing(Image::NonSecure, Slot::A),
        (Standing::Confirmed, Err(too_old))
    );

    // An update with one byte changed: refused, and the device runs what it had.
    let mut bad = signed(&bench.application, Image::NonSecure, 3, None);
    bad[0x5000] ^= 1;
    bench.update(Image::NonSecure, Slot::A, &bad);
    let refused = bench.boot(&[]);
    refused.console_has(
        "boot: non-secure slot a refused: the hash does not match: the image was altered or damaged",
    );
    refused.application_has("app: firmware: non-secure 2.0.0, confirmed");

    // One that needs a newer secure image than there is: refused until that is there, then both are tried.
    let needy = signed(&bench.application, Image::NonSecure, 3, Some(2));
    bench.update(Image::NonSecure, Slot::A, &needy);
    bench.boot(&[]).console_has(
        "boot: non-secure slot a refused: the other image is not there in the version it needs",
    );
    bench.update(
        Image::Secure,
        Slot::B,
        &signed(&bench.secure, Image::Secure, 2, None),
    );
    bench
        .boot(&[])
        .application_has("app: update: accepted, the device stays with it");
    let both = bench.boot(&[]);
    both.application_has("app: firmware: secure 2.0.0, confirmed");
    both.application_has("app: firmware: non-secure 3.0.0, confirmed");
    both.application_has("app: sign: P-256 key kept from an earlier boot; signature verified, altered message and export refused");

    // Every refusal is in the fault log or on its way there.
    let faults = faults(&bench.files).unwrap();
    let detail = |reason| {
        let refused = ironroot_boot::Refused {
            image: Image::NonSecure,
            slot: Slot::A,
            reason,
        };
        refused.detail()
    };
    for reason in [
        Reason::Image(Refusal::HashMismatch),
        Reason::DependencyUnmet,
    ] {
        let found = faults
            .logged
            .iter()
            .any(|record| record.detail == detail(reason));
        assert!(found, "{reason:?} in {faults:?}");
    }
}

#[test]
fn a_device_with_nothing_acceptable_says_so_and_starts_nothing() {
    let bench = Bench::new();
    let mut bad = signed(&bench.secure, Image::Secure, 1, None);
    bad[0x5000] ^= 1;
    bench.install(Image::Secure, Slot::A, &bad);
    let mut console = Vec::new();
    let ran = run(&bench.files, &BootOptions::default(), &mut |line| {
        console.push(line.to_owned())
    });
    assert!(matches!(ran, Err(DeviceError::Boot(_))), "{ran:?}");
    assert!(
        console
            .iter()
            .any(|line| line.contains("secure slot a refused: the hash does not match"))
    );
    let causes: Vec<_> = faults(&bench.files)
        .unwrap()
        .retained
        .iter()
        .map(|r| r.cause)
        .collect();
    use ironroot_boot::fault::Cause;
    assert_eq!(causes, [Cause::BootRefused, Cause::NothingToBoot]);
}

#[test]
fn a_verified_image_that_is_no_program_is_an_error_and_no_hang() {
    let bench = Bench::new();
    bench.install(
        Image::Secure,
        Slot::A,
        &signed(b"no program", Image::Secure, 1, None),
    );
    let ran = run(&bench.files, &BootOptions::default(), &mut |_| ());
    assert!(matches!(ran, Err(DeviceError::Process(..))), "{ran:?}");
}

#[test]
fn a_blank_device_and_one_of_another_board_do_not_boot_here() {
    let directory = tempfile::tempdir().unwrap();
    let blank = DeviceFiles::create(&directory.path().join("dev"), Board::Host).unwrap();
    let ran = run(&blank, &BootOptions::default(), &mut |_| ());
    assert!(matches!(ran, Err(DeviceError::Otp(_))), "{ran:?}");
    let other = DeviceFiles::create(&directory.path().join("an521"), Board::An521).unwrap();
    let ran = run(&other, &BootOptions::default(), &mut |_| ());
    assert!(matches!(ran, Err(DeviceError::NotHere)), "{ran:?}");
    assert!(DeviceFiles::find(&directory.path().join("none")).is_err());
}
