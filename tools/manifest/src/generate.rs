//! The tables as Rust source, and what C needs of them.
//!
//! Output is the same for the same input, byte by byte: images must be reproducible.

use crate::manifest::{AfterLastRestart, Manifest, Priority, VersionPolicy};
use crate::system::{Resolved, System, SystemError};
use ironroot_psa_api::StatelessHandle;
use std::fmt::Write as _;

/// Where a partition was linked: first byte and end of code and of memory, on borders of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Code and constants.
    pub code: (u32, u32),
    /// Stack, data and bss.
    pub ram: (u32, u32),
}

const HEADER: &str =
    "// Written by ironroot-manifest from the partitions' manifests. Not to be edited.\n";

impl System {
    /// `SERVICES`, `PARTITIONS` and `IMAGES` for a device.
    ///
    /// To be included where `ServiceInfo`, `PartitionInfo` (of `ironroot-spm`) and `PartitionImage` (of
    /// the port: `code`, `ram`, `mmio` as pairs of first byte and end) are in scope.
    ///
    /// # Errors
    /// [`SystemError`] when the placements do not fit the partitions or overlap.
    pub fn device_tables(&self, placements: &[Placement]) -> Result<String, SystemError> {
        self.check_placements(placements)?;
        let mut source = self.host_tables();
        source.push_str("pub(crate) const IMAGES: &[PartitionImage] = &[\n");
        for (manifest, placement) in self.manifests.iter().zip(placements) {
            image(&mut source, manifest, placement);
        }
        source.push_str("];\n");
        Ok(source)
    }

    /// `SERVICES` and `PARTITIONS` for the host, where partitions are processes.
    #[must_use]
    pub fn host_tables(&self) -> String {
        let mut source = HEADER.to_owned();
        source.push_str("pub(crate) const SERVICES: &[ServiceInfo] = &[\n");
        for service in &self.services {
            service_row(&mut source, service);
        }
        source.push_str("];\npub(crate) const PARTITIONS: &[PartitionInfo] = &[\n");
        for (manifest, dependencies) in self.manifests.iter().zip(&self.dependencies) {
            partition_row(&mut source, manifest, dependencies);
        }
        source.push_str("];\n");
        source
    }

    /// C: signals of one partition's services (`psa_manifest/<partition>.h`).
    #[must_use]
    pub fn partition_header(&self, partition: usize) -> String {
        let mut source = HEADER.to_owned();
        source.push_str("#pragma once\n");
        for resolved in self.services.iter().filter(|r| r.partition == partition) {
            line(
                &mut source,
                format_args!(
                    "#define {}_SIGNAL ({:#010x}u)",
                    resolved.service.name, resolved.signal
                ),
            );
        }
        source
    }

    /// C: ids, versions and constant handles of all services (`psa_manifest/sid.h`).
    #[must_use]
    pub fn sid_header(&self) -> String {
        let mut source = HEADER.to_owned();
        source.push_str("#pragma once\n");
        for known in &self.root {
            let index = known
                .stateless_handle
                .map(|handle| handle.saturating_sub(1));
            sid_rows(&mut source, &known.name, known.sid, 1, index);
        }
        for Resolved { service, index, .. } in &self.services {
            sid_rows(
                &mut source,
                &service.name,
                service.sid,
                service.version,
                *index,
            );
        }
        source
    }

    fn check_placements(&self, placements: &[Placement]) -> Result<(), SystemError> {
        if placements.len() != self.manifests.len() {
            let (placements, partitions) = (placements.len(), self.manifests.len());
            return Err(SystemError::PlacementCount {
                placements,
                partitions,
            });
        }
        let mut ranges: Vec<(String, (u32, u32))> = Vec::new();
        for (manifest, placement) in self.manifests.iter().zip(placements) {
            for (what, range) in [("code", placement.code), ("memory", placement.ram)] {
                let (start, end) = range;
                if start >= end || !start.is_multiple_of(32) || !end.is_multiple_of(32) {
                    let partition = manifest.name.clone();
                    return Err(SystemError::BadRange {
                        partition,
                        what,
                        start,
                        end,
                    });
                }
                ranges.push((format!("{what} of {}", manifest.name), range));
            }
        }
        for (n, (first, one)) in ranges.iter().enumerate() {
            for (second, two) in ranges.iter().skip(n + 1) {
                if one.0 < two.1 && two.0 < one.1 {
                    let (first, second) = (first.clone(), second.clone());
                    return Err(SystemError::Overlap {
                        first,
                        second,
                        at: one.0.max(two.0),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Appends a line. Writing to a string cannot fail.
fn line(source: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(source, "{text}");
}

fn service_row(source: &mut String, resolved: &Resolved) {
    let Resolved {
        service,
        partition,
        signal,
        index,
    } = resolved;
    let access = match index {
        Some(index) => format!("Stateless({index})"),
        None => "Connection".to_owned(),
    };
    let policy = match service.version_policy {
        VersionPolicy::Strict => "Strict",
        VersionPolicy::Relaxed => "Relaxed",
    };
    line(source, format_args!("    ServiceInfo {{"));
    line(source, format_args!("        sid: {:#x},", service.sid));
    line(source, format_args!("        name: {:?},", service.name));
    line(
        source,
        format_args!("        version: {},", service.version),
    );
    line(
        source,
        format_args!("        version_policy: ::ironroot_spm::VersionPolicy::{policy},"),
    );
    line(
        source,
        format_args!(
            "        non_secure_clients: {},",
            service.non_secure_clients
        ),
    );
    line(
        source,
        format_args!("        access: ::ironroot_spm::ServiceAccess::{access},"),
    );
    line(
        source,
        format_args!("        provider: ::ironroot_spm::Provider::Partition {{"),
    );
    line(
        source,
        format_args!("            partition: ::ironroot_spm::PartitionIndex({partition}),"),
    );
    line(source, format_args!("            signal: {signal:#x},"));
    line(source, format_args!("        }},\n    }},"));
}

fn partition_row(source: &mut String, manifest: &Manifest, dependencies: &[u32]) {
    let priority = match manifest.priority {
        Priority::High => "High",
        Priority::Normal => "Normal",
        Priority::Low => "Low",
    };
    let then = match manifest.restart.then {
        AfterLastRestart::Disable => "Disable",
        AfterLastRestart::Reset => "ResetSystem",
    };
    let dependencies: Vec<_> = dependencies.iter().map(|sid| format!("{sid:#x}")).collect();
    line(source, format_args!("    PartitionInfo {{"));
    line(
        source,
        format_args!(
            "        client: match ::ironroot_spm::ClientId::new({}) {{",
            manifest.client_id
        ),
    );
    line(source, format_args!("            Some(client) => client,"));
    line(
        source,
        format_args!("            None => panic!(\"client id zero\"),\n        }},"),
    );
    line(source, format_args!("        name: {:?},", manifest.name));
    line(
        source,
        format_args!("        priority: ::ironroot_spm::Priority::{priority},"),
    );
    line(
        source,
        format_args!("        dependencies: &[{}],", dependencies.join(", ")),
    );
    line(
        source,
        format_args!("        restart: ::ironroot_spm::RestartPolicy {{"),
    );
    line(
        source,
        format_args!("            restarts: {},", manifest.restart.limit),
    );
    line(
        source,
        format_args!("            then: ::ironroot_spm::AfterLastRestart::{then},"),
    );
    line(source, format_args!("        }},\n    }},"));
}

fn image(source: &mut String, manifest: &Manifest, placement: &Placement) {
    let range = |(start, end): (u32, u32)| format!("({start:#010x}, {end:#010x})");
    let mmio: Vec<_> = manifest
        .mmio_regions
        .iter()
        // The board's devices end below the last byte of memory.
        .map(|region| range((region.base, region.base.saturating_add(region.size))))
        .collect();
    line(source, format_args!("    // {}", manifest.name));
    line(source, format_args!("    PartitionImage {{"));
    line(
        source,
        format_args!("        code: {},", range(placement.code)),
    );
    line(
        source,
        format_args!("        ram: {},", range(placement.ram)),
    );
    line(
        source,
        format_args!("        mmio: &[{}],", mmio.join(", ")),
    );
    line(source, format_args!("    }},"));
}

fn sid_rows(source: &mut String, name: &str, sid: u32, version: u32, index: Option<u8>) {
    line(source, format_args!("#define {name}_SID ({sid:#010x}u)"));
    line(source, format_args!("#define {name}_VERSION ({version}u)"));
    let version = u8::try_from(version).ok();
    let handle = index
        .zip(version)
        .and_then(|(index, version)| StatelessHandle::new(index, version));
    if let Some(handle) = handle {
        line(
            source,
            format_args!("#define {name}_HANDLE ({:#010x}u)", handle.handle().0),
        );
    }
}
