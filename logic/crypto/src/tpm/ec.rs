//! Keys on the curves of a TPM under one type: P-224, P-256, P-384, P-521 (SP 800-186), SM2's (GM/T 0003.5) and the
//! Barreto-Naehrig curve of the TCG (ISO/IEC 15946-5). ECDSA and ECDH are here; [`schemes`] has the other signatures,
//! [`exchange`] the agreement of two phases, [`encrypt`] encryption.
//!
//! Points and scalars are kept as big-endian bytes of their curve's length, and become the library's numbers for
//! one operation at a time. Everything that has to do with a private key takes the same time whatever the
//! key; what is public takes the time that it takes.
//!
//! Curves other than P-256 come with the features `tpm-p224`, `tpm-p384`, `tpm-p521`, `tpm-bn` and `tpm-sm`. Without
//! them the names are there and every key on them is [`CryptoError::InvalidKey`].

#[cfg(feature = "aws-lc")]
mod accelerated;
mod arithmetic;
#[cfg(feature = "tpm-bn")]
mod bn;
pub mod encrypt;
pub mod exchange;
mod parameters;
mod products;
#[cfg(feature = "tpm-tables")]
mod public_sum;
pub mod schemes;

use crate::bytes::copy_prefix;
use crate::drbg::Drbg;
use crate::{CryptoError, Secret};

use super::hash::HashAlgorithm;
use super::kdf::kdfa;
use zeroize::Zeroize;

pub use parameters::CurveParameters;

/// The longest coordinate and scalar of this build, in bytes.
pub const MAX_COORDINATE_LEN: usize = LARGEST.coordinate_len();

/// The most bytes that [`EcScalar::from_extra_bits`] takes in this build.
pub const MAX_EXTRA_BITS_LEN: usize = LARGEST.extra_bits_len();

const LARGEST: Curve = match (cfg!(feature = "tpm-p384"), cfg!(feature = "tpm-p521")) {
    (_, true) => Curve::P521,
    (true, false) => Curve::P384,
    (false, false) => Curve::P256,
};

/// The longest number that is reduced, in bytes; digests are shorter.
const MAX_REDUCED_LEN: usize = 80;

/// How often a signature is tried. Once is enough but for one time in 2^255.
const ATTEMPTS: usize = 4;

type Number = [u8; MAX_COORDINATE_LEN];

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-224.
    P224,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// The TCG's Barreto-Naehrig curve of 256 bits.
    BnP256,
    /// SM2's curve of 256 bits.
    Sm2P256,
}

/// Calls a function for the library's type of a curve.
macro_rules! on_curve {
    ($curve:expr, $function:ident($($argument:expr),*)) => {
        match $curve {
            Curve::P256 => arithmetic::$function::<p256::NistP256>($($argument),*),
            #[cfg(feature = "tpm-p384")]
            Curve::P384 => arithmetic::$function::<p384::NistP384>($($argument),*),
            #[cfg(feature = "tpm-p521")]
            Curve::P521 => arithmetic::$function::<p521::NistP521>($($argument),*),
            #[cfg(feature = "tpm-p224")]
            Curve::P224 => arithmetic::$function::<p224::NistP224>($($argument),*),
            #[cfg(feature = "tpm-bn")]
            Curve::BnP256 => arithmetic::$function::<$crate::tpm::ec::bn::BnP256>($($argument),*),
            #[cfg(feature = "tpm-sm")]
            Curve::Sm2P256 => arithmetic::$function::<sm2::Sm2>($($argument),*),
            #[cfg(not(all(
                feature = "tpm-p224",
                feature = "tpm-p384",
                feature = "tpm-p521",
                feature = "tpm-bn",
                feature = "tpm-sm"
            )))]
            _ => Err(CryptoError::InvalidKey),
        }
    };
}

use on_curve;

impl Curve {
    /// All of them, in the order of their TPM_ECC_CURVE.
    pub const ALL: [Self; 6] = [
        Self::P224,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::BnP256,
        Self::Sm2P256,
    ];

    /// Whether this build has the curve.
    pub const fn is_built(self) -> bool {
        match self {
            Self::P224 => cfg!(feature = "tpm-p224"),
            Self::P256 => true,
            Self::P384 => cfg!(feature = "tpm-p384"),
            Self::P521 => cfg!(feature = "tpm-p521"),
            Self::BnP256 => cfg!(feature = "tpm-bn"),
            Self::Sm2P256 => cfg!(feature = "tpm-sm"),
        }
    }

    /// Bits of a coordinate and of the order.
    pub const fn bits(self) -> usize {
        match self {
            Self::P224 => 224,
            Self::P256 | Self::BnP256 | Self::Sm2P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// Length of a coordinate and of a scalar in bytes.
    pub const fn coordinate_len(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// What [`EcScalar::from_extra_bits`] takes: at least 64 bits more than the order has, in bytes.
    pub const fn extra_bits_len(self) -> usize {
        (self.bits() + 64).div_ceil(8)
    }

    /// The curve's numbers; empty for one that is not built.
    pub const fn parameters(self) -> &'static CurveParameters {
        parameters::of(self)
    }
}

/// A point on a curve that is not the point at infinity: a public key, or the result of a multiplication.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EcPoint {
    curve: Curve,
    // Bytes past the curve's length are zero, so the derived comparison is right.
    x: Number,
    y: Number,
}

// The coordinates stay out of it: a shared point is a secret.
impl core::fmt::Debug for EcPoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EcPoint")
            .field("curve", &self.curve)
            .finish_non_exhaustive()
    }
}

impl EcPoint {
    /// Takes affine coordinates; leading zeros may be missing or be too many.
    ///
    /// [`CryptoError::InvalidKey`] when a coordinate is not below the field's prime, and when the point is not on
    /// the curve. The point at infinity has no such form.
    pub fn new(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, CryptoError> {
        let point = Self {
            curve,
            x: aligned(curve, x).ok_or(CryptoError::InvalidKey)?,
            y: aligned(curve, y).ok_or(CryptoError::InvalidKey)?,
        };
        on_curve!(curve, check_point(point.x(), point.y()))?;
        Ok(point)
    }

    /// The point whose x-coordinate is a digest modulo the field's prime: a base that nobody knows the logarithm of
    /// (TPM 2.0 Part 1, "TPM2_Commit()": x2 = H(s2) mod p, with a y2 that the caller found).
    ///
    /// [`CryptoError::InvalidKey`] when it is not on the curve; [`CryptoError::DataLength`] for more than 80 bytes.
    pub fn with_hashed_x(curve: Curve, digest: &[u8], y: &[u8]) -> Result<Self, CryptoError> {
        let x = reduced(curve.parameters().p, digest)?;
        Self::new(curve, whole(curve, &x), y)
    }

    /// The curve's base point.
    pub fn generator(curve: Curve) -> Result<Self, CryptoError> {
        let parameters = curve.parameters();
        Self::new(curve, parameters.x, parameters.y)
    }

    /// Overwrites the coordinates with zeros: for a shared point, when it is done with. It is no point then.
    pub fn wipe(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
    }

    /// Its curve.
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The x-coordinate, of the curve's length.
    pub fn x(&self) -> &[u8] {
        whole(self.curve, &self.x)
    }

    /// The y-coordinate, of the curve's length.
    pub fn y(&self) -> &[u8] {
        whole(self.curve, &self.y)
    }

    /// Checks the ECDSA signature (r, s) of a digest (FIPS 186-5, section 6.4.2).
    ///
    /// Of a digest longer than the order, the first bits count. [`CryptoError::Verification`] when it is wrong,
    /// and when r or s is zero, n or more.
    pub fn verify(&self, digest: &[u8], r: &[u8], s: &[u8]) -> Result<(), CryptoError> {
        let (r, s) = aligned(self.curve, r)
            .zip(aligned(self.curve, s))
            .ok_or(CryptoError::Verification)?;
        let digest = bits_to_int(self.curve, digest);
        let part = |number| whole(self.curve, number);
        on_curve!(
            self.curve,
            verify(self.x(), self.y(), part(&digest), part(&r), part(&s))
        )
    }

    /// The sum of two points on one curve.
    ///
    /// [`CryptoError::InvalidKey`] when the curves differ or the sum is the point at infinity.
    pub fn add(&self, other: &Self) -> Result<Self, CryptoError> {
        if self.curve != other.curve {
            return Err(CryptoError::InvalidKey);
        }
        let (mut x, mut y) = ([0; MAX_COORDINATE_LEN], [0; MAX_COORDINATE_LEN]);
        let points = [(self.x(), self.y()), (other.x(), other.y())];
        on_curve!(self.curve, add(points, (&mut x, &mut y)))?;
        Ok(Self { x, y, ..*self })
    }

    /// The point with the same x-coordinate on the other side.
    pub fn negate(&self) -> Result<Self, CryptoError> {
        let (mut x, mut y) = ([0; MAX_COORDINATE_LEN], [0; MAX_COORDINATE_LEN]);
        on_curve!(self.curve, negate(self.x(), self.y(), (&mut x, &mut y)))?;
        Ok(Self { x, y, ..*self })
    }
}

/// An ECDSA signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EcSignature {
    curve: Curve,
    r: Number,
    s: Number,
}

impl EcSignature {
    /// r, of the curve's length.
    pub fn r(&self) -> &[u8] {
        whole(self.curve, &self.r)
    }

    /// s, of the curve's length.
    pub fn s(&self) -> &[u8] {
        whole(self.curve, &self.s)
    }
}

/// A number from 1 to n − 1: a private key. Wiped when dropped.
pub struct EcScalar {
    curve: Curve,
    number: Secret<MAX_COORDINATE_LEN>,
}

impl EcScalar {
    /// Takes a big-endian number; leading zeros may be missing or be too many.
    ///
    /// [`CryptoError::InvalidKey`] for zero and for n and above.
    pub fn new(curve: Curve, bytes: &[u8]) -> Result<Self, CryptoError> {
        let number = aligned(curve, bytes).ok_or(CryptoError::InvalidKey)?;
        let scalar = Self {
            curve,
            number: Secret::new(number),
        };
        scalar.expose(|bytes| on_curve!(curve, check_scalar(bytes)))?;
        Ok(scalar)
    }

    /// A scalar from a random number that is at least 64 bits longer than the order (FIPS 186-5, appendix
    /// A.2.1): the number modulo n − 1, plus 1. No number is refused, and none is likelier than others by
    /// more than 2^-64.
    ///
    /// [`CryptoError::DataLength`] unless there are [`Curve::extra_bits_len`] bytes, [`CryptoError::InvalidKey`] for a
    /// curve that is not built.
    pub fn from_extra_bits(curve: Curve, bytes: &[u8]) -> Result<Self, CryptoError> {
        if !curve.is_built() {
            return Err(CryptoError::InvalidKey);
        }
        if bytes.len() != curve.extra_bits_len() {
            return Err(CryptoError::DataLength);
        }
        let mut number = Secret::zeroed();
        number.expose_mut(|number| {
            arithmetic::reduce_extra_bits(curve.parameters().n, bytes, number)
        });
        Ok(Self { curve, number })
    }

    /// A number modulo the order, for the challenges of signatures.
    ///
    /// [`CryptoError::DataLength`] for more than 80 bytes, [`CryptoError::InvalidKey`] if the remainder is zero.
    pub fn reduced(curve: Curve, bytes: &[u8]) -> Result<Self, CryptoError> {
        let number = reduced(curve.parameters().n, bytes)?;
        Self::new(curve, whole(curve, &number))
    }

    /// A random scalar, by [`from_extra_bits`](Self::from_extra_bits).
    pub fn random(curve: Curve, drbg: &mut Drbg) -> Result<Self, CryptoError> {
        let bytes = drbg.secret::<MAX_EXTRA_BITS_LEN>();
        bytes.expose(|bytes| {
            let bytes = bytes.get(..curve.extra_bits_len()).unwrap_or(bytes);
            Self::from_extra_bits(curve, bytes)
        })
    }

    /// Its curve.
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// Lets `f` read the number, of the curve's length.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.number.expose(|number| f(whole(self.curve, number)))
    }

    /// This scalar times the base point: the public key.
    ///
    /// [`CryptoError::InvalidKey`] for a curve that is not built.
    pub fn public(&self) -> Result<EcPoint, CryptoError> {
        let (mut x, mut y) = ([0; MAX_COORDINATE_LEN], [0; MAX_COORDINATE_LEN]);
        self.expose(|d| on_curve!(self.curve, multiply_base(d, (&mut x, &mut y))))?;
        let curve = self.curve;
        Ok(EcPoint { curve, x, y })
    }

    /// This scalar times a point. For ECDH the shared secret is the result's x-coordinate.
    ///
    /// [`CryptoError::InvalidKey`] when the point is on another curve.
    pub fn multiply(&self, point: &EcPoint) -> Result<EcPoint, CryptoError> {
        if point.curve != self.curve {
            return Err(CryptoError::InvalidKey);
        }
        let (mut x, mut y) = ([0; MAX_COORDINATE_LEN], [0; MAX_COORDINATE_LEN]);
        let curve = self.curve;
        self.expose(|k| on_curve!(curve, multiply(k, point.x(), point.y(), (&mut x, &mut y))))?;
        Ok(EcPoint { curve, x, y })
    }

    /// Signs a digest with ECDSA (FIPS 186-5, section 6.4.1).
    ///
    /// The nonce follows from the key, the digest and fresh randomness through KDFa, with 64 extra bits, so it has no
    /// bias, takes the same time always, and bad randomness does no harm. [`CryptoError::InvalidKey`] for a
    /// curve that is not built, [`CryptoError::Corruption`] should there be no signature.
    pub fn sign(&self, digest: &[u8], drbg: &mut Drbg) -> Result<EcSignature, CryptoError> {
        let z = bits_to_int(self.curve, digest);
        let curve = self.curve;
        for _ in 0..ATTEMPTS {
            let nonce = self.nonce(b"ironroot ECDSA nonce", digest, drbg)?;
            let (mut r, mut s) = ([0; MAX_COORDINATE_LEN], [0; MAX_COORDINATE_LEN]);
            let signed = self.expose(|d| {
                nonce.expose(|k| on_curve!(curve, sign(d, k, whole(curve, &z), (&mut r, &mut s))))
            });
            match signed {
                Ok(()) => return Ok(EcSignature { curve, r, s }),
                Err(CryptoError::Corruption) => {}
                Err(error) => return Err(error),
            }
        }
        Err(CryptoError::Corruption)
    }

    /// This scalar plus `t` times `d`, modulo n: the last step of Schnorr's schemes.
    ///
    /// [`CryptoError::InvalidKey`] when the curves differ or the result is zero.
    pub fn multiply_add(&self, t: &Self, d: &Self) -> Result<Self, CryptoError> {
        if t.curve != self.curve || d.curve != self.curve {
            return Err(CryptoError::InvalidKey);
        }
        let curve = self.curve;
        let mut number = Secret::zeroed();
        self.expose(|k| {
            t.expose(|t| {
                d.expose(|d| {
                    number.expose_mut(|out| on_curve!(curve, multiply_add([k, t, d], out)))
                })
            })
        })?;
        Ok(Self { curve, number })
    }

    /// The nonce of one signature: each scheme has its own label, so no two ever share one.
    fn nonce(&self, label: &[u8], digest: &[u8], drbg: &mut Drbg) -> Result<Self, CryptoError> {
        let fresh = drbg.secret::<32>();
        let len = self.curve.extra_bits_len();
        let bits = u32::try_from(len.saturating_mul(8)).unwrap_or(0);
        let mut stream = Secret::<MAX_EXTRA_BITS_LEN>::zeroed();
        stream.expose_mut(|stream| {
            let stream = stream.get_mut(..len).unwrap_or(&mut []);
            self.expose(|key| {
                fresh.expose(|fresh| {
                    kdfa(
                        HashAlgorithm::Sha512,
                        key,
                        label,
                        digest,
                        fresh,
                        bits,
                        stream,
                    )
                })
            })?;
            Self::from_extra_bits(self.curve, stream)
        })
    }
}

/// The number at the end of as many bytes as the curve's numbers have; `None` if it is longer.
fn aligned(curve: Curve, bytes: &[u8]) -> Option<Number> {
    let len = curve.coordinate_len();
    let excess = bytes.len().saturating_sub(len);
    let (zeros, bytes) = bytes.split_at_checked(excess)?;
    if zeros.iter().fold(0, |all, byte| all | byte) != 0 {
        return None;
    }
    let mut number = [0; MAX_COORDINATE_LEN];
    copy_prefix(number.get_mut(len.checked_sub(bytes.len())?..)?, bytes);
    Some(number)
}

/// A number modulo another one, at the start of the result. [`CryptoError::DataLength`] for more than 80 bytes.
fn reduced(modulus: &[u8], bytes: &[u8]) -> Result<Number, CryptoError> {
    if bytes.len() > MAX_REDUCED_LEN {
        return Err(CryptoError::DataLength);
    }
    let mut number = [0; MAX_COORDINATE_LEN];
    arithmetic::reduce_number(modulus, bytes, &mut number);
    Ok(number)
}

/// As many bytes as the curve's numbers have.
fn whole(curve: Curve, number: &Number) -> &[u8] {
    number.get(..curve.coordinate_len()).unwrap_or(number)
}

/// The leftmost bits of a digest as a number (FIPS 186-5, section 6.4.1). The order of P-521 is longer than any
/// digest, and those of the others fill whole bytes, so bytes need no shifting.
fn bits_to_int(curve: Curve, digest: &[u8]) -> Number {
    let digest = digest.get(..curve.coordinate_len()).unwrap_or(digest);
    // Never longer, so there is always a number.
    aligned(curve, digest).unwrap_or([0; MAX_COORDINATE_LEN])
}
