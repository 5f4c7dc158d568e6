//! `psa/crypto.h`: the library, random bytes, keys.

use core::mem::offset_of;

use ironroot_client::{Transport, crypto};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, KeyAttributes, KeyId, KeyType, Lifetime, Usage};

use crate::memory::{ReadOne, ReadPointer, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, shell};
use crate::transport::Link;

/// `psa_key_attributes_t`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct CKeyAttributes {
    kind: u16,
    bits: u16,
    lifetime: u32,
    usage: u32,
    algorithm: u32,
    second_algorithm: u32,
    id: u32,
}

// The same numbers as in the header.
const _: () = {
    assert!(size_of::<CKeyAttributes>() == 24 && offset_of!(CKeyAttributes, bits) == 2);
    assert!(offset_of!(CKeyAttributes, lifetime) == 4 && offset_of!(CKeyAttributes, usage) == 8);
    assert!(offset_of!(CKeyAttributes, algorithm) == 12);
    assert!(offset_of!(CKeyAttributes, second_algorithm) == 16);
    assert!(offset_of!(CKeyAttributes, id) == 20);
};

impl From<CKeyAttributes> for KeyAttributes {
    fn from(c: CKeyAttributes) -> Self {
        Self {
            kind: KeyType(c.kind),
            bits: c.bits,
            lifetime: Lifetime(c.lifetime),
            usage: Usage(c.usage),
            algorithm: Algorithm(c.algorithm),
            second_algorithm: Algorithm(c.second_algorithm),
            id: KeyId(c.id),
        }
    }
}

impl From<KeyAttributes> for CKeyAttributes {
    fn from(attributes: KeyAttributes) -> Self {
        Self {
            kind: attributes.kind.0,
            bits: attributes.bits,
            lifetime: attributes.lifetime.0,
            usage: attributes.usage.0,
            algorithm: attributes.algorithm.0,
            second_algorithm: attributes.second_algorithm.0,
            id: attributes.id.0,
        }
    }
}

/// Makes a key by `make`; its name, or the null name, goes to `key`.
pub(crate) fn new_key(
    key: WriteOne<u32>,
    attributes: &ReadOne<CKeyAttributes>,
    make: impl FnOnce(&mut Link, &KeyAttributes) -> Result<KeyId, Error>,
) -> CStatus {
    shell(|link| {
        let key = key.checked()?;
        let made = attributes.get().and_then(|c| make(link, &c.into()));
        key.set(made.unwrap_or(KeyId::NULL).0);
        made.map(drop)
    })
}

/// The secure world needs no initialisation by its clients; what can fail is reaching it.
#[unsafe(no_mangle)]
extern "C" fn psa_crypto_init() -> CStatus {
    shell(|link| match link.framework_version() {
        0 => Err(Error::CommunicationFailure),
        _ => Ok(()),
    })
}

/// # Safety
/// As the header says: `output` is valid for `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_generate_random(output: WritePointer, size: usize) -> CStatus {
    shell(|link| crypto::generate_random(link, output.room(size)?.only_written()))
}

/// # Safety
/// As the header says: `attributes` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_get_key_attributes(
    key: u32,
    attributes: WriteOne<CKeyAttributes>,
) -> CStatus {
    shell(|link| {
        let attributes = attributes.checked()?;
        let found = crypto::key::attributes(link, KeyId(key));
        attributes.set(found.map_or(CKeyAttributes::default(), Into::into));
        found.map(drop)
    })
}

/// # Safety
/// As the header says: `attributes` and `key` are valid for one value, `data` for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_import_key(
    attributes: ReadOne<CKeyAttributes>,
    data: ReadPointer,
    length: usize,
    key: WriteOne<u32>,
) -> CStatus {
    new_key(key, &attributes, |link, attributes| {
        crypto::key::import(link, attributes, data.bytes(length)?.only_read())
    })
}

/// # Safety
/// As the header says: `attributes` and `key` are valid for one value.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_generate_key(
    attributes: ReadOne<CKeyAttributes>,
    key: WriteOne<u32>,
) -> CStatus {
    new_key(key, &attributes, |link, attributes| {
        crypto::key::generate(link, attributes)
    })
}

/// # Safety
/// As the header says: `attributes` and `key` are valid for one value.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_copy_key(
    source: u32,
    attributes: ReadOne<CKeyAttributes>,
    key: WriteOne<u32>,
) -> CStatus {
    new_key(key, &attributes, |link, attributes| {
        crypto::key::copy(link, KeyId(source), attributes)
    })
}

#[unsafe(no_mangle)]
extern "C" fn psa_destroy_key(key: u32) -> CStatus {
    shell(|link| crypto::key::destroy(link, KeyId(key)))
}

#[unsafe(no_mangle)]
extern "C" fn psa_purge_key(key: u32) -> CStatus {
    shell(|link| crypto::key::purge(link, KeyId(key)))
}

/// # Safety
/// As the header says: `data` is valid for `size` bytes, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_export_key(
    key: u32,
    data: WritePointer,
    size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination { data, size, length };
    destination.receive_only(|link, out| crypto::key::export(link, KeyId(key), out))
}

/// # Safety
/// As the header says: `data` is valid for `size` bytes, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_export_public_key(
    key: u32,
    data: WritePointer,
    size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination { data, size, length };
    destination.receive_only(|link, out| crypto::key::export_public(link, KeyId(key), out))
}
