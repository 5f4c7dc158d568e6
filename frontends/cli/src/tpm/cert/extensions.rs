//! Extensions of certificates: those of X.509 (RFC 5280, section 4.2) and what the TCG puts into them
//! (EK Credential Profile for TPM 2.0, section 3.2; Platform Certificate Profile, section 3).

use super::der;
use super::subject_key::Kind;
use ::der::asn1::ObjectIdentifier;

const fn id(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SUBJECT_DIRECTORY_ATTRIBUTES: ObjectIdentifier = id("2.5.29.9");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = id("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = id("2.5.29.15");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = id("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = id("2.5.29.19");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = id("2.5.29.35");
const EXTENDED_KEY_USAGE: ObjectIdentifier = id("2.5.29.37");

const TPM_SPECIFICATION: ObjectIdentifier = id("2.23.133.2.16");
const EK_CERTIFICATE: ObjectIdentifier = id("2.23.133.8.1");
const PLATFORM_CERTIFICATE: ObjectIdentifier = id("2.23.133.8.2");
/// Manufacturer, model, version of the TPM.
const TPM: [ObjectIdentifier; 3] = [id("2.23.133.2.1"), id("2.23.133.2.2"), id("2.23.133.2.3")];
/// Manufacturer, model, version of the platform.
const PLATFORM: [ObjectIdentifier; 3] = [
    id("2.23.133.5.1.1"),
    id("2.23.133.5.1.4"),
    id("2.23.133.5.1.5"),
];

/// Who made a thing, its model, its version.
pub(crate) struct Maker {
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    pub(crate) version: String,
}

/// The specification that a TPM follows.
pub(crate) struct Specification {
    pub(crate) family: String,
    pub(crate) level: u32,
    pub(crate) revision: u32,
}

/// What a key in a TPM may be used for.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) signing: bool,
    pub(crate) decryption: bool,
}

fn extension(identifier: ObjectIdentifier, critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { der::truth() } else { Vec::new() };
    der::sequence(&[&der::oid(identifier), &critical, &der::octets(content)])
}

/// The extensions of an EK certificate, in the order that swtpm_cert writes them.
pub(crate) fn of_ek(
    tpm: &Maker,
    specification: &Specification,
    usage: Usage,
    kind: Kind,
    authority: &[u8],
) -> Vec<u8> {
    der::sequence(&[
        &extended_key_usage(EK_CERTIFICATE),
        &alternative_name(TPM, tpm),
        &no_authority(),
        &directory_attributes(specification),
        &authority_key(authority),
        &key_usage(usage, kind),
    ])
}

/// The extensions of a platform certificate.
pub(crate) fn of_platform(platform: &Maker, usage: Usage, kind: Kind, authority: &[u8]) -> Vec<u8> {
    der::sequence(&[
        &alternative_name(PLATFORM, platform),
        &no_authority(),
        &authority_key(authority),
        &key_usage(usage, kind),
        &extended_key_usage(PLATFORM_CERTIFICATE),
    ])
}

/// The extensions of an authority; the root of a chain names no authority above itself.
pub(crate) fn of_authority(own: &[u8], above: Option<&[u8]>) -> Vec<u8> {
    let constraints = der::sequence(&[&der::truth()]);
    // keyCertSign is bit 5.
    let usage = der::bits(2, &[0x04]);
    der::sequence(&[
        &extension(BASIC_CONSTRAINTS, true, &constraints),
        &extension(KEY_USAGE, true, &usage),
        &extension(SUBJECT_KEY_IDENTIFIER, false, &der::octets(own)),
        &above.map(authority_key).unwrap_or_default(),
    ])
}

fn no_authority() -> Vec<u8> {
    extension(BASIC_CONSTRAINTS, true, &der::sequence(&[]))
}

fn extended_key_usage(purpose: ObjectIdentifier) -> Vec<u8> {
    let purposes = der::sequence(&[&der::oid(purpose)]);
    extension(EXTENDED_KEY_USAGE, false, &purposes)
}

/// GeneralNames with a directoryName of three attributes.
fn alternative_name(identifiers: [ObjectIdentifier; 3], maker: &Maker) -> Vec<u8> {
    let values = [&maker.manufacturer, &maker.model, &maker.version];
    let mut parts = Vec::new();
    for (identifier, value) in identifiers.into_iter().zip(values) {
        let attribute = der::sequence(&[&der::oid(identifier), &der::utf8(value)]);
        parts.push(der::set(&attribute));
    }
    let name = der::sequence(&[&parts.concat()]);
    let names = der::sequence(&[&der::tagged(4, &name)]);
    extension(SUBJECT_ALTERNATIVE_NAME, true, &names)
}

/// SubjectDirectoryAttributes with the TPM's specification.
fn directory_attributes(specification: &Specification) -> Vec<u8> {
    let value = der::sequence(&[
        &der::utf8(&specification.family),
        &der::integer(&specification.level.to_be_bytes()),
        &der::integer(&specification.revision.to_be_bytes()),
    ]);
    let attribute = der::sequence(&[&der::oid(TPM_SPECIFICATION), &der::set(&value)]);
    extension(
        SUBJECT_DIRECTORY_ATTRIBUTES,
        false,
        &der::sequence(&[&attribute]),
    )
}

fn authority_key(identifier: &[u8]) -> Vec<u8> {
    // keyIdentifier is [0] IMPLICIT.
    let identifier = der::sequence(&[&der::element(0x80, identifier)]);
    extension(AUTHORITY_KEY_IDENTIFIER, false, &identifier)
}

/// digitalSignature is bit 0, keyEncipherment bit 2, keyAgreement bit 4.
fn key_usage(usage: Usage, kind: Kind) -> Vec<u8> {
    let signing = if usage.signing { 0x80 } else { 0 };
    let decryption = match (usage.decryption || !usage.signing, kind) {
        (false, _) => 0,
        (true, Kind::Rsa) => 0x20,
        (true, Kind::Ecc) => 0x08,
    };
    let bits: u8 = signing | decryption;
    let bits = der::bits(bits.trailing_zeros() as u8, &[bits]);
    extension(KEY_USAGE, true, &bits)
}
