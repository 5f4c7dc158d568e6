//! Primes found ahead of time: who gets them, who never does, and when they are wiped.
//!
//! The pool here is the engine's own shelf and finder; the test gives the finder its steps.

#![cfg(feature = "full")]

mod common;
mod object_common;

use common::{Auth, Command, Machine, Reader, TestPlatform, cc, rh};
use ironroot_crypto::tpm::rsa::{RsaPrivateKey, RsaPublicKey, SPARE_PRIME_LEN};
use ironroot_tpm::{
    Entropy, EntropyError, Finder, Locality, MAX_SNAPSHOT, Primes, Progress, Shelf, SparePrime,
};
use object_common::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const SIGN: u32 = 0x15d;

type Bytes = [u8; SPARE_PRIME_LEN];

/// What the engine and the test both reach.
#[derive(Clone)]
struct TestPool(Arc<Mutex<Inner>>);

struct Inner {
    shelf: Shelf,
    finder: Finder,
    entropy: TestPlatform,
    taken: Vec<Bytes>,
    asked: u32,
    wiped: u32,
}

impl TestPool {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            shelf: Shelf::new(),
            finder: Finder::new(),
            entropy: TestPlatform::new(seed),
            taken: Vec::new(),
            asked: 0,
            wiped: 0,
        })))
    }

    /// Lets the finder work until nothing is wanted, or there are so many.
    fn fill(&self, most: usize) {
        let mut inner = self.0.lock().unwrap();
        let inner = &mut *inner;
        while let Some(order) = inner.shelf.order()
            && inner.shelf.count() < most
        {
            if let Some(prime) = inner.finder.step(order, &mut inner.entropy).unwrap() {
                inner.shelf.put(order, &prime);
            }
        }
    }

    /// Puts these bytes on the shelf, prime or not.
    fn put(&self, bytes: &Bytes) {
        let mut inner = self.0.lock().unwrap();
        let order = inner.shelf.order().expect("one is wanted");
        inner.shelf.put(order, &SparePrime::from_bytes(bytes));
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().shelf.count()
    }

    fn is_wanted(&self) -> bool {
        self.0.lock().unwrap().shelf.order().is_some()
    }

    fn taken(&self) -> Vec<Bytes> {
        self.0.lock().unwrap().taken.clone()
    }

    fn asked(&self) -> u32 {
        self.0.lock().unwrap().asked
    }
}

impl Primes for TestPool {
    fn take(&mut self) -> Option<SparePrime> {
        let mut inner = self.0.lock().unwrap();
        inner.asked += 1;
        let prime = inner.shelf.take()?;
        inner.taken.push(prime.expose(|bytes| *bytes));
        Some(prime)
    }

    fn wipe(&mut self) {
        let mut inner = self.0.lock().unwrap();
        inner.shelf.wipe();
        inner.wiped += 1;
    }
}

/// A machine with a pool, a parent, and nothing asked for yet.
struct Scene {
    machine: Machine,
    pool: TestPool,
    parent: u32,
}

impl Scene {
    fn new() -> Self {
        let pool = TestPool::new(77);
        let mut machine = Machine::new().with_primes(Box::leak(Box::new(pool.clone())));
        let parent = primary(&mut machine, &Template::storage()).handle;
        Self {
            machine,
            pool,
            parent,
        }
    }

    /// The same, asked once and filled with primes that are none: for what only wipes them.
    fn with_anything_in_the_pool() -> Self {
        let scene = Self::new();
        assert!(scene.pool.clone().take().is_none());
        (1..=4).for_each(|byte| scene.pool.put(&[byte; SPARE_PRIME_LEN]));
        scene.assert_full();
        scene
    }

    fn assert_full(&self) {
        assert_eq!(self.pool.count(), Shelf::PLACES);
    }

    /// Empty, and nothing is looked for.
    fn assert_wiped(&self) {
        assert_eq!((self.pool.count(), self.pool.is_wanted()), (0, false));
    }

    /// Begins Create of such a key.
    fn begin(&mut self, template: &Template) -> Answer {
        let command = creation(cc::CREATE, self.parent, &template.bytes(), b"", b"");
        let bytes = self.machine.sealed(&command, &mut [Auth::password(b"")]);
        let mut response = vec![0; 4096];
        match (self.machine.tpm()).begin(Locality::ZERO, &bytes, &mut response) {
            Progress::Pending => Answer::Pending(response),
            Progress::Done(len) => Answer::Done(response[..len].to_vec()),
        }
    }

    /// The modulus of a new key, which needed no step.
    fn create_at_once(&mut self) -> Vec<u8> {
        match self.begin(&Template::signing_rsa(2048)) {
            Answer::Done(response) => modulus(&response),
            Answer::Pending(_) => panic!("a search was begun"),
        }
    }

    /// The modulus of a new key, which needed steps.
    fn create_in_steps(&mut self, template: &Template) -> Vec<u8> {
        let Answer::Pending(mut response) = self.begin(template) else {
            panic!("no search was begun");
        };
        loop {
            if let Progress::Done(len) = self.machine.tpm().step(1, &mut response) {
                return modulus(&response[..len]);
            }
        }
    }
}

enum Answer {
    Pending(Vec<u8>),
    Done(Vec<u8>),
}

/// The modulus in the answer to Create with a password.
fn modulus(response: &[u8]) -> Vec<u8> {
    assert_eq!(response[6..10], [0; 4]);
    let mut reader = Reader(&response[14..]);
    reader.sized();
    modulus_of(reader.sized())
}

/// The modulus at the end of a public area.
fn modulus_of(public: &[u8]) -> Vec<u8> {
    public[public.len() - 256..].to_vec()
}

fn divides(prime: &Bytes, modulus: &[u8]) -> bool {
    let public = RsaPublicKey::new(modulus, 0).unwrap();
    RsaPrivateKey::check_prime(&public, prime).is_ok()
}

#[test]
fn the_first_key_is_searched_for_and_then_keys_come_at_once() {
    let mut scene = Scene::new();
    assert!(!scene.pool.is_wanted(), "nobody asked yet");
    let cold = scene.create_in_steps(&Template::signing_rsa(2048));
    assert!(scene.pool.is_wanted());
    scene.pool.fill(Shelf::PLACES);
    scene.assert_full();
    let moduli = [scene.create_at_once(), scene.create_at_once()];
    assert_eq!(scene.pool.count(), 0);
    let taken = scene.pool.taken();
    assert_eq!(taken.len(), 4);
    for (modulus, primes) in moduli.iter().zip(taken.chunks(2)) {
        assert!(primes.iter().all(|prime| divides(prime, modulus)));
        assert_ne!(*modulus, cold);
    }
    assert!(!taken.iter().any(|prime| divides(prime, &cold)));
}

#[test]
fn a_loaded_key_of_spare_primes_signs() {
    let mut scene = Scene::new();
    assert!(scene.pool.clone().take().is_none());
    scene.pool.fill(2);
    let template = Template::signing_rsa(2048).bytes();
    let made = try_create_loaded(&mut scene.machine, scene.parent, &template, b"", b"").unwrap();
    let taken = scene.pool.taken();
    assert_eq!(taken.len(), 2);
    let modulus = modulus_of(&made.public);
    assert!(taken.iter().all(|prime| divides(prime, &modulus)));
    let command = Command::new(SIGN)
        .handle(made.handle)
        .sized(&[7; 32])
        .raw(&words(&[NULL, 0x8024]))
        .u32(rh::NULL)
        .sized(b"");
    let reply = scene.machine.send(&command, &mut [Auth::password(b"")]);
    let signature = reply.unwrap().params[6..].to_vec();
    let public = RsaPublicKey::new(&modulus, 0).unwrap();
    let scheme = ironroot_crypto::tpm::rsa::SignatureScheme::Pkcs1 {
        hash: ironroot_crypto::tpm::hash::HashAlgorithm::Sha256,
    };
    public.verify(scheme, &[7; 32], &signature).unwrap();
}

#[test]
fn with_one_spare_prime_the_search_is_for_the_other() {
    let mut scene = Scene::new();
    assert!(scene.pool.clone().take().is_none());
    scene.pool.fill(1);
    let modulus = scene.create_in_steps(&Template::signing_rsa(2048));
    let taken = scene.pool.taken();
    assert_eq!(taken.len(), 1);
    assert!(divides(&taken[0], &modulus));
}

#[test]
fn no_prime_is_given_twice() {
    let mut scene = Scene::new();
    assert!(scene.pool.clone().take().is_none());
    let mut moduli = Vec::new();
    for _ in 0..3 {
        scene.pool.fill(2);
        moduli.push(scene.create_at_once());
    }
    let taken = scene.pool.taken();
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 6);
    for prime in taken {
        let keys = moduli.iter().filter(|modulus| divides(&prime, modulus));
        assert_eq!(keys.count(), 1);
    }
}

#[test]
fn a_cancelled_command_gives_no_prime_back() {
    let mut scene = Scene::new();
    assert!(scene.pool.clone().take().is_none());
    scene.pool.fill(1);
    let Answer::Pending(mut response) = scene.begin(&Template::signing_rsa(2048)) else {
        panic!("one prime is no key");
    };
    scene.machine.tpm().cancel(&mut response).unwrap();
    assert_eq!((scene.pool.count(), scene.pool.taken().len()), (0, 1));
    let modulus = scene.create_in_steps(&Template::signing_rsa(2048));
    assert!(!divides(&scene.pool.taken()[0], &modulus));
}

#[test]
fn a_refused_command_takes_none() {
    let mut scene = Scene::with_anything_in_the_pool();
    let asked = scene.pool.asked();
    let wrong = Template::signing_rsa(2048).with(attr::RESTRICTED | attr::DECRYPT);
    let made = try_create(&mut scene.machine, scene.parent, &wrong, b"", b"");
    assert!(made.is_err());
    // An exponent that no new key has: 65539 · 3.
    let mut exponent = Template::signing_rsa(2048);
    let at = exponent.parameters.len() - 4;
    exponent.parameters[at..].copy_from_slice(&196_617_u32.to_be_bytes());
    let made = try_create(&mut scene.machine, scene.parent, &exponent, b"", b"");
    assert!(made.is_err());
    scene.assert_full();
    assert_eq!(scene.pool.asked(), asked);
}

#[test]
fn primary_keys_are_the_same_with_a_full_pool_and_take_nothing() {
    let template = Template::storage_rsa(2048);
    let expected = primary(&mut Machine::new(), &template).public;
    let mut scene = Scene::with_anything_in_the_pool();
    let asked = scene.pool.asked();
    let made = primary(&mut scene.machine, &template);
    assert_eq!(made.public, expected);
    scene.machine.flush(made.handle).unwrap();
    // Not the one that was kept, either: the other command, another template.
    let mut other = Template::storage_rsa(2048);
    other.unique = sized(&[9; 256]);
    let expected = primary(&mut Machine::new(), &other).public;
    let owner = rh::OWNER;
    let made = try_create_loaded(&mut scene.machine, owner, &other.bytes(), b"", b"");
    assert_eq!(made.unwrap().public, expected);
    scene.assert_full();
    assert_eq!(scene.pool.asked(), asked);
}

#[test]
fn derived_keys_take_nothing() {
    let mut scene = Scene::with_anything_in_the_pool();
    let asked = scene.pool.asked();
    let parent = primary(&mut scene.machine, &Template::derivation()).handle;
    let derived = |template: Template| {
        let mut template = template.without(attr::ORIGIN);
        // Label and context in the place of the unique field.
        template.unique = [sized(b"label"), sized(b"context")].concat();
        template.bytes()
    };
    let rsa = derived(Template::signing_rsa(2048));
    assert!(try_create_loaded(&mut scene.machine, parent, &rsa, b"", b"").is_err());
    let curve = derived(Template::signing(3));
    try_create_loaded(&mut scene.machine, parent, &curve, b"", b"").unwrap();
    scene.assert_full();
    assert_eq!(scene.pool.asked(), asked);
}

#[test]
fn keys_of_other_sizes_and_kinds_take_nothing() {
    let mut scene = Scene::with_anything_in_the_pool();
    let asked = scene.pool.asked();
    for bits in [1024, 3072, 4096] {
        let Answer::Pending(mut response) = scene.begin(&Template::signing_rsa(bits)) else {
            panic!("a key of {bits} bits came at once");
        };
        scene.machine.tpm().cancel(&mut response).unwrap();
    }
    for template in [
        Template::signing(3),
        Template::cipher(128),
        Template::hmac(),
    ] {
        assert!(matches!(scene.begin(&template), Answer::Done(_)));
    }
    scene.assert_full();
    assert_eq!(scene.pool.asked(), asked);
}

#[test]
fn a_prime_that_was_spoilt_in_memory_is_refused_and_all_are_wiped() {
    // The one that is still good may come behind the other, or before it: then the search has it already.
    for spoilt in [0, 1] {
        let mut scene = Scene::new();
        assert!(scene.pool.clone().take().is_none());
        scene.pool.fill(2);
        let mut primes: Vec<_> = std::iter::from_fn(|| scene.pool.clone().take())
            .map(|prime| prime.expose(|bytes| *bytes))
            .collect();
        primes[spoilt][SPARE_PRIME_LEN / 2] ^= 1;
        primes.iter().for_each(|prime| scene.pool.put(prime));
        let taken = scene.pool.taken().len();
        let modulus = scene.create_in_steps(&Template::signing_rsa(2048));
        assert_eq!(scene.pool.taken()[taken..], primes[..=spoilt]);
        assert!(!primes.iter().any(|prime| divides(prime, &modulus)));
        scene.assert_wiped();
    }
}

#[test]
fn clear_wipes_the_pool() {
    let mut scene = Scene::with_anything_in_the_pool();
    let clear = |by| Command::new(cc::CLEAR).handle(by);
    let refused = (scene.machine).send(&clear(rh::PLATFORM), &mut [Auth::password(b"no")]);
    assert!(refused.is_err());
    scene.assert_full();
    let done = (scene.machine).send(&clear(rh::LOCKOUT), &mut [Auth::password(b"")]);
    done.unwrap();
    scene.assert_wiped();
}

#[test]
fn a_reset_wipes_the_pool() {
    let mut scene = Scene::with_anything_in_the_pool();
    scene.machine.tpm().power_on().unwrap();
    scene.assert_wiped();
}

#[test]
fn power_off_wipes_the_pool() {
    let mut scene = Scene::with_anything_in_the_pool();
    scene.machine.tpm().power_off();
    scene.assert_wiped();
}

#[test]
fn the_end_of_the_tpm_wipes_the_pool() {
    let scene = Scene::with_anything_in_the_pool();
    let pool = scene.pool.clone();
    drop(scene);
    assert_eq!((pool.count(), pool.is_wanted()), (0, false));
}

#[test]
fn state_that_goes_out_wipes_the_pool() {
    let mut scene = Scene::with_anything_in_the_pool();
    let mut blob = vec![0; MAX_SNAPSHOT];
    scene.machine.tpm().snapshot(&mut blob).unwrap();
    scene.assert_wiped();
    // What was half found then never arrives; the next key asks anew.
    scene.create_in_steps(&Template::signing_rsa(2048));
    assert!(scene.pool.is_wanted());
}

#[test]
fn state_that_comes_in_wipes_the_pool() {
    let mut scene = Scene::new();
    let mut blob = vec![0; MAX_SNAPSHOT];
    let len = scene.machine.tpm().snapshot(&mut blob).unwrap();
    assert!(scene.pool.clone().take().is_none());
    (1..=4).for_each(|byte| scene.pool.put(&[byte; SPARE_PRIME_LEN]));
    scene.machine.tpm().power_on_from(&mut blob[..len]).unwrap();
    scene.assert_wiped();
    // The same if it does not come in.
    assert!(scene.pool.clone().take().is_none());
    scene.pool.put(&[1; SPARE_PRIME_LEN]);
    assert!(scene.machine.tpm().power_on_from(&mut [0; 64]).is_err());
    scene.assert_wiped();
}

#[test]
fn commands_run_between_the_steps_of_the_finder() {
    let mut scene = Scene::new();
    assert!(scene.pool.clone().take().is_none());
    let mut steps = 0;
    while scene.pool.count() == 0 {
        steps += 1;
        let mut inner = scene.pool.0.lock().unwrap();
        let inner = &mut *inner;
        let order = inner.shelf.order().unwrap();
        if let Some(prime) = inner.finder.step(order, &mut inner.entropy).unwrap() {
            inner.shelf.put(order, &prime);
        }
        if steps % 8 == 0 {
            // The test's own lock is let go of for the command.
            break;
        }
    }
    assert_eq!((steps, scene.pool.count()), (8, 0), "a step is a short one");
    let random = Command::new(cc::GET_RANDOM).u16(8);
    scene.machine.send(&random, &mut []).unwrap();
    // A key does not wait for what is half found, nor does that get lost.
    scene.create_in_steps(&Template::signing_rsa(2048));
    assert!(scene.pool.taken().is_empty());
    scene.pool.fill(1);
    assert_eq!(scene.pool.count(), 1);
}

/// Entropy that says how often it was asked, and can fail.
struct Counted {
    inner: TestPlatform,
    asked: u32,
    fails: bool,
}

impl Entropy for Counted {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.asked += 1;
        match self.fails {
            true => Err(EntropyError),
            false => self.inner.fill(out),
        }
    }
}

#[test]
fn the_finder_has_a_generator_of_its_own_seeded_once_between_two_wipes() {
    let mut entropy = Counted {
        inner: TestPlatform::new(5),
        asked: 0,
        fails: true,
    };
    let (mut shelf, mut finder) = (Shelf::new(), Finder::new());
    assert!(shelf.take().is_none());
    let order = shelf.order().unwrap();
    assert!(finder.step(order, &mut entropy).is_err());
    entropy.fails = false;
    let mut find = |order| {
        loop {
            if let Some(prime) = finder.step(order, &mut entropy).unwrap() {
                return (prime.expose(|bytes| *bytes), entropy.asked);
            }
        }
    };
    let (one, two) = (find(order), find(order));
    assert_eq!((one.1, two.1), (2, 2), "one failed, one seeded");
    shelf.wipe();
    assert!(shelf.take().is_none());
    let three = find(shelf.order().unwrap());
    assert_eq!(three.1, 3, "seeded anew");
    assert!(one.0 != two.0 && two.0 != three.0 && one.0 != three.0);
}

#[test]
fn a_search_under_way_does_not_outlive_a_wipe() {
    let (mut shelf, mut entropy) = (Shelf::new(), TestPlatform::new(6));
    let mut finder = Finder::new();
    assert!(shelf.take().is_none());
    let order = shelf.order().unwrap();
    let mut steps = 0;
    // All but the last step of the first search: how many there are follows from the entropy.
    let total = {
        let (mut finder, mut entropy) = (Finder::new(), TestPlatform::new(6));
        (1..).find(|_| finder.step(order, &mut entropy).unwrap().is_some())
    };
    while steps + 1 < total.unwrap() {
        assert!(finder.step(order, &mut entropy).unwrap().is_none());
        steps += 1;
    }
    shelf.wipe();
    assert!(shelf.take().is_none());
    let order = shelf.order().unwrap();
    assert!(finder.step(order, &mut entropy).unwrap().is_none());
}

#[test]
fn copies_of_one_snapshot_share_no_primes() {
    let mut scene = Scene::new();
    assert!(scene.pool.clone().take().is_none());
    scene.pool.fill(1);
    let before = scene.pool.0.lock().unwrap().shelf.take().unwrap();
    let before = before.expose(|bytes| *bytes);
    scene.pool.fill(1);
    let mut blob = vec![0; MAX_SNAPSHOT];
    let len = scene.machine.tpm().snapshot(&mut blob).unwrap();
    let mut all = vec![before];
    for seed in [81, 82] {
        let store = common::MemoryStore::default();
        store.replace(scene.machine.store.records());
        let pool = TestPool::new(seed);
        let twin = Machine::off(&ironroot_tpm::Profile::FULL, store, TestPlatform::new(seed));
        let mut twin = twin.with_primes(Box::leak(Box::new(pool.clone())));
        let mut blob = blob[..len].to_vec();
        twin.tpm().power_on_from(&mut blob).unwrap();
        assert_eq!(pool.count(), 0, "a snapshot holds none");
        assert!(pool.clone().take().is_none());
        pool.fill(2);
        all.extend(
            std::iter::from_fn(|| pool.clone().take()).map(|one| one.expose(|bytes| *bytes)),
        );
    }
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 5);
}
