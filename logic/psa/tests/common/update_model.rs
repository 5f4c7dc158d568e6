//! The state table of the PSA Firmware Update API 1.0.1 as a simple model, and a player that does the same
//! calls to a device and to the model and compares every answer, every state and every byte.
//!
//! A script is any bytes: sequences come from a random generator or from a fuzzer.

use super::firmware::{LIMIT, Machine, SECTOR, spec};
use ironroot_boot::Image;
use ironroot_client::fwu::{self, Completion};
use ironroot_psa_api::fwu::{ComponentState as State, MAX_WRITE_SIZE};
use ironroot_psa_api::{Error, Status};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What a good image says.
#[derive(Clone)]
struct Good {
    bytes: Vec<u8>,
    major: u8,
    /// The version of the other image that it needs.
    needs: u8,
}

fn catalog() -> [Vec<Good>; 2] {
    let good = |image: Image, major: u8, len: usize, needs: u8| {
        let other = match image {
            Image::Secure => Image::NonSecure,
            Image::NonSecure => Image::Secure,
        };
        let plain = spec(major, len);
        let bytes = match needs {
            0 => plain.build(),
            _ => plain.needs(other, needs).build(),
        };
        Good {
            bytes,
            major,
            needs,
        }
    };
    Image::ALL.map(|image| {
        vec![
            good(image, 1, 300, 0),
            good(image, 2, 900, 0),
            good(image, 3, 2100, 0),
            good(image, 4, 1300, 3),
            good(image, 5, 700, 0),
        ]
    })
}

#[derive(Clone)]
struct Component {
    state: State,
    /// What was written to the second slot.
    content: Vec<u8>,
    /// Something was written since the last reset.
    written_to: bool,
    active: u8,
    /// Version that ran before the trial.
    previous: u8,
    /// The lowest security counter that the bootloader takes.
    counter: u8,
    error: i32,
}

impl Component {
    fn used(&self) -> usize {
        let sector = SECTOR as usize;
        let last = self.content.iter().rposition(|byte| *byte != 0xff);
        last.map_or(0, |last| last / sector + 1)
    }

    fn down(&mut self, state: State, error: i32) {
        self.state = state;
        self.error = error;
    }
}

pub(crate) struct Player {
    machine: Machine,
    model: [Component; 2],
    catalog: [Vec<Good>; 2],
    /// The bytes of both running slots.
    running: [Vec<u8>; 2],
    pub(crate) calls: u32,
    /// Component and state, where it came to.
    pub(crate) seen: BTreeSet<(u8, u8)>,
}

/// What the model expects of a call.
type Expected<T> = Result<T, Vec<Error>>;

thread_local! {
    /// Building one costs more than playing.
    static BASE: RefCell<Option<(Machine, [Vec<Good>; 2])>> = const { RefCell::new(None) };
}

impl Player {
    pub(crate) fn new() -> Self {
        BASE.with_borrow_mut(|base| {
            let (machine, catalog) = base.get_or_insert_with(|| (Machine::new(), catalog()));
            let mut machine = machine.fork();
            machine.reset();
            let component = Component {
                state: State::Ready,
                content: vec![0xff; LIMIT as usize],
                written_to: false,
                active: 1,
                previous: 1,
                counter: 1,
                error: 0,
            };
            let mut player = Self {
                machine,
                model: [component.clone(), component],
                catalog: catalog.clone(),
                running: [vec![], vec![]],
                calls: 0,
                seen: BTreeSet::new(),
            };
            player.note_running();
            player
        })
    }

    fn note_running(&mut self) {
        for image in Image::ALL {
            let slot = self.machine.running.get(image).slot;
            let bytes = self.machine.slot_bytes(image, slot);
            self.running[usize::from(image.number())] = bytes[..LIMIT as usize].to_vec();
        }
    }

    /// Plays a script to its end.
    pub(crate) fn play(&mut self, script: &[u8]) {
        let mut script = Script(script);
        while !script.0.is_empty() {
            self.step(&mut script);
            self.calls += 1;
            self.compare();
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        // The components that there are, more often than others.
        let component = [0, 1, 0, 1, 0, 1, 2, 255][usize::from(script.byte() >> 5)];
        match script.byte() % 20 {
            0 | 1 => self.start(component, &[]),
            2 => self.start(component, b"manifest"),
            3..=5 => self.write_anything(component, script),
            6..=8 => self.write_honestly(component, script),
            9 | 10 => self.finish(component),
            11 => self.cancel(component),
            12 | 13 => self.clean(component),
            14 | 15 => self.install(),
            16 => self.reject(i32::from(script.byte()) - 128),
            17 => self.accept(),
            18 => self.reset(),
            _ => self.prepare(component, script),
        }
    }

    fn state(&self, component: u8) -> Option<State> {
        Some(self.model.get(usize::from(component))?.state)
    }

    /// The component at one of these states, or what the call must answer.
    fn at(&mut self, component: u8, states: &[State]) -> Expected<&mut Component> {
        match self.state(component) {
            None => Err(vec![Error::DoesNotExist]),
            Some(state) if !states.contains(&state) => Err(vec![Error::BadState]),
            Some(_) => Ok(&mut self.model[usize::from(component)]),
        }
    }

    fn start(&mut self, component: u8, manifest: &[u8]) {
        let expected = match self.at(component, &[State::Ready]) {
            Ok(_) if !manifest.is_empty() => Err(vec![Error::InvalidArgument]),
            Ok(place) => {
                place.state = State::Writing;
                place.content.fill(0xff);
                place.written_to = false;
                Ok(())
            }
            Err(errors) => Err(errors),
        };
        agree(
            "start",
            fwu::start(&mut self.machine, component, manifest),
            &expected,
        );
    }

    fn write(&mut self, component: u8, offset: u32, block: &[u8]) {
        let expected = match self.at(component, &[State::Writing]) {
            Ok(place) => {
                let end = u64::from(offset) + block.len().next_multiple_of(4) as u64;
                let inside = offset.is_multiple_of(4) && end <= u64::from(LIMIT);
                if !inside || block.is_empty() || block.len() > MAX_WRITE_SIZE {
                    Err(vec![Error::InvalidArgument])
                } else {
                    let mut padded = block.to_vec();
                    padded.resize(block.len().next_multiple_of(4), 0xff);
                    let there = &mut place.content[offset as usize..end as usize];
                    let fits = padded
                        .chunks(4)
                        .zip(there.chunks(4))
                        .all(|(new, old)| new == old || old == [0xff; 4]);
                    place.written_to = true;
                    if fits {
                        there.copy_from_slice(&padded);
                        Ok(())
                    } else {
                        Err(vec![Error::InvalidArgument])
                    }
                }
            }
            Err(errors) => Err(errors),
        };
        agree(
            "write",
            fwu::write(&mut self.machine, component, offset, block),
            &expected,
        );
    }

    fn write_anything(&mut self, component: u8, script: &mut Script<'_>) {
        let offset = match script.byte() % 8 {
            0 => script.word(),
            1 => u32::MAX - u32::from(script.byte()),
            2 => LIMIT.wrapping_sub(u32::from(script.byte())),
            3 => LIMIT + u32::from(script.byte()),
            4 => SECTOR.wrapping_mul(u32::from(script.byte())),
            _ => (script.word() % LIMIT) & !3,
        };
        let len = match script.byte() % 6 {
            0 => usize::from(script.byte()),
            1 => MAX_WRITE_SIZE,
            2 => MAX_WRITE_SIZE + 1,
            3 => 2 * MAX_WRITE_SIZE + usize::from(script.byte()),
            _ => usize::from(script.byte()) % 16,
        };
        let fill = script.byte();
        self.write(component, offset, &vec![fill; len]);
    }

    /// The next blocks of an image, from wherever the component says.
    fn write_honestly(&mut self, component: u8, script: &mut Script<'_>) {
        let (which, blocks) = (script.byte(), script.byte() % 8);
        let Some(images) = self.catalog.get(usize::from(component)) else {
            return self.write(component, 0, b"data");
        };
        let bytes = images[usize::from(which) % images.len()].bytes.clone();
        for _ in 0..blocks {
            let from = self.machine.query(component).written as usize;
            let block = bytes.get(from..).unwrap_or(&[]);
            self.write(component, from as u32, &block[..block.len().min(700) & !3]);
        }
    }

    /// A whole update, up to the candidate.
    fn prepare(&mut self, component: u8, script: &mut Script<'_>) {
        let which = usize::from(script.byte());
        let Some(images) = self.catalog.get(usize::from(component)) else {
            return;
        };
        let bytes = images[which % images.len()].bytes.clone();
        self.clean(component);
        self.start(component, &[]);
        for (at, block) in (0..)
            .step_by(MAX_WRITE_SIZE)
            .zip(bytes.chunks(MAX_WRITE_SIZE))
        {
            self.write(component, at, block);
        }
        self.finish(component);
    }

    fn good(&self, component: u8) -> Option<Good> {
        let index = usize::from(component);
        let content = &self.model[index].content;
        let mut images = self.catalog[index].iter();
        images
            .find(|good| content.starts_with(&good.bytes))
            .cloned()
    }

    fn finish(&mut self, component: u8) {
        let good = self.state(component).and_then(|_| self.good(component));
        let expected = match self.at(component, &[State::Writing]) {
            Ok(place) => {
                let errors = match good {
                    Some(good) if good.major > place.active => vec![],
                    Some(_) => vec![Error::NotPermitted],
                    None => vec![
                        Error::InvalidArgument,
                        Error::InvalidSignature,
                        Error::NotPermitted,
                    ],
                };
                match errors.is_empty() {
                    true => {
                        place.state = State::Candidate;
                        Ok(())
                    }
                    false => {
                        place.down(State::Failed, i32::MAX); // whatever it answers
                        Err(errors)
                    }
                }
            }
            Err(errors) => Err(errors),
        };
        let answer = fwu::finish(&mut self.machine, component);
        agree("finish", answer, &expected);
        if let (Err(error), Some(place)) = (answer, self.model.get_mut(usize::from(component)))
            && place.error == i32::MAX
        {
            place.error = error.status().0;
        }
    }

    fn cancel(&mut self, component: u8) {
        let expected = self
            .at(component, &[State::Writing, State::Candidate])
            .map(|place| place.down(State::Failed, 0));
        agree(
            "cancel",
            fwu::cancel(&mut self.machine, component),
            &expected,
        );
    }

    fn clean(&mut self, component: u8) {
        let expected = self
            .at(component, &[State::Failed, State::Updated])
            .map(|place| place.down(State::Ready, 0));
        agree("clean", fwu::clean(&mut self.machine, component), &expected);
    }

    fn any(&self, states: &[State]) -> bool {
        self.model
            .iter()
            .any(|component| states.contains(&component.state))
    }

    fn install(&mut self) {
        let busy = self.any(&[State::Staged, State::Trial, State::Rejected]);
        let expected = if busy || !self.any(&[State::Candidate]) {
            Err(vec![Error::BadState])
        } else {
            let version = |component: u8| match self.state(component) {
                Some(State::Candidate) => self.good(component).map_or(0, |good| good.major),
                _ => self.model[usize::from(component)].active,
            };
            let met = |component: u8| match self.state(component) {
                Some(State::Candidate) => {
                    let needs = self.good(component).map_or(0, |good| good.needs);
                    version(1 - component) >= needs
                }
                _ => true,
            };
            if met(0) && met(1) {
                self.each(State::Candidate, |component| {
                    component.state = State::Staged
                });
                Ok(Completion::Reboot)
            } else {
                Err(vec![Error::DependencyNeeded])
            }
        };
        agree("install", fwu::install(&mut self.machine), &expected);
    }

    fn each(&mut self, state: State, change: impl Fn(&mut Component)) {
        for component in self
            .model
            .iter_mut()
            .filter(|component| component.state == state)
        {
            change(component);
        }
    }

    fn reject(&mut self, code: i32) {
        let expected = if self.any(&[State::Trial]) {
            self.each(State::Trial, |component| {
                component.down(State::Rejected, code)
            });
            Ok(Completion::Reboot)
        } else if self.any(&[State::Staged]) {
            self.each(State::Staged, |component| {
                component.down(State::Failed, code)
            });
            Ok(Completion::Done)
        } else {
            Err(vec![Error::BadState])
        };
        agree(
            "reject",
            fwu::reject(&mut self.machine, Status(code)),
            &expected,
        );
    }

    fn accept(&mut self) {
        let expected = if self.any(&[State::Trial]) {
            self.each(State::Trial, |component| component.state = State::Updated);
            Ok(())
        } else {
            Err(vec![Error::BadState])
        };
        agree("accept", fwu::accept(&mut self.machine), &expected);
    }

    fn reset(&mut self) {
        let majors = [0, 1].map(|component| self.good(component).map_or(0, |good| good.major));
        for (component, major) in self.model.iter_mut().zip(majors) {
            match component.state {
                State::Writing if component.written_to => {
                    let sector = SECTOR as usize;
                    let last = component.used().saturating_sub(1) * sector;
                    let end = component.content.len().min(last + 2 * sector);
                    component.content[last..end].fill(0xff);
                    component.written_to = false;
                }
                State::Staged => {
                    component.state = State::Trial;
                    component.previous = component.active;
                    component.active = major;
                }
                State::Trial | State::Rejected => {
                    let error = match component.state {
                        State::Trial => Error::GenericError.status().0,
                        _ => component.error,
                    };
                    component.down(State::Failed, error);
                    component.active = component.previous;
                }
                _ => (),
            }
            if component.state == State::Updated {
                component.counter = component.active;
            }
        }
        self.machine.reset();
        self.note_running();
    }

    fn compare(&mut self) {
        for (number, component) in (0..).zip(self.model.clone()) {
            let info = self.machine.query(number);
            self.seen.insert((number, info.state as u8));
            assert_eq!(info.state, component.state, "component {number}");
            assert_eq!(info.version.major, component.active);
            assert_eq!(info.max_size, LIMIT);
            let expected = match component.state {
                State::Failed | State::Rejected => component.error,
                _ => 0,
            };
            assert_eq!(info.error.0, expected, "component {number}");
            let image = Image::from_number(number).unwrap();
            let running = *self.machine.running.get(image);
            let second = self.machine.slot_bytes(image, running.slot.other());
            if component.state == State::Writing || component.state == State::Candidate {
                let (area, trailer) = second.split_at(LIMIT as usize);
                assert!(area == component.content, "the second slot of {number}");
                assert!(trailer.iter().all(|byte| *byte == 0xff), "its trailer");
            }
            let active = self.machine.slot_bytes(image, running.slot);
            assert!(
                active[..LIMIT as usize] == self.running[usize::from(number)],
                "the running image of {number} was touched"
            );
        }
    }
}

fn agree<T: PartialEq + std::fmt::Debug>(
    call: &str,
    answer: Result<T, Error>,
    expected: &Expected<T>,
) {
    let agreed = match (&answer, expected) {
        (Ok(answer), Ok(expected)) => answer == expected,
        (Err(error), Err(errors)) => errors.contains(error),
        _ => false,
    };
    assert!(agreed, "{call}: {answer:?}, not {expected:?}");
}

/// Takes the script apart, front to back; zeros when it is used up.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
}
