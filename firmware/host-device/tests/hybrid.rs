//! A host device that demands a classical and a post-quantum signature, and one whose key is revoked: real
//! images, real processes.

use ironroot_boot::otp::{Lifecycle, OtpError, RootKey, RootKeys, Scheme, Text};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, PerImage, Slot};
use ironroot_crypto::Secret;
use ironroot_crypto::ecdsa::{P256PrivateKey, der};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::lms::{LmsPrivateKey, MAX_SIGNATURE_LEN, OtsType, TreeType};
use ironroot_host_device::{
    Board, BootOptions, Choices, DeviceError, DeviceFiles, elf, provision, revoke_keys, run, write,
};
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{AddSignature, Required, Suite, Version, suites};
use ironroot_port_host::Durability;

const SECURE: &str = env!("CARGO_BIN_EXE_ironroot-host-secure");
const APPLICATION: &str = env!("CARGO_BIN_EXE_ironroot-host-app");

enum Key {
    P256(P256PrivateKey),
    Lms(LmsPrivateKey),
}

impl Key {
    fn p256(seed: u8) -> Self {
        Self::P256(P256PrivateKey::from_bytes(&Secret::new([seed; 32])).unwrap())
    }

    fn lms(seed: u8) -> Self {
        let (tree, ots) = (TreeType::Sha256M32H5, OtsType::Sha256N32W8);
        let secret = Secret::new([seed; 32]);
        Self::Lms(LmsPrivateKey::from_seed(tree, ots, [seed; 16], secret))
    }

    fn suite(&self) -> &'static Suite {
        match self {
            Self::P256(_) => &suites::P256_SHA256,
            Self::Lms(_) => &suites::LMS_SHA256,
        }
    }

    /// SubjectPublicKeyInfo: RFC 5480, RFC 9802.
    fn der(&self) -> Vec<u8> {
        let (prefix, key) = match self {
            Self::P256(key) => (
                "3059301306072a8648ce3d020106082a8648ce3d030107034200",
                key.public().to_sec1().to_vec(),
            ),
            Self::Lms(key) => (
                "304e300d060b2a864886f70d0109100311033d00",
                key.public().to_bytes().to_vec(),
            ),
        };
        [hex::decode(prefix).unwrap(), key].concat()
    }

    fn root(&self) -> RootKey {
        let scheme = match self {
            Self::P256(_) => Scheme::P256Sha256,
            Self::Lms(_) => Scheme::LmsSha256,
        };
        let hash = digest(HashAlgorithm::Sha256, &self.der());
        RootKey::new(scheme, hash.as_slice()).unwrap()
    }

    fn sign(&mut self, digest: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let mut out = [0; der::MAX_LEN];
                let len = der::encode(&key.sign_prehash(digest), &mut out);
                out[..len].to_vec()
            }
            Self::Lms(key) => {
                let mut out = [0; MAX_SIGNATURE_LEN];
                let leaf = key.reserve().unwrap();
                key.sign(leaf, digest, &mut out).unwrap().to_vec()
            }
        }
    }
}

fn signed(payload: &[u8], image: Image, major: u8, keys: &mut [Key]) -> Vec<u8> {
    let (first, more) = keys.split_first_mut().unwrap();
    let public = first.der();
    let recipe = Recipe {
        header_size: 0x400,
        security_counter: Some(1),
        boot_record: Some(match image {
            Image::Secure => "SPE",
            Image::NonSecure => "NSPE",
        }),
        ..Recipe::new(
            first.suite(),
            Some(KeyForm::Whole(&public)),
            Version::new(major, 0, 0),
        )
    };
    let mut out = vec![0xff; payload.len() + 0x4000];
    let unsigned = recipe.assemble(payload, &mut out).unwrap();
    let signature = first.sign(unsigned.digest());
    let mut len = unsigned.finish(Some(&signature)).unwrap().len();
    for key in more {
        let open = AddSignature::open(key.suite(), &mut out).unwrap();
        let signature = key.sign(open.digest());
        len = open.finish(KeyForm::Whole(&key.der()), &signature).unwrap();
    }
    out.truncate(len);
    out
}

struct Bench {
    files: DeviceFiles,
    application: Vec<u8>,
    _directory: tempfile::TempDir,
}

impl Bench {
    /// A device with version 1 of both images, signed by these.
    fn new(roots: RootKeys, signers: &mut [Key]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = DeviceFiles::create(&directory.path().join("dev"), Board::Host).unwrap();
        let payload = |path: &str| elf::loaded_part(&std::fs::read(path).unwrap()).unwrap();
        let choices = Choices {
            root_keys: PerImage {
                secure: roots,
                non_secure: roots,
            },
            decryption_key: None,
            lifecycle: Lifecycle::Secured,
            implementation_id: None,
            certification_reference: Text::EMPTY,
            together: false,
            verification_service: Text::EMPTY,
            seed: Some([7; 32]),
        };
        provision(&mut files.open_flash().unwrap(), Board::Host, choices).unwrap();
        let bench = Self {
            files,
            application: payload(APPLICATION),
            _directory: directory,
        };
        let secure = signed(&payload(SECURE), Image::Secure, 1, signers);
        bench.put(Image::Secure, Slot::A, &secure);
        bench.application(Slot::A, 1, signers);
        bench
    }

    fn put(&self, image: Image, slot: Slot, bytes: &[u8]) {
        let flash = self.files.open_flash().unwrap();
        let mut flash = flash.with_durability(Durability::OnFlush);
        let (map, request) = (&self.files.layout(), Some(Request::Permanent));
        write(
            &mut flash,
            map,
            (image, slot),
            bytes,
            request,
            &mut |_, _| (),
        )
        .unwrap();
    }

    fn application(&self, slot: Slot, major: u8, signers: &mut [Key]) {
        let image = signed(&self.application, Image::NonSecure, major, signers);
        self.put(Image::NonSecure, slot, &image);
    }

    /// What the bootloader says of the application's slots.
    fn boot(&self) -> Vec<String> {
        let options = BootOptions {
            application_output: Some(tempfile::tempfile().unwrap()),
            ..BootOptions::default()
        };
        let mut console = Vec::new();
        let report = run(&self.files, &options, &mut |line| {
            console.push(line.to_owned())
        });
        assert_eq!(report.unwrap().exit_code, Some(0), "{console:#?}");
        console.retain(|line| line.starts_with("boot: non-secure slot"));
        console.retain(|line| line.contains("verified") || line.contains("refused"));
        console
    }

    fn revoke(&self, keys: u8) -> Result<(), DeviceError> {
        let both = PerImage {
            secure: keys,
            non_secure: keys,
        };
        revoke_keys(
            &self.files.open_flash().unwrap(),
            &self.files.layout(),
            both,
        )
    }
}

const GOOD: &str = "boot: non-secure slot a: 1.0.0 verified";
const TOO_FEW: &str = "boot: non-secure slot b refused: too few of the trusted keys signed it";

#[test]
fn a_hybrid_device_boots_what_both_keys_signed_and_refuses_what_one_did() {
    let keys = || [Key::p256(1), Key::lms(2)];
    let roots = keys().map(|key| key.root());
    let bench = Bench::new(
        RootKeys::new(&roots, Required::EachType).unwrap(),
        &mut keys(),
    );
    assert_eq!(bench.boot(), [GOOD]);
    for alone in keys() {
        bench.application(Slot::B, 2, &mut [alone]);
        assert_eq!(bench.boot(), [TOO_FEW, GOOD]);
    }
    // Two classical signatures are no hybrid either, nor is one of a stranger.
    bench.application(Slot::B, 2, &mut [Key::p256(1), Key::p256(9)]);
    assert_eq!(bench.boot(), [TOO_FEW, GOOD]);
    bench.application(Slot::B, 2, &mut [Key::p256(1), Key::lms(9)]);
    assert_eq!(bench.boot(), [TOO_FEW, GOOD]);
    bench.application(Slot::B, 2, &mut keys());
    assert_eq!(bench.boot(), ["boot: non-secure slot b: 2.0.0 verified"]);
}

#[test]
fn a_key_is_revoked_only_when_what_is_installed_does_without_it_and_never_counts_again() {
    let roots = [Key::p256(1).root(), Key::p256(2).root()];
    let mut old = [Key::p256(1)];
    let bench = Bench::new(RootKeys::new(&roots, Required::Keys(1)).unwrap(), &mut old);
    let refused = |result, error| match result {
        Err(DeviceError::Otp(found)) => assert_eq!(found, error),
        other => panic!("{other:?}"),
    };
    refused(bench.revoke(0b01), OtpError::NothingWouldBoot);
    refused(bench.revoke(0b11), OtpError::LastKeys);
    refused(bench.revoke(0b100), OtpError::Invalid);
    assert_eq!(bench.boot(), [GOOD]);

    // Both images by the other key, then the first can go.
    let mut new = [Key::p256(2)];
    let payload = elf::loaded_part(&std::fs::read(SECURE).unwrap()).unwrap();
    bench.put(
        Image::Secure,
        Slot::B,
        &signed(&payload, Image::Secure, 2, &mut new),
    );
    refused(bench.revoke(0b01), OtpError::NothingWouldBoot);
    bench.application(Slot::B, 2, &mut new);
    bench.revoke(0b01).unwrap();
    assert_eq!(bench.boot(), ["boot: non-secure slot b: 2.0.0 verified"]);
    refused(bench.revoke(0b10), OtpError::LastKeys);

    // A newer version by the revoked key, and one that it signed beside an unknown one.
    for signers in [&mut [Key::p256(1)][..], &mut [Key::p256(1), Key::p256(9)]] {
        bench.application(Slot::A, 3, signers);
        assert_eq!(
            bench.boot(),
            [
                "boot: non-secure slot a refused: signed, but only by revoked keys",
                "boot: non-secure slot b: 2.0.0 verified"
            ]
        );
    }
    bench.application(Slot::A, 3, &mut [Key::p256(1), Key::p256(2)]);
    assert_eq!(bench.boot(), ["boot: non-secure slot a: 3.0.0 verified"]);
}
