//! The demonstration application of the host device: a process of its own, with nothing but the socket.

use ironroot_demo_scenario::Options;
use ironroot_host_device::{Marshal, SOCKET_VARIABLE};
use ironroot_platform::MemoryOwner;
use ironroot_port_host::{Connection, DEFAULT_CLIENT, end_with_parent, memory_base};
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "usage: ironroot-host-app [--challenge HEX] [--no-accept] [--client-id ID] [--socket PATH]

  --challenge HEX  32 bytes that the attestation token answers to
  --no-accept      leave an update on trial, so that the device goes back
  --client-id ID   call as this client (below zero)
  --socket PATH    where the secure world listens; the device's bootloader says it by itself";

struct Arguments {
    options: Options,
    client: i32,
    socket: PathBuf,
}

fn arguments() -> Option<Arguments> {
    let mut parsed = Arguments {
        options: Options {
            challenge: [0x2a; 32],
            accept_update: true,
        },
        client: DEFAULT_CLIENT,
        socket: std::env::var_os(SOCKET_VARIABLE).unwrap_or_default().into(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--no-accept" => parsed.options.accept_update = false,
            "--challenge" => {
                hex::decode_to_slice(arguments.next()?, &mut parsed.options.challenge).ok()?;
            }
            "--client-id" => parsed.client = arguments.next()?.parse().ok()?,
            "--socket" => parsed.socket = arguments.next()?.into(),
            _ => return None,
        }
    }
    Some(parsed)
}

/// Standard output as the scenario writes to it.
struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        std::io::stdout()
            .write_all(text.as_bytes())
            .map_err(|_| fmt::Error)
    }
}

fn main() -> ExitCode {
    // Without it the application would only find out at its next call.
    let _ = end_with_parent();
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let connection = match Connection::open(&arguments.socket, arguments.client) {
        Ok(connection) => connection,
        Err(error) => {
            eprintln!(
                "app: no secure world at {}: {error}",
                arguments.socket.display()
            );
            return ExitCode::FAILURE;
        }
    };
    let mut transport = Marshal::new(connection, memory_base(MemoryOwner::NonSecure));
    match ironroot_demo_scenario::run(&mut transport, &mut Console, &arguments.options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
