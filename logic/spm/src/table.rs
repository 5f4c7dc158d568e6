//! What exists: services and partitions, as constant tables.
//!
//! The PSA Root of Trust's own services are written down beside their code; those of partitions are
//! generated from manifests (`tools/manifest`). [`Tables::new`] joins both at compile time, checks
//! what no single list can check, and lays out the lookup by stateless index.

use ironroot_platform::PartitionIndex;
use ironroot_psa_api::svc::FIRST_SERVICE_SIGNAL;
use ironroot_psa_api::{ClientId, StatelessHandle};

/// How a client's version is compared with the service's (FF-M, `version_policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionPolicy {
    /// Exactly the service's version.
    Strict,
    /// The service's version or a lower one.
    Relaxed,
}

/// How a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceAccess {
    /// By a constant handle with this index, 0 to 31: the manifest's `stateless_handle` minus one.
    Stateless(u8),
    /// By `psa_connect`.
    Connection,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// A PSA Root of Trust service: a plain function, by its number in [`crate::RootServices`].
    Root(u32),
    /// A partition.
    Partition {
        /// Which.
        partition: PartitionIndex,
        /// The signal its messages assert: one bit, 4 or higher.
        signal: u32,
    },
}

/// One RoT service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceInfo {
    /// RoT Service id, unique.
    pub sid: u32,
    /// Name in the manifest, for records and tests.
    pub name: &'static str,
    /// Version of the interface, at least 1.
    pub version: u32,
    /// How a client's version is compared.
    pub version_policy: VersionPolicy,
    /// Whether the non-secure world may use it.
    pub non_secure_clients: bool,
    /// How it is reached.
    pub access: ServiceAccess,
    /// Who answers.
    pub provider: Provider,
}

impl ServiceInfo {
    /// Whether a client that asks for `version` is served.
    #[must_use]
    pub const fn accepts_version(&self, version: u32) -> bool {
        match self.version_policy {
            VersionPolicy::Strict => version == self.version,
            VersionPolicy::Relaxed => version <= self.version,
        }
    }
}

/// Order in which partitions start (FF-M, `priority`); it has no other effect, for calls run to
/// completion in the order they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// First.
    High,
    /// Second.
    Normal,
    /// Last.
    Low,
}

/// What happens when a partition fails for the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterLastRestart {
    /// Its services answer `PSA_ERROR_CONNECTION_REFUSED` until the next reset.
    Disable,
    /// The system resets: [`crate::RootServices::partition_failed`] must do it.
    ResetSystem,
}

/// What happens when a partition fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    /// How often it is restarted between two system resets.
    pub restarts: u8,
    /// And then.
    pub then: AfterLastRestart,
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its client id when it calls others: positive, unique.
    pub client: ClientId,
    /// Name in the manifest.
    pub name: &'static str,
    /// When it starts.
    pub priority: Priority,
    /// SIDs it may use; all others refuse it.
    pub dependencies: &'static [u32],
    /// What happens when it fails.
    pub restart: RestartPolicy,
}

/// Why tables do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableError {
    /// Two services have one SID.
    DuplicateSid(u32),
    /// Two services have one stateless index.
    DuplicateStatelessIndex(u8),
    /// A stateless index is beyond 31.
    StatelessIndexTooLarge(u8),
    /// A service names a partition that does not exist, or a root service stands among the
    /// partitions' or the other way round.
    BadProvider(u32),
    /// A signal is not exactly one bit from bit 4 up.
    BadSignal(u32),
    /// Two services of a partition have one signal.
    DuplicateSignal(u32),
    /// A version is zero, or a stateless service's does not fit its handle (255).
    BadVersion(u32),
    /// A partition's client id is not positive, or two have the same.
    BadClientId(i32),
}

/// All services and partitions of one image.
#[derive(Debug)]
pub struct Tables {
    root: &'static [ServiceInfo],
    hosted: &'static [ServiceInfo],
    partitions: &'static [PartitionInfo],
    stateless: [Option<&'static ServiceInfo>; StatelessHandle::COUNT],
}

impl Tables {
    /// Joins the root services, the partitions' services and the partitions.
    ///
    /// ```
    /// # use ironroot_spm::{Tables, TableError};
    /// static TABLES: Tables = match Tables::new(&[], &[], &[]) {
    ///     Ok(tables) => tables,
    ///     Err(_) => panic!("the tables do not fit together"),
    /// };
    /// # let _ = &TABLES;
    /// ```
    ///
    /// # Errors
    /// [`TableError`] names the first clash.
    pub const fn new(
        root: &'static [ServiceInfo],
        hosted: &'static [ServiceInfo],
        partitions: &'static [PartitionInfo],
    ) -> Result<Self, TableError> {
        let empty = [None; StatelessHandle::COUNT];
        let mut tables = Self {
            root,
            hosted,
            partitions,
            stateless: empty,
        };
        if let Err(error) = tables.add_all(root, false) {
            return Err(error);
        }
        if let Err(error) = tables.add_all(hosted, true) {
            return Err(error);
        }
        match check_clients(partitions) {
            Ok(()) => Ok(tables),
            Err(error) => Err(error),
        }
    }

    const fn add_all(
        &mut self,
        services: &'static [ServiceInfo],
        hosted: bool,
    ) -> Result<(), TableError> {
        let mut rest = services;
        while let [service, tail @ ..] = rest {
            if contains_sid(tail, service.sid) || hosted && contains_sid(self.root, service.sid) {
                return Err(TableError::DuplicateSid(service.sid));
            }
            if let Err(error) = check_provider(service, hosted, self.partitions.len(), tail) {
                return Err(error);
            }
            if let Err(error) = self.add_stateless(service) {
                return Err(error);
            }
            rest = tail;
        }
        Ok(())
    }

    const fn add_stateless(&mut self, service: &'static ServiceInfo) -> Result<(), TableError> {
        let ServiceAccess::Stateless(index) = service.access else {
            return if service.version == 0 {
                Err(TableError::BadVersion(service.sid))
            } else {
                Ok(())
            };
        };
        if service.version == 0 || service.version > 0xff {
            return Err(TableError::BadVersion(service.sid));
        }
        match self.stateless.split_at_mut_checked(index as usize) {
            Some((_, [place @ None, ..])) => {
                *place = Some(service);
                Ok(())
            }
            Some((_, [Some(_), ..])) => Err(TableError::DuplicateStatelessIndex(index)),
            _ => Err(TableError::StatelessIndexTooLarge(index)),
        }
    }

    /// The stateless service of that index.
    #[must_use]
    pub fn stateless(&self, index: u8) -> Option<&'static ServiceInfo> {
        *self.stateless.get(usize::from(index))?
    }

    /// The service of that SID.
    #[must_use]
    pub fn by_sid(&self, sid: u32) -> Option<&'static ServiceInfo> {
        self.services().find(|service| service.sid == sid)
    }

    /// Every service.
    pub fn services(&self) -> impl Iterator<Item = &'static ServiceInfo> {
        self.root.iter().chain(self.hosted)
    }

    /// The partition of that index.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&'static PartitionInfo> {
        self.partitions.get(usize::from(index.0))
    }

    /// Every partition, in the order of the indices.
    #[must_use]
    pub const fn partitions(&self) -> &'static [PartitionInfo] {
        self.partitions
    }

    /// The signals of all services of a partition.
    #[must_use]
    pub fn signals(&self, index: PartitionIndex) -> u32 {
        self.hosted
            .iter()
            .fold(0, |signals, service| match service.provider {
                Provider::Partition { partition, signal } if partition == index => signals | signal,
                Provider::Partition { .. } | Provider::Root(_) => signals,
            })
    }
}

const fn contains_sid(services: &[ServiceInfo], sid: u32) -> bool {
    let mut rest = services;
    while let [service, tail @ ..] = rest {
        if service.sid == sid {
            return true;
        }
        rest = tail;
    }
    false
}

const fn check_provider(
    service: &ServiceInfo,
    hosted: bool,
    partitions: usize,
    others: &[ServiceInfo],
) -> Result<(), TableError> {
    let Provider::Partition { partition, signal } = service.provider else {
        return if hosted {
            Err(TableError::BadProvider(service.sid))
        } else {
            Ok(())
        };
    };
    if !hosted || partition.0 as usize >= partitions {
        return Err(TableError::BadProvider(service.sid));
    }
    if !signal.is_power_of_two() || signal < FIRST_SERVICE_SIGNAL {
        return Err(TableError::BadSignal(service.sid));
    }
    let mut rest = others;
    while let [other, tail @ ..] = rest {
        if let Provider::Partition {
            partition: its,
            signal: taken,
        } = other.provider
            && its.0 == partition.0
            && taken == signal
        {
            return Err(TableError::DuplicateSignal(other.sid));
        }
        rest = tail;
    }
    Ok(())
}

const fn check_clients(partitions: &[PartitionInfo]) -> Result<(), TableError> {
    let mut rest = partitions;
    while let [partition, tail @ ..] = rest {
        if partition.client.is_non_secure() {
            return Err(TableError::BadClientId(partition.client.get()));
        }
        let mut others = tail;
        while let [other, more @ ..] = others {
            if other.client.get() == partition.client.get() {
                return Err(TableError::BadClientId(partition.client.get()));
            }
            others = more;
        }
        rest = tail;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    fn root(sid: u32, index: u8) -> ServiceInfo {
        ServiceInfo {
            sid,
            name: "root",
            version: 1,
            version_policy: VersionPolicy::Strict,
            non_secure_clients: true,
            access: ServiceAccess::Stateless(index),
            provider: Provider::Root(0),
        }
    }

    fn hosted(sid: u32, index: u8, partition: u8, signal: u32) -> ServiceInfo {
        let provider = Provider::Partition {
            partition: PartitionIndex(partition),
            signal,
        };
        ServiceInfo {
            provider,
            ..root(sid, index)
        }
    }

    fn partition(client: i32) -> PartitionInfo {
        PartitionInfo {
            client: ClientId::new(client).unwrap(),
            name: "p",
            priority: Priority::Normal,
            dependencies: &[],
            restart: RestartPolicy {
                restarts: 1,
                then: AfterLastRestart::Disable,
            },
        }
    }

    fn tables(
        root: &[ServiceInfo],
        hosted: &[ServiceInfo],
        clients: &[i32],
    ) -> Result<Tables, TableError> {
        let partitions: Vec<_> = clients.iter().map(|&c| partition(c)).collect();
        Tables::new(
            Box::leak(root.into()),
            Box::leak(hosted.into()),
            Vec::leak(partitions),
        )
    }

    #[test]
    fn services_are_found_by_index_and_by_sid() {
        let tables = tables(
            &[root(0x80, 0)],
            &[hosted(0x60, 1, 0, 16), hosted(0x61, 31, 0, 32)],
            &[7],
        );
        let tables = tables.unwrap();
        assert_eq!(tables.stateless(0).map(|s| s.sid), Some(0x80));
        assert_eq!(tables.stateless(31).map(|s| s.sid), Some(0x61));
        assert_eq!(tables.stateless(2), None);
        assert_eq!(tables.stateless(32), None);
        assert_eq!(tables.by_sid(0x60).map(|s| s.sid), Some(0x60));
        assert_eq!(tables.by_sid(0x62), None);
        assert_eq!(tables.signals(PartitionIndex(0)), 48);
        assert_eq!(tables.signals(PartitionIndex(1)), 0);
    }

    #[test]
    fn clashes_are_named() {
        use TableError as E;
        let one = |root: &[_], hosted: &[_], clients: &[i32]| tables(root, hosted, clients).err();
        assert_eq!(
            one(&[root(1, 0), root(1, 1)], &[], &[]),
            Some(E::DuplicateSid(1))
        );
        assert_eq!(
            one(&[root(1, 0)], &[hosted(1, 1, 0, 16)], &[7]),
            Some(E::DuplicateSid(1))
        );
        assert_eq!(
            one(&[root(1, 3), root(2, 3)], &[], &[]),
            Some(E::DuplicateStatelessIndex(3))
        );
        assert_eq!(
            one(&[root(1, 32)], &[], &[]),
            Some(E::StatelessIndexTooLarge(32))
        );
        assert_eq!(
            one(&[], &[hosted(1, 0, 1, 16)], &[7]),
            Some(E::BadProvider(1))
        );
        assert_eq!(
            one(&[hosted(1, 0, 0, 16)], &[], &[7]),
            Some(E::BadProvider(1))
        );
        assert_eq!(one(&[], &[root(1, 0)], &[7]), Some(E::BadProvider(1)));
        for signal in [0, 1, 8, 48, u32::MAX] {
            assert_eq!(
                one(&[], &[hosted(1, 0, 0, signal)], &[7]),
                Some(E::BadSignal(1))
            );
        }
        let twice = [hosted(1, 0, 0, 16), hosted(2, 1, 0, 16)];
        assert_eq!(one(&[], &twice, &[7]), Some(E::DuplicateSignal(2)));
        assert_eq!(
            one(
                &[ServiceInfo {
                    version: 0,
                    ..root(1, 0)
                }],
                &[],
                &[]
            ),
            Some(E::BadVersion(1))
        );
        let large = ServiceInfo {
            version: 256,
            ..root(1, 0)
        };
        assert_eq!(one(&[large], &[], &[]), Some(E::BadVersion(1)));
        assert_eq!(one(&[], &[], &[7, 8, 7]), Some(E::BadClientId(7)));
        assert_eq!(one(&[], &[], &[-7]), Some(E::BadClientId(-7)));
    }

    #[test]
    fn strict_means_equal_and_relaxed_means_not_newer() {
        let strict = ServiceInfo {
            version: 3,
            ..root(1, 0)
        };
        let relaxed = ServiceInfo {
            version_policy: VersionPolicy::Relaxed,
            ..strict
        };
        for version in 0..6 {
            assert_eq!(strict.accepts_version(version), version == 3);
            assert_eq!(relaxed.accepts_version(version), version <= 3);
        }
    }
}
