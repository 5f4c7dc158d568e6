//! Which services there are: what the partition manager's table says of the PSA Root of Trust.

use ironroot_psa_api::service::{
    ATTESTATION, CRYPTO, FIRMWARE_UPDATE, INTERNAL_TRUSTED_STORAGE, PLATFORM, StandardService,
};
use ironroot_spm::{Provider, ServiceAccess, ServiceInfo, VersionPolicy};

/// The services by their number in [`ironroot_spm::RootServices`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Service {
    Crypto,
    Its,
    Attestation,
    Update,
    Platform,
}

impl Service {
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        let all = [
            Self::Crypto,
            Self::Its,
            Self::Attestation,
            Self::Update,
            Self::Platform,
        ];
        all.into_iter().find(|service| *service as u32 == number)
    }
}

const fn row(service: Service, standard: StandardService, name: &'static str) -> ServiceInfo {
    ServiceInfo {
        sid: standard.sid,
        name,
        version: standard.version as u32,
        version_policy: VersionPolicy::Strict,
        non_secure_clients: true,
        access: ServiceAccess::Stateless(standard.stateless_handle.saturating_sub(1)),
        provider: Provider::Root(service as u32),
    }
}

/// The PSA Root of Trust's services, for [`ironroot_spm::Tables::new`]. SIDs, versions, handles and access as in
/// TF-M 2.2's manifests, so that clients built for TF-M find them.
pub const SERVICES: [ServiceInfo; 5] = [
    row(Service::Crypto, CRYPTO, "TFM_CRYPTO"),
    row(
        Service::Its,
        INTERNAL_TRUSTED_STORAGE,
        "TFM_INTERNAL_TRUSTED_STORAGE_SERVICE",
    ),
    row(Service::Attestation, ATTESTATION, "TFM_ATTESTATION_SERVICE"),
    row(
        Service::Update,
        FIRMWARE_UPDATE,
        "TFM_FIRMWARE_UPDATE_SERVICE",
    ),
    row(Service::Platform, PLATFORM, "TFM_PLATFORM_SERVICE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_leads_to_its_service() {
        for info in SERVICES {
            let Provider::Root(number) = info.provider else {
                panic!("{}", info.name)
            };
            assert!(Service::from_number(number).is_some());
        }
        assert_eq!(Service::from_number(5), None);
    }
}
