//! From swtpm's command line to what is to be served.

use super::keys::key;
use super::parts::Parts;
use crate::tpm::getopt::{self, Dashes, Given, Known, flag, value};
use anyhow::anyhow;
use ironroot_tpmd::{
    Address, Door, Durability, LogOptions, LogTarget, PidTarget, Rules, SocketRights, StartUp,
    StateOptions, SwtpmOptions, Terminate,
};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// What is asked for.
pub(super) enum Wish {
    Help,
    Capabilities { tpm2: bool },
    States(PathBuf),
    Serve(Box<Options>),
}

/// How to serve, and as whom.
pub(super) struct Options {
    pub(super) serve: SwtpmOptions,
    pub(super) daemon: bool,
    pub(super) run_as: Option<String>,
}

/// What is wrong with a command line.
pub(super) enum Wrong {
    /// In getopt's words: the help follows.
    Usage(String),
    /// Said in full.
    Said(anyhow::Error),
}

impl Wrong {
    pub(super) fn said(text: String) -> Self {
        Self::Said(anyhow!(text))
    }
}

pub(super) type Outcome<T> = Result<T, Wrong>;

/// Of both interfaces.
const KNOWN: [Known; 17] = [
    flag("help"),
    flag("tpm2"),
    flag("daemon"),
    flag("print-capabilities"),
    flag("print-states"),
    value("fd"),
    value("ctrl"),
    value("log"),
    value("key"),
    value("migration-key"),
    value("migration"),
    value("locality"),
    value("pid"),
    value("tpmstate"),
    value("flags"),
    value("runas"),
    value("seccomp"),
];

/// Of one of them.
fn more(interface: &str) -> &'static [Known] {
    match interface {
        "chardev" => &const { [flag("vtpm-proxy"), value("chardev")] },
        _ => &const { [flag("terminate"), value("port"), value("server")] },
    }
}

/// Short options and the long ones that they stand for.
const SHORT: [(&str, &str); 7] = [
    ("-p", "--port"),
    ("-f", "--fd"),
    ("-t", "--terminate"),
    ("-d", "--daemon"),
    ("-r", "--runas"),
    ("-c", "--chardev"),
    ("-h", "--help"),
];

/// Reads the arguments behind the interface.
pub(super) fn read(interface: &str, args: Vec<OsString>) -> Outcome<Wish> {
    let long = |arg: OsString| match SHORT.iter().find(|(short, _)| arg == *short) {
        Some((_, long)) => OsString::from(long),
        None => arg,
    };
    let args = args.into_iter().map(long).collect();
    let known = [&KNOWN, more(interface)].concat();
    let given = getopt::parse(&known, Dashes::Two, args).map_err(Wrong::Usage)?;
    if given.has("help") {
        return Ok(Wish::Help);
    }
    if let Some(stranger) = given.operands.first() {
        return Err(Wrong::said(format!("Unknown parameter '{stranger}'")));
    }
    if given.has("print-capabilities") {
        let tpm2 = given.has("tpm2");
        return Ok(Wish::Capabilities { tpm2 });
    }
    if given.has("print-states") {
        let directory = given
            .get("tpmstate")
            .map(state_directory)
            .transpose()?
            .ok_or_else(|| {
                Wrong::said("Error: --tpmstate option is required for --print-states".into())
            })?;
        return Ok(Wish::States(directory));
    }
    let options = options(interface, &given)?;
    Ok(Wish::Serve(Box::new(options)))
}

fn options(interface: &str, given: &Given) -> Outcome<Options> {
    if !given.has("tpm2") {
        return Err(Wrong::said(
            "Only TPM 2.0 is supported: --tpm2 is needed (there is no TPM 1.2 here)".into(),
        ));
    }
    let control = given.get("ctrl").map(control).transpose()?;
    let is_device = interface == "chardev";
    let (data, disconnect) = match is_device {
        true => (Some(device(given)?), false),
        false => data(given)?,
    };
    let rules = Rules {
        disconnect,
        ..locality(given.get("locality"))?
    };
    let (incoming, release_lock) = migration(given.get("migration"))?;
    let mut power = flags(given.get("flags"))?;
    if data == Some(Door::Proxy) {
        // The kernel sends no INIT.
        power = power.or(Some(StartUp::Clear));
    }
    let serve = SwtpmOptions {
        state: StateOptions {
            directory: directory(given)?,
            key: given.get("key").map(|text| key("key", text)).transpose()?,
            anchor: None,
            durability: Durability::Full,
        },
        migration_key: given
            .get("migration-key")
            .map(|text| key("migration-key", text))
            .transpose()?,
        release_lock,
        incoming,
        data,
        control,
        power,
        rules,
        terminate: match is_device || given.has("terminate") {
            true => Terminate::AfterData,
            false => Terminate::Never,
        },
        log: log(given.get("log"))?,
        pid: given.get("pid").map(pid).transpose()?,
        sandbox: seccomp(given.get("seccomp"))?,
    };
    Ok(Options {
        serve,
        daemon: given.has("daemon"),
        run_as: given.get("runas").map(str::to_owned),
    })
}

/// `--tpmstate`, or the variable TPM_PATH.
fn directory(given: &Given) -> Outcome<PathBuf> {
    match given.get("tpmstate") {
        Some(text) => state_directory(text),
        None => std::env::var_os("TPM_PATH")
            .map(PathBuf::from)
            .ok_or_else(|| {
                Wrong::said("Error: no --tpmstate option was given and TPM_PATH is not set".into())
            }),
    }
}

/// The modes of state files are always 0600; a wished one is checked, and never wider in effect.
fn state_directory(text: &str) -> Outcome<PathBuf> {
    let parts = Parts::of("tpmstate", text, &["dir", "mode", "backend-uri", "lock"])?;
    parts.mode()?;
    match (parts.get("dir"), parts.get("backend-uri")) {
        (Some(directory), None) => Ok(directory.into()),
        (None, Some(uri)) => match uri.strip_prefix("dir://") {
            Some(directory) => Ok(directory.into()),
            None => Err(Wrong::said(format!(
                "Error parsing tpmstate options: the backend '{uri}' is not supported; state is kept in a \
                 directory (dir://)"
            ))),
        },
        _ => Err(Wrong::said(
            "Error parsing tpmstate options: either dir= or backend-uri= is needed".into(),
        )),
    }
}

fn control(text: &str) -> Outcome<Door> {
    let known = [
        "type",
        "path",
        "port",
        "bindaddr",
        "ifname",
        "fd",
        "clientfd",
        "mode",
        "uid",
        "gid",
        "terminate",
    ];
    let parts = Parts::of("control channel", text, &known)?;
    let unix = match parts.get("type") {
        Some("unixio") => true,
        Some("tcp") => false,
        Some(other) => {
            return Err(Wrong::said(format!(
                "Unsupport control channel type: {other}"
            )));
        }
        None => {
            return Err(Wrong::said(
                "Missing type parameter for control channel".into(),
            ));
        }
    };
    let (listening, connected) = (parts.descriptor("fd")?, parts.descriptor("clientfd")?);
    match (listening, connected) {
        (Some(_), Some(_)) => Err(Wrong::said(
            "fd and clientfd parameters for control channel are mutually exclusive".into(),
        )),
        (Some(number), None) => Ok(Door::Listening(number)),
        (None, Some(number)) if unix => Ok(Door::Connected(number)),
        (None, Some(_)) => Err(Wrong::said(
            "clientfd is only valid for UnixIO control channels".into(),
        )),
        (None, None) => place(&parts, unix, "control channel"),
    }
}

/// `--vtpm-proxy`, `--chardev`, `--fd`.
fn device(given: &Given) -> Outcome<Door> {
    let opened = match (given.get("chardev"), given.get("fd")) {
        (Some(path), _) => Some(Door::Device(path.into())),
        (None, Some(number)) => {
            let text = format!("fd={number}");
            let number = Parts::of("fd", &text, &["fd"])?.descriptor("fd")?;
            if number.is_some_and(|number| number < 3) {
                return Err(Wrong::said(
                    "Error: Cannot accept file descriptors with values 0, 1, or 2".into(),
                ));
            }
            number.map(Door::Connected)
        }
        (None, None) => None,
    };
    match (given.has("vtpm-proxy"), opened) {
        (true, Some(_)) => Err(Wrong::said(
            "Cannot use vTPM proxy with a provided device.".into(),
        )),
        (true, None) => Ok(Door::Proxy),
        (false, Some(door)) => Ok(door),
        (false, None) => Err(Wrong::said(
            "Error: Missing character device or file descriptor".into(),
        )),
    }
}

/// `--server`, `--port`, `--fd`, and whether clients are sent away after an answer.
fn data(given: &Given) -> Outcome<(Option<Door>, bool)> {
    let Some(text) = given.get("server") else {
        let parts = [given.get("port"), given.get("fd")];
        return match parts {
            [Some(port), _] => {
                let text = format!("port={port}");
                let parts = Parts::of("port", &text, &["port"])?;
                Ok((Some(place(&parts, false, "server")?), false))
            }
            [None, Some(number)] => {
                let text = format!("fd={number}");
                let number = Parts::of("fd", &text, &["fd"])?.descriptor("fd")?;
                Ok((number.map(Door::Connected), false))
            }
            [None, None] => Ok((None, false)),
        };
    };
    let known = [
        "type",
        "path",
        "port",
        "bindaddr",
        "ifname",
        "fd",
        "mode",
        "uid",
        "gid",
        "disconnect",
    ];
    let parts = Parts::of("server", text, &known)?;
    let unix = match parts.get("type") {
        Some("unixio") => true,
        Some("tcp") | None => false,
        Some(other) => {
            return Err(Wrong::said(format!("Unsupported socket type: {other}")));
        }
    };
    let door = match parts.descriptor("fd")? {
        // Unlike the control channel's: a client, not a socket that listens.
        Some(number) => Door::Connected(number),
        None => place(&parts, unix, "server")?,
    };
    let disconnect = parts.has("disconnect") && parts.get("disconnect") != Some("false");
    Ok((Some(door), disconnect))
}

/// A socket to be made: a path, or a port on an address.
fn place(parts: &Parts<'_>, unix: bool, what: &str) -> Outcome<Door> {
    let id = |name| {
        let number = parts.number(name)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    };
    let rights = SocketRights {
        mode: parts.mode()?,
        user: id("uid")?,
        group: id("gid")?,
    };
    if unix {
        let path = parts
            .get("path")
            .ok_or_else(|| Wrong::said(format!("Missing path parameter for {what}")))?;
        return Ok(Door::Listen(Address::Unix(path.into()), rights));
    }
    if parts.get("ifname").is_some() {
        return Err(Wrong::said(format!(
            "ifname= is not supported for {what}; name the address with bindaddr="
        )));
    }
    let port = parts
        .number("port")?
        .ok_or_else(|| Wrong::said(format!("Missing port parameter for {what}")))?;
    let port = u16::try_from(port)
        .map_err(|_| Wrong::said("TCP socket port outside valid range".into()))?;
    let address = match parts.get("bindaddr") {
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(text) => text
            .parse()
            .map_err(|_| Wrong::said(format!("'{text}' is not an address to bind to")))?,
    };
    let address = Address::Tcp(SocketAddr::new(address, port));
    Ok(Door::Listen(address, SocketRights::default()))
}

fn locality(text: Option<&str>) -> Outcome<Rules> {
    let known = ["reject-locality-4", "allow-set-locality"];
    let parts = Parts::of("locality", text.unwrap_or_default(), &known)?;
    Ok(Rules {
        reject_locality_4: parts.has("reject-locality-4"),
        allow_set_locality: parts.has("allow-set-locality"),
        bare: true,
        disconnect: false,
    })
}

/// What the TPM is told at the start; `None`: it waits for INIT, even if there is nobody to send it.
fn flags(text: Option<&str>) -> Outcome<Option<StartUp>> {
    let known = [
        "not-need-init",
        "startup-clear",
        "startup-state",
        "startup-deactivated",
        "startup-none",
    ];
    let parts = Parts::of("flags", text.unwrap_or_default(), &known)?;
    if parts.has("startup-deactivated") {
        return Err(Wrong::said(
            "Error parsing flags options: startup-deactivated is for a TPM 1.2".into(),
        ));
    }
    Ok(if parts.has("startup-clear") {
        Some(StartUp::Clear)
    } else if parts.has("startup-state") {
        Some(StartUp::State)
    } else {
        parts.has("not-need-init").then_some(StartUp::None)
    })
}

/// Whether the lock is taken by INIT only, and whether it is given up when the state went out.
fn migration(text: Option<&str>) -> Outcome<(bool, bool)> {
    let known = ["incoming", "release-lock-outgoing"];
    let parts = Parts::of("migration", text.unwrap_or_default(), &known)?;
    Ok((parts.has("incoming"), parts.has("release-lock-outgoing")))
}

fn log(text: Option<&str>) -> Outcome<LogOptions> {
    let known = ["file", "fd", "level", "prefix", "truncate"];
    let parts = Parts::of("log", text.unwrap_or_default(), &known)?;
    parts.number("level")?;
    let target = match (parts.get("file"), parts.descriptor("fd")?) {
        (Some("-"), _) => LogTarget::Nowhere,
        (Some(path), _) => LogTarget::File(path.into()),
        (None, Some(number)) => LogTarget::Descriptor(number),
        (None, None) => LogTarget::StandardError,
    };
    Ok(LogOptions {
        target,
        prefix: parts.get("prefix").unwrap_or_default().to_owned(),
        truncate: parts.has("truncate"),
    })
}

fn pid(text: &str) -> Outcome<PidTarget> {
    let parts = Parts::of("pid", text, &["file", "fd"])?;
    match (parts.get("file"), parts.descriptor("fd")?) {
        (Some(path), None) => Ok(PidTarget::File(absolute(path))),
        (None, Some(number)) => Ok(PidTarget::Descriptor(number)),
        _ => Err(Wrong::said(
            "The file or fd parameter is required for the pid option".into(),
        )),
    }
}

fn absolute(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| Path::new(path).to_owned())
}

fn seccomp(text: Option<&str>) -> Outcome<bool> {
    let parts = Parts::of("seccomp", text.unwrap_or_default(), &["action"])?;
    match parts.get("action").unwrap_or("kill") {
        "kill" | "log" => Ok(true),
        "none" => Ok(false),
        other => Err(Wrong::said(format!(
            "Unsupported seccomp log action {other}"
        ))),
    }
}
