//! Time and Clock (Part 1, section 36).

/// Milliseconds powered in all, and since the last start.
#[derive(Default)]
pub(crate) struct Clock {
    /// Clock, in ms, at `since`.
    pub(crate) clock: u64,
    /// Whether no later value of Clock can have been told before.
    pub(crate) safe: bool,
    /// The platform's ticks at the last start, in ms.
    pub(crate) since: u64,
}
