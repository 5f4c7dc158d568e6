//! Public templates (`TPMT_PUBLIC`), as bytes.

use crate::wire::sized;

/// Curve numbers.
pub mod curve {
    /// NIST P-256
    pub const P256: u16 = 3;
    /// NIST P-384
    pub const P384: u16 = 4;
}

const NULL: u16 = 0x0010;
const SHA256: u16 = 0x000b;
const RSA: u16 = 0x0001;
const ECC: u16 = 0x0023;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA
const OWN: u32 = 0x0472;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;
/// AES-128-CFB
const AES: [u8; 6] = [0, 6, 0, 128, 0, 0x43];

/// A template as it goes over the wire, without its size.
pub struct Template(pub Vec<u8>);

impl Template {
    /// A storage key on a curve.
    pub fn ecc_storage(curve: u16) -> Self {
        let parameters = [&AES[..], &numbers(&[NULL, curve, NULL])].concat();
        Self::new(ECC, OWN | RESTRICTED | DECRYPT, &parameters, &[0; 4])
    }

    /// An RSA storage key; `unique` tells apart the primary keys of one hierarchy.
    pub fn rsa_storage(bits: u16, unique: &[u8]) -> Self {
        let parameters = [&AES[..], &numbers(&[NULL, bits]), &[0; 4]].concat();
        Self::new(RSA, OWN | RESTRICTED | DECRYPT, &parameters, &sized(unique))
    }

    /// An ECDSA signing key on P-256; a restricted one may quote.
    pub fn ecc_sign(restricted: bool) -> Self {
        let more = if restricted { RESTRICTED } else { 0 };
        let parameters = numbers(&[NULL, 0x0018, SHA256, curve::P256, NULL]);
        Self::new(ECC, OWN | SIGN | more, &parameters, &[0; 4])
    }

    /// An RSASSA signing key.
    pub fn rsa_sign(bits: u16) -> Self {
        let parameters = [numbers(&[NULL, 0x0014, SHA256, bits]), vec![0; 4]].concat();
        Self::new(RSA, OWN | SIGN, &parameters, &sized(&[]))
    }

    /// An OAEP decryption key.
    pub fn rsa_decrypt(bits: u16) -> Self {
        let parameters = [numbers(&[NULL, 0x0017, SHA256, bits]), vec![0; 4]].concat();
        Self::new(RSA, OWN | DECRYPT, &parameters, &sized(&[]))
    }

    /// Sealed data.
    pub fn sealed() -> Self {
        // Without sensitiveDataOrigin.
        Self::new(0x0008, OWN & !0x20, &numbers(&[NULL]), &sized(&[]))
    }

    /// An AES-128-CFB key.
    pub fn aes() -> Self {
        Self::new(0x0025, OWN | DECRYPT | SIGN, &AES, &sized(&[]))
    }

    fn new(kind: u16, attributes: u32, parameters: &[u8], unique: &[u8]) -> Self {
        let head = numbers(&[kind, SHA256]);
        Self(
            [
                &head[..],
                &attributes.to_be_bytes(),
                &sized(&[]),
                parameters,
                unique,
            ]
            .concat(),
        )
    }
}

fn numbers(all: &[u16]) -> Vec<u8> {
    all.iter().flat_map(|number| number.to_be_bytes()).collect()
}
