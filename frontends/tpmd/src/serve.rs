//! From options to a served TPM.

use crate::blob::Keys;
use crate::connection::Role;
use crate::listen::{Address, Listener};
use crate::log::Log;
use crate::machine::Machine;
use crate::platform::HostPlatform;
use crate::pool::Pool;
use crate::sandbox;
use crate::server::{Blobs, Rules, Server, Setting, Terminate};
use crate::state::{
    Durability, HostStore, KeySource, SharedStore, StateDirectory, StateOptions,
    protection_in_words,
};
use anyhow::{Context as _, Result, anyhow, bail};
use ironroot_journal::Protection;
use ironroot_port_host::open_private;
use ironroot_tpm::{Memory, ObjectSlot, Profile, SessionSlot, StartError, StoreError, Tpm};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The simulator's port; the platform port is the next.
const PORT: u16 = 2321;

/// What the TPM is told when the daemon starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartUp {
    /// Nothing: without a control channel it has power and waits for a client's Startup, with one it
    /// has no power until INIT.
    None,
    /// Power, and Startup(CLEAR): it can be used at once.
    Clear,
    /// Power, and Startup(STATE): it goes on where Shutdown(STATE) left it.
    State,
}

/// How to serve a TPM.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where its state is.
    pub state: StateOptions,
    /// A TCP port for commands, simulator's and swtpm's framing; the next port is the platform's.
    pub tcp: Option<SocketAddr>,
    /// A Unix socket for commands.
    pub unix: Option<PathBuf>,
    /// swtpm's control channel.
    pub control: Option<Address>,
    /// What it is told first; `None`: [`StartUp::Clear`], or with a control channel [`StartUp::None`].
    pub startup: Option<StartUp>,
    /// How large it is.
    pub profile: &'static Profile,
    /// Where to write the log; `-` is standard error.
    pub log: Option<PathBuf>,
    /// Where to write the process's number.
    pub pid: Option<PathBuf>,
    /// End when the client of the control channel goes.
    pub terminate: bool,
    /// Look for primes of RSA keys ahead of time, once the first such key was asked for.
    pub pool: bool,
    /// Confine the process once everything is open.
    pub sandbox: bool,
}

/// Serves a TPM until SIGTERM, SIGINT, or a client's wish. `ready` is told where it can be reached.
///
/// # Errors
/// What was wrong, with which file or address, and what to try.
pub fn serve(options: &ServeOptions, ready: impl FnOnce(&str)) -> Result<()> {
    let log = Log::open(options.log.as_deref())?;
    serve_until(options, &log, stop_signal()?, ready)
}

/// Serves a TPM until `stop` becomes readable, or a client's wish.
pub(crate) fn serve_until(
    options: &ServeOptions,
    log: &Log,
    stop: UnixStream,
    ready: impl FnOnce(&str),
) -> Result<()> {
    let result = serve_logged(options, log, stop, ready);
    match &result {
        Ok(()) => log.line("ended in order"),
        Err(error) => log.line(&format!("ended: {error:#}")),
    }
    result
}

fn serve_logged(
    options: &ServeOptions,
    log: &Log,
    stop: UnixStream,
    ready: impl FnOnce(&str),
) -> Result<()> {
    let waits = options.control.is_some();
    let default = if waits { StartUp::None } else { StartUp::Clear };
    let startup = options.startup.unwrap_or(default);
    let plan = Plan {
        state: &options.state,
        migration_key: None,
        release_lock: false,
        incoming: false,
        doors: &|| listen(options).map(Doors::of),
        power: Some(startup).filter(|startup| *startup != StartUp::None || !waits),
        profile: options.profile,
        pid: options.pid.as_deref(),
        terminate: match options.terminate {
            true => Terminate::AfterControl,
            false => Terminate::Never,
        },
        rules: Rules::default(),
        pool: options.pool,
        sandbox: options.sandbox,
    };
    plan.serve(log, stop, ready)
}

/// Where a TPM can be reached: sockets, and clients that are connected already.
pub(crate) struct Doors {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) clients: Vec<(Role, OwnedFd)>,
}

impl Doors {
    fn of(listeners: Vec<Listener>) -> Self {
        Self {
            listeners,
            clients: Vec::new(),
        }
    }
}

/// All that is to be known before a TPM is served, however it was said.
pub(crate) struct Plan<'a> {
    pub(crate) state: &'a StateOptions,
    pub(crate) migration_key: Option<&'a KeySource>,
    pub(crate) release_lock: bool,
    /// Another process has the state until INIT.
    pub(crate) incoming: bool,
    /// Opens them, once the state is ours.
    pub(crate) doors: &'a dyn Fn() -> Result<Doors>,
    /// What it is told first; `None`: it has no power until INIT.
    pub(crate) power: Option<StartUp>,
    pub(crate) profile: &'static Profile,
    pub(crate) pid: Option<&'a Path>,
    pub(crate) terminate: Terminate,
    pub(crate) rules: Rules,
    pub(crate) pool: bool,
    pub(crate) sandbox: bool,
}

impl Plan<'_> {
    pub(crate) fn serve(
        &self,
        log: &Log,
        stop: UnixStream,
        ready: impl FnOnce(&str),
    ) -> Result<()> {
        let keys = Keys {
            state: self.state.key.as_ref().map(KeySource::read).transpose()?,
            migration: self.migration_key.map(KeySource::read).transpose()?,
        };
        let nv_available = Rc::new(Cell::new(true));
        let (directory, store) = self.open(&keys, &nv_available, log)?;
        let store = Rc::new(RefCell::new(store));
        let Doors { listeners, clients } = (self.doors)()?;
        let _pid = self.pid.map(PidFile::write).transpose()?;

        let mut platform = HostPlatform::new(Rc::clone(&store));
        let mut shared = SharedStore(Rc::clone(&store));
        let mut objects = slots(|| ObjectSlot::EMPTY, self.profile.loaded_objects);
        let mut sessions = slots(|| SessionSlot::EMPTY, self.profile.loaded_sessions);
        let memory = Memory {
            objects: &mut objects,
            sessions: &mut sessions,
        };
        let mut pool = self.start_pool(log);
        let tpm = Tpm::new(memory, &mut shared, &mut platform, self.profile).map_err(explain)?;
        let tpm = match &mut pool {
            Some(pool) => tpm.with_primes(pool),
            None => tpm,
        };
        let mut machine = Box::new(Machine::new(tpm));
        start(&mut machine, self.power)?;
        self.say_what_protects(&keys, log);
        if let Some(version) = ironroot_crypto::tpm::aws_lc_version() {
            log.line(&format!(
                "cryptography: points and powers by AWS-LC {version}"
            ));
        }

        let line = addresses(&listeners);
        let blobs = Blobs::new(store, directory, keys, self.release_lock);
        let setting = Setting {
            listeners,
            stop,
            nv_available,
            blobs,
            profile: self.profile,
            terminate: self.terminate,
            rules: self.rules,
            log: log.clone(),
        };
        let mut server = Server::new(*machine, setting);
        for (role, client) in clients {
            if !server.take_client(role, client) {
                bail!("an inherited descriptor is neither a socket nor a character device");
            }
        }
        if self.sandbox {
            sandbox::enter()?;
        }
        log.line(&format!("ready: {line}"));
        ready(&line);
        Ok(server.run()?)
    }

    /// Without one keys take longer, and nothing else is lost.
    fn start_pool(&self, log: &Log) -> Option<Pool> {
        if !self.pool {
            return None;
        }
        Pool::start(log, self.sandbox)
            .inspect_err(|error| log.line(&format!("no pool of primes: {error:#}")))
            .ok()
    }

    /// The state; without its lock, and not read yet, where another process is still at it.
    fn open(
        &self,
        keys: &Keys,
        nv_available: &Rc<Cell<bool>>,
        log: &Log,
    ) -> Result<(StateDirectory, HostStore)> {
        let nv_available = Rc::clone(nv_available);
        if self.incoming
            && let Some(directory) = StateDirectory::open_later(&self.state.directory)?
        {
            let store = directory.store_later(self.state, nv_available, log)?;
            log.line("waits for a machine that comes: INIT takes the state's lock");
            return Ok((directory, store));
        }
        let directory = StateDirectory::open(&self.state.directory, true)?;
        let store = directory.store(self.state, keys.state.as_ref(), nv_available, log)?;
        Ok((directory, store))
    }

    fn say_what_protects(&self, keys: &Keys, log: &Log) {
        let protection = match keys.state {
            Some(_) => Protection::Key,
            None => Protection::None,
        };
        let words = protection_in_words(protection, self.state.anchor.is_some());
        log.line(&format!("state: {words}"));
        if self.state.durability == Durability::None {
            log.line("durability: none; a crash of the machine may cost the TPM");
        }
    }
}

/// Power and Startup, as wished.
fn start(machine: &mut Machine<Tpm<'_>>, power: Option<StartUp>) -> Result<()> {
    let Some(startup) = power else {
        return Ok(());
    };
    if !machine.power_on() {
        bail!("the TPM does not start: its state cannot be used");
    }
    let code = match startup {
        StartUp::None => 0,
        StartUp::Clear => machine.start_up(false),
        StartUp::State => machine.start_up(true),
    };
    match (code, startup) {
        (0, _) => Ok(()),
        (code, StartUp::State) => bail!(
            "Startup(STATE) was refused (0x{code:x}): the last end was not a Shutdown(STATE). \
             Use --startup clear"
        ),
        (code, _) => bail!("Startup was refused (0x{code:x})"),
    }
}

fn listen(options: &ServeOptions) -> Result<Vec<Listener>> {
    let elsewhere = options.unix.is_some() || options.control.is_some();
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let tcp = options.tcp.or((!elsewhere).then_some(default));
    let mut listeners = Vec::new();
    if let Some(address) = tcp {
        let data = Listener::bind(&Address::Tcp(address), Role::Data)?;
        let platform = match data.address() {
            Address::Tcp(bound) => next_port(bound),
            Address::Unix(_) => None,
        };
        listeners.push(data);
        // The control channel may be wanted at just this port, where swtpm's users expect it.
        let platform = platform.map(Address::Tcp);
        if let Some(platform) = platform.filter(|address| options.control.as_ref() != Some(address))
        {
            listeners.push(Listener::bind(&platform, Role::Platform)?);
        }
    }
    if let Some(path) = &options.unix {
        listeners.push(Listener::bind(&Address::Unix(path.clone()), Role::Data)?);
    }
    if let Some(address) = &options.control {
        listeners.push(Listener::bind(address, Role::Control)?);
    }
    Ok(listeners)
}

fn next_port(address: &SocketAddr) -> Option<SocketAddr> {
    let port = address.port().checked_add(1)?;
    Some(SocketAddr::new(address.ip(), port))
}

/// One line: what can be reached where.
fn addresses(listeners: &[Listener]) -> String {
    let parts: Vec<_> = listeners
        .iter()
        .map(|listener| {
            let role = match listener.role {
                Role::Data => "commands",
                Role::Platform => "platform",
                Role::Control => "control",
            };
            format!("{role} {}", listener.address())
        })
        .collect();
    parts.join(", ")
}

fn slots<T>(empty: fn() -> T, count: usize) -> Vec<T> {
    std::iter::repeat_with(empty).take(count).collect()
}

/// Becomes readable at SIGTERM or SIGINT.
pub(crate) fn stop_signal() -> Result<UnixStream> {
    let (readable, writable) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, writable.try_clone()?)?;
    }
    Ok(readable)
}

fn explain(error: StartError) -> anyhow::Error {
    match error {
        StartError::Store(StoreError::Full) => anyhow!("the TPM's state does not fit"),
        StartError::Store(StoreError::Unavailable) => {
            anyhow!("the TPM's state cannot be written: is the disk full?")
        }
        StartError::Store(StoreError::Corrupt) | StartError::Corrupt => {
            anyhow!("the TPM's state is not whole")
        }
        StartError::Version => {
            anyhow!("the TPM's state was written by a newer version: use that one")
        }
        StartError::Entropy => anyhow!("the operating system gives no random bytes"),
        StartError::Memory => anyhow!("too few slots for the profile"),
    }
}

/// A file with the process's number, removed at the end.
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    pub(crate) fn write(path: &Path) -> Result<Self> {
        let shown = path.display();
        let mut file =
            open_private(path).with_context(|| format!("cannot write the pid file {shown}"))?;
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
