//! The few honest calls that some attacks need around the dishonest one, straight at the veneer.

use ironroot_port_armv8m::nonsecure::veneers::{InVec, OutVec, call};
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, EccFamily, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::service::{self, StandardService};
use ironroot_psa_api::storage;

/// Calls the Crypto service.
fn crypto(request: CryptoRequest, input: &[u8], output: &mut [u8]) -> i32 {
    let packed = request.to_bytes();
    let inputs = [InVec::new(&packed), InVec::new(input)];
    let inputs = if input.is_empty() {
        &inputs[..1]
    } else {
        &inputs[..]
    };
    let mut outputs = [OutVec::new(output)];
    let outputs = if outputs[0].is_empty() {
        &mut outputs[..0]
    } else {
        &mut outputs[..]
    };
    call(service::CRYPTO.handle.0.cast_signed(), 0, inputs, outputs)
}

/// Makes a P-256 signing key; persistent if `id` is not null.
pub(crate) fn generate_signing_key(id: KeyId) -> Result<KeyId, i32> {
    let kind = KeyType::ecc_key_pair(EccFamily::SECP_R1);
    let mut attributes = KeyAttributes::volatile(kind, 256, Usage::SIGN_HASH, SIGNATURE);
    if id != KeyId::NULL {
        attributes = attributes.persistent(id);
    }
    let mut key = [0; 4];
    let request = CryptoRequest::new(CryptoFunction::GenerateKey);
    match crypto(request, &attributes.to_bytes(), &mut key) {
        0 => Ok(KeyId(u32::from_le_bytes(key))),
        status => Err(status),
    }
}

const SIGNATURE: Algorithm = Algorithm::ecdsa(Algorithm::SHA_256);

/// Signs a hash of zeros.
pub(crate) fn sign(key: KeyId) -> i32 {
    let request = CryptoRequest::new(CryptoFunction::SignHash)
        .key(key)
        .algorithm(SIGNATURE);
    crypto(request, &[0; 32], &mut [0; 64])
}

/// Destroys a key.
pub(crate) fn destroy_key(key: KeyId) -> i32 {
    crypto(
        CryptoRequest::new(CryptoFunction::DestroyKey).key(key),
        &[],
        &mut [],
    )
}

/// SHA-256 of a message.
pub(crate) fn hash(message: &[u8], digest: &mut [u8; 32]) -> i32 {
    let request = CryptoRequest::new(CryptoFunction::HashCompute).algorithm(Algorithm::SHA_256);
    crypto(request, message, digest)
}

/// Stores an object in ITS or PS.
pub(crate) fn set(service: StandardService, uid: u64, data: &[u8]) -> i32 {
    let (uid, flags) = (uid.to_le_bytes(), [0; 4]);
    let inputs = [InVec::new(&uid), InVec::new(data), InVec::new(&flags)];
    call(
        service.handle.0.cast_signed(),
        storage::SET,
        &inputs,
        &mut [],
    )
}

/// Reads an object from its start.
pub(crate) fn get(service: StandardService, uid: u64, data: &mut [u8]) -> i32 {
    let (uid, offset) = (uid.to_le_bytes(), [0; 4]);
    let inputs = [InVec::new(&uid), InVec::new(&offset)];
    call(
        service.handle.0.cast_signed(),
        storage::GET,
        &inputs,
        &mut [OutVec::new(data)],
    )
}

/// Removes an object.
pub(crate) fn remove(service: StandardService, uid: u64) -> i32 {
    let uid = uid.to_le_bytes();
    call(
        service.handle.0.cast_signed(),
        storage::REMOVE,
        &[InVec::new(&uid)],
        &mut [],
    )
}
