//! RSA private keys: generation, import, export, PSS signatures, OAEP decryption.
//!
//! The private power uses the Chinese remainder theorem on a blinded input, in constant time, and
//! the result is checked with the public key before anyone sees it: one wrong half would give the
//! factors away (Boneh, DeMillo, Lipton, 1997).

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{NonZero, Odd, Uint};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::modular::{LIMBS_1024, LIMBS_1536, LIMBS_2048, LIMBS_3072, power, read, reduce, write};
use super::{MAX_MODULUS_LEN, RsaPublicKey, RsaSize, SALT_LEN, oaep, prime, pss};
use crate::bytes::copy_prefix;
use crate::der::{Integers, write_integers};
use crate::drbg::Drbg;
use crate::hash::HashAlgorithm;
use crate::mac::hmac;
use crate::{CryptoError, Secret, wipe};

/// The longest DER of a private key, in bytes: RSA-3072.
pub const MAX_PRIVATE_DER_LEN: usize = 1792;

/// The exponent of all generated keys.
const EXPONENT: u32 = 65537;

/// A private key, wiped when dropped.
pub struct RsaPrivateKey {
    numbers: Numbers,
}

// One key at a time exists in a tool; a box would need a heap.
#[expect(clippy::large_enum_variant)]
enum Numbers {
    Rsa2048(Parts<LIMBS_2048, LIMBS_1024>),
    Rsa3072(Parts<LIMBS_3072, LIMBS_1536>),
}

impl RsaPrivateKey {
    /// Generates a key with exponent 65537 (FIPS 186-5, appendix A.1.3).
    ///
    /// The same generator state gives the same key for ever. The time taken tells something about
    /// the primes: do not generate where an attacker holds the stopwatch.
    pub fn generate(size: RsaSize, drbg: &mut Drbg) -> Self {
        let numbers = match size {
            RsaSize::Rsa2048 => Numbers::Rsa2048(Parts::generate(drbg)),
            RsaSize::Rsa3072 => Numbers::Rsa3072(Parts::generate(drbg)),
        };
        Self { numbers }
    }

    /// Takes the numbers n, e, d, p, q, big-endian; leading zeros are allowed.
    ///
    /// [`CryptoError::InvalidKey`] unless n = p·q, e·d = 1 modulo p − 1 and q − 1, p and q have half
    /// of n's length, and n and e are as [`RsaPublicKey::from_numbers`] wants them. Whether p and q
    /// are prime is not tested: with composites no signature would pass its check.
    pub fn from_numbers(
        n: &[u8],
        e: &[u8],
        d: &[u8],
        p: &[u8],
        q: &[u8],
    ) -> Result<Self, CryptoError> {
        let public = RsaPublicKey::from_numbers(n, e)?;
        let numbers = match public.size() {
            RsaSize::Rsa2048 => Numbers::Rsa2048(Parts::import(&public, d, p, q)?),
            RsaSize::Rsa3072 => Numbers::Rsa3072(Parts::import(&public, d, p, q)?),
        };
        Ok(Self { numbers })
    }

    /// Reads the DER of `RSAPrivateKey` with two primes (RFC 8017, appendix A.1.2). Takes any bytes.
    ///
    /// The three numbers that follow from the others are computed anew. [`CryptoError::Encoding`]
    /// and [`CryptoError::InvalidKey`] as for [`from_numbers`](Self::from_numbers).
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, CryptoError> {
        let mut integers = Integers::open(der)?;
        if integers.next()? != [0] {
            return Err(CryptoError::Encoding);
        }
        let (n, e, d) = (integers.next()?, integers.next()?, integers.next()?);
        let (p, q) = (integers.next()?, integers.next()?);
        let _derived = (integers.next()?, integers.next()?, integers.next()?);
        integers.close()?;
        Self::from_numbers(n, e, d, p, q)
    }

    /// Writes the DER of `RSAPrivateKey` and gives the length used.
    pub fn to_pkcs1_der(&self, out: &mut Secret<MAX_PRIVATE_DER_LEN>) -> usize {
        let len = match &self.numbers {
            Numbers::Rsa2048(parts) => parts.write_der(out),
            Numbers::Rsa3072(parts) => parts.write_der(out),
        };
        // The buffer holds the longest key, so there is always a length.
        len.unwrap_or(0)
    }

    /// The key's size.
    pub fn size(&self) -> RsaSize {
        match self.numbers {
            Numbers::Rsa2048(_) => RsaSize::Rsa2048,
            Numbers::Rsa3072(_) => RsaSize::Rsa3072,
        }
    }

    /// The public key. [`CryptoError::Corruption`] if it is none any more.
    pub fn public(&self) -> Result<RsaPublicKey, CryptoError> {
        match &self.numbers {
            Numbers::Rsa2048(parts) => parts.public(),
            Numbers::Rsa3072(parts) => parts.public(),
        }
    }

    /// Signs a digest: PSS, MGF1 with the same hash, 32 bytes of random salt.
    ///
    /// `signature` has the modulus's length and `digest` the hash's, else
    /// [`CryptoError::DataLength`]. [`CryptoError::Corruption`] when the result does not verify;
    /// `signature` is then all zeros.
    pub fn sign_pss(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
        drbg: &mut Drbg,
        signature: &mut [u8],
    ) -> Result<(), CryptoError> {
        let modulus_len = self.size().modulus_len();
        if signature.len() != modulus_len || digest.len() != hash.digest_len() {
            return Err(CryptoError::DataLength);
        }
        let mut salt = [0; SALT_LEN];
        drbg.fill(&mut salt);
        pss::encode(hash, digest, &salt, signature)?;
        let signed = match &self.numbers {
            Numbers::Rsa2048(parts) => parts.apply(signature, drbg),
            Numbers::Rsa3072(parts) => parts.apply(signature, drbg),
        };
        if signed.is_err() {
            wipe(signature);
        }
        signed
    }

    /// Decrypts OAEP (RFC 8017, section 7.1.2) into `message`, which has exactly the message's length:
    /// empty label, MGF1 with the same hash.
    ///
    /// The private power is blinded by numbers made from key and ciphertext, so that devices without a
    /// random source can decrypt. Lengths are [`CryptoError::DataLength`]; everything else that can be
    /// wrong is [`CryptoError::Verification`], found in the same time, and `message` is zeros.
    pub fn decrypt_oaep(
        &self,
        hash: HashAlgorithm,
        ciphertext: &[u8],
        message: &mut [u8],
    ) -> Result<(), CryptoError> {
        let mut encoded = Secret::<MAX_MODULUS_LEN>::zeroed();
        encoded.expose_mut(|encoded| {
            let encoded = encoded
                .get_mut(..self.size().modulus_len())
                .filter(|encoded| encoded.len() == ciphertext.len())
                .ok_or(CryptoError::DataLength)?;
            encoded.copy_from_slice(ciphertext);
            let powered = match &self.numbers {
                Numbers::Rsa2048(parts) => parts.apply(encoded, &mut parts.blinder(ciphertext)),
                Numbers::Rsa3072(parts) => parts.apply(encoded, &mut parts.blinder(ciphertext)),
            };
            // Not below the modulus: public, and no more than "wrong".
            powered.map_err(|_| CryptoError::Verification)?;
            oaep::decode(hash, encoded, message)
        })
    }
}

/// The numbers of a key. `p` is the larger prime.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Parts<const FULL: usize, const HALF: usize> {
    n: Uint<FULL>,
    e: u32,
    d: Uint<FULL>,
    p: Uint<HALF>,
    q: Uint<HALF>,
    dp: Uint<HALF>,
    dq: Uint<HALF>,
    q_inverse: Uint<HALF>,
}

impl<const FULL: usize, const HALF: usize> Parts<FULL, HALF> {
    fn generate(drbg: &mut Drbg) -> Self {
        loop {
            let p = Zeroizing::new(prime::random_prime::<HALF>(drbg, EXPONENT));
            let q = Zeroizing::new(prime::random_prime::<HALF>(drbg, EXPONENT));
            if let Some(parts) = Self::from_primes(&p, &q, EXPONENT) {
                return parts;
            }
        }
    }

    /// Steps 2 to 5 of FIPS 186-5, appendix A.1.1, on two primes; `None` when they do not do.
    fn from_primes(p: &Uint<HALF>, q: &Uint<HALF>, e: u32) -> Option<Self> {
        let distance = if p > q {
            p.wrapping_sub(q)
        } else {
            q.wrapping_sub(p)
        };
        if distance.bits() <= Uint::<HALF>::BITS - 100 {
            return None;
        }
        let p_minus_1 = Zeroizing::new(p.wrapping_sub(&Uint::ONE));
        let q_minus_1 = Zeroizing::new(q.wrapping_sub(&Uint::ONE));
        let gcd = p_minus_1.gcd(&q_minus_1).to_nz().into_option()?;
        let reduced = p_minus_1.wrapping_div(&gcd);
        let lcm = reduced
            .resize::<FULL>()
            .wrapping_mul(&q_minus_1.resize::<FULL>());
        let lcm = lcm.to_nz().into_option()?;
        let d = Zeroizing::new(Uint::<FULL>::from_u32(e).invert_mod(&lcm).into_option()?);
        if d.bits() <= Uint::<HALF>::BITS {
            return None;
        }
        Self::assemble(e, &d, p, q)
    }

    fn import(public: &RsaPublicKey, d: &[u8], p: &[u8], q: &[u8]) -> Result<Self, CryptoError> {
        let fits = |number: &[u8], len| crate::der::minimal(number).len() <= len;
        let modulus_len = public.modulus_len();
        let half_len = modulus_len / 2;
        if !fits(d, modulus_len) || !fits(p, half_len) || !fits(q, half_len) {
            return Err(CryptoError::InvalidKey);
        }
        let d = Zeroizing::new(read::<FULL>(d));
        let (p, q) = (
            Zeroizing::new(read::<HALF>(p)),
            Zeroizing::new(read::<HALF>(q)),
        );
        let parts = Self::assemble(public.exponent(), &d, &p, &q).ok_or(CryptoError::InvalidKey)?;
        let consistent = parts.n == read(public.modulus())
            && parts.inverts_exponent(&parts.p, &parts.dp)
            && parts.inverts_exponent(&parts.q, &parts.dq);
        if consistent {
            Ok(parts)
        } else {
            Err(CryptoError::InvalidKey)
        }
    }

    /// Computes the numbers that follow from d, p and q. `None` if one does not exist, or if the
    /// primes' product has not the full length.
    fn assemble(e: u32, d: &Uint<FULL>, p: &Uint<HALF>, q: &Uint<HALF>) -> Option<Self> {
        let (p, q) = if p > q { (p, q) } else { (q, p) };
        let odd_p: Odd<Uint<HALF>> = p.to_odd().into_option()?;
        q.to_odd().into_option()?;
        let n = p.resize::<FULL>().wrapping_mul(&q.resize::<FULL>());
        if n.bits() != Uint::<FULL>::BITS {
            return None;
        }
        let p_minus_1 = p.wrapping_sub(&Uint::ONE).to_nz().into_option()?;
        let q_minus_1 = q.wrapping_sub(&Uint::ONE).to_nz().into_option()?;
        Some(Self {
            n,
            e,
            d: *d,
            p: *p,
            q: *q,
            dp: d.rem(&p_minus_1),
            dq: d.rem(&q_minus_1),
            q_inverse: q.invert_odd_mod(&odd_p).into_option()?,
        })
    }

    /// Whether e·x = 1 modulo prime − 1.
    fn inverts_exponent(&self, prime: &Uint<HALF>, x: &Uint<HALF>) -> bool {
        let Some(order) = prime.wrapping_sub(&Uint::ONE).to_nz().into_option() else {
            return false;
        };
        Uint::from_u32(self.e).mul_mod(x, &order) == Uint::ONE
    }

    /// A generator that nobody without the key can foretell, for blinding this one input.
    fn blinder(&self, input: &[u8]) -> Drbg {
        let d = Zeroizing::new(self.d.to_be_bytes());
        let mut seed = Secret::<32>::zeroed();
        let mut mac = hmac(HashAlgorithm::Sha256, d.as_slice(), input);
        seed.expose_mut(|seed| copy_prefix(seed, mac.as_slice()));
        mac.zeroize();
        Drbg::new(&seed, b"rsa blinding")
    }

    /// RSASP1 (RFC 8017, section 5.2.1) on the bytes in place, blinded and checked.
    fn apply(&self, bytes: &mut [u8], drbg: &mut Drbg) -> Result<(), CryptoError> {
        let message = read::<FULL>(bytes);
        let modulus = self
            .n
            .to_odd()
            .into_option()
            .ok_or(CryptoError::Corruption)?;
        if message.cmp_vartime(modulus.as_ref()).is_ge() {
            return Err(CryptoError::DataLength);
        }
        let params = FixedMontyParams::new(modulus);
        let blinding = Blinding::new(&params, self.e, drbg);
        let blinded = Zeroizing::new(blinding.blind(&message, &params));
        let powered = Zeroizing::new(self.power_by_remainders(&blinded)?);
        let result = blinding.unblind(&powered, &params);
        if power(&result, self.e, &params) != message {
            return Err(CryptoError::Corruption);
        }
        write(&result, bytes);
        Ok(())
    }

    /// Garner's recombination: m2 + q·(q⁻¹·(m1 − m2) mod p).
    fn power_by_remainders(&self, input: &Uint<FULL>) -> Result<Uint<FULL>, CryptoError> {
        let params_p = montgomery(&self.p)?;
        let params_q = montgomery(&self.q)?;
        let m1 = Zeroizing::new(reduce(input, &params_p).pow(&self.dp));
        let m2 = Zeroizing::new(reduce(input, &params_q).pow(&self.dq).retrieve());
        // m2 is below q, and q below p.
        let m2_mod_p = Zeroizing::new(FixedMontyForm::new(&m2, &params_p));
        let q_inverse = Zeroizing::new(FixedMontyForm::new(&self.q_inverse, &params_p));
        let h = Zeroizing::new(m1.sub(&m2_mod_p).mul(&q_inverse).retrieve());
        let high = h.resize::<FULL>().wrapping_mul(&self.q.resize::<FULL>());
        Ok(high.wrapping_add(&m2.resize::<FULL>()))
    }

    fn public(&self) -> Result<RsaPublicKey, CryptoError> {
        let n = self.n.to_be_bytes();
        RsaPublicKey::from_numbers(n.as_slice(), &self.e.to_be_bytes())
            .map_err(|_| CryptoError::Corruption)
    }

    fn write_der(&self, out: &mut Secret<MAX_PRIVATE_DER_LEN>) -> Option<usize> {
        let (n, e) = (self.n.to_be_bytes(), self.e.to_be_bytes());
        let d = Zeroizing::new(self.d.to_be_bytes());
        let half = |number: &Uint<HALF>| Zeroizing::new(number.to_be_bytes());
        let (p, q) = (half(&self.p), half(&self.q));
        let (dp, dq, q_inverse) = (half(&self.dp), half(&self.dq), half(&self.q_inverse));
        let numbers: [&[u8]; 9] = [
            &[0],
            n.as_slice(),
            &e,
            d.as_slice(),
            p.as_slice(),
            q.as_slice(),
            dp.as_slice(),
            dq.as_slice(),
            q_inverse.as_slice(),
        ];
        out.expose_mut(|out| write_integers(&numbers, out))
    }
}

/// A random r, used as r^e before the private power and as 1/r after it.
struct Blinding<const FULL: usize> {
    factor: Zeroizing<FixedMontyForm<FULL>>,
    inverse: Zeroizing<FixedMontyForm<FULL>>,
}

impl<const FULL: usize> Blinding<FULL> {
    fn new(params: &FixedMontyParams<FULL>, e: u32, drbg: &mut Drbg) -> Self {
        loop {
            let random = Zeroizing::new(random_uint::<FULL>(drbg));
            let modulus: &NonZero<Uint<FULL>> = params.modulus().as_nz_ref();
            let r = Zeroizing::new(FixedMontyForm::new(&random.rem(modulus), params));
            // Only a multiple of a prime factor has no inverse; nobody has met one.
            if let Some(inverse) = r.invert().into_option() {
                let factor = power(&r.retrieve(), e, params);
                return Self {
                    factor: Zeroizing::new(FixedMontyForm::new(&factor, params)),
                    inverse: Zeroizing::new(inverse),
                };
            }
        }
    }

    fn blind(&self, message: &Uint<FULL>, params: &FixedMontyParams<FULL>) -> Uint<FULL> {
        FixedMontyForm::new(message, params)
            .mul(&self.factor)
            .retrieve()
    }

    fn unblind(&self, result: &Uint<FULL>, params: &FixedMontyParams<FULL>) -> Uint<FULL> {
        FixedMontyForm::new(result, params)
            .mul(&self.inverse)
            .retrieve()
    }
}

fn montgomery<const HALF: usize>(
    prime: &Uint<HALF>,
) -> Result<Zeroizing<FixedMontyParams<HALF>>, CryptoError> {
    let prime = prime
        .to_odd()
        .into_option()
        .ok_or(CryptoError::Corruption)?;
    Ok(Zeroizing::new(FixedMontyParams::new(prime)))
}

/// A number of `LIMBS` random limbs.
pub(super) fn random_uint<const LIMBS: usize>(drbg: &mut Drbg) -> Uint<LIMBS> {
    let mut buffer = Zeroizing::new([0; MAX_MODULUS_LEN]);
    let len = LIMBS.saturating_mul(crypto_bigint::Limb::BYTES);
    let bytes = buffer.get_mut(..len).unwrap_or(&mut []);
    drbg.fill(bytes);
    read(bytes)
}
