//! Command lines and control requests, each sent to both.

use crate::daemon::{Place, Whose, run, said};
use crate::{Needs, Test};
use libtest_mimic::Failed;
use serde_json::Value;

pub(crate) const TESTS: &[(&str, Needs, Test)] = &[
    (
        "commands::both_ioctls_get_the_same_from_both_daemons",
        Needs::Swtpm,
        both_ioctls_get_the_same_from_both_daemons,
    ),
    (
        "commands::command_lines_are_taken_and_refused_alike",
        Needs::Swtpm,
        command_lines_are_taken_and_refused_alike,
    ),
    (
        "commands::what_libvirt_asks_is_answered_in_the_same_json",
        Needs::Swtpm,
        what_libvirt_asks_is_answered_in_the_same_json,
    ),
    (
        "commands::what_is_not_there_is_refused_in_words",
        Needs::Nothing,
        what_is_not_there_is_refused_in_words,
    ),
    (
        "commands::localities_and_the_vendor_command_follow_the_option",
        Needs::Nothing,
        localities_and_the_vendor_command_follow_the_option,
    ),
    (
        "commands::everything_can_be_given_as_an_inherited_descriptor",
        Needs::Nothing,
        everything_can_be_given_as_an_inherited_descriptor,
    ),
    (
        "commands::a_fresh_tpm_is_a_pc_clients_with_four_banks_and_swtpms_names",
        Needs::Nothing,
        a_fresh_tpm_is_a_pc_clients_with_four_banks_and_swtpms_names,
    ),
];

/// Requests in an order that goes through every state: before INIT, running, stopped.
const REQUESTS: &[&[&str]] = &[
    &["-e"],
    &["-v"],
    &["-C"],
    &["-r", "3"],
    &["-h", "abc"],
    &["--save", "permanent", "/dev/null"],
    &["-g"],
    &["-b", "4000"],
    &["-i"],
    &["-e"],
    &["-b", "4000"],
    &["-b", "0"],
    &["-l", "3"],
    &["-l", "5"],
    &["-l", "x"],
    &["-h", "abc"],
    &["-e"],
    &["-r", "2"],
    &["-r", "3"],
    &["-e"],
    &["-C"],
    &["-v"],
    &["--save", "savestate", "/dev/null"],
    &["--save", "volatile", "/dev/null"],
    &["--save", "nonsense", "/dev/null"],
    &["--load", "permanent", "/dev/null"],
    &["--load", "permanent", "/nothing/here"],
    &["--info", "1024"],
    &["--stop"],
    &["--stop"],
    &["-e"],
    &["--save", "volatile", "/dev/null"],
    &["--load", "savestate", "/dev/null"],
    &["-l", "0"],
    &["-i"],
    &["-i"],
    &["-s"],
];

/// Exit code and standard output of each.
fn transcript(ioctl: Whose, daemon: Whose) -> Vec<(Option<i32>, String)> {
    let place = Place::new();
    let daemon = place.start(daemon, "state", &[]);
    REQUESTS
        .iter()
        .map(|request| {
            let output = daemon.ioctl(ioctl, request);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            // Known difference: our least buffer is what a CRB interface has.
            let lines: Vec<_> = text
                .lines()
                .filter(|line| !line.starts_with("minimum"))
                .collect();
            (output.status.code(), lines.join("\n"))
        })
        .collect()
}

fn both_ioctls_get_the_same_from_both_daemons() -> Result<(), Failed> {
    let expected = transcript(Whose::Debians, Whose::Debians);
    for (ioctl, daemon) in [
        (Whose::Ours, Whose::Debians),
        (Whose::Debians, Whose::Ours),
        (Whose::Ours, Whose::Ours),
    ] {
        let got = transcript(ioctl, daemon);
        for ((request, expected), got) in REQUESTS.iter().zip(&expected).zip(&got) {
            assert_eq!(
                got, expected,
                "{request:?}: ioctl {ioctl:?}, daemon {daemon:?}"
            );
        }
    }
    Ok(())
}

/// Arguments and whether the program serves or refuses; `@` is the folder.
const LINES: &[&str] = &[
    "",
    "--help",
    "--version",
    "-v",
    "nonsense",
    "cuse --help",
    "socket --help",
    "socket --tpm2 --nonsense",
    "socket --tpm2 --tpmstate dir=@/state --ctrl type=nonsense",
    "socket --tpm2 --tpmstate dir=@/state --ctrl path=@/c",
    "socket --tpm2 --tpmstate dir=@/state --ctrl type=unixio",
    "socket --tpm2 --tpmstate dir=@/state --ctrl type=tcp",
    "socket --tpm2 --tpmstate nonsense=1",
    "socket --tpm2 --tpmstate dir=@/state,mode=0999",
    "socket --tpm2 --tpmstate dir=@/state --server type=tcp,port=99999",
    "socket --tpm2 --tpmstate dir=@/state --server type=nonsense",
    "socket --tpm2 --tpmstate dir=@/state --runas no-such-user --server type=unixio,path=@/d",
    "socket --tpm2 --tpmstate dir=@/state --locality nonsense --server type=unixio,path=@/d",
    "socket --tpm2 --tpmstate dir=@/state --flags nonsense --server type=unixio,path=@/d",
    "socket --tpm2 --tpmstate dir=@/state --seccomp action=nonsense --server type=unixio,path=@/d",
    "socket --tpm2 --tpmstate dir=@/state --key mode=nonsense,file=/dev/null --ctrl type=unixio,path=@/c",
    "socket --tpm2 --tpmstate dir=@/state --key file=@/nothing --ctrl type=unixio,path=@/c",
    "socket --tpm2 --tpmstate dir=@/state --pid nonsense=1 --ctrl type=unixio,path=@/c",
    "socket --tpm2 --tpmstate dir=@/state --log nonsense=1 --ctrl type=unixio,path=@/c",
    "socket --tpm2 --print-states",
    "socket --tpm2 --print-states --tpmstate dir=@/state",
    "socket --print-capabilities",
    "chardev --print-capabilities",
    "chardev --help",
    "chardev --tpm2",
    "chardev --tpm2 --tpmstate dir=@/state",
    "chardev --tpm2 --tpmstate dir=@/state --port 1",
    "chardev --tpm2 --tpmstate dir=@/state --server type=unixio,path=@/d",
    "chardev --tpm2 --tpmstate dir=@/state --terminate",
    "chardev --tpm2 --tpmstate dir=@/state --fd 0",
    "chardev --tpm2 --tpmstate dir=@/state --fd 77",
    "chardev --tpm2 --tpmstate dir=@/state --chardev @/nothing",
    "chardev --tpm2 --tpmstate dir=@/state --vtpm-proxy --fd 0",
    "socket --tpm2 --tpmstate dir=@/state --vtpm-proxy",
    "socket --tpm2 --tpmstate dir=@/state --chardev /dev/null",
    "socket --print-capabilities operand",
];

fn command_lines_are_taken_and_refused_alike() -> Result<(), Failed> {
    let place = Place::new();
    std::fs::create_dir(place.path("state"))?;
    for line in LINES {
        let codes = [Whose::Debians, Whose::Ours].map(|whose| {
            let mut command = place.program(whose, "swtpm");
            command.args(line.replace('@', &place.text("")).split_whitespace());
            let output = run(command);
            (output.status.code(), output.stdout.is_empty())
        });
        let [expected, got] = codes;
        assert_eq!(got.0, expected.0, "exit code of `swtpm {line}`");
    }
    for line in [&["--version"][..], &["--help"], &[], &["-x"], &["-c"]] {
        let codes = [Whose::Debians, Whose::Ours].map(|whose| {
            let mut command = place.program(whose, "swtpm_ioctl");
            run({
                command.args(line);
                command
            })
            .status
            .code()
        });
        assert_eq!(codes[1], codes[0], "exit code of `swtpm_ioctl {line:?}`");
    }
    Ok(())
}

fn json(whose: Whose, place: &Place, arguments: &[&str]) -> Value {
    let mut command = place.program(whose, "swtpm");
    command.args(arguments);
    serde_json::from_slice(&run(command).stdout).unwrap()
}

fn names(value: &Value) -> Vec<String> {
    let features = value["features"].as_array().unwrap();
    features
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn what_libvirt_asks_is_answered_in_the_same_json() -> Result<(), Failed> {
    let place = Place::new();
    for tpm2 in [
        &["socket", "--print-capabilities"][..],
        &["socket", "--tpm2", "--print-capabilities"],
    ] {
        let [theirs, ours] = [Whose::Debians, Whose::Ours].map(|whose| json(whose, &place, tpm2));
        assert_eq!(ours["type"], theirs["type"]);
        assert_eq!(ours["version"], theirs["version"]);
        let missing: Vec<_> = names(&theirs)
            .into_iter()
            .filter(|name| !names(&ours).contains(name))
            .collect();
        // TPM 1.2 and state in one file are known not to be there.
        assert_eq!(missing, ["tpm-1.2", "nvram-backend-file"]);
    }
    let info = |whose, flags: &str| -> Value {
        let place = Place::new();
        let daemon = place.start(whose, "state", &[]);
        serde_json::from_slice(&daemon.ioctl(whose, &["--info", flags]).stdout).unwrap()
    };
    for (flags, part) in [
        ("1", "TPMSpecification"),
        ("2", "TPMAttributes"),
        ("4", "TPMFeatures"),
    ] {
        let [theirs, ours] = [Whose::Debians, Whose::Ours].map(|whose| info(whose, flags));
        let keys = |value: &Value| -> Vec<String> {
            value[part].as_object().unwrap().keys().cloned().collect()
        };
        let missing: Vec<_> = keys(&theirs)
            .into_iter()
            .filter(|key| !keys(&ours).contains(key))
            .collect();
        let expected: &[&str] = if part == "TPMFeatures" {
            &["CamelliaKeySizes"]
        } else {
            &[]
        };
        assert_eq!(missing, expected);
        if part == "TPMAttributes" {
            assert_eq!(ours[part]["manufacturer"], theirs[part]["manufacturer"]);
            assert_eq!(ours[part]["model"], theirs[part]["model"]);
        }
    }
    Ok(())
}

fn what_is_not_there_is_refused_in_words() -> Result<(), Failed> {
    let place = Place::new();
    let state = format!("dir={}", place.text("state"));
    for (arguments, word) in [
        (&["socket", "--tpmstate", &state][..], "--tpm2"),
        (&["cuse", "--tpm2", "-n", "tpm"], "CUSE"),
        (
            &[
                "chardev",
                "--tpm2",
                "--tpmstate",
                &state,
                "--vtpm-proxy",
                "--fd",
                "9",
            ],
            "vTPM proxy",
        ),
        (
            &["socket", "--tpm2", "--tpmstate", "backend-uri=file:///x"],
            "directory",
        ),
        (
            &[
                "socket",
                "--tpm2",
                "--tpmstate",
                &state,
                "--flags",
                "startup-deactivated",
            ],
            "1.2",
        ),
    ] {
        let mut command = place.program(Whose::Ours, "swtpm");
        command.args(arguments);
        let output = run(command);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            said(&output).contains(word),
            "{arguments:?}: {}",
            said(&output)
        );
    }
    assert!(!place.path("state").exists(), "nothing was made");
    Ok(())
}

/// The vendor command that sets the locality; Linux sends it with the tag 0x8002.
fn set_locality(number: u8) -> [u8; 11] {
    [0x80, 1, 0, 0, 0, 11, 0x20, 0, 0x10, 0, number]
}

fn localities_and_the_vendor_command_follow_the_option() -> Result<(), Failed> {
    let place = Place::new();
    let code = |answer: Vec<u8>| u32::from_be_bytes(answer[6..10].try_into().unwrap());
    let plain = place.start(Whose::Ours, "plain", &["--flags", "startup-clear"]);
    assert_eq!(code(plain.client().transact(&set_locality(3))?), 0x143);
    plain.ask(&["-l", "4"]);
    let flags = ["--flags", "startup-clear", "--locality"];
    let more = [&flags[..], &["reject-locality-4,allow-set-locality"]].concat();
    let open = place.start(Whose::Ours, "open", &more);
    assert_eq!(code(open.client().transact(&set_locality(3))?), 0);
    let mut as_linux = set_locality(2);
    as_linux[1] = 2;
    assert_eq!(code(open.client().transact(&as_linux)?), 0);
    for refused in [4, 5] {
        let answer = open.client().transact(&set_locality(refused))?;
        assert_eq!(code(answer), 0x907);
    }
    assert!(open.refuses(&["-l", "4"]).contains("0x3d"));
    Ok(())
}

fn a_fresh_tpm_is_a_pc_clients_with_four_banks_and_swtpms_names() -> Result<(), Failed> {
    let place = Place::new();
    let daemon = place.start(Whose::Ours, "state", &["--flags", "startup-clear"]);
    let mut client = daemon.client();
    let property = |client: &mut ironroot_tpm_client::Client, number: u32| {
        let answer = client.property(number, 1).unwrap();
        answer[answer.len() - 4..].to_vec()
    };
    assert_eq!(property(&mut client, 0x105), b"IBM\0");
    assert_eq!(property(&mut client, 0x106), b"SW  ");
    assert_eq!(property(&mut client, 0x107), b" TPM");
    // Loaded objects at least, as a PC Client TPM has them.
    assert_eq!(property(&mut client, 0x10e), [0, 0, 0, 3]);
    // Capability 5: PCR banks, each with all 24 registers.
    let banks = client.transact(&[
        0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 16,
    ])?;
    let mut allocated: Vec<_> = banks[19..]
        .chunks(6)
        .filter(|bank| bank[3..] == [0xff; 3])
        .map(|bank| bank[1])
        .collect();
    allocated.sort_unstable();
    assert_eq!(allocated, [0x04, 0x0b, 0x0c, 0x0d]);
    Ok(())
}

fn everything_can_be_given_as_an_inherited_descriptor() -> Result<(), Failed> {
    let place = Place::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tpm/swtpm/descriptors.py");
    let mut python = std::process::Command::new("python3");
    python
        .arg(script)
        .arg(place.path("bin/swtpm"))
        .arg(place.path(""));
    let output = run(python);
    assert!(output.status.success(), "{}", said(&output));
    Ok(())
}
