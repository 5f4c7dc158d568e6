//! A set that is staged and accepted through its record, as the update service does it, by every strategy with a
//! way back: whatever is cut where, both images of a version run or neither does.

use crate::bench::{Bench, Outcome, SMALL, Set, Shape, spec};
use crate::sweep::every_effect;
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::{self, Group};
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{BootError, DirectXipRevert, Image, RamLoad, Reason, Slot};

const PAIR: Shape = Shape { images: 2, ..SMALL };

type Boot<M> = fn(&mut Bench<M, Set>) -> Result<Outcome, BootError>;

/// A device of one strategy.
struct Kind<M> {
    name: &'static str,
    boot: Boot<M>,
    /// Where the new image runs.
    runs_from: Slot,
    candidate: u32,
}

fn swapped<M: Method + Default>(name: &'static str) -> Kind<M> {
    Kind {
        name,
        boot: Bench::boot,
        runs_from: Slot::A,
        candidate: M::CANDIDATE,
    }
}

/// Both slots can boot; which method the bench has does not matter.
fn either(name: &'static str, boot: Boot<Overwrite>) -> Kind<Overwrite> {
    Kind {
        name,
        boot,
        runs_from: Slot::B,
        candidate: 0,
    }
}

impl<M: Method + Default> Kind<M> {
    fn field(&self) -> Bench<M, Set> {
        let mut bench = Bench::<M, Set>::new(PAIR);
        for image in Image::ALL {
            bench.write_at(image, Slot::A, 0, &spec(1).build()).unwrap();
            let mut slot = bench.slot(image, Slot::A);
            match self.runs_from {
                Slot::A => bench.factory(image, &spec(1).build()),
                Slot::B => trailer_ops::set_pending(&mut slot, image, Request::Permanent).unwrap(),
            }
        }
        assert_eq!((self.boot)(&mut bench).unwrap().majors, [1, 1]);
        bench
    }

    fn group(slot: Slot) -> Group {
        let group = Group::default().with(Image::Secure, slot);
        group.with(Image::NonSecure, slot)
    }

    /// Writes and asks for both, one after the other.
    fn stage(&self, bench: &mut Bench<M, Set>, major: u8) -> Option<()> {
        for image in Image::ALL {
            bench.write_at(image, Slot::B, self.candidate, &spec(major).build())?;
        }
        set::stage(&mut bench.record, Self::group(Slot::B)).ok()?;
        for image in Image::ALL {
            let mut slot = bench.slot(image, Slot::B);
            trailer_ops::set_pending(&mut slot, image, Request::Trial).ok()?;
        }
        Some(())
    }

    fn accept(&self, bench: &mut Bench<M, Set>) -> Option<()> {
        set::accept(&mut bench.record, Self::group(self.runs_from)).ok()
    }

    fn mark(&self, bench: &Bench<M, Set>) -> Option<()> {
        for image in Image::ALL {
            trailer_ops::confirm(&mut bench.slot(image, self.runs_from)).ok()?;
        }
        Some(())
    }

    fn sweep(&self) {
        let field = self.field();
        let (mut cuts, mut accepted_at_least_once) = (0, false);
        for cut in every_effect() {
            for operation in 0.. {
                let mut bench = field.fork();
                bench.power.cut_at(operation, cut);
                let (mut called, mut accepted) = (false, false);
                let mut life = |bench: &mut Bench<M, Set>| -> Option<()> {
                    self.stage(bench, 2)?;
                    (self.boot)(bench).ok()?;
                    called = true;
                    self.accept(bench)?;
                    accepted = true;
                    self.mark(bench)?;
                    set::forget(&mut bench.record).ok()?;
                    (self.boot)(bench).ok().map(|_| ())
                };
                let done = life(&mut bench).is_some();
                for _ in 0..4 {
                    bench.power.on();
                    let outcome = (self.boot)(&mut bench).unwrap();
                    cuts += 1;
                    let what = (operation, cut, &outcome.events);
                    assert_eq!(outcome.majors[0], outcome.majors[1], "{what:?}");
                    let counters = Image::ALL.map(|image| bench.counter(image));
                    if accepted {
                        accepted_at_least_once |= !done;
                        assert_eq!((outcome.majors[0], counters), (2, [2, 2]), "{what:?}");
                    } else if !called {
                        assert_eq!(counters, [1, 1], "{what:?}");
                    }
                    assert!(!outcome.last_resort(), "{what:?}");
                }
                if done {
                    break;
                }
            }
        }
        assert!(accepted_at_least_once);
        let name = self.name;
        tell!("{name}: a set through its record, {cuts} boots after cuts");
    }

    /// What needs no cut in the middle of a write.
    fn rules(&self) {
        let field = self.field();
        // Staged, and one request missing: nothing starts, and nothing is lost.
        let mut bench = field.fork();
        set::stage(&mut bench.record, Self::group(Slot::B)).unwrap();
        for (image, major) in Image::ALL.into_iter().zip([2, 2]) {
            let bytes = spec(major).build();
            bench
                .write_at(image, Slot::B, self.candidate, &bytes)
                .unwrap();
        }
        let ask = |bench: &Bench<M, Set>, image| {
            let mut slot = bench.slot(image, Slot::B);
            trailer_ops::set_pending(&mut slot, image, Request::Trial).unwrap();
        };
        ask(&bench, Image::NonSecure);
        for _ in 0..2 {
            let outcome = (self.boot)(&mut bench).unwrap();
            assert_eq!((&outcome.majors[..], outcome.trial()), (&[1, 1][..], false));
            assert!(outcome.reasons().contains(&Reason::SetIncomplete));
        }
        ask(&bench, Image::Secure);
        let outcome = (self.boot)(&mut bench).unwrap();
        assert_eq!((&outcome.majors[..], outcome.trial()), (&[2, 2][..], true));

        // Accepted, and no mark written yet: confirmed.
        let mut kept = bench.fork();
        self.accept(&mut kept).unwrap();
        for _ in 0..2 {
            let outcome = (self.boot)(&mut kept).unwrap();
            assert_eq!((&outcome.majors[..], outcome.trial()), (&[2, 2][..], false));
        }
        assert_eq!(kept.counter(Image::NonSecure), 2);

        // One mark and no word in the record: back, both.
        trailer_ops::confirm(&mut bench.slot(Image::Secure, self.runs_from)).unwrap();
        let outcome = (self.boot)(&mut bench).unwrap();
        assert_eq!((&outcome.majors[..], outcome.trial()), (&[1, 1][..], false));
        assert_eq!(bench.counter(Image::Secure), 1);
    }
}

#[test]
fn a_set_that_is_swapped_runs_as_one_at_every_cut() {
    swapped::<SwapOffset>("swap-offset").sweep();
    swapped::<SwapMove>("swap-move").sweep();
    swapped::<SwapScratch>("swap-scratch").sweep();
}

#[test]
fn a_set_of_slots_runs_as_one_at_every_cut() {
    either("RAM-load", |bench| bench.boot_loaded(RamLoad)).sweep();
    either("direct-XIP", |bench| bench.boot_slots(DirectXipRevert)).sweep();
}

#[test]
fn a_set_waits_for_all_its_requests_and_is_confirmed_by_its_record() {
    swapped::<SwapOffset>("swap-offset").rules();
    swapped::<SwapMove>("swap-move").rules();
    swapped::<SwapScratch>("swap-scratch").rules();
    either("RAM-load", |bench| bench.boot_loaded(RamLoad)).rules();
    either("direct-XIP", |bench| bench.boot_slots(DirectXipRevert)).rules();
}
