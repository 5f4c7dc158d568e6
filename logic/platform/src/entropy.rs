//! Unpredictable bytes.

/// The entropy source failed its health test or gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntropyError;

/// A source of full-entropy bytes, good enough to seed a random bit generator.
///
/// What the hardware must guarantee: every bit is unpredictable to anyone outside the secure world,
/// and two boots never give the same bytes.
pub trait Entropy {
    /// Fills `out` whole, or fails and says so.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError>;
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        (**self).fill(out)
    }
}
