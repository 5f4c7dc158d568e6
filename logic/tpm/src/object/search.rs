//! The search for RSA primes that a command may begin and that goes on while it is suspended.
//!
//! A command that needs a key calls [`Core::rsa_key`]. The first time that answers `PENDING`, and the command ends
//! there; it must have changed nothing. When the search has ended, the same command is run again from its start,
//! and the same call gives the key. An ordinary key may find both primes in the pool, and comes at once.

use crate::core::Core;
use crate::pool::Shelf;
use crate::rc::{Rc, Result};
use ironroot_crypto::tpm::rsa::{RsaKey, RsaSearch, Step};

/// Where the search stands. Wiped when dropped.
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to put the larger one on"
)]
#[derive(Default)]
pub(crate) enum Search {
    /// None was begun.
    #[default]
    None,
    /// It goes on.
    Running(RsaSearch),
    /// It ended.
    Found(RsaKey),
}

impl Core<'_> {
    /// The key of the search that `begin` begins, or has found already; at most one per command.
    ///
    /// # Errors
    /// `PENDING`: to be passed on by the caller; what `begin` says.
    pub(crate) fn rsa_key(
        &mut self,
        begin: impl FnOnce(&mut Self) -> Result<Search>,
    ) -> Result<&RsaKey> {
        if matches!(self.objects.search, Search::None) {
            self.objects.search = begin(self)?;
        }
        match &self.objects.search {
            Search::Found(key) => Ok(key),
            Search::None | Search::Running(_) => Err(Rc::PENDING),
        }
    }

    /// A search with a head start: it takes the primes that were found ahead of time. For a key that follows from nothing
    /// only, for nobody will ever derive it again.
    ///
    /// # Errors
    /// What `begin` says, which begins one that has none yet.
    pub(crate) fn with_spare_primes(
        &mut self,
        begin: impl Fn() -> Result<RsaSearch>,
    ) -> Result<Search> {
        let mut search = begin()?;
        for _ in 0..Shelf::PLACES {
            let Some(prime) = self.objects.pool.take() else {
                break;
            };
            match search.offer(&prime) {
                Ok(Step::Done(key)) => return Ok(Search::Found(key)),
                Ok(Step::Pending) => {}
                Err(_) => {
                    // It was prime when it was put there: what else stands there is no better, nor what came before.
                    self.objects.pool.wipe();
                    return begin().map(Search::Running);
                }
            }
        }
        Ok(Search::Running(search))
    }

    /// Goes on with the search; `true` when it has ended.
    ///
    /// # Errors
    /// `FAILURE`: there is none.
    pub(crate) fn search_step(&mut self, budget: u32) -> Result<bool> {
        let Search::Running(search) = &mut self.objects.search else {
            return Err(Rc::FAILURE);
        };
        match search.step(budget) {
            Err(_) => Err(self.fail()),
            Ok(Step::Pending) => Ok(false),
            Ok(Step::Done(key)) => {
                self.objects.search = Search::Found(key);
                Ok(true)
            }
        }
    }

    /// Forgets it.
    pub(crate) fn forget_search(&mut self) {
        self.objects.search = Search::None;
    }
}
