//! `psa/crypto.h`: hashes. Crypto API 1.2, 10.2.

use ironroot_client::crypto::hash::{self, HashOperation};
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::Algorithm;

use crate::memory::{ReadOne, ReadPointer, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, crypto, shell};
use crate::transport::Link;

/// A multipart operation in C is the service's number for it; 0 is none.
pub(crate) type COperation = u32;

// The same number as in the header.
const _: () = assert!(size_of::<COperation>() == 4);

/// Begins an operation where none is.
pub(crate) fn set_up(
    operation: WriteOne<COperation>,
    begin: impl FnOnce(&mut Link) -> Result<COperation, Error>,
) -> CStatus {
    shell(|link| {
        if operation.get()? != 0 {
            return Err(Error::BadState);
        }
        operation.set(begin(link)?);
        Ok(())
    })
}

/// The number of an operation that was begun.
pub(crate) fn running(operation: &WriteOne<COperation>) -> Result<COperation, Error> {
    match operation.get()? {
        0 => Err(Error::BadState),
        number => Ok(number),
    }
}

/// Takes the number of an operation that ends here, whatever comes of it.
pub(crate) fn ending(operation: &WriteOne<COperation>) -> Result<COperation, Error> {
    let number = running(operation)?;
    operation.set(0);
    Ok(number)
}

/// Ends an operation without a result; there need not be one.
pub(crate) fn abort(
    operation: WriteOne<COperation>,
    end: impl FnOnce(&mut Link, COperation),
) -> CStatus {
    shell(|link| match operation.get()? {
        0 => Ok(()),
        number => {
            operation.set(0);
            end(link, number);
            Ok(())
        }
    })
}

/// # Safety
/// As the header says: `input` and `hash` are valid for their lengths, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_compute(
    algorithm: u32,
    input: ReadPointer,
    input_length: usize,
    hash: WritePointer,
    hash_size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: hash,
        size: hash_size,
        length,
    };
    destination.receive(|link, room| {
        let request = CryptoRequest::new(CryptoFunction::HashCompute);
        let request = request.algorithm(Algorithm(algorithm));
        crypto(link, &request, &[input.bytes(input_length)?], room)
    })
}

/// # Safety
/// As the header says: `input` and `expected` are valid for their lengths.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_compare(
    algorithm: u32,
    input: ReadPointer,
    input_length: usize,
    expected: ReadPointer,
    expected_length: usize,
) -> CStatus {
    shell(|link| {
        let input = input.bytes(input_length)?.only_read();
        let expected = expected.bytes(expected_length)?.only_read();
        hash::compare(link, Algorithm(algorithm), input, expected)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_setup(operation: WriteOne<COperation>, algorithm: u32) -> CStatus {
    set_up(operation, |link| {
        Ok(HashOperation::new(link, Algorithm(algorithm))?.handle())
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `input` for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_update(
    operation: WriteOne<COperation>,
    input: ReadPointer,
    length: usize,
) -> CStatus {
    shell(|link| {
        let mut running = HashOperation::from_handle(running(&operation)?);
        running.update(link, input.bytes(length)?.only_read())
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `hash` for `size` bytes, `length` for one
/// `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_finish(
    operation: WriteOne<COperation>,
    hash: WritePointer,
    size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: hash,
        size,
        length,
    };
    destination
        .receive_only(|link, out| HashOperation::from_handle(ending(&operation)?).finish(link, out))
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `expected` for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_verify(
    operation: WriteOne<COperation>,
    expected: ReadPointer,
    length: usize,
) -> CStatus {
    shell(|link| {
        let expected = expected.bytes(length)?.only_read();
        HashOperation::from_handle(ending(&operation)?).verify(link, expected)
    })
}

/// # Safety
/// As the header says: both operations are valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_clone(
    source: ReadOne<COperation>,
    target: WriteOne<COperation>,
) -> CStatus {
    set_up(target, |link| match source.get()? {
        0 => Err(Error::BadState),
        number => Ok(HashOperation::from_handle(number).try_clone(link)?.handle()),
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_hash_abort(operation: WriteOne<COperation>) -> CStatus {
    abort(operation, |link, number| {
        HashOperation::from_handle(number).abort(link)
    })
}
