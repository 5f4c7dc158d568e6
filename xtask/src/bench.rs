//! `cargo xtask bench tpm`: our TPM beside swtpm ([`tpm`]).
//! `cargo xtask bench instances`: several TPMs in one process ([`tpm_instances`]).
//! `cargo xtask bench an521`: executed instructions of each row of the table of figures to beat.
//!
//! The benchmark application brackets each call with two functions whose addresses the counting plugin
//! watches; it names its rows on the console, in the order of their windows. Boot rows need no help from
//! the application: its start, and the bootloader's own functions, are addresses too.

mod console;
mod one_cpu;
mod tpm;
mod tpm_instances;
mod tpm_pool;

use crate::device::Device;
use crate::disassembly;
use crate::elf::Elf;
use crate::firmware::{self, Configuration, Images};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::say;
use anyhow::{Context, Result, bail};
use console::RowReport;
use ironroot_benches::{INSTRUCTIONS, Measured, Row, TFM_PROFILES};
use ironroot_icount::{Counter, Log};
use ironroot_qemu::Qemu;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const ABOUT: &str = "\
an521: counts executed instructions on QEMU's AN521 between the markers of the benchmark application, and prints each \
row beside TF-M's profile_medium and profile_large, the target that must hold and the goal. Instructions are no \
cycles: bus, flash and cache are not in them. Every run gives the same figures.

Storage rows are means over more than two garbage collections and say how often flash was erased and \
programmed. What was measured is named by the hashes of the ELF files. benches/README.md says how to read it.

tpm: drives Debian's swtpm and `ironroot tpm serve` by one client in alternated passes, and prints each operation in \
microseconds with the ratio, what must hold, start-up, memory, and a durable write beside one data sync. Client and \
server share one CPU (benches/README.md says why), unless --spread leaves them to the scheduler.

instances: 1 to 16 TPMs in one process, each asked for durable writes at once: how long each waits, and memory.";

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
#[command(long_about = ABOUT)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_parser = ["an521", "tpm", "instances"])]
    what: String,
    /// One list of objects {name, value, unit, peer, peer_value, target, met, goal}
    #[arg(long)]
    json: bool,
    /// Instead of the table: where the instructions of this row go, by function
    #[arg(long, value_name = "ROW")]
    profile: Option<String>,
    #[command(flatten)]
    tpm: tpm::Runs,
}

/// What runs: the test partitions' echo service is one of the rows.
const CONFIGURATION: Configuration = Configuration::TESTS[0];

/// Marked addresses.
struct Marks {
    main: u32,
    begin: u32,
    end: u32,
    verify: u32,
    /// Where the verification comes back to.
    verified: Vec<u32>,
    /// The flash driver's two operations that wear flash.
    erase: u32,
    program: u32,
}

/// Measures and prints.
pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    match &*options.what {
        "tpm" => tpm::bench(place, &options.tpm, options.json),
        "instances" => tpm_instances::bench(place),
        _ => an521(place, options),
    }
}

fn an521(place: &Place, options: &Options) -> Result<()> {
    setup::ensure(place, &Need::DEVICE)?;
    let images = firmware::build(place, CONFIGURATION)?;
    let directory = place.work().join("bench");
    std::fs::create_dir_all(&directory)?;
    let device = Device::provisioned(place, &images, &directory.join("an521.flash"))?;
    device.install_application(images.application("bench")?)?;
    let counter = Counter::build(&directory)?;
    let marks = Marks::find(place, &images)?;
    if let Some(row) = &options.profile {
        return profile(place, &images, &device, &counter, &marks, row);
    }
    let (log, reports) = measure(&images, &device, &counter, &marks, &directory)?;
    let rows = rows(&log, &marks, &reports)?;
    if options.json {
        println!("{}", ironroot_benches::json(&rows)?);
        return Ok(());
    }
    println!("{}", ironroot_benches::table(TFM_PROFILES, &rows));
    println!("every algorithm, level 3, with the echo partition; the measured ELF files:");
    crate::size::files_head();
    for name in ["bootloader.elf", "secure.elf", "bench.elf"] {
        crate::size::file(&images.file(name))?;
    }
    Ok(())
}

fn machine(images: &Images, device: &Device) -> Qemu {
    Qemu::an521(images.file("bootloader.elf"), device.flash()).deadline(Duration::from_secs(900))
}

fn measure(
    images: &Images,
    device: &Device,
    counter: &Counter,
    marks: &Marks,
    directory: &Path,
) -> Result<(Log, Vec<RowReport>)> {
    say!("measuring on QEMU; the storage rows take a minute");
    let log = directory.join("count.log");
    let mut addresses = vec![
        marks.main,
        marks.begin,
        marks.end,
        marks.verify,
        marks.erase,
        marks.program,
    ];
    addresses.extend(&marks.verified);
    let run = counter
        .attach(machine(images, device), &log, &addresses)
        .run()?;
    let reports: Vec<_> = run
        .lines
        .iter()
        .filter_map(|line| RowReport::of_line(line))
        .collect();
    if !run.succeeded() || reports.is_empty() {
        bail!("the benchmark application did not end well:\n{run}");
    }
    Ok((Log::read(&log)?, reports))
}

impl Marks {
    fn find(place: &Place, images: &Images) -> Result<Self> {
        let application = Elf::read(&images.file("bench.elf"))?;
        let bootloader = Elf::read(&images.file("bootloader.elf"))?;
        let secure = Elf::read(&images.file("secure.elf"))?;
        let verify = function(place, &bootloader, "suite", "::verify_p256")?;
        // It stands in a table, so whichever call through a register in the walk over signatures may be the one
        // it comes back behind. Calls that it makes itself are no end of it.
        let functions = disassembly::functions(place, &bootloader)?;
        let in_walk = |address: u32| {
            let around = functions.range(..=address).next_back();
            around.is_some_and(|(_, name)| name.contains("ironroot_image::verify::"))
        };
        let code = disassembly::of(place, &bootloader)?;
        let verified: Vec<_> = code
            .windows(2)
            .filter(|pair| pair[0].target.is_none() && pair[0].name.starts_with("blx"))
            .map(|pair| pair[1].address)
            .filter(|address| in_walk(*address))
            .collect();
        if verified.is_empty() {
            bail!("the bootloader's walk over signatures calls nothing through a register");
        }
        Ok(Self {
            main: application.address("bench_main")?,
            begin: application.address("bench_begin")?,
            end: application.address("bench_end")?,
            verify,
            verified,
            erase: function(place, &secure, "PsramFlash", "::erase")?,
            program: function(place, &secure, "PsramFlash", "::program")?,
        })
    }
}

/// The function of a type by the end of its name.
fn function(place: &Place, elf: &Elf, of: &str, end: &str) -> Result<u32> {
    disassembly::functions(place, elf)?
        .into_iter()
        .find(|(_, name)| name.contains(of) && disassembly::plain(name).ends_with(end))
        .map(|(address, _)| address)
        .with_context(|| {
            format!(
                "{} has no function {of}{end} of its own",
                elf.path.display()
            )
        })
}

/// What one row's windows hold.
struct Windows<'a> {
    instructions: &'a [u64],
    erases: &'a [u64],
    programs: &'a [u64],
}

/// Windows belong to rows in the order in which the application reported them.
fn rows(log: &Log, marks: &Marks, reports: &[RowReport]) -> Result<Vec<Measured>> {
    let instructions = log.windows(marks.begin, marks.end);
    let erases = log.hits_in_windows(marks.begin, marks.end, marks.erase);
    let programs = log.hits_in_windows(marks.begin, marks.end, marks.program);
    let expected: usize = reports.iter().map(|report| report.repetitions).sum();
    if [instructions.len(), erases.len(), programs.len()] != [expected; 3] {
        bail!(
            "{} windows counted, the application reports {expected}",
            instructions.len()
        );
    }
    let mut values = BTreeMap::new();
    let mut start = 0;
    for report in reports {
        let own = start..start + report.repetitions;
        start = own.end;
        let windows = Windows {
            instructions: &instructions[own.clone()],
            erases: &erases[own.clone()],
            programs: &programs[own],
        };
        values.insert(&*report.name, (windows, report));
    }
    let (empty, _) = values
        .get("empty")
        .context("the application has no empty row")?;
    let empty = median(empty.instructions);
    let measured = INSTRUCTIONS.into_iter().map(|row| match row.key {
        "boot" => plain(row, log.first(marks.main)),
        "image-verification" => plain(row, verification(log, marks)),
        key => match values.get(key) {
            Some((windows, report)) => call(row, windows, empty, report),
            None => plain(row, None),
        },
    });
    Ok(measured.collect())
}

fn plain(row: Row, value: Option<u64>) -> Measured {
    Measured {
        row,
        value,
        note: String::new(),
    }
}

fn call(row: Row, windows: &Windows<'_>, empty: u64, report: &RowReport) -> Measured {
    let counted = windows.instructions;
    let value = if report.mean {
        mean(counted)
    } else {
        median(counted)
    };
    let mut notes = Vec::new();
    if report.mean {
        notes.push(format!(
            "mean of {}, worst case {}",
            counted.len(),
            most(counted)
        ));
    }
    if report.mean || most(windows.programs) > 0 {
        for (what, values) in [("erases", windows.erases), ("programs", windows.programs)] {
            let all: u64 = values.iter().sum();
            let each = all as f64 / values.len().max(1) as f64;
            notes.push(format!(
                "{each:.2} {what} per call, at most {}",
                most(values)
            ));
        }
    }
    if !report.note.is_empty() {
        notes.push(report.note.clone());
    }
    Measured {
        row,
        value: Some(value.saturating_sub(empty)),
        note: notes.join("; "),
    }
}

fn most(values: &[u64]) -> u64 {
    values.iter().max().copied().unwrap_or(0)
}

/// From the function's first instruction to where it comes back; the slowest of the boot's. Key and signature
/// are read in it, and the question is asked as often as the bootloader asks it.
fn verification(log: &Log, marks: &Marks) -> Option<u64> {
    let mut begun = None;
    let mut slowest = None;
    for (address, count) in &log.hits {
        if *address == marks.verify {
            begun = Some(*count);
        } else if marks.verified.contains(address)
            && let Some(begin) = begun.take()
        {
            slowest = slowest.max(Some(count - begin));
        }
    }
    slowest
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

fn mean(values: &[u64]) -> u64 {
    let sum: u64 = values.iter().sum();
    sum.checked_div(values.len() as u64).unwrap_or(0)
}

/// Prints the functions that a row's second repetition spends its instructions in.
fn profile(
    place: &Place,
    images: &Images,
    device: &Device,
    counter: &Counter,
    marks: &Marks,
    wanted: &str,
) -> Result<()> {
    let directory = place.work().join("bench");
    let (_, reports) = measure(images, device, counter, marks, &directory)?;
    let mut before = 0;
    let Some(report) = reports.iter().find(|report| {
        if report.name != wanted {
            before += report.repetitions;
        }
        report.name == wanted
    }) else {
        let names: Vec<_> = reports.iter().map(|report| &*report.name).collect();
        bail!(
            "there is no row {wanted:?}; there are: {}",
            names.join(", ")
        );
    };
    // The second one: the first may have set something up.
    let nth = before + 2.min(report.repetitions);
    let file = directory.join("profile.txt");
    let fresh = Device::provisioned(place, images, &directory.join("an521.flash"))?;
    fresh.install_application(images.application("bench")?)?;
    let machine = machine(images, &fresh);
    counter
        .profile(machine, &file, marks.begin, marks.end, nth)
        .run()?;
    let counts = ironroot_icount::read_profile(&file)?;
    let mut by_function: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = Vec::new();
    for path in crate::elfcheck::trusted(images)
        .iter()
        .chain([&images.file("bench.elf")])
    {
        if path.ends_with("bootloader.elf") {
            continue;
        }
        let elf = Elf::read(path)?;
        let sizes: BTreeMap<u32, u32> = elf
            .functions()
            .iter()
            .map(|symbol| (symbol.address, symbol.size))
            .collect();
        for (address, name) in disassembly::functions(place, &elf)? {
            all.push((address, sizes.get(&address).copied().unwrap_or(0), name));
        }
    }
    for (address, count) in &counts {
        let name = all
            .iter()
            .find(|(start, size, _)| (*start..start.saturating_add(*size)).contains(address))
            .map_or_else(
                || format!("at {address:#x}"),
                |(_, _, name)| disassembly::plain(name),
            );
        *by_function.entry(name).or_default() += count;
    }
    let total: u64 = counts.values().sum();
    let mut lines: Vec<_> = by_function.into_iter().collect();
    lines.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("{wanted}: {total} instructions");
    for (name, count) in lines.iter().take(30) {
        println!(
            "{count:>10} {:>5.1} %  {name}",
            *count as f64 * 100.0 / total.max(1) as f64
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_repetition_does_not_move_a_median() {
        assert_eq!(median(&[5, 5, 900, 5, 5]), 5);
        assert_eq!(median(&[]), 0);
        assert_eq!(mean(&[1, 2, 6]), 3);
    }
}
