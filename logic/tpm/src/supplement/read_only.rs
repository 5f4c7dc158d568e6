//! Read-only mode (Part 3, section 24.9): nothing new is made, and what is for good stays as it is.

use crate::attributes::NvAttributes;
use crate::core::Core;
use crate::handle::{Handle, Kind};
use crate::rc::{Rc, Result};

/// Commands that make objects or change what is for good. What is volatile may change: loaded objects, sessions, PCRs,
/// which hierarchies are on; and the guard against guessing still counts.
const REFUSED: [u32; 26] = [
    0x11f, 0x120, 0x122, 0x124, 0x125, 0x126, 0x127, 0x128, 0x129, 0x12a, 0x12b, 0x12c, 0x12d,
    0x12e, 0x131, 0x132, 0x134, 0x139, 0x13a, 0x13b, 0x13f, 0x140, 0x153, 0x156, 0x191, 0x19d,
];
/// NV_SetBits, NV_Extend, NV_Write, NV_WriteLock, NV_ReadLock.
const ON_INDEX: [u32; 5] = [0x135, 0x136, 0x137, 0x138, 0x14f];
/// `TPM_CC_PolicySecret`: the use of a PIN is counted.
const POLICY_SECRET: u32 = 0x151;

impl Core<'_> {
    /// Refuses what read-only mode does not let through; before any auth value is looked at.
    ///
    /// # Errors
    /// `READ_ONLY`
    pub(crate) fn check_read_only(&mut self, code: u32, handles: &[Handle; 3]) -> Result<()> {
        if !self.supplement.live.read_only {
            return Ok(());
        }
        let [authority, index, _] = *handles;
        let refused = match code {
            POLICY_SECRET if authority.kind() == Kind::Nv => {
                self.nv_index(authority)?.public.kind().is_pin()
            }
            _ if ON_INDEX.contains(&code) => {
                // What is cleared by every start anyway may change.
                let passing = NvAttributes::ORDERLY.with(NvAttributes::CLEAR_ST_CLEAR);
                !self.nv_index(index)?.public.has(passing)
            }
            _ => REFUSED.contains(&code),
        };
        match refused {
            true => Err(Rc::READ_ONLY),
            false => Ok(()),
        }
    }
}
