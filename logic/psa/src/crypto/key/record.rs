//! How a persistent key lies in the vault.
//!
//! | bytes | field |
//! |---|---|
//! | 1 | format, 1 |
//! | 24 | attributes, as on the wire |
//! | by the type | material |
//! | rest | public part of a key pair |
//!
//! The record's name is the space [`crate::space::KEY`], the owner's client id and the key id. The vault
//! encrypts and authenticates; a record that does not read back as a key is damage, not an absent key.

use super::{Key, KeyKind, Material};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::KeyAttributes;

const FORMAT: u8 = 1;
const HEAD: usize = 1 + KeyAttributes::SIZE;

/// Length of a key's record.
pub(super) fn record_len(kind: KeyKind, material: &Material) -> usize {
    HEAD.saturating_add(material.len())
        .saturating_add(kind.public_len())
}

/// Writes a key's record into exactly [`record_len`] bytes.
pub(super) fn write(
    attributes: &KeyAttributes,
    material: &Material,
    record: &mut [u8],
) -> Result<(), Error> {
    let (head, body) = record
        .split_at_mut_checked(HEAD)
        .ok_or(Error::StorageFailure)?;
    for (to, from) in head
        .iter_mut()
        .zip([FORMAT].into_iter().chain(attributes.to_bytes()))
    {
        *to = from;
    }
    let (secret, public) = body
        .split_at_mut_checked(material.len())
        .ok_or(Error::StorageFailure)?;
    material.expose(|bytes| {
        let place = secret.get_mut(..bytes.len());
        place.ok_or(Error::StorageFailure)?.copy_from_slice(bytes);
        Ok::<(), Error>(())
    })?;
    material.expose_public(|bytes| {
        if public.len() != bytes.len() {
            return Err(Error::StorageFailure);
        }
        public.copy_from_slice(bytes);
        Ok(())
    })
}

/// Reads a key back.
///
/// # Errors
/// `DATA_CORRUPT` when it is not one, `DATA_INVALID` when a later version wrote it.
pub(super) fn read(record: &[u8]) -> Result<Key, Error> {
    let (head, body) = record.split_at_checked(HEAD).ok_or(Error::DataCorrupt)?;
    let (format, attributes) = head.split_first().ok_or(Error::DataCorrupt)?;
    if *format != FORMAT {
        return Err(Error::DataInvalid);
    }
    let attributes = attributes.try_into().map_err(|_| Error::DataCorrupt)?;
    let attributes = KeyAttributes::from_bytes(attributes);
    let kind = KeyKind::of(attributes.kind, attributes.bits).map_err(|_| Error::DataCorrupt)?;
    let (secret, public) = body
        .len()
        .checked_sub(kind.public_len())
        .and_then(|len| body.split_at_checked(len))
        .ok_or(Error::DataCorrupt)?;
    if kind.bits_of(secret.len()) != Ok(attributes.bits) {
        return Err(Error::DataCorrupt);
    }
    let material = Material::new(secret).and_then(|material| material.with_public(public));
    let material = material.map_err(|_| Error::DataCorrupt)?;
    Ok(Key {
        attributes,
        kind,
        material,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_psa_api::key::{Algorithm, EccFamily, KeyId, KeyType, Usage};

    fn attributes() -> KeyAttributes {
        KeyAttributes::volatile(KeyType::AES, 128, Usage::ENCRYPT, Algorithm::GCM)
            .persistent(KeyId(7))
    }

    fn sample() -> [u8; 41] {
        let mut record = [0; 41];
        write(
            &attributes(),
            &Material::new(&[9; 16]).unwrap(),
            &mut record,
        )
        .unwrap();
        record
    }

    #[test]
    fn a_key_survives_the_trip() {
        let material = Material::new(&[9; 16]).unwrap();
        assert_eq!(record_len(KeyKind::Aes, &material), 41);
        let key = read(&sample()).unwrap();
        assert_eq!(key.attributes, attributes());
        assert!(key.kind == KeyKind::Aes);
        key.material.expose(|bytes| assert_eq!(bytes, [9; 16]));
    }

    #[test]
    fn a_key_pair_survives_the_trip_with_its_public_part() {
        let kind = KeyKind::P256Pair;
        let pair = KeyType::ecc_key_pair(EccFamily::SECP_R1);
        let attributes = KeyAttributes::volatile(pair, 256, Usage::NONE, Algorithm::NONE);
        let material = kind.complete(Material::new(&[7; 32]).unwrap()).unwrap();
        let mut record = [0; 25 + 32 + 65];
        assert_eq!(record_len(kind, &material), record.len());
        write(&attributes, &material, &mut record).unwrap();
        let key = read(&record).unwrap();
        assert_eq!(key.material.len(), 32);
        let public = material.expose_public(<[u8]>::to_vec);
        assert_eq!(public.len(), 65);
        key.material
            .expose_public(|bytes| assert_eq!(bytes, public));
        for len in 0..record.len() {
            assert!(read(&record[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_record_of_another_length_or_format_is_no_key() {
        let refusal = |record: &[u8]| read(record).map(|_| ()).unwrap_err();
        for len in 0..41 {
            assert_eq!(refusal(&sample()[..len]), Error::DataCorrupt, "{len}");
        }
        let mut later = sample();
        later[0] = 2;
        assert_eq!(refusal(&later), Error::DataInvalid);
        let mut unknown_type = sample();
        unknown_type[1] = 0xff;
        assert_eq!(refusal(&unknown_type), Error::DataCorrupt);
        let material = Material::new(&[9; 16]).unwrap();
        assert!(write(&attributes(), &material, &mut [0; 40]).is_err());
        assert!(write(&attributes(), &material, &mut [0; 42]).is_err());
    }
}
