//! What an image has to keep to beside its signature, and what happens to one that does not.

use crate::bench::{Bench, SMALL, Set, Shape, Spec, spec};
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, ImageRules, Reason, Slot};
use ironroot_image::build::Placement;
use ironroot_image::{Refusal, Version};

const ONE: Image = Image::Secure;
const TWO: Image = Image::NonSecure;
const PAIR: Shape = Shape { images: 2, ..SMALL };

/// The candidate is refused for `reason`; the primary slot keeps every byte, and nothing is tried again.
fn refused<M: Method + Default>(rules: ImageRules, candidate: &[u8], reason: Reason) {
    let mut bench = Bench::<M, EachForItself>::in_the_field(SMALL);
    bench.rules = rules;
    for request in [Request::Trial, Request::Permanent] {
        bench.update(ONE, candidate, request).unwrap();
        let before = bench.whole_slot(ONE, Slot::A);
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.majors, [1]);
        assert_eq!(outcome.reasons(), [reason]);
        assert_eq!(bench.whole_slot(ONE, Slot::A), before);
        assert_eq!(bench.boot().unwrap().reasons(), [], "the request is gone");
        assert_eq!(bench.counter(ONE), 1);
    }
}

fn refused_by_all(rules: ImageRules, candidate: &Spec, reason: Reason) {
    let candidate = candidate.build();
    refused::<SwapOffset>(rules, &candidate, reason);
    refused::<SwapMove>(rules, &candidate, reason);
    refused::<SwapScratch>(rules, &candidate, reason);
    refused::<Overwrite>(rules, &candidate, reason);
}

#[test]
fn a_bad_candidate_never_touches_the_primary_slot() {
    let strict = ImageRules::default();
    let mut foreign = spec(2);
    foreign.signer = 9;
    refused_by_all(strict, &foreign, Reason::Image(Refusal::UnknownKey));
    let mut old = spec(2);
    old.counter = 0;
    refused_by_all(strict, &old, Reason::Image(Refusal::CounterTooLow));
    let mut elsewhere = spec(2);
    elsewhere.placement = Placement::Rom(0x2000_0000);
    refused_by_all(strict, &elsewhere, Reason::Image(Refusal::RomAddress));
    let mut ram = spec(2);
    ram.placement = Placement::Ram(0x2000_0000);
    refused_by_all(strict, &ram, Reason::Image(Refusal::RamLoadUnexpected));
    let mut torn = spec(2).build();
    torn[60] ^= 1;
    refused::<SwapOffset>(strict, &torn, Reason::Image(Refusal::HashMismatch));
}

#[test]
fn an_image_bound_to_the_primary_slot_is_taken() {
    let mut bench = Bench::<SwapOffset, EachForItself>::in_the_field(SMALL);
    let mut bound = spec(2);
    // The bench's flash begins at this address, and the first slot with it.
    bound.placement = Placement::Rom(0x1000_0000);
    bench
        .update(ONE, &bound.build(), Request::Permanent)
        .unwrap();
    assert_eq!(bench.boot().unwrap().majors, [2]);
}

#[test]
fn identifiers_of_vendor_and_class_are_demanded_when_the_rules_name_them() {
    let rules = ImageRules {
        vendor_uuid: Some([7; 16]),
        ..ImageRules::default()
    };
    let mut ours = spec(1);
    ours.vendor = Some([7; 16]);
    let mut bench = Bench::<SwapOffset, EachForItself>::that_runs(SMALL, &[ours.build()]);
    bench.rules = rules;
    bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.reasons(), [Reason::Image(Refusal::VendorMismatch)]);
    let mut other = spec(2);
    other.vendor = Some([8; 16]);
    bench.update(ONE, &other.build(), Request::Trial).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.reasons(), [Reason::Image(Refusal::VendorMismatch)]);
    let mut good = spec(2);
    good.vendor = Some([7; 16]);
    bench.update(ONE, &good.build(), Request::Trial).unwrap();
    assert_eq!(bench.boot().unwrap().majors, [2]);
}

#[test]
fn downgrades_are_refused_when_the_rules_say_so_and_reverts_are_none() {
    let rules = ImageRules {
        refuse_downgrades: true,
        ..ImageRules::default()
    };
    let mut lower = spec(2);
    lower.version = Version::new(0, 9, 0);
    refused_by_all(rules, &lower, Reason::Downgrade);
    let mut bench = Bench::<SwapOffset, EachForItself>::in_the_field(SMALL);
    bench
        .update(ONE, &lower.build(), Request::Permanent)
        .unwrap();
    assert_eq!(bench.boot().unwrap().majors, [0], "without the rule");

    let mut bench = Bench::<SwapMove, EachForItself>::in_the_field(SMALL);
    bench.rules = rules;
    bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
    assert_eq!(bench.boot().unwrap().majors, [2]);
    assert_eq!(bench.boot().unwrap().majors, [1], "a revert goes down");
    // Build numbers are left out.
    let mut build = spec(1);
    build.version.build = 7;
    build.counter = 2;
    bench
        .update(ONE, &build.build(), Request::Permanent)
        .unwrap();
    bench.boot().unwrap();
    assert_eq!(bench.counter(ONE), 2);
}

/// Eleven cases over two images, as MCUboot's simulator has them: what image 0 needs, what image 1 needs, which
/// candidates are there, what runs then.
#[test]
fn dependencies_hold_or_release_both_candidates() {
    let none = |_: u8| None;
    type Needs = fn(u8) -> Option<u8>;
    let same: Needs = |major| Some(major);
    let missing: Needs = |major| Some(major + 1);
    let cases: [(Needs, Needs, [bool; 2], [u8; 2]); 11] = [
        (none, none, [true, true], [2, 2]),
        (none, none, [true, false], [2, 1]),
        (none, none, [false, true], [1, 2]),
        (same, none, [true, true], [2, 2]),
        (none, same, [true, true], [2, 2]),
        (same, same, [true, true], [2, 2]),
        (same, none, [true, false], [1, 1]),
        (none, same, [false, true], [1, 1]),
        (missing, none, [true, true], [1, 1]),
        (none, missing, [true, true], [1, 1]),
        (missing, missing, [true, true], [1, 1]),
    ];
    for (number, (first, second, present, runs)) in cases.into_iter().enumerate() {
        let mut bench = Bench::<SwapOffset, EachForItself>::in_the_field(PAIR);
        let needs = [(TWO, first), (ONE, second)];
        for (index, image) in [ONE, TWO].into_iter().enumerate() {
            let (other, needed) = needs[index];
            let candidate = match needed(2) {
                Some(major) => spec(2).needs(other, major),
                None => spec(2),
            };
            if present[index] {
                bench
                    .update(image, &candidate.build(), Request::Permanent)
                    .unwrap();
            }
        }
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.majors, runs, "case {number}");
        if runs == [1, 1] {
            assert!(outcome.reasons().contains(&Reason::DependencyUnmet));
        }
    }
}

#[test]
fn a_held_candidate_is_installed_when_what_it_needs_arrives() {
    let mut bench = Bench::<SwapOffset, EachForItself>::in_the_field(PAIR);
    let first = spec(2).needs(TWO, 2).build();
    bench.update(ONE, &first, Request::Permanent).unwrap();
    assert_eq!(bench.boot().unwrap().majors, [1, 1]);
    bench
        .update(TWO, &spec(2).build(), Request::Permanent)
        .unwrap();
    assert_eq!(bench.boot().unwrap().majors, [2, 2]);
}

#[test]
fn a_set_goes_back_as_one_even_if_one_image_was_confirmed() {
    let mut bench = Bench::<SwapOffset, Set>::in_the_field(PAIR);
    let update = |bench: &mut Bench<SwapOffset, Set>| {
        for image in [ONE, TWO] {
            bench
                .update(image, &spec(2).build(), Request::Trial)
                .unwrap();
        }
        assert_eq!(bench.boot().unwrap().majors, [2, 2]);
    };
    update(&mut bench);
    bench.confirm(ONE).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [1, 1]);
    assert!(!outcome.trial());
    assert_eq!((bench.counter(ONE), bench.counter(TWO)), (1, 1));
    assert_eq!(bench.boot().unwrap().majors, [1, 1]);

    update(&mut bench);
    bench.confirm(ONE).unwrap();
    bench.confirm(TWO).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [2, 2]);
    assert_eq!((bench.counter(ONE), bench.counter(TWO)), (2, 2));
}

/// What MCUboot does: the one goes back, the other stays.
#[test]
fn without_a_record_each_image_is_judged_for_itself() {
    let mut bench = Bench::<SwapOffset, EachForItself>::in_the_field(PAIR);
    for image in [ONE, TWO] {
        bench
            .update(image, &spec(2).build(), Request::Trial)
            .unwrap();
    }
    assert_eq!(bench.boot().unwrap().majors, [2, 2]);
    bench.confirm(ONE).unwrap();
    assert_eq!(bench.boot().unwrap().majors, [2, 1]);
}

#[test]
fn a_set_with_a_refused_image_is_not_begun() {
    let mut bench = Bench::<SwapOffset, Set>::in_the_field(PAIR);
    let mut foreign = spec(2);
    foreign.signer = 9;
    bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
    bench.update(TWO, &foreign.build(), Request::Trial).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [1, 1]);
    let unknown = Reason::Image(Refusal::UnknownKey);
    assert_eq!(outcome.reasons(), [unknown, Reason::SetIncomplete]);
}
