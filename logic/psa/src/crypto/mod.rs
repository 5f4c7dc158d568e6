//! The Crypto service: TF-M's message, decoded and dispatched.
//!
//! Input 0 of every message says what is wanted ([`CryptoRequest`]); the functions read the other
//! inputs in chunks where the algorithm allows it. Order inside each function: parameters and policy
//! first, then room for the result, then the work, and outputs last, so that a failing call leaves
//! nothing behind: no key, no operation, no output.

mod aead;
mod algorithm;
mod derivation;
#[cfg(feature = "ed25519")]
mod eddsa;
#[cfg(not(feature = "ed25519"))]
#[path = "no_eddsa.rs"]
mod eddsa;
mod hash;
mod key;
mod mac;
mod manage;
mod operation;
mod parts;
mod policy;
mod sign;

use crate::scratch::Scratch;
use crate::store::Store;
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CALL_TYPE, CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{KeyAttributes, KeyId};
use ironroot_spm::Message;
use key::{Key, KeyStore, VolatileKeys};
use operation::{Operation, Operations};
use parts::Part;

pub(crate) use derivation::MAX_INFO;
pub(crate) use key::{BuiltinSecrets, MAX_KEY_LEN, MAX_VOLATILE_KEYS};
pub(crate) use operation::MAX_OPERATIONS;

/// How much is read from a client at once, in bytes: a few hash blocks, so that the cost of a read is
/// small beside that of hashing it.
const CHUNK: usize = 256;

/// The longest digest, MAC or signed hash in bytes.
const MAX_SHORT: usize = 64;

/// What the service keeps between calls.
pub(crate) struct CryptoService {
    volatile: VolatileKeys,
    operations: Operations,
}

impl CryptoService {
    pub(crate) const fn new() -> Self {
        Self {
            volatile: VolatileKeys::new(),
            operations: Operations::new(),
        }
    }

    /// A client is gone: what cannot outlive it goes too.
    pub(crate) fn remove_client(&mut self, client: i32) {
        self.volatile.remove_all(client);
        self.operations.remove_all(client);
    }
}

/// What the service borrows for one call.
pub(crate) struct Environment<'a, S> {
    pub(crate) store: &'a mut S,
    pub(crate) drbg: &'a mut Drbg,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) builtin: BuiltinSecrets<'a>,
}

/// One call in progress.
pub(crate) struct Call<'c, 'm, S> {
    client: i32,
    request: CryptoRequest,
    message: &'c mut Message<'m>,
    service: &'c mut CryptoService,
    store: &'c mut S,
    drbg: &'c mut Drbg,
    scratch: &'c mut Scratch,
    builtin: BuiltinSecrets<'c>,
}

/// Answers a message.
pub(crate) fn call<S: Store>(
    service: &mut CryptoService,
    environment: Environment<'_, S>,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    if message.kind() != CALL_TYPE {
        return Err(Error::NotSupported);
    }
    let request = message.read_whole(0).ok_or(Error::ProgrammerError)?;
    let request = CryptoRequest::from_bytes(&request).ok_or(Error::NotSupported)?;
    let Environment {
        store,
        drbg,
        scratch,
        builtin,
    } = environment;
    let client = message.client().get();
    let mut call = Call {
        client,
        request,
        message,
        service,
        store,
        drbg,
        scratch,
        builtin,
    };
    dispatch(&mut call)
}

fn dispatch<S: Store>(call: &mut Call<'_, '_, S>) -> Result<(), Error> {
    use CryptoFunction as F;
    match call.request.function {
        F::GenerateRandom => manage::random(call),
        F::GetKeyAttributes => manage::attributes(call),
        F::ImportKey => manage::import(call),
        F::DestroyKey => manage::destroy(call),
        F::ExportKey => manage::export(call),
        F::ExportPublicKey => manage::export_public(call),
        F::PurgeKey => manage::purge(call),
        F::CopyKey => manage::copy(call),
        F::GenerateKey => manage::generate(call),
        F::HashCompute => hash::compute(call),
        F::HashCompare => hash::compare(call),
        F::HashSetup => hash::setup(call),
        F::HashUpdate => parts::update(call, Part::Hash),
        F::HashClone => hash::clone(call),
        F::HashFinish => parts::finish(call, Part::Hash),
        F::HashVerify => parts::verify(call, Part::Hash),
        F::CanDoHash => hash::can_do(call),
        F::MacCompute => mac::compute(call),
        F::MacVerify => mac::verify(call),
        F::MacSignSetup => mac::setup(call, Part::MacSign),
        F::MacVerifySetup => mac::setup(call, Part::MacVerify),
        F::MacUpdate => parts::update(call, Part::MacSign),
        F::MacSignFinish => parts::finish(call, Part::MacSign),
        F::MacVerifyFinish => parts::verify(call, Part::MacVerify),
        F::AeadEncrypt => aead::encrypt(call),
        F::AeadDecrypt => aead::decrypt(call),
        F::SignMessage => sign::sign_message(call),
        F::VerifyMessage => sign::verify_message(call),
        F::SignHash => sign::sign_hash(call),
        F::VerifyHash => sign::verify_hash(call),
        F::KeyDerivationSetup => derivation::setup(call),
        F::KeyDerivationGetCapacity => derivation::get_capacity(call),
        F::KeyDerivationSetCapacity => derivation::set_capacity(call),
        F::KeyDerivationInputBytes => derivation::input_bytes(call),
        F::KeyDerivationInputKey => derivation::input_key(call),
        F::KeyDerivationOutputBytes => derivation::output_bytes(call),
        F::KeyDerivationOutputKey => derivation::output_key(call),
        // One pool, one way out of it: whatever kind of operation the client thinks it is.
        F::HashAbort | F::MacAbort | F::CipherAbort | F::AeadAbort | F::KeyDerivationAbort => {
            call.abort()
        }
        // No unauthenticated cipher and no AEAD in parts yet, no public-key encryption, no agreement; keys
        // need not be opened.
        F::OpenKey
        | F::CloseKey
        | F::CipherEncrypt
        | F::CipherDecrypt
        | F::CipherEncryptSetup
        | F::CipherDecryptSetup
        | F::CipherGenerateIv
        | F::CipherSetIv
        | F::CipherUpdate
        | F::CipherFinish
        | F::CanDoCipher
        | F::AeadEncryptSetup
        | F::AeadDecryptSetup
        | F::AeadGenerateNonce
        | F::AeadSetNonce
        | F::AeadSetLengths
        | F::AeadUpdateAd
        | F::AeadUpdate
        | F::AeadFinish
        | F::AeadVerify
        | F::AsymmetricEncrypt
        | F::AsymmetricDecrypt
        | F::RawKeyAgreement
        | F::KeyDerivationInputInteger
        | F::KeyDerivationKeyAgreement => Err(Error::NotSupported),
    }
}

/// Reads what is left of an input, chunk by chunk; the copies are wiped.
fn each_chunk(message: &mut Message<'_>, input: usize, f: &mut dyn FnMut(&[u8])) {
    let mut chunk = Secret::<CHUNK>::zeroed();
    chunk.expose_mut(|bytes| {
        loop {
            let read = message.read(input, bytes);
            match bytes.get(..read) {
                Some([]) | None => break,
                Some(part) => f(part),
            }
        }
    });
}

/// A short input: a digest, MAC or hash of at most [`MAX_SHORT`] bytes.
struct Short {
    bytes: [u8; MAX_SHORT],
    len: usize,
}

impl Short {
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl<S: Store> Call<'_, '_, S> {
    fn keys(&mut self) -> KeyStore<'_, S> {
        KeyStore {
            client: self.client,
            volatile: &mut self.service.volatile,
            store: &mut *self.store,
            builtin: self.builtin,
        }
    }

    fn load_key(&mut self, id: KeyId) -> Result<Key, Error> {
        self.keys().load(id)
    }

    fn read_attributes(&mut self, input: usize) -> Result<KeyAttributes, Error> {
        let bytes = self
            .message
            .read_whole(input)
            .ok_or(Error::ProgrammerError)?;
        Ok(KeyAttributes::from_bytes(&bytes))
    }

    /// A whole input; nothing when it is longer than any digest.
    fn read_digest(&mut self, input: usize) -> Option<Short> {
        let len = self.message.in_len(input);
        let mut short = Short {
            bytes: [0; MAX_SHORT],
            len,
        };
        let place = short.bytes.get_mut(..len)?;
        if self.message.read(input, place) == len {
            Some(short)
        } else {
            None
        }
    }

    fn expect_room(&self, output: usize, len: usize) -> Result<(), Error> {
        if self.message.out_len(output) < len {
            Err(Error::BufferTooSmall)
        } else {
            Ok(())
        }
    }

    fn expect_equal(&mut self, input: usize, actual: &[u8]) -> Result<(), Error> {
        let expected = self.read_digest(input).ok_or(Error::InvalidSignature)?;
        if ironroot_crypto::ct_eq(expected.as_slice(), actual) {
            Ok(())
        } else {
            Err(Error::InvalidSignature)
        }
    }

    fn write(&mut self, output: usize, data: &[u8]) -> Result<(), Error> {
        self.message.write(output, data).map_err(Error::from)
    }

    /// Starts an operation: `begin` makes it, output 0 gets its handle. The client's object must be fresh.
    fn start(
        &mut self,
        begin: impl FnOnce(&mut Self) -> Result<Operation, Error>,
    ) -> Result<(), Error> {
        if self.request.operation != 0 {
            return Err(Error::BadState);
        }
        self.expect_room(0, 4)?;
        let operation = begin(self)?;
        let handle = self.service.operations.add(self.client, operation)?;
        self.write(0, &handle.to_le_bytes())
    }

    /// A step of the call's operation. When it fails, the operation has failed.
    ///
    /// # Errors
    /// `BAD_STATE` when there is no such operation, and those of `step`.
    fn step<R>(
        &mut self,
        step: impl FnOnce(&mut Operation, &mut Message<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let handle = self.request.operation;
        let operation = self.service.operations.get(self.client, handle)?;
        let result = step(operation, self.message);
        if result.is_err() {
            *operation = Operation::Failed;
        }
        result
    }

    /// The last step of the call's operation, which gets it whole. If that succeeds the operation is gone,
    /// and output 0 gets the null handle; if not, it has failed and waits for `abort`.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn finish<R>(&mut self, last: impl FnOnce(Operation) -> Result<R, Error>) -> Result<R, Error> {
        self.expect_room(0, 4)?;
        let operation = self
            .service
            .operations
            .get(self.client, self.request.operation)?;
        let result = last(core::mem::replace(operation, Operation::Failed))?;
        self.abort()?;
        Ok(result)
    }

    fn abort(&mut self) -> Result<(), Error> {
        self.service
            .operations
            .abort(self.client, self.request.operation);
        self.write(0, &[0; 4])
    }

    /// Brings one input whole into the scratch buffer and lets `f` read it.
    fn with_whole<R>(&mut self, input: usize, f: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        let message = &mut *self.message;
        let len = message.in_len(input);
        self.scratch.lend(len, |bytes| {
            read_exactly(message, input, bytes)?;
            Ok(f(bytes))
        })
    }

    /// Brings two inputs into the scratch buffer, the second with `room` zeros after it; `work` changes
    /// that one in place, and what it leaves is written to output 0, as much as fits there by the caller's check.
    fn with_parts(
        &mut self,
        first: usize,
        second: usize,
        room: usize,
        work: impl FnOnce(&CryptoRequest, &[u8], &mut [u8]) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        let message = &mut *self.message;
        let first_len = message.in_len(first);
        let second_len = message.in_len(second);
        let len = first_len
            .checked_add(second_len)
            .and_then(|len| len.checked_add(room));
        let request = &self.request;
        self.scratch
            .lend(len.ok_or(Error::InsufficientMemory)?, |bytes| {
                let (head, body) = bytes
                    .split_at_mut_checked(first_len)
                    .ok_or(Error::CorruptionDetected)?;
                read_exactly(message, first, head)?;
                let text = body
                    .get_mut(..second_len)
                    .ok_or(Error::CorruptionDetected)?;
                read_exactly(message, second, text)?;
                let len = work(request, head, body)?;
                message
                    .write(0, body.get(..len).ok_or(Error::CorruptionDetected)?)
                    .map_err(Error::from)
            })
    }
}

fn read_exactly(message: &mut Message<'_>, input: usize, out: &mut [u8]) -> Result<(), Error> {
    if message.read(input, out) == out.len() {
        Ok(())
    } else {
        Err(Error::CommunicationFailure)
    }
}
