//! Part 3, section 20: Sign, VerifySignature.

use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Hierarchy;
use crate::rc::{Rc, Result};
use crate::structures::{Alg, DigestBytes, SignScheme, Signature, Ticket, TicketKind};
use crate::table::{Command, DECRYPT, Place, Role};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x177,
        handles: &[Place::Object],
        roles: &[],
        traits: DECRYPT,
        run: verify_signature,
    },
    Command {
        code: 0x15d,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT,
        run: sign,
    },
];

fn verify_signature(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let digest: DigestBytes = call.params.get()?;
    let signature: Signature = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    core.verify_signature(key, digest.as_slice(), &signature)
        .map_err(|rc| match rc {
            Rc::ATTRIBUTES | Rc::KEY | Rc::HANDLE => rc.handle(1),
            other => other.parameter(2),
        })?;
    let (hierarchy, name) = core.with_object(key, |object| (object.hierarchy, object.name))?;
    // Without a hierarchy or a name there is nothing that the ticket could be about.
    let ticket = match hierarchy == Hierarchy::Null || name.is_empty() {
        true => Ticket::null(TicketKind::Verified),
        false => core.ticket(
            TicketKind::Verified,
            hierarchy,
            &[digest.as_slice(), name.as_slice()],
        ),
    };
    call.out.put(&ticket)
}

fn sign(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let digest: DigestBytes = call.params.get()?;
    let wanted: Option<SignScheme> = call.params.get()?;
    let ticket = call
        .params
        .with(|input| Ticket::of_kind(TicketKind::HashCheck, input))?;
    call.params.end()?;
    let [key, ..] = call.handles;
    core.check_signer(key, 1)?;
    let (attributes, scheme) = core.with_object(key, |object| {
        (object.public.attributes, object.sign_scheme(wanted))
    })?;
    // A key for X.509 signs what the TPM put together itself, and no more.
    if attributes.has(ObjectAttributes::X509_SIGN) {
        return Err(Rc::ATTRIBUTES.handle(1));
    }
    let scheme = scheme.map_err(|rc| rc.parameter(2))?;
    if digest.len() != scheme.hash().digest_len() {
        return Err(Rc::SIZE.parameter(1));
    }
    check_ticket(core, attributes, scheme, &digest, &ticket)?;
    let signature = core.sign(key, scheme, digest.as_slice());
    call.out.put(&signature.map_err(|rc| match rc {
        Rc::KEY => Rc::KEY.handle(1),
        // No commitment of that number is open.
        Rc::VALUE => rc,
        other => other.parameter(2),
    })?)
}

/// A restricted key signs only what the TPM hashed itself: otherwise it could be made to sign a forged attestation.
fn check_ticket(
    core: &Core<'_>,
    attributes: ObjectAttributes,
    scheme: SignScheme,
    digest: &DigestBytes,
    ticket: &Ticket,
) -> Result<()> {
    if ticket.digest.is_empty() {
        return match attributes.has(ObjectAttributes::RESTRICTED) {
            true => Err(Rc::TICKET.parameter(3)),
            false => Ok(()),
        };
    }
    let hash = Alg::from(scheme.hash()).0.to_be_bytes();
    match core.ticket_is_right(ticket, &[&hash, digest.as_slice()]) {
        true => Ok(()),
        false => Err(Rc::TICKET.parameter(3)),
    }
}
