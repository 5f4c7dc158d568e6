//! All manifests of an image together, beside the root services.

use crate::manifest::{Dependency, Manifest, MmioRegion, Service, ServiceAccess};
use ironroot_psa_api::service;
use thiserror::Error;

/// A service of the PSA Root of Trust, as far as manifests need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownService {
    /// Name by which manifests depend on it.
    pub name: String,
    /// RoT Service id.
    pub sid: u32,
    /// Its place among the constant handles, 1 to 32; none if it is connection-based.
    pub stateless_handle: Option<u8>,
}

/// The root services of our products, with TF-M's names.
#[must_use]
pub fn product_root_services() -> Vec<KnownService> {
    let known = |name: &str, service: service::StandardService| KnownService {
        name: name.to_owned(),
        sid: service.sid,
        stateless_handle: Some(service.stateless_handle),
    };
    vec![
        known("TFM_CRYPTO", service::CRYPTO),
        known(
            "TFM_INTERNAL_TRUSTED_STORAGE_SERVICE",
            service::INTERNAL_TRUSTED_STORAGE,
        ),
        known("TFM_ATTESTATION_SERVICE", service::ATTESTATION),
        known("TFM_FIRMWARE_UPDATE_SERVICE", service::FIRMWARE_UPDATE),
        known("TFM_PLATFORM_SERVICE", service::PLATFORM),
    ]
}

/// What a board can give to partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardLimits {
    /// Most partitions.
    pub partitions: usize,
    /// Most device regions of one partition.
    pub mmio_regions: usize,
    /// Where device registers for partitions lie: first byte and end.
    pub mmio: (u32, u32),
}

impl BoardLimits {
    /// AN521: the secure peripherals; two regions beside code and memory.
    pub const AN521: Self = Self {
        partitions: 6,
        mmio_regions: 2,
        mmio: (0x5000_0000, 0x6000_0000),
    };

    /// The host device: partitions are processes and own no device.
    pub const HOST: Self = Self {
        partitions: 6,
        mmio_regions: 0,
        mmio: (0, 0),
    };
}

/// Why manifests do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SystemError {
    /// Two partitions have one name.
    #[error("two partitions are called {0}")]
    DuplicatePartition(String),
    /// Two partitions have one client id.
    #[error("{first} and {second} have the same client_id {id}")]
    DuplicateClientId {
        /// The id.
        id: i32,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Two services have one name.
    #[error("two services are called {0}")]
    DuplicateService(String),
    /// Two services have one SID.
    #[error("{first} and {second} have the same sid {sid:#x}")]
    DuplicateSid {
        /// The SID.
        sid: u32,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Two services have one stateless handle.
    #[error("{first} and {second} have the same stateless_handle {handle}")]
    DuplicateHandle {
        /// The handle, 1 to 32.
        handle: u8,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// All 32 stateless handles are taken.
    #[error("no stateless handle is left for {0}")]
    NoHandleLeft(String),
    /// A partition depends on a service that is not there.
    #[error("{partition} depends on {dependency}, which no root service and no partition offers")]
    UnknownDependency {
        /// Who.
        partition: String,
        /// On what.
        dependency: String,
    },
    /// More partitions than the board can hold.
    #[error("{count} partitions, the board holds {most}")]
    TooManyPartitions {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// More device regions than the board can protect.
    #[error("{partition} has {count} mmio_regions, the board protects {most} for each partition")]
    TooManyRegions {
        /// Whose.
        partition: String,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// A device region is not where devices are.
    #[error("{partition}: mmio region {base:#x} is not among the board's devices for partitions")]
    NotADevice {
        /// Whose.
        partition: String,
        /// Which.
        base: u32,
    },
    /// Two partitions have a device register in common.
    #[error("{first} and {second} share device registers at {base:#x}")]
    SharedDevice {
        /// One.
        first: String,
        /// The other.
        second: String,
        /// Where.
        base: u32,
    },
    /// There is not one placement per partition.
    #[error("{placements} placements for {partitions} partitions")]
    PlacementCount {
        /// How many placements.
        placements: usize,
        /// How many partitions.
        partitions: usize,
    },
    /// A range is empty, upside down or not on a border of 32 bytes.
    #[error("{partition}: {what} {start:#x}..{end:#x} must be a range on borders of 32 bytes")]
    BadRange {
        /// Whose.
        partition: String,
        /// `code` or `memory`.
        what: &'static str,
        /// First byte.
        start: u32,
        /// Behind the last byte.
        end: u32,
    },
    /// Two ranges have bytes in common.
    #[error("{first} and {second} overlap at {at:#x}")]
    Overlap {
        /// One.
        first: String,
        /// The other.
        second: String,
        /// Where.
        at: u32,
    },
}

/// A service with everything decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) service: Service,
    /// Place of its partition.
    pub(crate) partition: usize,
    /// Bit of its signal.
    pub(crate) signal: u32,
    /// Index of its constant handle, 0 to 31; none if it is connection-based.
    pub(crate) index: Option<u8>,
}

/// Manifests that fit together.
#[derive(Debug)]
pub struct System {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) services: Vec<Resolved>,
    /// SIDs, partition by partition.
    pub(crate) dependencies: Vec<Vec<u32>>,
    pub(crate) root: Vec<KnownService>,
}

impl System {
    /// Checks manifests against each other, the root services and the board.
    ///
    /// # Errors
    /// [`SystemError`] names both sides of the first clash.
    pub fn new(
        root: Vec<KnownService>,
        manifests: Vec<Manifest>,
        limits: BoardLimits,
    ) -> Result<Self, SystemError> {
        check_partitions(&manifests, limits)?;
        check_devices(&manifests, limits)?;
        check_names(&root, &manifests)?;
        let services = resolve(&root, &manifests)?;
        let dependencies = manifests
            .iter()
            .map(|manifest| dependencies(manifest, &root, &services))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            manifests,
            services,
            dependencies,
            root,
        })
    }

    /// The partitions, in the order of their indices.
    #[must_use]
    pub fn partitions(&self) -> &[Manifest] {
        &self.manifests
    }
}

/// Every pair of two lists' items once.
fn pairs<T>(items: &[T]) -> impl Iterator<Item = (&T, &T)> {
    items
        .iter()
        .enumerate()
        .flat_map(|(n, one)| items.iter().skip(n + 1).map(move |two| (one, two)))
}

fn check_partitions(manifests: &[Manifest], limits: BoardLimits) -> Result<(), SystemError> {
    if manifests.len() > limits.partitions {
        let (count, most) = (manifests.len(), limits.partitions);
        return Err(SystemError::TooManyPartitions { count, most });
    }
    for (one, two) in pairs(manifests) {
        if one.name == two.name {
            return Err(SystemError::DuplicatePartition(one.name.clone()));
        }
        if one.client_id == two.client_id {
            let (first, second) = (one.name.clone(), two.name.clone());
            return Err(SystemError::DuplicateClientId {
                id: one.client_id,
                first,
                second,
            });
        }
    }
    Ok(())
}

fn check_devices(manifests: &[Manifest], limits: BoardLimits) -> Result<(), SystemError> {
    let mut all: Vec<(&str, MmioRegion)> = Vec::new();
    for manifest in manifests {
        let count = manifest.mmio_regions.len();
        if count > limits.mmio_regions {
            let (partition, most) = (manifest.name.clone(), limits.mmio_regions);
            return Err(SystemError::TooManyRegions {
                partition,
                count,
                most,
            });
        }
        for region in &manifest.mmio_regions {
            if region.base < limits.mmio.0 || region.end() > u64::from(limits.mmio.1) {
                let partition = manifest.name.clone();
                return Err(SystemError::NotADevice {
                    partition,
                    base: region.base,
                });
            }
            all.push((&manifest.name, *region));
        }
    }
    for ((first, one), (second, two)) in pairs(&all) {
        if u64::from(one.base) < two.end() && u64::from(two.base) < one.end() {
            return Err(SystemError::SharedDevice {
                first: (*first).to_owned(),
                second: (*second).to_owned(),
                base: one.base.max(two.base),
            });
        }
    }
    Ok(())
}

fn check_names(root: &[KnownService], manifests: &[Manifest]) -> Result<(), SystemError> {
    let hosted = manifests
        .iter()
        .flat_map(|m| &m.services)
        .map(|s| (s.name.as_str(), s.sid));
    let all: Vec<_> = root
        .iter()
        .map(|s| (s.name.as_str(), s.sid))
        .chain(hosted)
        .collect();
    for ((first, sid), (second, other)) in pairs(&all) {
        if first == second {
            return Err(SystemError::DuplicateService((*first).to_owned()));
        }
        if sid == other {
            let (first, second) = ((*first).to_owned(), (*second).to_owned());
            return Err(SystemError::DuplicateSid {
                sid: *sid,
                first,
                second,
            });
        }
    }
    Ok(())
}

fn resolve(root: &[KnownService], manifests: &[Manifest]) -> Result<Vec<Resolved>, SystemError> {
    let mut taken: Vec<(u8, String)> = root
        .iter()
        .filter_map(|s| Some((s.stateless_handle?, s.name.clone())))
        .collect();
    for service in manifests.iter().flat_map(|manifest| &manifest.services) {
        if let ServiceAccess::Stateless(handle) = service.access {
            taken.push((handle, service.name.clone()));
        }
    }
    for ((handle, first), (other, second)) in pairs(&taken) {
        if handle == other {
            let (first, second) = (first.clone(), second.clone());
            return Err(SystemError::DuplicateHandle {
                handle: *handle,
                first,
                second,
            });
        }
    }
    let mut resolved = Vec::new();
    for (partition, manifest) in manifests.iter().enumerate() {
        for (bit, service) in (4..).zip(&manifest.services) {
            let handle = match service.access {
                ServiceAccess::Connection => None,
                ServiceAccess::Stateless(handle) => Some(handle),
                ServiceAccess::StatelessAuto => {
                    let free = (1..=32).find(|h| !taken.iter().any(|(other, _)| other == h));
                    let handle = free.ok_or(SystemError::NoHandleLeft(service.name.clone()))?;
                    taken.push((handle, service.name.clone()));
                    Some(handle)
                }
            };
            let index = handle.map(|handle| handle - 1);
            resolved.push(Resolved {
                service: service.clone(),
                partition,
                signal: 1 << bit,
                index,
            });
        }
    }
    Ok(resolved)
}

fn dependencies(
    manifest: &Manifest,
    root: &[KnownService],
    services: &[Resolved],
) -> Result<Vec<u32>, SystemError> {
    let hosted = services
        .iter()
        .map(|r| (r.service.name.as_str(), r.service.sid));
    let all: Vec<_> = root
        .iter()
        .map(|s| (s.name.as_str(), s.sid))
        .chain(hosted)
        .collect();
    let find = |dependency: &Dependency| {
        let found = all.iter().find(|(name, sid)| dependency.means(name, *sid));
        found
            .map(|(_, sid)| *sid)
            .ok_or_else(|| SystemError::UnknownDependency {
                partition: manifest.name.clone(),
                dependency: dependency.to_string(),
            })
    };
    manifest.dependencies.iter().map(find).collect()
}
