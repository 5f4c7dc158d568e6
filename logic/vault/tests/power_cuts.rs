//! Power goes before, in and after every flash operation, and again in every operation of what
//! follows. The store holds the old state or the new one, exactly, and goes on working.

mod common;

use common::{
    Device, Expected, KEY, Random, Step, all_cuts, content, cuts_from, full, geometry, id,
    random_step,
};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::Geometry;
use ironroot_platform::model::{Cut, ModelCounter, ModelFlash, Power};
use ironroot_vault::{Vault, VaultError};

/// A ring, what is done on it, and what the device is used for after a cut.
struct Scenario {
    name: &'static str,
    geometry: Geometry,
    script: Vec<Step>,
    afterwards: Vec<Step>,
}

/// Several laps round the ring: creating, overwriting, removing, transactions, counters, restarts in
/// the middle, records from empty to long, and enough live that collection has to move some.
fn ordinary_life(write_unit: u32, erased: u8) -> Scenario {
    use Step::{Increment, Remount, Remove, Set, Transaction};
    let mut script = vec![
        Set(1, 20, 1),
        Set(2, 0, 2),
        Increment(1),
        Set(3, 60, 3), // stays to the end: has to be moved each lap
        Set(1, 48, 4),
        Transaction(vec![Set(4, 30, 5), Set(5, 9, 6), Remove(2)]),
        Remount,
        Set(1, 80, 7),
        Remove(4),
        Increment(1),
    ];
    for lap in 0..6 {
        script.extend([
            Set(1, 10 + lap, 20 + lap as u8),
            Transaction(vec![Set(4, 40, 30), Set(1, 33, 31), Set(4, 41, 32)]),
            Set(6, 100, 40 + lap as u8),
            Increment(2),
            Remove(6),
            Transaction(vec![Remove(4), Set(5, 64, 50 + lap as u8)]),
            Remount,
            Set(1, 77, 60 + lap as u8),
            Increment(1),
        ]);
    }
    let afterwards = vec![
        Set(1, 50, 101),
        Transaction(vec![Set(7, 20, 102), Set(5, 30, 103)]),
        Increment(1),
        Set(7, 70, 104),
    ];
    let geometry = Geometry {
        sector_size: 512,
        ..geometry(write_unit, erased, 8)
    };
    Scenario {
        name: "ordinary life",
        geometry,
        script,
        afterwards,
    }
}

/// Each record fills a sector, transactions begin several, and what lives is most of the ring.
fn tight_quarters(write_unit: u32, erased: u8) -> Scenario {
    use Step::{Increment, Remount, Remove, Set, Transaction};
    let all = |tag: u8| (1..4).map(|n| Set(n, 100, tag + n as u8)).collect();
    let mut script = vec![Transaction(all(1)), Increment(1)];
    for lap in 0..3 {
        script.extend([
            Transaction(all(10 + lap)),
            Set(2, 110, 20 + lap),
            Remount,
            Transaction(all(30 + lap)),
            Increment(1),
            Transaction(vec![Remove(2), Set(2, 90, 40 + lap), Set(4, 0, 40)]),
            Remount,
            Remove(4),
        ]);
    }
    let afterwards = vec![Transaction(all(101)), Increment(1), Set(3, 100, 110)];
    let geometry = geometry(write_unit, erased, 11);
    Scenario {
        name: "tight quarters",
        geometry,
        script,
        afterwards,
    }
}

/// As full as the store ever gets: every step collects, every restart has to take records along.
fn full_house(write_unit: u32, erased: u8) -> Scenario {
    use Step::{Increment, Remount, Remove, Set};
    let mut script: Vec<_> = (1..5).map(|n| Set(n, 100, n as u8)).collect();
    script.push(Increment(1));
    for lap in 0..3 {
        for n in 1..5 {
            script.extend([Remount, Set(n, 101 + lap, 10 + n as u8), Remount]);
        }
        script.extend([
            Set(1, 98, 20),
            Set(1, 99, 21),
            Increment(1),
            Remove(2),
            Set(2, 100, 22),
        ]);
    }
    let afterwards = vec![Set(1, 100, 101), Increment(1), Set(4, 98, 102)];
    let geometry = geometry(write_unit, erased, 8);
    Scenario {
        name: "full house",
        geometry,
        script,
        afterwards,
    }
}

/// Boots, checks that the store holds one of the allowed states, runs `steps`, and says which states
/// are allowed then: one if all went well, two if power went in a step.
fn use_device(
    device: &mut Device,
    allowed: Vec<Expected>,
    cut: Option<(u64, Cut)>,
    steps: &[Step],
) -> Vec<Expected> {
    let power = device.power.clone();
    power.on();
    if let Some((operation, cut)) = cut {
        power.cut_at(operation, cut);
    }
    let mut rest = steps;
    let mut allowed = allowed;
    loop {
        let mut store = match device.mount() {
            Ok(store) => store,
            Err(error) => {
                assert!(!power.is_on(), "the store does not mount: {error:?}");
                return allowed;
            }
        };
        let mut now = Expected::of(&mut store);
        assert!(
            allowed.contains(&now),
            "neither old nor new: {now:?}, allowed {allowed:?}"
        );
        while let Some((step, more)) = rest.split_first() {
            rest = more;
            if matches!(step, Step::Remount) {
                break;
            }
            if let Err(error) = step.run(&mut store) {
                assert!(!power.is_on(), "{step:?} failed with power: {error:?}");
                return vec![now.clone(), now.after(step)];
            }
            now.apply(step);
        }
        drop(store);
        allowed = vec![now];
        if rest.is_empty() {
            return allowed;
        }
    }
}

/// Says which case it was when a check in it fails.
struct Case(String);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in {}", self.0);
        }
    }
}

#[derive(Default)]
struct Count {
    first: u64,
    second: u64,
}

impl Scenario {
    /// One cut, then every second cut, then a device that must be as good as new.
    fn cut_and_go_on(&self, operation: u64, cut: Cut, second_cuts: &[Cut], count: &mut Count) {
        let _case = Case(format!("operation {operation}, {cut:?}"));
        let mut device = Device::new(self.geometry);
        let blank = vec![Expected::default()];
        let allowed = use_device(&mut device, blank, Some((operation, cut)), &self.script);
        assert!(!device.power.is_on(), "operation {operation} was reached");
        count.first += 1;
        self.goes_on(&mut device.fork(), allowed.clone());
        for second in second_cuts {
            for operation in 0.. {
                let _case = Case(format!("second cut at {operation}, {second:?}"));
                let mut again = device.fork();
                let cut = Some((operation, *second));
                let allowed = use_device(&mut again, allowed.clone(), cut, &self.afterwards);
                if again.power.is_on() {
                    break;
                }
                count.second += 1;
                self.is_used(&mut again, allowed);
            }
        }
    }

    /// The state is the same in the next boot and the one after; then the device is used, and is right
    /// again.
    fn goes_on(&self, device: &mut Device, allowed: Vec<Expected>) {
        let seen = use_device(device, allowed, None, &[]);
        self.is_used(device, seen);
    }

    fn is_used(&self, device: &mut Device, allowed: Vec<Expected>) {
        let seen = use_device(device, allowed, None, &self.afterwards);
        use_device(device, seen, None, &[]);
        device.assert_no_violation();
    }

    fn operations(&self) -> u64 {
        let mut device = Device::new(self.geometry);
        use_device(&mut device, vec![Expected::default()], None, &self.script);
        let laps = device.flash.erases().iter().min().copied().unwrap_or(0);
        assert!(
            laps >= 2,
            "the script goes round the ring: {:?}",
            device.flash.erases()
        );
        device.assert_no_violation();
        device.power.operations()
    }

    /// Every operation is cut in every way. In the short version the second cuts are of one kind, which
    /// changes from one first cut to the next, and follow every tenth; in the long one they are of every
    /// kind and follow all.
    fn sweep(&self) {
        let mut count = Count::default();
        let operations = self.operations();
        for operation in 0..operations {
            let cuts = cuts_from(operation * 10, 1);
            for (number, cut) in cuts.iter().enumerate() {
                let turn = operation as usize * cuts.len() + number;
                let one = [cuts[turn / 10 % cuts.len()]];
                let second = match full() {
                    true => &cuts[..],
                    false if turn.is_multiple_of(10) => &one[..],
                    false => &[],
                };
                self.cut_and_go_on(operation, *cut, second, &mut count);
            }
        }
        println!(
            "{}, {:?}: {operations} operations, {} cuts, {} second cuts",
            self.name, self.geometry, count.first, count.second
        );
    }
}

fn sweep(write_unit: u32, erased: u8) {
    ordinary_life(write_unit, erased).sweep();
    tight_quarters(write_unit, erased).sweep();
    full_house(write_unit, erased).sweep();
}

macro_rules! sweeps {
    ($($name:ident: $unit:literal, $erased:literal;)*) => {
        $(#[test] fn $name() { sweep($unit, $erased); })*
    };
}

sweeps! {
    a_cut_anywhere_leaves_old_or_new_with_write_unit_1_erased_ff: 1, 0xff;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_1_erased_00: 1, 0x00;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_4_erased_ff: 4, 0xff;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_4_erased_00: 4, 0x00;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_8_erased_ff: 8, 0xff;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_8_erased_00: 8, 0x00;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_16_erased_ff: 16, 0xff;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_16_erased_00: 16, 0x00;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_32_erased_ff: 32, 0xff;
    a_cut_anywhere_leaves_old_or_new_with_write_unit_32_erased_00: 32, 0x00;
}

/// Long random lives on all geometries, cut again and again at random.
#[test]
fn random_steps_and_random_cuts_leave_old_or_new() {
    let lives = if full() { 400 } else { 8 };
    let cuts = all_cuts(20);
    let mut count = 0;
    for life in 0..lives {
        for (write_unit, erased) in
            [1, 4, 8, 16, 32].map(|u| (u, if life % 2 == 0 { 0xff } else { 0 }))
        {
            let mut random = Random(life * 100 + u64::from(write_unit));
            let _case = Case(format!("life {life}, write unit {write_unit}"));
            let sectors = 6 + random.below(12) as u32;
            let sector_size = 256 << random.below(2);
            let mut device = Device::new(Geometry {
                sector_size,
                ..geometry(write_unit, erased, sectors)
            });
            let mut allowed = vec![Expected::default()];
            for _ in 0..60 {
                device.power.on();
                let cut = cuts[random.below(cuts.len() as u64) as usize];
                device
                    .power
                    .cut_at(device.power.operations() + random.below(60), cut);
                allowed = random_boot(&mut device, allowed, &mut random);
                count += u32::from(!device.power.is_on());
                device.assert_no_violation();
            }
        }
    }
    println!("{count} cuts");
    assert!(count > 1000);
}

fn random_boot(device: &mut Device, allowed: Vec<Expected>, random: &mut Random) -> Vec<Expected> {
    let power = device.power.clone();
    let mut store = match device.mount() {
        Ok(store) => store,
        Err(error) => {
            assert!(!power.is_on(), "the store does not mount: {error:?}");
            return allowed;
        }
    };
    let mut now = Expected::of(&mut store);
    assert!(
        allowed.contains(&now),
        "neither old nor new: {now:?}, allowed {allowed:?}"
    );
    for _ in 0..random.below(25) {
        let step = random_step(random, store.max_record());
        match step.run(&mut store) {
            Ok(()) => now.apply(&step),
            Err(_) if !power.is_on() => return vec![now.clone(), now.after(&step)],
            Err(VaultError::Missing | VaultError::NoSpace) => {}
            Err(error) => panic!("{step:?}: {error:?}"),
        }
    }
    vec![now]
}

/// The flash fails once in the middle of an operation, the device runs on.
#[test]
fn an_error_without_a_restart_leaves_old_or_new_too() {
    for operation in 0..150 {
        for cut in all_cuts(2) {
            let _case = Case(format!("operation {operation}, {cut:?}"));
            let power = Power::new();
            let mut flash = ModelFlash::unproven(geometry(8, 0xff, 7), &power);
            let counter = ModelCounter::new(0, u32::MAX, &power);
            let mut drbg = Drbg::new(&Secret::new([1; 32]), b"");
            let key = Secret::new(KEY);
            let mut store = Vault::<_, _, 8>::mount(&mut flash, counter, &key, &mut drbg).unwrap();
            power.cut_at(power.operations() + operation, cut);
            let mut value = vec![];
            for n in 0..40u8 {
                let new = content(usize::from(n), n);
                let done = store.set(&id(1), n.into(), &new);
                let failed = !power.is_on();
                power.on();
                let seen = store.read(&id(1), <[u8]>::to_vec).unwrap_or_default();
                assert!(if failed {
                    seen == new || seen == value
                } else {
                    seen == new
                });
                assert_eq!(done.is_ok(), !failed);
                let len = store.info(&id(1)).map_or(0, |info| info.len as usize);
                assert_eq!(len, seen.len());
                value = seen;
            }
            drop(store);
            assert_eq!(flash.violations(), 0);
        }
    }
}
