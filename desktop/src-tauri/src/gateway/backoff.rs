//! How long to wait before the next connection: doubling, with full jitter, so that windows do not come back in step.

use std::time::Duration;

/// A row of failed attempts.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    attempts: u32,
}

impl Backoff {
    /// Waits of up to `first`, then twice that, up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempts: 0 }
    }

    /// Attempts that failed in a row.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Counts a failure and says how long to wait; `unit` is random in 0..1. Never less than a tenth of the bound, so
    /// that a gateway that refuses at once is not asked in a tight loop.
    pub fn next(&mut self, unit: f64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX));
        self.attempts = self.attempts.saturating_add(1);
        doubled.min(self.longest).mul_f64(unit.clamp(0.0, 1.0).mul_add(0.9, 0.1))
    }

    /// Starts anew, after a connection that lived.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        let waits: Vec<u128> = (0..8).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.attempts(), 8);
        backoff.reset();
        assert_eq!((backoff.attempts(), backoff.next(1.0)), (0, FIRST));
    }

    #[test]
    fn jitter_stays_between_a_tenth_and_the_whole() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        assert_eq!(backoff.next(0.0), Duration::from_millis(50));
        assert_eq!(backoff.next(0.5), Duration::from_millis(550));
    }

    #[test]
    fn counting_never_overflows() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        for _ in 0..100 {
            assert!(backoff.next(1.0) <= LONGEST);
        }
    }
}
