//! A store in memory that fails when told to, and a platform whose entropy and time are the test's.

use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_platform::EntropyError;
use ironroot_tpm::{Change, Entropy, RecordId, Store, StoreError, Ticks, UniqueKey};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Records in memory. A clone is another view of the same records: they outlive the TPM that wrote them.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    records: BTreeMap<u32, Vec<u8>>,
    commits: usize,
    fail_from: Option<(usize, StoreError)>,
    fail_only_once: bool,
}

impl MemoryStore {
    /// How many commits were made.
    pub fn commits(&self) -> usize {
        self.0.lock().unwrap().commits
    }

    /// The next commit after `after` more fails, once.
    pub fn fail_once(&self, after: usize, error: StoreError) {
        let mut inner = self.0.lock().unwrap();
        inner.fail_from = Some((inner.commits + after, error));
        inner.fail_only_once = true;
    }

    /// From the next commit after `after` more on, all fail.
    pub fn fail_from(&self, after: usize, error: StoreError) {
        let mut inner = self.0.lock().unwrap();
        inner.fail_from = Some((inner.commits + after, error));
        inner.fail_only_once = false;
    }

    /// No commit fails any more.
    pub fn heal(&self) {
        self.0.lock().unwrap().fail_from = None;
    }

    /// All records as they are now.
    pub fn records(&self) -> BTreeMap<u32, Vec<u8>> {
        self.0.lock().unwrap().records.clone()
    }

    /// Puts other records in the place of all.
    pub fn replace(&self, records: BTreeMap<u32, Vec<u8>>) {
        self.0.lock().unwrap().records = records;
    }
}

impl Store for MemoryStore {
    fn read(&mut self, id: RecordId, out: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let inner = self.0.lock().unwrap();
        let Some(record) = inner.records.get(&id.0) else {
            return Ok(None);
        };
        out.get_mut(..record.len())
            .ok_or(StoreError::Full)?
            .copy_from_slice(record);
        Ok(Some(record.len()))
    }

    fn at_or_after(&mut self, from: RecordId) -> Result<Option<RecordId>, StoreError> {
        let inner = self.0.lock().unwrap();
        Ok(inner
            .records
            .range(from.0..)
            .next()
            .map(|(id, _)| RecordId(*id)))
    }

    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        let mut inner = self.0.lock().unwrap();
        if let Some((at, error)) = inner.fail_from
            && inner.commits >= at
        {
            if inner.fail_only_once {
                inner.fail_from = None;
            }
            return Err(error);
        }
        inner.commits += 1;
        for change in changes {
            match change {
                Change::Set { id, data } => {
                    inner.records.insert(id.0, data.to_vec());
                }
                Change::Remove(id) => {
                    inner.records.remove(&id.0);
                }
            }
        }
        Ok(())
    }

    fn free(&mut self) -> u32 {
        100_000
    }
}

/// Entropy that is the same in every run, and a clock that the test moves.
#[derive(Clone)]
pub struct TestPlatform {
    time: Arc<Mutex<u64>>,
    drawn: Arc<Mutex<u64>>,
    seed: u64,
}

impl TestPlatform {
    /// Another seed gives other entropy.
    pub fn new(seed: u64) -> Self {
        Self {
            time: Arc::new(Mutex::new(1_000)),
            drawn: Arc::default(),
            seed,
        }
    }

    /// Lets `milliseconds` pass.
    pub fn advance(&self, milliseconds: u64) {
        *self.time.lock().unwrap() += milliseconds;
    }
}

impl Entropy for TestPlatform {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in out.chunks_mut(32) {
            let mut drawn = self.drawn.lock().unwrap();
            *drawn += 1;
            let block = [self.seed.to_be_bytes(), drawn.to_be_bytes()].concat();
            let block = digest(HashAlgorithm::Sha256, &block);
            chunk.copy_from_slice(&block.as_slice()[..chunk.len()]);
        }
        Ok(())
    }
}

impl Ticks for TestPlatform {
    fn now(&mut self) -> u64 {
        *self.time.lock().unwrap()
    }
}

impl UniqueKey for TestPlatform {
    fn derive(&mut self, purpose: &[u8], out: &mut [u8]) {
        for (number, chunk) in (0u64..).zip(out.chunks_mut(32)) {
            let block = [purpose, &self.seed.to_be_bytes(), &number.to_be_bytes()].concat();
            let block = digest(HashAlgorithm::Sha256, &block);
            chunk.copy_from_slice(&block.as_slice()[..chunk.len()]);
        }
    }
}
