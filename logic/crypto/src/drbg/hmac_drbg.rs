//! HMAC_DRBG (SP 800-90A rev. 1, section 10.1.2).

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::CryptoError;
use crate::bytes::copy_prefix;
use crate::hash::{Digest, HashAlgorithm};
use crate::mac::Hmac;

/// The most bytes of one request: 2^19 bits (SP 800-90A, table 2).
const MAX_REQUEST: usize = 1 << 16;

/// HMAC_DRBG with any hash, without prediction resistance.
///
/// The seed material's strength is the caller's business: SP 800-90A asks for entropy of the
/// hash's security strength and a nonce of half of that. The reseed interval of 2^48 requests is
/// out of any device's reach and not counted.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct HmacDrbg {
    #[zeroize(skip)]
    algorithm: HashAlgorithm,
    key: Digest,
    value: Digest,
}

impl HmacDrbg {
    /// Instantiates from entropy, nonce and personalisation string (section 10.1.2.3).
    pub fn new(
        algorithm: HashAlgorithm,
        entropy: &[u8],
        nonce: &[u8],
        personalisation: &[u8],
    ) -> Self {
        let len = algorithm.digest_len();
        let mut drbg = Self {
            algorithm,
            key: Digest::filled(0, len),
            value: Digest::filled(1, len),
        };
        drbg.update(&[entropy, nonce, personalisation]);
        drbg
    }

    /// Reseeds (section 10.1.2.4).
    pub fn reseed(&mut self, entropy: &[u8], additional: &[u8]) {
        self.update(&[entropy, additional]);
    }

    /// Generates (section 10.1.2.5).
    ///
    /// [`CryptoError::DataLength`] when more than 65,536 bytes are wanted at once.
    pub fn generate(&mut self, additional: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        if out.len() > MAX_REQUEST {
            return Err(CryptoError::DataLength);
        }
        if !additional.is_empty() {
            self.update(&[additional]);
        }
        let keyed = Hmac::new(self.algorithm, self.key.as_slice());
        for chunk in out.chunks_mut(self.algorithm.digest_len()) {
            let mut mac = keyed.fork();
            mac.update(self.value.as_slice());
            self.value = mac.finish();
            copy_prefix(chunk, self.value.as_slice());
        }
        self.update(&[additional]);
        Ok(())
    }

    /// HMAC_DRBG_Update (section 10.1.2.2); the provided data are given in parts.
    fn update(&mut self, provided: &[&[u8]]) {
        self.update_round(0, provided);
        if provided.iter().any(|part| !part.is_empty()) {
            self.update_round(1, provided);
        }
    }

    fn update_round(&mut self, round: u8, provided: &[&[u8]]) {
        let mut mac = Hmac::new(self.algorithm, self.key.as_slice());
        mac.update(self.value.as_slice());
        mac.update(&[round]);
        for part in provided {
            mac.update(part);
        }
        self.key = mac.finish();
        let mut mac = Hmac::new(self.algorithm, self.key.as_slice());
        mac.update(self.value.as_slice());
        self.value = mac.finish();
    }
}
