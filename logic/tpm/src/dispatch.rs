//! One command from its header to its answer (Part 1, section 18; Part 3, section 5).
//!
//! The order of the checks is the specification's: header, mode, handles, authorisations, parameters.
//! A command that is refused changes nothing but what its refusal must change (lockout counters), and the step of the
//! audit counter, which is kept before the command runs.

use crate::authorize::{self, Authorised};
use crate::core::{Core, Mode};
use crate::handle::Handle;
use crate::profile::MAX_COMMAND;
use crate::rc::{Rc, Result};
use crate::table::{self, Listed, NO_SESSIONS, RETURNS_HANDLE};
use crate::wire::{Input, Output, Params};
use core::ops::Range;

/// `TPM_ST_NO_SESSIONS`
const NO_SESSIONS_TAG: u16 = 0x8001;
/// `TPM_ST_SESSIONS`
const SESSIONS_TAG: u16 = 0x8002;
/// Tag, size and code.
const HEADER: usize = 10;
/// `TPM_CC_Startup`
const STARTUP: u32 = 0x144;
/// Commands that a TPM in failure mode still answers: GetTestResult, GetCapability.
const IN_FAILURE_MODE: [u32; 2] = [0x17c, 0x17a];

/// Where a command comes from: 0 to 4, or 32 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locality(u8);

impl Locality {
    /// Ordinary software.
    pub const ZERO: Self = Self(0);
    /// Firmware's own.
    pub const THREE: Self = Self(3);
    /// The processor's own, for dynamic measurement.
    pub const FOUR: Self = Self(4);

    /// `None` for 5 to 31, which name no locality.
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            5..=31 => None,
            _ => Some(Self(number)),
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// What a command gets to work with, and where it puts its answer.
pub(crate) struct Call<'a> {
    /// `TPM_CC`.
    pub(crate) code: u32,
    /// Where it came from.
    pub(crate) locality: Locality,
    /// Its handles; those it does not have are `UNASSIGNED`.
    pub(crate) handles: [Handle; 3],
    /// Its parameters, already decrypted.
    pub(crate) params: Params<'a>,
    /// The parameters of the answer.
    pub(crate) out: Output<'a>,
    /// The handle of the answer, for commands that return one.
    pub(crate) response_handle: Option<Handle>,
}

/// A command whose header, handles and authorisations were accepted.
pub(crate) struct Accepted {
    command: &'static Listed,
    locality: Locality,
    tag: u16,
    handles: [Handle; 3],
    params: Range<usize>,
    authorised: Authorised,
}

/// Everything that comes before a command's own work. `buffer` holds the command; its first parameter is
/// decrypted there.
///
/// # Errors
/// What the specification names for each step.
pub(crate) fn accept(
    core: &mut Core<'_>,
    locality: Locality,
    buffer: &mut [u8],
) -> Result<Accepted> {
    let (tag, command) = header(core, buffer)?;
    core.before_command(command.code())?;
    let mut at = HEADER;
    let handles = handle_area(core, command, buffer, &mut at)?;
    let sessions = session_area(command, tag, buffer, &mut at)?;
    let params = at..buffer.len();
    core.check_read_only(command.code(), &handles)?;
    let authorised = authorize::check(
        core,
        command,
        locality,
        &handles,
        buffer,
        sessions,
        params.clone(),
    )?;
    Ok(Accepted {
        command,
        locality,
        tag,
        handles,
        params,
        authorised,
    })
}

fn header(core: &Core<'_>, buffer: &[u8]) -> Result<(u16, &'static Listed)> {
    let mut input = Input::new(buffer);
    let tag: u16 = input.get().map_err(|_| Rc::COMMAND_SIZE)?;
    if tag != NO_SESSIONS_TAG && tag != SESSIONS_TAG {
        return Err(Rc::BAD_TAG);
    }
    let size: u32 = input.get().map_err(|_| Rc::COMMAND_SIZE)?;
    let code: u32 = input.get().map_err(|_| Rc::COMMAND_SIZE)?;
    if usize::try_from(size) != Ok(buffer.len()) || buffer.len() > MAX_COMMAND {
        return Err(Rc::COMMAND_SIZE);
    }
    match core.mode {
        Mode::Failure if !IN_FAILURE_MODE.contains(&code) => return Err(Rc::FAILURE),
        Mode::Initialised if code != STARTUP => return Err(Rc::INITIALIZE),
        Mode::Off => return Err(Rc::INITIALIZE),
        _ => {}
    }
    let command = table::find(code).ok_or(Rc::COMMAND_CODE)?;
    Ok((tag, command))
}

fn handle_area(
    core: &mut Core<'_>,
    command: &Listed,
    buffer: &[u8],
    at: &mut usize,
) -> Result<[Handle; 3]> {
    let mut input = Input::new(buffer.get(*at..).unwrap_or_default());
    let mut handles = [Handle::UNASSIGNED; 3];
    for ((place, slot), number) in command.handles().iter().zip(&mut handles).zip(1u8..) {
        let handle: Handle = input.get().map_err(|rc| rc.handle(number))?;
        place.accepts(handle).map_err(|rc| rc.handle(number))?;
        *slot = handle;
    }
    for (number, (place, handle)) in (1u8..).zip(command.handles().iter().zip(handles)) {
        if !place.may_be_absent(handle) {
            core.check_handle(handle, number)?;
        }
    }
    *at = buffer.len().saturating_sub(input.rest().len());
    Ok(handles)
}

fn session_area(
    command: &Listed,
    tag: u16,
    buffer: &[u8],
    at: &mut usize,
) -> Result<Option<Range<usize>>> {
    if tag == NO_SESSIONS_TAG {
        return match command.roles().is_empty() {
            true => Ok(None),
            false => Err(Rc::AUTH_MISSING),
        };
    }
    if command.is(NO_SESSIONS) {
        return Err(Rc::AUTH_CONTEXT);
    }
    let mut input = Input::new(buffer.get(*at..).unwrap_or_default());
    let size: u32 = input.get().map_err(|_| Rc::AUTHSIZE)?;
    let len = usize::try_from(size).map_err(|_| Rc::AUTHSIZE)?;
    // Nine bytes are the shortest session there can be.
    let area = match len >= 9 {
        true => input.take(len).map_err(|_| Rc::SIZE)?,
        false => return Err(Rc::AUTHSIZE),
    };
    let start = at.saturating_add(4);
    *at = start.saturating_add(area.len());
    Ok(Some(start..*at))
}

/// Does the command's work and writes the whole answer; gives its length in bytes.
///
/// # Errors
/// What the command says. `PENDING`: it is to be run again when the search it began has ended.
pub(crate) fn run(
    core: &mut Core<'_>,
    accepted: &mut Accepted,
    buffer: &[u8],
    response: &mut [u8],
) -> Result<usize> {
    let params_at = accepted.params_at();
    core.begin_command_audit(
        accepted.command.code(),
        &accepted.handles,
        accepted.authorised.command_audit(),
    )?;
    let mut call = Call {
        code: accepted.command.code(),
        locality: accepted.locality,
        handles: accepted.handles,
        params: Params::new(buffer.get(accepted.params.clone()).unwrap_or_default()),
        out: Output::new(response.get_mut(params_at..).ok_or(Rc::FAILURE)?),
        response_handle: None,
    };
    let done = (accepted.command.run)(core, &mut call).and_then(|()| core.commit());
    if let Err(rc) = done {
        // Also of a command that goes on later: it is run again from its start.
        core.roll_back();
        return Err(rc);
    }
    let (params_len, handle) = (call.out.len(), call.response_handle);
    let area_len = session_area_of_answer(core, accepted, params_len, response)?;
    let ends = params_at
        .checked_add(params_len)
        .and_then(|end| end.checked_add(area_len));
    let end = ends.ok_or(Rc::FAILURE)?;
    head_of_answer(accepted, handle, params_len, end, response)?;
    Ok(end)
}

impl Accepted {
    fn with_sessions(&self) -> bool {
        self.tag == SESSIONS_TAG
    }

    /// Where the parameters of the answer begin: behind header, handle and their own size.
    fn params_at(&self) -> usize {
        let handle = if self.command.is(RETURNS_HANDLE) {
            4
        } else {
            0
        };
        let size = if self.with_sessions() { 4 } else { 0 };
        HEADER + handle + size
    }
}

/// Writes the session area behind the parameters, which it may encrypt; gives its length in bytes.
fn session_area_of_answer(
    core: &mut Core<'_>,
    accepted: &mut Accepted,
    params_len: usize,
    response: &mut [u8],
) -> Result<usize> {
    let command = accepted.command;
    let body = response.get_mut(accepted.params_at()..).unwrap_or_default();
    let (params, rest) = body.split_at_mut_checked(params_len).ok_or(Rc::FAILURE)?;
    let mut area = Output::new(rest);
    match accepted.with_sessions() {
        true => authorize::respond(core, &mut accepted.authorised, command, params, &mut area)?,
        false => authorize::unaudited(core, command),
    }
    core.end_command_audit(command.code(), accepted.authorised.command_audit(), params);
    Ok(area.len())
}

fn head_of_answer(
    accepted: &Accepted,
    handle: Option<Handle>,
    params_len: usize,
    end: usize,
    response: &mut [u8],
) -> Result<()> {
    let mut head = Output::new(response);
    head.put(&accepted.tag)?;
    head.put(&u32::try_from(end).map_err(|_| Rc::FAILURE)?)?;
    head.put(&0u32)?;
    if accepted.command.is(RETURNS_HANDLE) {
        head.put(&handle.ok_or(Rc::FAILURE)?)?;
    }
    match accepted.with_sessions() {
        true => head.put(&u32::try_from(params_len).map_err(|_| Rc::FAILURE)?),
        false => Ok(()),
    }
}

/// Writes the answer that is an error; gives its length in bytes.
pub(crate) fn refuse(rc: Rc, response: &mut [u8]) -> usize {
    let tag: u16 = match rc == Rc::BAD_TAG {
        true => 0x00c4,
        false => NO_SESSIONS_TAG,
    };
    let mut out = Output::new(response);
    let written = out
        .put(&tag)
        .and_then(|()| out.put(&(HEADER as u32)))
        .and_then(|()| out.put(&rc.code()));
    match written {
        Ok(()) => HEADER,
        Err(_) => 0,
    }
}
