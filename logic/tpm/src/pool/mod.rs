//! Primes found ahead of time, so that an ordinary RSA-2048 key need not wait for its search.
//!
//! ```text
//!  engine ── take ──► Shelf: at most four ◄── put ── Finder: one search, a generator of its own
//!         ── wipe ──►    │                              ▲
//!                        └── order: one is missing ─────┘
//! ```
//!
//! The engine knows [`Primes`] only. It takes primes for keys that follow from nothing, never for primary or derived
//! ones, looks at each again, and has them all wiped with the power, by Clear, and when its state goes out or comes in.
//! Whoever has time while no command waits gives it to a [`Finder`]: a thread on a host, nobody on a device.
//!
//! Nothing is looked for before the first such key is asked for. From then on the shelf is kept full, until it is wiped.
//! Why all that: `docs/decisions/0017-prime-pool.md`.

mod finder;
mod shelf;

pub use finder::Finder;
pub use shelf::{Order, Shelf};

pub use ironroot_crypto::tpm::rsa::SparePrime;

/// What the engine asks of a pool.
pub trait Primes {
    /// Takes a prime out: nobody else ever gets it. `None`: there is none just now. Either way more are wanted.
    fn take(&mut self) -> Option<SparePrime>;

    /// Wipes what is there. What is being looked for never gets here, and nothing is looked for until the next
    /// [`take`](Self::take).
    fn wipe(&mut self);
}

/// The pool that the wiring gave, if it gave one.
#[derive(Default)]
pub(crate) struct Pool<'m>(Option<&'m mut dyn Primes>);

impl<'m> Pool<'m> {
    pub(crate) fn of(primes: &'m mut dyn Primes) -> Self {
        Self(Some(primes))
    }

    pub(crate) fn take(&mut self) -> Option<SparePrime> {
        self.0.as_mut()?.take()
    }

    pub(crate) fn wipe(&mut self) {
        if let Some(primes) = &mut self.0 {
            primes.wipe();
        }
    }
}
