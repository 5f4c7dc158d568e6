//! Several TPMs in one process: a folder of folders, one TPM in each.
//!
//! Each has a thread, a state, a lock and sockets of its own, and shares nothing with the others but the process.
//! One that fails (a state that is damaged, a disk that is full, a fault of ours) ends or answers an error alone.
//! Their data syncs meet in the kernel, which makes one flush of the disk's cache of those that wait at the same
//! time: `docs/decisions/0016-several-tpms.md`.

use crate::listen::Address;
use crate::log::Log;
use crate::serve::{self, ServeOptions};
use anyhow::{Context as _, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// The sockets in an instance's folder.
const COMMANDS: &str = "commands";
const CONTROL: &str = "control";

/// Serves one TPM until a socket becomes readable; what it is told first says that the TPM can be used.
type Serve = fn(&ServeOptions, &Log, UnixStream, &dyn Fn(&str)) -> Result<()>;

/// How to serve several TPMs.
#[derive(Debug, Clone)]
pub struct InstancesOptions {
    /// The folder whose folders hold one TPM each.
    pub folder: PathBuf,
    /// How each is served. Its state's directory and its addresses are the instance's own, whatever stands here;
    /// an anchor belongs to one state and must not be given.
    pub each: ServeOptions,
}

/// What happened to an instance, or to the process.
enum Event {
    Ready(Start),
    Ended(Start, End),
    Reload,
    Stop,
}

/// Which start of an instance: its folder may come back under the same name before its end was noticed.
#[derive(Clone, PartialEq, Eq)]
struct Start {
    name: String,
    number: u64,
}

/// How an instance ended.
enum End {
    InOrder,
    Refused(String),
    /// It panicked: a fault of ours.
    Fault,
}

/// An instance at work. It ends when this is dropped.
struct Running {
    start: Start,
    /// Its other end becomes readable when this one is closed.
    _stop: UnixStream,
    thread: JoinHandle<()>,
}

/// Serves a TPM for every folder in the folder until SIGTERM or SIGINT. SIGHUP looks again: for new folders, for those
/// whose TPM had ended, and for those that are gone. `ready` is told how many are served, when each has started or failed.
///
/// Gives whether all that were there have ended in order.
///
/// # Errors
/// The folder cannot be read, has no folder in it, or none of its TPMs starts.
pub fn serve_instances(options: &InstancesOptions, ready: impl FnOnce(&str)) -> Result<bool> {
    let (sender, events) = channel();
    on_signals(&[SIGTERM, SIGINT], &sender, || Event::Stop)?;
    on_signals(&[SIGHUP], &sender, || Event::Reload)?;
    let serve: Serve = |options, log, stop, ready| serve::serve_until(options, log, stop, ready);
    supervise(options, serve, sender, &events, ready)
}

fn supervise(
    options: &InstancesOptions,
    serve: Serve,
    sender: Sender<Event>,
    events: &Receiver<Event>,
    ready: impl FnOnce(&str),
) -> Result<bool> {
    if options.each.state.anchor.is_some() {
        bail!("an anchor belongs to one state: serve a TPM with an anchor by `--state`");
    }
    let log = Log::open(options.each.log.as_deref())?;
    let _pid = options
        .each
        .pid
        .as_deref()
        .map(serve::PidFile::write)
        .transpose()?;
    let mut supervisor = Supervisor {
        options,
        log,
        serve,
        sender,
        running: BTreeMap::new(),
        leaving: Vec::new(),
        started: 0,
        failed: false,
    };
    supervisor.look()?;
    if supervisor.running.is_empty() {
        let folder = options.folder.display();
        bail!("there is no folder in {folder}: `mkdir -m 700 {folder}/NAME` for each TPM");
    }
    let mut begun: Vec<_> = supervisor.starts().collect();
    let mut served = 0_usize;
    let mut ready = Some(ready);
    loop {
        if begun.is_empty()
            && let Some(ready) = ready.take()
        {
            let folder = options.folder.display();
            if served == 0 {
                bail!("none of the TPMs in {folder} starts: the log (--log -) says why");
            }
            ready(&format!("{served} TPMs in {folder}"));
        }
        match events.recv() {
            Ok(Event::Ready(start)) => {
                begun.retain(|one| *one != start);
                served += 1;
            }
            Ok(Event::Ended(start, end)) => {
                begun.retain(|one| *one != start);
                supervisor.bury(&start, &end);
            }
            Ok(Event::Reload) => {
                if let Err(error) = supervisor.look() {
                    supervisor.log.line(&format!("{error:#}"));
                }
            }
            Ok(Event::Stop) | Err(_) => return Ok(supervisor.stop(events)),
        }
    }
}

/// Starts instances and notices their ends.
struct Supervisor<'a> {
    options: &'a InstancesOptions,
    log: Log,
    serve: Serve,
    sender: Sender<Event>,
    running: BTreeMap<String, Running>,
    /// Threads that were told to end.
    leaving: Vec<JoinHandle<()>>,
    started: u64,
    failed: bool,
}

impl Supervisor<'_> {
    /// Starts what is there and does not run, ends what runs and is not there.
    fn look(&mut self) -> Result<()> {
        let names = names(&self.options.folder, &self.log)?;
        let gone = self.running.extract_if(.., |name, _| !names.contains(name));
        self.leaving.extend(gone.map(|(_, running)| running.thread));
        for name in names {
            if !self.running.contains_key(&name) {
                let running = self.start(&name)?;
                self.running.insert(name, running);
            }
        }
        Ok(())
    }

    /// Those that run.
    fn starts(&self) -> impl Iterator<Item = Start> {
        self.running.values().map(|running| running.start.clone())
    }

    fn start(&mut self, name: &str) -> Result<Running> {
        self.started += 1;
        let start = Start {
            name: name.to_owned(),
            number: self.started,
        };
        let folder = self.options.folder.join(name);
        let mut options = self.options.each.clone();
        options.unix = Some(folder.join(COMMANDS));
        options.control = Some(Address::Unix(folder.join(CONTROL)));
        options.state.directory = folder;
        options.tcp = None;
        options.pid = None;
        let (stop, stopped) = UnixStream::pair()?;
        let (begun, sender, serve) = (start.clone(), self.sender.clone(), self.serve);
        let thread = std::thread::Builder::new()
            .name(start.name.clone())
            .spawn(move || {
                let ready = |_: &str| {
                    let _ = sender.send(Event::Ready(begun.clone()));
                };
                let served = catch_unwind(AssertUnwindSafe(|| {
                    let log = Log::open(options.log.as_deref())?.named(&begun.name);
                    serve(&options, &log, stopped, &ready)
                }));
                let end = match served {
                    Ok(Ok(())) => End::InOrder,
                    Ok(Err(error)) => End::Refused(format!("{error:#}")),
                    Err(_) => End::Fault,
                };
                let _ = sender.send(Event::Ended(begun.clone(), end));
            })
            .context("the system starts no more threads")?;
        Ok(Running {
            start,
            _stop: stop,
            thread,
        })
    }

    fn bury(&mut self, start: &Start, end: &End) {
        let name = &start.name;
        if self
            .running
            .get(name)
            .is_some_and(|running| running.start == *start)
        {
            self.running.remove(name);
        }
        let why = match end {
            End::InOrder => return,
            End::Refused(why) => why,
            End::Fault => "a fault of the program",
        };
        self.failed = true;
        let line = format!("{name}: not served ({why}); the others are. SIGHUP tries again");
        self.log.line(&line);
    }

    /// Ends all, in order.
    fn stop(mut self, events: &Receiver<Event>) -> bool {
        let running = std::mem::take(&mut self.running);
        self.leaving
            .extend(running.into_values().map(|one| one.thread));
        for thread in std::mem::take(&mut self.leaving) {
            let _ = thread.join();
        }
        while let Ok(event) = events.try_recv() {
            if let Event::Ended(start, end) = event {
                self.bury(&start, &end);
            }
        }
        self.log.line("ended in order");
        !self.failed
    }
}

/// Sends an event for every such signal.
fn on_signals(signals: &[i32], sender: &Sender<Event>, event: fn() -> Event) -> Result<()> {
    let (mut readable, writable) = UnixStream::pair()?;
    for signal in signals {
        signal_hook::low_level::pipe::register(*signal, writable.try_clone()?)?;
    }
    let sender = sender.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(
            move || {
                while matches!(readable.read(&mut [0]), Ok(1)) && sender.send(event()).is_ok() {}
            },
        )?;
    Ok(())
}

/// The folders in a folder that can hold a TPM, in their order.
fn names(folder: &Path, log: &Log) -> Result<Vec<String>> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {shown}, the folder of the TPMs"))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // Of a link this is false: one is not followed.
        if !entry.file_type()?.is_dir() {
            continue;
        }
        match entry.file_name().into_string() {
            Ok(name) if is_name(&name) => names.push(name),
            other => log.line(&format!(
                "{other:?} is no name for a TPM (letters, digits, '-', '_', '.'); it is not served"
            )),
        }
    }
    names.sort();
    Ok(names)
}

/// What can stand in a log and a path without surprises.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.starts_with('.') && name.bytes().all(fits)
}

#[cfg(test)]
mod tests;
