//! What the partition manager keeps per partition.
//!
//! ```text
//!            first message            wait(block)
//! Stopped ───────────────▶ Running ──────────────▶ Waiting
//!    ▲                      │  ▲       a message      │
//!    │ restart policy       │  └─────────────────────┘
//!    └────── failed ◀───────┘ ──▶ Disabled
//! ```
//!
//! A partition has at most one message at a time: the caller waits until it is answered.

use crate::connection::Slot;
use crate::vectors::Vectors;
use ironroot_platform::{CheckedSpan, MemoryOwner};
use ironroot_psa_api::message::PsaMessage;
use ironroot_psa_api::{ClientId, Handle, MAX_VECTORS, Status};

/// What a partition is doing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// In its initial state; not started yet or restarted.
    Stopped,
    /// Somewhere on the stack below us: running, or waiting for somebody it called.
    Running,
    /// Waits for one of these signals.
    Waiting {
        mask: u32,
        /// Where the next message goes at once ([`ironroot_psa_api::svc::REPLY_AND_NEXT`]).
        next: Option<CheckedSpan>,
    },
    /// Failed for the last time.
    Disabled,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its signal is asserted.
    Asserted,
    /// The partition has it.
    Delivered,
    /// Answered.
    Replied(Status),
}

/// The message a partition has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Active {
    pub(crate) phase: Phase,
    pub(crate) handle: Handle,
    pub(crate) signal: u32,
    pub(crate) order: Order,
}

/// What a message says, vectors apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) kind: i32,
    pub(crate) client: ClientId,
    /// Whose vectors belong to it.
    pub(crate) owner: MemoryOwner,
    pub(crate) connection: Option<Slot>,
    pub(crate) rhandle: u32,
}

impl Active {
    /// The message as `psa_get` gives it.
    pub(crate) fn as_partition_sees_it(&self, vectors: &Vectors) -> PsaMessage {
        let mut in_size = [0; MAX_VECTORS];
        let mut out_size = [0; MAX_VECTORS];
        for (index, (input, output)) in in_size.iter_mut().zip(&mut out_size).enumerate() {
            *input = vectors.in_len(index);
            *output = vectors.out_len(index);
        }
        PsaMessage {
            kind: self.order.kind,
            handle: self.handle,
            client: self.order.client.get(),
            rhandle: self.order.rhandle,
            in_size,
            out_size,
        }
    }
}

/// Everything there is to know about a partition now.
#[derive(Debug)]
pub(crate) struct PartitionState {
    pub(crate) run: Run,
    /// Signals of its services.
    pub(crate) signals: u32,
    pub(crate) restarts_left: u8,
    pub(crate) active: Option<Active>,
    last_handle: u32,
}

const LAST_HANDLE: u32 = (1 << 30) - 1;

impl PartitionState {
    pub(crate) const fn new(signals: u32, restarts: u8) -> Self {
        Self {
            run: Run::Stopped,
            signals,
            restarts_left: restarts,
            active: None,
            last_handle: 0,
        }
    }

    /// A handle for the next message: never null, and not the one of a message it had lately.
    pub(crate) fn next_handle(&mut self) -> Handle {
        self.last_handle = match self.last_handle {
            LAST_HANDLE.. => 1,
            handle => handle.saturating_add(1),
        };
        Handle(self.last_handle)
    }

    /// Signals asserted now.
    pub(crate) fn asserted(&self) -> u32 {
        match &self.active {
            Some(active) if active.phase == Phase::Asserted => active.signal,
            _ => 0,
        }
    }

    /// The message of that handle, if the partition has it and has not answered it.
    pub(crate) fn delivered(&mut self, handle: u32) -> Option<&mut Active> {
        let active = self.active.as_mut()?;
        let held = active.phase == Phase::Delivered && active.handle.0 == handle;
        held.then_some(active)
    }

    /// Whether it has a message that it has not answered.
    pub(crate) fn owes_a_reply(&self) -> bool {
        self.active
            .as_ref()
            .is_some_and(|a| !matches!(a.phase, Phase::Replied(_)))
    }
}
