//! Templates of the keys that a new TPM gets (EK Credential Profile for TPM 2.0, section 2.2.1 and annex B;
//! Provisioning Guidance, section 7.5).

use super::commands::{Reader, sized};
use anyhow::{Result, bail};

pub(super) const SPK_HANDLE: u32 = 0x8100_0001;
pub(super) const PLATFORM_CERTIFICATE: u32 = 0x01c0_8000;

const RSA: u16 = 0x0001;
const AES: u16 = 0x0006;
const NULL: u16 = 0x0010;
const ECC: u16 = 0x0023;
const CFB: u16 = 0x0043;
const SHA256: u16 = 0x000b;
const SHA384: u16 = 0x000c;
const P384: u16 = 0x0004;

/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy; restricted and decrypt are added, or sign.
const EK_LOW: u32 = 0x0000_00b2;
/// The same and userWithAuth: the high range of the profile.
const EK_HIGH: u32 = 0x0000_00f2;
const RESTRICTED: u32 = 0x0001_0000;
const DECRYPT: u32 = 0x0002_0000;
const SIGN: u32 = 0x0004_0000;
/// A storage key: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
const STORAGE: u32 = 0x0003_0472;

/// PolicySecret(endorsement), SHA-256: "policy A".
const POLICY_A_SHA256: [u8; 32] = [
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
];
/// "Policy B" for SHA-384: policy A, or what an index of the owner's says.
const POLICY_B_SHA384: [u8; 48] = [
    0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
    0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
    0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
];

/// Where an endorsement key and what belongs to it is kept.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) handle: u32,
    pub(super) certificate: u32,
    pub(super) template: u32,
}

/// The RSA key of so many bits.
pub(super) const fn rsa_row(bits: u16) -> Option<Row> {
    let (name, file, handle, certificate, template) = match bits {
        2048 => ("RSA 2048", "rsa2048", 0x8101_0001, 0x01c0_0002, 0x01c0_0004),
        3072 => ("RSA 3072", "rsa3072", 0x8101_001c, 0x01c0_001c, 0x01c0_001d),
        4096 => ("RSA 4096", "rsa4096", 0x8101_001e, 0x01c0_001e, 0x01c0_001f),
        _ => return None,
    };
    Some(Row {
        name,
        file,
        handle,
        certificate,
        template,
    })
}

/// The key on P-384.
pub(super) const ECC_ROW: Row = Row {
    name: "ECC",
    file: "secp384r1",
    handle: 0x8101_0016,
    certificate: 0x01c0_0016,
    template: 0x01c0_0017,
};

/// An RSA endorsement key: 2048 bits in the profile's low range, more in the high one.
pub(super) fn rsa_ek(bits: u16, signing: bool, decryption: bool) -> Result<Vec<u8>> {
    if bits == 2048 {
        let unique = [0; 256];
        let head = (SHA256, attributes(EK_LOW, signing, decryption));
        return rsa(head, &POLICY_A_SHA256, bits, cipher(signing, 128), &unique);
    }
    let head = (SHA384, attributes(EK_HIGH, signing, decryption));
    rsa(head, &POLICY_B_SHA384, bits, cipher(signing, 256), &[])
}

/// The endorsement key on P-384.
pub(super) fn ecc_ek(signing: bool, decryption: bool) -> Result<Vec<u8>> {
    let head = (SHA384, attributes(EK_HIGH, signing, decryption));
    ecc(head, &POLICY_B_SHA384, cipher(signing, 256), &[])
}

/// The storage primary key.
pub(super) fn storage(on_ecc: bool, rsa_bits: u16) -> Result<Vec<u8>> {
    if on_ecc {
        return ecc((SHA384, STORAGE), &[], Some(256), &[0; 48]);
    }
    let (hash, cipher) = if rsa_bits == 2048 {
        (SHA256, 128)
    } else {
        (SHA384, 256)
    };
    let unique = vec![0; usize::from(rsa_bits / 8)];
    rsa((hash, STORAGE), &[], rsa_bits, Some(cipher), &unique)
}

/// A key that signs is not restricted, and has no cipher for children.
const fn attributes(base: u32, signing: bool, decryption: bool) -> u32 {
    match (signing, decryption) {
        (false, _) => base | RESTRICTED | DECRYPT,
        (true, false) => base | SIGN,
        (true, true) => base | SIGN | DECRYPT,
    }
}

const fn cipher(signing: bool, bits: u16) -> Option<u16> {
    if signing { None } else { Some(bits) }
}

fn head(
    kind: u16,
    (hash, attributes): (u16, u32),
    policy: &[u8],
    cipher: Option<u16>,
) -> Result<Vec<u8>> {
    let mut area = [
        &kind.to_be_bytes()[..],
        &hash.to_be_bytes(),
        &attributes.to_be_bytes(),
    ]
    .concat();
    area.extend(sized(policy)?);
    let symmetric = match cipher {
        Some(bits) => vec![AES, bits, CFB],
        None => vec![NULL],
    };
    // The cipher, and no scheme.
    for number in symmetric.into_iter().chain([NULL]) {
        area.extend(number.to_be_bytes());
    }
    Ok(area)
}

fn rsa(
    of: (u16, u32),
    policy: &[u8],
    bits: u16,
    cipher: Option<u16>,
    unique: &[u8],
) -> Result<Vec<u8>> {
    let mut area = head(RSA, of, policy, cipher)?;
    area.extend(bits.to_be_bytes());
    // The default exponent.
    area.extend([0; 4]);
    area.extend(sized(unique)?);
    Ok(area)
}

fn ecc(of: (u16, u32), policy: &[u8], cipher: Option<u16>, coordinate: &[u8]) -> Result<Vec<u8>> {
    let mut area = head(ECC, of, policy, cipher)?;
    for number in [P384, NULL] {
        area.extend(number.to_be_bytes());
    }
    for _ in 0..2 {
        area.extend(sized(coordinate)?);
    }
    Ok(area)
}

/// The key of a public area, as programs that make certificates take it.
pub(super) fn certified_key(public: &[u8]) -> Result<String> {
    let mut reader = Reader(public);
    let kind = reader.half()?;
    let _hash_and_attributes = reader.take(6)?;
    let _policy = reader.sized()?;
    if reader.half()? != NULL {
        let _bits_and_mode = reader.take(4)?;
    }
    if reader.half()? != NULL {
        let _scheme = reader.take(2)?;
    }
    match kind {
        RSA => {
            let _bits_and_exponent = reader.take(6)?;
            Ok(hex(reader.sized()?))
        }
        ECC => {
            let curve = reader.half()?;
            if curve != P384 || reader.half()? != NULL {
                bail!("the TPM made another key than it was asked for");
            }
            // Coordinates may have lost their leading zeros.
            let (x, y) = (hex(reader.sized()?), hex(reader.sized()?));
            Ok(format!("x={x:0>96},y={y:0>96},id=secp384r1"))
        }
        _ => bail!("the TPM made another key than it was asked for"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
