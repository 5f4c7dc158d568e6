//! A build without RSA has no primes to find ahead of time.

use core::marker::PhantomData;

/// There is none.
#[derive(Default)]
pub(crate) struct Pool<'m>(PhantomData<&'m ()>);

impl Pool<'_> {
    pub(crate) fn wipe(&mut self) {}
}
