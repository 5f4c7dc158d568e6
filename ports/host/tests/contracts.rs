//! The promises of `platform`, kept by this port.

use ironroot_platform::checks::{
    MemoryCase, check_client_memory, check_counter, check_counter_keeps_its_value, check_entropy,
    check_flash,
};
use ironroot_platform::{
    Flash, FlashCounter, FlashError, Geometry, MemoryOwner, PartitionIndex, Span,
};
use ironroot_port_host::{
    ClientMemories, Durability, FileFlash, OpenError, OsEntropy, Storage, memory_base,
};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const GEOMETRY: Geometry = Geometry {
    sector_size: 4096,
    sectors: 8,
    write_unit: 4,
    erased: 0xff,
};

#[test]
fn file_flash_keeps_the_flash_contract_in_both_forms() {
    for storage in [Storage::Raw, Storage::Sparse] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flash");
        let flash = FileFlash::create(&path, GEOMETRY, storage).unwrap();
        check_flash(&mut flash.with_durability(Durability::OnFlush));
        flash.flush().unwrap();
    }
}

#[test]
fn a_counter_in_a_file_keeps_the_counter_contract_and_its_value() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flash");
    let flash = FileFlash::create(&path, GEOMETRY, Storage::Sparse).unwrap();
    let mut counter = FlashCounter::open(flash).unwrap();
    check_counter(&mut counter);
    check_counter_keeps_its_value(counter, |counter| {
        drop(counter);
        let flash = FileFlash::open(&path, GEOMETRY, Storage::Sparse).unwrap();
        FlashCounter::open(flash).unwrap()
    });
}

#[test]
fn the_operating_systems_entropy_keeps_the_entropy_contract() {
    check_entropy(&mut OsEntropy);
}

fn raw_file(path: &Path) -> FileFlash {
    FileFlash::create(path, GEOMETRY, Storage::Raw).unwrap()
}

#[test]
fn two_users_cannot_open_one_device() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flash");
    let first = raw_file(&path);
    let open = || FileFlash::open(&path, GEOMETRY, Storage::Raw);
    assert!(matches!(open(), Err(OpenError::Busy)));
    let second_handle = first.clone();
    drop(first);
    assert!(
        matches!(open(), Err(OpenError::Busy)),
        "a clone is the same device"
    );
    drop(second_handle);
    open().unwrap();
}

#[test]
fn a_device_is_never_overwritten_and_a_file_of_another_size_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flash");
    drop(raw_file(&path));
    let again = FileFlash::create(&path, GEOMETRY, Storage::Raw);
    assert!(matches!(again, Err(OpenError::Io(_))));
    let larger = Geometry {
        sectors: 9,
        ..GEOMETRY
    };
    let opened = FileFlash::open(&path, larger, Storage::Raw);
    assert!(matches!(opened, Err(OpenError::WrongLength(32_768))));
}

#[test]
fn a_raw_file_holds_the_flash_byte_for_byte_and_a_sparse_one_takes_no_space() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("raw");
    let mut flash = raw_file(&path);
    flash.program(4096, b"data").unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes[4090..4102], *b"\xff\xff\xff\xff\xff\xffdata\xff\xff");

    let large = Geometry {
        sectors: 4096,
        ..GEOMETRY
    };
    let path = directory.path().join("sparse");
    let mut flash = FileFlash::create(&path, large, Storage::Sparse).unwrap();
    flash.program(0, &[0; 4096]).unwrap();
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), 16 << 20);
    assert!(
        metadata.blocks() * 512 < 1 << 20,
        "{} blocks",
        metadata.blocks()
    );
}

#[test]
fn a_unit_is_programmed_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut flash = raw_file(&directory.path().join("flash"));
    flash.program(0, &[0xfe; 4]).unwrap();
    assert_eq!(flash.program(0, &[0xfc; 4]), Err(FlashError::NotErased));
    flash.erase(0).unwrap();
    flash.program(0, &[0xfc; 4]).unwrap();
}

#[test]
fn client_memories_keep_the_client_memory_contract() {
    let mut memories = ClientMemories::default();
    let owner = MemoryOwner::NonSecure;
    let partition = MemoryOwner::Partition(PartitionIndex(0));
    memories.put(owner, vec![0; 128]);
    memories.put(partition, vec![0; 128]);
    let base = memory_base(owner);
    let case = MemoryCase {
        owner,
        writable: Span { base, len: 128 },
        read_only: None,
        forbidden: &[
            Span {
                base: memory_base(partition),
                len: 128,
            },
            Span {
                base: base + 120,
                len: 9,
            },
            Span {
                base: base - 1,
                len: 2,
            },
            Span { base: 0, len: 1 },
        ],
    };
    check_client_memory(&mut memories, &case);
}
