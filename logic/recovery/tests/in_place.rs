//! Loading on devices that move sectors at boot: every strategy, power cut at every operation of a load, and loads in
//! the middle of a swap.

mod common;

use common::{Bench, MAP, SUITES, image};
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{
    Area, Device, Event, Image, PerImage, Setup, Slot, Standing, UpdateLayout, UpdateMode,
    boot_in_place,
};
use ironroot_platform::model::{Cut, Effect, ModelCounter, ModelFlash, Power};
use ironroot_platform::{Flash, FlashError, Geometry, HardwareCounter as _};
use ironroot_recovery::{Fault, InPlaceSlots, Place, Store as _, Upload};
use std::cell::RefCell;
use std::rc::Rc;

const MODES: [UpdateMode; 4] = [
    UpdateMode::SwapOffset,
    UpdateMode::SwapMove,
    UpdateMode::SwapScratch,
    UpdateMode::Overwrite,
];

const A: Place = Place::new(Image::NonSecure, Slot::A);
const B: Place = Place::new(Image::NonSecure, Slot::B);

#[derive(Clone)]
struct Handle(Rc<RefCell<ModelFlash>>);

impl Flash for Handle {
    fn geometry(&self) -> Geometry {
        self.0.borrow().geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        self.0.borrow().read(offset, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        self.0.borrow_mut().program(offset, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.0.borrow_mut().erase(sector)
    }
}

struct Machine {
    mode: UpdateMode,
    power: Power,
    flash: Handle,
    counters: PerImage<ModelCounter>,
    root_keys: PerImage<ironroot_boot::otp::RootKeys>,
}

impl Machine {
    fn blank(mode: UpdateMode) -> Self {
        let Bench {
            power,
            flash,
            counters,
            root_keys,
        } = Bench::blank();
        Self {
            mode,
            power,
            flash: Handle(Rc::new(RefCell::new(flash))),
            counters,
            root_keys,
        }
    }

    /// Version 1 of both images, installed.
    fn in_the_field(mode: UpdateMode) -> Self {
        let mut machine = Self::blank(mode);
        for number in Image::ALL {
            let mut region = MAP.slot(number, Slot::A).of(machine.flash.clone()).unwrap();
            let mut bytes = image(1, 900);
            bytes.resize(bytes.len().next_multiple_of(4), 0xff);
            region.program(0, &bytes).unwrap();
            trailer_ops::set_installed(&mut region).unwrap();
        }
        assert_eq!(machine.boot(), Some((1, 1)));
        machine
    }

    fn fork(&self) -> Self {
        let power = Power::new();
        Self {
            mode: self.mode,
            flash: Handle(Rc::new(RefCell::new(self.flash.0.borrow().fork(&power)))),
            counters: PerImage {
                secure: self.counters.secure.fork(&power),
                non_secure: self.counters.non_secure.fork(&power),
            },
            root_keys: self.root_keys,
            power,
        }
    }

    fn layout(&self) -> UpdateLayout<'static> {
        // The last sector: nothing else is there.
        let scratch = Area {
            offset: 0x7c00,
            len: 0x400,
        };
        UpdateLayout::new(self.mode, &MAP).with_scratch(scratch)
    }

    fn slots(&self) -> InPlaceSlots<'_, Handle> {
        let value = |counter: &ModelCounter| (counter.read().unwrap(), counter.limit());
        InPlaceSlots {
            flash: self.flash.clone(),
            layout: self.layout(),
            root_keys: &self.root_keys,
            suites: SUITES,
            counters: PerImage {
                secure: value(&self.counters.secure),
                non_secure: value(&self.counters.non_secure),
            },
            decryption: None,
            given_up: false,
        }
    }

    /// Major versions of what boots.
    fn boot(&mut self) -> Option<(u8, u8)> {
        let layout = self.layout();
        let setup = Setup {
            images: &Image::ALL,
            address: PerImage::default(),
            max_sectors: layout.max_sectors,
            scratch: layout.scratch,
            rules: PerImage::default(),
        };
        let mut device = Device {
            flash: self.flash.clone(),
            map: &MAP,
            root_keys: &self.root_keys,
            counters: PerImage {
                secure: &mut self.counters.secure,
                non_secure: &mut self.counters.non_secure,
            },
            suites: SUITES,
            decryption: None,
        };
        let record = &mut ironroot_boot::install::set::EachForItself;
        let mut report = |_: &Event| {};
        macro_rules! by {
            ($method:expr) => {
                boot_in_place($method, &mut device, &setup, record, &mut report).map(|launched| {
                    let major = |image| launched.verified(image).unwrap().version().major;
                    (major(Image::Secure), major(Image::NonSecure))
                })
            };
        }
        let booted = match self.mode {
            UpdateMode::SwapOffset => by!(SwapOffset),
            UpdateMode::SwapMove => by!(SwapMove),
            UpdateMode::SwapScratch => by!(SwapScratch),
            _ => by!(Overwrite),
        };
        booted.ok()
    }

    /// One file through the rules of loading, as both protocols do it.
    fn load(&self, slot: Option<Slot>, file: &[u8]) -> Result<Place, Fault> {
        let mut upload = Upload::new(Image::NonSecure, slot, file.len() as u32, false);
        let mut slots = self.slots();
        for piece in file.chunks(512) {
            upload.accept(&mut slots, piece)?;
        }
        upload.finish(&mut slots)
    }

    fn load_and_ask(&self, file: &[u8], request: Request) -> Result<Place, Fault> {
        let place = self.load(None, file)?;
        self.slots().mark(place, request)?;
        Ok(place)
    }

    fn content(&self, place: Place) -> Vec<u8> {
        let area = MAP.slot(place.image, place.slot);
        let mut bytes = vec![0; area.len as usize];
        self.flash.read(area.offset, &mut bytes).unwrap();
        bytes
    }

    /// Makes the image in a slot, wherever it begins, one that does not verify.
    fn damage(&self, place: Place) {
        let area = MAP.slot(place.image, place.slot);
        for sector in [0, 1] {
            let at = area.offset + sector * 0x400 + 100;
            self.flash.0.borrow_mut().corrupt(at, 0x10);
        }
    }
}

#[test]
fn what_is_loaded_lies_where_the_bootloader_looks_and_is_tried() {
    for mode in MODES {
        let mut machine = Machine::in_the_field(mode);
        let file = image(2, 3000);
        let place = machine.load_and_ask(&file, Request::Trial).unwrap();
        assert_eq!(place, B, "{mode:?}");
        let first = mode.candidate_sector() as usize * 0x400;
        assert_eq!(&machine.content(B)[first..first + file.len()], file);
        assert_eq!(machine.boot(), Some((1, 2)), "{mode:?}");
        let after = if mode.reverts() { 1 } else { 2 };
        assert_eq!(machine.boot(), Some((1, after)), "{mode:?}");
        machine
            .load_and_ask(&image(3, 2000), Request::Permanent)
            .unwrap();
        for _ in 0..2 {
            assert_eq!(machine.boot(), Some((1, 3)), "{mode:?}");
        }
        assert_eq!(machine.counters.non_secure.read(), Ok(3), "{mode:?}");
    }
}

#[test]
fn on_its_trial_nothing_takes_the_image_away_that_would_come_back() {
    for mode in MODES.into_iter().filter(|mode| mode.reverts()) {
        let mut machine = Machine::in_the_field(mode);
        machine
            .load_and_ask(&image(2, 3000), Request::Trial)
            .unwrap();
        assert_eq!(machine.boot(), Some((1, 2)), "{mode:?}");
        let old = machine.slots().look(B);
        assert_eq!(old.image.unwrap().version.major, 1, "{mode:?}");
        let before = [machine.content(A), machine.content(B)];
        for slot in [None, Some(Slot::A), Some(Slot::B)] {
            let refused = machine.load(slot, &image(3, 1000));
            assert_eq!(refused, Err(Fault::LastGood), "{mode:?} {slot:?}");
        }
        for place in [A, B] {
            assert_eq!(machine.slots().erase(place), Err(Fault::LastGood));
        }
        assert_eq!(before, [machine.content(A), machine.content(B)]);
        // Confirmed, it is what stays.
        machine.slots().mark(A, Request::Permanent).unwrap();
        assert_eq!(machine.slots().look(A).standing, Standing::Confirmed);
        machine
            .load_and_ask(&image(3, 1000), Request::Permanent)
            .unwrap();
        assert_eq!(machine.boot(), Some((1, 3)), "{mode:?}");
    }
}

#[test]
fn what_was_swapped_out_is_no_candidate_where_candidates_begin_further_in() {
    let mut machine = Machine::in_the_field(UpdateMode::SwapOffset);
    machine
        .load_and_ask(&image(2, 3000), Request::Permanent)
        .unwrap();
    assert_eq!(machine.boot(), Some((1, 2)));
    // Its counter is behind it: nobody goes back there anyhow.
    assert!(machine.slots().look(B).image.is_err());
    let mut machine = Machine::in_the_field(UpdateMode::SwapOffset);
    machine
        .load_and_ask(&image(2, 3000), Request::Trial)
        .unwrap();
    assert_eq!(machine.boot(), Some((1, 2)));
    assert_eq!(machine.slots().mark(B, Request::Trial), Err(Fault::State));
}

#[test]
fn where_slot_a_is_damaged_it_is_filled_and_slot_b_left_alone() {
    for mode in MODES {
        let mut machine = Machine::in_the_field(mode);
        assert_eq!(machine.load(None, &image(2, 2000)), Ok(B));
        machine.damage(A);
        let before = machine.content(B);
        let refused = machine.load(Some(Slot::B), &image(3, 1000));
        assert_eq!(refused, Err(Fault::LastGood), "{mode:?}");
        assert_eq!(machine.load(None, &image(3, 1000)), Ok(A), "{mode:?}");
        assert_eq!(before, machine.content(B));
        // Where there is no way back an image in slot A is there for good.
        let refused = match mode.reverts() {
            true => Fault::State,
            false => Fault::AlreadyConfirmed,
        };
        assert_eq!(machine.slots().mark(A, Request::Trial), Err(refused));
        machine.slots().mark(A, Request::Permanent).unwrap();
        for _ in 0..2 {
            assert_eq!(machine.boot(), Some((1, 3)), "{mode:?}");
        }
        assert_eq!(machine.counters.non_secure.read(), Ok(3), "{mode:?}");
    }
}

#[test]
fn a_blank_device_is_filled_and_runs() {
    for mode in MODES {
        let mut machine = Machine::blank(mode);
        assert_eq!(machine.boot(), None);
        for number in Image::ALL {
            let file = image(4, 1500);
            let mut upload = Upload::new(number, None, file.len() as u32, false);
            let mut slots = machine.slots();
            upload.accept(&mut slots, &file).unwrap();
            let place = upload.finish(&mut slots).unwrap();
            assert_eq!(place.slot, Slot::A);
            slots.mark(place, Request::Permanent).unwrap();
        }
        assert_eq!(machine.boot(), Some((4, 4)), "{mode:?}");
    }
}

fn cuts() -> Vec<Cut> {
    let mut cuts = vec![Cut::CLEAN];
    for effect in [Effect::LooksUntouched, Effect::Partial, Effect::LooksDone] {
        for unstable in [false, true] {
            cuts.push(Cut {
                effect,
                unstable,
                seed: 21,
            });
        }
    }
    cuts
}

/// The device after a cut: it boots `allowed` each time, and takes version 7.
fn still_works(machine: &mut Machine, allowed: &[u8], what: &str) {
    for _ in 0..3 {
        machine.power.on();
        let booted = machine.boot().map(|(_, booted)| booted);
        assert!(
            booted.is_some_and(|booted| allowed.contains(&booted)),
            "{what}: {booted:?}"
        );
    }
    let loaded = machine.load_and_ask(&image(7, 2500), Request::Permanent);
    assert!(loaded.is_ok(), "{what}: {loaded:?}");
    assert_eq!(machine.boot(), Some((1, 7)), "{what}");
}

#[test]
fn a_cut_at_any_operation_of_a_load_leaves_a_device_that_boots() {
    for mode in MODES {
        let field = Machine::in_the_field(mode);
        let mut points = 0;
        for request in [Request::Trial, Request::Permanent] {
            for cut in cuts() {
                for operation in 0.. {
                    let mut machine = field.fork();
                    machine.power.cut_at(operation, cut);
                    let done = machine.load_and_ask(&image(2, 3000), request).is_ok();
                    let what = format!("{mode:?} {operation} {cut:?}");
                    still_works(&mut machine, &[1, 2], &what);
                    points += 1;
                    if done {
                        break;
                    }
                }
            }
        }
        println!("{mode:?}: {points} cuts in loads");
    }
}

/// Somebody who holds the button in the middle of a swap can do no harm.
#[test]
fn a_load_in_the_middle_of_a_swap_is_refused_until_a_boot_has_ended_it() {
    for mode in MODES.into_iter().filter(|mode| mode.reverts()) {
        let field = Machine::in_the_field(mode);
        field.load_and_ask(&image(2, 3000), Request::Trial).unwrap();
        let (mut refused, mut points) = (0, 0);
        for cut in cuts() {
            for operation in 0.. {
                let mut machine = field.fork();
                machine.power.cut_at(operation, cut);
                let done = machine.boot().is_some();
                machine.power.on();
                points += 1;
                for slot in [Slot::A, Slot::B] {
                    match machine.load(Some(slot), &image(3, 1000)) {
                        Err(Fault::Interrupted) => refused += 1,
                        Err(Fault::LastGood) => {}
                        // Before the swap began, or before its request was lost.
                        Ok(place) => assert_eq!(place, B),
                        Err(other) => panic!("{mode:?} {operation} {cut:?}: {other:?}"),
                    }
                }
                let what = format!("{mode:?} {operation} {cut:?}");
                let booted = machine.boot().map(|(_, booted)| booted);
                assert!(matches!(booted, Some(1..=3)), "{what}: {booted:?}");
                still_works(&mut machine, &[1, 2, 3], &what);
                if done {
                    break;
                }
            }
        }
        assert!(refused > 20, "{mode:?}: {refused}");
        println!("{mode:?}: {points} loads after cuts in a swap, {refused} refused");
    }
}
