//! What a hostile process can say to the secure world's socket, and what a dying partition does to it.

use ironroot_boot::PerImage;
use ironroot_boot::fault::Origin;
use ironroot_boot::otp::{Lifecycle, RootKeys, Scheme, Text};
use ironroot_client::{Transport as _, crypto, its, ps};
use ironroot_host_device::{Board, Choices, DeviceFiles, Marshal, Retained, provision};
use ironroot_image::shared_data::SharedDataWriter;
use ironroot_platform::{MemoryOwner, PartitionIndex};
use ironroot_port_host::{Connection, DEFAULT_CLIENT, memory_base, wire};
use ironroot_psa_api::service::CRYPTO;
use ironroot_psa_api::storage::{CreateFlags, StorageUid};
use ironroot_psa_api::{Control, Error, FRAMEWORK_VERSION, Handle, InVec, svc};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

const BASE: u32 = memory_base(MemoryOwner::NonSecure);

/// A running secure world on a device of its own.
struct World {
    files: DeviceFiles,
    process: Child,
    _directory: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = DeviceFiles::create(&directory.path().join("dev"), Board::Host).unwrap();
        let key = RootKeys::one(Scheme::P256Sha256, &[1; 32]).unwrap();
        let choices = Choices {
            root_keys: PerImage {
                secure: key,
                non_secure: key,
            },
            decryption_key: None,
            lifecycle: Lifecycle::Secured,
            implementation_id: None,
            certification_reference: Text::EMPTY,
            together: false,
            verification_service: Text::EMPTY,
            seed: None,
        };
        provision(&mut files.open_flash().unwrap(), Board::Host, choices).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ironroot-host-secure"))
            .arg("--device")
            .arg(files.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut shared_data = [0; 64];
        let area = SharedDataWriter::new(&mut shared_data).unwrap();
        let hand_over = [&1_u32.to_le_bytes(), area.written()].concat();
        process.stdin.take().unwrap().write_all(&hand_over).unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        Self {
            files,
            process,
            _directory: directory,
        }
    }

    fn connect(&self, client: i32) -> Connection {
        Connection::open(&self.files.socket(), client).unwrap()
    }

    fn client(&self, client: i32) -> Marshal<Connection> {
        Marshal::new(self.connect(client), BASE)
    }

    fn assert_alive(&self) {
        assert_eq!(
            self.client(DEFAULT_CLIENT).framework_version(),
            FRAMEWORK_VERSION
        );
    }

    /// Process ids of the partitions: the secure world's children.
    fn partitions(&self) -> Vec<u32> {
        let id = self.process.id();
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let children = threads.map(|thread| {
            std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default()
        });
        children
            .flat_map(|text| {
                text.split_whitespace()
                    .map(|id| id.parse().unwrap())
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn uid(number: u64) -> StorageUid {
    StorageUid::new(number).unwrap()
}

#[test]
fn addresses_outside_the_callers_own_memory_are_refused() {
    let world = World::start();
    let mut connection = world.connect(DEFAULT_CLIENT);
    let control = Control::new(1001, 1, 0).unwrap().word();
    let partition = memory_base(MemoryOwner::Partition(PartitionIndex(0)));
    let refused = Error::ProgrammerError.status().to_register();
    // The array of vectors itself.
    for array in [
        0,
        BASE - 8,
        BASE + 64,
        BASE + 4,
        partition,
        u32::MAX - 7,
        u32::MAX,
    ] {
        let mut memory = [0; 8];
        let args = [CRYPTO.handle.0, control, array, 0];
        let result = connection
            .call(svc::CALL.into(), args, &mut memory)
            .unwrap();
        assert_eq!(result, refused, "array at {array:#x}");
    }
    // What a vector points to.
    for (base, len) in [
        (BASE + 16, 1),
        (BASE, 17),
        (BASE - 1, 2),
        (partition, 4),
        (0, 4),
        (BASE + 8, u32::MAX),
        (u32::MAX, 2),
    ] {
        let mut memory = [0; 16];
        memory[..8].copy_from_slice(&InVec { base, len }.to_bytes());
        let args = [CRYPTO.handle.0, control, BASE, 0];
        let result = connection
            .call(svc::CALL.into(), args, &mut memory)
            .unwrap();
        assert_eq!(result, refused, "{len} bytes at {base:#x}");
    }
    world.assert_alive();
}

#[test]
fn calls_that_only_partitions_may_make_and_unknown_ones_are_refused() {
    let world = World::start();
    let mut connection = world.connect(DEFAULT_CLIENT);
    let refused = Error::ProgrammerError.status().to_register();
    for number in [
        0,
        6,
        u32::from(svc::WAIT),
        u32::from(svc::REPLY),
        u32::from(svc::PANIC),
        255,
        256,
    ] {
        assert_eq!(
            connection.call(number, [1, 2, 3, 4], &mut [0; 8]).unwrap(),
            refused,
            "{number}"
        );
    }
    for handle in [0, 1, 0x4000_011f, 0x4000_0000, u32::MAX] {
        let status = world.client(-2).call(Handle(handle), 0, &[], &mut []);
        assert!(!status.is_success(), "{handle:#x}");
    }
    world.assert_alive();
}

#[test]
fn broken_frames_end_their_own_connection_only() {
    let world = World::start();
    let mut honest = world.client(-3);
    for bytes in [
        &[0xff; 64][..],
        &[0; 64],
        &[20, 0, 0, 0, 1],
        // A greeting with memory.
        &[
            24, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            2, 3, 4,
        ],
    ] {
        let mut stream = UnixStream::connect(world.files.socket()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // A reset connection is as good as a closed one.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, []);
        assert_eq!(honest.framework_version(), FRAMEWORK_VERSION);
    }
    // A call before the greeting.
    let mut stream = UnixStream::connect(world.files.socket()).unwrap();
    wire::send_question(&mut stream, svc::FRAMEWORK_VERSION.into(), [0; 4], &[]).unwrap();
    assert!(wire::receive_answer(&mut stream, &mut []).is_err());
    world.assert_alive();
}

#[test]
fn clients_do_not_see_each_others_objects_and_positive_ids_are_not_given() {
    let world = World::start();
    let (mut first, mut second) = (world.client(-5), world.client(-6));
    its::set(&mut first, uid(1), b"mine", CreateFlags::NONE).unwrap();
    ps::set(&mut first, uid(1), b"mine too", CreateFlags::NONE).unwrap();
    let mut read = [0; 16];
    assert_eq!(
        its::get(&mut second, uid(1), 0, &mut read),
        Err(Error::DoesNotExist)
    );
    assert_eq!(
        ps::get(&mut second, uid(1), 0, &mut read),
        Err(Error::DoesNotExist)
    );
    assert_eq!(its::get(&mut world.client(-5), uid(1), 0, &mut read), Ok(4));
    assert_eq!(ps::get(&mut world.client(-5), uid(1), 0, &mut read), Ok(8));
    // The partition's own id, above zero, is nobody's to ask for.
    assert_eq!(world.connect(256).client(), DEFAULT_CLIENT);
    assert_eq!(world.connect(0).client(), DEFAULT_CLIENT);
}

#[test]
fn a_partition_that_dies_is_restarted_and_its_objects_are_still_there() {
    let world = World::start();
    let mut client = world.client(DEFAULT_CLIENT);
    ps::set(&mut client, uid(9), b"kept", CreateFlags::NONE).unwrap();
    let mut read = [0; 16];
    for round in 0..2 {
        let [partition] = world.partitions()[..] else {
            panic!("one partition runs")
        };
        let killed = Command::new("kill")
            .args(["-9", &partition.to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        // The call that meets the corpse may fail; the next one finds a new partition.
        let _ = ps::get(&mut client, uid(9), 0, &mut read);
        assert_eq!(
            ps::get(&mut client, uid(9), 0, &mut read),
            Ok(4),
            "round {round}"
        );
    }
    crypto::generate_random(&mut client, &mut read).unwrap();
    let records = Retained::new(&world.files.retained_file()).records();
    let faults = records
        .iter()
        .filter(|(record, _)| record.origin == Origin::Partition(0));
    assert_eq!(faults.count(), 2, "each death is on record");
}
