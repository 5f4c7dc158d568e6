//! A call made ready beforehand, so that making it is the veneer and nothing else.

use super::veneers::{Handle, InVec, OutVec, control_word, raw};

/// Most vectors in one call.
const MAX_VECTORS: usize = 4;

/// A request with its control word packed; it can be made again and again.
#[derive(Debug)]
pub struct PreparedCall<'v, 'm> {
    handle: Handle,
    control: u32,
    inputs: &'v [InVec<'m>],
    outputs: &'v mut [OutVec<'m>],
    /// The outputs' room, which a call overwrites with what was written.
    room: [usize; MAX_VECTORS],
}

impl<'v, 'm> PreparedCall<'v, 'm> {
    /// `None` when there are too many vectors or the request type is out of range.
    #[must_use]
    pub fn new(
        handle: Handle,
        request: i32,
        inputs: &'v [InVec<'m>],
        outputs: &'v mut [OutVec<'m>],
    ) -> Option<Self> {
        let control = control_word(request, inputs.len(), outputs.len())?;
        if outputs.len() > MAX_VECTORS {
            return None;
        }
        let mut room = [0; MAX_VECTORS];
        for (place, output) in room.iter_mut().zip(&*outputs) {
            *place = output.len();
        }
        Some(Self {
            handle,
            control,
            inputs,
            outputs,
            room,
        })
    }

    /// Gives every output its room back. To be called before each [`make`](Self::make).
    pub fn ready(&mut self) {
        for (output, room) in self.outputs.iter_mut().zip(self.room) {
            output.set_len(room);
        }
    }

    /// Makes the request: the status.
    #[inline(always)]
    pub fn make(&mut self) -> i32 {
        // SAFETY: the control word counts exactly the vectors of the two slices, which borrow the memory
        // they name for longer than the call.
        unsafe {
            raw::tfm_psa_call_veneer(
                self.handle,
                self.control,
                self.inputs.as_ptr(),
                self.outputs.as_mut_ptr(),
            )
        }
    }
}
