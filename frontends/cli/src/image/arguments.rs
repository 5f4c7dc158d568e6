//! How values are written on the command line: imgtool's ways.

use ironroot_image::{AddressRange, Dependency, Version};

/// A number with imgtool's prefixes: decimal, or 0x, 0o, 0b.
pub(super) fn number(text: &str) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    let parsed = match lower.split_at_checked(2) {
        Some(("0x", digits)) => u32::from_str_radix(digits, 16),
        Some(("0o", digits)) => u32::from_str_radix(digits, 8),
        Some(("0b", digits)) => u32::from_str_radix(digits, 2),
        _ => lower.parse(),
    };
    parsed.map_err(|_| "not a number of 32 bits (decimal, or with 0x, 0o, 0b)".to_owned())
}

/// A 16-bit number, likewise.
pub(super) fn short_number(text: &str) -> Result<u16, String> {
    number(text)?
        .try_into()
        .map_err(|_| "more than 16 bits".to_owned())
}

/// "maj.min.rev+build", later parts optional.
pub(super) fn version(text: &str) -> Result<Version, String> {
    parse_version(text).ok_or_else(|| {
        "not maj.min.rev+build with later parts optional (up to 255.255.65535+4294967295)"
            .to_owned()
    })
}

fn parse_version(text: &str) -> Option<Version> {
    let (dotted, build) = text
        .split_once('+')
        .map_or((text, None), |(d, b)| (d, Some(b)));
    let mut parts = dotted.split('.');
    let major = decimal(parts.next()?)?;
    let minor = parts.next().map(decimal).unwrap_or(Some(0))?;
    let revision = parts.next().map(decimal);
    if parts.next().is_some() || (build.is_some() && revision.is_none()) {
        return None;
    }
    Some(Version {
        major: major.try_into().ok()?,
        minor: minor.try_into().ok()?,
        revision: revision.unwrap_or(Some(0))?.try_into().ok()?,
        build: build.map(decimal).unwrap_or(Some(0))?,
    })
}

/// Digits without a leading zero.
fn decimal(text: &str) -> Option<u32> {
    let plain = text == "0" || !text.starts_with('0');
    (plain && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A security counter, or `auto` for one made from the version.
#[derive(Clone, Copy)]
pub(super) enum Counter {
    Auto,
    Value(u32),
}

pub(super) fn counter(text: &str) -> Result<Counter, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Counter::Auto);
    }
    number(text).map(Counter::Value)
}

impl Counter {
    /// imgtool's `auto`: major, minor, revision in 8, 8 and 16 bits.
    pub(super) fn value(self, version: &Version) -> u32 {
        match self {
            Self::Value(value) => value,
            Self::Auto => {
                u32::from(version.major) << 24
                    | u32::from(version.minor) << 16
                    | u32::from(version.revision)
            }
        }
    }
}

/// "(image, version), (image, version), …".
#[derive(Clone)]
pub(super) struct Dependencies(pub(super) Vec<Dependency>);

pub(super) fn dependencies(text: &str) -> Result<Dependencies, String> {
    let form = || "not of the form \"(1,1.2.3+4), (2,1.0.0)\"".to_owned();
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let inner = compact
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(form)?;
    let parse = |pair: &str| {
        let (image, minimum) = pair.split_once(',').ok_or_else(form)?;
        let image = image.parse().map_err(|_| form())?;
        Ok(Dependency {
            image,
            minimum: version(minimum)?,
        })
    };
    inner
        .split("),(")
        .map(parse)
        .collect::<Result<_, String>>()
        .map(Dependencies)
}

/// Bytes in hexadecimal digits.
#[derive(Clone)]
pub(super) struct Bytes(pub(super) Vec<u8>);

pub(super) fn hexadecimal(text: &str) -> Result<Bytes, String> {
    from_hex(text)
        .map(Bytes)
        .ok_or_else(|| "not an even number of hexadecimal digits".to_owned())
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID in hexadecimal digits, with or without dashes.
pub(super) fn uuid(text: &str) -> Result<[u8; 16], String> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let shaped = matches!(groups.as_slice(), [32] | [8, 4, 4, 4, 12]);
    let bytes = from_hex(&text.replace('-', "")).filter(|_| shaped);
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            "not a UUID; for a name make one with `uuidgen --sha1 --namespace @dns --name NAME`"
                .to_owned()
        })
}

/// The value of a custom TLV: hexadecimal after 0x, else text.
pub(super) fn tlv_value(text: &str) -> Option<Vec<u8>> {
    match text.strip_prefix("0x") {
        Some(digits) => from_hex(digits),
        None => Some(text.as_bytes().to_vec()),
    }
}

/// "START:LEN".
pub(super) fn range(text: &str) -> Result<AddressRange, String> {
    let (start, len) = text.split_once(':').ok_or("not of the form START:LEN")?;
    Ok(AddressRange {
        start: number(start)?,
        len: number(len)?,
    })
}

/// A component packed inside the payload: "NAME:VERSION:SHA256HEX[:SIGNERHEX]".
#[derive(Clone)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) measurement: Vec<u8>,
    pub(super) signer: Option<Vec<u8>>,
}

pub(super) fn component(text: &str) -> Result<Component, String> {
    let mut parts = text.split(':');
    let mut part = || parts.next().filter(|part| !part.is_empty());
    let form = "not of the form NAME:VERSION:SHA256HEX[:SIGNERHEX]";
    let (name, version) = (
        part().ok_or(form)?.to_owned(),
        part().ok_or(form)?.to_owned(),
    );
    let digest = |text: &str, lengths: &[usize]| {
        from_hex(text).filter(|bytes| lengths.contains(&bytes.len()))
    };
    let measurement = part().and_then(|hex| digest(hex, &[32])).ok_or(form)?;
    let signer = match parts.next() {
        None => None,
        Some(hex) => Some(digest(hex, &[32, 48, 64]).ok_or(form)?),
    };
    if parts.next().is_some() || name.len() > 32 || version.len() > 32 {
        return Err(form.to_owned());
    }
    Ok(Component {
        name,
        version,
        measurement,
        signer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_imgtools() {
        let v = |major, minor, revision, build| {
            Some(Version {
                major,
                minor,
                revision,
                build,
            })
        };
        assert_eq!(parse_version("1"), v(1, 0, 0, 0));
        assert_eq!(parse_version("1.2"), v(1, 2, 0, 0));
        assert_eq!(parse_version("1.2.3"), v(1, 2, 3, 0));
        assert_eq!(parse_version("1.2.3+4"), v(1, 2, 3, 4));
        assert_eq!(
            parse_version("255.255.65535+4294967295"),
            v(255, 255, 65535, u32::MAX)
        );
        for wrong in [
            "",
            "1.",
            "01",
            "1.2.3.4",
            "1+2",
            "1.2+3",
            "256",
            "1.256",
            "1.2.65536",
            "1.2.3+",
            "-1",
            "1.+2",
        ] {
            assert_eq!(parse_version(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_take_the_prefixes() {
        assert_eq!(number("10"), Ok(10));
        assert_eq!(number("0x10"), Ok(16));
        assert_eq!(number("0X10"), Ok(16));
        assert_eq!(number("0o10"), Ok(8));
        assert_eq!(number("0b10"), Ok(2));
        for wrong in ["", "0x", "x", "-1", "0x100000000", "1k"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
        assert!(short_number("0x10000").is_err());
    }

    #[test]
    fn dependencies_are_pairs_in_brackets() {
        let Dependencies(found) = dependencies("(1, 1.2.3+4), (2,1.0.0)").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].image, found[0].minimum.build), (1, 4));
        assert_eq!((found[1].image, found[1].minimum.major), (2, 1));
        for wrong in [
            "",
            "1,1.0.0",
            "(1)",
            "(1,x)",
            "(256,1.0.0)",
            "(1,1.0.0",
            "(1,1.0.0)(2,1.0.0)",
        ] {
            assert!(dependencies(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn components_uuids_and_hexadecimal_refuse_other_lengths() {
        let digest = "ab".repeat(32);
        assert!(component(&format!("ps:1.0:{digest}")).is_ok());
        assert!(component(&format!("ps:1.0:{digest}:{digest}")).is_ok());
        for wrong in [
            "ps".to_owned(),
            format!("ps::{digest}"),
            "ps:1.0:abcd".to_owned(),
            format!("ps:1.0:{digest}:ab"),
            format!("ps:1.0:{digest}:{digest}:"),
        ] {
            assert!(component(&wrong).is_err(), "{wrong}");
        }
        assert!(uuid("00112233-4455-6677-8899-aabbccddeeff").is_ok());
        assert!(uuid("00112233445566778899aabbccddeeff").is_ok());
        assert!(uuid("0011-2233445566778899aabbccddeeff").is_err());
        assert!(uuid("example.com").is_err());
        assert!(from_hex("abc").is_none());
        assert!(from_hex("ag").is_none());
    }
}
