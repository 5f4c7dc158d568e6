// Written by ironroot-manifest from the partitions' manifests. Not to be edited.
pub(crate) const SERVICES: &[ServiceInfo] = &[
    ServiceInfo {
        sid: 0xf000,
        name: "FIRST",
        version: 3,
        version_policy: ::ironroot_spm::VersionPolicy::Relaxed,
        non_secure_clients: true,
        access: ::ironroot_spm::ServiceAccess::Stateless(8),
        provider: ::ironroot_spm::Provider::Partition {
            partition: ::ironroot_spm::PartitionIndex(0),
            signal: 0x10,
        },
    },
    ServiceInfo {
        sid: 0xf001,
        name: "SECOND",
        version: 1,
        version_policy: ::ironroot_spm::VersionPolicy::Strict,
        non_secure_clients: false,
        access: ::ironroot_spm::ServiceAccess::Connection,
        provider: ::ironroot_spm::Provider::Partition {
            partition: ::ironroot_spm::PartitionIndex(0),
            signal: 0x20,
        },
    },
    ServiceInfo {
        sid: 0xf010,
        name: "THIRD",
        version: 3,
        version_policy: ::ironroot_spm::VersionPolicy::Relaxed,
        non_secure_clients: true,
        access: ::ironroot_spm::ServiceAccess::Stateless(1),
        provider: ::ironroot_spm::Provider::Partition {
            partition: ::ironroot_spm::PartitionIndex(1),
            signal: 0x10,
        },
    },
    ServiceInfo {
        sid: 0xf011,
        name: "FOURTH",
        version: 1,
        version_policy: ::ironroot_spm::VersionPolicy::Strict,
        non_secure_clients: false,
        access: ::ironroot_spm::ServiceAccess::Connection,
        provider: ::ironroot_spm::Provider::Partition {
            partition: ::ironroot_spm::PartitionIndex(1),
            signal: 0x20,
        },
    },
];
pub(crate) const PARTITIONS: &[PartitionInfo] = &[
    PartitionInfo {
        client: match ::ironroot_spm::ClientId::new(300) {
            Some(client) => client,
            None => panic!("client id zero"),
        },
        name: "SAMPLE",
        priority: ::ironroot_spm::Priority::High,
        dependencies: &[0x80, 0x70],
        restart: ::ironroot_spm::RestartPolicy {
            restarts: 2,
            then: ::ironroot_spm::AfterLastRestart::ResetSystem,
        },
    },
    PartitionInfo {
        client: match ::ironroot_spm::ClientId::new(301) {
            Some(client) => client,
            None => panic!("client id zero"),
        },
        name: "OTHER",
        priority: ::ironroot_spm::Priority::High,
        dependencies: &[0x80, 0x70],
        restart: ::ironroot_spm::RestartPolicy {
            restarts: 2,
            then: ::ironroot_spm::AfterLastRestart::ResetSystem,
        },
    },
];
pub(crate) const IMAGES: &[PartitionImage] = &[
    // SAMPLE
    PartitionImage {
        code: (0x10010600, 0x10010a00),
        ram: (0x30014000, 0x30014800),
        mmio: &[(0x50101000, 0x50102000)],
    },
    // OTHER
    PartitionImage {
        code: (0x10010a00, 0x10010b00),
        ram: (0x30014800, 0x30015000),
        mmio: &[(0x50102000, 0x50103000)],
    },
];
