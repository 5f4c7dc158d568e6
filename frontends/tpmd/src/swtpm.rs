//! Serving as swtpm does: descriptors that were inherited, swtpm's keys, its log and its pid file.

use crate::connection::Role;
use crate::listen::{Address, Listener, SocketRights, inherited};
use crate::log::{Log, LogOptions};
use crate::serve::{Doors, Plan, StartUp, stop_signal};
use crate::server::{Rules, Terminate};
use crate::state::{KeySource, StateOptions};
use anyhow::{Context as _, Result};
use ironroot_tpm::Profile;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

/// A way to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// A socket to be made.
    Listen(Address, SocketRights),
    /// A socket that listens, by the number of its descriptor.
    Listening(i32),
    /// A connected client, by the number of its descriptor.
    Connected(i32),
}

/// Where the process's number goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PidTarget {
    /// A file, removed at the end.
    File(PathBuf),
    /// An open descriptor.
    Descriptor(i32),
}

/// How to serve as swtpm does.
#[derive(Debug, Clone)]
pub struct SwtpmOptions {
    /// Where the state is.
    pub state: StateOptions,
    /// What seals state blobs that go out.
    pub migration_key: Option<KeySource>,
    /// When the last blob went out, another process may have the state.
    pub release_lock: bool,
    /// The data channel.
    pub data: Option<Door>,
    /// The control channel.
    pub control: Option<Door>,
    /// What it is told first; `None`: it has no power until INIT.
    pub power: Option<StartUp>,
    /// About localities and connections.
    pub rules: Rules,
    /// When to end by itself.
    pub terminate: Terminate,
    /// Where the log goes.
    pub log: LogOptions,
    /// Where the process's number goes.
    pub pid: Option<PidTarget>,
    /// Confine the process once everything is open.
    pub sandbox: bool,
}

/// Serves a TPM of the profile `pc-client` until SIGTERM, SIGINT, or a client's wish.
///
/// # Errors
/// What was wrong, with which file or address, and what to try.
pub fn serve_as_swtpm(options: &SwtpmOptions, ready: impl FnOnce(&str)) -> Result<()> {
    let log = Log::open_with(&options.log)?;
    let stop = stop_signal()?;
    let pid = match &options.pid {
        Some(PidTarget::File(path)) => Some(path.as_path()),
        Some(PidTarget::Descriptor(_)) | None => None,
    };
    let plan = Plan {
        state: &options.state,
        migration_key: options.migration_key.as_ref(),
        release_lock: options.release_lock,
        doors: &|| open(options),
        power: options.power,
        profile: &Profile::PC_CLIENT,
        pid,
        terminate: options.terminate,
        rules: options.rules,
        sandbox: options.sandbox,
    };
    let result = plan.serve(&log, stop, ready);
    match &result {
        Ok(()) => log.line("ended in order"),
        Err(error) => log.line(&format!("ended: {error:#}")),
    }
    result
}

fn open(options: &SwtpmOptions) -> Result<Doors> {
    let mut doors = Doors {
        listeners: Vec::new(),
        clients: Vec::new(),
    };
    for (role, door) in [
        (Role::Data, &options.data),
        (Role::Control, &options.control),
    ] {
        match door {
            None => {}
            Some(Door::Listen(address, rights)) => {
                let listener = Listener::bind_for(address, role, *rights)?;
                doors.listeners.push(listener);
            }
            Some(Door::Listening(number)) => doors.listeners.push(Listener::adopt(*number, role)?),
            Some(Door::Connected(number)) => doors.clients.push((role, inherited(*number)?)),
        }
    }
    if let Some(PidTarget::Descriptor(number)) = options.pid {
        let mut file = File::from(inherited(number)?);
        write!(file, "{}", std::process::id()).context("cannot write the process's number")?;
    }
    Ok(doors)
}
