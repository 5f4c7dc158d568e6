//! What a manifest may say, and what it may not.

use ironroot_manifest::{
    BoardLimits, KnownService, Manifest, ManifestError, Placement, System, SystemError,
    product_root_services,
};

const GOOD: &str = r#"
psa_framework_version = 1.1
name = "SAMPLE"
type = "APPLICATION-ROT"
priority = "HIGH"
model = "IPC"
entry_point = "sample_main"
stack_size = 0x400
version = "1.2.3"
client_id = 300
dependencies = ["TFM_CRYPTO", 0x70]

[restart]
limit = 2
then = "reset"

[[services]]
name = "FIRST"
sid = 0xF000
non_secure_clients = true
connection_based = false
stateless_handle = 9
version = 3
version_policy = "RELAXED"

[[services]]
name = "SECOND"
sid = 0xF001
non_secure_clients = false
connection_based = true

[[mmio_regions]]
base = 0x5010_1000
size = 0x1000
permission = "READ-WRITE"
"#;

/// A second partition that fits beside [`GOOD`].
fn other() -> String {
    GOOD.replace("SAMPLE", "OTHER")
        .replace("300", "301")
        .replace("FIRST", "THIRD")
        .replace("SECOND", "FOURTH")
        .replace("0xF00", "0xF01")
        .replace("stateless_handle = 9", "stateless_handle = \"auto\"")
        .replace("0x5010_1000", "0x5010_2000")
}

fn parse(text: &str) -> Manifest {
    Manifest::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn system(texts: &[&str]) -> Result<System, SystemError> {
    let manifests = texts.iter().map(|text| parse(text)).collect();
    System::new(product_root_services(), manifests, BoardLimits::AN521)
}

#[test]
fn the_sample_is_accepted() {
    let manifest = parse(GOOD);
    assert_eq!((manifest.client_id, manifest.stack_size), (300, 0x400));
    assert_eq!(manifest.services.len(), 2);
    assert!(system(&[GOOD, &other()]).is_ok());
}

#[test]
fn the_protected_storage_partitions_own_manifest_is_accepted() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("firmware/an521-partition-ps/partition.toml");
    let manifest = Manifest::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let standard = ironroot_psa_api::service::PROTECTED_STORAGE;
    assert_eq!(manifest.services[0].sid, standard.sid);
    System::new(product_root_services(), vec![manifest], BoardLimits::AN521).unwrap();
}

/// What is replaced by what, and the field that must be blamed.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "psa_framework_version = 1.1",
        "psa_framework_version = 1.0",
        "psa_framework_version",
    ),
    ("\"SAMPLE\"", "\"sample\"", "name"),
    ("\"SAMPLE\"", "\"\"", "name"),
    ("\"SAMPLE\"", "\"1ST\"", "name"),
    ("\"SAMPLE\"", "\"A\\\"); evil(\"", "name"),
    ("\"APPLICATION-ROT\"", "\"PSA-ROT\"", "type"),
    ("\"HIGH\"", "\"high\"", "priority"),
    ("\"IPC\"", "\"SFN\"", "model"),
    ("\"sample_main\"", "\"sample-main\"", "entry_point"),
    ("\"sample_main\"", "\"\"", "entry_point"),
    ("stack_size = 0x400", "stack_size = 0x401", "stack_size"),
    ("stack_size = 0x400", "stack_size = 0", "stack_size"),
    ("stack_size = 0x400", "stack_size = -1024", "stack_size"),
    (
        "stack_size = 0x400",
        "stack_size = 0x1_0000_0400",
        "stack_size",
    ),
    ("\"1.2.3\"", "\"1.2\"", "version"),
    ("\"1.2.3\"", "\"1.2.3.4\"", "version"),
    ("\"1.2.3\"", "\"1.2.70000\"", "version"),
    ("\"1.2.3\"", "\"1.02.3\"", "version"),
    ("\"1.2.3\"", "\"256.0.0\"", "version"),
    ("client_id = 300", "client_id = 0", "client_id"),
    ("client_id = 300", "client_id = -1", "client_id"),
    ("client_id = 300", "client_id = 255", "client_id"),
    ("client_id = 300", "client_id = 0x4000_0000", "client_id"),
    ("limit = 2", "limit = 256", "restart.limit"),
    ("limit = 2", "limit = -1", "restart.limit"),
    ("\"reset\"", "\"panic\"", "restart.then"),
    ("\"TFM_CRYPTO\"", "\"tfm crypto\"", "dependencies"),
    ("0x70]", "\"TFM_CRYPTO\"]", "dependencies"),
    ("0x70]", "\"FIRST\"]", "dependencies"),
    ("0x70]", "0xF001]", "dependencies"),
    ("0x70]", "0]", "dependencies"),
    ("\"SECOND\"", "\"FIRST\"", "services.name"),
    ("sid = 0xF000", "sid = 0", "services.sid of FIRST"),
    (
        "sid = 0xF000",
        "sid = 0x1_0000_0000",
        "services.sid of FIRST",
    ),
    (
        "stateless_handle = 9",
        "stateless_handle = 0",
        "services.stateless_handle of FIRST",
    ),
    (
        "stateless_handle = 9",
        "stateless_handle = 33",
        "services.stateless_handle of FIRST",
    ),
    (
        "stateless_handle = 9",
        "stateless_handle = \"any\"",
        "services.stateless_handle of FIRST",
    ),
    (
        "stateless_handle = 9\n",
        "",
        "services.stateless_handle of FIRST",
    ),
    (
        "connection_based = true",
        "connection_based = true\nstateless_handle = 10",
        "services.stateless_handle of SECOND",
    ),
    ("version = 3", "version = 0", "services.version of FIRST"),
    ("version = 3", "version = 256", "services.version of FIRST"),
    (
        "\"RELAXED\"",
        "\"LOOSE\"",
        "services.version_policy of FIRST",
    ),
    ("base = 0x5010_1000", "base = 0x5010_1010", "mmio_regions"),
    ("size = 0x1000", "size = 0x10", "mmio_regions"),
    ("size = 0x1000", "size = 0", "mmio_regions.size"),
    (
        "base = 0x5010_1000",
        "base = 0xffff_f020",
        "mmio_regions.size",
    ),
    ("\"READ-WRITE\"", "\"READ-ONLY\"", "mmio_regions.permission"),
];

#[test]
fn every_wrong_value_is_refused_and_its_field_is_named() {
    for &(right, wrong, blamed) in WRONG {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{right} is not in the sample");
        match Manifest::parse(&text) {
            Err(ManifestError::Field { field, .. }) => assert_eq!(field, blamed, "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
}

#[test]
fn missing_unknown_and_misspelt_fields_are_refused() {
    let lines = GOOD.lines().filter(|line| line.contains('='));
    let defaults = [
        "dependencies",
        "version = 3",
        "version_policy",
        "stateless_handle",
    ];
    for line in lines.filter(|line| !defaults.iter().any(|field| line.starts_with(field))) {
        let without = GOOD.replacen(line, "", 1);
        assert!(
            matches!(Manifest::parse(&without), Err(ManifestError::Syntax(_))),
            "{line}"
        );
    }
    for unknown in ["heap_size = 0", "stack_sise = 1", "weak_dependencies = []"] {
        let text = format!("{unknown}\n{GOOD}");
        assert!(
            matches!(Manifest::parse(&text), Err(ManifestError::Syntax(_))),
            "{unknown}"
        );
    }
    let in_service = GOOD.replacen("sid = 0xF000", "sid = 0xF000\nmm_iovec = true", 1);
    assert!(matches!(
        Manifest::parse(&in_service),
        Err(ManifestError::Syntax(_))
    ));
    assert!(matches!(
        Manifest::parse("not toml"),
        Err(ManifestError::Syntax(_))
    ));
}

#[test]
fn a_partition_without_services_or_with_too_many_is_refused() {
    let start = GOOD.find("[[services]]").unwrap();
    let end = GOOD.find("[[mmio_regions]]").unwrap();
    let without = format!("{}{}", &GOOD[..start], &GOOD[end..]);
    assert!(matches!(
        Manifest::parse(&without),
        Err(ManifestError::Field { .. })
    ));
    let service = |n: u32| {
        let sid = 0xE000 + n;
        format!(
            "[[services]]\nname = \"S{n}\"\nsid = {sid}\nnon_secure_clients = true\nconnection_based = true\n"
        )
    };
    let many: String = (0..28).map(service).collect();
    assert!(Manifest::parse(&format!("{}{many}", &GOOD[..start])).is_ok());
    let too_many: String = (0..29).map(service).collect();
    assert!(Manifest::parse(&format!("{}{too_many}", &GOOD[..start])).is_err());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Manifest::load(std::path::Path::new("no/such/file.toml")).unwrap_err();
    assert!(error.to_string().contains("no/such/file.toml"));
}

#[test]
fn clashes_between_partitions_name_both_sides() {
    let other = other();
    let clash = |right: &str, wrong: &str| {
        let text = other.replacen(right, wrong, 1);
        assert_ne!(text, other, "{right}");
        system(&[GOOD, &text]).expect_err(wrong).to_string()
    };
    assert_eq!(
        clash("\"OTHER\"", "\"SAMPLE\""),
        "two partitions are called SAMPLE"
    );
    assert_eq!(
        clash("301", "300"),
        "SAMPLE and OTHER have the same client_id 300"
    );
    assert_eq!(
        clash("\"THIRD\"", "\"FIRST\""),
        "two services are called FIRST"
    );
    assert_eq!(
        clash("0xF010", "0xF000"),
        "FIRST and THIRD have the same sid 0xf000"
    );
    assert_eq!(
        clash("stateless_handle = \"auto\"", "stateless_handle = 9"),
        "FIRST and THIRD have the same stateless_handle 9"
    );
    assert_eq!(
        clash("base = 0x5010_2000", "base = 0x5010_1800"),
        "SAMPLE and OTHER share device registers at 0x50101800"
    );
    assert_eq!(
        clash("\"TFM_CRYPTO\"", "\"TFM_CRIPTO\""),
        "OTHER depends on TFM_CRIPTO, which no root service and no partition offers"
    );
}

#[test]
fn clashes_with_root_services_and_the_board_are_refused() {
    let clash = |right: &str, wrong: &str| {
        let text = GOOD.replacen(right, wrong, 1);
        system(&[&text]).expect_err(wrong)
    };
    assert!(matches!(
        clash("0xF000", "0x80"),
        SystemError::DuplicateSid { sid: 0x80, .. }
    ));
    assert!(matches!(
        clash("\"FIRST\"", "\"TFM_PLATFORM_SERVICE\""),
        SystemError::DuplicateService(_)
    ));
    let handle = clash("stateless_handle = 9", "stateless_handle = 1");
    assert!(matches!(
        handle,
        SystemError::DuplicateHandle { handle: 1, .. }
    ));
    assert!(matches!(
        clash("0x5010_1000", "0x4010_1000"),
        SystemError::NotADevice { .. }
    ));
    assert!(matches!(
        clash("0x5010_1000", "0x5fff_f800"),
        SystemError::NotADevice { .. }
    ));
    let region = "[[mmio_regions]]\nbase = 0x5020_0000\nsize = 32\npermission = \"READ-WRITE\"\n";
    let two_more = format!("{GOOD}{region}{}", region.replace("5020", "5030"));
    assert!(matches!(
        system(&[&two_more]),
        Err(SystemError::TooManyRegions { count: 3, .. })
    ));
    let host = System::new(
        product_root_services(),
        vec![parse(GOOD)],
        BoardLimits::HOST,
    );
    assert!(matches!(
        host,
        Err(SystemError::TooManyRegions { most: 0, .. })
    ));
    let many: Vec<Manifest> = (0..7).map(|_| parse(GOOD)).collect();
    let crowd = System::new(product_root_services(), many, BoardLimits::AN521);
    assert!(matches!(
        crowd,
        Err(SystemError::TooManyPartitions { count: 7, most: 6 })
    ));
}

#[test]
fn automatic_handles_take_the_lowest_free_one_and_run_out() {
    let auto = other();
    let system = system(&[GOOD, &auto]).unwrap();
    // 1 and 3 to 6 are root services', 9 is FIRST's; 2 is free without Protected Storage.
    assert!(
        system
            .sid_header()
            .contains("#define THIRD_HANDLE (0x40000301u)")
    );
    let full = (1..=32)
        .filter(|handle| *handle != 9)
        .map(|handle| KnownService {
            name: format!("R{handle}"),
            sid: handle.into(),
            stateless_handle: Some(handle),
        })
        .chain(product_root_services().into_iter().map(|s| KnownService {
            stateless_handle: None,
            sid: s.sid + 0x1000,
            ..s
        }))
        .collect();
    let text = auto.replace("\"TFM_CRYPTO\", 0x70", "");
    let first = GOOD.replace("\"TFM_CRYPTO\", 0x70", "");
    let result = System::new(full, vec![parse(&first), parse(&text)], BoardLimits::AN521);
    assert_eq!(
        result.err(),
        Some(SystemError::NoHandleLeft("THIRD".to_owned()))
    );
}

#[test]
fn placements_must_fit_and_not_overlap() {
    let system = system(&[GOOD, &other()]).unwrap();
    let first = Placement {
        code: (0x1000, 0x2000),
        ram: (0x3000_0000, 0x3000_0800),
    };
    let second = Placement {
        code: (0x2000, 0x2020),
        ram: (0x3000_0800, 0x3000_0820),
    };
    assert!(system.device_tables(&[first, second]).is_ok());
    let wrong = [
        Placement {
            code: (0x1fe0, 0x2020),
            ..second
        },
        Placement {
            code: (0x2000, 0x2000),
            ..second
        },
        Placement {
            code: (0x2020, 0x2000),
            ..second
        },
        Placement {
            code: (0x2010, 0x2030),
            ..second
        },
        Placement {
            ram: (0x3000_07e0, 0x3000_0820),
            ..second
        },
        Placement {
            ram: (0x1800, 0x1820),
            ..second
        },
        Placement {
            ram: (0x3000_0800, 0x3000_0810),
            ..second
        },
    ];
    for placement in wrong {
        assert!(
            system.device_tables(&[first, placement]).is_err(),
            "{placement:?}"
        );
    }
    assert!(matches!(
        system.device_tables(&[first]),
        Err(SystemError::PlacementCount { .. })
    ));
}

/// What the generator writes, compiled.
mod tables {
    use ironroot_spm::{PartitionInfo, ServiceInfo};
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct PartitionImage {
        pub(crate) code: (u32, u32),
        pub(crate) ram: (u32, u32),
        pub(crate) mmio: &'static [(u32, u32)],
    }
    include!("golden/tables.rs");
}

#[test]
fn generated_tables_compile_and_say_what_the_manifests_say() {
    let system = system(&[GOOD, &other()]).unwrap();
    let first = Placement {
        code: (0x1001_0600, 0x1001_0a00),
        ram: (0x3001_4000, 0x3001_4800),
    };
    let second = Placement {
        code: (0x1001_0a00, 0x1001_0b00),
        ram: (0x3001_4800, 0x3001_5000),
    };
    let source = system.device_tables(&[first, second]).unwrap();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tables.rs");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(golden, &source).unwrap();
    }
    assert_eq!(
        source,
        std::fs::read_to_string(golden).unwrap(),
        "BLESS=1 writes the file anew"
    );

    use ironroot_spm::{AfterLastRestart, Priority, Provider, ServiceAccess, VersionPolicy};
    assert!(ironroot_spm::Tables::new(&[], tables::SERVICES, tables::PARTITIONS).is_ok());
    let [service, connected, auto, _] = tables::SERVICES else {
        panic!("four services")
    };
    assert_eq!(
        (service.sid, service.version, service.name),
        (0xF000, 3, "FIRST")
    );
    assert_eq!(service.version_policy, VersionPolicy::Relaxed);
    assert_eq!(service.access, ServiceAccess::Stateless(8));
    let provider = |partition, signal| Provider::Partition {
        partition: ironroot_spm::PartitionIndex(partition),
        signal,
    };
    assert_eq!(service.provider, provider(0, 16));
    assert_eq!(
        (connected.access, connected.provider),
        (ServiceAccess::Connection, provider(0, 32))
    );
    assert!(service.non_secure_clients && !connected.non_secure_clients);
    assert_eq!(
        (auto.access, auto.provider),
        (ServiceAccess::Stateless(1), provider(1, 16))
    );
    let partition = &tables::PARTITIONS[0];
    assert_eq!((partition.client.get(), partition.name), (300, "SAMPLE"));
    assert_eq!(partition.dependencies, [0x80, 0x70]);
    assert_eq!(partition.priority, Priority::High);
    assert_eq!(partition.restart.restarts, 2);
    assert_eq!(partition.restart.then, AfterLastRestart::ResetSystem);
    let image = &tables::IMAGES[1];
    assert_eq!((image.code, image.ram), (second.code, second.ram));
    assert_eq!(image.mmio, [(0x5010_2000, 0x5010_3000)]);
}

#[test]
fn c_headers_give_signals_and_handles() {
    let system = system(&[GOOD, &other()]).unwrap();
    let own = system.partition_header(0);
    assert!(own.contains("#define FIRST_SIGNAL (0x00000010u)"));
    assert!(own.contains("#define SECOND_SIGNAL (0x00000020u)"));
    assert!(!own.contains("THIRD"));
    let sids = system.sid_header();
    // TF-M's own numbers for its crypto service.
    for line in [
        "TFM_CRYPTO_SID (0x00000080u)",
        "TFM_CRYPTO_VERSION (1u)",
        "TFM_CRYPTO_HANDLE (0x40000100u)",
    ] {
        assert!(sids.contains(line), "{line}");
    }
    assert!(sids.contains("#define FIRST_HANDLE (0x40000308u)"));
    assert!(!sids.contains("SECOND_HANDLE"));
}
