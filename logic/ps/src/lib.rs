#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod index;
mod object;
mod seal;
mod service;
mod store;

use ironroot_client::Transport;
use ironroot_partition::{Kernel, serve};
use store::Store;

/// Most objects of all clients together.
pub const MAX_OBJECTS: usize = 16;

/// Longest object in bytes.
pub const MAX_OBJECT_SIZE: usize = 2048;

/// Serves messages for ever; returns only on a host, when the partition manager is gone.
///
/// Needs about 5.5 KiB of stack: two buffers of [`MAX_OBJECT_SIZE`] and the index.
pub fn run<K: Kernel + Transport>(kernel: &mut K) {
    let write_once = service::enforces_write_once(kernel.lifecycle());
    let mut store = Store::new(write_once);
    store.mount(kernel);
    serve(kernel, |request| service::answer(&mut store, request));
}
