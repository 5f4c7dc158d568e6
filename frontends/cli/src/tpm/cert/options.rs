//! What `swtpm_cert` is told.

use super::extensions::{Maker, Specification, Usage};
use super::subject_key::{SubjectKey, curve_of_name};
use super::{name, password};
use crate::tpm::getopt::{Given, Known, flag, value};
use anyhow::{Context, Result, bail};
use std::fs;

pub(super) const KNOWN: [Known; 34] = [
    value("pubkey"),
    value("modulus"),
    value("ecc-x"),
    value("ecc-y"),
    value("ecc-curveid"),
    value("exponent"),
    value("signkey"),
    value("signkey-password"),
    value("signkey-pwd"),
    value("parentkey-password"),
    value("parentkey-pwd"),
    value("issuercert"),
    value("out-cert"),
    value("subject"),
    value("days"),
    value("serial"),
    value("type"),
    value("tpm-manufacturer"),
    value("tpm-model"),
    value("tpm-version"),
    value("platform-manufacturer"),
    value("platform-model"),
    value("platform-version"),
    value("tpm-spec-family"),
    value("tpm-spec-level"),
    value("tpm-spec-revision"),
    flag("pem"),
    flag("add-header"),
    flag("tpm2"),
    flag("allow-signing"),
    flag("decryption"),
    flag("print-capabilities"),
    flag("version"),
    flag("help"),
];

/// One certificate to be written.
pub(crate) struct Job {
    pub(super) key: SubjectKey,
    pub(super) signing_key: String,
    pub(super) password: Option<Vec<u8>>,
    pub(super) issuer: String,
    pub(super) out: Option<String>,
    pub(super) subject: Vec<u8>,
    pub(super) days: Option<u32>,
    pub(super) serial: Vec<u8>,
    pub(super) usage: Usage,
    pub(super) kind: Type,
    pub(super) pem: bool,
    pub(super) header: bool,
}

/// What the certificate says of whom.
pub(super) enum Type {
    Ek {
        tpm: Maker,
        specification: Specification,
    },
    Platform(Maker),
}

impl Job {
    pub(crate) fn new(given: &Given) -> Result<Self> {
        if !given.has("tpm2") {
            bail!("Certificates are for TPM 2.0 only; --tpm2 is missing.");
        }
        let of_platform = match given.get("type") {
            None | Some("ek") => false,
            Some("platform") => true,
            Some(other) => bail!("Unknown certificate type '{other}'."),
        };
        let key = subject_key(given)?;
        let signing_key = given.get("signkey").context("Missing signature key.")?;
        for prefix in ["pkcs11:", "tpmkey:"] {
            if signing_key.starts_with(prefix) {
                bail!("Signing keys of the kind '{prefix}' are not supported; a PEM file is.");
            }
        }
        let issuer = given
            .get("issuercert")
            .context("The issuer certificate name is required.")?;
        let tpm = maker(given, "tpm")?;
        let kind = match of_platform {
            true => Type::Platform(maker(given, "platform")?),
            false => Type::Ek {
                tpm,
                specification: specification(given)?,
            },
        };
        Ok(Self {
            key,
            signing_key: signing_key.to_owned(),
            password: password::of_signing_key(given)?,
            issuer: issuer.to_owned(),
            out: given.get("out-cert").map(str::to_owned),
            subject: match given.get("subject") {
                Some(text) => name::parse(text)?,
                None => name::empty(),
            },
            days: days(given)?,
            serial: match given.get("serial") {
                Some(text) => decimal(text).context("Serial number is invalid.")?,
                None => vec![1],
            },
            usage: Usage {
                signing: given.has("allow-signing"),
                decryption: given.has("decryption"),
            },
            kind,
            pem: given.has("pem"),
            header: given.has("add-header"),
        })
    }
}

fn subject_key(given: &Given) -> Result<SubjectKey> {
    let (x, y) = (given.get("ecc-x"), given.get("ecc-y"));
    match (given.get("modulus"), x, y, given.get("pubkey")) {
        (Some(_), Some(_), ..) | (Some(_), _, Some(_), _) => {
            bail!("RSA modulus and ECC parameters cannot both be given.")
        }
        (Some(modulus), ..) => {
            let exponent: u32 = match given.get("exponent") {
                Some(text) => text.parse().context("Exponent must fit into 32bits.")?,
                None => 65537,
            };
            if exponent == 0 {
                bail!("Exponent is wrong and cannot be 0.");
            }
            Ok(SubjectKey::rsa(&hex(modulus)?, &exponent.to_be_bytes()))
        }
        (_, Some(x), Some(y), _) => {
            let curve = curve_of_name(given.get("ecc-curveid").unwrap_or("secp256r1"))?;
            SubjectKey::ecc(curve, &hex(x)?, &hex(y)?)
        }
        (_, Some(_), ..) | (_, _, Some(_), _) => {
            bail!("ECC x and y parameters must both be given.")
        }
        (.., Some(path)) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("Could not open file for EK public key: {path}"))?;
            SubjectKey::from_pem(&text).with_context(|| path.to_owned())
        }
        _ => bail!("Missing public EK file and modulus or ECC parameters."),
    }
}

/// Manufacturer, model and version of `whose`.
fn maker(given: &Given, whose: &str) -> Result<Maker> {
    let get = |what: &str| given.get(&format!("{whose}-{what}")).map(str::to_owned);
    match (get("manufacturer"), get("model"), get("version")) {
        (Some(manufacturer), Some(model), Some(version)) => Ok(Maker {
            manufacturer,
            model,
            version,
        }),
        _ => bail!(
            "--{whose}-manufacturer and --{whose}-model and --{whose} version must all be provided"
        ),
    }
}

fn specification(given: &Given) -> Result<Specification> {
    let number = |what: &str| -> Result<u32> {
        let name = format!("tpm-spec-{what}");
        let text = given.get(&name).context(SPECIFICATION)?;
        text.parse()
            .with_context(|| format!("--{name} must pass a positive number."))
    };
    Ok(Specification {
        family: given
            .get("tpm-spec-family")
            .context(SPECIFICATION)?
            .to_owned(),
        level: number("level")?,
        revision: number("revision")?,
    })
}

const SPECIFICATION: &str =
    "--tpm-spec-family and --tpm-spec-level and --tpm-spec-revision must all be provided";

/// `-1` is for ever; so is no word at all, as for the TPM's own life.
fn days(given: &Given) -> Result<Option<u32>> {
    match given.get("days") {
        None => Ok(Some(DAYS)),
        Some("-1") => Ok(None),
        Some(text) => Ok(Some(text.parse().context("--days must pass a number.")?)),
    }
}

/// swtpm_cert's default.
const DAYS: u32 = 365;

fn hex(text: &str) -> Result<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        bail!(
            "Got an odd number of hex digits ({}).\n    hex digits: {text}",
            text.len()
        );
    }
    let digit = |byte: u8| {
        let digit = char::from(byte).to_digit(16);
        digit.with_context(|| format!("Illegal hex character '{}'.", char::from(byte)))
    };
    text.as_bytes()
        .chunks_exact(2)
        .map(|two| Ok((digit(two[0])? << 4 | digit(two[1])?) as u8))
        .collect()
}

/// The bytes of a decimal number; certificates have serial numbers of up to 20 (RFC 5280, section 4.1.2.2).
pub(crate) fn decimal(text: &str) -> Option<Vec<u8>> {
    let mut bytes = [0_u8; 20];
    if text.is_empty() {
        return None;
    }
    for digit in text.chars() {
        let mut carry = digit.to_digit(10)?;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry != 0 || bytes[0] & 0x80 != 0 {
            return None;
        }
    }
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_decimal_and_of_at_most_159_bits() {
        assert_eq!(decimal("258").unwrap()[18..], [1, 2]);
        // 2^159 - 1, and the next.
        let largest = "730750818665451459101842416358141509827966271487";
        assert_eq!(decimal(largest).unwrap()[0], 0x7f);
        assert!(decimal("730750818665451459101842416358141509827966271488").is_none());
        for wrong in ["", "x", "-1", "1 "] {
            assert!(decimal(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn hexadecimal_numbers_have_whole_bytes() {
        assert_eq!(hex("0aFF").unwrap(), [0x0a, 0xff]);
        assert!(hex("abc").is_err() && hex("zz").is_err() && hex("ä").is_err());
    }
}
