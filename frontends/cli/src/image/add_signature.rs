//! `add-signature`: one more key signs an image.

use super::encryption::DeviceKey;
use super::files::{self, Readers};
use super::sign_options::PublicKeyFormat;
use super::{key_file, usage};
use anyhow::bail;
use clap::Args;
use ironroot_image::build::{BuildError, KeyForm};
use ironroot_image::encryption::{Decrypted, Decryption};
use ironroot_image::{AddSignature, Refusal, Suite, peek};
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ironroot image sign -k p256.pem -v 1.2.3 -H 0x200 --pad-header app.bin app.img
  ironroot image add-signature --key lms.pem app.img app.hybrid.img
  ironroot image verify --key p256.pem --key lms.pem --require all app.hybrid.img

The new key must sign over the hash that the image has. What the image said before stays as it is, so
its other signatures stay good. The hash of an encrypted image is over the plain text: with
--decryption-key it is checked before it is signed.";

/// Options of `add-signature`.
#[derive(Args)]
pub(crate) struct AddSignatureOptions {
    /// Private key of the new signer (PEM or DER)
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// How the image names the key (default: as it names the others)
    #[arg(long, value_name = "FORMAT")]
    public_key_format: Option<PublicKeyFormat>,
    /// What the device opens the encrypted image with: a private key, or the digits of an AES key wrap key. The
    /// image stays encrypted
    #[arg(long, value_name = "FILE|HEX")]
    decryption_key: Option<String>,
    /// The signed image, or the contents of its slot
    #[arg(value_name = "INFILE")]
    infile: PathBuf,
    /// File to write; may be INFILE
    #[arg(value_name = "OUTFILE")]
    outfile: PathBuf,
}

impl AddSignatureOptions {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let private = key_file::load_private(&self.key)?;
        let key = key_file::public(&private)?;
        key.kind.must_sign()?;
        let mut bytes = files::read(&self.infile)?;
        let given = bytes.len();
        let device = self.decryption_key.as_deref().map(DeviceKey::read);
        let device = device.transpose()?;
        let suites = key.kind.suites.iter().copied().chain(key.kind.pure);
        let suite = suite(&bytes, suites, device.as_ref())?;
        // Room behind an image that ends with its file; a slot has its own.
        bytes.resize(given + 0x1_0000, 0xff);
        let open = open(suite, &mut bytes, device.as_ref()).map_err(|error| self.explain(error))?;
        let form = match self.public_key_format {
            Some(PublicKeyFormat::Full) => KeyForm::Whole(&key.der),
            Some(PublicKeyFormat::Hash) => KeyForm::Hash(&key.der),
            None => open.key_form(&key.der).unwrap_or(KeyForm::Hash(&key.der)),
        };
        // Asked before an LMS key gives a leaf away.
        open.check(form).map_err(|error| self.explain(error))?;
        let signature = private.sign_parts(suite, open.digest(), open.signed_region())?;
        let len = open
            .finish(form, &signature)
            .map_err(|error| self.explain(error))?;
        files::write(&self.outfile, &bytes[..len.max(given)], Readers::Everyone)?;
        Ok(ExitCode::SUCCESS)
    }

    fn explain(&self, error: BuildError) -> anyhow::Error {
        let file = self.infile.display();
        match error {
            BuildError::NotAnImage(refusal) => anyhow::anyhow!("{file}: {refusal}"),
            BuildError::AlreadySigned => {
                anyhow::anyhow!("{file}: that key has signed it already")
            }
            BuildError::Encryption => anyhow::anyhow!("{file}: {ENCRYPTED}"),
            BuildError::SlotTooSmall => anyhow::anyhow!(
                "{file}: there is no room for a signature between the image and what follows it"
            ),
            other => anyhow::anyhow!("{file}: no signature can be added ({other:?})"),
        }
    }
}

const ENCRYPTED: &str =
    "the image is encrypted, so what its hash is over cannot be seen: give --decryption-key";

/// Looks at an image, an encrypted one through the device's key.
fn open<'b>(
    suite: &'static Suite,
    bytes: &'b mut [u8],
    device: Option<&DeviceKey>,
) -> Result<AddSignature<'b>, BuildError> {
    let encrypted = peek(&*bytes).is_ok_and(|header| header.flags.encrypted());
    let Some(device) = device.filter(|_| encrypted) else {
        return AddSignature::open(suite, bytes);
    };
    // Which of the key's schemes it is, the image says.
    let mut refusal = Refusal::EncryptionScheme;
    for scheme in device.schemes.iter().copied() {
        let decryption = Decryption::new(scheme, &device.bytes.0);
        match Decrypted::open(&*bytes, &decryption) {
            Ok(_) => return AddSignature::open_encrypted(suite, bytes, &decryption),
            Err(Refusal::EncryptionScheme) => {}
            Err(other) => refusal = other,
        }
    }
    Err(BuildError::NotAnImage(refusal))
}

/// How the key signs an image that has this hash.
fn suite(
    bytes: &[u8],
    suites: impl Iterator<Item = &'static Suite>,
    device: Option<&DeviceKey>,
) -> anyhow::Result<&'static Suite> {
    peek(bytes).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let mut last = BuildError::Signature;
    for suite in suites {
        match open(suite, &mut bytes.to_vec(), device) {
            Ok(_) => return Ok(suite),
            // The hash is another suite's.
            Err(BuildError::Signature) => {}
            Err(error) => last = error,
        }
    }
    match last {
        BuildError::Signature => Err(usage(
            "the image has another hash than this key signs, or is signed over itself",
        )),
        BuildError::NotAnImage(refusal) => bail!("{refusal}"),
        BuildError::Encryption => bail!("{ENCRYPTED}"),
        other => bail!("no signature can be added ({other:?})"),
    }
}
