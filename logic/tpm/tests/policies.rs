//! Policies (Part 1, section 19.7; Part 3, section 23): their digests against `testdata/policy_digests.txt`, which
//! Python's hashlib made, and what a session that reached a digest may then do.

// RSA, SHA-1 and SHA-512 are part of what is tried.
#![cfg(feature = "full")]

mod common;

use common::crypto::{self, Hash};
use common::{
    Auth, Cipher, Command, Machine, Reply, Session, Start, alg, attribute, cc, keys, rc, rh,
};

const HASHES: [(&str, Hash); 4] = [
    ("sha1", Hash::Sha1),
    ("sha256", Hash::Sha256),
    ("sha384", Hash::Sha384),
    ("sha512", Hash::Sha512),
];

fn wanted(hash: &str, what: &str) -> Vec<u8> {
    let table = include_str!("testdata/policy_digests.txt");
    let start = format!("{hash} {what} ");
    let line = table
        .lines()
        .find_map(|line| line.strip_prefix(&start))
        .expect("the table has it");
    (0..line.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap())
        .collect()
}

fn name(byte: u8) -> Vec<u8> {
    [&[0, 0x0b][..], &[byte; 32]].concat()
}

/// PolicySecret by a permanent entity whose auth value is empty.
fn secret(
    machine: &mut Machine,
    session: &Session,
    entity: u32,
    reference: &[u8],
    expiration: i32,
) -> Result<Reply, u32> {
    let command = Command::new(cc::POLICY_SECRET)
        .handle(entity)
        .handle(session.handle)
        .sized(b"")
        .sized(b"")
        .sized(reference)
        .u32(expiration as u32);
    machine.send(&command, &mut [Auth::password(b"")])
}

fn same(command: Command) -> Command {
    command
}

/// An assertion of the table.
type Assertion = (&'static str, fn(&mut Machine, &Session, usize));

fn ok(
    machine: &mut Machine,
    code: u32,
    session: &Session,
    params: impl FnOnce(Command) -> Command,
) {
    if let Err(rc) = machine.policy(code, session, params) {
        panic!("command {code:#x} answers {rc:#x}");
    }
}

const ASSERTIONS: &[Assertion] = &[
    ("auth_value", |machine, session, _| {
        ok(machine, cc::POLICY_AUTH_VALUE, session, same)
    }),
    ("password", |machine, session, _| {
        ok(machine, cc::POLICY_PASSWORD, session, same)
    }),
    ("physical_presence", |machine, session, _| {
        ok(machine, cc::POLICY_PHYSICAL_PRESENCE, session, same)
    }),
    ("command_code", |machine, session, _| {
        ok(machine, cc::POLICY_COMMAND_CODE, session, |command| {
            command.u32(cc::UNSEAL)
        });
    }),
    ("locality_3_4", |machine, session, _| {
        ok(machine, cc::POLICY_LOCALITY, session, |command| {
            command.u8(0x18)
        })
    }),
    ("locality_then_smaller", |machine, session, _| {
        ok(machine, cc::POLICY_LOCALITY, session, |command| {
            command.u8(0x18)
        });
        ok(machine, cc::POLICY_LOCALITY, session, |command| {
            command.u8(0x08)
        });
    }),
    ("nv_written_yes", |machine, session, _| {
        ok(machine, cc::POLICY_NV_WRITTEN, session, |command| {
            command.u8(1)
        })
    }),
    ("nv_written_no", |machine, session, _| {
        ok(machine, cc::POLICY_NV_WRITTEN, session, |command| {
            command.u8(0)
        })
    }),
    ("cp_hash", |machine, session, len| {
        ok(machine, cc::POLICY_CP_HASH, session, |command| {
            command.sized(&vec![0x11; len])
        });
    }),
    ("name_hash", |machine, session, len| {
        ok(machine, cc::POLICY_NAME_HASH, session, |command| {
            command.sized(&vec![0x12; len])
        });
    }),
    ("template", |machine, session, len| {
        ok(machine, cc::POLICY_TEMPLATE, session, |command| {
            command.sized(&vec![0x13; len])
        });
    }),
    ("parameters", |machine, session, len| {
        ok(machine, cc::POLICY_PARAMETERS, session, |command| {
            command.sized(&vec![0x14; len])
        });
    }),
    ("duplication_select_with_object", |machine, session, _| {
        let select = |command: Command| command.sized(&name(0x21)).sized(&name(0x22)).u8(1);
        ok(machine, cc::POLICY_DUPLICATION_SELECT, session, select);
    }),
    ("duplication_select", |machine, session, _| {
        let select = |command: Command| command.sized(&name(0x21)).sized(&name(0x22)).u8(0);
        ok(machine, cc::POLICY_DUPLICATION_SELECT, session, select);
    }),
    ("or_of_two", |machine, session, len| {
        let or = |command: Command| command.u32(2).sized(&vec![0; len]).sized(&vec![0x31; len]);
        ok(machine, cc::POLICY_OR, session, or);
    }),
    ("or_of_eight", |machine, session, len| {
        let or = |command: Command| {
            let command = command.u32(8).sized(&vec![0; len]);
            (0x40..0x47).fold(command, |command, byte| command.sized(&vec![byte; len]))
        };
        ok(machine, cc::POLICY_OR, session, or);
    }),
    ("secret_owner_with_reference", |machine, session, _| {
        secret(machine, session, rh::OWNER, b"reference", 0).unwrap();
    }),
    ("secret_endorsement", |machine, session, _| {
        secret(machine, session, rh::ENDORSEMENT, b"", 0).unwrap();
    }),
    ("counter_timer", |machine, session, _| {
        let compare = |command: Command| command.sized(&[0; 8]).u16(0).u16(7);
        ok(machine, cc::POLICY_COUNTER_TIMER, session, compare);
    }),
    ("capability", |machine, session, _| {
        let compare = |command: Command| {
            command
                .sized(&0x2000_0144u32.to_be_bytes())
                .u16(0)
                .u16(1)
                .u32(2)
                .u32(0x144)
        };
        ok(machine, cc::POLICY_CAPABILITY, session, compare);
    }),
    ("pcr", |machine, session, _| {
        let pcrs = [0, 0, 0, 1, 0, 0x0b, 3, 0x81, 0x00, 0x80];
        ok(machine, cc::POLICY_PCR, session, |command| {
            command.sized(b"").raw(&pcrs)
        });
    }),
];

#[test]
fn digests_are_those_of_the_specification_in_policy_and_trial_sessions() {
    for (hash_name, hash) in HASHES {
        let mut machine = Machine::new();
        for (what, assert) in ASSERTIONS {
            for start in [Start::policy(), Start::trial()] {
                let session = machine.start(start.hash(hash));
                assert_eq!(machine.policy_digest(&session), vec![0; hash.digest_len()]);
                assert(&mut machine, &session, hash.digest_len());
                assert_eq!(
                    machine.policy_digest(&session),
                    wanted(hash_name, what),
                    "{hash_name} {what}"
                );
                // From the beginning.
                ok(&mut machine, cc::POLICY_RESTART, &session, same);
                assert_eq!(machine.policy_digest(&session), vec![0; hash.digest_len()]);
                assert(&mut machine, &session, hash.digest_len());
                assert_eq!(
                    machine.policy_digest(&session),
                    wanted(hash_name, what),
                    "{hash_name} {what}"
                );
                machine.flush(session.handle).unwrap();
            }
        }
    }
}

#[test]
fn the_policies_of_endorsement_keys_are_those_of_their_profile() {
    let mut machine = Machine::new();
    let session = machine.start(Start::policy());
    secret(&mut machine, &session, rh::ENDORSEMENT, b"", 0).unwrap();
    let (a, b, c) = (
        wanted("sha256", "policy_a"),
        wanted("sha256", "policy_b"),
        wanted("sha256", "policy_c"),
    );
    assert_eq!(machine.policy_digest(&session), a);
    ok(&mut machine, cc::POLICY_OR, &session, |command| {
        command.u32(2).sized(&a).sized(&c)
    });
    assert_eq!(machine.policy_digest(&session), b);
    let published = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
    assert_eq!(
        a.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
        published
    );
    let published = "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0";
    assert_eq!(
        b.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
        published
    );
}

/// A machine whose owner has that policy, and an auth value that is not empty.
fn machine_with_policy(digest: &[u8]) -> Machine {
    let mut machine = Machine::new();
    set_policy(&mut machine, digest);
    machine.own(b"owner");
    machine
}

fn set_policy(machine: &mut Machine, digest: &[u8]) {
    let command = Command::new(cc::SET_PRIMARY_POLICY)
        .handle(rh::OWNER)
        .sized(digest)
        .u16(alg::SHA256);
    machine.send(&command, &mut [Auth::password(b"")]).unwrap();
}

/// What the policy is tried on: it changes nothing.
fn change_owner() -> Command {
    Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .handle(rh::OWNER)
        .sized(b"owner")
}

fn with(machine: &mut Machine, session: &mut Session, command: &Command) -> Result<(), u32> {
    machine
        .send(command, &mut [session.auth(b"owner").without_auth().into()])
        .map(|_| ())
}

#[test]
fn a_policy_authorises_only_when_its_digest_is_reached() {
    let mut machine = machine_with_policy(&wanted("sha256", "command_code"));
    let mut session = machine.start(Start::policy());
    let fails = Err(rc::session(rc::POLICY_FAIL, 1));
    assert_eq!(with(&mut machine, &mut session, &change_owner()), fails);
    ok(&mut machine, cc::POLICY_COMMAND_CODE, &session, |command| {
        command.u32(cc::UNSEAL)
    });
    // The digest is right, the command is not.
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::session(rc::POLICY_CC, 1))
    );
    // Another hash is another policy, even with the same steps.
    let mut other = machine.start(Start::policy().hash(Hash::Sha384));
    ok(&mut machine, cc::POLICY_COMMAND_CODE, &other, |command| {
        command.u32(cc::UNSEAL)
    });
    assert_eq!(with(&mut machine, &mut other, &change_owner()), fails);
    // An entity without a policy.
    let command = Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .handle(rh::ENDORSEMENT)
        .sized(b"");
    assert_eq!(
        with(&mut machine, &mut session, &command),
        Err(rc::AUTH_UNAVAILABLE)
    );
    // A trial session authorises nothing.
    let mut trial = machine.start(Start::trial());
    assert_eq!(
        with(&mut machine, &mut trial, &change_owner()),
        Err(rc::session(rc::ATTRIBUTES, 1))
    );
}

#[test]
fn a_policy_session_begins_anew_once_it_was_used() {
    let mut machine = machine_with_policy(&wanted("sha256", "locality_3_4"));
    let mut session = machine.start(Start::policy());
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(0x18)
    });
    assert_eq!(
        with(&mut machine, &mut session, &change_owner().locality(3)),
        Ok(())
    );
    assert_eq!(machine.policy_digest(&session), [0; 32]);
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::session(rc::POLICY_FAIL, 1))
    );
    // Even when it only encrypted.
    let mut aes = machine.start(Start::policy().cipher(Cipher::Aes(128)));
    ok(&mut machine, cc::POLICY_LOCALITY, &aes, |command| {
        command.u8(0x18)
    });
    let encrypt = attribute::CONTINUE | attribute::ENCRYPT;
    let random = Command::new(cc::GET_RANDOM).u16(8);
    machine
        .send(&random, &mut [aes.plain_use().attributes(encrypt).into()])
        .unwrap();
    assert_eq!(machine.policy_digest(&aes), [0; 32]);
}

#[test]
fn a_locality_is_checked_when_the_session_is_used() {
    let mut machine = machine_with_policy(&wanted("sha256", "locality_3_4"));
    let mut session = machine.start(Start::policy());
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(0x18)
    });
    for locality in [0, 1, 2, 32, 200] {
        let command = change_owner().locality(locality);
        assert_eq!(
            with(&mut machine, &mut session, &command),
            Err(rc::LOCALITY),
            "{locality}"
        );
    }
    assert_eq!(
        with(&mut machine, &mut session, &change_owner().locality(4)),
        Ok(())
    );
    let refused = |machine: &mut Machine, session: &Session, locality| {
        machine
            .policy(cc::POLICY_LOCALITY, session, |command| command.u8(locality))
            .unwrap_err()
    };
    assert_eq!(
        refused(&mut machine, &session, 0),
        rc::parameter(rc::RANGE, 1)
    );
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(0x18)
    });
    assert_eq!(
        refused(&mut machine, &session, 0x07),
        rc::parameter(rc::RANGE, 1)
    );
    assert_eq!(
        refused(&mut machine, &session, 0x20),
        rc::parameter(rc::RANGE, 1)
    );
}

#[test]
fn presence_is_checked_when_the_session_is_used() {
    let mut machine = machine_with_policy(&wanted("sha256", "physical_presence"));
    let mut session = machine.start(Start::policy());
    ok(&mut machine, cc::POLICY_PHYSICAL_PRESENCE, &session, same);
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::session(rc::PP, 1))
    );
    machine.tpm().set_physical_presence(true);
    assert_eq!(with(&mut machine, &mut session, &change_owner()), Ok(()));
}

#[test]
fn one_policy_takes_the_auth_value_as_hmac_or_in_plain() {
    let mut machine = machine_with_policy(&wanted("sha256", "auth_value"));
    for salted in [false, true] {
        let start = match salted {
            false => Start::policy(),
            true => {
                let key = keys::storage_ecc(&mut machine, rh::NULL, b"");
                let (encrypted, salt) = key.salt();
                Start::policy().salt(key.handle, &encrypted, &salt)
            }
        };
        let mut session = machine.start(start);
        let go = |machine: &mut Machine, session: &mut Session, auth: &[u8], plain: bool| {
            let used = session.auth(auth);
            let used = if plain { used.in_plain() } else { used };
            machine
                .send(&change_owner(), &mut [used.into()])
                .map(|_| ())
        };
        let bad = Err(rc::session(rc::BAD_AUTH, 1));
        ok(&mut machine, cc::POLICY_AUTH_VALUE, &session, same);
        assert_eq!(go(&mut machine, &mut session, b"wrong", false), bad);
        assert_eq!(go(&mut machine, &mut session, b"owner", true), bad);
        assert_eq!(go(&mut machine, &mut session, b"owner", false), Ok(()));
        ok(&mut machine, cc::POLICY_PASSWORD, &session, same);
        assert_eq!(go(&mut machine, &mut session, b"wrong", true), bad);
        assert_eq!(go(&mut machine, &mut session, b"owner", false), bad);
        assert_eq!(go(&mut machine, &mut session, b"owner", true), Ok(()));
        // The later one counts, and the digest would be another.
        ok(&mut machine, cc::POLICY_PASSWORD, &session, same);
        ok(&mut machine, cc::POLICY_AUTH_VALUE, &session, same);
        assert_eq!(
            go(&mut machine, &mut session, b"owner", false),
            Err(rc::session(rc::POLICY_FAIL, 1))
        );
    }
}

#[test]
fn without_a_key_a_policy_session_may_come_without_hmac_and_is_answered_without() {
    let mut machine = machine_with_policy(&wanted("sha256", "locality_3_4"));
    let mut session = machine.start(Start::policy());
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(0x18)
    });
    let command = change_owner().locality(3);
    assert!(
        machine
            .send(&command, &mut [session.auth(b"").empty().into()])
            .is_ok()
    );
    // A wrong HMAC is wrong even where none is needed.
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(0x18)
    });
    let refused = machine.send(&command, &mut [session.auth(b"").in_plain().into()]);
    assert!(refused.is_ok(), "an empty proof is no proof");
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(0x18)
    });
    let refused = machine.send(&command, &mut [session.auth(b"x").in_plain().into()]);
    assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
}

#[test]
fn limits_are_checked_against_the_command_as_it_was_sent() {
    let owner = rh::OWNER.to_be_bytes();
    let code = cc::HIERARCHY_CHANGE_AUTH.to_be_bytes();
    let params = [&[0, 5][..], b"owner"].concat();
    let limits = [
        (
            cc::POLICY_CP_HASH,
            crypto::sha256(&[&code, &owner, &params]),
        ),
        (cc::POLICY_NAME_HASH, crypto::sha256(&[&owner])),
        (cc::POLICY_PARAMETERS, crypto::sha256(&[&code, &params])),
    ];
    for (assertion, digest) in limits {
        let policy = crypto::policy_step(Hash::Sha256, &[0; 32], assertion, &[&digest]);
        let mut machine = machine_with_policy(&policy);
        let mut session = machine.start(Start::policy());
        ok(&mut machine, assertion, &session, |command| {
            command.sized(&digest)
        });
        // Other parameters; the names stay the same.
        let other = Command::new(cc::HIERARCHY_CHANGE_AUTH)
            .handle(rh::OWNER)
            .sized(b"other");
        let allowed = assertion == cc::POLICY_NAME_HASH;
        match allowed {
            false => assert_eq!(
                with(&mut machine, &mut session, &other),
                Err(rc::session(rc::POLICY_FAIL, 1))
            ),
            true => {
                let set = Command::new(cc::SET_PRIMARY_POLICY)
                    .handle(rh::OWNER)
                    .sized(&policy)
                    .u16(alg::SHA256);
                assert_eq!(with(&mut machine, &mut session, &set), Ok(()));
                ok(&mut machine, assertion, &session, |command| {
                    command.sized(&digest)
                });
            }
        }
        assert_eq!(
            with(&mut machine, &mut session, &change_owner()),
            Ok(()),
            "{assertion:#x}"
        );
    }
}

#[test]
fn there_is_room_for_one_limit() {
    let mut machine = Machine::new();
    let session = machine.start(Start::policy());
    let limits = [
        cc::POLICY_CP_HASH,
        cc::POLICY_NAME_HASH,
        cc::POLICY_TEMPLATE,
        cc::POLICY_PARAMETERS,
    ];
    let digest = |byte: u8, len: usize| move |command: Command| command.sized(&vec![byte; len]);
    for first in limits {
        ok(&mut machine, cc::POLICY_RESTART, &session, same);
        for len in [0, 20, 31, 33, 48, 64] {
            let refused = machine.policy(first, &session, digest(1, len)).unwrap_err();
            assert_eq!(refused, rc::parameter(rc::SIZE, 1), "{len} bytes");
        }
        ok(&mut machine, first, &session, digest(1, 32));
        for second in limits {
            let again = machine.policy(second, &session, digest(1, 32)).map(|_| ());
            let twice = [cc::POLICY_CP_HASH, cc::POLICY_TEMPLATE].contains(&first);
            let may = first == second && twice;
            assert_eq!(
                again,
                if may { Ok(()) } else { Err(rc::CPHASH) },
                "{first:#x} {second:#x}"
            );
            assert_eq!(
                machine.policy(second, &session, digest(2, 32)).unwrap_err(),
                match first == second && first == cc::POLICY_TEMPLATE {
                    true => rc::parameter(rc::VALUE, 1),
                    false => rc::CPHASH,
                }
            );
        }
        let select = |command: Command| command.sized(&name(1)).sized(&name(2)).u8(1);
        assert_eq!(
            machine
                .policy(cc::POLICY_DUPLICATION_SELECT, &session, select)
                .unwrap_err(),
            rc::CPHASH
        );
    }
    ok(&mut machine, cc::POLICY_RESTART, &session, same);
    ok(&mut machine, cc::POLICY_COMMAND_CODE, &session, |command| {
        command.u32(cc::DUPLICATE)
    });
    let select = |command: Command| command.sized(&name(1)).sized(&name(2)).u8(1);
    assert_eq!(
        machine
            .policy(cc::POLICY_DUPLICATION_SELECT, &session, select)
            .unwrap_err(),
        rc::COMMAND_CODE
    );
}

#[test]
fn a_template_is_what_the_creating_command_brings() {
    let words: [u16; 8] = [0x06, 128, 0x43, 0x10, 3, 0x10, 0, 0];
    let words: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let template =
        |attributes: u8| [&[0, 0x23, 0, 0x0b, 0, 3, 4, attributes, 0, 0][..], &words].concat();
    let create = |attributes: u8| {
        let command = Command::new(cc::CREATE_PRIMARY)
            .handle(rh::OWNER)
            .sized(&[0, 2, b'p', b'w', 0, 0]);
        command.sized(&template(attributes)).sized(b"").u32(0)
    };
    let digest = crypto::sha256(&[&template(0x72)]);
    let policy = crypto::policy_step(Hash::Sha256, &[0; 32], cc::POLICY_TEMPLATE, &[&digest]);
    let mut machine = machine_with_policy(&policy);
    let mut session = machine.start(Start::policy().cipher(Cipher::Aes(128)));
    ok(&mut machine, cc::POLICY_TEMPLATE, &session, |command| {
        command.sized(&digest)
    });
    let fails = Err(rc::session(rc::POLICY_FAIL, 1));
    assert_eq!(with(&mut machine, &mut session, &create(0x52)), fails);
    assert_eq!(with(&mut machine, &mut session, &change_owner()), fails);
    // libtpms 615: a template's size beyond the command.
    let whole = create(0x72);
    for len in 0..whole.params.len() - 6 {
        let mut cut = whole.clone();
        cut.params.truncate(len);
        assert_eq!(with(&mut machine, &mut session, &cut), fails, "{len} bytes");
    }
    // The sensitive part may be encrypted.
    let decrypt = attribute::CONTINUE | attribute::DECRYPT;
    let used = session.auth(b"owner").without_auth().attributes(decrypt);
    assert!(machine.send(&create(0x72), &mut [used.into()]).is_ok());
}

#[test]
fn alternatives_are_two_to_eight_and_hold_what_was_reached() {
    let mut machine = Machine::new();
    let session = machine.start(Start::policy());
    for count in [0, 1, 9, u32::MAX] {
        let or = |command: Command| {
            (0..count.min(9)).fold(command.u32(count), |command, _| command.sized(&[0; 32]))
        };
        assert_eq!(
            machine.policy(cc::POLICY_OR, &session, or).unwrap_err(),
            rc::parameter(rc::SIZE, 1),
            "{count}"
        );
    }
    let or = |command: Command| command.u32(2).sized(&[1; 32]).sized(&[0; 31]);
    assert_eq!(
        machine.policy(cc::POLICY_OR, &session, or).unwrap_err(),
        rc::parameter(rc::VALUE, 1)
    );
    // What was asserted before stays asserted.
    let start = wanted("sha256", "physical_presence");
    let policy = crypto::policy_step(Hash::Sha256, &[0; 32], cc::POLICY_OR, &[&[9; 32], &start]);
    let mut machine = machine_with_policy(&policy);
    let mut session = machine.start(Start::policy());
    ok(&mut machine, cc::POLICY_PHYSICAL_PRESENCE, &session, same);
    ok(&mut machine, cc::POLICY_OR, &session, |command| {
        command.u32(2).sized(&[9; 32]).sized(&start)
    });
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::session(rc::PP, 1))
    );
    machine.tpm().set_physical_presence(true);
    assert_eq!(with(&mut machine, &mut session, &change_owner()), Ok(()));
}

#[test]
fn pcrs_are_checked_and_must_not_change_before_the_session_is_used() {
    let pcrs = [0, 0, 0, 1, 0, 0x0b, 3, 0x81, 0x00, 0x80];
    let mut machine = machine_with_policy(&wanted("sha256", "pcr"));
    let mut session = machine.start(Start::policy());
    let zeros = crypto::sha256(&[&[0; 96]]);
    let check = |digest: &[u8]| {
        let digest = digest.to_vec();
        move |command: Command| command.sized(&digest).raw(&pcrs)
    };
    assert_eq!(
        machine
            .policy(cc::POLICY_PCR, &session, check(&[1; 32]))
            .unwrap_err(),
        rc::parameter(rc::VALUE, 1)
    );
    assert_eq!(
        machine
            .policy(cc::POLICY_PCR, &session, check(&[0; 31]))
            .unwrap_err(),
        rc::parameter(rc::VALUE, 1)
    );
    ok(&mut machine, cc::POLICY_PCR, &session, check(&zeros));
    let extend = Command::new(cc::PCR_EXTEND)
        .handle(0)
        .u32(1)
        .u16(alg::SHA256)
        .raw(&[7; 32]);
    machine.send(&extend, &mut [Auth::password(b"")]).unwrap();
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::PCR_CHANGED)
    );
    assert_eq!(
        machine
            .policy(cc::POLICY_PCR, &session, check(&[]))
            .unwrap_err(),
        rc::PCR_CHANGED
    );
    ok(&mut machine, cc::POLICY_RESTART, &session, same);
    assert!(
        machine
            .policy(cc::POLICY_PCR, &session, check(&zeros))
            .is_err()
    );
    ok(&mut machine, cc::POLICY_PCR, &session, check(&[]));
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::session(rc::POLICY_FAIL, 1))
    );
    // A trial session believes what it is told.
    let trial = machine.start(Start::trial());
    ok(&mut machine, cc::POLICY_PCR, &trial, check(&zeros));
    assert_eq!(machine.policy_digest(&trial), wanted("sha256", "pcr"));
}

#[test]
fn policy_secret_wants_the_entitys_auth_value() {
    let policy = wanted("sha256", "secret_endorsement");
    let mut machine = machine_with_policy(&policy);
    machine.change_auth(rh::ENDORSEMENT, b"", b"boss");
    let mut session = machine.start(Start::policy());
    let command = |nonce: &[u8], cp_hash: &[u8], expiration: i32| {
        let command = Command::new(cc::POLICY_SECRET)
            .handle(rh::ENDORSEMENT)
            .handle(session.handle);
        command
            .sized(nonce)
            .sized(cp_hash)
            .sized(b"")
            .u32(expiration as u32)
    };
    let (plain, nonced) = (command(b"", b"", 0), command(&session.nonce_tpm, b"", 0));
    let (wrong_nonce, wrong_size) = (command(&[1; 16], b"", 0), command(b"", &[1; 31], 0));
    let (null, expired) = (
        Command {
            handles: vec![],
            ..plain.clone()
        },
        command(b"", b"", 1),
    );
    let refusal = |machine: &mut Machine, command: &Command, auth: &[u8]| {
        machine
            .send(command, &mut [Auth::password(auth)])
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(
        refusal(&mut machine, &plain, b""),
        rc::session(rc::BAD_AUTH, 1)
    );
    assert_eq!(
        refusal(&mut machine, &wrong_nonce, b"boss"),
        rc::parameter(rc::NONCE, 1)
    );
    assert_eq!(
        refusal(&mut machine, &wrong_size, b"boss"),
        rc::parameter(rc::SIZE, 2)
    );
    let null = null.handle(rh::NULL).handle(session.handle);
    assert_eq!(refusal(&mut machine, &null, b""), rc::handle(rc::VALUE, 1));
    machine.platform.advance(10_000);
    assert_eq!(
        refusal(&mut machine, &expired, b"boss"),
        rc::parameter(rc::EXPIRED, 4)
    );
    machine
        .send(&nonced, &mut [Auth::password(b"boss")])
        .unwrap();
    assert_eq!(with(&mut machine, &mut session, &change_owner()), Ok(()));
}

#[test]
fn a_secret_may_be_proved_by_a_policy_only_if_that_wants_an_auth_value() {
    let mut machine = machine_with_policy(&wanted("sha256", "auth_value"));
    let target = machine.start(Start::policy());
    let mut prover = machine.start(Start::policy());
    let command = Command::new(cc::POLICY_SECRET)
        .handle(rh::OWNER)
        .handle(target.handle);
    let command = command.sized(b"").sized(b"").sized(b"").u32(0);
    assert_eq!(
        with(&mut machine, &mut prover, &command),
        Err(rc::session(rc::MODE, 1))
    );
    ok(&mut machine, cc::POLICY_AUTH_VALUE, &prover, same);
    assert!(
        machine
            .send(&command, &mut [prover.auth(b"owner").into()])
            .is_ok()
    );
    ok(&mut machine, cc::POLICY_PASSWORD, &prover, same);
    assert!(
        machine
            .send(&command, &mut [prover.auth(b"owner").in_plain().into()])
            .is_ok()
    );
}

#[test]
fn an_approval_expires() {
    let policy = wanted("sha256", "secret_endorsement");
    let mut machine = machine_with_policy(&policy);
    let mut session = machine.start(Start::policy());
    let secret = |machine: &mut Machine, session: &Session, expiration: i32| {
        let command = Command::new(cc::POLICY_SECRET)
            .handle(rh::ENDORSEMENT)
            .handle(session.handle);
        let command = command
            .sized(&session.nonce_tpm)
            .sized(b"")
            .sized(b"")
            .u32(expiration as u32);
        machine
            .send(&command, &mut [Auth::password(b"")])
            .map(|_| ())
    };
    assert_eq!(secret(&mut machine, &session, 5), Ok(()));
    machine.platform.advance(4_000);
    assert_eq!(with(&mut machine, &mut session, &change_owner()), Ok(()));
    assert_eq!(secret(&mut machine, &session, 5), Ok(()));
    machine.platform.advance(5_001);
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::session(rc::EXPIRED, 1))
    );
    assert_eq!(
        secret(&mut machine, &session, 5),
        Err(rc::parameter(rc::EXPIRED, 4))
    );
    // The earliest end counts.
    let mut session = machine.start(Start::policy());
    assert_eq!(secret(&mut machine, &session, 100), Ok(()));
    assert_eq!(secret(&mut machine, &session, 1), Ok(()));
    assert_eq!(secret(&mut machine, &session, 200), Ok(()));
    machine.platform.advance(2_000);
    let refused = with(&mut machine, &mut session, &change_owner());
    assert!(
        matches!(refused, Err(code) if code == rc::session(rc::POLICY_FAIL, 1) || code == rc::session(rc::EXPIRED, 1))
    );
}

// Found beside `tpm_sequences`: the count of restarts told one start's time from another's, and Clear sets it back.
#[test]
fn an_approval_of_an_earlier_start_does_not_come_back_with_a_clear() {
    let mut machine = machine_with_policy(&wanted("sha256", "secret_endorsement"));
    let mut session = machine.start(Start::policy());
    let secret = Command::new(cc::POLICY_SECRET)
        .handle(rh::ENDORSEMENT)
        .handle(session.handle)
        .sized(&session.nonce_tpm)
        .sized(b"")
        .sized(b"")
        .u32(5);
    machine.send(&secret, &mut [Auth::password(b"")]).unwrap();
    let save = Command::new(cc::CONTEXT_SAVE).handle(session.handle);
    let context = machine.send(&save, &mut []).unwrap().params;
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    let clear = Command::new(cc::CLEAR).handle(rh::LOCKOUT);
    machine.send(&clear, &mut [Auth::password(b"")]).unwrap();
    set_policy(&mut machine, &wanted("sha256", "secret_endorsement"));
    machine.own(b"owner");
    let load = Command::new(cc::CONTEXT_LOAD).raw(&context);
    machine.send(&load, &mut []).unwrap();
    // Time began anew: nobody can say whether five seconds have passed.
    assert_eq!(
        with(&mut machine, &mut session, &change_owner()),
        Err(rc::session(rc::EXPIRED, 1))
    );
}

/// What PolicySecret with a negative expiration answers.
struct Ticketed {
    timeout: Vec<u8>,
    ticket: Vec<u8>,
}

fn ticket(
    machine: &mut Machine,
    session: &Session,
    nonce: &[u8],
    reference: &[u8],
    cp_hash: &[u8],
) -> Ticketed {
    let command = Command::new(cc::POLICY_SECRET)
        .handle(rh::ENDORSEMENT)
        .handle(session.handle);
    let command = command
        .sized(nonce)
        .sized(cp_hash)
        .sized(reference)
        .u32(-3600i32 as u32);
    let reply = machine.send(&command, &mut [Auth::password(b"")]).unwrap();
    let mut reader = reply.reader();
    let timeout = reader.sized().to_vec();
    Ticketed {
        timeout,
        ticket: reader.0.to_vec(),
    }
}

#[test]
fn a_ticket_stands_for_the_approval_that_gave_it() {
    let mut machine = machine_with_policy(&wanted("sha256", "secret_endorsement"));
    let first = machine.start(Start::policy());
    let nonce = first.nonce_tpm.clone();
    let given = ticket(&mut machine, &first, &nonce, b"", b"");
    assert_eq!(given.ticket[..6], [0x80, 0x23, 0x40, 0, 0, 0x0b]);
    let owner = rh::ENDORSEMENT.to_be_bytes();
    let redeem = |machine: &mut Machine,
                  session: &Session,
                  timeout: &[u8],
                  reference: &[u8],
                  name: &[u8],
                  bytes: &[u8]| {
        let params = |command: Command| {
            command
                .sized(timeout)
                .sized(b"")
                .sized(reference)
                .sized(name)
                .raw(bytes)
        };
        machine
            .policy(cc::POLICY_TICKET, session, params)
            .map(|_| ())
    };
    let mut session = machine.start(Start::policy());
    let wrong = Err(rc::parameter(rc::TICKET, 5));
    let (timeout, bytes) = (&given.timeout[..], &given.ticket[..]);
    assert_eq!(
        redeem(&mut machine, &session, timeout, b"x", &owner, bytes),
        wrong
    );
    assert_eq!(
        redeem(
            &mut machine,
            &session,
            timeout,
            b"",
            &rh::OWNER.to_be_bytes(),
            bytes
        ),
        wrong
    );
    let later = (u64::from_be_bytes(timeout.try_into().unwrap()) + 1).to_be_bytes();
    assert_eq!(
        redeem(&mut machine, &session, &later, b"", &owner, bytes),
        wrong
    );
    for at in 0..bytes.len() {
        let mut spoilt = bytes.to_vec();
        spoilt[at] ^= 0x01;
        assert!(
            redeem(&mut machine, &session, timeout, b"", &owner, &spoilt).is_err(),
            "byte {at}"
        );
    }
    let null = [0x80, 0x23, 0x40, 0, 0, 7, 0, 0];
    assert_eq!(
        redeem(&mut machine, &session, timeout, b"", &owner, &null),
        wrong
    );
    let creation = [&[0x80, 0x21][..], &bytes[2..]].concat();
    assert_eq!(
        redeem(&mut machine, &session, timeout, b"", &owner, &creation),
        Err(rc::parameter(rc::TAG, 5))
    );
    assert_eq!(
        redeem(&mut machine, &session, &timeout[1..], b"", &owner, bytes),
        Err(rc::parameter(rc::SIZE, 1))
    );
    assert_eq!(machine.policy_digest(&session), [0; 32]);
    assert_eq!(
        redeem(&mut machine, &session, timeout, b"", &owner, bytes),
        Ok(())
    );
    assert_eq!(with(&mut machine, &mut session, &change_owner()), Ok(()));
    let trial = machine.start(Start::trial());
    assert_eq!(
        redeem(&mut machine, &trial, timeout, b"", &owner, bytes),
        Err(rc::handle(rc::ATTRIBUTES, 1))
    );
    machine.platform.advance(3_601_000);
    assert_eq!(
        redeem(&mut machine, &session, timeout, b"", &owner, bytes),
        Err(rc::parameter(rc::EXPIRED, 1))
    );
}

#[test]
fn bytes_of_one_part_of_a_ticket_never_pass_for_those_of_the_next() {
    let mut machine = Machine::new();
    let first = machine.start(Start::policy());
    let cp_hash = [0x77; 32];
    let given = ticket(&mut machine, &first, b"", b"", &cp_hash);
    // Without the limit to one command: its cpHash given as the reference.
    let session = machine.start(Start::policy());
    let params = |command: Command| {
        let command = command.sized(&given.timeout).sized(b"").sized(&cp_hash);
        command
            .sized(&rh::ENDORSEMENT.to_be_bytes())
            .raw(&given.ticket)
    };
    let refused = machine
        .policy(cc::POLICY_TICKET, &session, params)
        .unwrap_err();
    assert_eq!(refused, rc::parameter(rc::TICKET, 5));
}

#[test]
fn comparisons_are_with_what_the_tpm_holds_now() {
    let mut machine = Machine::new();
    let session = machine.start(Start::policy());
    let compare = |machine: &mut Machine, operand: &[u8], offset: u16, operation: u16| {
        let params = |command: Command| command.sized(operand).u16(offset).u16(operation);
        machine
            .policy(cc::POLICY_COUNTER_TIMER, &session, params)
            .map(|_| ())
    };
    // resetCount stands behind Time and Clock; it is not zero after a start.
    assert_eq!(compare(&mut machine, &[0; 4], 16, 3), Ok(()));
    assert_eq!(compare(&mut machine, &[0; 4], 16, 0), Err(rc::POLICY));
    assert_eq!(compare(&mut machine, &[0; 25], 0, 1), Ok(()));
    assert_eq!(compare(&mut machine, &[0; 26], 0, 1), Err(rc::RANGE));
    assert_eq!(compare(&mut machine, &[0; 1], 25, 1), Err(rc::RANGE));
    assert_eq!(compare(&mut machine, &[], 25, 0), Ok(()));
    assert_eq!(
        compare(&mut machine, &[], 26, 0),
        Err(rc::parameter(rc::VALUE, 2))
    );
    assert_eq!(
        compare(&mut machine, &[], 0xffff, 0),
        Err(rc::parameter(rc::VALUE, 2))
    );
    assert_eq!(
        compare(&mut machine, &[], 0, 12),
        Err(rc::parameter(rc::VALUE, 3))
    );
    // A capability: 24 PCRs; no property 1; the banks are no single value.
    let capability =
        |machine: &mut Machine, operand: &[u8], operation: u16, capability: u32, property: u32| {
            let params = |command: Command| {
                command
                    .sized(operand)
                    .u16(4)
                    .u16(operation)
                    .u32(capability)
                    .u32(property)
            };
            machine
                .policy(cc::POLICY_CAPABILITY, &session, params)
                .map(|_| ())
        };
    assert_eq!(
        capability(&mut machine, &24u32.to_be_bytes(), 0, 6, 0x112),
        Ok(())
    );
    assert_eq!(
        capability(&mut machine, &23u32.to_be_bytes(), 0, 6, 0x112),
        Err(rc::POLICY)
    );
    assert_eq!(
        capability(&mut machine, &[0; 5], 0, 6, 0x112),
        Err(rc::parameter(rc::SIZE, 1))
    );
    assert_eq!(capability(&mut machine, &[], 1, 6, 1), Ok(()));
    assert_eq!(capability(&mut machine, &[], 0, 6, 1), Err(rc::POLICY));
    assert_eq!(
        capability(&mut machine, &[], 1, 5, 0),
        Err(rc::parameter(rc::VALUE, 4))
    );
    assert_eq!(
        capability(&mut machine, &[], 1, 0x99, 0),
        Err(rc::parameter(rc::VALUE, 4))
    );
    assert_eq!(
        capability(&mut machine, &[], 1, 9, 0x8000_0000),
        Err(rc::parameter(rc::VALUE, 5))
    );
}

#[test]
fn commands_that_a_policy_names_exist() {
    let mut machine = Machine::new();
    let session = machine.start(Start::policy());
    let name = |machine: &mut Machine, code: u32| {
        machine
            .policy(cc::POLICY_COMMAND_CODE, &session, |command| {
                command.u32(code)
            })
            .map(|_| ())
    };
    for code in [0, 0x11e, 0x123, 0x1ff, 0x2000_0000, u32::MAX] {
        assert_eq!(
            name(&mut machine, code),
            Err(rc::parameter(rc::POLICY_CC, 1)),
            "{code:#x}"
        );
    }
    assert_eq!(name(&mut machine, cc::UNSEAL), Ok(()));
    assert_eq!(name(&mut machine, cc::UNSEAL), Ok(()));
    assert_eq!(
        name(&mut machine, cc::CREATE),
        Err(rc::parameter(rc::VALUE, 1))
    );
    let written = |machine: &mut Machine, value: u8| {
        machine
            .policy(cc::POLICY_NV_WRITTEN, &session, |command| command.u8(value))
            .map(|_| ())
    };
    assert_eq!(written(&mut machine, 2), Err(rc::parameter(rc::VALUE, 1)));
    assert_eq!(written(&mut machine, 1), Ok(()));
    assert_eq!(written(&mut machine, 1), Ok(()));
    assert_eq!(written(&mut machine, 0), Err(rc::parameter(rc::VALUE, 1)));
}

#[test]
fn policy_commands_want_a_policy_session() {
    let mut machine = Machine::new();
    let mut hmac = machine.start(Start::hmac());
    let refused = machine
        .policy(cc::POLICY_AUTH_VALUE, &hmac, same)
        .unwrap_err();
    assert_eq!(refused, rc::handle(rc::VALUE, 1));
    hmac.handle = 0x0300_0007;
    assert_eq!(
        machine
            .policy(cc::POLICY_AUTH_VALUE, &hmac, same)
            .unwrap_err(),
        rc::REFERENCE_H0
    );
}
