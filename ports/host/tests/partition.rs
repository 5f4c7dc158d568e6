//! Partitions as processes: this program is both the tests and the partition they start.

use ironroot_platform::{MemoryOwner, PartitionIndex, PartitionRunner, Trap};
use ironroot_port_host::{ClientMemories, PartitionLink, ProcessRunner};
use std::process::Command;
use std::time::{Duration, Instant};

const FIRST: PartitionIndex = PartitionIndex(0);
const SECOND: PartitionIndex = PartitionIndex(1);

fn main() {
    if let Some(role) = std::env::args()
        .skip_while(|arg| arg != "--partition")
        .nth(1)
    {
        return partition(&role);
    }
    let tests: [(&str, fn()); 6] = [
        (
            "a_partition_calls_and_gets_its_answer",
            a_partition_calls_and_gets_its_answer,
        ),
        (
            "a_restarted_partition_begins_anew",
            a_restarted_partition_begins_anew,
        ),
        (
            "two_partitions_have_memory_of_their_own",
            two_partitions_have_memory_of_their_own,
        ),
        ("a_partition_inherits_nothing", a_partition_inherits_nothing),
        (
            "what_a_partition_may_not_do_is_a_fault",
            what_a_partition_may_not_do_is_a_fault,
        ),
        (
            "a_partition_that_hangs_is_at_fault",
            a_partition_that_hangs_is_at_fault,
        ),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
}

/// What the partition does; a call carries the number of times it was answered.
fn partition(role: &str) {
    let inherited =
        std::env::vars_os().count() + std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut link = PartitionLink::confine().unwrap();
    let mut memory = *b"abcdefgh";
    match role {
        "echo" => {}
        "inherited" => memory[0] = u8::try_from(inherited).unwrap(),
        "open" => drop(std::fs::File::open("/proc/self/status")),
        "socket" => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
        "exit" => std::process::exit(0),
        "hang" => loop {
            std::hint::spin_loop();
        },
        other => panic!("no role {other}"),
    }
    let mut answer = 0;
    while let Ok(result) = link.call(7, [answer, 1, 2, 3], &mut memory) {
        answer = result;
    }
}

fn runner(
    role: &'static str,
) -> (
    ProcessRunner<impl FnMut(PartitionIndex) -> Command>,
    ClientMemories,
) {
    let memories = ClientMemories::default();
    let command = move |_| {
        let mut command = Command::new("/proc/self/exe");
        command.args(["--partition", role]);
        command
    };
    (ProcessRunner::new(memories.clone(), command), memories)
}

const fn call(first: u32) -> Trap {
    Trap::Call {
        number: 7,
        args: [first, 1, 2, 3],
    }
}

fn a_partition_calls_and_gets_its_answer() {
    let (mut runner, memories) = runner("echo");
    let owner = MemoryOwner::Partition(FIRST);
    assert_eq!(
        runner.resume(FIRST, 99),
        call(0),
        "the first result goes nowhere"
    );
    assert_eq!(memories.take(owner), b"abcdefgh");
    memories.put(owner, b"ABCDEFGH".to_vec());
    assert_eq!(runner.resume(FIRST, 5), call(5));
    assert_eq!(
        memories.take(owner),
        b"ABCDEFGH",
        "the answer brought it back"
    );
}

fn a_restarted_partition_begins_anew() {
    let (mut runner, memories) = runner("echo");
    assert_eq!(runner.resume(FIRST, 0), call(0));
    memories.put(MemoryOwner::Partition(FIRST), b"ABCDEFGH".to_vec());
    assert_eq!(runner.resume(FIRST, 5), call(5));
    runner.restart(FIRST);
    assert_eq!(runner.resume(FIRST, 5), call(0));
    assert_eq!(memories.take(MemoryOwner::Partition(FIRST)), b"abcdefgh");
}

fn two_partitions_have_memory_of_their_own() {
    let (mut runner, memories) = runner("echo");
    assert_eq!(runner.resume(FIRST, 0), call(0));
    assert_eq!(runner.resume(SECOND, 0), call(0));
    memories.put(MemoryOwner::Partition(FIRST), b"ABCDEFGH".to_vec());
    assert_eq!(runner.resume(FIRST, 1), call(1));
    assert_eq!(memories.take(MemoryOwner::Partition(SECOND)), b"abcdefgh");
}

fn a_partition_inherits_nothing() {
    let (mut runner, memories) = runner("inherited");
    assert_eq!(runner.resume(FIRST, 0), call(0));
    // Its link, the two outputs, and the directory it counts in; no environment.
    assert_eq!(memories.take(MemoryOwner::Partition(FIRST))[0], 4);
}

fn what_a_partition_may_not_do_is_a_fault() {
    for role in ["open", "socket", "exit"] {
        let (mut runner, memories) = runner(role);
        assert_eq!(runner.resume(FIRST, 0), Trap::Fault, "{role}");
        assert_eq!(memories.take(MemoryOwner::Partition(FIRST)), b"");
    }
    let mut absent =
        ProcessRunner::new(ClientMemories::default(), |_| Command::new("/nonexistent"));
    assert_eq!(absent.resume(FIRST, 0), Trap::Fault);
}

fn a_partition_that_hangs_is_at_fault() {
    let (runner, _) = runner("hang");
    let mut runner = runner.with_watchdog(Duration::from_millis(200));
    let start = Instant::now();
    assert_eq!(runner.resume(FIRST, 0), Trap::Fault);
    assert!(start.elapsed() < Duration::from_secs(10));
}
