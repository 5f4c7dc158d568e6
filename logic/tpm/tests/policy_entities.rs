//! Policies of objects and NV indices, and the roles that ask for them (Part 1, section 19.2); approvals by keys and
//! by NV (Part 3, sections 23.3, 23.9, 23.16, 23.22).

// RSA, SHA-1 and SHA-512 are part of what is tried.
#![cfg(feature = "full")]

mod common;
mod object_common;
mod state_common;

use common::crypto::{self, Hash};
use common::{Auth, Command, Machine, Session, Start, alg, cc, rc, rh};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use object_common::{OBJECT_CHANGE_AUTH, Template, attr, load_external, read_public, sized, words};
use state_common::{nv, nv_public};

const VERIFY_SIGNATURE: u32 = 0x177;
const NV_UNDEFINE_SPACE_SPECIAL: u32 = 0x11f;
const INDEX: u32 = 0x0150_0010;

fn drbg() -> Drbg {
    Drbg::new(&Secret::new([3; 32]), b"test")
}

/// Somebody outside: a P-256 key whose private half only the test has.
struct Signer {
    key: EcScalar,
    handle: u32,
    name: Vec<u8>,
}

impl Signer {
    fn new(machine: &mut Machine) -> Self {
        let key = EcScalar::random(Curve::P256, &mut drbg()).unwrap();
        let public = key.public().unwrap();
        let template = Template::signing(3)
            .without(attr::FIXED | attr::ORIGIN)
            .unique(&[sized(public.x()), sized(public.y())].concat());
        let bytes = template.bytes();
        let handle = load_external(machine, b"", &bytes, rh::OWNER).expect("the key is loaded");
        Self {
            key,
            handle,
            name: [&words(&[alg::SHA256])[..], &crypto::sha256(&[&bytes])].concat(),
        }
    }

    /// `TPMT_SIGNATURE`
    fn sign(&self, digest: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(digest, &mut drbg()).unwrap();
        [
            words(&[alg::ECDSA, alg::SHA256]),
            sized(signature.r()),
            sized(signature.s()),
        ]
        .concat()
    }
}

fn step(old: &[u8], code: u32, parts: &[&[u8]]) -> Vec<u8> {
    crypto::policy_step(Hash::Sha256, old, code, parts)
}

/// Sealed data that only its policy opens.
fn sealed(machine: &mut Machine, policy: &[u8], template: Template) -> (u32, Vec<u8>) {
    let parent = object_common::primary(machine, &Template::storage());
    let template = template.without(attr::USER).policy(policy);
    let (handle, _) = object_common::child(machine, parent.handle, &template, b"auth", b"sealed");
    let name = read_public(machine, handle).unwrap()[1].clone();
    machine.flush(parent.handle).unwrap();
    (handle, name)
}

fn unseal(
    machine: &mut Machine,
    (handle, name): &(u32, Vec<u8>),
    session: &mut Session,
) -> Result<Vec<u8>, u32> {
    let command = Command::new(cc::UNSEAL).named(*handle, name);
    let reply = machine.send(&command, &mut [session.plain_use().into()])?;
    Ok(reply.reader().sized().to_vec())
}

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

fn signed(
    signer: &Signer,
    session: &Session,
    nonce: &[u8],
    reference: &[u8],
    expiration: i32,
) -> Command {
    let digest = crypto::sha256(&[nonce, &expiration.to_be_bytes(), reference]);
    Command::new(cc::POLICY_SIGNED)
        .named(signer.handle, &signer.name)
        .handle(session.handle)
        .sized(nonce)
        .sized(b"")
        .sized(reference)
        .u32(expiration as u32)
        .raw(&signer.sign(&digest))
}

#[test]
fn a_signature_approves_of_a_session_and_gives_a_ticket() {
    let mut machine = Machine::new();
    let signer = Signer::new(&mut machine);
    let policy = crypto::policy_update(
        Hash::Sha256,
        &[0; 32],
        cc::POLICY_SIGNED,
        &signer.name,
        b"ref",
    );
    let object = sealed(&mut machine, &policy, Template::sealed());
    let mut session = machine.start(Start::policy());
    let nonce = session.nonce_tpm.clone();
    let good = signed(&signer, &session, &nonce, b"ref", -60);
    // Each thing that was signed, and the signature.
    let at_reference = 2 + nonce.len() + 2 + 2;
    for at in [
        at_reference,
        at_reference + 3 + 3,
        good.params.len() - 1,
        good.params.len() - 40,
    ] {
        let mut spoilt = good.clone();
        spoilt.params[at] ^= 1;
        let refused = machine.send(&spoilt, &mut []).unwrap_err();
        assert_eq!(refused, rc::parameter(0x09b, 5), "byte {at}");
    }
    let refused = machine
        .send(&signed(&signer, &session, &[7; 16], b"ref", 0), &mut [])
        .unwrap_err();
    assert_eq!(refused, rc::parameter(rc::NONCE, 1));
    let mut scheme = good.clone();
    let at = 2 + nonce.len() + 2 + 5 + 4;
    scheme.params[at..at + 2].copy_from_slice(&alg::NULL.to_be_bytes());
    assert_eq!(
        machine.send(&scheme, &mut []).unwrap_err(),
        rc::parameter(0x092, 5)
    );
    let reply = machine.send(&good, &mut []).unwrap();
    let mut reader = reply.reader();
    let timeout = reader.sized().to_vec();
    let ticket = reader.0.to_vec();
    assert_eq!(
        (timeout.len(), &ticket[..6]),
        (8, &[0x80, 0x25, 0x40, 0, 0, 1][..])
    );
    assert_eq!(
        unseal(&mut machine, &object, &mut session),
        Ok(b"sealed".to_vec())
    );
    // The signature was for that nonce only; the ticket is good for its time.
    assert_eq!(
        machine.send(&good, &mut []).unwrap_err(),
        rc::parameter(rc::NONCE, 1)
    );
    let redeem = |command: Command| {
        command
            .sized(&timeout)
            .sized(b"")
            .sized(b"ref")
            .sized(&signer.name)
            .raw(&ticket)
    };
    ok(&mut machine, cc::POLICY_TICKET, &session, redeem);
    assert_eq!(
        unseal(&mut machine, &object, &mut session),
        Ok(b"sealed".to_vec())
    );
    machine.platform.advance(61_000);
    let refused = machine
        .policy(cc::POLICY_TICKET, &session, redeem)
        .unwrap_err();
    assert_eq!(refused, rc::parameter(rc::EXPIRED, 1));
    // Without ticket, and in a trial session, which checks nothing.
    let trial = machine.start(Start::trial());
    let reply = machine
        .send(&signed(&signer, &trial, &[1; 16], b"ref", -5), &mut [])
        .unwrap();
    assert_eq!(
        reply.params,
        [&[0, 0, 0x80, 0x25][..], &rh::NULL.to_be_bytes(), &[0, 0]].concat()
    );
    assert_eq!(machine.policy_digest(&trial), policy);
}

#[test]
fn a_ticket_that_is_for_no_session_ends_with_a_reset() {
    let mut machine = Machine::new();
    let signer = Signer::new(&mut machine);
    let session = machine.start(Start::policy());
    let reply = machine
        .send(&signed(&signer, &session, b"", b"", -60), &mut [])
        .unwrap();
    let mut reader = reply.reader();
    let timeout = reader.sized().to_vec();
    let ticket = reader.0.to_vec();
    assert_eq!(timeout[0] & 0x80, 0x80);
    let redeem = |command: Command| {
        command
            .sized(&timeout)
            .sized(b"")
            .sized(b"")
            .sized(&signer.name)
            .raw(&ticket)
    };
    ok(&mut machine, cc::POLICY_TICKET, &session, redeem);
    machine.reset();
    let session = machine.start(Start::policy());
    let refused = machine
        .policy(cc::POLICY_TICKET, &session, redeem)
        .unwrap_err();
    assert_eq!(refused, rc::parameter(rc::TICKET, 5));
}

#[test]
fn a_policy_that_a_key_signed_stands_for_any_policy_of_that_key() {
    let mut machine = Machine::new();
    let signer = Signer::new(&mut machine);
    let policy = crypto::policy_update(
        Hash::Sha256,
        &[0; 32],
        cc::POLICY_AUTHORIZE,
        &signer.name,
        b"ref",
    );
    let object = sealed(&mut machine, &policy, Template::sealed());
    let approved = step(&[0; 32], cc::POLICY_LOCALITY, &[&[1]]);
    let digest = crypto::sha256(&[&approved, b"ref"]);
    let verify = Command::new(VERIFY_SIGNATURE)
        .named(signer.handle, &signer.name)
        .sized(&digest);
    let reply = machine
        .send(&verify.raw(&signer.sign(&digest)), &mut [])
        .unwrap();
    let ticket = reply.params.clone();
    assert_eq!(ticket[..2], [0x80, 0x22]);
    let mut session = machine.start(Start::policy());
    let authorize = |approved: &[u8], reference: &[u8], name: &[u8], ticket: &[u8]| {
        let (approved, reference) = (approved.to_vec(), reference.to_vec());
        let (name, ticket) = (name.to_vec(), ticket.to_vec());
        move |command: Command| {
            command
                .sized(&approved)
                .sized(&reference)
                .sized(&name)
                .raw(&ticket)
        }
    };
    let refusal =
        |machine: &mut Machine, session: &Session, params: &dyn Fn(Command) -> Command| {
            machine
                .policy(cc::POLICY_AUTHORIZE, session, params)
                .unwrap_err()
        };
    let good = authorize(&approved, b"ref", &signer.name, &ticket);
    // The session has not come to what was approved yet.
    assert_eq!(
        refusal(&mut machine, &session, &good),
        rc::parameter(rc::VALUE, 1)
    );
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(1)
    });
    let wrong = rc::parameter(rc::VALUE, 4);
    assert_eq!(
        refusal(
            &mut machine,
            &session,
            &authorize(&approved, b"xxx", &signer.name, &ticket)
        ),
        wrong
    );
    let mut other_name = signer.name.clone();
    other_name[9] ^= 1;
    assert_eq!(
        refusal(
            &mut machine,
            &session,
            &authorize(&approved, b"ref", &other_name, &ticket)
        ),
        wrong
    );
    let mut spoilt = ticket.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    assert_eq!(
        refusal(
            &mut machine,
            &session,
            &authorize(&approved, b"ref", &signer.name, &spoilt)
        ),
        wrong
    );
    let null = [&[0x80, 0x22][..], &rh::NULL.to_be_bytes(), &[0, 0]].concat();
    assert_eq!(
        refusal(
            &mut machine,
            &session,
            &authorize(&approved, b"ref", &signer.name, &null)
        ),
        wrong
    );
    let kind = [&[0x80, 0x21][..], &ticket[2..]].concat();
    let refused = refusal(
        &mut machine,
        &session,
        &authorize(&approved, b"ref", &signer.name, &kind),
    );
    assert_eq!(refused, rc::parameter(rc::TAG, 4));
    let short = authorize(&approved, b"ref", &signer.name[..20], &ticket);
    assert_eq!(
        refusal(&mut machine, &session, &short),
        rc::parameter(rc::SIZE, 3)
    );
    let unknown = authorize(
        &approved,
        b"ref",
        &[&[0, 0x11], &signer.name[2..]].concat(),
        &ticket,
    );
    assert_eq!(
        refusal(&mut machine, &session, &unknown),
        rc::parameter(rc::HASH, 3)
    );
    ok(&mut machine, cc::POLICY_AUTHORIZE, &session, good);
    // What was asserted before it is still checked.
    let elsewhere = Command::new(cc::UNSEAL)
        .named(object.0, &object.1)
        .locality(1);
    let refused = machine
        .send(&elsewhere, &mut [session.plain_use().into()])
        .unwrap_err();
    assert_eq!(refused, rc::LOCALITY);
    assert_eq!(
        unseal(&mut machine, &object, &mut session),
        Ok(b"sealed".to_vec())
    );
}

fn define(machine: &mut Machine, attributes: u32, policy: &[u8], auth: &[u8], size: u16) {
    let by = if attributes & nv::PLATFORM_CREATE != 0 {
        rh::PLATFORM
    } else {
        rh::OWNER
    };
    let command = Command::new(cc::NV_DEFINE_SPACE).handle(by).sized(auth);
    let command = command.sized(&nv_public(INDEX, attributes, policy, size));
    machine
        .send(&command, &mut [Auth::password(b"")])
        .expect("the index is defined");
}

fn nv_name(machine: &mut Machine) -> Vec<u8> {
    state_common::read_public(machine, INDEX).unwrap().1
}

#[test]
fn nv_data_are_compared_as_they_are_now() {
    let mut machine = Machine::new();
    define(&mut machine, nv::PLAIN, b"", b"", 8);
    let session = machine.start(Start::policy());
    let compare = |machine: &mut Machine, operand: &[u8], offset: u16, operation: u16| {
        let name = nv_name(machine);
        let command = Command::new(cc::POLICY_NV)
            .handle(rh::OWNER)
            .named(INDEX, &name)
            .handle(session.handle);
        let command = command.sized(operand).u16(offset).u16(operation);
        machine
            .send(&command, &mut [Auth::password(b"")])
            .map(|_| ())
    };
    assert_eq!(
        compare(&mut machine, &[0; 8], 0, 0),
        Err(0x14a),
        "never written"
    );
    state_common::write(&mut machine, INDEX, &[0x80, 0, 0, 1, 0x7f, 0, 0, 2], 0).unwrap();
    assert_eq!(
        compare(&mut machine, &[0x80, 0, 0, 1, 0x7f, 0, 0, 2], 0, 0),
        Ok(())
    );
    assert_eq!(compare(&mut machine, &[0x7f, 0, 0, 1], 4, 3), Ok(()));
    assert_eq!(
        compare(&mut machine, &[0x80, 0, 0, 0], 4, 3),
        Err(rc::POLICY)
    );
    // Signed, the first half is below zero.
    assert_eq!(compare(&mut machine, &[0, 0, 0, 0], 0, 4), Ok(()));
    assert_eq!(compare(&mut machine, &[0, 0, 0, 0], 0, 5), Err(rc::POLICY));
    assert_eq!(
        compare(&mut machine, &[0; 9], 0, 1),
        Err(rc::parameter(rc::SIZE, 1))
    );
    assert_eq!(
        compare(&mut machine, &[0; 1], 8, 1),
        Err(rc::parameter(rc::SIZE, 1))
    );
    assert_eq!(
        compare(&mut machine, &[], 9, 1),
        Err(rc::parameter(rc::VALUE, 2))
    );
    // The name of an index that was written, operand, offset and operation.
    ok(&mut machine, cc::POLICY_RESTART, &session, |command| {
        command
    });
    assert_eq!(compare(&mut machine, &[0x80], 0, 0), Ok(()));
    let arguments = crypto::sha256(&[&[0x80], &[0, 0], &[0, 0]]);
    let wanted = step(
        &[0; 32],
        cc::POLICY_NV,
        &[&arguments, &nv_name(&mut machine)],
    );
    assert_eq!(machine.policy_digest(&session), wanted);
}

#[test]
fn an_index_may_hold_the_policy_that_is_approved() {
    let mut machine = Machine::new();
    define(&mut machine, nv::PLAIN, b"", b"", 40);
    let approved = step(&[0; 32], cc::POLICY_PHYSICAL_PRESENCE, &[]);
    let write = |machine: &mut Machine, hash: u16, digest: &[u8]| {
        state_common::write(
            machine,
            INDEX,
            &[&hash.to_be_bytes()[..], digest].concat(),
            0,
        )
        .unwrap();
    };
    let session = machine.start(Start::policy());
    let authorize = |machine: &mut Machine, session: &Session| {
        let name = nv_name(machine);
        let command = Command::new(cc::POLICY_AUTHORIZE_NV)
            .handle(rh::OWNER)
            .named(INDEX, &name);
        machine
            .send(&command.handle(session.handle), &mut [Auth::password(b"")])
            .map(|_| ())
    };
    assert_eq!(authorize(&mut machine, &session), Err(0x14a));
    write(&mut machine, alg::SHA256, &approved);
    assert_eq!(authorize(&mut machine, &session), Err(rc::VALUE));
    ok(
        &mut machine,
        cc::POLICY_PHYSICAL_PRESENCE,
        &session,
        |command| command,
    );
    for hash in [alg::SHA1, alg::NULL, 0x12] {
        write(&mut machine, hash, &approved);
        assert_eq!(
            authorize(&mut machine, &session),
            Err(rc::HASH),
            "{hash:#x}"
        );
    }
    write(&mut machine, alg::SHA512, &approved);
    assert!(authorize(&mut machine, &session).is_err());
    write(&mut machine, alg::SHA256, &approved);
    assert_eq!(authorize(&mut machine, &session), Ok(()));
    let wanted = step(&[0; 32], cc::POLICY_AUTHORIZE_NV, &[&nv_name(&mut machine)]);
    assert_eq!(machine.policy_digest(&session), wanted);
}

#[test]
fn an_index_may_be_written_by_policy_until_it_was_written() {
    let mut machine = Machine::new();
    let policy = step(&[0; 32], cc::POLICY_NV_WRITTEN, &[&[0]]);
    define(
        &mut machine,
        nv::POLICY_WRITE | nv::AUTH_READ | nv::NO_DA,
        &policy,
        b"auth",
        4,
    );
    let mut session = machine.start(Start::policy());
    let write = |machine: &mut Machine, session: &mut Session| {
        let name = nv_name(machine);
        let command = Command::new(cc::NV_WRITE)
            .named(INDEX, &name)
            .named(INDEX, &name)
            .sized(b"data")
            .u16(0);
        machine
            .send(&command, &mut [session.plain_use().into()])
            .map(|_| ())
    };
    let by_password = Command::new(cc::NV_WRITE)
        .named(INDEX, &[])
        .named(INDEX, &[])
        .sized(b"data")
        .u16(0);
    let refused = machine
        .send(&by_password, &mut [Auth::password(b"auth")])
        .unwrap_err();
    assert_eq!(refused, rc::AUTH_UNAVAILABLE);
    assert_eq!(
        write(&mut machine, &mut session),
        Err(rc::session(rc::POLICY_FAIL, 1))
    );
    ok(&mut machine, cc::POLICY_NV_WRITTEN, &session, |command| {
        command.u8(0)
    });
    assert_eq!(write(&mut machine, &mut session), Ok(()));
    ok(&mut machine, cc::POLICY_NV_WRITTEN, &session, |command| {
        command.u8(0)
    });
    assert_eq!(
        write(&mut machine, &mut session),
        Err(rc::session(rc::POLICY_FAIL, 1))
    );
    // It is not read by policy.
    let name = nv_name(&mut machine);
    let read = Command::new(cc::NV_READ)
        .named(INDEX, &name)
        .named(INDEX, &name)
        .u16(4)
        .u16(0);
    let refused = machine
        .send(&read, &mut [session.plain_use().into()])
        .unwrap_err();
    assert_eq!(refused, rc::AUTH_UNAVAILABLE);
    assert!(machine.send(&read, &mut [Auth::password(b"auth")]).is_ok());
}

#[test]
fn what_is_asked_of_an_object_depends_on_the_role() {
    let mut machine = Machine::new();
    let change = step(
        &[0; 32],
        cc::POLICY_COMMAND_CODE,
        &[&OBJECT_CHANGE_AUTH.to_be_bytes()],
    );
    let parent = object_common::primary(&mut machine, &Template::storage());
    let make = |machine: &mut Machine, template: Template| {
        let (handle, _) = object_common::child(
            machine,
            parent.handle,
            &template.policy(&change),
            b"auth",
            b"x",
        );
        (handle, read_public(machine, handle).unwrap()[1].clone())
    };
    let change_auth = |object: &(u32, Vec<u8>)| {
        let command = Command::new(OBJECT_CHANGE_AUTH).named(object.0, &object.1);
        command.named(parent.handle, &parent.name).sized(b"new")
    };
    let password = |machine: &mut Machine, command: &Command| {
        machine
            .send(command, &mut [Auth::password(b"auth")])
            .map(|_| ())
    };
    let by_policy = |machine: &mut Machine, command: &Command, code: Option<u32>| {
        let mut session = machine.start(Start::policy());
        if let Some(code) = code {
            ok(machine, cc::POLICY_COMMAND_CODE, &session, |command| {
                command.u32(code)
            });
        }
        let handle = session.handle;
        let answer = machine
            .send(command, &mut [session.plain_use().into()])
            .map(|_| ());
        let _ = machine.flush(handle);
        answer
    };
    // Role admin, by the auth value as long as the object does not say otherwise.
    let plain = make(&mut machine, Template::sealed().without(attr::USER));
    assert_eq!(password(&mut machine, &change_auth(&plain)), Ok(()));
    assert_eq!(
        by_policy(&mut machine, &change_auth(&plain), Some(OBJECT_CHANGE_AUTH)),
        Ok(())
    );
    let strict = make(&mut machine, Template::sealed().with(attr::ADMIN_POLICY));
    assert_eq!(
        password(&mut machine, &change_auth(&strict)),
        Err(rc::AUTH_TYPE)
    );
    assert_eq!(
        by_policy(
            &mut machine,
            &change_auth(&strict),
            Some(OBJECT_CHANGE_AUTH)
        ),
        Ok(())
    );
    assert_eq!(
        by_policy(&mut machine, &change_auth(&strict), None),
        Err(rc::session(rc::POLICY_FAIL, 1))
    );
    // Role user.
    let unseal = |object: &(u32, Vec<u8>)| Command::new(cc::UNSEAL).named(object.0, &object.1);
    assert_eq!(password(&mut machine, &unseal(&strict)), Ok(()));
    assert_eq!(
        password(&mut machine, &unseal(&plain)),
        Err(rc::AUTH_UNAVAILABLE)
    );
    let wrong_code = by_policy(&mut machine, &unseal(&strict), Some(OBJECT_CHANGE_AUTH));
    assert_eq!(wrong_code, Err(rc::session(rc::POLICY_CC, 1)));
    // Role duplicate: never by an auth value.
    let movable = make(&mut machine, Template::sealed().without(attr::FIXED));
    let duplicate = Command::new(cc::DUPLICATE)
        .named(movable.0, &movable.1)
        .handle(rh::NULL)
        .sized(b"")
        .u16(0x10);
    assert_eq!(password(&mut machine, &duplicate), Err(rc::AUTH_TYPE));
    // Its policy is reached by no command code at all: it has none for Duplicate.
    assert_eq!(
        by_policy(&mut machine, &duplicate, None),
        Err(rc::session(rc::POLICY_FAIL, 1))
    );
    // An object without a policy.
    let (handle, _) = object_common::child(
        &mut machine,
        parent.handle,
        &Template::sealed(),
        b"auth",
        b"x",
    );
    let name = read_public(&mut machine, handle).unwrap()[1].clone();
    assert_eq!(
        by_policy(&mut machine, &unseal(&(handle, name)), None),
        Err(rc::session(rc::POLICY_FAIL, 1))
    );
}

#[test]
fn a_duplicate_goes_only_where_the_policy_says() {
    let mut machine = Machine::new();
    let parent = object_common::primary(&mut machine, &Template::storage());
    let other = object_common::primary(
        &mut machine,
        &Template::storage().unique(&[sized(b"x"), sized(b"")].concat()),
    );
    let policy = step(
        &[0; 32],
        cc::POLICY_DUPLICATION_SELECT,
        &[&parent.name, &[0]],
    );
    let template = Template::sealed().without(attr::FIXED).policy(&policy);
    let (handle, _) =
        object_common::child(&mut machine, parent.handle, &template, b"auth", b"sealed");
    let name = read_public(&mut machine, handle).unwrap()[1].clone();
    let duplicate = |to: &object_common::Loaded| {
        let command = Command::new(cc::DUPLICATE)
            .named(handle, &name)
            .named(to.handle, &to.name);
        command.sized(b"").u16(alg::NULL)
    };
    let mut session = machine.start(Start::policy());
    let select = |command: Command| command.sized(&name).sized(&parent.name).u8(0);
    ok(
        &mut machine,
        cc::POLICY_DUPLICATION_SELECT,
        &session,
        select,
    );
    let refused = machine
        .send(&duplicate(&other), &mut [session.plain_use().into()])
        .unwrap_err();
    assert_eq!(refused, rc::session(rc::POLICY_FAIL, 1));
    let unseal = Command::new(cc::UNSEAL).named(handle, &name);
    let refused = machine
        .send(&unseal, &mut [session.plain_use().into()])
        .unwrap_err();
    assert_eq!(refused, rc::session(rc::POLICY_CC, 1));
    assert!(
        machine
            .send(&duplicate(&parent), &mut [session.plain_use().into()])
            .is_ok()
    );
}

#[test]
fn a_policy_without_auth_value_works_in_lockout_and_one_with_it_does_not() {
    let mut machine = Machine::new();
    let with_auth = step(&[0; 32], cc::POLICY_AUTH_VALUE, &[]);
    let without = step(&[0; 32], cc::POLICY_LOCALITY, &[&[1]]);
    let guarded = Template::sealed().without(attr::NO_DA);
    let asking = sealed(&mut machine, &with_auth, guarded.clone());
    let free = sealed(&mut machine, &without, guarded);
    let mut session = machine.start(Start::policy());
    let try_it = |machine: &mut Machine, session: &mut Session, auth: &[u8]| {
        ok(machine, cc::POLICY_RESTART, session, |command| command);
        ok(machine, cc::POLICY_AUTH_VALUE, session, |command| command);
        let command = Command::new(cc::UNSEAL).named(asking.0, &asking.1);
        machine
            .send(&command, &mut [session.auth(auth).into()])
            .map(|_| ())
    };
    assert_eq!(try_it(&mut machine, &mut session, b"auth"), Ok(()));
    let mut tries = 0;
    while try_it(&mut machine, &mut session, b"wrong") == Err(rc::session(rc::AUTH_FAIL, 1)) {
        tries += 1;
    }
    assert!((1..=32).contains(&tries));
    assert_eq!(
        try_it(&mut machine, &mut session, b"auth"),
        Err(rc::LOCKOUT)
    );
    ok(&mut machine, cc::POLICY_RESTART, &session, |command| {
        command
    });
    ok(&mut machine, cc::POLICY_LOCALITY, &session, |command| {
        command.u8(1)
    });
    assert_eq!(
        unseal(&mut machine, &free, &mut session),
        Ok(b"sealed".to_vec())
    );
}

#[test]
fn an_index_changes_its_auth_value_by_policy_alone() {
    let mut machine = Machine::new();
    let policy = step(
        &[0; 32],
        cc::POLICY_COMMAND_CODE,
        &[&cc::NV_CHANGE_AUTH.to_be_bytes()],
    );
    let policy = step(&policy, cc::POLICY_AUTH_VALUE, &[]);
    define(&mut machine, nv::PLAIN, &policy, b"old", 4);
    let name = nv_name(&mut machine);
    let change = Command::new(cc::NV_CHANGE_AUTH)
        .named(INDEX, &name)
        .sized(b"new");
    assert_eq!(
        machine
            .send(&change, &mut [Auth::password(b"old")])
            .unwrap_err(),
        rc::AUTH_TYPE
    );
    let mut session = machine.start(Start::policy());
    ok(&mut machine, cc::POLICY_COMMAND_CODE, &session, |command| {
        command.u32(cc::NV_CHANGE_AUTH)
    });
    ok(&mut machine, cc::POLICY_AUTH_VALUE, &session, |command| {
        command
    });
    // The answer is proved with the new value.
    assert!(
        machine
            .send(
                &change,
                &mut [session.auth(b"old").auth_after(b"new").into()]
            )
            .is_ok()
    );
}

#[test]
fn an_index_that_deleted_itself_proves_the_answer_with_nothing() {
    let mut machine = Machine::new();
    let policy = step(&[0; 32], cc::POLICY_AUTH_VALUE, &[]);
    let policy = step(
        &policy,
        cc::POLICY_COMMAND_CODE,
        &[&NV_UNDEFINE_SPACE_SPECIAL.to_be_bytes()],
    );
    let attributes =
        nv::PLATFORM_CREATE | nv::POLICY_DELETE | nv::PP_WRITE | nv::PP_READ | nv::NO_DA;
    define(&mut machine, attributes, &policy, b"auth", 4);
    let name = nv_name(&mut machine);
    let undefine = Command::new(NV_UNDEFINE_SPACE_SPECIAL)
        .named(INDEX, &name)
        .handle(rh::PLATFORM);
    let mut session = machine.start(Start::policy());
    ok(&mut machine, cc::POLICY_AUTH_VALUE, &session, |command| {
        command
    });
    ok(&mut machine, cc::POLICY_COMMAND_CODE, &session, |command| {
        command.u32(NV_UNDEFINE_SPACE_SPECIAL)
    });
    let mut auths = [
        session.auth(b"auth").auth_after(b"").into(),
        Auth::password(b""),
    ];
    assert!(machine.send(&undefine, &mut auths).is_ok());
    assert_eq!(
        state_common::read_public(&mut machine, INDEX).unwrap_err(),
        rc::handle(rc::HANDLE, 1)
    );
}

#[test]
fn a_pin_that_counts_uses_gives_no_ticket_and_binds_no_session() {
    let mut machine = Machine::new();
    let attributes = nv::OWNER_WRITE | nv::OWNER_READ | nv::AUTH_READ | nv::NO_DA | nv::PIN_PASS;
    define(&mut machine, attributes, b"", b"pin", 8);
    let start = Start::hmac().bind(INDEX, b"pin").command();
    assert_eq!(
        machine.send(&start, &mut []).unwrap_err(),
        rc::handle(rc::HANDLE, 2)
    );
    let session = machine.start(Start::policy());
    let secret = |machine: &mut Machine, pin: &[u8]| {
        let name = nv_name(machine);
        let command = Command::new(cc::POLICY_SECRET)
            .named(INDEX, &name)
            .handle(session.handle);
        let command = command.sized(b"").sized(b"").sized(b"").u32(-60i32 as u32);
        machine.send(&command, &mut [Auth::password(pin)])
    };
    // Never written: no limit, no use.
    assert_eq!(
        secret(&mut machine, b"pin").unwrap_err(),
        rc::AUTH_UNAVAILABLE
    );
    state_common::write(&mut machine, INDEX, &[0, 0, 0, 0, 0, 0, 0, 2], 0).unwrap();
    for _ in 0..2 {
        let reply = secret(&mut machine, b"pin").unwrap();
        assert_eq!(
            reply.params,
            [&[0, 0, 0x80, 0x23][..], &rh::NULL.to_be_bytes(), &[0, 0]].concat()
        );
    }
    assert_eq!(
        secret(&mut machine, b"pin").unwrap_err(),
        rc::AUTH_UNAVAILABLE
    );
}
