//! The table of ways to sign an image: each ties a signature type to its hash.
//!
//! A bootloader names one suite and the linker drops the code of the others. MCUboot design
//! document and imgtool: RSA and P-256 with SHA-256, Ed25519 with SHA-256 or SHA-512, pure Ed25519
//! with SHA-512, P-384 with SHA-384. Ours: HSS/LMS with SHA-256.
//!
//! A device with keys of several types names one suite for each; they share the hash.

use crate::decision::Decision;
use crate::digest::{ImageHash, SHA256, SHA384, SHA512};
use crate::{ImageSource, Refusal, TlvEntry, tlv};
use ironroot_crypto::CryptoError;
use ironroot_crypto::ecdsa::{self, P256PublicKey};
use ironroot_crypto::ecdsa_p384::{self, P384PublicKey};
use ironroot_crypto::ed25519::{self, Ed25519PublicKey};
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::lms::{HssPublicKey, SignatureSource};
use ironroot_crypto::rsa::RsaPublicKey;

/// One way to hash and sign images.
pub struct Suite {
    name: &'static str,
    hash: &'static ImageHash,
    signature: Option<&'static Signature>,
}

/// One signature type.
pub struct Signature {
    /// How tools write it.
    pub name: &'static str,
    /// TLV type of the signature.
    pub tlv: u16,
    /// Whether it is over the image itself instead of its hash.
    pub pure: bool,
    verify: fn(&Claim<'_>) -> Result<Decision, Refusal>,
}

/// What a signature claims, for one verification.
pub(crate) struct Claim<'a> {
    /// DER: SubjectPublicKeyInfo, for RSA PKCS#1 RSAPublicKey.
    pub(crate) key: &'a [u8],
    /// The image hash.
    pub(crate) digest: &'a [u8],
    /// The image, of which the first `signed_len` bytes are signed.
    pub(crate) source: &'a dyn ImageSource,
    pub(crate) signed_len: u32,
    /// Where the signature stands.
    pub(crate) signature: TlvEntry,
}

impl Claim<'_> {
    /// The signature, which its scheme makes no longer than `buffer`.
    fn signature<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Refusal> {
        if usize::from(self.signature.len) > buffer.len() {
            return Err(Refusal::SignatureInvalid);
        }
        self.signature.read(self.source, buffer)
    }
}

impl Suite {
    /// How tools write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The image hash, also used for key hashes.
    #[must_use]
    pub const fn hash(&self) -> &'static ImageHash {
        self.hash
    }

    /// The signature type; `None` for a device that takes a hash alone.
    #[must_use]
    pub const fn signature(&self) -> Option<&'static Signature> {
        self.signature
    }
}

impl core::fmt::Debug for Suite {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

impl core::fmt::Debug for Signature {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

impl Signature {
    pub(crate) fn verify(&self, claim: &Claim<'_>) -> Result<Decision, Refusal> {
        (self.verify)(claim)
    }
}

/// Every suite, one line each.
pub mod suites {
    use super::{SHA256, SHA384, SHA512, Suite};

    macro_rules! suite {
        ($name:literal, $hash:ident, $signature:expr) => {
            Suite {
                name: $name,
                hash: &$hash,
                signature: $signature,
            }
        };
    }

    /// SHA-256 and no signature.
    pub static UNSIGNED_SHA256: Suite = suite!("none/sha256", SHA256, None);
    /// SHA-384 and no signature.
    pub static UNSIGNED_SHA384: Suite = suite!("none/sha384", SHA384, None);
    /// SHA-512 and no signature.
    pub static UNSIGNED_SHA512: Suite = suite!("none/sha512", SHA512, None);
    /// ECDSA on P-256 over SHA-256.
    pub static P256_SHA256: Suite = suite!("p256/sha256", SHA256, Some(&super::P256));
    /// ECDSA on P-384 over SHA-384.
    pub static P384_SHA384: Suite = suite!("p384/sha384", SHA384, Some(&super::P384));
    /// Ed25519 over a SHA-256 digest.
    pub static ED25519_SHA256: Suite = suite!("ed25519/sha256", SHA256, Some(&super::ED25519));
    /// Ed25519 over a SHA-512 digest.
    pub static ED25519_SHA512: Suite = suite!("ed25519/sha512", SHA512, Some(&super::ED25519));
    /// Ed25519 over the image itself; the image carries a SHA-512 hash beside it.
    pub static ED25519_PURE: Suite =
        suite!("ed25519-pure/sha512", SHA512, Some(&super::ED25519_PURE));
    /// RSA-2048 PSS over SHA-256.
    pub static RSA2048_SHA256: Suite = suite!("rsa2048/sha256", SHA256, Some(&super::RSA2048));
    /// RSA-3072 PSS over SHA-256.
    pub static RSA3072_SHA256: Suite = suite!("rsa3072/sha256", SHA256, Some(&super::RSA3072));

    /// HSS/LMS over a SHA-256 digest.
    pub static LMS_SHA256: Suite = suite!("lms/sha256", SHA256, Some(&super::LMS));

    /// All of them. Naming this keeps the code of every algorithm: for tools, not for bootloaders.
    pub const ALL: [&Suite; 11] = [
        &UNSIGNED_SHA256,
        &UNSIGNED_SHA384,
        &UNSIGNED_SHA512,
        &P256_SHA256,
        &P384_SHA384,
        &ED25519_SHA256,
        &ED25519_SHA512,
        &ED25519_PURE,
        &RSA2048_SHA256,
        &RSA3072_SHA256,
        &LMS_SHA256,
    ];
}

/// The longest RSA signature: RSA-3072.
const MAX_RSA_SIGNATURE: usize = 384;

static P256: Signature = Signature {
    name: "ECDSA P-256",
    tlv: tlv::ECDSA,
    pure: false,
    verify: verify_p256,
};
static P384: Signature = Signature {
    name: "ECDSA P-384",
    tlv: tlv::ECDSA,
    pure: false,
    verify: verify_p384,
};
static ED25519: Signature = Signature {
    name: "Ed25519",
    tlv: tlv::ED25519,
    pure: false,
    verify: verify_ed25519,
};
static ED25519_PURE: Signature = Signature {
    name: "Ed25519 (pure)",
    tlv: tlv::ED25519,
    pure: true,
    verify: verify_ed25519_pure,
};
static RSA2048: Signature = Signature {
    name: "RSA-2048 PSS",
    tlv: tlv::RSA2048,
    pure: false,
    verify: verify_rsa::<2048>,
};
static RSA3072: Signature = Signature {
    name: "RSA-3072 PSS",
    tlv: tlv::RSA3072,
    pure: false,
    verify: verify_rsa::<3072>,
};

static LMS: Signature = Signature {
    name: "LMS",
    tlv: tlv::LMS,
    pure: false,
    verify: verify_lms,
};

/// SubjectPublicKeyInfo of a P-256 key up to the point (RFC 5480).
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// SubjectPublicKeyInfo of a P-384 key up to the point (RFC 5480).
const P384_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// SubjectPublicKeyInfo of an Ed25519 key up to the point (RFC 8410).
const ED25519_PREFIX: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// SubjectPublicKeyInfo of an HSS/LMS key up to the key (RFC 9802).
const LMS_PREFIX: &[u8] = &[
    0x30, 0x4e, 0x30, 0x0d, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03,
    0x11, 0x03, 0x3d, 0x00,
];

fn verify_p256(claim: &Claim<'_>) -> Result<Decision, Refusal> {
    let point = claim.key.strip_prefix(P256_PREFIX).ok_or(Refusal::BadKey)?;
    let key = P256PublicKey::from_sec1(point).map_err(|_| Refusal::BadKey)?;
    let mut buffer = [0; ecdsa::der::MAX_LEN];
    let signature = claim.signature(&mut buffer)?;
    let der = without_padding(signature).ok_or(Refusal::SignatureInvalid)?;
    let signature = ecdsa::der::parse(der).map_err(|_| Refusal::SignatureInvalid)?;
    let opened = key.open(claim.digest, &signature);
    // Where it is: a copy would take more stack.
    let opened = opened.as_ref().ok_or(Refusal::SignatureInvalid)?;
    Ok(Decision::twice(|| opened.holds()))
}

fn verify_p384(claim: &Claim<'_>) -> Result<Decision, Refusal> {
    let point = claim.key.strip_prefix(P384_PREFIX).ok_or(Refusal::BadKey)?;
    let key = P384PublicKey::from_sec1(point).map_err(|_| Refusal::BadKey)?;
    let mut buffer = [0; ecdsa_p384::MAX_DER_LEN];
    let signature = ecdsa_p384::parse_der(claim.signature(&mut buffer)?)
        .map_err(|_| Refusal::SignatureInvalid)?;
    Ok(Decision::of(
        key.verify_prehash(claim.digest, &signature).is_ok(),
    ))
}

/// imgtool's `--pad-sig` (for MCUboot before 1.5) fills the TLV up to 72 bytes with zeros behind the
/// DER sequence: the only tail tolerated.
fn without_padding(signature: &[u8]) -> Option<&[u8]> {
    let body = usize::from(*signature.get(1)?);
    let (der, tail) = signature.split_at_checked(body.checked_add(2)?)?;
    let padding = tail.is_empty() || signature.len() == ecdsa::der::MAX_LEN;
    (padding && tail.iter().all(|byte| *byte == 0)).then_some(der)
}

fn ed25519_key(der: &[u8]) -> Result<Ed25519PublicKey, Refusal> {
    let point = der.strip_prefix(ED25519_PREFIX).ok_or(Refusal::BadKey)?;
    let point = point.try_into().map_err(|_| Refusal::BadKey)?;
    Ed25519PublicKey::from_bytes(point).map_err(|_| Refusal::BadKey)
}

fn ed25519_verify(claim: &Claim<'_>, message: &[u8]) -> Result<Decision, Refusal> {
    let key = ed25519_key(claim.key)?;
    let mut buffer = [0; ed25519::SIGNATURE_LEN];
    if claim.signature(&mut buffer)?.len() != buffer.len() {
        return Err(Refusal::SignatureInvalid);
    }
    Ok(Decision::twice(|| {
        key.verify_strict(message, &buffer).is_ok()
    }))
}

fn verify_ed25519(claim: &Claim<'_>) -> Result<Decision, Refusal> {
    ed25519_verify(claim, claim.digest)
}

fn verify_ed25519_pure(claim: &Claim<'_>) -> Result<Decision, Refusal> {
    let message = claim
        .source
        .contiguous(0, claim.signed_len)
        .ok_or(Refusal::PureNeedsMemory)?;
    ed25519_verify(claim, message)
}

fn verify_rsa<const BITS: usize>(claim: &Claim<'_>) -> Result<Decision, Refusal> {
    let key = RsaPublicKey::from_pkcs1_der(claim.key).map_err(|_| Refusal::BadKey)?;
    if key.modulus_len() != BITS / 8 {
        return Err(Refusal::BadKey);
    }
    let mut buffer = [0; MAX_RSA_SIGNATURE];
    let signature = claim.signature(&mut buffer)?;
    Ok(Decision::twice(|| {
        let verdict = key.verify_pss(HashAlgorithm::Sha256, claim.digest, signature);
        verdict.is_ok()
    }))
}

/// Longer than a key or a buffer: it is read where it stands.
fn verify_lms(claim: &Claim<'_>) -> Result<Decision, Refusal> {
    let key = claim.key.strip_prefix(LMS_PREFIX).ok_or(Refusal::BadKey)?;
    let key = HssPublicKey::from_bytes(key).map_err(|_| Refusal::BadKey)?;
    let opened = key.open(claim.digest, claim);
    let opened = opened.map_err(|_| Refusal::SignatureInvalid)?;
    Ok(Decision::twice(|| opened.holds()))
}

impl SignatureSource for Claim<'_> {
    fn len(&self) -> u32 {
        self.signature.len.into()
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), CryptoError> {
        // Inside the TLV, not only inside the image.
        let end = u32::try_from(out.len())
            .ok()
            .and_then(|len| offset.checked_add(len));
        let inside = end.is_some_and(|end| end <= SignatureSource::len(self));
        let at = self.signature.offset.checked_add(offset).filter(|_| inside);
        at.and_then(|at| self.source.read_at(at, out).ok())
            .ok_or(CryptoError::Verification)
    }
}
