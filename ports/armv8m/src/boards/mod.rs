//! Boards: memory maps and the few devices the root of trust touches.

pub mod an521;
