//! What is measured. Row numbers never change meaning: the harness and checked-in results use them.

use ironroot_port_armv8m::nonsecure::prepared::PreparedCall;
use ironroot_port_armv8m::nonsecure::veneers::{InVec, OutVec, raw};
use ironroot_port_armv8m::say;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, EccFamily, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::service::{self, StandardService};
use ironroot_psa_api::{StatelessHandle, attest, storage};

use crate::markers::{bench_begin, bench_end};

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// Its number.
    pub(crate) id: u32,
    /// Its name in results.
    name: &'static str,
    /// How often it is measured.
    repetitions: u32,
    /// Which figure of the repetitions counts.
    statistic: &'static str,
    /// Makes the call that often, each time between the markers. The first status that is no success.
    measure: fn(u32) -> i32,
}

/// The empty row's number.
pub(crate) const EMPTY: u32 = 1;
/// Repetitions of a call that costs the same each time.
const FEW: u32 = 5;
/// Repetitions of a storage write: more than two whole collections of a 128 KiB store of 64-byte records.
const MANY: u32 = 3000;

const fn median(id: u32, name: &'static str, measure: fn(u32) -> i32) -> Row {
    Row {
        id,
        name,
        repetitions: FEW,
        statistic: "median",
        measure,
    }
}

const fn mean(id: u32, name: &'static str, measure: fn(u32) -> i32) -> Row {
    Row {
        id,
        name,
        repetitions: MANY,
        statistic: "mean",
        measure,
    }
}

/// In the order they run; set-up that a row needs is outside its markers.
#[rustfmt::skip] // one line per row
pub(crate) const ROWS: &[Row] = &[
    median(EMPTY, "empty", empty),
    median(2, "framework-version", framework_version),
    median(3, "null-call-prot", |times| null_call(ROOT_ECHO, times)),
    median(4, "null-call-arot", |times| null_call(PARTITION_ECHO, times)),
    median(5, "64-in-out-prot", |times| echo(ROOT_ECHO, times)),
    median(6, "64-in-out-arot", |times| echo(PARTITION_ECHO, times)),
    median(7, "sha-256-1k", sha_256),
    median(8, "sign-p256", sign),
    median(9, "verify-p256", verify),
    mean(10, "its-set-64", |times| set(service::INTERNAL_TRUSTED_STORAGE, times)),
    median(11, "its-get-64", |times| get(service::INTERNAL_TRUSTED_STORAGE, times)),
    mean(12, "ps-set-64", |times| set(service::PROTECTED_STORAGE, times)),
    median(13, "ps-get-64", |times| get(service::PROTECTED_STORAGE, times)),
    median(14, "attestation-token", token),
];

/// The echo service of the PSA Root of Trust, in images with the test services: handle number 9.
const ROOT_ECHO: u8 = 8;
/// The echo partition: handle number 7.
const PARTITION_ECHO: u8 = 6;
/// Object that the storage rows write.
const UID: u64 = 0xBE4C;
/// A multiple of nothing else's size.
const OBJECT: usize = 64;

impl Row {
    /// Measures it and prints what the harness needs to match counts with rows.
    pub(crate) fn run(&self) -> bool {
        let Self {
            id,
            name,
            repetitions,
            statistic,
            ..
        } = *self;
        let status = (self.measure)(repetitions);
        match status {
            0.. => say!("row {id} {name} {statistic} {repetitions}"),
            _ => say!("row {id} {name} failed, status {status}"),
        }
        status >= 0
    }
}

/// For set-up: the call is made once, without markers.
pub(crate) const UNMEASURED: u32 = 0;

/// Makes a prepared call `times` times between the markers; the first failure ends it.
fn repeat(call: Option<PreparedCall<'_, '_>>, times: u32) -> i32 {
    let Some(mut call) = call else { return -1 };
    if times == UNMEASURED {
        return call.make();
    }
    for _ in 0..times {
        call.ready();
        bench_begin();
        let status = call.make();
        bench_end();
        if status < 0 {
            return status;
        }
    }
    0
}

fn empty(times: u32) -> i32 {
    for _ in 0..times {
        bench_begin();
        bench_end();
    }
    0
}

fn framework_version(times: u32) -> i32 {
    for _ in 0..times {
        bench_begin();
        let version = raw::tfm_psa_framework_version_veneer();
        bench_end();
        if version == 0 {
            return -1;
        }
    }
    0
}

fn stateless(index: u8) -> i32 {
    StatelessHandle::new(index, 1)
        .map_or(0, |parts| parts.handle().0)
        .cast_signed()
}

fn null_call(service: u8, times: u32) -> i32 {
    repeat(
        PreparedCall::new(stateless(service), 0, &[], &mut []),
        times,
    )
}

fn echo(service: u8, times: u32) -> i32 {
    let (input, mut output) = ([0x5A; 64], [0; 64]);
    let inputs = [InVec::new(&input)];
    let mut outputs = [OutVec::new(&mut output)];
    let status = repeat(
        PreparedCall::new(stateless(service), 0, &inputs, &mut outputs),
        times,
    );
    if status == 0 && output != input {
        -1
    } else {
        status
    }
}

/// Makes a Crypto call `times` times.
pub(crate) fn crypto(
    request: CryptoRequest,
    inputs: &[&[u8]],
    output: &mut [u8],
    times: u32,
) -> i32 {
    let packed = request.to_bytes();
    let mut vectors = [InVec::new(&packed); 3];
    for (place, input) in vectors.iter_mut().skip(1).zip(inputs) {
        *place = InVec::new(input);
    }
    let vectors = vectors.get(..=inputs.len()).unwrap_or(&[]);
    let mut outputs = [OutVec::new(output)];
    let outputs = if outputs[0].is_empty() {
        &mut outputs[..0]
    } else {
        &mut outputs[..]
    };
    repeat(
        PreparedCall::new(service::CRYPTO.handle.0.cast_signed(), 0, vectors, outputs),
        times,
    )
}

fn sha_256(times: u32) -> i32 {
    let request = CryptoRequest::new(CryptoFunction::HashCompute).algorithm(Algorithm::SHA_256);
    crypto(request, &[&[0x5A; 1024]], &mut [0; 32], times)
}

const SIGNATURE: Algorithm = Algorithm::ecdsa(Algorithm::SHA_256);
const DIGEST: [u8; 32] = [0xD1; 32];

/// Makes a P-256 key pair that signs and verifies.
fn new_key() -> Result<KeyId, i32> {
    let kind = KeyType::ecc_key_pair(EccFamily::SECP_R1);
    let usage = Usage::SIGN_HASH.union(Usage::VERIFY_HASH);
    let attributes = KeyAttributes::volatile(kind, 256, usage, SIGNATURE).to_bytes();
    let mut key = [0; 4];
    let request = CryptoRequest::new(CryptoFunction::GenerateKey);
    match crypto(request, &[&attributes], &mut key, UNMEASURED) {
        0 => Ok(KeyId(u32::from_le_bytes(key))),
        status => Err(status),
    }
}

/// Runs `measure` with a key that exists only for it.
fn with_key(measure: impl FnOnce(KeyId) -> i32) -> i32 {
    let key = match new_key() {
        Ok(key) => key,
        Err(status) => return status,
    };
    let status = measure(key);
    let request = CryptoRequest::new(CryptoFunction::DestroyKey).key(key);
    crypto(request, &[], &mut [], UNMEASURED).min(status)
}

fn sign(times: u32) -> i32 {
    let request = CryptoRequest::new(CryptoFunction::SignHash).algorithm(SIGNATURE);
    with_key(|key| crypto(request.key(key), &[&DIGEST], &mut [0; 64], times))
}

/// With an imported public key, as a verifier has it; a key pair would add the making of its public half.
fn verify(times: u32) -> i32 {
    with_key(|pair| {
        let (mut signature, mut point) = ([0; 64], [0; 65]);
        let sign = CryptoRequest::new(CryptoFunction::SignHash).algorithm(SIGNATURE);
        let export = CryptoRequest::new(CryptoFunction::ExportPublicKey);
        let prepared = crypto(sign.key(pair), &[&DIGEST], &mut signature, UNMEASURED).min(crypto(
            export.key(pair),
            &[],
            &mut point,
            UNMEASURED,
        ));
        if prepared != 0 {
            return prepared;
        }
        let kind = KeyType::ecc_public_key(EccFamily::SECP_R1);
        let attributes = KeyAttributes::volatile(kind, 256, Usage::VERIFY_HASH, SIGNATURE);
        let mut key = [0; 4];
        let import = CryptoRequest::new(CryptoFunction::ImportKey);
        let status = crypto(
            import,
            &[&attributes.to_bytes(), &point],
            &mut key,
            UNMEASURED,
        );
        if status != 0 {
            return status;
        }
        let key = KeyId(u32::from_le_bytes(key));
        let verify = CryptoRequest::new(CryptoFunction::VerifyHash).algorithm(SIGNATURE);
        let status = crypto(verify.key(key), &[&DIGEST, &signature], &mut [], times);
        let destroy = CryptoRequest::new(CryptoFunction::DestroyKey);
        crypto(destroy.key(key), &[], &mut [], UNMEASURED).min(status)
    })
}

/// Overwrites one object, with other content each time.
pub(crate) fn set(storage: StandardService, times: u32) -> i32 {
    for round in 0..times {
        let [low, high, ..] = round.to_le_bytes();
        let mut data = [low; OBJECT];
        data[0] = high;
        let (uid, flags) = (UID.to_le_bytes(), [0; 4]);
        let inputs = [InVec::new(&uid), InVec::new(&data), InVec::new(&flags)];
        let handle = storage.handle.0.cast_signed();
        let status = repeat(PreparedCall::new(handle, storage::SET, &inputs, &mut []), 1);
        if status < 0 {
            return status;
        }
    }
    0
}

/// Reads what the row before has written.
pub(crate) fn get(storage: StandardService, times: u32) -> i32 {
    let (uid, offset, mut data) = (UID.to_le_bytes(), [0; 4], [0; OBJECT]);
    let inputs = [InVec::new(&uid), InVec::new(&offset)];
    let mut outputs = [OutVec::new(&mut data)];
    let handle = storage.handle.0.cast_signed();
    repeat(
        PreparedCall::new(handle, storage::GET, &inputs, &mut outputs),
        times,
    )
}

pub(crate) fn token(times: u32) -> i32 {
    let (challenge, mut token) = ([0xC4; 64], [0; 1024]);
    let inputs = [InVec::new(&challenge)];
    let mut outputs = [OutVec::new(&mut token)];
    let handle = service::ATTESTATION.handle.0.cast_signed();
    repeat(
        PreparedCall::new(handle, attest::GET_TOKEN, &inputs, &mut outputs),
        times,
    )
}
