//! Key derivation: HKDF, whole and in halves (RFC 5869; PSA Crypto API, key derivation).
//!
//! Inputs come in a fixed order, each once: salt (for Extract it must, for the whole it may), secret,
//! information (for the whole and Expand it must). Output is one long stream, read once, front to back.
//!
//! Over-reading gives `INSUFFICIENT_DATA`, writes nothing and leaves the capacity at zero. Only a secret that
//! came in as a key object may leave as one: otherwise a client could give a known secret the
//! appearance of a protected key.

use super::algorithm::{self, Hkdf};
use super::key::{Key, KeyKind, Material};
use super::operation::Operation;
use super::{CHUNK, Call, each_chunk, policy};
use crate::store::Store;
use ironroot_crypto::Secret;
use ironroot_crypto::hash::{Digest, HashAlgorithm, Hasher};
use ironroot_crypto::mac::Hmac;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, DerivationStep, KeyId, Usage};

/// Most information (RFC 5869, `info`) in bytes; it must be kept, for every block of output needs it.
pub(crate) const MAX_INFO: usize = 256;
/// The longest block of a hash in bytes; a longer salt is hashed first, as HMAC does.
const MAX_BLOCK: usize = 128;
const MAX_DIGEST: usize = 64;
/// RFC 5869: the block counter is one byte and starts at 1.
const MAX_BLOCKS: usize = 255;

/// Hands an input over in chunks: calls what it is given with each of them.
type Feed<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8]));

/// A derivation in parts.
pub(crate) struct Derivation {
    algorithm: Algorithm,
    part: Hkdf,
    hash: HashAlgorithm,
    capacity: usize,
    inputs: Inputs,
    info: Option<Info>,
    /// The keys that went in, which must live as long as this does.
    keys: [KeyId; 3],
    secret_is_key: bool,
}

/// How far the inputs are.
enum Inputs {
    Nothing,
    Salt(Bytes<MAX_BLOCK>),
    Secret(Stream),
}

/// Up to `N` secret bytes.
struct Bytes<const N: usize> {
    bytes: Secret<N>,
    len: usize,
}

type Info = Bytes<MAX_INFO>;

/// The output stream: the pseudorandom key, the block in hand and how much of it is used.
struct Stream {
    key: Bytes<MAX_DIGEST>,
    block: Bytes<MAX_DIGEST>,
    used: usize,
    counter: u8,
}

impl<const N: usize> Bytes<N> {
    fn new(source: &[u8]) -> Option<Self> {
        let mut bytes = Secret::zeroed();
        bytes.expose_mut(|own: &mut [u8; N]| {
            own.get_mut(..source.len())?.copy_from_slice(source);
            Some(())
        })?;
        Some(Self {
            bytes,
            len: source.len(),
        })
    }

    fn of_digest(mut digest: Digest) -> Result<Self, Error> {
        let bytes = Self::new(digest.as_slice()).ok_or(Error::CorruptionDetected);
        digest.wipe();
        bytes
    }

    fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.bytes
            .expose(|bytes| f(bytes.get(..self.len).unwrap_or(bytes)))
    }
}

impl Derivation {
    fn new(algorithm: Algorithm) -> Result<Self, Error> {
        let (part, hash) = algorithm::derivation(algorithm)?;
        let blocks = if part == Hkdf::Extract { 1 } else { MAX_BLOCKS };
        Ok(Self {
            algorithm,
            part,
            hash,
            capacity: hash.digest_len().saturating_mul(blocks),
            inputs: Inputs::Nothing,
            info: None,
            keys: [KeyId::NULL; 3],
            secret_is_key: false,
        })
    }

    pub(crate) fn uses(&self, key: KeyId) -> bool {
        key != KeyId::NULL && self.keys.contains(&key)
    }

    /// Takes the salt, which `feed` gives in chunks.
    fn salt(&mut self, len: usize, feed: Feed<'_>) -> Result<(), Error> {
        if self.part == Hkdf::Expand || !matches!(self.inputs, Inputs::Nothing) {
            return Err(Error::BadState);
        }
        let salt = if len > self.hash.block_len() {
            let mut hasher = Hasher::new(self.hash);
            feed(&mut |chunk| hasher.update(chunk));
            Bytes::of_digest(hasher.finish())?
        } else {
            collect(feed)?
        };
        self.inputs = Inputs::Salt(salt);
        Ok(())
    }

    /// Takes the secret; from here the output is determined but for the information.
    fn secret(&mut self, len: usize, feed: Feed<'_>) -> Result<(), Error> {
        let key = match (&self.inputs, self.part) {
            (Inputs::Secret(_), _) | (Inputs::Nothing, Hkdf::Extract) => {
                return Err(Error::BadState);
            }
            (_, Hkdf::Expand) if len != self.hash.digest_len() => {
                return Err(Error::InvalidArgument);
            }
            (_, Hkdf::Expand) => collect(feed)?,
            (Inputs::Salt(salt), _) => {
                extract(salt.expose(|salt| Hmac::new(self.hash, salt)), feed)?
            }
            (Inputs::Nothing, _) => extract(Hmac::new(self.hash, &[]), feed)?,
        };
        let block = Bytes::new(&[]).ok_or(Error::CorruptionDetected)?;
        self.inputs = Inputs::Secret(Stream {
            key,
            block,
            used: 0,
            counter: 0,
        });
        Ok(())
    }

    fn info(&mut self, len: usize, feed: Feed<'_>) -> Result<(), Error> {
        if self.part == Hkdf::Extract || self.info.is_some() {
            return Err(Error::BadState);
        }
        if len > MAX_INFO {
            return Err(Error::NotSupported);
        }
        self.info = Some(collect(feed)?);
        Ok(())
    }

    fn input(&mut self, step: DerivationStep, len: usize, feed: Feed<'_>) -> Result<(), Error> {
        match step {
            DerivationStep::SALT => self.salt(len, feed),
            DerivationStep::SECRET => self.secret(len, feed),
            DerivationStep::INFO => self.info(len, feed),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Each input comes once, so there is a place for each key.
    fn remember(&mut self, step: DerivationStep, key: KeyId) {
        self.secret_is_key |= step == DerivationStep::SECRET;
        if let Some(place) = self.keys.iter_mut().find(|place| **place == KeyId::NULL) {
            *place = key;
        }
    }

    /// Whether output may start.
    fn ready(&self) -> Result<(), Error> {
        let complete = self.part == Hkdf::Extract || self.info.is_some();
        if complete && matches!(self.inputs, Inputs::Secret(_)) {
            Ok(())
        } else {
            Err(Error::BadState)
        }
    }

    /// Takes `len` bytes off the capacity, or all of it if that is not enough.
    fn spend(&mut self, len: usize) -> Result<(), Error> {
        let left = self.capacity.checked_sub(len);
        self.capacity = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Error::InsufficientData)
    }

    /// The next `out.len()` bytes of the stream, which [`spend`](Self::spend) has granted.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let Inputs::Secret(stream) = &mut self.inputs else {
            return Err(Error::BadState);
        };
        let mut rest = out;
        while !rest.is_empty() {
            if stream.used >= stream.block.len {
                stream.next_block(self.part, self.hash, self.info.as_ref())?;
            }
            let take = rest.len().min(stream.block.len.saturating_sub(stream.used));
            let (now, later) = rest
                .split_at_mut_checked(take)
                .ok_or(Error::CorruptionDetected)?;
            stream.block.expose(|block| {
                let unused = block.iter().skip(stream.used);
                now.iter_mut()
                    .zip(unused)
                    .for_each(|(to, from)| *to = *from);
            });
            stream.used = stream.used.saturating_add(take);
            rest = later;
        }
        Ok(())
    }
}

impl Stream {
    /// T(n) = HMAC(PRK, T(n-1) ‖ info ‖ n); the Extract half gives the PRK itself.
    fn next_block(
        &mut self,
        part: Hkdf,
        hash: HashAlgorithm,
        info: Option<&Info>,
    ) -> Result<(), Error> {
        self.counter = self.counter.checked_add(1).ok_or(Error::InsufficientData)?;
        self.used = 0;
        if part == Hkdf::Extract {
            self.block = self
                .key
                .expose(Bytes::new)
                .ok_or(Error::CorruptionDetected)?;
            return Ok(());
        }
        let mut hmac = self.key.expose(|key| Hmac::new(hash, key));
        self.block.expose(|previous| hmac.update(previous));
        if let Some(info) = info {
            info.expose(|info| hmac.update(info));
        }
        hmac.update(&[self.counter]);
        self.block = Bytes::of_digest(hmac.finish())?;
        Ok(())
    }
}

fn extract(mut hmac: Hmac, feed: Feed<'_>) -> Result<Bytes<MAX_DIGEST>, Error> {
    feed(&mut |chunk| hmac.update(chunk));
    Bytes::of_digest(hmac.finish())
}

/// Collects chunks. More than `N` bytes are an internal error: callers have looked at the length.
fn collect<const N: usize>(feed: Feed<'_>) -> Result<Bytes<N>, Error> {
    let mut bytes = Secret::zeroed();
    let mut len = 0usize;
    let mut fits = true;
    feed(&mut |chunk| {
        bytes.expose_mut(|own: &mut [u8; N]| {
            // Exactly as long as the chunk, and the compiler sees it: no way to a panic.
            match own
                .get_mut(len..)
                .and_then(|rest| rest.get_mut(..chunk.len()))
            {
                Some(place) => place.copy_from_slice(chunk),
                None => fits = false,
            }
        });
        len = len.saturating_add(chunk.len());
    });
    if fits {
        Ok(Bytes { bytes, len })
    } else {
        Err(Error::CorruptionDetected)
    }
}

fn running(operation: &mut Operation) -> Result<&mut Derivation, Error> {
    match operation {
        Operation::Derivation(derivation) => Ok(derivation),
        Operation::Hash(_) | Operation::Mac(_) | Operation::Failed => Err(Error::BadState),
    }
}

/// `psa_key_derivation_setup`.
pub(crate) fn setup(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    call.start(|call| Derivation::new(call.request.algorithm).map(Operation::Derivation))
}

/// `psa_key_derivation_get_capacity`.
pub(crate) fn get_capacity(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let capacity = call.step(|operation, _| Ok(running(operation)?.capacity))?;
    call.write(
        0,
        &u32::try_from(capacity).unwrap_or(u32::MAX).to_le_bytes(),
    )
}

/// `psa_key_derivation_set_capacity`: it may only shrink.
pub(crate) fn set_capacity(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let wanted = usize::try_from(call.request.capacity()).map_err(|_| Error::InvalidArgument)?;
    call.step(|operation, _| {
        let derivation = running(operation)?;
        if wanted > derivation.capacity {
            return Err(Error::InvalidArgument);
        }
        derivation.capacity = wanted;
        Ok(())
    })
}

/// `psa_key_derivation_input_bytes`.
pub(crate) fn input_bytes(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let step = call.request.step;
    call.step(|operation, message| {
        let len = message.in_len(1);
        running(operation)?.input(step, len, &mut |take| each_chunk(message, 1, take))
    })
}

/// `psa_key_derivation_input_key`.
pub(crate) fn input_key(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let step = call.request.step;
    // A failure fails the operation too, so the key is looked up first and judged inside.
    let key = call.load_key(call.request.key);
    call.step(|operation, _| {
        let derivation = running(operation)?;
        let key = key?;
        policy::check(&key.attributes, Usage::DERIVE, derivation.algorithm)?;
        check_type(step, &key)?;
        key.material
            .expose(|bytes| derivation.input(step, bytes.len(), &mut |take| take(bytes)))?;
        derivation.remember(step, key.attributes.id);
        Ok(())
    })
}

/// Secrets come as secrets, everything else as raw data.
fn check_type(step: DerivationStep, key: &Key) -> Result<(), Error> {
    let expected = if step == DerivationStep::SECRET {
        KeyKind::Derive
    } else {
        KeyKind::Raw
    };
    if key.kind == expected {
        Ok(())
    } else {
        Err(Error::InvalidArgument)
    }
}

/// `psa_key_derivation_output_bytes`.
pub(crate) fn output_bytes(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let len = call.message.out_len(0);
    call.spend_or_fail(len)?;
    call.step(|operation, message| {
        let derivation = running(operation)?;
        let mut left = len;
        let mut chunk = Secret::<CHUNK>::zeroed();
        while left > 0 {
            let take = left.min(CHUNK);
            chunk.expose_mut(|bytes| {
                let bytes = bytes.get_mut(..take).ok_or(Error::CorruptionDetected)?;
                derivation.fill(bytes)?;
                message.write(0, bytes).map_err(Error::from)
            })?;
            left = left.saturating_sub(take);
        }
        Ok(())
    })
}

/// `psa_key_derivation_output_key`.
pub(crate) fn output_key(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let attributes = call.read_attributes(1)?;
    call.expect_room(0, 4)?;
    let kind = call.keys().check_new(&attributes)?;
    let len = kind.len_for(attributes.bits)?;
    let from_key = call.step(|operation, _| Ok(running(operation)?.secret_is_key))?;
    if !from_key {
        return Err(Error::NotPermitted);
    }
    let material = derive_key(call, kind, len)?;
    call.add_key(&attributes, kind, material)
}

/// The next key of the stream (PSA Crypto API, `psa_key_derivation_output_key`).
fn derive_key(
    call: &mut Call<'_, '_, impl Store>,
    kind: KeyKind,
    len: usize,
) -> Result<Material, Error> {
    loop {
        call.spend_or_fail(len)?;
        let mut material = call.step(|operation, _| {
            let derivation = running(operation)?;
            Material::fill(len, |bytes| derivation.fill(bytes))
        })?;
        if kind != KeyKind::P256Pair {
            return Ok(material);
        }
        // A Weierstrass key is a number from 1 to n - 1: draw k and take k + 1, unless that is too large; then draw
        // again, which happens once in 2^32 draws.
        if material.increment() && kind.check(&material).is_ok() {
            return Ok(material);
        }
    }
}

impl<S: Store> Call<'_, '_, S> {
    /// Takes `len` bytes off the capacity of the call's derivation. Over-reading does not fail the
    /// operation: its capacity is zero then, which says the same.
    fn spend_or_fail(&mut self, len: usize) -> Result<(), Error> {
        self.step(|operation, _| {
            let derivation = running(operation)?;
            derivation.ready()?;
            Ok(derivation.spend(len))
        })?
    }
}
