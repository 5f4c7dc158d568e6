//! From TOML to a checked [`Manifest`].

use crate::manifest::{
    AfterLastRestart, Dependency, Manifest, MmioRegion, Priority, Restart, Service, ServiceAccess,
    VersionPolicy,
};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a manifest was not accepted.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, a field is missing, unknown or of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// A field has a value that is not allowed.
    #[error("{field}: {problem}")]
    Field {
        /// Which, as in the file.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    psa_framework_version: f64,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    priority: String,
    model: String,
    entry_point: String,
    stack_size: i64,
    version: String,
    client_id: i64,
    #[serde(default)]
    services: Vec<FileService>,
    #[serde(default)]
    dependencies: Vec<NameOrNumber>,
    #[serde(default)]
    mmio_regions: Vec<FileMmio>,
    restart: FileRestart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileService {
    name: String,
    sid: i64,
    non_secure_clients: bool,
    connection_based: bool,
    stateless_handle: Option<NameOrNumber>,
    #[serde(default = "one")]
    version: i64,
    #[serde(default = "strict")]
    version_policy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMmio {
    base: i64,
    size: i64,
    permission: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRestart {
    limit: i64,
    then: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NameOrNumber {
    Number(i64),
    Name(String),
}

fn one() -> i64 {
    1
}

fn strict() -> String {
    "STRICT".to_owned()
}

fn bad<T>(field: impl Into<String>, problem: impl Into<String>) -> Result<T, ManifestError> {
    Err(ManifestError::Field {
        field: field.into(),
        problem: problem.into(),
    })
}

impl Manifest {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ManifestError`] names the field and what would be right.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let read = |source| ManifestError::Read {
            path: path.to_owned(),
            source,
        };
        Self::parse(&std::fs::read_to_string(path).map_err(read)?)
    }

    /// Checks a manifest's text.
    ///
    /// # Errors
    /// [`ManifestError`] names the field and what would be right.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let file: File =
            toml::from_str(text).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        file.check()
    }
}

impl File {
    fn check(self) -> Result<Manifest, ManifestError> {
        // 1.1 is the version that knows stateless services.
        if self.psa_framework_version.to_bits() != 1.1f64.to_bits() {
            return bad("psa_framework_version", "must be 1.1");
        }
        if self.kind != "APPLICATION-ROT" {
            let problem = "must be \"APPLICATION-ROT\"; services of the PSA Root of Trust are part of the secure image";
            return bad("type", problem);
        }
        if self.model != "IPC" {
            return bad("model", "must be \"IPC\"");
        }
        let manifest = Manifest {
            name: identifier("name", self.name)?,
            version: version(self.version)?,
            client_id: number("client_id", self.client_id, 256, 0x3fff_ffff)?,
            priority: one_of("priority", &self.priority, PRIORITIES)?,
            entry_point: symbol("entry_point", self.entry_point)?,
            stack_size: stack_size(self.stack_size)?,
            services: self
                .services
                .into_iter()
                .map(FileService::check)
                .collect::<Result<_, _>>()?,
            dependencies: self
                .dependencies
                .into_iter()
                .map(dependency)
                .collect::<Result<_, _>>()?,
            mmio_regions: self
                .mmio_regions
                .into_iter()
                .map(FileMmio::check)
                .collect::<Result<_, _>>()?,
            restart: Restart {
                limit: number("restart.limit", self.restart.limit, 0, 255)?,
                then: one_of("restart.then", &self.restart.then, AFTER_LAST)?,
            },
        };
        check_services(&manifest.services)?;
        check_dependencies(&manifest)?;
        Ok(manifest)
    }
}

const PRIORITIES: &[(&str, Priority)] = &[
    ("HIGH", Priority::High),
    ("NORMAL", Priority::Normal),
    ("LOW", Priority::Low),
];
const POLICIES: &[(&str, VersionPolicy)] = &[
    ("STRICT", VersionPolicy::Strict),
    ("RELAXED", VersionPolicy::Relaxed),
];
const AFTER_LAST: &[(&str, AfterLastRestart)] = &[
    ("disable", AfterLastRestart::Disable),
    ("reset", AfterLastRestart::Reset),
];

/// Most services of one partition: signals 4 to 31.
const MAX_SERVICES: usize = 28;

impl FileService {
    fn check(self) -> Result<Service, ManifestError> {
        let name = identifier("services.name", self.name)?;
        let field = |of: &str| format!("services.{of} of {name}");
        let access = match (self.connection_based, &self.stateless_handle) {
            (true, None) => ServiceAccess::Connection,
            (true, Some(_)) => {
                return bad(
                    field("stateless_handle"),
                    "a connection-based service has none",
                );
            }
            (false, Some(NameOrNumber::Number(handle))) => {
                ServiceAccess::Stateless(number(&field("stateless_handle"), *handle, 1, 32)?)
            }
            (false, Some(NameOrNumber::Name(auto))) if auto == "auto" => {
                ServiceAccess::StatelessAuto
            }
            (false, _) => {
                return bad(field("stateless_handle"), "must be 1 to 32, or \"auto\"");
            }
        };
        // The version of a stateless service is part of its handle, eight bits of it.
        let most = if access == ServiceAccess::Connection {
            i64::from(u32::MAX)
        } else {
            255
        };
        Ok(Service {
            sid: number(&field("sid"), self.sid, 1, i64::from(u32::MAX))?,
            version: number(&field("version"), self.version, 1, most)?,
            version_policy: one_of(&field("version_policy"), &self.version_policy, POLICIES)?,
            non_secure_clients: self.non_secure_clients,
            access,
            name,
        })
    }
}

impl FileMmio {
    fn check(self) -> Result<MmioRegion, ManifestError> {
        if self.permission != "READ-WRITE" {
            return bad(
                "mmio_regions.permission",
                "must be \"READ-WRITE\"; the port has no other",
            );
        }
        let most = i64::from(u32::MAX);
        let region = MmioRegion {
            base: number("mmio_regions.base", self.base, 0, most)?,
            size: number("mmio_regions.size", self.size, 1, most)?,
        };
        if !region.base.is_multiple_of(32) || !region.size.is_multiple_of(32) {
            return bad("mmio_regions", "base and size must be multiples of 32");
        }
        if region.end() > 1 << 32 {
            return bad(
                "mmio_regions.size",
                "the region runs over the end of memory",
            );
        }
        Ok(region)
    }
}

fn check_services(services: &[Service]) -> Result<(), ManifestError> {
    if services.is_empty() {
        return bad("services", "a partition without services would never run");
    }
    if services.len() > MAX_SERVICES {
        return bad(
            "services",
            format!("at most {MAX_SERVICES}, one signal each"),
        );
    }
    for (n, service) in services.iter().enumerate() {
        if services
            .iter()
            .take(n)
            .any(|other| other.name == service.name)
        {
            return bad("services.name", format!("{} is there twice", service.name));
        }
    }
    Ok(())
}

fn check_dependencies(manifest: &Manifest) -> Result<(), ManifestError> {
    for (n, dependency) in manifest.dependencies.iter().enumerate() {
        if manifest
            .dependencies
            .iter()
            .take(n)
            .any(|other| other == dependency)
        {
            return bad("dependencies", format!("{dependency} is there twice"));
        }
        if manifest
            .services
            .iter()
            .any(|own| dependency.means(&own.name, own.sid))
        {
            return bad(
                "dependencies",
                format!("{dependency} is the partition's own service"),
            );
        }
    }
    Ok(())
}

impl Dependency {
    pub(crate) fn means(&self, name: &str, sid: u32) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Sid(own) => *own == sid,
        }
    }
}

impl std::fmt::Display for Dependency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Sid(sid) => write!(formatter, "{sid:#x}"),
        }
    }
}

fn dependency(raw: NameOrNumber) -> Result<Dependency, ManifestError> {
    match raw {
        NameOrNumber::Name(name) => identifier("dependencies", name).map(Dependency::Name),
        NameOrNumber::Number(sid) => {
            number("dependencies", sid, 1, i64::from(u32::MAX)).map(Dependency::Sid)
        }
    }
}

fn number<T: TryFrom<i64>>(
    field: &str,
    value: i64,
    least: i64,
    most: i64,
) -> Result<T, ManifestError> {
    match T::try_from(value) {
        Ok(fits) if (least..=most).contains(&value) => Ok(fits),
        _ => bad(field, format!("is {value}, must be {least} to {most}")),
    }
}

fn stack_size(raw: i64) -> Result<u32, ManifestError> {
    let size: u32 = number("stack_size", raw, 256, 0x1_0000)?;
    if !size.is_multiple_of(32) {
        return bad(
            "stack_size",
            format!("is {size:#x}, must be a multiple of 32"),
        );
    }
    Ok(size)
}

fn one_of<T: Copy>(field: &str, value: &str, known: &[(&str, T)]) -> Result<T, ManifestError> {
    if let Some((_, meaning)) = known.iter().find(|(name, _)| *name == value) {
        return Ok(*meaning);
    }
    let names: Vec<_> = known
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    bad(
        field,
        format!("is \"{value}\", must be {}", names.join(" or ")),
    )
}

/// A C macro name: it becomes part of generated C and Rust.
fn identifier(field: &str, value: String) -> Result<String, ManifestError> {
    let first = value.chars().next().is_some_and(|c| c.is_ascii_uppercase());
    let rest = value
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if first && rest && value.len() <= 64 {
        return Ok(value);
    }
    bad(
        field,
        format!("is \"{value}\", must be capitals, digits and underscores"),
    )
}

fn symbol(field: &str, value: String) -> Result<String, ManifestError> {
    let first = value
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if first && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(value);
    }
    bad(
        field,
        format!("is \"{value}\", must be the name of a function"),
    )
}

fn version(value: String) -> Result<String, ManifestError> {
    let parts: Vec<_> = value.split('.').collect();
    let limits = [255, 255, 65_535];
    let fits = |(part, most): (&&str, u32)| {
        let canonical = part.len() == 1 || !part.starts_with('0');
        let digits = part.chars().all(|c| c.is_ascii_digit());
        canonical && digits && part.parse().is_ok_and(|number: u32| number <= most)
    };
    if parts.len() == limits.len() && parts.iter().zip(limits).all(fits) {
        return Ok(value);
    }
    bad(
        "version",
        format!("is \"{value}\", must be major.minor.revision"),
    )
}
