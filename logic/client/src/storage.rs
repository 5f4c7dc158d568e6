//! What Internal Trusted Storage and Protected Storage have in common: everything but the handle.

use crate::transport::{Transport, call_for, call_into};
use ironroot_psa_api::storage::{self, CreateFlags, StorageInfo, StorageUid};
use ironroot_psa_api::{Error, Handle};

pub(crate) fn set<T: Transport>(
    transport: &mut T,
    service: Handle,
    uid: StorageUid,
    data: &[u8],
    flags: CreateFlags,
) -> Result<(), Error> {
    let (uid, flags) = (uid.get().to_le_bytes(), flags.0.to_le_bytes());
    transport
        .call(service, storage::SET, &[&uid, data, &flags], &mut [])
        .ok()
}

pub(crate) fn get<T: Transport>(
    transport: &mut T,
    service: Handle,
    uid: StorageUid,
    offset: u32,
    out: &mut [u8],
) -> Result<usize, Error> {
    let (uid, offset) = (uid.get().to_le_bytes(), offset.to_le_bytes());
    call_into(transport, service, storage::GET, &[&uid, &offset], out)
}

pub(crate) fn get_info<T: Transport>(
    transport: &mut T,
    service: Handle,
    uid: StorageUid,
) -> Result<StorageInfo, Error> {
    let uid = uid.get().to_le_bytes();
    let bytes = call_for(transport, service, storage::GET_INFO, &[&uid])?;
    Ok(StorageInfo::from_bytes(&bytes))
}

pub(crate) fn remove<T: Transport>(
    transport: &mut T,
    service: Handle,
    uid: StorageUid,
) -> Result<(), Error> {
    let uid = uid.get().to_le_bytes();
    transport
        .call(service, storage::REMOVE, &[&uid], &mut [])
        .ok()
}

#[cfg(test)]
mod tests {
    use crate::fake::{Call, Fake};
    use crate::{its, ps};
    use ironroot_psa_api::storage::{CreateFlags, StorageInfo, StorageUid};
    use ironroot_psa_api::{Error, service};
    use std::vec;

    fn uid() -> StorageUid {
        StorageUid::new(0x1122_3344_5566_7788).unwrap()
    }

    const UID: [u8; 8] = [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11];

    #[test]
    fn storage_calls_pass_the_vectors_of_tf_m_to_the_right_service() {
        let mut fake = Fake::default();
        its::set(&mut fake, uid(), b"abc", CreateFlags::WRITE_ONCE).unwrap();
        ps::set(&mut fake, uid(), b"", CreateFlags::NONE).unwrap();
        ps::remove(&mut fake, uid()).unwrap();
        let _ = its::get(&mut fake, uid(), 5, &mut [0; 9]);
        let (its, ps) = (
            service::INTERNAL_TRUSTED_STORAGE.handle,
            service::PROTECTED_STORAGE.handle,
        );
        let uid = UID.to_vec();
        let expected = [
            Call {
                handle: its,
                kind: 1001,
                inputs: vec![uid.clone(), b"abc".to_vec(), vec![1, 0, 0, 0]],
                outputs: vec![],
            },
            Call {
                handle: ps,
                kind: 1001,
                inputs: vec![uid.clone(), vec![], vec![0; 4]],
                outputs: vec![],
            },
            Call {
                handle: ps,
                kind: 1004,
                inputs: vec![uid.clone()],
                outputs: vec![],
            },
            Call {
                handle: its,
                kind: 1002,
                inputs: vec![uid, vec![5, 0, 0, 0]],
                outputs: vec![9],
            },
        ];
        assert_eq!(fake.calls, expected);
    }

    #[test]
    fn info_and_support_are_decoded_and_errors_come_through() {
        let info = StorageInfo {
            capacity: 9,
            size: 4,
            flags: CreateFlags::NONE,
        };
        let mut fake = Fake::answering(&[
            (0, &[&info.to_bytes()]),
            (-140, &[]),
            (0, &[&[1, 0, 0, 0]]),
            (-134, &[]),
            (0, &[b"abc"]),
        ]);
        assert_eq!(its::get_info(&mut fake, uid()), Ok(info));
        assert_eq!(its::get_info(&mut fake, uid()), Err(Error::DoesNotExist));
        assert_eq!(ps::get_support(&mut fake), 1);
        assert_eq!(ps::get_support(&mut fake), 0);
        assert_eq!(ps::get(&mut fake, uid(), 0, &mut [0; 8]), Ok(3));
    }
}
