//! Part 3, section 18, and NV_Certify: what the TPM says of objects, PCRs, its time and its NV.

use crate::core::Core;
use crate::dispatch::Call;
use crate::profile::MAX_NV_BUFFER;
use crate::rc::{Rc, Result};
use crate::structures::{Data, DigestBytes, PcrSelections, SignScheme, Ticket, TicketKind};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use ironroot_crypto::tpm::hash::digest;

/// `TPM_ST_ATTEST_NV`
const NV: u16 = 0x8014;
/// `TPM_ST_ATTEST_CERTIFY`
const CERTIFY: u16 = 0x8017;
/// `TPM_ST_ATTEST_QUOTE`
const QUOTE: u16 = 0x8018;
/// `TPM_ST_ATTEST_TIME`
const TIME: u16 = 0x8019;
/// `TPM_ST_ATTEST_CREATION`
const CREATION: u16 = 0x801a;
/// `TPM_ST_ATTEST_NV_DIGEST`
const NV_DIGEST: u16 = 0x801c;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x148,
        handles: &[Place::Object, Place::ObjectOrNull],
        roles: &[Role::Admin, Role::User],
        traits: DECRYPT | ENCRYPT,
        run: certify,
    },
    Command {
        code: 0x14a,
        handles: &[Place::ObjectOrNull, Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: certify_creation,
    },
    Command {
        code: 0x158,
        handles: &[Place::ObjectOrNull],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: quote,
    },
    Command {
        code: 0x14c,
        handles: &[Place::Endorsement, Place::ObjectOrNull],
        roles: &[Role::User, Role::User],
        traits: DECRYPT | ENCRYPT,
        run: get_time,
    },
    Command {
        code: 0x184,
        handles: &[Place::ObjectOrNull, Place::NvAuth, Place::NvIndex],
        roles: &[Role::User, Role::User],
        traits: DECRYPT | ENCRYPT,
        run: nv_certify,
    },
];

/// Names an object that is loaded: its name was checked, so it has the public area that the name says.
fn certify(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let said: Data = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    call.params.end()?;
    let [certified, key, _] = call.handles;
    let signer = core.signer(key, wanted, 2, 2)?;
    core.refuse_sequence(certified, Rc::TYPE.handle(1))?;
    let (name, qualified_name) =
        core.with_object(certified, |object| (object.name, object.qualified_name))?;
    core.attest(call, &signer, CERTIFY, &said, &mut |_, out| {
        out.put(&name)?;
        out.put(&qualified_name)
    })
}

/// Says that the object was made by this TPM under these circumstances.
fn certify_creation(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let said: Data = call.params.get()?;
    let hash: DigestBytes = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    let ticket = call
        .params
        .with(|input| Ticket::of_kind(TicketKind::Creation, input))?;
    call.params.end()?;
    let [key, object, _] = call.handles;
    core.refuse_sequence(object, Rc::TYPE.handle(2))?;
    let name = core.with_object(object, |object| object.name)?;
    if !core.ticket_is_right(&ticket, &[name.as_slice(), hash.as_slice()]) {
        return Err(Rc::TICKET.parameter(4));
    }
    let signer = core.signer(key, wanted, 1, 3)?;
    core.attest(call, &signer, CREATION, &said, &mut |_, out| {
        out.put(&name)?;
        out.put(&hash)
    })
}

/// PCRs, as a digest.
fn quote(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let said: Data = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    let mut selections: PcrSelections = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    let signer = core.signer(key, wanted, 1, 2)?;
    // Unsigned, there is no hash algorithm to use.
    let digest = match signer.scheme {
        Some(scheme) => core.pcr_digest(scheme.hash(), &mut selections),
        None => DigestBytes::EMPTY,
    };
    core.attest(call, &signer, QUOTE, &said, &mut |_, out| {
        out.put(&selections)?;
        out.put(&digest)
    })
}

/// Time and Clock, told plainly: whoever holds the endorsement hierarchy may know.
fn get_time(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let said: Data = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    call.params.end()?;
    let [_, key, _] = call.handles;
    let signer = core.signer(key, wanted, 2, 2)?;
    let time = core.time_info()?;
    let firmware = core.firmware_version();
    core.attest(call, &signer, TIME, &said, &mut |_, out| {
        out.put(&time)?;
        out.put(&firmware)
    })
}

/// What an index holds; all of it as a digest if neither size nor offset is given.
fn nv_certify(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let said: Data = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    let size: u16 = call.params.get()?;
    let offset: u16 = call.params.get()?;
    call.params.end()?;
    let [key, authority, index] = call.handles;
    let signer = core.signer(key, wanted, 1, 2)?;
    let name = core.name(index)?;
    if size == 0 && offset == 0 {
        let hash = signer.scheme.map(SignScheme::hash);
        let whole = core.nv_read_for_policy(authority, index, |_, data| {
            hash.and_then(|hash| DigestBytes::new(digest(hash, data).as_slice()))
        })?;
        let whole = whole.unwrap_or_default();
        return core.attest(call, &signer, NV_DIGEST, &said, &mut |_, out| {
            out.put(&name)?;
            out.put(&whole)
        });
    }
    if usize::from(size) > MAX_NV_BUFFER {
        return Err(Rc::VALUE.parameter(3));
    }
    let range = usize::from(offset)..usize::from(offset).saturating_add(usize::from(size));
    core.nv_read_for_policy(authority, index, |_, data| {
        data.get(range.clone()).map(drop)
    })?
    .ok_or(Rc::NV_RANGE)?;
    core.attest(call, &signer, NV, &said, &mut |core, out| {
        out.put(&name)?;
        out.put(&offset)?;
        core.nv_read_for_policy(authority, index, |_, data| {
            out.sized(data.get(range.clone()).ok_or(Rc::NV_RANGE)?)
        })?
    })
}
