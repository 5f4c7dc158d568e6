//! What parameters are made of: templates, schemes, points, public areas of indices, a key pair that everybody knows.

use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};

/// How many there are.
pub(super) const INGREDIENTS: usize = 32;

/// Numbers of [`ingredient`].
pub(super) mod the {
    pub(in super::super) const SIGNING: u8 = 0;
    pub(in super::super) const STORAGE: u8 = 1;
    pub(in super::super) const EXCHANGING: u8 = 2;
    pub(in super::super) const ANONYMOUS: u8 = 3;
    pub(in super::super) const HMAC: u8 = 4;
    pub(in super::super) const SEALED: u8 = 5;
    pub(in super::super) const CIPHER: u8 = 6;
    pub(in super::super) const RSA_PUBLIC: u8 = 7;
    pub(in super::super) const RSA_SENSITIVE: u8 = 8;
    pub(in super::super) const MOVABLE: u8 = 9;
    pub(in super::super) const CERTIFICATE: u8 = 10;
    pub(in super::super) const NO_TICKET: u8 = 11;
    pub(in super::super) const ECDSA: u8 = 12;
    pub(in super::super) const PCR_16: u8 = 13;
    pub(in super::super) const INDEX: u8 = 14;
    pub(in super::super) const COUNTER: u8 = 15;
    pub(in super::super) const BITS: u8 = 16;
    pub(in super::super) const EXTENDED: u8 = 17;
    pub(in super::super) const DELETED_BY_POLICY: u8 = 18;
    pub(in super::super) const CHANGED_BY_POLICY: u8 = 19;
    pub(in super::super) const NO_SENSITIVE: u8 = 20;
    pub(in super::super) const SECRET: u8 = 21;
    pub(in super::super) const GENERATOR: u8 = 22;
    pub(in super::super) const POLICY_HOLDER: u8 = 23;
    pub(in super::super) const ZEROS_32: u8 = 24;
    pub(in super::super) const HASH_OF_ZEROS: u8 = 25;
    pub(in super::super) const HASH_OF_ZERO_WORD: u8 = 26;
    pub(in super::super) const NO_POINT: u8 = 27;
    pub(in super::super) const KDF2: u8 = 28;
    pub(in super::super) const CURVE_PARAMETERS: u8 = 29;
    pub(in super::super) const POLICY_OF_ZEROS: u8 = 30;
    pub(in super::super) const UNFIXED: u8 = 31;
}

const SHA256: u16 = 0x0b;
const NULL: u16 = 0x10;
const FIXED: u32 = 0x12;
const ORIGIN: u32 = 0x20;
const USER: u32 = 0x40;
const NO_DA: u32 = 0x400;
const RESTRICTED: u32 = 0x1_0000;
const DECRYPT: u32 = 0x2_0000;
const SIGN: u32 = 0x4_0000;

/// One of them, as it goes over the wire.
pub(super) fn ingredient(number: usize) -> Vec<u8> {
    let key = FIXED | ORIGIN | USER | NO_DA;
    let own = USER | NO_DA;
    match number as u8 {
        the::SIGNING => public(0x23, key | SIGN, b"", &[NULL, 0x18, SHA256, 3, NULL, 0, 0]),
        the::STORAGE => {
            let attributes = key | RESTRICTED | DECRYPT;
            public(0x23, attributes, b"", &[6, 128, 0x43, NULL, 3, NULL, 0, 0])
        }
        the::EXCHANGING => public(0x23, key | DECRYPT, b"", &[NULL, NULL, 3, NULL, 0, 0]),
        the::ANONYMOUS => public(
            0x23,
            key | SIGN,
            b"",
            &[NULL, 0x1a, SHA256, 0, 3, NULL, 0, 0],
        ),
        the::HMAC => public(0x08, key | SIGN, b"", &[5, SHA256, 0]),
        the::SEALED => public(0x08, FIXED | own, b"", &[NULL, 0]),
        the::CIPHER => public(0x25, key | DECRYPT | SIGN, b"", &[6, 128, 0x43, 0]),
        the::RSA_PUBLIC => {
            let head = public(0x01, own | DECRYPT, b"", &[NULL, NULL, 1024, 0, 0, 128]);
            [head, rsa_modulus()].concat()
        }
        the::RSA_SENSITIVE => [words(&[1, 0, 0, 64]), rsa_prime()].concat(),
        the::MOVABLE => public(0x08, own, &only(0x14b), &[NULL, 0]),
        the::CERTIFICATE => certificate(),
        the::NO_TICKET => vec![0x80, 0x24, 0x40, 0, 0, 7, 0, 0],
        the::ECDSA => words(&[0x18, SHA256]),
        the::PCR_16 => [words(&[0, 1, SHA256]), vec![3, 0, 0, 1]].concat(),
        the::INDEX => index(0x0150_0000, 0x0206_0006, b"", 8),
        the::COUNTER => index(0x0150_0000, 0x0206_0016, b"", 8),
        the::BITS => index(0x0150_0000, 0x8206_4026, b"", 8),
        the::EXTENDED => index(0x0150_0000, 0x8206_4046, b"", 32),
        the::DELETED_BY_POLICY => index(0x0150_0001, 0x4201_0401, &only(0x11f), 8),
        the::CHANGED_BY_POLICY => index(0x0150_0001, 0x0206_0006, &only(0x13b), 8),
        the::NO_SENSITIVE => vec![0; 4],
        the::SECRET => [words(&[0, 4]), b"data".to_vec()].concat(),
        the::GENERATOR => generator(),
        the::POLICY_HOLDER => index(0x0150_0000, 0x0206_0006, b"", 34),
        the::ZEROS_32 => vec![0; 32],
        the::HASH_OF_ZEROS => sha256(&[0; 32]),
        the::HASH_OF_ZERO_WORD => sha256(&[0; 4]),
        the::NO_POINT => vec![0; 4],
        the::KDF2 => words(&[0x21, SHA256]),
        the::CURVE_PARAMETERS => words(&[0x23, NULL, NULL, 3, NULL]),
        the::POLICY_OF_ZEROS => [words(&[SHA256]), vec![0; 32]].concat(),
        _ => public(
            0x23,
            own | ORIGIN | SIGN,
            b"",
            &[NULL, 0x18, SHA256, 3, NULL, 0, 0],
        ),
    }
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(HashAlgorithm::Sha256, bytes).as_slice().to_vec()
}

fn public(kind: u16, attributes: u32, policy: &[u8], rest: &[u16]) -> Vec<u8> {
    let mut public = words(&[kind, SHA256]);
    public.extend(attributes.to_be_bytes());
    public.extend((policy.len() as u16).to_be_bytes());
    public.extend(policy);
    public.extend(words(rest));
    public
}

fn index(handle: u32, attributes: u32, policy: &[u8], size: u16) -> Vec<u8> {
    let mut public = handle.to_be_bytes().to_vec();
    public.extend(words(&[SHA256]));
    public.extend(attributes.to_be_bytes());
    public.extend((policy.len() as u16).to_be_bytes());
    public.extend(policy);
    public.extend(words(&[size]));
    public
}

/// The digest of PolicyCommandCode of that command.
fn only(code: u32) -> Vec<u8> {
    let parts = [&[0; 32][..], &0x16cu32.to_be_bytes(), &code.to_be_bytes()];
    sha256(&parts.concat())
}

/// 2^512 − 569.
fn rsa_prime() -> Vec<u8> {
    let mut prime = vec![0xff; 64];
    prime[62..].copy_from_slice(&0u16.wrapping_sub(569).to_be_bytes());
    prime
}

/// (2^512 − 569)(2^512 − 629) = 2^1024 − 1198·2^512 + 357901.
fn rsa_modulus() -> Vec<u8> {
    let mut modulus = vec![0; 128];
    modulus[..64].fill(0xff);
    modulus[62..64].copy_from_slice(&0u16.wrapping_sub(1198).to_be_bytes());
    modulus[124..].copy_from_slice(&357_901u32.to_be_bytes());
    modulus
}

/// The generator of P-256 (SEC 2, section 2.4.2).
fn generator() -> Vec<u8> {
    const X: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    const Y: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let hex = |text: &str| -> Vec<u8> {
        (0..32)
            .map(|at| u8::from_str_radix(&text[2 * at..][..2], 16).expect("hex"))
            .collect()
    };
    [words(&[32]), hex(X), words(&[32]), hex(Y)].concat()
}

/// One DER element of less than 128 bytes.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[tag, content.len() as u8][..], &content].concat()
}

/// What CertifyX509 is given: issuer, validity, subject, keyUsage digitalSignature.
fn certificate() -> Vec<u8> {
    let text = der(0x0c, &[b"a"]);
    let attribute = der(0x30, &[&[6, 3, 0x55, 4, 3], &text]);
    let name = der(0x30, &[&der(0x31, &[&attribute])]);
    let date = |date: &[u8]| der(0x17, &[date]);
    let validity = der(0x30, &[&date(b"260101000000Z"), &date(b"360101000000Z")]);
    let usage = der(4, &[&der(3, &[&[7, 0x80]])]);
    let usage = der(0x30, &[&[6, 3, 0x55, 0x1d, 0x0f], &[1, 1, 0xff], &usage]);
    let extensions = der(0xa3, &[&der(0x30, &[&usage])]);
    der(0x30, &[&name, &validity, &name, &extensions])
}
