//! The life of an update without accidents.

use crate::bench::{Bench, Record, SMALL, Shape, spec};
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot};
use ironroot_image::trailer::FlagState::{Set, Unset};
use ironroot_image::trailer::MagicState::Good;

const ONE: Image = Image::Secure;

fn trial_then_back<M: Method + Default, K: Record>(shape: Shape) {
    let (first, second) = (spec(1).build(), spec(2).build());
    let mut bench = Bench::<M, K>::in_the_field(shape);
    bench.update(ONE, &second, Request::Trial).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [2]);
    assert!(outcome.trial());
    assert_eq!(bench.content(ONE, Slot::A, 0, second.len()), second);
    assert_eq!(bench.content(ONE, Slot::B, 0, first.len()), first);
    assert_eq!(bench.flags(ONE, Slot::A), (Good, Unset, Set));
    assert_eq!(bench.counter(ONE), 1, "a trial raises no counter");

    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors, [1]);
    assert!(!outcome.trial());
    assert_eq!(bench.content(ONE, Slot::A, 0, first.len()), first);
    let candidate = bench.content(ONE, Slot::B, M::CANDIDATE, second.len());
    assert_eq!(candidate, second);
    assert_eq!(bench.flags(ONE, Slot::A), (Good, Set, Set));
    let settled = bench.flash.0.borrow().bytes().to_vec();
    assert_eq!(bench.boot().unwrap().majors, [1]);
    assert_eq!(
        bench.flash.0.borrow().bytes(),
        settled,
        "nothing is left to do"
    );
    assert_eq!(bench.counter(ONE), 1);
    assert_eq!(bench.violations(), 0);
}

fn trial_then_confirmed<M: Method + Default, K: Record>(shape: Shape) {
    let mut bench = Bench::<M, K>::in_the_field(shape);
    for major in 2..5 {
        let next = spec(major).build();
        bench.update(ONE, &next, Request::Trial).unwrap();
        assert_eq!(bench.boot().unwrap().majors, [major]);
        bench.confirm(ONE).unwrap();
        assert_eq!(bench.counter(ONE), u32::from(major) - 1);
        for _ in 0..2 {
            let outcome = bench.boot().unwrap();
            assert_eq!(outcome.majors, [major]);
            assert!(!outcome.trial());
            assert_eq!(bench.counter(ONE), u32::from(major));
        }
    }
    assert_eq!(bench.violations(), 0);
}

fn for_good<M: Method + Default, K: Record>(shape: Shape) {
    let mut bench = Bench::<M, K>::in_the_field(shape);
    let next = spec(2).build();
    bench.update(ONE, &next, Request::Permanent).unwrap();
    for _ in 0..3 {
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.majors, [2]);
        assert!(!outcome.trial());
    }
    assert_eq!(bench.counter(ONE), 2);
    assert_eq!(bench.content(ONE, Slot::A, 0, next.len()), next);
    assert_eq!(bench.violations(), 0);
}

#[test]
fn an_unconfirmed_trial_is_taken_back_exactly() {
    trial_then_back::<SwapOffset, EachForItself>(SMALL);
    trial_then_back::<SwapMove, EachForItself>(SMALL);
    trial_then_back::<SwapScratch, EachForItself>(SMALL);
}

#[test]
fn a_confirmed_trial_stays() {
    trial_then_confirmed::<SwapOffset, EachForItself>(SMALL);
    trial_then_confirmed::<SwapMove, EachForItself>(SMALL);
    trial_then_confirmed::<SwapScratch, EachForItself>(SMALL);
}

#[test]
fn a_permanent_update_needs_no_confirmation() {
    for_good::<SwapOffset, EachForItself>(SMALL);
    for_good::<SwapMove, EachForItself>(SMALL);
    for_good::<SwapScratch, EachForItself>(SMALL);
    for_good::<Overwrite, EachForItself>(SMALL);
}
