//! Times of one operation, and what is said of them.

use std::collections::BTreeMap;
use std::time::Duration;

/// All times, by operation, in the order in which operations were first seen.
#[derive(Default)]
pub struct Samples {
    order: Vec<&'static str>,
    times: BTreeMap<&'static str, Vec<f64>>,
}

impl Samples {
    /// Keeps one time.
    pub fn add(&mut self, operation: &'static str, time: Duration) {
        if !self.times.contains_key(operation) {
            self.order.push(operation);
        }
        self.times
            .entry(operation)
            .or_default()
            .push(time.as_secs_f64() * 1e6);
    }

    /// Operations.
    pub fn operations(&self) -> &[&'static str] {
        &self.order
    }

    /// What the times of an operation say, in microseconds; `None`: there are none.
    pub fn figures(&self, operation: &str) -> Option<Figures> {
        let mut sorted = self.times.get(operation)?.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = (sorted.len() as f64 * part) as usize;
            sorted
                .get(place.min(sorted.len().saturating_sub(1)))
                .copied()
        };
        Some(Figures {
            count: sorted.len(),
            median: at(0.5)?,
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
            p95: at(0.95)?,
            p99: at(0.99)?,
        })
    }
}

/// Microseconds.
#[derive(Clone, Copy)]
pub struct Figures {
    /// How many were taken.
    pub count: usize,
    /// The middle one.
    pub median: f64,
    /// Their mean.
    pub mean: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
}
