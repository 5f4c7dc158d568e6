//! State blobs: out of one TPM, into another; spoilt, cut, swtpm's.

use crate::daemon::{Daemon, Place, Whose};
use crate::{Needs, Test};
use ironroot_tpm_client::Client;
use libtest_mimic::Failed;
use std::fs;

pub(crate) const TESTS: &[(&str, Needs, Test)] = &[
    (
        "blobs::a_running_tpm_goes_on_elsewhere_from_its_blobs",
        Needs::Nothing,
        a_running_tpm_goes_on_elsewhere_from_its_blobs,
    ),
    (
        "blobs::two_that_go_on_from_the_same_blobs_give_different_random_numbers",
        Needs::Nothing,
        two_that_go_on_from_the_same_blobs_give_different_random_numbers,
    ),
    (
        "blobs::a_tpm_is_set_back_to_its_blobs",
        Needs::Nothing,
        a_tpm_is_set_back_to_its_blobs,
    ),
    (
        "blobs::spoilt_and_cut_blobs_are_refused_and_change_nothing",
        Needs::Nothing,
        spoilt_and_cut_blobs_are_refused_and_change_nothing,
    ),
    (
        "blobs::halves_of_two_snapshots_do_not_make_a_tpm",
        Needs::Nothing,
        halves_of_two_snapshots_do_not_make_a_tpm,
    ),
    (
        "blobs::swtpms_own_blobs_are_refused_by_name",
        Needs::Swtpm,
        swtpms_own_blobs_are_refused_by_name,
    ),
    (
        "blobs::a_stored_volatile_state_outlives_the_process",
        Needs::Nothing,
        a_stored_volatile_state_outlives_the_process,
    ),
    (
        "blobs::a_machine_comes_on_storage_that_both_sides_share",
        Needs::Nothing,
        a_machine_comes_on_storage_that_both_sides_share,
    ),
    (
        "blobs::a_machine_that_does_not_come_goes_on_where_it_was",
        Needs::Nothing,
        a_machine_that_does_not_come_goes_on_where_it_was,
    ),
    (
        "blobs::debians_ioctl_moves_our_state",
        Needs::Swtpm,
        debians_ioctl_moves_our_state,
    ),
];

/// ownerwrite, authwrite, ownerread, authread, no dictionary attack logic.
const ORDINARY: u32 = 0x0206_0006;
const INDEX: u32 = 0x0180_0001;
const STARTED: &[&str] = &["--flags", "startup-clear"];

/// Something of every kind, and what is to be seen of it.
struct Marks {
    register: Vec<u8>,
    session: u32,
    policy: Vec<u8>,
}

impl Marks {
    fn make(client: &mut Client) -> Self {
        client.nv_define(INDEX, 8, ORDINARY).unwrap();
        client.nv_write(INDEX, b"the mark").unwrap();
        client.pcr_extend(16, &[7; 32]).unwrap();
        let session = client.policy_session().unwrap();
        client.policy_pcr(session, &[16]).unwrap();
        Self {
            register: client.pcr_read(&[16]).unwrap(),
            session,
            policy: client.policy_digest(session).unwrap(),
        }
    }

    fn check(&self, client: &mut Client) {
        assert_eq!(client.nv_read(INDEX, 8).unwrap(), b"the mark");
        assert_eq!(client.pcr_read(&[16]).unwrap(), self.register);
        assert_eq!(client.policy_digest(self.session).unwrap(), self.policy);
    }
}

fn save(daemon: &Daemon<'_>, place: &Place, name: &str) {
    for kind in ["permanent", "volatile", "savestate"] {
        daemon.ask(&["--save", kind, &place.text(&format!("{name}.{kind}"))]);
    }
}

fn load(daemon: &Daemon<'_>, place: &Place, name: &str) {
    daemon.ask(&["--stop"]);
    for kind in ["permanent", "volatile", "savestate"] {
        daemon.ask(&["--load", kind, &place.text(&format!("{name}.{kind}"))]);
    }
}

fn a_running_tpm_goes_on_elsewhere_from_its_blobs() -> Result<(), Failed> {
    let place = Place::new();
    let from = place.start(Whose::Ours, "from", STARTED);
    let marks = Marks::make(&mut from.client());
    save(&from, &place, "blob");
    marks.check(&mut from.client());
    let to = place.start(Whose::Ours, "to", &[]);
    load(&to, &place, "blob");
    to.ask(&["-i"]);
    marks.check(&mut to.client());
    // And it stays: permanent state is on the disk, volatile state is used up.
    to.kill();
    let again = place.start(Whose::Ours, "to", STARTED);
    assert_eq!(again.client().nv_read(INDEX, 8)?, b"the mark");
    assert_ne!(again.client().pcr_read(&[16])?, marks.register);
    Ok(())
}

fn two_that_go_on_from_the_same_blobs_give_different_random_numbers() -> Result<(), Failed> {
    let place = Place::new();
    let from = place.start(Whose::Ours, "from", STARTED);
    save(&from, &place, "blob");
    let mut seen = vec![from.client().get_random(32)?];
    for name in ["one", "two"] {
        let copy = place.start(Whose::Ours, name, &[]);
        load(&copy, &place, "blob");
        copy.ask(&["-i"]);
        seen.push(copy.client().get_random(32)?);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
    Ok(())
}

fn a_tpm_is_set_back_to_its_blobs() -> Result<(), Failed> {
    let place = Place::new();
    let daemon = place.start(Whose::Ours, "state", STARTED);
    let marks = Marks::make(&mut daemon.client());
    save(&daemon, &place, "blob");
    daemon.client().nv_write(INDEX, b"later on")?;
    daemon.client().pcr_extend(16, &[8; 32])?;
    daemon.client().flush(marks.session)?;
    load(&daemon, &place, "blob");
    daemon.ask(&["-i"]);
    marks.check(&mut daemon.client());
    // An INIT later is a reset: the volatile state counted once.
    daemon.ask(&["-i"]);
    daemon.client().startup()?;
    assert_ne!(daemon.client().pcr_read(&[16])?, marks.register);
    assert_eq!(daemon.client().nv_read(INDEX, 8)?, b"the mark");
    Ok(())
}

fn spoilt_and_cut_blobs_are_refused_and_change_nothing() -> Result<(), Failed> {
    let place = Place::new();
    let daemon = place.start(Whose::Ours, "state", STARTED);
    daemon.client().nv_define(INDEX, 8, ORDINARY)?;
    daemon.client().nv_write(INDEX, b"it stays")?;
    save(&daemon, &place, "blob");
    let bad = place.text("bad");
    assert!(
        daemon
            .refuses(&["--load", "permanent", &bad])
            .contains("bad")
    );
    daemon.ask(&["--stop"]);
    for kind in ["permanent", "volatile"] {
        let good = fs::read(place.path(&format!("blob.{kind}")))?;
        let middle = good.len() / 2;
        let flip = |at: usize| {
            let mut spoilt = good.clone();
            spoilt[at] ^= 1;
            spoilt
        };
        let mut wrong = vec![
            flip(0),
            flip(9),
            flip(20),
            flip(middle),
            flip(good.len() - 1),
        ];
        wrong.extend([1, 11, 40, middle, good.len() - 1].map(|len| good[..len].to_vec()));
        wrong.push([&good[..], b"more"].concat());
        for blob in wrong {
            fs::write(&bad, blob)?;
            let said = daemon.refuses(&["--load", kind, &bad]);
            assert!(said.contains("PTM_SET_STATEBLOB: 0x3"), "{said}");
        }
        let other = if kind == "permanent" {
            "volatile"
        } else {
            "permanent"
        };
        let blob = place.text(&format!("blob.{kind}"));
        daemon.refuses(&["--load", other, &blob]);
        daemon.refuses(&["--load", "savestate", &blob]);
    }
    daemon.ask(&["-i"]);
    daemon.client().startup()?;
    assert_eq!(daemon.client().nv_read(INDEX, 8)?, b"it stays");
    Ok(())
}

fn halves_of_two_snapshots_do_not_make_a_tpm() -> Result<(), Failed> {
    let place = Place::new();
    let daemon = place.start(Whose::Ours, "state", STARTED);
    save(&daemon, &place, "early");
    daemon.client().nv_define(INDEX, 8, ORDINARY)?;
    daemon.client().nv_write(INDEX, b"it stays")?;
    save(&daemon, &place, "late");
    daemon.ask(&["--stop"]);
    daemon.ask(&["--load", "permanent", &place.text("early.permanent")]);
    daemon.ask(&["--load", "volatile", &place.text("late.volatile")]);
    assert!(daemon.refuses(&["-i"]).contains("PTM_INIT: 0x9"));
    assert!(
        daemon
            .log()
            .contains("does not belong to this permanent state")
    );
    // What was before is there, not the early half.
    daemon.ask(&["-i"]);
    daemon.client().startup()?;
    assert_eq!(daemon.client().nv_read(INDEX, 8)?, b"it stays");
    Ok(())
}

fn swtpms_own_blobs_are_refused_by_name() -> Result<(), Failed> {
    let place = Place::new();
    let debians = place.start(Whose::Debians, "debians", STARTED);
    let ours = place.start(Whose::Ours, "ours", &[]);
    for kind in ["permanent", "volatile"] {
        let blob = place.text(kind);
        debians.ask(&["--save", kind, &blob]);
        ours.refuses(&["--load", kind, &blob]);
    }
    assert_eq!(ours.log().matches("it is swtpm's").count(), 2);
    ours.ask(&["-i"]);
    ours.client().startup()?;
    Ok(())
}

fn a_stored_volatile_state_outlives_the_process() -> Result<(), Failed> {
    let place = Place::new();
    let daemon = place.start(Whose::Ours, "state", STARTED);
    let marks = Marks::make(&mut daemon.client());
    daemon.ask(&["-v"]);
    daemon.end();
    let daemon = place.start(Whose::Ours, "state", &[]);
    daemon.ask(&["-i"]);
    marks.check(&mut daemon.client());
    daemon.ask(&["-i"]);
    daemon.client().startup()?;
    assert_ne!(daemon.client().pcr_read(&[16])?, marks.register);
    // Stored, but the TPM went on: it is not gone back to, and that is said.
    daemon.ask(&["-v"]);
    daemon.client().nv_write(INDEX, b"later on")?;
    assert!(daemon.refuses(&["-i"]).contains("0x9"));
    daemon.ask(&["-i"]);
    daemon.client().startup()?;
    assert_eq!(daemon.client().nv_read(INDEX, 8)?, b"later on");
    Ok(())
}

const OUTGOING: &[&str] = &["--migration", "release-lock-outgoing"];
const INCOMING: &[&str] = &["--migration", "release-lock-outgoing,incoming"];

fn a_machine_comes_on_storage_that_both_sides_share() -> Result<(), Failed> {
    let place = Place::new();
    let from = place.start(Whose::Ours, "state", &[STARTED, OUTGOING].concat());
    let marks = Marks::make(&mut from.client());
    let to = place.start_beside("state", "to", INCOMING);
    // The source goes on meanwhile, and the target cannot start from under it.
    assert!(to.refuses(&["-i"]).contains("0x1f"));
    from.client().nv_write(INDEX, b"the last")?;
    from.client().nv_write(INDEX, b"the mark")?;
    save(&from, &place, "out");
    load(&to, &place, "out");
    to.ask(&["-i"]);
    marks.check(&mut to.client());
    assert!(from.refuses(&["--lock-storage", "1"]).contains("0x1f"));
    from.kill();
    // And back, from a process that took its lock late.
    let back = place.start_beside("state", "back", INCOMING);
    save(&to, &place, "in");
    load(&back, &place, "in");
    back.ask(&["-i"]);
    marks.check(&mut back.client());
    to.kill();
    // Without a state there is nothing to wait for.
    let fresh = place.start(Whose::Ours, "fresh", INCOMING);
    fresh.ask(&["-i"]);
    fresh.client().startup()?;
    Ok(())
}

fn a_machine_that_does_not_come_goes_on_where_it_was() -> Result<(), Failed> {
    let place = Place::new();
    let from = place.start(Whose::Ours, "state", &[STARTED, OUTGOING].concat());
    let marks = Marks::make(&mut from.client());
    let to = place.start_beside("state", "to", INCOMING);
    save(&from, &place, "blob");
    load(&to, &place, "blob");
    to.ask(&["-i"]);
    // It came, but never ran; another device of the machine's was missing, say.
    to.kill();
    from.ask(&["--lock-storage", "1"]);
    marks.check(&mut from.client());
    from.client().nv_write(INDEX, b"went on!")?;
    // A reset is a reset: what the target left behind is nobody's.
    from.ask(&["-i"]);
    from.client().startup()?;
    assert_ne!(from.client().pcr_read(&[16])?, marks.register);
    assert_eq!(from.client().nv_read(INDEX, 8)?, b"went on!");
    Ok(())
}

fn debians_ioctl_moves_our_state() -> Result<(), Failed> {
    let place = Place::new();
    let from = place.start(Whose::Ours, "from", STARTED);
    let marks = Marks::make(&mut from.client());
    let to = place.start(Whose::Ours, "to", &[]);
    for kind in ["permanent", "volatile"] {
        let blob = place.text(kind);
        for (daemon, direction) in [(&from, "--save"), (&to, "--load")] {
            let output = daemon.ioctl(Whose::Debians, &[direction, kind, &blob]);
            assert!(output.status.success(), "{direction} {kind}");
        }
    }
    to.ask(&["-i"]);
    marks.check(&mut to.client());
    Ok(())
}
