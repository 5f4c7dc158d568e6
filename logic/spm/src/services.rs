//! What stands behind the partition manager: the PSA Root of Trust services, as plain functions.

use crate::message::Message;
use crate::table::PartitionInfo;
use ironroot_platform::PartitionIndex;
use ironroot_psa_api::Status;

/// The services of the PSA Root of Trust.
///
/// They run on the caller's turn, in the privileged domain, to completion; a service that needs
/// another one calls it as a Rust function.
pub trait RootServices {
    /// Answers a message for root service number `service` ([`crate::Provider::Root`]).
    ///
    /// A stateless service only ever sees requests (type zero or positive). The status goes to the
    /// client as it is.
    fn call(&mut self, service: u32, message: &mut Message<'_>) -> Status;

    /// A partition failed. To be recorded; what belonged to its client id and cannot outlive it
    /// (multipart operations, volatile keys) is to be dropped. With
    /// [`FailureOutcome::ResetSystem`] this must reset the system; should it return all the same, the
    /// partition is disabled.
    fn partition_failed(&mut self, failure: PartitionFailure);
}

/// A failure of a partition and what was done.
#[derive(Debug, Clone, Copy)]
pub struct PartitionFailure {
    /// Which.
    pub partition: PartitionIndex,
    /// Its entry in the table.
    pub info: &'static PartitionInfo,
    /// Why.
    pub cause: FailureCause,
    /// What is done about it.
    pub outcome: FailureOutcome,
}

/// Why a partition failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCause {
    /// It did what the hardware forbids, or had no time left. The port has written the fault record.
    Hardware,
    /// It called `psa_panic`.
    Panic,
    /// It broke a rule of the interface in the supervisor call of that number.
    ProgrammerError {
        /// The call ([`ironroot_psa_api::svc`]).
        call: u8,
    },
    /// It waits for what can never come: it has not answered its message, or listens to no signal
    /// that could be asserted.
    Deadlock,
}

/// What is done about a failed partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOutcome {
    /// It is put back to its initial state and starts again with its next message.
    Restarted {
        /// How many restarts are left.
        left: u8,
    },
    /// Its services refuse every call until the next reset.
    Disabled,
    /// The system resets.
    ResetSystem,
}
