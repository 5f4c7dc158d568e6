//! Commands that a person must be there for (Part 3, section 26.2): the platform's word alone does not do.

use crate::core::Core;
use crate::handle::Handle;

/// `TPM_CC_PP_Commands`: always among them.
pub(super) const PP_COMMANDS: u32 = 0x12d;

/// The commands that may be among them: those that the platform authorises and that change what lasts.
const MAY_NEED: [u32; 22] = [
    0x11f, 0x120, 0x121, 0x122, 0x124, 0x125, 0x126, 0x127, 0x128, 0x129, 0x12a, 0x12b, 0x12c,
    0x12d, 0x12e, 0x130, 0x131, 0x132, 0x140, 0x191, 0x19d, 0x1a0,
];

/// Whether the command may be one of them.
pub(crate) fn may_need_presence(code: u32) -> bool {
    MAY_NEED.contains(&code)
}

impl Core<'_> {
    /// Whether the command needs somebody there to be authorised by `entity`, and nobody is.
    pub(crate) fn presence_is_missing(&self, code: u32, entity: Handle) -> bool {
        entity == Handle::PLATFORM
            && !self.physical_presence
            && self.supplement.kept.get().presence.contains(code)
    }
}
