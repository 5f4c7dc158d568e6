//! What a pool of primes gives an RSA-2048 key, and what it takes: part of `cargo xtask bench tpm`.
//!
//! Not on one CPU: the pool's thread works while the TPM's does not, or beside it.

use super::tpm::{Server, microseconds, milliseconds, resident};
use anyhow::{Context as _, Result};
use ironroot_benches::tpm::Figure;
use ironroot_tpm_client::{Client, Template, curve};
use std::path::Path;
use std::time::{Duration, Instant};

/// Keys in a row.
const ROW: u32 = 50;
/// Keys made one by one, the pool full before each.
const SINGLE: u32 = 60;
/// Rows, alternated between a TPM with a pool and one without.
const ROWS: u32 = 4;

/// A TPM of ours, and a parent in it.
struct Maker {
    server: Server,
    client: Client,
    parent: u32,
}

pub(super) fn figures(program: &Path, directory: &Path) -> Result<Vec<Figure>> {
    let start = |name, more: &[&str]| {
        let arguments = [&["--durability=none"], more].concat();
        Maker::new(Server::ours(program, &directory.join(name), &arguments)?)
    };
    let mut cold = start("cold", &["--no-pool"])?;
    let mut pooled = start("pooled", &[])?;
    let (mut cold_row, mut pooled_row) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROWS {
        cold_row += cold.keys(ROW)?;
        pooled.wait_until_full()?;
        pooled_row += pooled.keys(ROW)?;
    }
    let mut single = Vec::new();
    for _ in 0..SINGLE {
        pooled.wait_until_full()?;
        single.push(pooled.keys(1)?);
    }
    single.sort();
    let memory = (
        resident(cold.server.process())?,
        resident(pooled.server.process())?,
    );
    let at = |part: usize| {
        single
            .get(single.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    let per_key = |row: Duration| milliseconds(row) / f64::from(ROWS * ROW);
    let figure = |name, unit, ours| Figure {
        name,
        unit,
        peer: None,
        ours,
        target: None,
    };
    Ok(vec![
        figure("Create RSA-2048, cold, mean", "ms", per_key(cold_row)),
        figure(
            "Create RSA-2048, from the pool, median",
            "us",
            microseconds(at(50)),
        ),
        figure(
            "Create RSA-2048, from the pool, p95",
            "us",
            microseconds(at(95)),
        ),
        figure(
            "Create RSA-2048, 50 in a row, mean",
            "ms",
            per_key(pooled_row),
        ),
        figure("Resident without a pool", "KiB", memory.0 as f64),
        figure("Resident with a pool", "KiB", memory.1 as f64),
    ])
}

impl Maker {
    fn new(server: Server) -> Result<Self> {
        let mut client = server.client()?;
        let parent = client.create_primary(&Template::ecc_storage(curve::P256))?;
        let mut maker = Self {
            server,
            client,
            parent,
        };
        // The first key wakes the pool.
        maker.keys(1)?;
        Ok(maker)
    }

    /// How long so many keys take, one behind the other.
    fn keys(&mut self, count: u32) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..count {
            self.client
                .create(self.parent, &Template::rsa_sign(2048), &[])?;
        }
        Ok(start.elapsed())
    }

    /// Waits until the pool's thread sleeps.
    fn wait_until_full(&self) -> Result<()> {
        let tasks = format!("/proc/{}/task", self.server.process().id());
        let mut finder = None;
        for task in std::fs::read_dir(tasks)? {
            let task = task?.path();
            if std::fs::read_to_string(task.join("comm"))?.trim() == "primes" {
                finder = Some(task.join("stat"));
            }
        }
        let finder = finder.context("this TPM has no pool: may it lock memory (`ulimit -l`)?")?;
        while !std::fs::read_to_string(&finder)?.contains(") S ") {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}
