//! `swtpm_ioctl`, as Debian 12's 0.7.1: one request to the control channel of a running swtpm, theirs or ours.

mod channel;
mod requests;

use super::getopt::{self, Dashes, Given, Known, flag, value};
use anyhow::{Result, bail};
use channel::{Channel, Place};
use std::ffi::OsString;
use std::process::ExitCode;

const HELP: &str = "
TPM emulator control tool version 0.7.1, stood in for by Ironroot

Usage: swtpm_ioctl command <place>

The following commands are supported:
--tcp [<host>]:[<prt>]: connect to TPM on given host and port;
                        default host is 127.0.0.1, default port is 6546
--unix <path>         : connect to TPM using UnixIO socket
-c                    : get ptm capabilities
-i                    : do a hardware TPM_Init; if volatile state is found,
                        it will resume the TPM with it and delete it
                        afterwards
--stop                : stop the TPM without exiting
-s                    : shutdown the TPM; stops and exits
-e                    : get the tpmEstablished bit
-r <loc>              : reset the tpmEstablished bit; use the given locality
-v                    : store the TPM's volatile data
-C                    : cancel an ongoing TPM command
-l <loc>              : set the locality to the given number; valid
                        localities are 0-4
-h <data>             : hash the given data; if data is '-' then data are
                        read from stdin
--save <type> <file>  : store the TPM state blob of given type in a file;
                        type may be one of volatile, permanent, or savestate
--load <type> <file>  : load the TPM state blob of given type from a file;
                        type may be one of volatile, permanent, or savestate
-g                    : get configuration flags indicating which keys are in
                        use
-b <buffersize>       : set the buffer size of the TPM and get its current
                        size; get minimum and maximum supported sizes
--info <flags>        : get TPM implementation specific information;
                        flags must be an integer value
--lock-storage <retries>
                      : lock the storage and retry a given number of times
                        with a 10ms delay in between
--version             : display version and exit
--help                : display help screen and exit

";

const KNOWN: [Known; 21] = [
    value("tpm-device"),
    value("tcp"),
    value("unix"),
    flag("c"),
    flag("i"),
    flag("stop"),
    flag("s"),
    flag("e"),
    value("r"),
    flag("v"),
    flag("C"),
    value("l"),
    value("h"),
    value("save"),
    value("load"),
    flag("g"),
    value("b"),
    value("info"),
    value("lock-storage"),
    flag("version"),
    flag("help"),
];

/// Runs `swtpm_ioctl` with the arguments behind its name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    match ask(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `-h` takes a value here; the reader of options knows short names only as `--h`.
fn long(arg: OsString) -> OsString {
    let short = arg
        .to_str()
        .and_then(|text| text.strip_prefix('-'))
        .filter(|name| name.len() == 1 && *name != "-");
    match short {
        Some(name) => format!("--{name}").into(),
        None => arg,
    }
}

fn ask(args: Vec<OsString>) -> Result<()> {
    if args.is_empty() {
        bail!("No valid command.");
    }
    let args = args.into_iter().map(long).collect();
    let given = getopt::parse(&KNOWN, Dashes::Two, args)
        .map_err(|complaint| anyhow::anyhow!("swtpm_ioctl: {complaint}"))?;
    if given.has("help") {
        print!("{HELP}");
        return Ok(());
    }
    if given.has("version") {
        println!("TPM emulator control tool version 0.7.1, stood in for by Ironroot");
        return Ok(());
    }
    let command = given
        .options
        .iter()
        .rev()
        .find(|(name, _)| !["tcp", "unix", "tpm-device"].contains(name));
    let Some((command, value)) = command else {
        bail!("No valid command.");
    };
    // What can be said without the TPM comes first.
    let request = requests::prepare(command, value, &given.operands)?;
    let mut channel = Channel::open(&place(&given)?)?;
    requests::send(&request, &mut channel)
}

fn place(given: &Given) -> Result<Place> {
    if let Some(path) = given.get("unix") {
        return Ok(Place::Unix(path.into()));
    }
    if let Some(text) = given.get("tcp") {
        return Place::tcp(text);
    }
    bail!("Only --tcp and --unix are supported: there is no CUSE device here.")
}
