//! `swtpm`, as Debian 12's swtpm 0.7.1 takes its options and answers: a TPM 2.0 over sockets, or as a device of the
//! machine's kernel.
//!
//! Differences on purpose stand in `docs/tpm-compatibility.md`: no TPM 1.2, no CUSE device, state in our own format.

mod background;
mod capabilities;
mod help;
mod keys;
mod options;
mod parts;

use super::user::User;
use options::{Options, Wish};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `swtpm` with the arguments behind its name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    match serve(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("swtpm: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The first argument is the interface.
fn serve(mut args: Vec<OsString>) -> anyhow::Result<ExitCode> {
    if args.is_empty() {
        eprintln!("Missing TPM interface type.");
        eprint!("{}", help::GENERAL);
        return Ok(ExitCode::FAILURE);
    }
    let interface = args.remove(0).to_string_lossy().into_owned();
    match interface.as_str() {
        "socket" | "chardev" => {}
        "-v" | "--version" => {
            println!("{}", help::version());
            return Ok(ExitCode::SUCCESS);
        }
        "-h" | "--help" => {
            print!("{}", help::GENERAL);
            return Ok(ExitCode::SUCCESS);
        }
        "cuse" => anyhow::bail!(
            "The CUSE interface is not supported; use `swtpm socket`, or `swtpm chardev --vtpm-proxy`."
        ),
        other => {
            eprintln!("Unsupported TPM interface type '{other}'.");
            eprint!("{}", help::GENERAL);
            return Ok(ExitCode::FAILURE);
        }
    }
    let wish = match options::read(&interface, args.clone()) {
        Ok(wish) => wish,
        Err(options::Wrong::Usage(complaint)) => {
            eprintln!("{interface}: {complaint}");
            eprint!("{}", help::of(&interface));
            return Ok(ExitCode::FAILURE);
        }
        Err(options::Wrong::Said(error)) => return Err(error),
    };
    match wish {
        Wish::Help => print!("{}", help::of(&interface)),
        Wish::Capabilities { tpm2 } => println!("{}", capabilities::json(tpm2)),
        Wish::States(directory) => print!("{}", capabilities::states(&directory)),
        Wish::Serve(options) => return start(&interface, &args, *options),
    }
    Ok(ExitCode::SUCCESS)
}

fn start(interface: &str, args: &[OsString], options: Options) -> anyhow::Result<ExitCode> {
    if let Some(user) = &options.run_as {
        User::find(user)?.become_it()?;
    }
    if options.daemon && !background::is_child() {
        return background::start(interface, args);
    }
    let background = match options.daemon {
        true => Some(background::Background::enter()?),
        false => None,
    };
    let made = |device: &_| println!("New TPM device: {device}");
    ironroot_tpmd::serve_as_swtpm(&options.serve, made, |_| {
        if let Some(background) = &background {
            background.ready();
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
