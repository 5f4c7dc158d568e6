//! `ironroot tpm serve`.

use super::state::Secrets;
use clap::{Args, ValueEnum};
use ironroot_tpm::Profile;
use ironroot_tpmd::{Address, Durability, InstancesOptions, ServeOptions, StartUp};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const ABOUT: &str = "\
Serve a TPM whose state is a directory

The directory is made if there is none. The TPM gets power and Startup(CLEAR) by itself; with --ctrl \
it waits for INIT, as QEMU expects. When it can be used, one line on standard output says where. \
SIGTERM and SIGINT end it in order; after a kill, a crash or a loss of power nothing is lost that was \
answered.

Once everything is open, the process gives up every system call that serving does not take.";

pub(super) const HELP: &str = "\
Reach it with tpm2-tools, OpenSSL's and PKCS#11's tpm2 modules, anything on tpm2-tss:
  ironroot tpm serve --state ~/mytpm
  export TPM2TOOLS_TCTI=mssim:host=127.0.0.1,port=2321      (or TPM2OPENSSL_TCTI, TPM2_PKCS11_TCTI)
or, at the same port, by swtpm's protocol:
  export TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=2321

with swtpm's control channel where programs for swtpm look for it:
  ironroot tpm serve --state ~/mytpm --tcp 127.0.0.1:2321 --ctrl tcp:127.0.0.1:2322 --startup clear

over a Unix socket that only you can use:
  ironroot tpm serve --state ~/mytpm --unix mytpm.socket
  export TPM2TOOLS_TCTI='cmd:socat - UNIX-CONNECT:mytpm.socket'

in a virtual machine:
  ironroot tpm serve --state ~/vmtpm --ctrl unix:vmtpm.sock --terminate &
  qemu-system-x86_64 … -chardev socket,id=chrtpm,path=vmtpm.sock \\
      -tpmdev emulator,id=tpm0,chardev=chrtpm -device tpm-crb,tpmdev=tpm0

for many virtual machines, in one process; a TPM that fails does not stop another:
  mkdir -m 700 tpms tpms/vm1 tpms/vm2
  ironroot tpm serve --instances tpms --profile pc-client
  qemu-system-x86_64 … -chardev socket,id=chrtpm,path=tpms/vm1/control …
SIGHUP makes it look again: new folders get a TPM, one whose folder is gone ends, one that failed is
tried again.

The state. Without --key its protection is integrity against accident only: whoever reads the
directory has the TPM's secrets, whoever writes it can change them. With a key it is encrypted and
authenticated:
  head -c 32 /dev/urandom > ~/tpm.key && chmod 600 ~/tpm.key
  ironroot tpm serve --state ~/mytpm --key ~/tpm.key
  ironroot tpm serve --state ~/mytpm --key 'exec:systemd-creds decrypt /etc/tpm.cred -'
Without --anchor nobody notices an old copy of the directory put back. The anchor is a small file
outside (on another disk, another machine), or a command that keeps a line for you: it reads `get`
and answers `none` or what was set last; it reads `set HEX` and answers `ok`. A change is answered
when both have it.
  ironroot tpm serve --state ~/mytpm --key ~/tpm.key --anchor /mnt/elsewhere/tpm.anchor

--durability=none answers before the disk has a change: for tests, and machines that never crash.

Once the first RSA-2048 key was made under a parent (Create, CreateLoaded), the next two keys' primes are
found ahead of time, so that they need not be waited for: at most four primes, while the machine has
nothing else to do, in locked memory only. Primary keys follow from the TPM's seed and take none. With
--no-pool every key is searched for when it is asked for.

Who can reach a TCP port can use the TPM: on 127.0.0.1 that is every user of the machine. Prefer
--unix.";

/// Options of `ironroot tpm serve`.
#[derive(Args)]
pub(crate) struct Serve {
    /// The directory with the TPM's state
    #[arg(long, value_name = "DIR", required_unless_present = "instances")]
    state: Option<PathBuf>,

    /// Serve a TPM for every folder in DIR, each at its own sockets DIR/NAME/commands and DIR/NAME/control
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state", "anchor", "tcp", "unix", "ctrl", "terminate"])]
    instances: Option<PathBuf>,

    #[command(flatten)]
    secrets: Secrets,

    /// Listen for commands at this TCP port, and for platform signals at the next
    /// [default: 127.0.0.1:2321, if neither --unix nor --ctrl is given]
    #[arg(long, value_name = "ADDR:PORT")]
    tcp: Option<SocketAddr>,

    /// Listen for commands at this Unix socket, which only its owner can use
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Listen for swtpm's control channel: tcp:ADDR:PORT or unix:PATH
    #[arg(long, value_name = "ADDRESS")]
    ctrl: Option<Address>,

    /// What to do first [default: clear, with --ctrl none]
    #[arg(long, value_enum)]
    startup: Option<FirstStep>,

    /// How large the TPM is
    #[arg(long, value_enum, default_value = "full")]
    profile: ProfileName,

    /// When changes must be on the disk
    #[arg(long, value_enum, default_value = "full")]
    durability: DurabilityName,

    /// Append events to this file; `-` is standard error
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Write the process's number to this file, and remove it at the end
    #[arg(long, value_name = "FILE")]
    pid: Option<PathBuf>,

    /// End when the client of the control channel goes away
    #[arg(long, requires = "ctrl")]
    terminate: bool,

    /// Find the primes of every RSA key when it is asked for, none ahead of time
    #[arg(long)]
    no_pool: bool,

    /// Do not give up system calls after the start (for debugging)
    #[arg(long, hide_short_help = true)]
    no_sandbox: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum FirstStep {
    /// Power only: a client sends Startup. With --ctrl no power before INIT
    None,
    /// Power and Startup(CLEAR)
    Clear,
    /// Power and Startup(STATE), after a Shutdown(STATE)
    State,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProfileName {
    /// 32 loaded objects, 32 loaded sessions: plain tools need no resource manager
    Full,
    /// As in a personal computer: 3 loaded objects, 3 loaded sessions
    PcClient,
}

#[derive(Clone, Copy, ValueEnum)]
enum DurabilityName {
    /// Before the answer
    Full,
    /// When the operating system likes
    None,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let durability = match self.durability {
            DurabilityName::Full => Durability::Full,
            DurabilityName::None => Durability::None,
        };
        let options = ServeOptions {
            state: self
                .secrets
                .options(self.state.unwrap_or_default(), durability),
            tcp: self.tcp,
            unix: self.unix,
            control: self.ctrl,
            startup: self.startup.map(|step| match step {
                FirstStep::None => StartUp::None,
                FirstStep::Clear => StartUp::Clear,
                FirstStep::State => StartUp::State,
            }),
            profile: match self.profile {
                ProfileName::Full => &Profile::FULL,
                ProfileName::PcClient => &Profile::PC_CLIENT,
            },
            log: self.log,
            pid: self.pid,
            terminate: self.terminate,
            pool: !self.no_pool,
            sandbox: !self.no_sandbox,
        };
        let ready = |addresses: &str| {
            // Who started us may have closed it; the TPM serves all the same.
            let mut out = std::io::stdout();
            let _ = writeln!(out, "ready: {addresses}").and_then(|()| out.flush());
        };
        let in_order = match self.instances {
            None => ironroot_tpmd::serve(&options, ready).map(|()| true)?,
            Some(folder) => {
                let each = options;
                ironroot_tpmd::serve_instances(&InstancesOptions { folder, each }, ready)?
            }
        };
        Ok(match in_order {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}
