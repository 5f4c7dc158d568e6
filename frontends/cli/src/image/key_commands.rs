//! `keygen`, `keyinfo`, `getpub`, `getpubhash`, `getpriv`.

use super::arguments::to_hex;
use super::encryption::{self, KeyBytes};
use super::files::{self, Readers};
use super::key::{ED25519, Kind, LMS, P256, P384, PrivateKey, RSA2048, RSA3072, X25519};
use super::password::Password;
use super::{key_file, lms_key, usage};
use clap::{Args, ValueEnum};
use ironroot_crypto::lms::{OtsType, TreeType};
use std::path::PathBuf;
use std::process::ExitCode;

/// Kinds of keys by imgtool's names.
#[derive(Clone, Copy, ValueEnum)]
enum KeyType {
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-3072")]
    Rsa3072,
    #[value(name = "ecdsa-p256")]
    P256,
    #[value(name = "ecdsa-p384")]
    P384,
    #[value(name = "ed25519")]
    Ed25519,
    /// For encryption only
    #[value(name = "x25519")]
    X25519,
    /// LMS, 32 signatures; width 4 makes signatures twice as long as width 8, checked ten times as fast
    #[value(name = "lms-h5-w4")]
    LmsH5W4,
    /// LMS, 32 signatures
    #[value(name = "lms-h5-w8")]
    LmsH5W8,
    /// LMS, 1,024 signatures
    #[value(name = "lms-h10-w4")]
    LmsH10W4,
    /// LMS, 1,024 signatures; each takes seconds to make
    #[value(name = "lms-h10-w8")]
    LmsH10W8,
    /// LMS, 32,768 signatures; each takes many seconds to make
    #[value(name = "lms-h15-w4")]
    LmsH15W4,
    /// LMS, 32,768 signatures; each takes a minute to make
    #[value(name = "lms-h15-w8")]
    LmsH15W8,
}

impl KeyType {
    fn kind(self) -> &'static Kind {
        match self {
            Self::Rsa2048 => &RSA2048,
            Self::Rsa3072 => &RSA3072,
            Self::P256 => &P256,
            Self::P384 => &P384,
            Self::Ed25519 => &ED25519,
            Self::X25519 => &X25519,
            _ => &LMS,
        }
    }

    fn lms(self) -> Option<(TreeType, OtsType)> {
        let (w4, w8) = (OtsType::Sha256N32W4, OtsType::Sha256N32W8);
        Some(match self {
            Self::LmsH5W4 => (TreeType::Sha256M32H5, w4),
            Self::LmsH5W8 => (TreeType::Sha256M32H5, w8),
            Self::LmsH10W4 => (TreeType::Sha256M32H10, w4),
            Self::LmsH10W8 => (TreeType::Sha256M32H10, w8),
            Self::LmsH15W4 => (TreeType::Sha256M32H15, w4),
            Self::LmsH15W8 => (TreeType::Sha256M32H15, w8),
            _ => return None,
        })
    }
}

/// Options of `keygen`.
#[derive(Args)]
pub(crate) struct Keygen {
    /// File for the key; only its owner may read it
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// Kind of key
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: KeyType,
    /// Protect the key with a password, which is asked for (or taken from IRONROOT_KEY_PASSWORD)
    #[arg(short, long)]
    password: bool,
    /// Overwrite a key that is there already (it is gone then, and with it the devices that trust it)
    #[arg(long)]
    force: bool,
}

impl Keygen {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if !self.force {
            files::must_not_exist(&self.key, "--force overwrites it")?;
        }
        if let Some((tree, ots)) = self.kind.lms() {
            if self.password {
                return Err(usage(
                    "LMS keys change with each signature and take no password",
                ));
            }
            lms_key::create(&self.key, tree, ots)?;
            return Ok(ExitCode::SUCCESS);
        }
        let password = self.password.then(Password::choose).transpose()?;
        let key = PrivateKey::generate(self.kind.kind())?;
        let pem = key_file::private_pem(&key, password.as_ref().map(Password::as_bytes))?;
        files::write(&self.key, pem.as_bytes(), Readers::Owner)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Which half of a key a file holds; spelt as imgtool does.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    Private,
    Public,
}

/// Options of `keyinfo`.
#[derive(Args)]
pub(crate) struct Keyinfo {
    /// Key file
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// Fail, with exit code 2, unless the file holds this half
    #[arg(long, value_name = "HALF")]
    require: Option<Half>,
}

impl Keyinfo {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (half, word) = match key_file::load(&self.key)? {
            key_file::Key::Private(_) => (Half::Private, "private"),
            key_file::Key::Public(_) => (Half::Public, "public"),
        };
        println!("{word}");
        match self.require {
            Some(wanted) if wanted != half => {
                Err(usage(format!("{}: a {word} key", self.key.display())))
            }
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

/// How a public key is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Encoding {
    /// A C array
    LangC,
    /// A Rust slice
    LangRust,
    /// SubjectPublicKeyInfo
    Pem,
    /// The DER bytes whose hash names the key
    Raw,
}

/// Options of `getpub`.
#[derive(Args)]
pub(crate) struct Getpub {
    /// Key file, private or public
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// How to write it
    #[arg(short, long, value_name = "ENCODING", default_value = "lang-c")]
    encoding: Encoding,
    /// Older spelling of `--encoding`: c or rust
    #[arg(short, long, value_name = "LANG", conflicts_with = "encoding", hide = true,
          value_parser = ["c", "rust"])]
    lang: Option<String>,
    /// Append this to the symbol's name
    #[arg(long, value_name = "SUFFIX", default_value = "", hide_default_value = true,
          value_parser = suffix)]
    name_suffix: String,
    /// File to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Getpub {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let encoding = match self.lang.as_deref() {
            Some("rust") => Encoding::LangRust,
            Some(_) => Encoding::LangC,
            None => self.encoding,
        };
        if !self.name_suffix.is_empty() && matches!(encoding, Encoding::Pem | Encoding::Raw) {
            return Err(usage(
                "--name-suffix has a meaning for lang-c and lang-rust only",
            ));
        }
        let key = key_file::load_public(&self.key)?;
        let (symbol, suffix) = (key.kind.symbol, &self.name_suffix);
        let output = match encoding {
            Encoding::LangC => c_array(&format!("{symbol}_pub_key{suffix}"), &key.der).into_bytes(),
            Encoding::LangRust => {
                let name = format!("{symbol}_pub_key{suffix}").to_uppercase();
                rust_slice(&name, &key.der).into_bytes()
            }
            Encoding::Pem => key_file::public_pem(&key).into_bytes(),
            Encoding::Raw => key.der,
        };
        files::write_or_print(self.output.as_deref(), &output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How a key hash is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HashEncoding {
    /// A C array
    LangC,
    /// The bytes
    Raw,
    /// Hexadecimal digits, for `verify --hw-key-hash`
    Hex,
}

/// Options of `getpubhash`.
#[derive(Args)]
pub(crate) struct Getpubhash {
    /// Key file, private or public
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// How to write it
    #[arg(short, long, value_name = "ENCODING", default_value = "lang-c")]
    encoding: HashEncoding,
    /// Hash: the one the device's images have
    #[arg(long, value_name = "BITS", default_value = "256", value_parser = ["256", "384", "512"])]
    sha: String,
    /// Append this to the symbol's name
    #[arg(long, value_name = "SUFFIX", default_value = "", hide_default_value = true,
          value_parser = suffix)]
    name_suffix: String,
    /// File to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Getpubhash {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if !self.name_suffix.is_empty() && self.encoding != HashEncoding::LangC {
            return Err(usage("--name-suffix has a meaning for lang-c only"));
        }
        let key = key_file::load_public(&self.key)?;
        let hash = match self.sha.as_str() {
            "384" => &ironroot_image::SHA384,
            "512" => &ironroot_image::SHA512,
            _ => &ironroot_image::SHA256,
        };
        let digest = hash.of_bytes(&key.der)?;
        let output = match self.encoding {
            HashEncoding::LangC => {
                let name = format!("{}_pub_key_hash{}", key.kind.symbol, self.name_suffix);
                c_array(&name, digest.as_slice()).into_bytes()
            }
            HashEncoding::Raw => digest.as_slice().to_vec(),
            HashEncoding::Hex => format!("{}\n", to_hex(digest.as_slice())).into_bytes(),
        };
        files::write_or_print(self.output.as_deref(), &output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How a private key is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrivateEncoding {
    /// A C array
    LangC,
    /// A Rust slice
    LangRust,
    /// The bytes
    Raw,
    /// Hexadecimal digits
    Hex,
}

/// Options of `getpriv`.
#[derive(Args)]
pub(crate) struct Getpriv {
    /// Private key: P-256, X25519 or RSA-2048
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// How to write it
    #[arg(short, long, value_name = "ENCODING", default_value = "lang-c")]
    encoding: PrivateEncoding,
    /// File to write, for its owner only, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Getpriv {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (key, _) = encryption::device_bytes(&key_file::load_private(&self.key)?)?;
        let output = KeyBytes(match self.encoding {
            PrivateEncoding::LangC => c_array("enc_priv_key", &key.0).into_bytes(),
            PrivateEncoding::LangRust => rust_slice("ENC_PRIV_KEY", &key.0).into_bytes(),
            PrivateEncoding::Raw => key.0.clone(),
            PrivateEncoding::Hex => format!("{}\n", to_hex(&key.0)).into_bytes(),
        });
        match &self.output {
            Some(path) => files::write(path, &output.0, Readers::Owner)?,
            None => files::write_or_print(None, &output.0)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn suffix(text: &str) -> Result<String, String> {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(text.to_owned());
    }
    Err("only letters, digits and _ can be part of a symbol".to_owned())
}

const HEAD: &str = "/* Autogenerated by ironroot image, do not edit. */\n";

fn bytes(data: &[u8]) -> String {
    let line = |bytes: &[u8]| {
        let shown: Vec<_> = bytes.iter().map(|byte| format!("{byte:#04x},")).collect();
        format!("\n    {}", shown.join(" "))
    };
    data.chunks(8).map(line).collect()
}

/// Names and layout are imgtool's, so that bootloaders written for it take the file.
fn c_array(name: &str, data: &[u8]) -> String {
    format!(
        "{HEAD}const unsigned char {name}[] = {{{}\n}};\nconst unsigned int {name}_len = {};\n",
        bytes(data),
        data.len()
    )
}

fn rust_slice(name: &str, data: &[u8]) -> String {
    format!("{HEAD}static {name}: &[u8] = &[{}\n];\n", bytes(data))
}
