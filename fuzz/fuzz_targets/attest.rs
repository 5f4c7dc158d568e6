//! Tokens and boot records of unknown origin: refused or read, never a panic; what is read keeps its promises.

#![no_main]

use ironroot_attest::{Claims, SoftwareComponent, UnverifiedToken};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(token) = UnverifiedToken::parse(input) {
        let _ = token
            .unverified_claims()
            .map(|claims| keeps_its_promises(&claims));
    }
    let _ = Claims::read(input).map(|claims| keeps_its_promises(&claims));
    if let Ok(component) = SoftwareComponent::from_boot_record(input) {
        is_hashed(&component);
    }
});

fn keeps_its_promises(claims: &Claims<'_>) {
    assert!(matches!(claims.nonce.as_bytes().len(), 32 | 48 | 64));
    assert_ne!(claims.client_id.get(), 0);
    claims
        .software_components
        .clone()
        .for_each(|component| is_hashed(&component));
}

fn is_hashed(component: &SoftwareComponent<'_>) {
    assert!(matches!(component.measurement_value.len(), 32 | 48 | 64));
    assert!(matches!(component.signer_id.len(), 32 | 48 | 64));
}
