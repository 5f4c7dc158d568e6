//! `cargo xtask bench instances`: several TPMs in one process, each asked for durable writes at the same time.
//!
//! What a host wants to know before it puts its machines' TPMs together: whether one waits for another's disk, and what
//! each costs in memory.

use super::tpm::{ATTRIBUTES, INDEX, Syncs, median, microseconds, resident};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::{cargo, run, say};
use anyhow::{Context as _, Result};
use ironroot_tpm_client::Client;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Writes of each TPM.
const WRITES: u8 = 200;

pub(crate) fn bench(place: &Place) -> Result<()> {
    setup::ensure(place, &[Need::HostCompiler])?;
    say!("building the daemon with full optimisation");
    run(cargo(&place.root).args(["build", "--release", "--quiet", "-p", "ironroot-cli"]))?;
    let program = place.target.join("release/ironroot");
    let directory = place.work().join("bench-instances");
    println!("TPMs  writes/s  of each, median  one data sync  resident");
    for count in [1_usize, 2, 4, 8, 16] {
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory)?;
        let mut file = Syncs::new(&directory.join("sync"))?;
        let mut syncs: Vec<_> = (0..WRITES).map(|_| file.one()).collect::<Result<_>>()?;
        let sync = median(&mut syncs);
        let (rate, median, memory) = measure(&program, &directory.join("tpms"), count)?;
        println!(
            "{count:4}  {rate:8.0}  {:12.1} us  {:10.1} us  {memory} KiB",
            microseconds(median),
            microseconds(sync),
        );
    }
    Ok(())
}

/// Writes per second of all together, the median time of one, KiB in memory.
fn measure(program: &Path, folder: &Path, count: usize) -> Result<(f64, Duration, u64)> {
    let names: Vec<_> = (0..count).map(|number| format!("vm{number}")).collect();
    for name in &names {
        std::fs::create_dir_all(folder.join(name))?;
    }
    let mut daemon = Daemon::start(program, folder)?;
    let (together, folder) = (&Barrier::new(count + 1), &folder);
    let (mut times, whole) = std::thread::scope(|threads| -> Result<_> {
        let begin = |name| {
            threads.spawn(move || -> Result<Vec<Duration>> {
                let stream = UnixStream::connect(folder.join(name).join("commands"))?;
                let mut client = Client::new(stream);
                let defined = client.nv_define(INDEX, 64, ATTRIBUTES);
                together.wait();
                defined?;
                let write = |number| {
                    client.nv_write(INDEX, &[number; 64])?;
                    Ok(client.last)
                };
                (0..WRITES).map(write).collect()
            })
        };
        let writing: Vec<_> = names.iter().map(begin).collect();
        together.wait();
        let begin = Instant::now();
        let mut all = Vec::new();
        for thread in writing {
            all.extend(thread.join().expect("it does not panic")?);
        }
        Ok((all, begin.elapsed()))
    })?;
    let memory = resident(&daemon.process)?;
    daemon.process.kill()?;
    let rate = f64::from(u32::try_from(times.len())?) / whole.as_secs_f64();
    Ok((rate, median(&mut times), memory))
}

/// The daemon; ended when dropped.
struct Daemon {
    process: Child,
}

impl Daemon {
    fn start(program: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .args(["tpm", "serve", "--startup=clear", "--instances"])
            .arg(folder);
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let out = process.stdout.take().context("no output")?;
        BufReader::new(out).read_line(&mut String::new())?;
        Ok(Self { process })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
