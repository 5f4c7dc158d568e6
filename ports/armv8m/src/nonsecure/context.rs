//! Client identities for non-secure threads: TF-M's non-secure client extension.
//!
//! A kernel acquires one context per group of threads, loads it with a client id when a thread is
//! switched in, and saves it when the thread is switched out. TF-M answers these calls from handler
//! mode only, for that is where kernels switch; use [`handler_mode::run`](super::handler_mode::run).

/// What [`acquire`] returns when no context is free.
pub const INVALID_TOKEN: u32 = 0xFFFF_FFFF;
/// The call did what was asked.
pub const SUCCESS: u32 = 0;
/// The token does not name a context that this thread holds.
pub const ERROR_INVALID_TOKEN: u32 = 1;
/// The client id is not negative.
pub const ERROR_INVALID_CLIENT: u32 = 2;
/// The call came from the wrong processor mode.
pub const ERROR_INVALID_ACCESS: u32 = 3;

mod raw {
    unsafe extern "C" {
        pub(super) safe fn tfm_nsce_init(contexts: u32) -> u32;
        pub(super) safe fn tfm_nsce_acquire_ctx(group: u8, thread: u8) -> u32;
        pub(super) safe fn tfm_nsce_release_ctx(token: u32) -> u32;
        pub(super) safe fn tfm_nsce_load_ctx(token: u32, client: i32) -> u32;
        pub(super) safe fn tfm_nsce_save_ctx(token: u32) -> u32;
    }
}

/// Starts the extension; asks for `contexts` (0: as many as there are) and returns how many there will be.
pub fn init(contexts: u32) -> u32 {
    raw::tfm_nsce_init(contexts)
}

/// Takes a context for thread `thread` of group `group`: a token, or [`INVALID_TOKEN`].
pub fn acquire(group: u8, thread: u8) -> u32 {
    raw::tfm_nsce_acquire_ctx(group, thread)
}

/// Gives a context back.
pub fn release(token: u32) -> u32 {
    raw::tfm_nsce_release_ctx(token)
}

/// From here on calls are made by `client`, a negative number.
pub fn load(token: u32, client: i32) -> u32 {
    raw::tfm_nsce_load_ctx(token, client)
}

/// The thread is switched out: until the next [`load`] no service can be called.
pub fn save(token: u32) -> u32 {
    raw::tfm_nsce_save_ctx(token)
}
