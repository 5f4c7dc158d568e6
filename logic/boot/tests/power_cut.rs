//! Power is cut at every flash and counter operation of an update's whole life, with every kind of
//! tear, and once more while the device recovers: some correctly signed image always boots.

mod common;

use common::{Bench, Outcome, spec};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot};
use ironroot_platform::model::{Cut, Effect};

/// How far the scenario came.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    confirm_called: bool,
    confirmed: bool,
    done: bool,
}

/// Version 2 of both images comes into slot B, is tried, confirmed, and booted for good.
fn live(bench: &mut Bench, images: &[Vec<u8>; 2]) -> Progress {
    let mut progress = Progress::default();
    let _ = steps(bench, images, &mut progress);
    progress
}

fn steps(bench: &mut Bench, images: &[Vec<u8>; 2], progress: &mut Progress) -> Option<()> {
    for (image, bytes) in Image::ALL.into_iter().zip(images) {
        bench.update(image, Slot::B, bytes, Request::Trial)?;
    }
    let outcome = bench.boot().ok()?;
    assert_eq!(outcome.majors(), (2, 2));
    progress.confirm_called = true;
    for image in Image::ALL {
        bench.confirm(image, Slot::B).ok()?;
    }
    progress.confirmed = true;
    let outcome = bench.boot().ok()?;
    assert_eq!(outcome.majors(), (2, 2));
    progress.done = true;
    Some(())
}

fn cuts() -> Vec<Cut> {
    let mut cuts = vec![Cut::CLEAN];
    for effect in [Effect::LooksUntouched, Effect::Partial, Effect::LooksDone] {
        for unstable in [false, true] {
            cuts.push(Cut {
                effect,
                unstable,
                seed: 11,
            });
        }
    }
    cuts.push(Cut {
        effect: Effect::Partial,
        unstable: false,
        seed: 12,
    });
    cuts
}

fn check(bench: &Bench, outcome: &Outcome, progress: Progress) {
    let (secure, non_secure) = outcome.majors();
    assert!((1..=2).contains(&secure) && (1..=2).contains(&non_secure));
    if progress.confirmed {
        assert_eq!((secure, non_secure), (2, 2), "confirmed ones stay");
        assert!(!outcome.running.secure.trial && !outcome.running.non_secure.trial);
    }
    if !progress.confirm_called {
        for image in Image::ALL {
            assert_eq!(
                bench.counter(image),
                1,
                "no confirmation, no higher counter"
            );
        }
    }
}

/// After a cut: the device boots whatever happens, and takes a further update.
fn recover(bench: &mut Bench, progress: Progress, third: &[Vec<u8>; 2]) {
    let mut running = None;
    for _ in 0..4 {
        bench.power.on();
        let outcome = bench.boot().expect("some signed image boots");
        check(bench, &outcome, progress);
        running = Some(outcome);
    }
    let free = |slot: Slot| slot.other();
    let outcome = running.unwrap();
    let slots = [
        free(outcome.running.secure.slot),
        free(outcome.running.non_secure.slot),
    ];
    for ((image, bytes), slot) in Image::ALL.into_iter().zip(third).zip(slots) {
        bench.install(image, slot, bytes, Request::Trial);
    }
    assert_eq!(bench.boot().unwrap().majors(), (3, 3));
    for (image, slot) in Image::ALL.into_iter().zip(slots) {
        bench.confirm(image, slot).unwrap();
    }
    for _ in 0..2 {
        bench.power.on();
        assert_eq!(bench.boot().unwrap().majors(), (3, 3));
        assert_eq!(
            (
                bench.counter(Image::Secure),
                bench.counter(Image::NonSecure)
            ),
            (3, 3)
        );
    }
}

fn images(major: u8, tied: bool) -> [Vec<u8>; 2] {
    if tied {
        let secure = spec(major).needs(Image::NonSecure, major);
        let non_secure = spec(major).needs(Image::Secure, major);
        return [secure.build(), non_secure.build()];
    }
    [spec(major).build(), spec(major).build()]
}

#[test]
fn a_cut_at_any_operation_leaves_a_device_that_boots_and_updates() {
    let field = Bench::in_the_field();
    let (second, third) = (images(2, false), images(3, false));
    let (mut operations, mut count) = (0, 0);
    for operation in 0.. {
        let mut done = false;
        for cut in cuts() {
            let mut bench = field.fork();
            bench.power.cut_at(operation, cut);
            let progress = live(&mut bench, &second);
            done = progress.done;
            count += 1;
            recover(&mut bench, progress, &third);
        }
        if done {
            operations = operation;
            break;
        }
    }
    println!("sweep loaded to memory, in all: {operations} operations, {count} cuts");
    assert!(operations > 15, "{operations} operations were cut");
}

#[test]
fn images_that_need_each_other_never_boot_apart() {
    let field = Bench::in_the_field();
    let second = images(2, true);
    for operation in 0.. {
        let mut done = false;
        for cut in cuts() {
            let mut bench = field.fork();
            bench.power.cut_at(operation, cut);
            let progress = live(&mut bench, &second);
            done = progress.done;
            for _ in 0..4 {
                bench.power.on();
                let outcome = bench.boot().expect("some signed image boots");
                check(&bench, &outcome, progress);
                let (secure, non_secure) = outcome.majors();
                assert_eq!(secure, non_secure, "{operation} {cut:?}");
            }
        }
        if done {
            return;
        }
    }
}

#[test]
fn a_second_cut_while_recovering_is_survived_too() {
    let field = Bench::in_the_field();
    let (second, third) = (images(2, false), images(3, false));
    let mut pairs = 0;
    for operation in 0.. {
        let mut done = false;
        for cut in cuts() {
            // A boot does at most four operations: two marks and two counters.
            for during_boot in 0..4 {
                for other in [cut, Cut { seed: 13, ..cut }] {
                    let mut bench = field.fork();
                    bench.power.cut_at(operation, cut);
                    let progress = live(&mut bench, &second);
                    done = progress.done;
                    bench.power.on();
                    bench
                        .power
                        .cut_at(bench.power.operations() + during_boot, other);
                    let _ = bench.boot();
                    pairs += 1;
                    recover(&mut bench, progress, &third);
                }
            }
        }
        if done {
            println!("sweep loaded to memory, in all: {pairs} pairs of cuts");
            return;
        }
    }
}
