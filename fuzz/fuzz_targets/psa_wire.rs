//! Everything that a foreign client's bytes are parsed into: what parses is written back as it was.

#![no_main]

use ironroot_psa_api::crypto::CryptoRequest;
use ironroot_psa_api::fwu::ComponentInfo;
use ironroot_psa_api::key::KeyAttributes;
use ironroot_psa_api::storage::StorageInfo;
use ironroot_psa_api::{Control, Handle, InVec, PsaMessage, StatelessHandle, Status};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Some(bytes) = input.first_chunk() {
        let word = u32::from_le_bytes(*bytes);
        assert!(Control::parse(word).is_none_or(|control| control.word() == word));
        let handle = Handle(word);
        assert!(StatelessHandle::parse(handle).is_none_or(|parts| parts.handle() == handle));
        let status = Status::from_register(word);
        assert_eq!(status.ok().is_ok(), status.is_success());
    }
    if let Some(bytes) = input.first_chunk() {
        assert_eq!(InVec::from_bytes(*bytes).to_bytes(), *bytes);
    }
    if let Some(bytes) = input.first_chunk() {
        assert_eq!(StorageInfo::from_bytes(bytes).to_bytes(), *bytes);
    }
    if let Some(bytes) = input.first_chunk() {
        assert_eq!(KeyAttributes::from_bytes(bytes).to_bytes(), *bytes);
    }
    if let Some(bytes) = input.first_chunk() {
        assert_eq!(PsaMessage::from_bytes(bytes).to_bytes(), *bytes);
    }
    if let Some(info) = input.first_chunk().and_then(ComponentInfo::from_bytes) {
        assert_eq!(ComponentInfo::from_bytes(&info.to_bytes()), Some(info));
    }
    if let Some(request) = input.first_chunk().and_then(CryptoRequest::from_bytes) {
        assert!(request.nonce().len() <= 16);
        assert_eq!(
            CryptoRequest::from_bytes(&request.to_bytes()),
            Some(request)
        );
    }
});
