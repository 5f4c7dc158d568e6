//! The engine as something that the model of `tools/tpm-model` can be compared with. The tests and a fuzz target use it.

#![allow(unreachable_pub, reason = "a part of two programs, not a library")]

use ironroot_platform::EntropyError;
use ironroot_tpm::{
    Change, Entropy, Locality, MAX_COMMAND, MAX_SNAPSHOT, Memory, ObjectSlot, Profile, Progress,
    RecordId, SessionSlot, Store, StoreError, Ticks, Tpm, UniqueKey,
};
use ironroot_tpm_model::{Device, Fault};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const PROFILE: &Profile = &Profile::PC_CLIENT;
/// How often the program can be started in one sequence; after that only the power goes.
const PROGRAMS: usize = 6;

/// Records in memory, that fail as they are told to.
#[derive(Clone, Default)]
struct Records(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    records: BTreeMap<u32, Vec<u8>>,
    fault: Option<Fault>,
    taken: usize,
    failed: usize,
}

impl Store for Records {
    fn read(&mut self, id: RecordId, out: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let state = self.0.borrow();
        let Some(record) = state.records.get(&id.0) else {
            return Ok(None);
        };
        out.get_mut(..record.len())
            .ok_or(StoreError::Full)?
            .copy_from_slice(record);
        Ok(Some(record.len()))
    }

    fn at_or_after(&mut self, from: RecordId) -> Result<Option<RecordId>, StoreError> {
        let state = self.0.borrow();
        let next = state.records.range(from.0..).next();
        Ok(next.map(|(id, _)| RecordId(*id)))
    }

    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        let mut state = self.0.borrow_mut();
        match &mut state.fault {
            Some(fault) if fault.after > 0 => fault.after -= 1,
            Some(fault) => {
                let fault = *fault;
                state.failed += 1;
                state.fault = state.fault.filter(|_| !fault.once);
                return Err(match fault.full {
                    true => StoreError::Full,
                    false => StoreError::Unavailable,
                });
            }
            None => {}
        }
        state.taken += 1;
        for change in changes {
            match change {
                Change::Set { id, data } => state.records.insert(id.0, data.to_vec()),
                Change::Remove(id) => state.records.remove(&id.0),
            };
        }
        Ok(())
    }

    fn free(&mut self) -> u32 {
        100_000
    }
}

/// Time that the model moves, and entropy that is the same in every run.
#[derive(Clone, Default)]
struct Surroundings(Rc<RefCell<(u64, u64)>>);

impl Entropy for Surroundings {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        let (_, drawn) = &mut *self.0.borrow_mut();
        for byte in out {
            *drawn += 1;
            *byte = (drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
        Ok(())
    }
}

impl Ticks for Surroundings {
    fn now(&mut self) -> u64 {
        self.0.borrow().0
    }
}

impl UniqueKey for Surroundings {
    fn derive(&mut self, purpose: &[u8], out: &mut [u8]) {
        let sum = purpose
            .iter()
            .fold(7u8, |sum, byte| sum.wrapping_mul(31) ^ byte);
        out.fill(sum);
    }
}

/// What one run of the program has of its own.
struct Program {
    objects: Vec<ObjectSlot>,
    sessions: Vec<SessionSlot>,
    store: Records,
    surroundings: Surroundings,
}

/// The engine, its store, its surroundings.
struct Engine<'m> {
    tpm: Tpm<'m>,
    programs: std::slice::IterMut<'m, Program>,
    store: Records,
    surroundings: Surroundings,
}

/// Shows a new TPM to `run`; it is off.
pub fn with_engine(run: impl FnOnce(&mut dyn Device)) {
    let (store, surroundings) = (Records::default(), Surroundings::default());
    let mut programs: Vec<Program> = (0..PROGRAMS)
        .map(|_| Program {
            objects: (0..PROFILE.loaded_objects)
                .map(|_| ObjectSlot::EMPTY)
                .collect(),
            sessions: (0..PROFILE.loaded_sessions)
                .map(|_| SessionSlot::EMPTY)
                .collect(),
            store: store.clone(),
            surroundings: surroundings.clone(),
        })
        .collect();
    let mut programs = programs.iter_mut();
    let first = programs.next().expect("there are some");
    run(&mut Engine {
        tpm: start(first),
        programs,
        store,
        surroundings,
    });
}

fn start(program: &mut Program) -> Tpm<'_> {
    let memory = Memory {
        objects: &mut program.objects,
        sessions: &mut program.sessions,
    };
    Tpm::new(
        memory,
        &mut program.store,
        &mut program.surroundings,
        PROFILE,
    )
    .expect("the program starts")
}

impl Device for Engine<'_> {
    fn command(&mut self, locality: u8, command: &[u8]) -> Vec<u8> {
        let mut response = vec![0; MAX_COMMAND];
        let locality = Locality::new(locality).expect("0 to 4");
        match self.tpm.begin(locality, command, &mut response) {
            Progress::Done(len) => response.truncate(len),
            Progress::Pending => panic!("none of the model's commands takes long"),
        }
        response
    }

    fn power_cycle(&mut self) {
        self.tpm.power_off();
        self.tpm.power_on().expect("it starts");
    }

    fn restart_program(&mut self) {
        if let Some(program) = self.programs.next() {
            self.tpm = start(program);
        }
        self.power_cycle();
    }

    fn suspend_and_resume(&mut self) {
        let mut blob = vec![0; MAX_SNAPSHOT];
        let len = self.tpm.snapshot(&mut blob).expect("it has power");
        self.tpm.power_off();
        self.tpm
            .power_on_from(&mut blob[..len])
            .expect("it comes back");
    }

    fn hash_start(&mut self) {
        self.tpm.hash_start();
    }

    fn hash_data(&mut self, data: &[u8]) {
        self.tpm.hash_data(data);
    }

    fn hash_end(&mut self) {
        self.tpm.hash_end();
    }

    fn advance(&mut self, milliseconds: u64) {
        self.surroundings.0.borrow_mut().0 += milliseconds;
    }

    fn fail(&mut self, fault: Option<Fault>) {
        self.store.0.borrow_mut().fault = fault;
    }

    fn writes(&self) -> (usize, usize) {
        let state = self.store.0.borrow();
        (state.taken, state.failed)
    }
}
