//! `ironroot image …`: keys, signing, the bootloader's own judgement, and a look inside.
//!
//! Option names are imgtool's. Exit status: 0 done or accepted, 1 refused or failed, 2 wrong usage;
//! `verify` also gives 2 when it could not reach a verdict (a file that is not there), so that 1 always
//! means that a device would refuse.

mod add_signature;
mod arguments;
mod dump;
mod encryption;
mod files;
mod hex;
mod key;
mod key_commands;
mod key_file;
mod lms_key;
mod password;
pub(crate) mod pem;
pub(crate) mod shared;
mod sign;
mod sign_options;
mod sign_output;
mod uuid;
mod verify;

use clap::Subcommand;
use std::fmt;
use std::process::ExitCode;

/// Subcommands of `ironroot image`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key for signing or encryption (a PEM file, PKCS#8)
    Keygen(key_commands::Keygen),
    /// Print which half of a key a file holds, `private` or `public`, for build systems
    Keyinfo(key_commands::Keyinfo),
    /// Print the public half of a key, for a bootloader or for `verify`
    Getpub(key_commands::Getpub),
    /// Print the hash of the public key, for a device that stores only that
    Getpubhash(key_commands::Getpubhash),
    /// Print what a device needs of a private key to open images encrypted for it
    Getpriv(key_commands::Getpriv),
    /// Make an image from a payload, sign it, and encrypt it if wanted
    #[command(alias = "create", args_override_self = true, after_help = sign_options::EXAMPLES)]
    Sign(Box<sign_options::Sign>),
    /// Sign an image that is signed already with one more key
    #[command(after_help = add_signature::EXAMPLES)]
    AddSignature(add_signature::AddSignatureOptions),
    /// Show how many signatures an LMS key has left; make a copy of one the key from now on
    LmsState(lms_key::LmsState),
    /// Judge an image as a device with this policy does: exit 0 accepted, 1 refused
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Verify),
    /// Show header, TLVs and trailer of an image, without judging it
    #[command(alias = "dumpinfo")]
    Dump(dump::Dump),
}

/// Runs one subcommand.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let (done, otherwise) = match command {
        Command::Keygen(options) => (options.run(), 1),
        Command::Keyinfo(options) => (options.run(), 1),
        Command::Getpub(options) => (options.run(), 1),
        Command::Getpubhash(options) => (options.run(), 1),
        Command::Getpriv(options) => (options.run(), 1),
        Command::Sign(options) => (options.run(), 1),
        Command::AddSignature(options) => (options.run(), 1),
        Command::LmsState(options) => (options.run(), 1),
        Command::Verify(options) => (options.run(), 2),
        Command::Dump(options) => (options.run(), 1),
    };
    Ok(done.unwrap_or_else(|error| {
        eprintln!("ironroot: {error:#}");
        ExitCode::from(if error.is::<Usage>() { 2 } else { otherwise })
    }))
}

/// Options that contradict each other, or ask for what there is not.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A usage error in these words.
fn usage(words: impl Into<String>) -> anyhow::Error {
    Usage(words.into()).into()
}
