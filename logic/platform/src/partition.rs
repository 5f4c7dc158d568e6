//! Running an Application RoT partition: the one thing the partition manager cannot do itself.

/// Place of a partition in the image's constant partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionIndex(pub u8);

/// Why a partition stopped running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// It made a supervisor call: its number and the four argument registers, all hostile.
    Call {
        /// Immediate of the SVC instruction.
        number: u8,
        /// Registers r0 to r3 at the call.
        args: [u32; 4],
    },
    /// It did what the hardware forbids, or had no time left ([`PartitionRunner::begin_turn`]); the port
    /// has written the fault record already.
    Fault,
}

/// Switches the processor into a partition and back.
///
/// Partitions are coroutines of the partition manager: `resume` returns at the partition's next
/// supervisor call or fault, so all policy is ordinary code on one privileged stack, and the
/// exception handlers only switch. What the port must guarantee: while a partition runs it reaches
/// only the memory its isolation level allows; a fault of it returns here and nowhere else.
pub trait PartitionRunner {
    /// Puts a partition back to its initial state: data, stack and entry point as in the image.
    fn restart(&mut self, partition: PartitionIndex);

    /// Lets it run, `result` being what its last supervisor call returns in r0 (ignored at the start).
    fn resume(&mut self, partition: PartitionIndex, result: u32) -> Trap;

    /// A partition's turn begins: it is resumed again and again from here until it waits. A port that
    /// bounds the time of a turn starts counting, and ends a partition that used too much with
    /// [`Trap::Fault`]. Turns nest when one partition asks another, and each counts by itself. The
    /// answer is to be given to [`end_turn`](Self::end_turn).
    fn begin_turn(&mut self) -> u32 {
        0
    }

    /// The turn that began with the answer `outer` is over: `well` if the partition waits, not if it
    /// failed. What a turn that ended well used counts for the one around it, too.
    fn end_turn(&mut self, outer: u32, well: bool) {
        let _ = (outer, well);
    }
}

impl<R: PartitionRunner + ?Sized> PartitionRunner for &mut R {
    fn restart(&mut self, partition: PartitionIndex) {
        (**self).restart(partition);
    }
    fn resume(&mut self, partition: PartitionIndex, result: u32) -> Trap {
        (**self).resume(partition, result)
    }
    fn begin_turn(&mut self) -> u32 {
        (**self).begin_turn()
    }
    fn end_turn(&mut self, outer: u32, well: bool) {
        (**self).end_turn(outer, well);
    }
}
