//! Scripts that have other people's programs use ours: found, run, and shown when they fail.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a script may take; those that make RSA-4096 keys on a busy machine take longest.
const PATIENCE: Duration = Duration::from_secs(300);
/// Lines shown of what a script said that failed.
const LINES: usize = 40;

/// The scripts of a folder whose names end so, in order; not `lib`, which they share.
///
/// # Panics
/// When there is no such folder.
#[must_use]
pub fn scripts(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the scripts are in the repository");
    let mut scripts: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|own| own == end) && name_of(path) != "lib")
        .collect();
    scripts.sort();
    scripts
}

/// A script's name without its end.
#[must_use]
pub fn name_of(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Runs the command with what it says in the file `output`.
///
/// # Errors
/// How it ended and the last it said, when it failed or took too long.
pub fn finish(mut command: Command, output: &Path) -> Result<(), String> {
    let ended = watch(&mut command, output).map_err(|error| format!("{command:?}: {error}"))?;
    if ended.success() {
        return Ok(());
    }
    let said = std::fs::read(output).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().collect();
    let last = lines.split_at(lines.len().saturating_sub(LINES)).1;
    Err(format!("{ended}; the last it said:\n{}", last.join("\n")))
}

fn watch(command: &mut Command, output: &Path) -> io::Result<std::process::ExitStatus> {
    let file = std::fs::File::create(output)?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut child = command.spawn()?;
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > end {
            child.kill()?;
            return child.wait();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A free TCP port whose successor is free, too. Somebody else may take one before it is used.
///
/// # Errors
/// When there are no such.
pub fn free_ports() -> Result<u16, String> {
    let bind = |port| std::net::TcpListener::bind(("127.0.0.1", port));
    for _ in 0..100 {
        let first = bind(0)
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("no free TCP port: {error}"))?;
        if first.port() < u16::MAX && bind(first.port() + 1).is_ok() {
            return Ok(first.port());
        }
    }
    Err("no two free TCP ports beside each other".into())
}

/// The kernel that `cargo xtask setup` unpacked.
#[must_use]
pub fn kernel() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("IRONROOT_GUEST_KERNEL")?);
    path.exists().then_some(path)
}

/// Whether a program is in the path or where only root looks, or there is a file of that whole name.
#[must_use]
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .any(|folder: PathBuf| folder.join(program).exists())
}
