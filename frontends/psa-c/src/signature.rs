//! `psa/crypto.h`: signatures. Crypto API 1.2, 10.8.

use ironroot_client::crypto::sign;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyId};

use crate::memory::{ReadPointer, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, crypto, shell};

/// # Safety
/// As the header says: `input` and `signature` are valid for their lengths, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_sign_message(
    key: u32,
    algorithm: u32,
    input: ReadPointer,
    input_length: usize,
    signature: WritePointer,
    signature_size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: signature,
        size: signature_size,
        length,
    };
    destination.receive(|link, room| {
        let request = CryptoRequest::new(CryptoFunction::SignMessage).key(KeyId(key));
        let request = request.algorithm(Algorithm(algorithm));
        crypto(link, &request, &[input.bytes(input_length)?], room)
    })
}

/// # Safety
/// As the header says: `hash` and `signature` are valid for their lengths, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_sign_hash(
    key: u32,
    algorithm: u32,
    hash: ReadPointer,
    hash_length: usize,
    signature: WritePointer,
    signature_size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: signature,
        size: signature_size,
        length,
    };
    destination.receive(|link, room| {
        let request = CryptoRequest::new(CryptoFunction::SignHash).key(KeyId(key));
        let request = request.algorithm(Algorithm(algorithm));
        crypto(link, &request, &[hash.bytes(hash_length)?], room)
    })
}

/// # Safety
/// As the header says: `input` and `signature` are valid for their lengths.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_verify_message(
    key: u32,
    algorithm: u32,
    input: ReadPointer,
    input_length: usize,
    signature: ReadPointer,
    signature_length: usize,
) -> CStatus {
    shell(|link| {
        let input = input.bytes(input_length)?.only_read();
        let signature = signature.bytes(signature_length)?.only_read();
        sign::verify_message(link, KeyId(key), Algorithm(algorithm), input, signature)
    })
}

/// # Safety
/// As the header says: `hash` and `signature` are valid for their lengths.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_verify_hash(
    key: u32,
    algorithm: u32,
    hash: ReadPointer,
    hash_length: usize,
    signature: ReadPointer,
    signature_length: usize,
) -> CStatus {
    shell(|link| {
        let hash = hash.bytes(hash_length)?.only_read();
        let signature = signature.bytes(signature_length)?.only_read();
        sign::verify_hash(link, KeyId(key), Algorithm(algorithm), hash, signature)
    })
}
