//! Candidates that come encrypted: plain in the primary slot, encrypted everywhere else, at every cut.

use crate::bench::{Bench, SMALL, Spec, spec};
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Reason, Slot};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_image::Refusal;
use ironroot_image::build::Encryption;
use ironroot_image::encryption::{ContentKey, Decryption, schemes};
use ironroot_platform::model::Cut;

const ONE: Image = Image::Secure;
const DEVICE_KEY: [u8; 16] = *b"key of a device.";
const DECRYPTION: Decryption<'static> = Decryption::new(&schemes::KEY_WRAP_AES128, &DEVICE_KEY);

/// An image as it is downloaded, and as it lies in the primary slot.
struct Pair {
    sealed: Vec<u8>,
    plain: Vec<u8>,
}

fn pair(spec: &Spec) -> Pair {
    let mut drbg = Drbg::new(&Secret::new([spec.version.major; 32]), b"test");
    let key = ContentKey::generate(DECRYPTION.scheme(), &mut drbg).unwrap();
    let wrapped = key.wrap(&DEVICE_KEY, &mut drbg).unwrap();
    let build = |clear| {
        spec.build_for(Some(&Encryption {
            key: &key,
            wrapped: wrapped.as_slice(),
            clear,
        }))
    };
    let pair = Pair {
        sealed: build(false),
        plain: build(true),
    };
    assert_ne!(pair.sealed, pair.plain);
    pair
}

fn field<M: Method + Default>(old: &Pair, new: &Pair) -> Bench<M, EachForItself> {
    let mut bench = Bench::<M, EachForItself>::new(SMALL);
    bench.decryption = Some(DECRYPTION);
    // As a factory writes it: imgtool's `--clear`.
    bench.factory(ONE, &old.plain);
    assert_eq!(bench.boot().unwrap().majors, [1]);
    bench.update(ONE, &new.sealed, Request::Trial).unwrap();
    bench
}

/// Upgrade and revert, cut before every operation: what lies where is exact, and no content key was needed in
/// any trailer.
fn changes_places<M: Method + Default>() {
    let (old, new) = (pair(&spec(1)), pair(&spec(2)));
    let field = field::<M>(&old, &new);
    let check = |bench: &Bench<M, EachForItself>, major: u8| {
        let (runs, other, sector) = match major {
            1 => (&old, &new, M::CANDIDATE),
            _ => (&new, &old, 0),
        };
        let primary = bench.content(ONE, Slot::A, 0, runs.plain.len());
        assert_eq!(primary, runs.plain, "plain where it runs");
        let secondary = bench.content(ONE, Slot::B, sector, other.sealed.len());
        assert_eq!(secondary, other.sealed, "encrypted as it came elsewhere");
    };
    let mut trial = field.fork();
    trial.boot().unwrap();
    check(&trial, 2);
    for (start, back) in [(field, false), (trial, true)] {
        for operation in 0.. {
            let mut bench = start.fork();
            bench.power.cut_at(operation, Cut::CLEAN);
            let done = bench.boot().is_ok();
            let outcome = bench.reboot().unwrap();
            let major = outcome.majors[0];
            check(&bench, major);
            assert!(major == if back { 1 } else { 2 } || done, "{operation}");
            assert_eq!(bench.violations(), 0);
            if done {
                break;
            }
        }
    }
}

#[test]
fn an_encrypted_candidate_is_opened_on_its_way_in_and_sealed_on_its_way_out() {
    changes_places::<SwapOffset>();
    changes_places::<SwapMove>();
    changes_places::<SwapScratch>();
}

#[test]
fn overwriting_opens_an_encrypted_candidate() {
    let (old, new) = (pair(&spec(1)), pair(&spec(2)));
    let mut bench = field::<Overwrite>(&old, &new);
    assert_eq!(bench.boot().unwrap().majors, [2]);
    assert_eq!(bench.content(ONE, Slot::A, 0, new.plain.len()), new.plain);
}

#[test]
fn a_candidate_for_another_device_never_touches_the_primary_slot() {
    let (old, new) = (pair(&spec(1)), pair(&spec(2)));
    let mut bench = field::<SwapOffset>(&old, &new);
    bench.decryption = Some(Decryption::new(
        &schemes::KEY_WRAP_AES128,
        b"another device's",
    ));
    let before = bench.whole_slot(ONE, Slot::A);
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [1]);
    assert_eq!(outcome.reasons(), [Reason::Image(Refusal::ContentKey)]);
    assert_eq!(bench.whole_slot(ONE, Slot::A), before);
}

#[test]
fn a_device_without_a_key_takes_no_encrypted_candidate() {
    let new = pair(&spec(2));
    let mut bench = Bench::<SwapMove, EachForItself>::in_the_field(SMALL);
    bench.update(ONE, &new.sealed, Request::Trial).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [1]);
    let unsupported = Reason::Image(Refusal::EncryptionUnsupported);
    assert_eq!(outcome.reasons(), [unsupported]);
}
