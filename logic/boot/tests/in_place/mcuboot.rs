//! Swaps that MCUboot began and we finish, and the other way round.
//!
//! The stand-in for MCUboot follows its documented order of operations (design document, "Image swapping" and "Swap
//! status"), knows nothing of our code and shares none with it: layouts are computed here from the format.

use crate::bench::{Bench, SMALL, Shape, spec};
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot};
use ironroot_platform::Flash as _;
use ironroot_platform::model::Cut;

const ONE: Image = Image::Secure;
const MAGIC: [u8; 16] = [
    0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80,
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Offset,
    Move,
    Scratch,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Test = 2,
    Permanent = 3,
    Revert = 4,
}

type Result<T> = std::result::Result<T, ironroot_platform::FlashError>;

/// MCUboot's part, with 8-byte alignment.
struct Other<'b, M> {
    bench: &'b mut Bench<M, EachForItself>,
    way: Way,
}

#[derive(Clone, Copy, PartialEq)]
struct Flags {
    good: bool,
    image_ok: u8,
    copy_done: u8,
    info: u8,
}

impl<M: Method + Default> Other<'_, M> {
    fn base(&self, slot: Slot) -> u32 {
        self.bench.shape.map().slot(ONE, slot).offset
    }
    fn end(&self, slot: Slot) -> u32 {
        self.bench.shape.map().slot(ONE, slot).end()
    }
    fn size_at(&self, slot: Slot) -> u32 {
        let extra = if self.way == Way::Offset { 8 } else { 0 };
        self.end(slot) - 16 - 4 * 8 - extra
    }
    fn status_at(&self) -> u32 {
        let shape = self.bench.shape;
        let per_sector = if self.way == Way::Offset { 2 } else { 3 };
        self.size_at(Slot::A) - shape.max_sectors * per_sector * shape.write_unit
    }
    fn read(&self, at: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.bench.flash.read(at, &mut bytes).unwrap();
        bytes
    }
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        let unit = self.bench.shape.write_unit as usize;
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(unit), 0xff);
        self.bench.flash.program(at, &padded)
    }
    fn erase(&mut self, at: u32) -> Result<()> {
        let sector = at / self.bench.shape.sector;
        self.bench.flash.erase(sector)
    }
    fn copy(&mut self, from: u32, to: u32) -> Result<()> {
        self.erase(to)?;
        let bytes = self.read(from, self.bench.shape.sector as usize);
        self.bench.flash.program(to, &bytes)
    }
    fn flags(&self, slot: Slot) -> Flags {
        let end = self.end(slot);
        let byte = |back: u32| self.read(end - back, 1)[0];
        Flags {
            good: self.read(end - 16, 16) == MAGIC,
            image_ok: byte(24),
            copy_done: byte(32),
            info: byte(40),
        }
    }
    fn erase_trailer(&mut self, slot: Slot) -> Result<()> {
        // One sector in these layouts.
        self.erase(self.end(slot) - self.bench.shape.sector)
    }

    fn kind(&self) -> Option<Kind> {
        let (first, second) = (self.flags(Slot::A), self.flags(Slot::B));
        match (second.good, second.image_ok) {
            (true, 0xff) if self.way == Way::Offset && second.copy_done == 1 => Some(Kind::Revert),
            (true, 0xff) => Some(Kind::Test),
            (true, 1) => Some(Kind::Permanent),
            _ if first.good && first.image_ok == 0xff && first.copy_done == 1 => Some(Kind::Revert),
            _ => None,
        }
    }

    /// Last entry that is not erased, plus one.
    fn entries_done(&self) -> u32 {
        let unit = self.bench.shape.write_unit;
        let count = (self.size_at(Slot::A) - self.status_at()) / unit;
        let written = (0..count).filter(|n| self.read(self.status_at() + n * unit, 1)[0] != 0xff);
        written.max().map_or(0, |n| n + 1)
    }

    fn enter(&mut self, number: u32, value: u8) -> Result<()> {
        let at = self.status_at() + number * self.bench.shape.write_unit;
        self.write(at, &[value])
    }

    /// One boot, up to the swap's end.
    fn boot(&mut self, sectors: u32) -> Result<()> {
        let (first, second) = (self.flags(Slot::A), self.flags(Slot::B));
        let begun = first.good && first.copy_done == 0xff;
        let resumes = begun && (self.way == Way::Scratch || !second.good);
        let known = matches!(first.info & 0xf, 2..=4);
        if resumes && known && (self.entries_done() > 0 || !second.good) {
            let kind = match first.info & 0xf {
                2 => Kind::Test,
                3 => Kind::Permanent,
                _ => Kind::Revert,
            };
            let size = self.read(self.size_at(Slot::A), 4);
            let size = u32::from_le_bytes(size.try_into().unwrap());
            let sectors = size.div_ceil(self.bench.shape.sector);
            return self.run(kind, sectors, true);
        }
        match self.kind() {
            None => Ok(()),
            Some(kind) => self.run(kind, sectors, false),
        }
    }

    fn init(&mut self, slot: Slot, kind: Kind, sectors: u32, image_ok: bool) -> Result<()> {
        self.write(self.end(slot) - 40, &[kind as u8])?;
        if image_ok {
            self.write(self.end(slot) - 24, &[1])?;
        }
        let size = sectors * self.bench.shape.sector;
        self.write(self.size_at(slot), &size.to_le_bytes())?;
        let magic = self.end(slot) - 16;
        self.write(magic, &MAGIC)
    }

    fn run(&mut self, kind: Kind, sectors: u32, resumed: bool) -> Result<()> {
        let second = self.flags(Slot::B);
        if kind == Kind::Revert && !second.good && !resumed && self.way != Way::Scratch {
            // The revert is made to look like a request.
            self.erase_trailer(Slot::B)?;
            let flag = if self.way == Way::Offset { 32 } else { 24 };
            self.write(self.end(Slot::B) - flag, &[1])?;
            self.init(Slot::B, kind, sectors, false)?;
        }
        let image_ok = self.flags(Slot::B).image_ok == 1;
        if self.way != Way::Scratch && self.entries_done_or_fresh(resumed) == 0 {
            if !resumed {
                self.erase_trailer(Slot::A)?;
                self.init(Slot::A, kind, sectors, image_ok)?;
            }
            self.erase_trailer(Slot::B)?;
        }
        if self.way == Way::Scratch && !resumed {
            // What for it swaps stands in the scratch area meanwhile.
            let scratch = self.bench.shape.scratch_area().unwrap();
            self.erase(scratch.offset)?;
            self.write(scratch.end() - 40, &[kind as u8])?;
            self.write(scratch.end() - 16, &MAGIC)?;
            self.erase_trailer(Slot::A)?;
            self.init(Slot::A, kind, sectors, image_ok)?;
            self.erase(scratch.offset)?;
        }
        match self.way {
            Way::Offset => self.offset(kind == Kind::Revert, sectors)?,
            Way::Move => self.moving(sectors)?,
            Way::Scratch => self.scratch(sectors)?,
        }
        if kind != Kind::Test && self.flags(Slot::A).image_ok == 0xff {
            self.write(self.end(Slot::A) - 24, &[1])?;
        }
        self.write(self.end(Slot::A) - 32, &[1])
    }

    fn entries_done_or_fresh(&self, resumed: bool) -> u32 {
        if resumed { self.entries_done() } else { 0 }
    }

    fn offset(&mut self, back: bool, sectors: u32) -> Result<()> {
        let (a, b) = (self.base(Slot::A), self.base(Slot::B));
        let s = self.bench.shape.sector;
        let done = self.entries_done();
        for idx in 0..sectors {
            let n = if back { sectors - 1 - idx } else { idx };
            let (to, from) = if back { (n + 1, n) } else { (n, n + 1) };
            if 2 * idx >= done {
                self.copy(a + n * s, b + to * s)?;
                self.enter(2 * idx, 1)?;
            }
            if 2 * idx + 1 >= done {
                self.copy(b + from * s, a + n * s)?;
                self.enter(2 * idx + 1, 2)?;
            }
        }
        if back {
            self.erase(b)?;
            self.erase_trailer(Slot::B)?;
        }
        Ok(())
    }

    fn moving(&mut self, sectors: u32) -> Result<()> {
        let (a, b) = (self.base(Slot::A), self.base(Slot::B));
        let s = self.bench.shape.sector;
        let most = self.bench.shape.max_sectors;
        let done = self.entries_done();
        for idx in 0..sectors {
            let n = sectors - idx;
            if idx >= done {
                self.copy(a + (n - 1) * s, a + n * s)?;
                self.enter(idx, 1)?;
            }
        }
        for n in 0..sectors {
            let entry = most + 2 * n;
            if entry >= done {
                self.copy(b + n * s, a + n * s)?;
                self.enter(entry, 1)?;
            }
            if entry + 1 >= done {
                self.copy(a + (n + 1) * s, b + n * s)?;
                self.enter(entry + 1, 2)?;
            }
        }
        Ok(())
    }

    fn scratch(&mut self, sectors: u32) -> Result<()> {
        let (a, b) = (self.base(Slot::A), self.base(Slot::B));
        let s = self.bench.shape.sector;
        let scratch = self.bench.shape.scratch_area().unwrap().offset;
        let done = self.entries_done();
        for idx in 0..sectors {
            let n = sectors - 1 - idx;
            if 3 * idx >= done {
                self.copy(b + n * s, scratch)?;
                self.enter(3 * idx, 1)?;
            }
            if 3 * idx + 1 >= done {
                self.copy(a + n * s, b + n * s)?;
                if idx == 0 {
                    self.erase_trailer(Slot::B)?;
                }
                self.enter(3 * idx + 1, 2)?;
            }
            if 3 * idx + 2 >= done {
                self.copy(scratch, a + n * s)?;
                self.enter(3 * idx + 2, 3)?;
            }
        }
        Ok(())
    }
}

fn sectors(shape: Shape) -> u32 {
    (spec(2).build().len() as u32).div_ceil(shape.sector)
}

/// They begin, power goes, we go on.
fn we_finish_what_they_began<M: Method + Default>(way: Way) -> u64 {
    let shape = SMALL;
    let (old, new) = (spec(1).build(), spec(2).build());
    let mut points = 0;
    for (request, revert) in [
        (Request::Trial, false),
        (Request::Permanent, false),
        (Request::Trial, true),
    ] {
        let mut field = Bench::<M, EachForItself>::in_the_field(shape);
        field.update(ONE, &new, request).unwrap();
        if revert {
            let mut bench = field.fork();
            let bench = &mut bench;
            Other { bench, way }.boot(sectors(shape)).unwrap();
            field = bench.fork();
        }
        for operation in 0.. {
            let mut bench = field.fork();
            bench.power.cut_at(operation, Cut::CLEAN);
            let done = Other {
                bench: &mut bench,
                way,
            }
            .boot(sectors(shape))
            .is_ok();
            let outcome = bench.reboot().unwrap();
            points += 1;
            let here = format!(
                "{way:?} {request:?} {revert} {operation} {:?}",
                outcome.events
            );
            // Whole, whatever they left.
            let runs = if outcome.majors == [1] { &old } else { &new };
            assert_eq!(&bench.content(ONE, Slot::A, 0, runs.len()), runs);
            assert_eq!(bench.violations(), 0);
            // A swap that is complete when we come is judged as every trial.
            if !done && !revert {
                let lost = way == Way::Scratch && outcome.majors == [1];
                assert!(lost || outcome.majors == [2], "{here}");
            }
            if revert {
                assert_eq!(outcome.majors, [1], "{here}");
                assert!(!outcome.trial());
            }
            if done {
                break;
            }
        }
    }
    points
}

/// We begin, power goes, they go on.
fn they_finish_what_we_began<M: Method + Default>(way: Way) -> u64 {
    let shape = SMALL;
    let new = spec(2).build();
    let mut points = 0;
    for (request, revert) in [(Request::Trial, false), (Request::Trial, true)] {
        let mut field = Bench::<M, EachForItself>::in_the_field(shape);
        field.update(ONE, &new, request).unwrap();
        if revert {
            field.boot().unwrap();
        }
        for operation in 0.. {
            let mut bench = field.fork();
            bench.power.cut_at(operation, Cut::CLEAN);
            let done = bench.boot().is_ok();
            bench.power.on();
            if !done {
                Other {
                    bench: &mut bench,
                    way,
                }
                .boot(sectors(shape))
                .unwrap();
            }
            points += 1;
            let majors = bench.flash_major();
            assert_eq!(majors, if revert { 1 } else { 2 }, "{way:?} {operation}");
            if done {
                break;
            }
        }
    }
    points
}

#[test]
fn a_swap_that_mcuboot_began_is_finished_from_every_operation() {
    let mut points = we_finish_what_they_began::<SwapOffset>(Way::Offset);
    points += we_finish_what_they_began::<SwapMove>(Way::Move);
    points += we_finish_what_they_began::<SwapScratch>(Way::Scratch);
    tell!("taken over from MCUboot's order of steps: {points} points");
}

#[test]
fn a_swap_that_we_began_can_be_finished_by_mcuboot_from_every_operation() {
    let mut points = they_finish_what_we_began::<SwapOffset>(Way::Offset);
    points += they_finish_what_we_began::<SwapMove>(Way::Move);
    points += they_finish_what_we_began::<SwapScratch>(Way::Scratch);
    tell!("handed over to MCUboot's order of steps: {points} points");
}
