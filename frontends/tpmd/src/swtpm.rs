//! Serving as swtpm does: descriptors that were inherited, swtpm's keys, its log and its pid file.

use crate::connection::Role;
use crate::listen::{Address, Listener, SocketRights, inherited};
use crate::log::{Log, LogOptions};
use crate::serve::{Doors, Plan, StartUp, stop_signal};
use crate::server::{Rules, Terminate};
use crate::state::{KeySource, StateOptions};
use anyhow::{Context as _, Result};
use ironroot_port_host::VtpmProxy;
use ironroot_tpm::Profile;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A way to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// A socket to be made.
    Listen(Address, SocketRights),
    /// A socket that listens, by the number of its descriptor.
    Listening(i32),
    /// A connected client, by the number of its descriptor.
    Connected(i32),
    /// A character device, by its path.
    Device(PathBuf),
    /// A new TPM of this machine's kernel.
    Proxy,
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
    /// Another process has the state until INIT. Without effect where power comes without INIT.
    pub incoming: bool,
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

/// Serves a TPM of the profile `pc-client` until SIGTERM, SIGINT, or a client's wish. `made` is told of a new TPM of the
/// kernel's, `ready` where the TPM can be reached.
///
/// # Errors
/// What was wrong, with which file or address, and what to try.
pub fn serve_as_swtpm(
    options: &SwtpmOptions,
    made: impl Fn(&VtpmProxy),
    ready: impl FnOnce(&str),
) -> Result<()> {
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
        incoming: options.incoming && options.power.is_none(),
        doors: &|| open(options, &made),
        power: options.power,
        profile: &Profile::PC_CLIENT,
        pid,
        terminate: options.terminate,
        rules: options.rules,
        // As swtpm, which has none either: nobody who starts it could say no.
        pool: false,
        sandbox: options.sandbox,
    };
    let result = plan.serve(&log, stop, ready);
    match &result {
        Ok(()) => log.line("ended in order"),
        Err(error) => log.line(&format!("ended: {error:#}")),
    }
    result
}

fn open(options: &SwtpmOptions, made: &dyn Fn(&VtpmProxy)) -> Result<Doors> {
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
            Some(Door::Device(path)) => {
                let device = open_device(path);
                let device = device.with_context(|| format!("cannot open {}", path.display()))?;
                doors.clients.push((role, device));
            }
            Some(Door::Proxy) => {
                let proxy = VtpmProxy::create().context(
                    "cannot make a TPM of the kernel's by /dev/vtpmx: that takes root and the module \
                     tpm_vtpm_proxy",
                )?;
                made(&proxy);
                doors.clients.push((role, proxy.descriptor));
            }
        }
    }
    if let Some(PidTarget::Descriptor(number)) = options.pid {
        let mut file = File::from(inherited(number)?);
        write!(file, "{}", std::process::id()).context("cannot write the process's number")?;
    }
    Ok(doors)
}

fn open_device(path: &Path) -> std::io::Result<OwnedFd> {
    let device = File::options()
        .read(true)
        .write(true)
        // It must not become this process's controlling terminal.
        .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
        .open(path)?;
    Ok(device.into())
}
