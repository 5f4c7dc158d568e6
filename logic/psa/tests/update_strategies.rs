//! The update service on devices of every strategy, with images together and each for itself: where candidates go,
//! what the states are after each boot, and what is refused.

mod common;

use common::firmware::{Kind, Machine, SECTOR, map, spec};
use ironroot_boot::{Image, Reason, Slot, UpdateMode};
use ironroot_client::fwu;
use ironroot_image::Refusal;
use ironroot_platform::{FlashCounter, HardwareCounter as _};
use ironroot_psa_api::fwu::{ComponentState as State, reason};
use ironroot_psa_api::{Error, Status};

/// Every way of updating that tries images first.
const TRYING: [UpdateMode; 5] = [
    UpdateMode::RamLoad,
    UpdateMode::DirectXipRevert,
    UpdateMode::SwapOffset,
    UpdateMode::SwapMove,
    UpdateMode::SwapScratch,
];

fn kinds() -> impl Iterator<Item = Kind> {
    let both = |mode| [Kind::of(mode), Kind::together(mode)];
    TRYING.into_iter().flat_map(both)
}

const fn both(state: State) -> (State, State) {
    (state, state)
}

fn stage(machine: &mut Machine, major: u8) {
    for (component, len) in [(0, 1300), (1, 700)] {
        machine
            .prepare(component, &spec(major, len).build())
            .unwrap();
    }
    fwu::install(machine).unwrap();
    assert_eq!(machine.states(), both(State::Staged));
}

#[test]
fn two_updates_in_a_row_are_tried_and_accepted() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        for major in [2, 3] {
            stage(&mut machine, major);
            machine.reset();
            assert_eq!(machine.versions, (major, major), "{kind:?}");
            assert_eq!(machine.states(), both(State::Trial), "{kind:?}");
            fwu::accept(&mut machine).unwrap();
            assert_eq!(machine.states(), both(State::Updated), "{kind:?}");
            for _ in 0..2 {
                machine.reset();
                assert_eq!(machine.versions, (major, major), "{kind:?}");
                assert_eq!(machine.states(), both(State::Updated), "{kind:?}");
            }
            for component in [0, 1] {
                fwu::clean(&mut machine, component).unwrap();
            }
            assert_eq!(machine.states(), both(State::Ready), "{kind:?}");
        }
        let counters = map().security_counters;
        for area in [counters.secure, counters.non_secure] {
            let area = area.of(machine.flash.clone()).unwrap();
            let counter = FlashCounter::open(area).unwrap();
            assert_eq!(counter.read(), Ok(3), "{kind:?}");
        }
    }
}

#[test]
fn a_candidate_lies_where_its_bootloader_wants_it() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        let bytes = spec(2, 1300).build();
        machine.prepare(0, &bytes).unwrap();
        let at = match kind.mode {
            UpdateMode::SwapOffset => SECTOR as usize,
            _ => 0,
        };
        let slot = machine.slot_bytes(Image::Secure, Slot::B);
        assert_eq!(&slot[at..at + bytes.len()], bytes, "{kind:?}");
        assert!(slot[..at].iter().all(|byte| *byte == 0xff), "{kind:?}");
        machine.reset();
        assert_eq!(machine.query(0).state, State::Candidate, "{kind:?}");
        assert_eq!(machine.versions, (1, 1), "nobody asked for it");
    }
}

#[test]
fn what_is_rejected_on_trial_goes_back_and_keeps_the_applications_reason() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        stage(&mut machine, 2);
        machine.reset();
        fwu::reject(&mut machine, Status(-77)).unwrap();
        assert_eq!(machine.states(), both(State::Rejected), "{kind:?}");
        for _ in 0..2 {
            machine.reset();
            assert_eq!(machine.versions, (1, 1), "{kind:?}");
            assert_eq!(machine.states(), both(State::Failed), "{kind:?}");
        }
        let info = machine.query(1);
        assert_eq!((info.error, info.reason), (Status(-77), reason::REJECTED));
        for component in [0, 1] {
            fwu::clean(&mut machine, component).unwrap();
        }
        stage(&mut machine, 3);
        machine.reset();
        assert_eq!(machine.versions, (3, 3), "{kind:?}");
    }
}

#[test]
fn a_trial_that_nobody_accepts_goes_back_and_says_so() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        stage(&mut machine, 2);
        machine.reset();
        machine.reset();
        assert_eq!(machine.versions, (1, 1), "{kind:?}");
        assert_eq!(machine.states(), both(State::Failed), "{kind:?}");
        let info = machine.query(0);
        assert_eq!(info.reason, Reason::TrialFailed.number(), "{kind:?}");
        assert_eq!(fwu::accept(&mut machine), Err(Error::BadState));
    }
}

#[test]
fn one_image_alone_is_tried_and_accepted() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        machine.prepare(1, &spec(2, 900).build()).unwrap();
        fwu::install(&mut machine).unwrap();
        machine.reset();
        assert_eq!(machine.versions, (1, 2), "{kind:?}");
        assert_eq!(machine.states(), (State::Ready, State::Trial), "{kind:?}");
        fwu::accept(&mut machine).unwrap();
        machine.reset();
        assert_eq!(machine.versions, (1, 2), "{kind:?}");
        assert_eq!(machine.states(), (State::Ready, State::Updated), "{kind:?}");
    }
}

#[test]
fn a_staged_update_is_taken_back_before_its_trial() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        stage(&mut machine, 2);
        fwu::reject(&mut machine, Status(-5)).unwrap();
        assert_eq!(machine.states(), both(State::Failed), "{kind:?}");
        machine.reset();
        assert_eq!(machine.versions, (1, 1), "{kind:?}");
        assert_eq!(machine.states(), both(State::Failed), "{kind:?}");
    }
}

#[test]
fn an_image_that_is_damaged_while_it_waits_fails_with_the_bootloaders_reason() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        stage(&mut machine, 2);
        let before = machine.slot_bytes(Image::NonSecure, Slot::A);
        let first = kind.mode.candidate_sector() * SECTOR;
        let at = map().slot(Image::NonSecure, Slot::B).offset + first + 200;
        machine.flash.0.borrow_mut().corrupt(at, 1);
        for _ in 0..3 {
            machine.reset();
            if machine.versions == (1, 1) {
                break;
            }
            // Each for itself: the good one is tried, and told that it goes back.
            assert!(!kind.together, "{kind:?}");
            assert_eq!(machine.query(0).state, State::Rejected, "{kind:?}");
        }
        assert_eq!(machine.versions, (1, 1), "{kind:?}");
        assert_eq!(machine.states(), both(State::Failed), "{kind:?}");
        let info = machine.query(1);
        let wrong = Reason::Image(Refusal::HashMismatch).number();
        assert_eq!(info.reason, wrong, "{kind:?}");
        let after = machine.slot_bytes(Image::NonSecure, Slot::A);
        assert_eq!(before, after, "{kind:?}: what runs was not touched");
    }
}

#[test]
fn nothing_is_written_beyond_the_room_of_the_strategy() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        let room = machine.query(0).max_size;
        let sectors = match kind.mode {
            UpdateMode::RamLoad | UpdateMode::DirectXipRevert | UpdateMode::SwapScratch => 4,
            _ => 3,
        };
        assert_eq!(room, sectors * SECTOR, "{kind:?}");
        fwu::start(&mut machine, 0, &[]).unwrap();
        let last = fwu::write(&mut machine, 0, room - 8, &[1; 8]);
        assert_eq!(last, Ok(()), "{kind:?}");
        for (at, len) in [(room - 8, 12), (room, 4), (0xffff_fff8, 8)] {
            let beyond = fwu::write(&mut machine, 0, at, &vec![1; len]);
            assert_eq!(beyond, Err(Error::InvalidArgument), "{kind:?} {at} {len}");
        }
    }
}

#[test]
fn a_download_goes_on_after_a_reset() {
    for kind in kinds() {
        let mut machine = Machine::of(kind);
        let bytes = spec(2, 2000).build();
        fwu::start(&mut machine, 0, &[]).unwrap();
        machine.write_from(0, &bytes[..1500], 0).unwrap();
        machine.reset();
        let info = machine.query(0);
        assert_eq!((info.state, info.written), (State::Writing, SECTOR));
        machine
            .write_from(0, &bytes, info.written as usize)
            .unwrap();
        fwu::finish(&mut machine, 0).unwrap();
        assert_eq!(machine.query(0).state, State::Candidate, "{kind:?}");
    }
}

/// There is no way back, so there is nothing to try.
#[test]
fn an_update_by_overwriting_is_there_for_good_after_the_boot() {
    for kind in [
        Kind::of(UpdateMode::Overwrite),
        Kind::together(UpdateMode::Overwrite),
    ] {
        let mut machine = Machine::of(kind);
        for major in [2, 3] {
            stage(&mut machine, major);
            for _ in 0..2 {
                machine.reset();
                assert_eq!(machine.versions, (major, major), "{kind:?}");
                assert_eq!(machine.states(), both(State::Updated), "{kind:?}");
            }
            assert_eq!(fwu::accept(&mut machine), Err(Error::BadState));
            for component in [0, 1] {
                fwu::clean(&mut machine, component).unwrap();
            }
        }
    }
}
