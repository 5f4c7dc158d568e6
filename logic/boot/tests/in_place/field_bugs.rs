//! Every brick and loop that other bootloaders had in the field, each as a test. Numbers are those of MCUboot's
//! issues and pull requests.

use crate::bench::{Bench, SMALL, Shape, spec};
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, ImageRules, Reason, Slot};
use ironroot_image::Refusal;
use ironroot_image::trailer::{FlagState, MagicState};
use ironroot_platform::Flash as _;
use ironroot_platform::model::{Cut, Effect};

const ONE: Image = Image::Secure;
type Device<M> = Bench<M, EachForItself>;

/// Runs a boot that is cut before each of its operations in turn, then `check` on the device with power back.
fn cut_everywhere<M: Method + Default>(field: &Device<M>, check: impl Fn(&mut Device<M>)) -> u64 {
    for operation in 0.. {
        let mut bench = field.fork();
        bench.power.cut_at(operation, Cut::CLEAN);
        let done = bench.boot().is_ok();
        bench.power.on();
        check(&mut bench);
        if done {
            return operation;
        }
    }
    unreachable!()
}

/// 829: the primary slot was written with imgtool's `--pad --confirm`, whose trailer has no swap size, and the
/// swap read that as its own.
#[test]
fn issue_829_a_padded_and_confirmed_image_in_the_primary_slot_does_not_break_an_interrupted_swap() {
    fn check<M: Method + Default>() {
        let mut bench = Device::<M>::new(SMALL);
        let (old, new) = (spec(1).build(), spec(2).build());
        bench.write_at(ONE, Slot::A, 0, &old).unwrap();
        let layout = bench.layout(ONE, Slot::A);
        let mut slot = bench.slot(ONE, Slot::A);
        slot.program(layout.fields().image_ok(), &[1, 0xff, 0xff, 0xff])
            .unwrap();
        let magic = layout.fields().alignment().magic();
        slot.program(layout.fields().magic(), magic).unwrap();
        assert_eq!(bench.boot().unwrap().majors, [1]);
        bench.update(ONE, &new, Request::Trial).unwrap();
        let cuts = cut_everywhere(&bench, |bench| {
            let outcome = bench.boot().unwrap();
            assert!(outcome.majors == [2] || !outcome.trial());
            bench.boot().unwrap();
            assert_eq!(bench.boot().unwrap().majors, [1]);
            assert_eq!(bench.content(ONE, Slot::A, 0, old.len()), old);
        });
        assert!(cuts > 10);
    }
    check::<SwapMove>();
    check::<SwapOffset>();
    check::<SwapScratch>();
}

/// 1588: a reset right after the last sector had moved up; the header was then looked for in the wrong sector.
#[test]
fn issue_1588_a_cut_after_the_last_move_up_is_resumed() {
    let mut bench = Device::<SwapMove>::in_the_field(SMALL);
    let (old, new) = (spec(1).build(), spec(2).build());
    bench.update(ONE, &new, Request::Trial).unwrap();
    let hit = std::cell::Cell::new(0);
    cut_everywhere(&bench, |bench| {
        let layout = bench.layout(ONE, Slot::A);
        let entry = |number| {
            let at = layout.entry(number).unwrap();
            let mut byte = [0];
            bench.slot(ONE, Slot::A).read(at, &mut byte).unwrap();
            byte != [0xff]
        };
        // Both sectors have moved, and nothing has been swapped.
        if entry(1) && !entry(SMALL.max_sectors) {
            hit.set(hit.get() + 1);
            assert_eq!(bench.content(ONE, Slot::A, 1, old.len()), old);
        }
        let outcome = bench.boot().unwrap();
        assert!(outcome.majors == [2] || outcome.majors == [1]);
    });
    assert!(hit.get() > 0, "the point in question was not cut");
}

/// 1966, 2100: power went while the magic of the request to go back was written.
#[test]
fn issue_1966_a_torn_magic_in_the_secondary_trailer_does_not_prevent_the_revert() {
    fn check<M: Method + Default>() {
        let mut bench = Device::<M>::in_the_field(SMALL);
        bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
        assert_eq!(bench.boot().unwrap().majors, [2]);
        let layout = bench.layout(ONE, Slot::B);
        let mut slot = bench.slot(ONE, Slot::B);
        slot.program(layout.fields().image_ok(), &[1, 0xff, 0xff, 0xff])
            .unwrap();
        let magic = layout.fields().alignment().magic();
        slot.program(layout.fields().magic(), &magic[..8]).unwrap();
        let flags = bench.flags(ONE, Slot::B);
        assert_eq!(flags, (MagicState::Bad, FlagState::Set, FlagState::Unset));
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.majors, [1]);
        assert!(!outcome.trial());
    }
    check::<SwapMove>();
    check::<SwapOffset>();
    check::<SwapScratch>();
}

/// 480: a revert that was interrupted was followed by another swap, for its confirmation stood in the wrong slot.
#[test]
fn issue_480_an_interrupted_revert_ends_and_is_not_followed_by_another_swap() {
    fn check<M: Method + Default>() {
        let mut bench = Device::<M>::in_the_field(SMALL);
        bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
        bench.boot().unwrap();
        cut_everywhere(&bench, |bench| {
            for boot in 0..4 {
                let outcome = bench.boot().unwrap();
                assert_eq!(outcome.majors, [1]);
                if boot > 0 {
                    let before = bench.power.operations();
                    bench.boot().unwrap();
                    assert_eq!(bench.power.operations(), before, "nothing more to do");
                }
            }
            let flags = bench.flags(ONE, Slot::A);
            assert_eq!(flags, (MagicState::Good, FlagState::Set, FlagState::Set));
        });
    }
    check::<SwapMove>();
    check::<SwapOffset>();
    check::<SwapScratch>();
}

/// 0eaf6668: the counter was raised before confirmation when the swap had been resumed.
#[test]
fn a_resumed_swap_raises_no_counter_before_confirmation() {
    fn check<M: Method + Default>() {
        let mut bench = Device::<M>::in_the_field(SMALL);
        bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
        cut_everywhere(&bench, |bench| {
            let outcome = bench.boot().unwrap();
            assert_eq!(bench.counter(ONE), 1);
            if outcome.majors == [2] {
                bench.confirm(ONE).unwrap();
                assert_eq!(bench.boot().unwrap().majors, [2]);
                assert_eq!(bench.counter(ONE), 2);
            }
        });
    }
    check::<SwapMove>();
    check::<SwapOffset>();
    check::<SwapScratch>();
}

/// fe8f9fc0: that the counter could not count so far was found when the image had been swapped in.
#[test]
fn a_counter_that_cannot_follow_is_found_before_a_sector_moves() {
    let mut bench = Device::<SwapOffset>::in_the_field(SMALL);
    let mut far = spec(2);
    far.counter = 1001; // the bench's counters end at 1000
    bench.update(ONE, &far.build(), Request::Permanent).unwrap();
    let before = bench.whole_slot(ONE, Slot::A);
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [1]);
    assert_eq!(outcome.reasons(), [Reason::CounterOutOfReach]);
    assert_eq!(bench.whole_slot(ONE, Slot::A), before);
}

/// 2206: a trailer larger than the last sector, and images of maximal size: an underflow, and trailers written over
/// the image.
#[test]
fn issue_2206_a_trailer_of_several_sectors_and_an_image_up_to_it_survive_upgrade_and_revert() {
    fn check<M: Method + Default>() {
        let shape = Shape {
            primary: 10,
            secondary: 10,
            max_sectors: 64,
            ..SMALL
        };
        largest::<M>(shape);
        let bench = Device::<M>::new(shape);
        let trailer = bench.layout(ONE, Slot::A);
        assert!(trailer.sectors() - trailer.first_sector() > 1);
    }
    check::<SwapMove>();
    check::<SwapOffset>();
    check::<SwapScratch>();
}

/// How many sectors an image may have, by the rules of the format (facts: move = min(primary − T − S, secondary − T),
/// offset = min(primary − T, secondary − T − S)).
fn room<M: Method + Default>(shape: Shape) -> usize {
    let bench = Device::<M>::new(shape);
    let free = |slot| bench.layout(ONE, slot).first_sector() as usize;
    let (a, b) = (free(Slot::A), free(Slot::B));
    match M::MODE {
        3 => b.min(a - 1),
        9 => a.min(b - 1),
        _ => a.min(b),
    }
}

/// Upgrade and revert of the longest image, with cuts; a longer one is refused.
fn largest<M: Method + Default>(shape: Shape) {
    let most = room::<M>(shape) * shape.sector as usize;
    let old = spec(1).long(most).build();
    let new = spec(2).long(most).build();
    let mut bench = Device::<M>::that_runs(shape, std::slice::from_ref(&old));
    bench.update(ONE, &new, Request::Trial).unwrap();
    cut_everywhere(&bench, |bench| {
        bench.boot().unwrap();
        bench.boot().unwrap();
        assert_eq!(bench.boot().unwrap().majors, [1]);
        assert_eq!(bench.content(ONE, Slot::A, 0, old.len()), old);
    });
    // A byte more than fits; it may itself reach into the trailer, so that its request cannot be written.
    let longer = spec(3).long(most + 1).build();
    if bench.update(ONE, &longer, Request::Trial).is_some() {
        let before = bench.whole_slot(ONE, Slot::A);
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.majors, [1]);
        let end = [Refusal::TooLarge, Refusal::UnprotectedArea].map(Reason::Image);
        let reasons = outcome.reasons();
        assert!(
            reasons.len() == 1 && end.contains(&reasons[0]),
            "{reasons:?}"
        );
        assert_eq!(bench.whole_slot(ONE, Slot::A), before);
    }
}

/// 2283: slots of the sizes that the strategy makes best use of, full images: the erasing of a trailer hit the image.
#[test]
fn issue_2283_maximal_images_in_slots_of_the_best_sizes_survive() {
    largest::<SwapMove>(Shape {
        primary: 6,
        secondary: 5,
        max_sectors: 6,
        ..SMALL
    });
    largest::<SwapOffset>(Shape {
        primary: 5,
        secondary: 6,
        max_sectors: 6,
        ..SMALL
    });
    largest::<SwapScratch>(Shape {
        scratch: 2,
        ..SMALL
    });
    largest::<SwapScratch>(Shape {
        scratch: 3,
        ..SMALL
    });
}

/// 2283, second part: a small candidate over a maximal image.
#[test]
fn a_short_candidate_and_a_maximal_image_change_places_and_back() {
    fn check<M: Method + Default>(shape: Shape) {
        let most = room::<M>(shape) * shape.sector as usize;
        for (old, new) in [(spec(1).long(most), spec(2)), (spec(1), spec(2).long(most))] {
            let (old, new) = (old.build(), new.build());
            let mut bench = Device::<M>::that_runs(shape, std::slice::from_ref(&old));
            bench.update(ONE, &new, Request::Trial).unwrap();
            assert_eq!(bench.boot().unwrap().majors, [2]);
            assert_eq!(bench.content(ONE, Slot::A, 0, new.len()), new);
            assert_eq!(bench.boot().unwrap().majors, [1]);
            assert_eq!(bench.content(ONE, Slot::A, 0, old.len()), old);
            let candidate = bench.content(ONE, Slot::B, M::CANDIDATE, new.len());
            assert_eq!(candidate, new);
        }
    }
    let shape = Shape {
        primary: 7,
        secondary: 7,
        max_sectors: 8,
        ..SMALL
    };
    check::<SwapMove>(shape);
    check::<SwapOffset>(shape);
    check::<SwapScratch>(shape);
}

/// 1645: the scratch area's trailer stayed behind, and a swap was resumed that was over.
#[test]
fn issue_1645_a_stale_trailer_in_the_scratch_area_starts_nothing() {
    let mut bench = Device::<SwapScratch>::in_the_field(SMALL);
    bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
    assert_eq!(bench.boot().unwrap().majors, [2]);
    bench.confirm(ONE).unwrap();
    let scratch = SMALL.scratch_area().unwrap();
    let sector = scratch.offset / SMALL.sector;
    for info in [0x02u8, 0x03, 0x04, 0x12, 0xff] {
        let mut bench = bench.fork();
        bench.flash.erase(sector).unwrap();
        let end = scratch.end();
        let unit = |byte| [byte, 0xff, 0xff, 0xff];
        bench.flash.program(end - 40, &unit(info)).unwrap();
        let magic = bench.layout(ONE, Slot::A).fields().alignment().magic();
        bench.flash.program(end - 16, magic).unwrap();
        for _ in 0..3 {
            let outcome = bench.boot().unwrap();
            // A request to go back is believed from there, once: that is how MCUboot keeps one.
            let back = info == 0x04;
            assert_eq!(outcome.majors, if back { [1] } else { [2] }, "{info:#x}");
        }
    }
}

/// 77: the candidate was altered while power was off in the middle of the swap.
#[test]
fn issue_77_a_candidate_that_changes_in_the_middle_of_a_swap_never_runs() {
    fn check<M: Method + Default>() {
        let old = spec(1).build();
        let mut bench = Device::<M>::in_the_field(SMALL);
        bench
            .update(ONE, &spec(2).build(), Request::Permanent)
            .unwrap();
        cut_everywhere(&bench, |bench| {
            // Every byte of the payload's second sector, wherever it is now.
            let new = spec(2).build();
            let wanted = &new[256..300];
            let bytes = bench.flash.0.borrow().bytes().to_vec();
            let places = bytes.windows(wanted.len()).enumerate();
            let places: Vec<_> = places
                .filter(|(_, window)| *window == wanted)
                .map(|(at, _)| at)
                .collect();
            for at in places {
                bench.flash.0.borrow_mut().corrupt(at as u32 + 3, 0x10);
            }
            // At most one boot may find nothing whole: when both images lay torn. It must never be the altered one.
            let outcome = bench.boot();
            if let Ok(outcome) = outcome {
                assert_eq!(outcome.majors, [1], "{:?}", outcome.events);
                assert_eq!(bench.content(ONE, Slot::A, 0, old.len()), old);
            } else {
                // Only where the old image was overwritten for good: the swap was complete.
                let flags = bench.flags(ONE, Slot::A);
                assert_eq!((flags.0, flags.1), (MagicState::Good, FlagState::Set));
            }
        });
    }
    check::<SwapMove>();
    check::<SwapOffset>();
    check::<SwapScratch>();
}

/// 706: bootstrapping worked with one strategy and not with another.
#[test]
fn issue_706_an_empty_primary_slot_is_filled_by_every_strategy() {
    fn check<M: Method + Default>() {
        let mut bench = Device::<M>::new(SMALL);
        let bytes = spec(2).build();
        bench.write_at(ONE, Slot::B, M::CANDIDATE, &bytes).unwrap();
        assert!(bench.fork().boot().is_err(), "only if the rules say so");
        bench.rules = ImageRules {
            bootstrap: true,
            ..ImageRules::default()
        };
        let mut cuts = 0;
        for effect in [Effect::NotBegun, Effect::Partial, Effect::LooksDone] {
            for operation in 0.. {
                let mut bench = bench.fork();
                let cut = Cut {
                    effect,
                    unstable: false,
                    seed: 5,
                };
                bench.power.cut_at(operation, cut);
                let done = bench.boot().is_ok();
                let outcome = bench.reboot().unwrap();
                assert_eq!(outcome.majors, [2]);
                assert!(!outcome.trial());
                assert_eq!(bench.content(ONE, Slot::A, 0, bytes.len()), bytes);
                assert_eq!(bench.violations(), 0);
                cuts += 1;
                if done {
                    break;
                }
            }
        }
        assert!(cuts > 20);
    }
    check::<SwapOffset>();
    check::<SwapMove>();
    check::<SwapScratch>();
    check::<Overwrite>();
}

/// 90f4…: a left-over trailer without an image.
#[test]
fn a_request_without_an_image_is_dropped_and_does_no_harm() {
    let mut bench = Device::<SwapOffset>::in_the_field(SMALL);
    bench.write_at(ONE, Slot::B, 0, &[]).unwrap();
    let mut slot = bench.slot(ONE, Slot::B);
    ironroot_boot::trailer_ops::set_pending(&mut slot, ONE, Request::Trial).unwrap();
    let before = bench.whole_slot(ONE, Slot::A);
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [1]);
    assert_eq!(outcome.reasons(), [Reason::Image(Refusal::NoImage)]);
    assert_eq!(bench.whole_slot(ONE, Slot::A), before);
    assert_eq!(bench.trailer(ONE, Slot::B).magic, MagicState::Unset);
    assert_eq!(bench.boot().unwrap().reasons(), []);
}
