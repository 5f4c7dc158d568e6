//! Who may do this: the sessions of a command, checked and answered (Part 1, sections 18 and 19).

use crate::core::Core;
use crate::dispatch::Locality;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::table::Command;
use crate::wire::Output;
use core::ops::Range;

/// What was found right, and what the answer's session area needs.
#[derive(Default)]
pub(crate) struct Authorised {}

/// Checks the session area `sessions` (offsets in `buffer`; `None`: the command came without), authorises each
/// handle that has a role, and decrypts the first parameter in place.
///
/// # Errors
/// What Part 1 names, with the session's number; a wrong auth value has been counted when this returns.
pub(crate) fn check(
    _core: &mut Core<'_>,
    _command: &'static Command,
    _locality: Locality,
    _handles: &[Handle; 3],
    _buffer: &mut [u8],
    sessions: Option<Range<usize>>,
    _params: Range<usize>,
) -> Result<Authorised> {
    match sessions {
        None => Ok(Authorised::default()),
        Some(_) => Err(Rc::AUTH_CONTEXT),
    }
}

/// Writes the session area of the answer to `area`, and encrypts the first parameter of `params` if a session asks it.
///
/// # Errors
/// `FAILURE`
pub(crate) fn respond(
    _core: &mut Core<'_>,
    _authorised: &mut Authorised,
    _command: &Command,
    _params: &mut [u8],
    _area: &mut Output<'_>,
) -> Result<()> {
    Ok(())
}
