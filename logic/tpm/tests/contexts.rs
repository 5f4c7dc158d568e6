//! ContextSave, ContextLoad, FlushContext (Part 1, section 30; Part 3, section 28).

// RSA, SHA-1 and SHA-512 are part of what is tried.
#![cfg(feature = "full")]

mod common;
mod object_common;

use common::{Auth, Cipher, Command, Machine, Session, Start, attribute, cc, keys, rc, rh};
use ironroot_tpm::Profile;

/// A saved context: number, saved handle, hierarchy, blob.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Context {
    sequence: u64,
    saved_handle: u32,
    hierarchy: u32,
    blob: Vec<u8>,
}

impl Context {
    fn command(&self) -> Command {
        let command = Command::new(cc::CONTEXT_LOAD).u64(self.sequence);
        command
            .u32(self.saved_handle)
            .u32(self.hierarchy)
            .sized(&self.blob)
    }
}

fn save(machine: &mut Machine, handle: u32) -> Result<Context, u32> {
    let reply = machine.send(&Command::new(cc::CONTEXT_SAVE).handle(handle), &mut [])?;
    assert!(reply.params.len() + 10 <= 4096);
    let mut reader = reply.reader();
    let context = Context {
        sequence: reader.u64(),
        saved_handle: reader.u32(),
        hierarchy: reader.u32(),
        blob: reader.sized().to_vec(),
    };
    reader.end();
    Ok(context)
}

fn load(machine: &mut Machine, context: &Context) -> Result<u32, u32> {
    Ok(machine.send(&context.command(), &mut [])?.handle)
}

fn with_one(code: u32) -> u32 {
    rc::parameter(code, 1)
}

fn uses(machine: &mut Machine, session: &mut Session) -> Result<(), u32> {
    let command = Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .handle(rh::OWNER)
        .sized(b"");
    machine
        .send(&command, &mut [session.auth(b"").into()])
        .map(|_| ())
}

fn name_of(machine: &mut Machine, handle: u32) -> Result<Vec<u8>, u32> {
    let reply = machine.send(&Command::new(cc::READ_PUBLIC).handle(handle), &mut [])?;
    let mut reader = reply.reader();
    reader.sized();
    Ok(reader.sized().to_vec())
}

#[test]
fn a_session_is_saved_and_loaded_once_under_its_own_handle() {
    let mut machine = Machine::new();
    let mut session = machine.start(
        Start::hmac()
            .cipher(Cipher::Aes(128))
            .bind(rh::ENDORSEMENT, b""),
    );
    let context = save(&mut machine, session.handle).unwrap();
    assert_eq!(
        (context.saved_handle, context.hierarchy),
        (session.handle, rh::NULL)
    );
    // It left its slot.
    assert_eq!(uses(&mut machine, &mut session), Err(rc::REFERENCE_S0));
    assert_eq!(save(&mut machine, session.handle), Err(rc::REFERENCE_H0));
    assert_eq!(load(&mut machine, &context), Ok(session.handle));
    assert_eq!(load(&mut machine, &context), Err(with_one(rc::HANDLE)));
    assert_eq!(uses(&mut machine, &mut session), Ok(()));
    // An older context of the same session is no good.
    let second = save(&mut machine, session.handle).unwrap();
    assert_ne!(second.sequence, context.sequence);
    assert_eq!(load(&mut machine, &context), Err(with_one(rc::HANDLE)));
    assert_eq!(load(&mut machine, &second), Ok(session.handle));
    let encrypt = attribute::CONTINUE | attribute::ENCRYPT;
    let random = Command::new(cc::GET_RANDOM).u16(8);
    assert!(
        machine
            .send(
                &random,
                &mut [session.plain_use().attributes(encrypt).into()]
            )
            .is_ok()
    );
}

#[test]
fn a_policy_session_keeps_what_it_reached() {
    let mut machine = Machine::new();
    let session = machine.start(Start::policy());
    machine
        .policy(cc::POLICY_LOCALITY, &session, |command| command.u8(8))
        .unwrap();
    machine
        .policy(cc::POLICY_CP_HASH, &session, |command| {
            command.sized(&[5; 32])
        })
        .unwrap();
    let digest = machine.policy_digest(&session);
    let context = save(&mut machine, session.handle).unwrap();
    assert_eq!(
        machine
            .policy(cc::POLICY_AUTH_VALUE, &session, |command| command)
            .unwrap_err(),
        rc::REFERENCE_H0
    );
    load(&mut machine, &context).unwrap();
    assert_eq!(machine.policy_digest(&session), digest);
    let refused = machine.policy(cc::POLICY_CP_HASH, &session, |command| {
        command.sized(&[6; 32])
    });
    assert_eq!(refused.unwrap_err(), rc::CPHASH);
    let refused = machine.policy(cc::POLICY_LOCALITY, &session, |command| command.u8(7));
    assert_eq!(refused.unwrap_err(), with_one(rc::RANGE));
}

#[test]
fn a_saved_session_can_be_flushed_and_its_handle_is_given_again() {
    let mut machine = Machine::new();
    let session = machine.start(Start::hmac());
    let context = save(&mut machine, session.handle).unwrap();
    let other = machine.start(Start::hmac());
    assert_ne!(other.handle, session.handle);
    machine.flush(session.handle).unwrap();
    assert_eq!(load(&mut machine, &context), Err(with_one(rc::HANDLE)));
    assert_eq!(machine.start(Start::hmac()).handle, session.handle);
    assert_eq!(load(&mut machine, &context), Err(with_one(rc::HANDLE)));
    for handle in [0x8000_0000, 0x0200_0009, 0x0300_0000] {
        assert_eq!(
            machine.flush(handle).unwrap_err(),
            with_one(rc::HANDLE),
            "{handle:#x}"
        );
    }
    for handle in [rh::OWNER, 0x8100_0001, 0x0100_0001, 0] {
        assert_eq!(
            machine.flush(handle).unwrap_err(),
            with_one(rc::VALUE),
            "{handle:#x}"
        );
    }
}

#[test]
fn more_sessions_can_be_saved_than_loaded_but_not_without_end() {
    let mut machine = Machine::with_profile(&Profile::PC_CLIENT);
    let mut saved = Vec::new();
    for _ in 0..61 {
        let session = machine.start(Start::hmac());
        saved.push(save(&mut machine, session.handle).unwrap());
    }
    for _ in 0..3 {
        machine.start(Start::hmac());
    }
    assert_eq!(load(&mut machine, &saved[0]), Err(rc::SESSION_MEMORY));
    machine.flush(saved[0].saved_handle).unwrap();
    machine.flush(0x0200_0000 + 61).unwrap();
    let last = machine.start(Start::policy());
    assert_eq!(last.handle & 0xff, 0);
    save(&mut machine, last.handle).unwrap();
    machine.start(Start::policy());
    assert_eq!(
        machine.send(&Start::hmac().command(), &mut []).unwrap_err(),
        rc::SESSION_MEMORY
    );
    machine.flush(0x0200_0000 + 62).unwrap();
    machine.flush(0x0200_0000 + 63).unwrap();
    let one = machine.start(Start::hmac());
    save(&mut machine, one.handle).unwrap();
    let two = machine.start(Start::hmac());
    save(&mut machine, two.handle).unwrap();
    // Slots are free, handles are not.
    assert_eq!(
        machine.send(&Start::hmac().command(), &mut []).unwrap_err(),
        rc::SESSION_HANDLES
    );
}

#[test]
fn an_object_stays_and_its_context_is_loaded_as_often_as_one_likes() {
    let mut machine = Machine::new();
    let key = keys::storage_ecc(&mut machine, rh::OWNER, b"auth");
    let context = save(&mut machine, key.handle).unwrap();
    assert_eq!(
        (context.saved_handle, context.hierarchy),
        (0x8000_0000, rh::OWNER)
    );
    assert_eq!(name_of(&mut machine, key.handle), Ok(key.name.clone()));
    let again = save(&mut machine, key.handle).unwrap();
    assert_ne!(
        (context.sequence, &context.blob),
        (again.sequence, &again.blob)
    );
    for context in [&context, &context, &again] {
        let handle = load(&mut machine, context).unwrap();
        assert_ne!(handle, key.handle);
        assert_eq!(name_of(&mut machine, handle), Ok(key.name.clone()));
    }
    // Its sensitive part came, too: it decrypts a salt, and proves its auth value.
    machine.flush(key.handle).unwrap();
    let handle = load(&mut machine, &context).unwrap();
    assert_eq!(handle, key.handle);
    let (encrypted, salt) = key.salt();
    let mut session = machine.start(Start::hmac().salt(handle, &encrypted, &salt));
    assert_eq!(uses(&mut machine, &mut session), Ok(()));
}

#[test]
fn an_rsa_key_of_the_largest_size_fits_and_slots_run_out() {
    let mut machine = Machine::with_profile(&Profile::PC_CLIENT);
    let key = keys::storage_rsa(&mut machine, rh::NULL, b"");
    let context = save(&mut machine, key.handle).unwrap();
    assert_eq!(context.hierarchy, rh::NULL);
    load(&mut machine, &context).unwrap();
    load(&mut machine, &context).unwrap();
    assert_eq!(load(&mut machine, &context), Err(rc::OBJECT_MEMORY));
}

#[test]
fn a_sequence_goes_on_where_it_was_saved() {
    let mut machine = Machine::new();
    let start = Command::new(cc::HASH_SEQUENCE_START)
        .sized(b"auth")
        .u16(0x0b);
    let handle = machine.send(&start, &mut []).unwrap().handle;
    let update = |machine: &mut Machine, handle: u32, data: &[u8]| {
        let command = Command::new(cc::SEQUENCE_UPDATE)
            .named(handle, &[])
            .sized(data);
        machine
            .send(&command, &mut [Auth::password(b"auth")])
            .map(|_| ())
    };
    let complete = |machine: &mut Machine, handle: u32, data: &[u8]| {
        let command = Command::new(cc::SEQUENCE_COMPLETE)
            .named(handle, &[])
            .sized(data)
            .u32(rh::NULL);
        let mut session = machine.start(Start::hmac());
        let reply = machine.send(&command, &mut [session.auth(b"auth").into()])?;
        Ok::<_, u32>(reply.reader().sized().to_vec())
    };
    update(&mut machine, handle, b"one").unwrap();
    let context = save(&mut machine, handle).unwrap();
    assert_eq!(
        (context.saved_handle, context.hierarchy),
        (0x8000_0001, rh::NULL)
    );
    update(&mut machine, handle, b"two").unwrap();
    let digest = |parts: &[&[u8]]| common::crypto::sha256(parts);
    assert_eq!(
        complete(&mut machine, handle, b"three"),
        Ok(digest(&[b"one", b"two", b"three"]))
    );
    let handle = load(&mut machine, &context).unwrap();
    assert_eq!(
        complete(&mut machine, handle, b"four"),
        Ok(digest(&[b"one", b"four"]))
    );
}

#[test]
fn no_byte_of_a_context_can_be_changed() {
    let mut machine = Machine::new();
    let key = keys::storage_ecc(&mut machine, rh::OWNER, b"");
    let session = machine.start(Start::hmac());
    for handle in [key.handle, session.handle] {
        let context = save(&mut machine, handle).unwrap();
        for at in 0..context.blob.len() {
            let mut spoilt = context.clone();
            spoilt.blob[at] ^= 0x80;
            let refused = load(&mut machine, &spoilt).unwrap_err();
            let known = [rc::INTEGRITY, rc::SIZE, rc::INSUFFICIENT].map(with_one);
            assert!(known.contains(&refused), "byte {at}: {refused:#x}");
        }
        for (name, spoilt) in [
            (
                "number",
                Context {
                    sequence: context.sequence + 1,
                    ..context.clone()
                },
            ),
            (
                "hierarchy",
                Context {
                    hierarchy: rh::ENDORSEMENT,
                    ..context.clone()
                },
            ),
            (
                "null",
                Context {
                    hierarchy: 0x4000_0007 ^ context.hierarchy ^ rh::OWNER,
                    ..context.clone()
                },
            ),
            (
                "kind",
                Context {
                    saved_handle: 0x8000_0002,
                    ..context.clone()
                },
            ),
            (
                "other kind",
                Context {
                    saved_handle: 0x8000_0001,
                    ..context.clone()
                },
            ),
            (
                "session",
                Context {
                    saved_handle: 0x0200_0011,
                    ..context.clone()
                },
            ),
            (
                "policy",
                Context {
                    saved_handle: 0x0300_0000,
                    ..context.clone()
                },
            ),
        ] {
            assert_eq!(
                load(&mut machine, &spoilt),
                Err(with_one(rc::INTEGRITY)),
                "{name}"
            );
        }
        for saved_handle in [0x8000_0003, rh::OWNER, 0x8100_0000, 0] {
            let spoilt = Context {
                saved_handle,
                ..context.clone()
            };
            assert_eq!(
                load(&mut machine, &spoilt),
                Err(with_one(rc::VALUE)),
                "{saved_handle:#x}"
            );
        }
        assert!(load(&mut machine, &context).is_ok());
    }
}

// CVE-2021-3623, CVE-2021-3746: sizes inside a blob were believed.
#[test]
fn cve_2021_3746_sizes_of_a_blob_are_not_believed() {
    let mut machine = Machine::new();
    let session = machine.start(Start::hmac());
    let context = save(&mut machine, session.handle).unwrap();
    let send = |machine: &mut Machine, blob: &[u8]| {
        let spoilt = Context {
            blob: blob.to_vec(),
            ..context.clone()
        };
        load(machine, &spoilt).unwrap_err()
    };
    for len in 0..context.blob.len() {
        let code = send(&mut machine, &context.blob[..len]);
        assert!(
            code == with_one(rc::INSUFFICIENT) || code == with_one(rc::SIZE),
            "{len} bytes: {code:#x}"
        );
    }
    let longer = [&context.blob[..], &[0]].concat();
    assert_eq!(send(&mut machine, &longer), with_one(rc::SIZE));
    // The sizes of the integrity value and of the ciphertext.
    for at in [0, 34] {
        for size in [0u16, 1, 31, 33, 63, 0x1000, 0x7fff, 0xffff] {
            let mut spoilt = context.blob.clone();
            spoilt[at..at + 2].copy_from_slice(&size.to_be_bytes());
            let code = send(&mut machine, &spoilt);
            let known = [rc::INTEGRITY, rc::SIZE, rc::INSUFFICIENT].map(with_one);
            assert!(known.contains(&code), "{at}: {size}: {code:#x}");
        }
    }
    // The size of the whole blob, in the command.
    let good = context.command().frame(None);
    for size in [0u16, 1, 0x0fff, 0x1000, 0xffff] {
        let mut spoilt = good.clone();
        spoilt[26..28].copy_from_slice(&size.to_be_bytes());
        assert_ne!(machine.code(&spoilt), 0, "{size}");
    }
    assert!(load(&mut machine, &context).is_ok());
}

#[test]
fn a_reset_ends_every_context() {
    let mut machine = Machine::new();
    let key = keys::storage_ecc(&mut machine, rh::OWNER, b"");
    let session = machine.start(Start::hmac());
    let contexts = [
        save(&mut machine, key.handle).unwrap(),
        save(&mut machine, session.handle).unwrap(),
    ];
    machine.shutdown(0).unwrap();
    machine.reset();
    for context in &contexts {
        assert_eq!(
            load(&mut machine, context),
            Err(with_one(rc::INTEGRITY)),
            "{:#x}",
            context.saved_handle
        );
    }
    machine.reset();
    for context in &contexts {
        assert_eq!(
            load(&mut machine, context),
            Err(with_one(rc::INTEGRITY)),
            "{:#x}",
            context.saved_handle
        );
    }
}

#[test]
fn contexts_outlive_a_restart_and_a_resume() {
    for kind in [0, 1] {
        let mut machine = Machine::new();
        let key = keys::storage_ecc(&mut machine, rh::OWNER, b"");
        let mut session = machine.start(Start::hmac());
        let loaded = machine.start(Start::hmac());
        let contexts = [
            save(&mut machine, key.handle).unwrap(),
            save(&mut machine, session.handle).unwrap(),
        ];
        machine.shutdown(1).unwrap();
        machine.reopen();
        machine.startup(kind).unwrap();
        assert_eq!(
            machine.flush(loaded.handle).unwrap_err(),
            with_one(rc::HANDLE)
        );
        assert!(load(&mut machine, &contexts[0]).is_ok());
        assert_eq!(load(&mut machine, &contexts[1]), Ok(session.handle));
        assert_eq!(load(&mut machine, &contexts[1]), Err(with_one(rc::HANDLE)));
        assert_eq!(uses(&mut machine, &mut session), Ok(()));
        // Numbers go on.
        let next = save(&mut machine, session.handle).unwrap();
        assert!(next.sequence > contexts[1].sequence);
    }
}

#[test]
fn an_object_of_a_hierarchy_that_is_off_is_not_loaded() {
    let mut machine = Machine::new();
    let key = keys::storage_ecc(&mut machine, rh::ENDORSEMENT, b"");
    let context = save(&mut machine, key.handle).unwrap();
    let control = |on: u8| {
        Command::new(cc::HIERARCHY_CONTROL)
            .handle(rh::PLATFORM)
            .u32(rh::ENDORSEMENT)
            .u8(on)
    };
    machine
        .send(&control(0), &mut [Auth::password(b"")])
        .unwrap();
    assert_eq!(load(&mut machine, &context), Err(with_one(rc::HIERARCHY)));
    machine
        .send(&control(1), &mut [Auth::password(b"")])
        .unwrap();
    assert!(load(&mut machine, &context).is_ok());
}

#[test]
fn context_commands_take_no_sessions() {
    let mut machine = Machine::new();
    let session = machine.start(Start::hmac());
    let password = [&rh::PASSWORD.to_be_bytes()[..], &[0, 0, 1, 0, 0]].concat();
    let commands = [
        Command::new(cc::CONTEXT_SAVE).handle(session.handle),
        Command::new(cc::CONTEXT_LOAD).u64(0),
        Command::new(cc::FLUSH_CONTEXT).u32(session.handle),
    ];
    for command in commands {
        assert_eq!(
            machine.code(&command.frame(Some(&password))),
            rc::AUTH_CONTEXT
        );
    }
    assert_eq!(save(&mut machine, 0x8000_0000), Err(rc::REFERENCE_H0));
    assert_eq!(
        save(&mut machine, 0x8100_0000),
        Err(rc::handle(rc::VALUE, 1))
    );
    assert_eq!(save(&mut machine, rh::OWNER), Err(rc::handle(rc::VALUE, 1)));
}

#[test]
fn an_object_with_st_clear_survives_a_resume_and_no_other_start() {
    use object_common::{Template, attr, primary};
    for (kind, survives) in [(1, true), (0, false)] {
        let mut machine = Machine::new();
        let key = primary(&mut machine, &Template::storage().with(attr::ST_CLEAR));
        let context = save(&mut machine, key.handle).unwrap();
        assert_eq!(context.saved_handle, 0x8000_0002);
        machine.shutdown(1).unwrap();
        machine.power_cycle();
        machine.startup(kind).unwrap();
        let loaded = load(&mut machine, &context).map(|_| ());
        let wanted = if survives {
            Ok(())
        } else {
            Err(with_one(rc::INTEGRITY))
        };
        assert_eq!(loaded, wanted);
        // Nor does another label help.
        let other = Context {
            saved_handle: 0x8000_0000,
            ..context
        };
        assert_eq!(load(&mut machine, &other), Err(with_one(rc::INTEGRITY)));
    }
}

// Found by `tpm_sequences`: Clear set the count of restarts back that such a context is bound to.
#[test]
fn a_context_that_a_restart_ended_does_not_come_back_with_a_clear() {
    use object_common::{Template, attr, try_primary};
    let mut machine = Machine::new();
    let template = Template::storage().with(attr::ST_CLEAR);
    let key = try_primary(&mut machine, rh::PLATFORM, &template, b"", b"").unwrap();
    let context = save(&mut machine, key.handle).unwrap();
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(0).unwrap();
    let clear = Command::new(cc::CLEAR).handle(rh::PLATFORM);
    machine.send(&clear, &mut [Auth::password(b"")]).unwrap();
    assert_eq!(load(&mut machine, &context), Err(with_one(rc::INTEGRITY)));
    // Nor does Clear end one of this start.
    let key = try_primary(&mut machine, rh::PLATFORM, &template, b"", b"").unwrap();
    let context = save(&mut machine, key.handle).unwrap();
    machine.send(&clear, &mut [Auth::password(b"")]).unwrap();
    assert!(load(&mut machine, &context).is_ok());
}

#[test]
fn the_largest_things_that_can_be_loaded_can_be_saved() {
    use object_common::{Template, attr, load_external};
    let mut machine = Machine::new();
    // An event sequence runs a hash for every bank.
    let start = Command::new(cc::HASH_SEQUENCE_START)
        .sized(&[7; 64])
        .u16(0x10);
    let handle = machine.send(&start, &mut []).unwrap().handle;
    let context = save(&mut machine, handle).unwrap();
    assert!(load(&mut machine, &context).is_ok());
    // A public key of RSA-4096 with a policy of SHA-512.
    let mut modulus = vec![0xff; 512];
    modulus[511] = 0xfd;
    let template = Template::signing_rsa(4096)
        .without(attr::FIXED | attr::ORIGIN)
        .name_alg(object_common::SHA512)
        .policy(&[9; 64])
        .unique(&object_common::sized(&modulus));
    let handle =
        load_external(&mut machine, b"", &template.bytes(), rh::NULL).expect("it is loaded");
    let context = save(&mut machine, handle).unwrap();
    let again = load(&mut machine, &context).unwrap();
    let names = [handle, again].map(|handle| name_of(&mut machine, handle).unwrap());
    assert_eq!(names[0], names[1]);
}
