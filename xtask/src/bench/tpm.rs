//! `cargo xtask bench tpm`: our TPM daemon beside Debian's swtpm.
//!
//! Both run with their state in folders of one directory. One client drives them in alternated passes, so that
//! what the machine does besides falls on both. Another server of ours, with full durability, is asked for durable
//! writes only, beside the time that a data sync of a small write takes on the same file system in the same run. A pool
//! of primes is measured by itself ([`tpm_pool`]); all other rows are without one.

use super::{one_cpu, tpm_pool};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::{cargo, run, say};
use anyhow::{Context, Result, bail};
use ironroot_benches::tpm::{self, Figure, Samples};
use ironroot_tpm_client::Client;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often each operation is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Runs {
    /// With `tpm`: passes over all operations, alternated between the two
    #[arg(long, default_value_t = 5)]
    passes: u32,
    /// With `tpm`: times of an operation per pass
    #[arg(long, default_value_t = 100)]
    runs: u32,
    /// With `tpm`: times of a slow operation (RSA key generation) per pass
    #[arg(long, default_value_t = 40)]
    slow_runs: u32,
    /// With `tpm`: only operations with this text in their name
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    only: String,
    /// With `tpm`: client and servers run on whichever CPU the scheduler chooses
    #[arg(long)]
    spread: bool,
    /// With `tpm`: the daemon is built with AWS-LC (feature `aws-lc`), and judged by what that has to reach
    #[arg(long)]
    aws_lc: bool,
}

impl Runs {
    fn build(&self) -> tpm::Build {
        match self.aws_lc {
            true => tpm::Build::AwsLc,
            false => tpm::Build::Rust,
        }
    }

    fn of_pass(&self) -> tpm::Runs<'_> {
        tpm::Runs {
            runs: self.runs,
            slow: self.slow_runs,
            only: &self.only,
        }
    }
}

/// A TPM process; ended when dropped.
pub(super) struct Server {
    process: Child,
    port: u16,
    started: Duration,
}

/// The two indices of the durable part.
pub(super) const INDEX: u32 = 0x0150_0012;
/// authWrite, authRead, ownerWrite, ownerRead, noDA
pub(super) const ATTRIBUTES: u32 = 1 << 1 | 1 << 2 | 1 << 17 | 1 << 18 | 1 << 25;

pub(crate) fn bench(place: &Place, runs: &Runs, as_json: bool) -> Result<()> {
    setup::ensure(place, &[Need::Swtpm])?;
    say!("building the daemon with full optimisation");
    let mut build = cargo(&place.root);
    build.args(["build", "--release", "--quiet", "-p", "ironroot-cli"]);
    run(build.args(runs.aws_lc.then_some("--features=aws-lc")))?;
    let ours = place.target.join("release/ironroot");
    let directory = place.work().join("bench-tpm");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)?;
    let pool = match runs.only.is_empty() {
        true => tpm_pool::figures(&ours, &directory)?,
        false => Vec::new(),
    };
    if !runs.spread {
        one_cpu::stay()?;
    }
    let (peer_state, our_state) = (directory.join("swtpm"), directory.join("ours"));
    let start_peer = || Server::swtpm(&peer_state);
    let start_ours = || Server::ours(&ours, &our_state, &["--durability=none", "--no-pool"]);
    let (peer_server, our_server) = (start_peer()?, start_ours()?);
    let first = (peer_server.started, our_server.started);
    let (mut peer, mut own) = (Samples::default(), Samples::default());
    let (mut peer_client, mut own_client) = (peer_server.client()?, our_server.client()?);
    for pass in 0..runs.passes {
        say!("pass {} of {}", pass + 1, runs.passes);
        tpm::pass(&mut peer_client, &mut peer, pass, runs.of_pass()).context("swtpm")?;
        tpm::pass(&mut own_client, &mut own, pass, runs.of_pass()).context("ironroot tpm serve")?;
    }
    let memory = (
        resident(&peer_server.process)?,
        resident(&our_server.process)?,
    );
    drop((peer_server, our_server));
    let later = starts(start_peer, start_ours)?;
    let mut figures = vec![
        start("First start to first answer", first),
        start("Later start to first answer, median", later),
        Figure {
            name: "Resident after the run",
            unit: "KiB",
            peer: Some(memory.0 as f64),
            ours: memory.1 as f64,
            target: Some((memory.0 as f64 * 1.05, "<= 1.05 x".to_owned())),
        },
        durable(&ours, &directory)?,
    ];
    figures.extend(pool);
    let rows = tpm::judge(&peer, &own, runs.build());
    if as_json {
        println!("{}", tpm::json(&rows, &figures)?);
    } else {
        print!("{}", tpm::table(&rows, &figures));
    }
    Ok(())
}

/// Median times of starting on a state that is there, in turns.
fn starts(
    peer: impl Fn() -> Result<Server>,
    ours: impl Fn() -> Result<Server>,
) -> Result<(Duration, Duration)> {
    let (mut peer_times, mut our_times) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        peer_times.push(peer()?.started);
        our_times.push(ours()?.started);
    }
    Ok((median(&mut peer_times), median(&mut our_times)))
}

const STARTS: usize = 11;

fn start(name: &'static str, (peer, ours): (Duration, Duration)) -> Figure {
    Figure {
        name,
        unit: "ms",
        peer: Some(milliseconds(peer)),
        ours: milliseconds(ours),
        target: None,
    }
}

/// Durable writes beside the data syncs of the same file system.
fn durable(ours: &Path, directory: &Path) -> Result<Figure> {
    let server = Server::ours(ours, &directory.join("durable"), &["--no-pool"])?;
    let mut client = server.client()?;
    client.nv_define(INDEX, 64, ATTRIBUTES)?;
    let mut file = Syncs::new(&directory.join("sync"))?;
    let (mut writes, mut syncs) = (Vec::new(), Vec::new());
    for number in 0..200u8 {
        client.nv_write(INDEX, &[number; 64])?;
        writes.push(client.last);
        syncs.push(file.one()?);
    }
    let (write, sync) = (median(&mut writes), median(&mut syncs));
    let most = sync.mul_f64(1.2) + Duration::from_micros(60);
    let target = format!("<= 1.2 x one data sync ({:.1}) + 60", microseconds(sync));
    Ok(Figure {
        name: "NV_Write(64 B), on the disk",
        unit: "us",
        peer: None,
        ours: microseconds(write),
        target: Some((microseconds(most), target)),
    })
}

/// Small writes, each with a data sync, into a file that is on the disk already.
pub(super) struct Syncs {
    file: std::fs::File,
    at: u64,
}

impl Syncs {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let mut file = std::fs::File::create(path)?;
        file.write_all(&[0; 1 << 20])?;
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }

    /// How long one takes.
    pub(super) fn one(&mut self) -> Result<Duration> {
        let start = Instant::now();
        std::os::unix::fs::FileExt::write_all_at(&self.file, &[1; 512], self.at)?;
        self.file.sync_data()?;
        self.at = (self.at + 512) % (1 << 20);
        Ok(start.elapsed())
    }
}

impl Server {
    fn swtpm(state: &Path) -> Result<Self> {
        let port = free_port()?;
        std::fs::create_dir_all(state)?;
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"]);
        command
            .arg("--tpmstate")
            .arg(format!("dir={}", state.display()));
        command
            .arg("--server")
            .arg(format!("type=tcp,port={port},bindaddr=127.0.0.1"));
        Self::start(command, port)
    }

    pub(super) fn ours(program: &Path, state: &Path, more: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(program);
        command.args(["tpm", "serve", "--startup", "clear"]);
        command.args(more);
        command.arg("--state").arg(state);
        command.arg("--tcp").arg(format!("127.0.0.1:{port}"));
        Self::start(command, port)
    }

    fn start(mut command: Command, port: u16) -> Result<Self> {
        let begin = Instant::now();
        let process = command
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the TPM")?;
        let mut server = Self {
            process,
            port,
            started: Duration::ZERO,
        };
        while begin.elapsed() < Duration::from_secs(10) {
            if let Ok(mut client) = Client::tcp(port)
                && client.get_random(8).is_ok()
            {
                server.started = begin.elapsed();
                return Ok(server);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        bail!("the TPM on port {port} did not come up")
    }

    pub(super) fn process(&self) -> &Child {
        &self.process
    }

    pub(super) fn client(&self) -> Result<Client> {
        Ok(Client::tcp(self.port)?)
    }
}

/// KiB in memory.
pub(super) fn resident(process: &Child) -> Result<u64> {
    let status = PathBuf::from(format!("/proc/{}/status", process.id()));
    let text = std::fs::read_to_string(status)?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.context("no VmRSS")?.parse()?)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port whose successor is free, too: the simulator protocol's platform port.
fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let next = port.checked_add(1).unwrap_or(1024);
        if std::net::TcpListener::bind(("127.0.0.1", next)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no two free TCP ports beside each other")
}

pub(super) fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(super) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
