//! Power is cut at every flash operation of an upload, with every kind of tear: what booted before boots still,
//! or what was loaded and marked does; and the next upload succeeds.

mod common;

use common::{Bench, image};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot};
use ironroot_platform::model::{Cut, Effect};
use ironroot_recovery::{Fault, Place, Store as _, Upload};

/// One file through the rules of loading, as both protocols do it.
fn load(bench: &mut Bench, file: &[u8], piece: usize, request: Request) -> Result<Place, Fault> {
    let mut upload = Upload::new(Image::NonSecure, None, file.len() as u32, false);
    let mut slots = bench.slots();
    for piece in file.chunks(piece) {
        upload.accept(&mut slots, piece)?;
    }
    let place = upload.finish(&mut slots)?;
    slots.mark(place, request)?;
    Ok(place)
}

fn cuts() -> Vec<Cut> {
    let mut cuts = vec![Cut::CLEAN];
    for effect in [Effect::LooksUntouched, Effect::Partial, Effect::LooksDone] {
        for unstable in [false, true] {
            for seed in [21, 22] {
                cuts.push(Cut {
                    effect,
                    unstable,
                    seed,
                });
            }
        }
    }
    cuts
}

/// Cuts `act` at each operation; the device must then boot a version of `allowed` every time, and take
/// version 7.
fn sweep(start: &Bench, allowed: &[u8], act: impl Fn(&mut Bench) -> bool) -> u64 {
    for operation in 0.. {
        let mut done = false;
        for cut in cuts() {
            let mut bench = start.fork();
            bench.power.cut_at(operation, cut);
            done = act(&mut bench);
            for _ in 0..3 {
                bench.power.on();
                let booted = bench.boot().expect("some signed image boots").1;
                assert!(allowed.contains(&booted), "{operation} {cut:?}: {booted}");
            }
            load(&mut bench, &image(7, 2500), 512, Request::Permanent).unwrap();
            assert_eq!(bench.boot(), Ok((1, 7)), "{operation} {cut:?}");
            assert_eq!(bench.flash.violations(), 0, "{operation} {cut:?}");
        }
        if done {
            return operation;
        }
    }
    unreachable!()
}

#[test]
fn a_cut_at_any_operation_of_an_upload_leaves_a_device_that_boots() {
    let mut points = 0;
    for request in [Request::Trial, Request::Permanent] {
        for piece in [100, 1024] {
            let start = Bench::in_the_field();
            points += sweep(&start, &[1, 2], |bench| {
                load(bench, &image(2, 3000), piece, request).is_ok()
            });
        }
    }
    println!("{points} cut points, {} kinds of cut each", cuts().len());
    assert!(points > 60, "{points}");
}

#[test]
fn a_cut_at_any_operation_of_an_erase_leaves_a_device_that_boots() {
    let start = Bench::in_the_field();
    let place = Place::new(Image::NonSecure, Slot::B);
    let points = sweep(&start, &[1], |bench| bench.slots().erase(place).is_ok());
    assert!(points >= 6, "{points}");
}

#[test]
fn a_cut_while_an_older_good_image_is_overwritten_leaves_the_newer_one() {
    let mut start = Bench::in_the_field();
    load(&mut start, &image(2, 2000), 512, Request::Permanent).unwrap();
    assert_eq!(start.boot(), Ok((1, 2)));
    // Slot A holds version 1, confirmed as well: it is the one to give way.
    let points = sweep(&start, &[2, 3], |bench| {
        load(bench, &image(3, 3000), 512, Request::Trial).is_ok()
    });
    assert!(points > 10, "{points}");
}
