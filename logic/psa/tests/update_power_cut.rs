//! Power goes at every flash and counter operation of a whole update of both images, with every kind of tear,
//! and again while the device recovers. Whatever happens: something correctly signed boots, the images come and
//! go as one, nothing that was decided is lost, and a client that goes on where it stopped gets there.
//!
//! `IRONROOT_POWER_CUTS=all` cuts a second time at every operation of every recovery.

mod common;

use common::firmware::{Kind, Machine, spec};
use ironroot_boot::UpdateMode;
use ironroot_client::fwu;
use ironroot_platform::model::{Cut, Effect};
use ironroot_psa_api::fwu::ComponentState as State;
use ironroot_psa_api::{Error, Status};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Accept,
    Reject,
    RejectStaged,
}

/// How far the scenario came before power went.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    accept_called: bool,
    accepted: bool,
    rejected: bool,
    done: bool,
}

struct Scenario {
    images: [Vec<u8>; 2],
    ending: Ending,
}

impl Scenario {
    fn live(&self, machine: &mut Machine) -> Progress {
        let mut progress = Progress::default();
        let _ = self.steps(machine, &mut progress);
        progress
    }

    fn steps(&self, machine: &mut Machine, progress: &mut Progress) -> Result<(), Error> {
        for (component, bytes) in (0..).zip(&self.images) {
            machine.prepare(component, bytes)?;
        }
        fwu::install(machine)?;
        if self.ending != Ending::RejectStaged {
            boot(machine)?;
            assert_eq!(machine.versions, (2, 2));
        }
        match self.ending {
            Ending::Accept => {
                progress.accept_called = true;
                fwu::accept(machine)?;
                progress.accepted = true;
            }
            Ending::Reject | Ending::RejectStaged => {
                fwu::reject(machine, Status(-3))?;
                progress.rejected = true;
            }
        }
        boot(machine)?;
        for component in [0, 1] {
            fwu::clean(machine, component)?;
        }
        progress.done = true;
        Ok(())
    }

    /// What must hold after power went at any operation, and comes back now.
    fn check(&self, machine: &mut Machine, progress: Progress, what: &str) {
        machine.reset();
        // At most one boot runs a part of a set, and it is told so. With a record for sets none does.
        if machine.versions.0 != machine.versions.1 {
            assert!(!machine.kind.together, "{what}: {:?}", machine.versions);
            let (first, second) = machine.states();
            let told = |state| matches!(state, State::Rejected | State::Staged);
            assert!(told(first) || told(second), "{what}: {first:?} {second:?}");
            machine.reset();
        }
        let versions = machine.versions;
        assert!(
            versions == (1, 1) || versions == (2, 2),
            "{what}: {versions:?}"
        );
        assert!(
            !progress.accepted || versions == (2, 2),
            "{what}: accepted and lost"
        );
        assert!(
            !progress.rejected || versions == (1, 1),
            "{what}: rejected and there"
        );
        if versions == (2, 2) && !progress.accept_called {
            assert_eq!(machine.states(), (State::Trial, State::Trial), "{what}");
        }
        self.complete(machine, what);
    }

    /// A client without a memory of its own that wants both images in.
    fn complete(&self, machine: &mut Machine, what: &str) {
        let mut staged_before = false;
        for _ in 0..24 {
            let states = machine.states();
            if states == (State::Updated, State::Updated)
                || machine.versions == (2, 2) && states == (State::Ready, State::Ready)
            {
                machine.reset();
                assert_eq!(machine.versions, (2, 2), "{what}");
                return;
            }
            for (component, state) in [(0, states.0), (1, states.1)] {
                let bytes = &self.images[usize::from(component)];
                let done = match state {
                    State::Failed | State::Updated => fwu::clean(machine, component),
                    State::Ready if machine.versions == (1, 1) => {
                        fwu::start(machine, component, &[])
                    }
                    State::Writing => {
                        let from = machine.query(component).written as usize;
                        let rest = machine.write_from(component, bytes, from.min(bytes.len()));
                        rest.and_then(|()| fwu::finish(machine, component))
                    }
                    _ => Ok(()),
                };
                assert_eq!(done, Ok(()), "{what}: component {component}, {state:?}");
            }
            match machine.states() {
                (State::Candidate, State::Candidate) => {
                    fwu::install(machine).unwrap();
                    machine.reset();
                }
                (State::Trial, State::Trial) => fwu::accept(machine).unwrap(),
                // A cut while the bootloader marked the trial can leave a mark that it cannot write any more: what
                // is still staged after a boot is given up.
                (State::Staged, State::Staged) if staged_before => {
                    fwu::reject(machine, Status::SUCCESS).unwrap();
                }
                (State::Staged | State::Rejected, _) | (_, State::Staged | State::Rejected) => {
                    staged_before = true;
                    machine.reset();
                }
                _ => (),
            }
        }
        panic!("{what}: the update never ends, {:?}", machine.states());
    }
}

fn boot(machine: &mut Machine) -> Result<(), Error> {
    if machine.try_reset() {
        Ok(())
    } else {
        Err(Error::StorageFailure)
    }
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
    cuts
}

fn sweep(kind: Kind, ending: Ending) {
    let scenario = Scenario {
        images: [spec(2, 1300).build(), spec(2, 700).build()],
        ending,
    };
    let mut base = Machine::of(kind);
    let Kind { mode, together } = kind;
    let name = format!("{mode:?}, together: {together}, {ending:?}");
    let (mut first_cuts, mut second_cuts, mut operations) = (0, 0, 0);
    let every = std::env::var_os("IRONROOT_POWER_CUTS").is_some();
    // A swap has many operations of its own.
    let (kinds_of_cut, few) = match mode.moves_sectors() {
        true if !every => (3, 40),
        _ => (1, 5),
    };
    for cut in cuts().into_iter().step_by(kinds_of_cut) {
        for at in 0.. {
            let mut machine = base.fork();
            machine.reset();
            machine.power.cut_at(machine.power.operations() + at, cut);
            let progress = scenario.live(&mut machine);
            let what = format!("{name}, operation {at}, {cut:?}");
            if machine.power.is_on() {
                assert!(progress.done, "{what}");
                operations = at;
                break;
            }
            first_cuts += 1;
            if every || (at + cut.seed) % few == 0 {
                second_cuts += again(&scenario, &mut machine, progress, cut, &what);
            }
            scenario.check(&mut machine, progress, &what);
        }
    }
    assert!(operations > 40, "{operations} operations are no update");
    println!("{name}: {operations} operations, {first_cuts} cuts, {second_cuts} pairs of cuts");
}

/// Cuts power again at every operation of the boot that recovers.
fn again(
    scenario: &Scenario,
    machine: &mut Machine,
    progress: Progress,
    kind: Cut,
    what: &str,
) -> u32 {
    for at in 0.. {
        let mut machine = machine.fork();
        machine.power.on();
        machine.power.cut_at(at, Cut { seed: 12, ..kind });
        if machine.try_reset() {
            return at as u32;
        }
        let what = format!("{what}, and operation {at} of the boot after");
        scenario.check(&mut machine, progress, &what);
    }
    unreachable!()
}

fn every_ending(kind: Kind) {
    for ending in [Ending::Accept, Ending::Reject, Ending::RejectStaged] {
        sweep(kind, ending);
    }
}

#[test]
fn an_update_survives_a_cut_anywhere() {
    every_ending(Kind::of(UpdateMode::RamLoad));
}

#[test]
fn a_set_is_never_started_in_part_whatever_is_cut() {
    every_ending(Kind::together(UpdateMode::RamLoad));
}

#[test]
fn an_update_that_runs_from_its_slot_survives_a_cut_anywhere() {
    every_ending(Kind::of(UpdateMode::DirectXipRevert));
    every_ending(Kind::together(UpdateMode::DirectXipRevert));
}

#[test]
fn an_update_by_swap_offset_survives_a_cut_anywhere() {
    every_ending(Kind::of(UpdateMode::SwapOffset));
    every_ending(Kind::together(UpdateMode::SwapOffset));
}

#[test]
fn an_update_by_swap_move_survives_a_cut_anywhere() {
    every_ending(Kind::of(UpdateMode::SwapMove));
    every_ending(Kind::together(UpdateMode::SwapMove));
}

#[test]
fn an_update_by_swap_scratch_survives_a_cut_anywhere() {
    every_ending(Kind::of(UpdateMode::SwapScratch));
    every_ending(Kind::together(UpdateMode::SwapScratch));
}
