//! `psa/crypto.h`: key derivation and agreement. Crypto API 1.2, 10.7 and 10.10.

use ironroot_client::crypto::derive::Derivation;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, DerivationStep, KeyId};

use crate::hash::{COperation, abort, running, set_up};
use crate::key::{CKeyAttributes, new_key};
use crate::memory::{ReadOne, ReadPointer, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, crypto, shell};
use crate::transport::Link;

/// Runs one step of a derivation that was set up.
fn step(
    operation: &WriteOne<COperation>,
    body: impl FnOnce(&mut Link, &mut Derivation) -> Result<(), Error>,
) -> CStatus {
    shell(|link| body(link, &mut Derivation::from_handle(running(operation)?)))
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_setup(
    operation: WriteOne<COperation>,
    algorithm: u32,
) -> CStatus {
    set_up(operation, |link| {
        Ok(Derivation::new(link, Algorithm(algorithm))?.handle())
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `capacity` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_get_capacity(
    operation: ReadOne<COperation>,
    capacity: WriteOne<usize>,
) -> CStatus {
    shell(|link| {
        let capacity = capacity.checked()?;
        let number = operation.get()?;
        if number == 0 {
            return Err(Error::BadState);
        }
        capacity.set(Derivation::from_handle(number).capacity(link)? as usize);
        Ok(())
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_set_capacity(
    operation: WriteOne<COperation>,
    capacity: usize,
) -> CStatus {
    step(&operation, |link, derivation| {
        let capacity = u32::try_from(capacity).map_err(|_| Error::InvalidArgument)?;
        derivation.set_capacity(link, capacity)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `data` for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_input_bytes(
    operation: WriteOne<COperation>,
    kind: u16,
    data: ReadPointer,
    length: usize,
) -> CStatus {
    step(&operation, |link, derivation| {
        let data = data.bytes(length)?.only_read();
        derivation.input_bytes(link, DerivationStep(kind), data)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_input_integer(
    operation: WriteOne<COperation>,
    kind: u16,
    value: u64,
) -> CStatus {
    step(&operation, |link, derivation| {
        derivation.input_integer(link, DerivationStep(kind), value)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_input_key(
    operation: WriteOne<COperation>,
    kind: u16,
    key: u32,
) -> CStatus {
    step(&operation, |link, derivation| {
        derivation.input_key(link, DerivationStep(kind), KeyId(key))
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `peer_key` for its length.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_key_agreement(
    operation: WriteOne<COperation>,
    kind: u16,
    private_key: u32,
    peer_key: ReadPointer,
    peer_key_length: usize,
) -> CStatus {
    step(&operation, |link, derivation| {
        let peer_key = peer_key.bytes(peer_key_length)?.only_read();
        derivation.key_agreement(link, DerivationStep(kind), KeyId(private_key), peer_key)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `output` for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_output_bytes(
    operation: WriteOne<COperation>,
    output: WritePointer,
    length: usize,
) -> CStatus {
    step(&operation, |link, derivation| {
        derivation.output_bytes(link, output.room(length)?.only_written())
    })
}

/// # Safety
/// As the header says: `attributes`, `operation` and `key` are valid for one value.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_output_key(
    attributes: ReadOne<CKeyAttributes>,
    operation: WriteOne<COperation>,
    key: WriteOne<u32>,
) -> CStatus {
    new_key(key, &attributes, |link, attributes| {
        Derivation::from_handle(running(&operation)?).output_key(link, attributes)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_key_derivation_abort(operation: WriteOne<COperation>) -> CStatus {
    abort(operation, |link, number| {
        Derivation::from_handle(number).abort(link)
    })
}

/// # Safety
/// As the header says: `peer_key` and `output` are valid for their lengths, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_raw_key_agreement(
    algorithm: u32,
    private_key: u32,
    peer_key: ReadPointer,
    peer_key_length: usize,
    output: WritePointer,
    output_size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: output,
        size: output_size,
        length,
    };
    destination.receive(|link, room| {
        let request = CryptoRequest::new(CryptoFunction::RawKeyAgreement).key(KeyId(private_key));
        let request = request.algorithm(Algorithm(algorithm));
        crypto(link, &request, &[peer_key.bytes(peer_key_length)?], room)
    })
}
