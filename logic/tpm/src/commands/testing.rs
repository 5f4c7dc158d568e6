//! Part 3, section 10: self tests.

use crate::core::{Core, Mode};
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::structures::Alg;
use crate::table::{Command, NV};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x143,
        handles: &[],
        roles: &[],
        traits: NV,
        run: self_test,
    },
    Command {
        code: 0x142,
        handles: &[],
        roles: &[],
        traits: NV,
        run: incremental_self_test,
    },
    Command {
        code: 0x17c,
        handles: &[],
        roles: &[],
        traits: 0,
        run: get_test_result,
    },
];

/// The most algorithms that one IncrementalSelfTest may name: more than there are.
const MAX_LIST: u32 = 64;
/// `TPM_RC_SUCCESS`
const SUCCESS: u32 = 0;

fn self_test(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let all: bool = call.params.get()?;
    call.params.end()?;
    match core.tests.run(all) {
        true => Ok(()),
        false => Err(core.fail()),
    }
}

/// Tests what is named and answers with what of it is still to be done: nothing, for tests take no time to speak of.
/// With an empty list, it answers with everything that was not tested yet.
fn incremental_self_test(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let (named, list) = call.params.with(|input| {
        let count: u32 = input.get()?;
        if count > MAX_LIST {
            return Err(Rc::SIZE);
        }
        let list = input.rest();
        for _ in 0..count {
            let alg: Alg = input.get()?;
            if !super::capability::is_implemented(alg) {
                return Err(Rc::VALUE);
            }
        }
        Ok((count, list))
    })?;
    call.params.end()?;
    for number in list.chunks_exact(2) {
        let alg = number
            .first_chunk()
            .map_or(Alg::NULL, |bytes| Alg(u16::from_be_bytes(*bytes)));
        if !core.tests.test_algorithm(alg) {
            return Err(core.fail());
        }
    }
    let open =
        || super::capability::algorithms().filter(|alg| named == 0 && core.tests.is_open(*alg));
    call.out
        .put(&u32::try_from(open().count()).unwrap_or_default())?;
    open().try_for_each(|alg| call.out.put(&alg))
}

/// Which tests were done, and what came of them: the one command besides GetCapability that still works when
/// something is broken.
fn get_test_result(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    call.out
        .sized(&[core.tests.done(), u8::from(core.tests.has_failed())])?;
    call.out.put(&match core.mode {
        Mode::Failure => Rc::FAILURE.code(),
        Mode::Off | Mode::Initialised | Mode::Running => SUCCESS,
    })
}
