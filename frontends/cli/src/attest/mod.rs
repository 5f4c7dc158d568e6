//! `ironroot attest …`: verify and show PSA attestation tokens, and write down what to expect in them.
//!
//! Exit status: 0 accepted (or done), 1 refused, 2 something the operator gave cannot be used: a file that
//! is not there, a key that is no P-256 key, a challenge of the wrong length, a broken reference.

mod input;
mod reference;
mod report;
mod verify;

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

use ironroot_attest::{LifecycleState, Profile, UnverifiedToken};

/// Subcommands of `ironroot attest`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check a token's signature, profile, challenge, lifecycle and software; print its claims
    Verify(Verify),
    /// Print what a token says without believing it: nothing is verified
    Show(Show),
    /// Write the reference measurements of signed image files, for `verify --reference`
    Reference(Reference),
}

/// Options of `verify`.
#[derive(Args)]
pub(crate) struct Verify {
    /// Public attestation key of the device (P-256; PEM or DER, SubjectPublicKeyInfo)
    #[arg(long, value_name = "PUB.pem")]
    key: PathBuf,
    /// The challenge that was sent to the device: 32, 48 or 64 bytes in hexadecimal
    #[arg(long, value_name = "HEX")]
    challenge: String,
    /// Measurements that are acceptable (see `reference`); without it software is not judged
    #[arg(long, value_name = "measurements.json")]
    reference: Option<PathBuf>,
    /// Accept this lifecycle too, besides `secured`; may be given more than once
    #[arg(long, value_name = "STATE")]
    allow_lifecycle: Vec<State>,
    /// Accept only tokens of this profile
    #[arg(long, value_name = "PROFILE")]
    profile: Option<ProfileName>,
    /// Accept only tokens asked for by this client (negative: from the non-secure world)
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    client_id: Option<i32>,
    /// Accept an instance id that is not the hash of the key
    #[arg(long)]
    any_instance_id: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    /// The token: raw, hexadecimal or base64; `-` reads standard input
    #[arg(value_name = "TOKEN")]
    token: PathBuf,
}

/// Options of `show`.
#[derive(Args)]
pub(crate) struct Show {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The token: raw, hexadecimal or base64; `-` reads standard input
    #[arg(value_name = "TOKEN")]
    token: PathBuf,
}

/// Options of `reference`.
#[derive(Args)]
pub(crate) struct Reference {
    /// Key that may have signed the images: public or private, PEM or DER; may be given more than once
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<PathBuf>,
    /// Signed image files, in the order of their image numbers: secure, then non-secure
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
}

/// Lifecycle states by name.
#[derive(Clone, Copy, ValueEnum)]
enum State {
    Unknown,
    AssemblyAndTest,
    PsaRotProvisioning,
    Secured,
    NonPsaRotDebug,
    RecoverablePsaRotDebug,
    Decommissioned,
}

impl State {
    fn state(self) -> LifecycleState {
        match self {
            Self::Unknown => LifecycleState::Unknown,
            Self::AssemblyAndTest => LifecycleState::AssemblyAndTest,
            Self::PsaRotProvisioning => LifecycleState::PsaRotProvisioning,
            Self::Secured => LifecycleState::Secured,
            Self::NonPsaRotDebug => LifecycleState::NonPsaRotDebug,
            Self::RecoverablePsaRotDebug => LifecycleState::RecoverablePsaRotDebug,
            Self::Decommissioned => LifecycleState::Decommissioned,
        }
    }
}

/// Profiles by name.
#[derive(Clone, Copy, ValueEnum)]
enum ProfileName {
    /// RFC 9783
    Rfc9783,
    /// PSA_IOT_PROFILE_1
    PsaIotProfile1,
}

impl ProfileName {
    fn profile(self) -> Profile {
        match self {
            Self::Rfc9783 => Profile::Rfc9783,
            Self::PsaIotProfile1 => Profile::IotProfile1,
        }
    }
}

const REFUSED: u8 = 1;
const UNUSABLE: u8 = 2;

/// Runs one subcommand; the exit code says accepted (0) or refused (1).
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Verify(options) => verify(&options),
        Command::Show(options) => show(&options),
        Command::Reference(options) => {
            reference::write(&options.images, &options.key).map(|()| ExitCode::SUCCESS)
        }
    };
    Ok(done.unwrap_or_else(|error| {
        eprintln!("ironroot: {error:#}");
        ExitCode::from(UNUSABLE)
    }))
}

fn verify(options: &Verify) -> anyhow::Result<ExitCode> {
    let policy = verify::Policy::from_options(options)?;
    let token = input::token(&options.token)?;
    let outcome = verify::judge(&token, &policy);
    if options.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&report::outcome_json(&outcome))?
        );
    } else {
        print!("{}", report::outcome_text(&outcome));
    }
    Ok(if outcome.is_accepted() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    })
}

fn show(options: &Show) -> anyhow::Result<ExitCode> {
    let token = input::token(&options.token)?;
    let claims = match UnverifiedToken::parse(&token) {
        Ok(envelope) => envelope
            .unverified_claims()
            .map_err(verify::claims_in_words),
        Err(error) => Err(verify::token_in_words(error)),
    };
    let claims = match claims {
        Ok(claims) => claims,
        Err(reason) => {
            eprintln!("ironroot: {}: {reason}", options.token.display());
            return Ok(ExitCode::from(REFUSED));
        }
    };
    if options.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&report::unverified_json(&claims))?
        );
    } else {
        print!("{}", report::unverified_text(&claims));
    }
    Ok(ExitCode::SUCCESS)
}
