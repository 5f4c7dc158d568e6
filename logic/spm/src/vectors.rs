//! The vectors of one call: copied once from the client, checked, then used from our copy only.
//!
//! Order matters: the array is checked and copied, and every later decision looks at the copy. What
//! the client (or another thread of it, or a DMA engine) writes to its array afterwards changes nothing.
//!
//! Overlap. FF-M lets an output overlap an input: what a service reads after writing there is
//! unspecified. It calls overlapping inputs an error because a service might compare two readings
//! of the same byte; the PSA Crypto API, which runs over this transport, permits them (its section
//! on overlap between parameters). We permit them: each input is a value of its own, each of its
//! bytes is copied exactly once, and no service may conclude from one input on another.

use crate::message::Overrun;
use ironroot_platform::{Access, CheckedSpan, ClientMemory, MemoryOwner, Span};
use ironroot_psa_api::vector::{LEN_OFFSET, VECTOR_SIZE};
use ironroot_psa_api::{Control, Error, InVec, MAX_VECTORS};

/// The vectors of a call and how far each was read or written.
///
/// Spans beyond the two counts are left over from earlier calls and never looked at: clearing them would
/// cost every call more than checking it.
#[derive(Debug)]
pub(crate) struct Vectors {
    /// Inputs first, then outputs.
    spans: [CheckedSpan; MAX_VECTORS],
    done: [u32; MAX_VECTORS],
    inputs: usize,
    outputs: usize,
    /// The client's array of output vectors, for the lengths.
    out_array: CheckedSpan,
}

/// The vectors of the call that each possible caller is making: nobody makes two at a time.
#[derive(Debug)]
pub(crate) struct VectorsByCaller<const P: usize> {
    non_secure: Vectors,
    partitions: [Vectors; P],
}

impl<const P: usize> VectorsByCaller<P> {
    pub(crate) const NONE: Self = Self {
        non_secure: Vectors::NONE,
        partitions: [const { Vectors::NONE }; P],
    };

    pub(crate) fn of(&mut self, owner: MemoryOwner) -> Option<&mut Vectors> {
        match owner {
            MemoryOwner::NonSecure => Some(&mut self.non_secure),
            MemoryOwner::Partition(index) => self.partitions.get_mut(usize::from(index.0)),
        }
    }
}

impl Vectors {
    pub(crate) const NONE: Self = Self {
        spans: [CheckedSpan::EMPTY; MAX_VECTORS],
        done: [0; MAX_VECTORS],
        inputs: 0,
        outputs: 0,
        out_array: CheckedSpan::EMPTY,
    };

    /// Takes over what the client passed, in place of what was here.
    ///
    /// Programmer error: an array that is not aligned or not the client's, or a vector that is not.
    /// There are no vectors then.
    pub(crate) fn capture<M: ClientMemory>(
        &mut self,
        memory: &M,
        owner: MemoryOwner,
        control: Control,
        in_vec: u32,
        out_vec: u32,
    ) -> Result<(), Error> {
        self.clear();
        self.done = [0; MAX_VECTORS];
        let split = self.spans.split_at_mut_checked(control.inputs());
        let (inputs, outputs) = split.ok_or(Error::ProgrammerError)?;
        if !inputs.is_empty() {
            capture_array(memory, owner, in_vec, Access::Read, inputs)?;
        }
        let outputs = outputs
            .get_mut(..control.outputs())
            .ok_or(Error::ProgrammerError)?;
        if !outputs.is_empty() {
            self.out_array = capture_array(memory, owner, out_vec, Access::Write, outputs)?;
        }
        self.inputs = control.inputs();
        self.outputs = control.outputs();
        Ok(())
    }

    /// For messages without vectors.
    pub(crate) fn clear(&mut self) {
        self.inputs = 0;
        self.outputs = 0;
    }

    /// Tells the client how much was written to each output.
    pub(crate) fn write_lengths<M: ClientMemory>(&self, memory: &mut M) {
        let written = self.done.iter().skip(self.inputs).take(self.outputs);
        let mut at = LEN_OFFSET;
        for done in written {
            if let Some(place) = self.out_array.slice(at, LEN_OFFSET) {
                memory.copy_out(place, &done.to_le_bytes());
            }
            at = at.saturating_add(VECTOR_SIZE as u32);
        }
    }

    pub(crate) const fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Whole length of an input; zero if there is none of that number.
    pub(crate) fn in_len(&self, index: usize) -> u32 {
        if index >= self.inputs {
            0
        } else {
            self.spans.get(index).map_or(0, CheckedSpan::len)
        }
    }

    /// Whole length of an output; zero if there is none of that number.
    pub(crate) fn out_len(&self, index: usize) -> u32 {
        self.output_place(index)
            .and_then(|at| self.spans.get(at))
            .map_or(0, CheckedSpan::len)
    }

    /// Bytes of an output written so far.
    pub(crate) fn written(&self, index: usize) -> u32 {
        self.output_place(index)
            .and_then(|at| self.done.get(at))
            .map_or(0, |done| *done)
    }

    /// The next `len` bytes of an input, or as many as are left. They count as read.
    pub(crate) fn take_input(&mut self, index: usize, len: u32) -> CheckedSpan {
        if index >= self.inputs {
            return CheckedSpan::EMPTY;
        }
        let (Some(span), Some(done)) = (self.spans.get(index), self.done.get_mut(index)) else {
            return CheckedSpan::EMPTY;
        };
        let take = span.len().saturating_sub(*done).min(len);
        let part = span.slice(*done, take).unwrap_or(CheckedSpan::EMPTY);
        *done = done.saturating_add(take);
        part
    }

    /// The next `len` bytes of an output. They count as written.
    pub(crate) fn take_output(&mut self, index: usize, len: u32) -> Result<CheckedSpan, Overrun> {
        if len == 0 {
            return Ok(CheckedSpan::EMPTY);
        }
        let at = self.output_place(index).ok_or(Overrun)?;
        let span = self.spans.get(at).ok_or(Overrun)?;
        let done = self.done.get_mut(at).ok_or(Overrun)?;
        let part = span.slice(*done, len).ok_or(Overrun)?;
        *done = done.saturating_add(len);
        Ok(part)
    }

    fn output_place(&self, index: usize) -> Option<usize> {
        if index >= self.outputs {
            None
        } else {
            self.inputs.checked_add(index)
        }
    }
}

/// Checks and copies one array, then checks what its copy names.
fn capture_array<M: ClientMemory>(
    memory: &M,
    owner: MemoryOwner,
    base: u32,
    access: Access,
    spans: &mut [CheckedSpan],
) -> Result<CheckedSpan, Error> {
    let len = spans.len().saturating_mul(VECTOR_SIZE);
    let span = Span {
        base,
        len: u32::try_from(len).unwrap_or(u32::MAX),
    };
    if base & 3 != 0 {
        return Err(Error::ProgrammerError);
    }
    let array = memory
        .check(owner, span, access)
        .map_err(|_| Error::ProgrammerError)?;
    let mut raw = [0; MAX_VECTORS * VECTOR_SIZE];
    let copy = raw.get_mut(..len).ok_or(Error::ProgrammerError)?;
    if memory.copy_in(array, copy) != len {
        return Err(Error::ProgrammerError);
    }
    for (place, bytes) in spans.iter_mut().zip(copy.as_chunks().0) {
        let vector = InVec::from_bytes(*bytes);
        let span = Span {
            base: vector.base,
            len: vector.len,
        };
        *place = memory
            .check(owner, span, access)
            .map_err(|_| Error::ProgrammerError)?;
    }
    Ok(array)
}
