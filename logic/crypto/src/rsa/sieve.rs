//! Small primes, and sets of small numbers to mark their multiples in.

/// One bit for each odd number below 2^16.
const SMALL_ODDS: u32 = 1 << 15;
const SMALL_WORDS: usize = (SMALL_ODDS / 32) as usize;

/// The odd primes below 2^16, by the sieve of Eratosthenes.
pub(crate) struct SmallPrimes {
    /// Bit `i` stands for 2·i + 1.
    composite: BitSet<SMALL_WORDS>,
}

impl SmallPrimes {
    /// Finds them.
    pub(crate) fn new() -> Self {
        let mut composite = BitSet::new();
        composite.insert_every(0, SMALL_ODDS, SMALL_ODDS);
        for index in 1..128 {
            if !composite.contains(index) {
                // p = 2·index + 1; from p² on, in steps of p odd numbers.
                let prime = 2 * index + 1;
                composite.insert_every(prime * prime / 2, prime, SMALL_ODDS);
            }
        }
        Self { composite }
    }

    /// 3, 5, 7, 11, …
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0..SMALL_ODDS)
            .filter(|index| !self.composite.contains(*index))
            .map(|index| 2 * index + 1)
    }
}

/// A set of small numbers.
pub(crate) struct BitSet<const WORDS: usize> {
    words: [u32; WORDS],
}

impl<const WORDS: usize> BitSet<WORDS> {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self { words: [0; WORDS] }
    }

    /// Whether it has the number. It has all that are too large for it.
    pub(crate) fn contains(&self, bit: u32) -> bool {
        let word = self.words.get((bit / 32) as usize);
        word.is_none_or(|word| (word >> (bit % 32)) & 1 == 1)
    }

    /// Inserts `first`, `first + step`, … below `end`.
    pub(crate) fn insert_every(&mut self, first: u32, step: u32, end: u32) {
        for bit in (first..end).step_by(step.max(1) as usize) {
            if let Some(word) = self.words.get_mut((bit / 32) as usize) {
                *word |= 1 << (bit % 32);
            }
        }
    }
}

// Which numbers behind a secret one small primes divide tells that one.
impl<const WORDS: usize> zeroize::Zeroize for BitSet<WORDS> {
    fn zeroize(&mut self) {
        self.words.zeroize();
    }
}
