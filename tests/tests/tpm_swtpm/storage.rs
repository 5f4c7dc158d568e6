//! What is on the disk: keys, locks, another program's state.

use crate::daemon::{Place, Whose, run, said};
use crate::{Needs, Test};
use libtest_mimic::Failed;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(crate) const TESTS: &[(&str, Needs, Test)] = &[
    (
        "storage::a_second_process_on_the_same_state_is_refused",
        Needs::Nothing,
        a_second_process_on_the_same_state_is_refused,
    ),
    (
        "storage::a_lock_that_was_given_up_is_taken_again_unless_somebody_went_on",
        Needs::Nothing,
        a_lock_that_was_given_up_is_taken_again_unless_somebody_went_on,
    ),
    (
        "storage::keys_of_every_form_open_the_state_and_no_other_key_does",
        Needs::Nothing,
        keys_of_every_form_open_the_state_and_no_other_key_does,
    ),
    (
        "storage::blobs_under_a_migration_key_need_it",
        Needs::Nothing,
        blobs_under_a_migration_key_need_it,
    ),
    (
        "storage::swtpms_state_is_refused_and_not_touched",
        Needs::Swtpm,
        swtpms_state_is_refused_and_not_touched,
    ),
];

const STARTED: &[&str] = &["--flags", "startup-clear"];
const ORDINARY: u32 = 0x0206_0006;
const INDEX: u32 = 0x0180_0001;

fn a_second_process_on_the_same_state_is_refused() -> Result<(), Failed> {
    let place = Place::new();
    let daemon = place.start(Whose::Ours, "state", STARTED);
    let mut second = place.program(Whose::Ours, "swtpm");
    second.args(["socket", "--tpm2", "--tpmstate"]);
    second.arg(format!("dir={}", place.text("state")));
    second
        .arg("--ctrl")
        .arg(format!("type=unixio,path={}", place.text("other")));
    let output = run(second);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("in use by another process"),
        "{}",
        said(&output)
    );
    assert_eq!(daemon.client().get_random(8)?.len(), 8);
    Ok(())
}

fn a_lock_that_was_given_up_is_taken_again_unless_somebody_went_on() -> Result<(), Failed> {
    let place = Place::new();
    let more = [STARTED, &["--migration", "release-lock-outgoing"]].concat();
    let from = place.start(Whose::Ours, "state", &more);
    from.client().nv_define(INDEX, 8, ORDINARY)?;
    let blob = place.text("blob");
    // The virtual machine stays: the migration failed.
    for kind in ["permanent", "volatile", "savestate"] {
        from.ask(&["--save", kind, &blob]);
    }
    assert!(from.client().nv_write(INDEX, b"not mine").is_err());
    from.ask(&["--lock-storage", "3"]);
    from.client().nv_write(INDEX, b"mine now")?;
    // It goes: another process takes the lock, and writes.
    for kind in ["permanent", "volatile", "savestate"] {
        from.ask(&["--save", kind, &blob]);
    }
    let to = place.start_beside("state", "to", STARTED);
    assert!(from.refuses(&["--lock-storage", "1"]).contains("0x1f"));
    to.client().nv_write(INDEX, b"theirs!!")?;
    to.kill();
    assert!(from.refuses(&["--lock-storage", "100"]).contains("0x1f"));
    assert!(
        from.log().contains("changed by another process"),
        "{}",
        from.log()
    );
    Ok(())
}

fn keys_of_every_form_open_the_state_and_no_other_key_does() -> Result<(), Failed> {
    let place = Place::new();
    fs::write(place.path("hex"), "00112233445566778899aabbccddeeff\n")?;
    fs::write(place.path("binary"), [7; 32])?;
    fs::write(place.path("password"), "secret")?;
    fs::write(place.path("other"), "another secret")?;
    for (number, form) in [
        "file=@/hex,mode=aes-cbc",
        "file=@/binary,format=binary,mode=aes-256-cbc",
        "pwdfile=@/password,mode=aes-256-cbc,kdf=pbkdf2",
    ]
    .into_iter()
    .enumerate()
    {
        let state = format!("state{number}");
        let key = form.replace('@', place.text("").trim_end_matches('/'));
        let with_key = [STARTED, &["--key", &key]].concat();
        let daemon = place.start(Whose::Ours, &state, &with_key);
        daemon.client().nv_define(INDEX, 8, ORDINARY)?;
        assert_eq!(daemon.ask(&["-g"]), "ptm configuration flags: 0x1\n");
        daemon.end();
        let other = format!("pwdfile={}", place.text("other"));
        for wrong in [&["--key", &other][..], &[]] {
            let output = run(place.socket(Whose::Ours, &state, &[STARTED, wrong].concat()));
            assert_eq!(output.status.code(), Some(1));
        }
        let daemon = place.start(Whose::Ours, &state, &with_key);
        daemon.client().nv_write(INDEX, b"opened!!")?;
    }
    let remove = format!("pwdfile={},remove=true", place.text("other"));
    place.start(
        Whose::Ours,
        "last",
        &[STARTED, &["--key", &remove]].concat(),
    );
    assert!(!place.path("other").exists());
    Ok(())
}

fn blobs_under_a_migration_key_need_it() -> Result<(), Failed> {
    let place = Place::new();
    fs::write(place.path("right"), "secret")?;
    fs::write(place.path("wrong"), "another secret")?;
    let key = |name: &str| format!("pwdfile={},mode=aes-256-cbc", place.text(name));
    let (right, wrong) = (key("right"), key("wrong"));
    let from = place.start(
        Whose::Ours,
        "from",
        &[STARTED, &["--migration-key", &right]].concat(),
    );
    assert_eq!(from.ask(&["-g"]), "ptm configuration flags: 0x2\n");
    from.client().nv_define(INDEX, 8, ORDINARY)?;
    let blob = place.text("blob");
    from.ask(&["--save", "permanent", &blob]);
    for (state, more, result) in [
        ("without", &[][..], Some("0xd")),
        ("other", &["--migration-key", &wrong], Some("0x3")),
        ("to", &["--migration-key", &right], None),
    ] {
        let to = place.start(Whose::Ours, state, more);
        match result {
            Some(result) => {
                let said = to.refuses(&["--load", "permanent", &blob]);
                assert!(said.contains(result), "{state}: {said}");
            }
            None => {
                to.ask(&["--load", "permanent", &blob]);
                to.ask(&["-i"]);
                to.client().startup()?;
                to.client().nv_write(INDEX, b"arrived!")?;
            }
        }
    }
    Ok(())
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().flatten();
    files
        .map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, fs::read(file.path()).unwrap())
        })
        .collect()
}

fn swtpms_state_is_refused_and_not_touched() -> Result<(), Failed> {
    let place = Place::new();
    place.start(Whose::Debians, "state", STARTED).end();
    let before = contents(&place.path("state"));
    assert!(before.contains_key("tpm2-00.permall"));
    let output = run(place.socket(Whose::Ours, "state", STARTED));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("swtpm's state"), "{}", said(&output));
    assert_eq!(contents(&place.path("state")), before);
    Ok(())
}
