//! The pool of primes of one TPM: a shelf in locked memory, and a thread that fills it while nobody else wants the
//! processor.
//!
//! ```text
//!  TPM's thread                       thread "primes", SCHED_IDLE
//!  take, wipe ──► shelf, locked ◄──── order, put
//!              (mutex held for a look or a copy, never for a step)
//! ```
//!
//! The thread sleeps until the first prime is asked for, and whenever the shelf is full. A step of its search is one
//! modular exponentiation; between two steps it looks whether its order still stands. It has its own random numbers
//! from the operating system, a locked stack, and nothing of the TPM.

use crate::log::Log;
use crate::sandbox;
use anyhow::{Context as _, Result};
use ironroot_port_host::{LOCKED_STACK, Locked, OsEntropy, on_locked_stack, run_when_idle};
use ironroot_tpm::{Entropy, Finder, Order, Primes, Shelf, SparePrime};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};

/// The thread's stack: what is locked, and as much again for the system's own needs, and more.
const STACK: usize = 4 * LOCKED_STACK;

/// Why there is none, mostly.
const UNLOCKED: &str =
    "its memory cannot be locked: raise the limit (`ulimit -l`), or say --no-pool";

/// The TPM's side of a pool. Its thread ends some time after it is dropped.
pub(crate) struct Pool {
    shared: Arc<Locked<Shared>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something changed that the thread may wait for.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    shelf: Shelf,
    ended: bool,
}

impl Pool {
    /// An empty pool, and its thread, confined by a filter for system calls if so wished.
    ///
    /// # Errors
    /// Its memory cannot be locked, or no thread be started.
    pub(crate) fn start(log: &Log, confined: bool) -> Result<Self> {
        let shared = Arc::new(Locked::new(Shared::default()).context(UNLOCKED)?);
        let mut finder = Locked::new(Finder::new()).context(UNLOCKED)?;
        let (theirs, log) = (Arc::clone(&shared), log.clone());
        std::thread::Builder::new()
            .name("primes".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let settled = on_locked_stack(|| {
                    settle(confined).map(|()| fill(&theirs, &mut finder, &mut OsEntropy))
                });
                if let Err(error) = settled.context(UNLOCKED).flatten() {
                    log.line(&format!("no pool of primes: {error:#}"));
                }
            })
            .context("the system starts no more threads")?;
        Ok(Self { shared })
    }
}

/// What the thread does before it sees a secret.
fn settle(confined: bool) -> Result<()> {
    run_when_idle().context("the system does not let it wait for all others (SCHED_IDLE)")?;
    match confined {
        true => sandbox::enter_beside(),
        false => Ok(()),
    }
}

/// Fills the shelf whenever something is missing, until the pool ends.
fn fill(shared: &Shared, finder: &mut Finder, entropy: &mut dyn Entropy) {
    while let Some(order) = shared.next_order(finder) {
        match finder.step(order, entropy) {
            Ok(Some(prime)) => shared.lock().shelf.put(order, &prime),
            Ok(None) => {}
            // No entropy now; perhaps when somebody asks again.
            Err(_) => shared.wait(),
        }
    }
}

impl Shared {
    /// Waits until a prime is missing; `None`: the pool ends.
    fn next_order(&self, finder: &mut Finder) -> Option<Order> {
        let has_nothing_to_do = |state: &mut State| !state.ended && state.shelf.order().is_none();
        let rests = has_nothing_to_do(&mut self.lock());
        if rests {
            // Full, or wiped. What is half found is wanted by nobody. Not under the lock: nobody waits for this.
            finder.rest();
        }
        let state = self.changed.wait_while(self.lock(), has_nothing_to_do);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        match state.ended {
            true => None,
            false => state.shelf.order(),
        }
    }

    fn wait(&self) {
        let state = self.lock();
        if !state.ended {
            drop(self.changed.wait(state));
        }
    }

    /// A panic elsewhere leaves a shelf that is as good as before.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, mut state: MutexGuard<'_, State>, change: impl FnOnce(&mut State)) {
        change(&mut state);
        drop(state);
        self.changed.notify_all();
    }
}

impl Primes for Pool {
    /// Does not wait: the other thread may have lost the processor with the lock in its hand.
    fn take(&mut self) -> Option<SparePrime> {
        let state = match self.shared.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let mut prime = None;
        self.shared
            .change(state, |state| prime = state.shelf.take());
        prime
    }

    /// May wait until the other thread's look or copy is over: what is wiped must be gone when this comes back.
    fn wipe(&mut self) {
        self.shared
            .change(self.shared.lock(), |state| state.shelf.wipe());
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.change(self.shared.lock(), |state| {
            state.shelf.wipe();
            state.ended = true;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_tpm::EntropyError;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    /// Entropy that the test gives when it likes. Each draw is announced.
    struct Gate {
        reached: Sender<()>,
        open: Receiver<Result<u8, EntropyError>>,
    }

    impl Entropy for Gate {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
            self.reached.send(()).map_err(|_| EntropyError)?;
            let byte = self.open.recv().map_err(|_| EntropyError)??;
            out.fill(byte);
            Ok(())
        }
    }

    /// A pool whose thread is in a step while it waits at the gate.
    struct Scene {
        pool: Pool,
        reached: Receiver<()>,
        open: Sender<Result<u8, EntropyError>>,
        thread: JoinHandle<()>,
    }

    impl Scene {
        fn new() -> Self {
            let shared = Arc::new(Locked::new(Shared::default()).unwrap());
            let (theirs, mut finder) = (Arc::clone(&shared), Finder::new());
            let ((reach, reached), (open, opened)) = (channel(), channel());
            let mut gate = Gate {
                reached: reach,
                open: opened,
            };
            Self {
                pool: Pool { shared },
                reached,
                open,
                thread: thread::spawn(move || fill(&theirs, &mut finder, &mut gate)),
            }
        }

        fn wait_until_full(&self) {
            wait_until_full(&self.pool);
        }
    }

    /// Asks for a prime until it was heard: what is looked at just now is not there.
    fn ask(pool: &mut Pool) {
        while pool.shared.lock().shelf.order().is_none() {
            assert!(pool.take().is_none());
        }
    }

    /// The thread holds the shelf as long as it is there.
    fn assert_thread_is_there(pool: &Pool) {
        assert!(
            Arc::strong_count(&pool.shared) > 1,
            "the pool's thread ended: may this user lock memory (`ulimit -l`), use SCHED_IDLE and seccomp?"
        );
    }

    fn wait_until_full(pool: &Pool) {
        while pool.shared.lock().shelf.count() < Shelf::PLACES {
            assert_thread_is_there(pool);
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_pool_that_was_asked_once_fills_and_fills_again() {
        let mut pool = Pool::start(&Log::default(), true).unwrap();
        ask(&mut pool);
        for _ in 0..2 {
            wait_until_full(&pool);
            let mut taken = 0;
            while taken < 3 {
                taken += usize::from(pool.take().is_some());
            }
        }
        pool.wipe();
        assert!(pool.take().is_none());
    }

    #[test]
    fn nothing_waits_for_a_step_and_what_is_wiped_meanwhile_never_arrives() {
        let mut scene = Scene::new();
        ask(&mut scene.pool);
        scene.reached.recv().unwrap();
        // The thread is in a step now, and stays there.
        assert!(scene.pool.take().is_none());
        scene.pool.wipe();
        scene.open.send(Ok(1)).unwrap();
        // It goes back to sleep: the next prime that is asked for begins with a new seed.
        ask(&mut scene.pool);
        scene.reached.recv().unwrap();
        scene.open.send(Ok(2)).unwrap();
        scene.wait_until_full();
        let Scene { pool, thread, .. } = scene;
        drop(pool);
        thread.join().unwrap();
    }

    #[test]
    fn without_entropy_it_waits_until_somebody_asks_again() {
        let mut scene = Scene::new();
        ask(&mut scene.pool);
        scene.reached.recv().unwrap();
        scene.open.send(Err(EntropyError)).unwrap();
        // It may not be asleep yet when it is asked again, so perhaps more than once.
        while scene.reached.try_recv().is_err() {
            assert_thread_is_there(&scene.pool);
            assert!(scene.pool.take().is_none());
            thread::yield_now();
        }
        scene.open.send(Ok(3)).unwrap();
        scene.wait_until_full();
    }

    #[test]
    fn the_thread_ends_with_the_pool() {
        let Scene { pool, thread, .. } = Scene::new();
        drop(pool);
        thread.join().unwrap();
    }
}
