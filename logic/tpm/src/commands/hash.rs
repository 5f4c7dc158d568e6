//! Part 3, sections 15 and 17: hashes and HMACs, at once or in sequences.

use super::pcr::{extend_and_tell, extendable};
use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy};
use crate::object::sequence::{Sequence, Work, event_hashes, is_safe};
use crate::profile::MAX_BUFFER;
use crate::rc::{Rc, Result};
use crate::structures::{Alg, AuthValue, BANKS, Parameters, Ticket, TicketKind};
#[cfg(feature = "full")]
use crate::structures::{SymMode, hash_of};
use crate::table::{Command, DECRYPT, ENCRYPT, FLUSHED, NV, Place, RETURNS_HANDLE, Role};
use crate::wire::Input;
#[cfg(feature = "full")]
use ironroot_crypto::tpm::cmac::Cmac;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher, Hmac, digest};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x17d,
        handles: &[],
        roles: &[],
        traits: DECRYPT | ENCRYPT,
        run: hash,
    },
    Command {
        code: 0x155,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: hmac,
    },
    Command {
        code: 0x15b,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | RETURNS_HANDLE,
        run: hmac_start,
    },
    Command {
        code: 0x186,
        handles: &[],
        roles: &[],
        traits: DECRYPT | RETURNS_HANDLE,
        run: hash_sequence_start,
    },
    Command {
        code: 0x15c,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT,
        run: sequence_update,
    },
    Command {
        code: 0x13e,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT | FLUSHED,
        run: sequence_complete,
    },
    Command {
        code: 0x185,
        handles: &[Place::PcrOrNull, Place::Object],
        roles: &[Role::User, Role::User],
        traits: NV | DECRYPT | FLUSHED,
        run: event_sequence_complete,
    },
];

fn hash(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_BUFFER)?;
    let algorithm: HashAlgorithm = call.params.get()?;
    let hierarchy: Hierarchy = call.params.get()?;
    call.params.end()?;
    let made = digest(algorithm, data);
    call.out.sized(made.as_slice())?;
    let ticket = core.hash_check(hierarchy, algorithm, made.as_slice(), is_safe(data))?;
    call.out.put(&ticket)
}

/// HMAC, which is also MAC: with a keyed-hash key both are the same on the wire, with a key of a cipher it is a CMAC.
fn hmac(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_BUFFER)?;
    let wanted = call.params.with(mac_choice)?;
    call.params.end()?;
    let [key, ..] = call.handles;
    match core.begin_mac(key, wanted, 2)? {
        Work::Hmac(mut mac) => {
            mac.update(data);
            call.out.sized(mac.finish().as_slice())
        }
        #[cfg(feature = "full")]
        Work::Cmac(mut mac) => {
            mac.update(data);
            call.out.sized(mac.finish().as_slice())
        }
        Work::Hash { .. } | Work::Event(_) => Err(core.fail()),
    }
}

fn hmac_start(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let auth = call.params.get::<AuthValue>()?.without_trailing_zeros();
    let wanted = call.params.with(mac_choice)?;
    call.params.end()?;
    let [key, ..] = call.handles;
    let work = core.begin_mac(key, wanted, 2)?;
    call.response_handle = Some(core.objects.add_sequence(Sequence::new(auth, work))?);
    Ok(())
}

/// How a MAC is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MacScheme {
    Hmac(HashAlgorithm),
    #[cfg(feature = "full")]
    Cmac,
}

/// `TPMI_ALG_MAC_SCHEME+`: a hash or CMAC; `TPM_ALG_HMAC` has no place in it. Unknown is `SYMMETRIC`.
#[cfg(feature = "full")]
fn mac_choice(input: &mut Input<'_>) -> Result<Option<MacScheme>> {
    match input.get()? {
        Alg::NULL => Ok(None),
        Alg::CMAC => Ok(Some(MacScheme::Cmac)),
        alg => {
            let hash = hash_of(alg).ok_or(Rc::SYMMETRIC)?;
            Ok(Some(MacScheme::Hmac(hash)))
        }
    }
}

/// `TPMI_ALG_HASH+`
#[cfg(not(feature = "full"))]
fn mac_choice(input: &mut Input<'_>) -> Result<Option<MacScheme>> {
    let hash: Option<HashAlgorithm> = input.get()?;
    Ok(hash.map(MacScheme::Hmac))
}

/// Without an algorithm, it is an event sequence.
fn hash_sequence_start(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let auth = call.params.get::<AuthValue>()?.without_trailing_zeros();
    let algorithm: Option<HashAlgorithm> = call.params.get()?;
    call.params.end()?;
    let work = match algorithm {
        Some(algorithm) => Work::Hash {
            hash: Hasher::new(algorithm),
            safe: None,
        },
        None => Work::Event(event_hashes()),
    };
    call.response_handle = Some(core.objects.add_sequence(Sequence::new(auth, work))?);
    Ok(())
}

fn sequence_update(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_BUFFER)?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    let sequence = core
        .objects
        .sequence_mut(handle)
        .ok_or(Rc::MODE.handle(1))?;
    sequence.update(data);
    Ok(())
}

fn sequence_complete(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_BUFFER)?;
    let hierarchy: Hierarchy = call.params.get()?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    let sequence = core
        .objects
        .sequence_mut(handle)
        .ok_or(Rc::MODE.handle(1))?;
    if matches!(sequence.work, Work::Event(_)) {
        return Err(Rc::MODE.handle(1));
    }
    sequence.update(data);
    let ended = core.end_sequence(handle)?;
    match ended {
        Work::Hash { hash, safe } => {
            let algorithm = hash.algorithm();
            let made = hash.finish();
            call.out.sized(made.as_slice())?;
            let ticket =
                core.hash_check(hierarchy, algorithm, made.as_slice(), safe == Some(true))?;
            call.out.put(&ticket)
        }
        Work::Hmac(mac) => {
            call.out.sized(mac.finish().as_slice())?;
            call.out.put(&Ticket::null(TicketKind::HashCheck))
        }
        #[cfg(feature = "full")]
        Work::Cmac(mac) => {
            call.out.sized(mac.finish().as_slice())?;
            call.out.put(&Ticket::null(TicketKind::HashCheck))
        }
        Work::Event(_) => Err(core.fail()),
    }
}

fn event_sequence_complete(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let data = call.params.sized(MAX_BUFFER)?;
    call.params.end()?;
    let [pcr, handle, _] = call.handles;
    let sequence = core
        .objects
        .sequence_mut(handle)
        .ok_or(Rc::MODE.handle(2))?;
    if !matches!(sequence.work, Work::Event(_)) {
        return Err(Rc::MODE.handle(2));
    }
    let number = extendable(call, pcr)?;
    let sequence = core
        .objects
        .sequence_mut(handle)
        .ok_or(Rc::MODE.handle(2))?;
    sequence.update(data);
    let Work::Event(hashes) = core.end_sequence(handle)? else {
        return Err(core.fail());
    };
    call.out.put(&(BANKS.len() as u32))?;
    for hash in hashes.into_iter().flatten() {
        let algorithm = hash.algorithm();
        extend_and_tell(
            core,
            number,
            algorithm,
            hash.finish().as_slice(),
            &mut call.out,
        )?;
    }
    Ok(())
}

/// How a key makes MACs: as it says itself, or as the caller says if it leaves that open.
///
/// # Errors
/// `TYPE`: such a key makes none. `VALUE`: neither says it, or they differ. `SCHEME`: it is not one for such a key.
fn select_mac(key: &Parameters, wanted: Option<MacScheme>) -> Result<MacScheme> {
    let own = match key {
        Parameters::KeyedHash { scheme } => scheme.map(|own| Some(MacScheme::Hmac(own.hash()))),
        #[cfg(feature = "full")]
        Parameters::SymCipher { symmetric } => symmetric.mode.map(|mode| match mode {
            SymMode::Cmac => Some(MacScheme::Cmac),
            // A key that encrypts makes no MACs.
            SymMode::Encrypt(_) => None,
        }),
        _ => return Err(Rc::TYPE),
    };
    let scheme = match (own, wanted) {
        (None, Some(scheme)) => scheme,
        (Some(own), None) => own.ok_or(Rc::SCHEME)?,
        (Some(own), Some(scheme)) if own == Some(scheme) => scheme,
        _ => return Err(Rc::VALUE),
    };
    let fits = match scheme {
        MacScheme::Hmac(_) => matches!(key, Parameters::KeyedHash { .. }),
        #[cfg(feature = "full")]
        MacScheme::Cmac => matches!(key, Parameters::SymCipher { .. }),
    };
    match fits {
        true => Ok(scheme),
        false => Err(Rc::SCHEME),
    }
}

impl Core<'_> {
    /// The proof that the TPM hashed this itself, and that it is none of its own structures; null if it is not `safe`,
    /// or if none is asked for.
    fn hash_check(
        &self,
        hierarchy: Hierarchy,
        hash: HashAlgorithm,
        made: &[u8],
        safe: bool,
    ) -> Result<Ticket> {
        if !safe || hierarchy == Hierarchy::Null {
            return Ok(Ticket::null(TicketKind::HashCheck));
        }
        let alg = Alg::from(hash).0.to_be_bytes();
        Ok(Ticket {
            kind: TicketKind::HashCheck,
            hierarchy: hierarchy.handle(),
            digest: self.ticket_digest(TicketKind::HashCheck, hierarchy, &[&alg, made]),
        })
    }

    /// A MAC with a loaded key, after the checks that HMAC and HMAC_Start share; `number` is the parameter that
    /// chooses how.
    fn begin_mac(&mut self, key: Handle, wanted: Option<MacScheme>, number: u8) -> Result<Work> {
        self.with_object(key, |object| {
            let scheme = select_mac(&object.public.parameters, wanted).map_err(|rc| match rc {
                Rc::TYPE => rc.handle(1),
                other => other.parameter(number),
            })?;
            if object.public.attributes.has(ObjectAttributes::RESTRICTED) {
                return Err(Rc::ATTRIBUTES.handle(1));
            }
            if !object.public.attributes.has(ObjectAttributes::SIGN) {
                return Err(Rc::KEY.handle(1));
            }
            let sensitive = object.sensitive.as_ref().ok_or(Rc::AUTH_UNAVAILABLE)?;
            match (scheme, object.public.parameters) {
                #[cfg(feature = "full")]
                (MacScheme::Cmac, Parameters::SymCipher { symmetric }) => {
                    let algorithm = symmetric.algorithm;
                    let mac = sensitive.data.expose(|key| Cmac::new(algorithm, key));
                    mac.map(Work::Cmac).map_err(|_| Rc::FAILURE)
                }
                (MacScheme::Hmac(hash), _) => {
                    let mac = sensitive.data.expose(|key| Hmac::new(hash, key));
                    Ok(Work::Hmac(mac))
                }
                #[cfg(feature = "full")]
                (MacScheme::Cmac, _) => Err(Rc::FAILURE),
            }
        })?
    }

    /// Takes a sequence out of its slot.
    fn end_sequence(&mut self, handle: Handle) -> Result<Work> {
        let sequence = self.objects.sequence_mut(handle).ok_or(Rc::FAILURE)?;
        let spent = Work::Hash {
            hash: Hasher::new(HashAlgorithm::Sha256),
            safe: None,
        };
        let work = core::mem::replace(&mut sequence.work, spent);
        self.objects.flush(handle);
        Ok(work)
    }
}
