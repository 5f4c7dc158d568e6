//! A manifest that passed every check that needs no other manifest.

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Name, a C identifier in capitals.
    pub name: String,
    /// Version of the binary, for its measured component: `major.minor.revision`.
    pub version: String,
    /// Client id when it calls others.
    pub client_id: i32,
    /// When it starts.
    pub priority: Priority,
    /// Symbol of its entry point.
    pub entry_point: String,
    /// Bytes of stack, a multiple of 32.
    pub stack_size: u32,
    /// Services it offers; each has its place as signal, 16, 32, 64 and so on.
    pub services: Vec<Service>,
    /// Services it uses.
    pub dependencies: Vec<Dependency>,
    /// Device registers it may touch.
    pub mmio_regions: Vec<MmioRegion>,
    /// What happens when it fails.
    pub restart: Restart,
}

/// One service of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name, a C identifier in capitals.
    pub name: String,
    /// RoT Service id.
    pub sid: u32,
    /// Version of the interface.
    pub version: u32,
    /// How a client's version is compared.
    pub version_policy: VersionPolicy,
    /// Whether the non-secure world may use it.
    pub non_secure_clients: bool,
    /// How it is reached.
    pub access: ServiceAccess,
}

/// How a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceAccess {
    /// By `psa_connect`.
    Connection,
    /// By a constant handle; the manifest's `stateless_handle`, 1 to 32.
    Stateless(u8),
    /// By a constant handle that the tool chooses.
    StatelessAuto,
}

/// A service that a partition uses, as it named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// By its name.
    Name(String),
    /// By its SID.
    Sid(u32),
}

/// Device registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MmioRegion {
    /// First byte.
    pub base: u32,
    /// Length in bytes.
    pub size: u32,
}

impl MmioRegion {
    /// Behind the last byte.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.base as u64 + self.size as u64
    }
}

/// When a partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// First.
    High,
    /// Second.
    Normal,
    /// Last.
    Low,
}

/// How versions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionPolicy {
    /// Equal.
    Strict,
    /// The client's is not newer.
    Relaxed,
}

/// What happens when a partition fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// How often it is restarted between two system resets.
    pub limit: u8,
    /// And then.
    pub then: AfterLastRestart,
}

/// What happens when a partition fails for the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterLastRestart {
    /// Its services refuse every call.
    Disable,
    /// The system resets.
    Reset,
}
