//! How often a sign-in may be tried: so many times in a window, counted before the password is looked at.

use std::time::Duration as StdDuration;

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// How long attempts are counted together.
pub(crate) const WINDOW: Duration = Duration::minutes(15);
/// Attempts for one address in a window, successful ones not counted.
pub(crate) const PER_EMAIL: i32 = 10;
/// Attempts from one network address in a window, successful ones not counted. Higher: offices share one.
pub(crate) const PER_CLIENT: i32 = 100;

/// Whose attempts are counted, as a hash: the counters name nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) key: [u8; 32],
    pub(crate) limit: i32,
}

impl Counted {
    /// Attempts for one address, whether or not it has an account.
    pub(crate) fn email(email: &str) -> Self {
        Self { key: key("email", email), limit: PER_EMAIL }
    }

    /// Attempts from one network address.
    pub(crate) fn client(address: &str) -> Self {
        Self { key: key("client", address), limit: PER_CLIENT }
    }
}

fn key(kind: &str, value: &str) -> [u8; 32] {
    Sha256::digest(format!("{kind}|{value}")).into()
}

/// A counter after the attempt was added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) attempts: i32,
    pub(crate) window_start: OffsetDateTime,
}

impl Count {
    /// How long to wait before the next attempt, if this one was too many. Whole seconds, rounded up.
    pub(crate) fn wait(&self, limit: i32, now: OffsetDateTime) -> Option<StdDuration> {
        if self.attempts <= limit {
            return None;
        }
        let left = (self.window_start + WINDOW - now).max(Duration::SECOND);
        let seconds = left.whole_seconds() + i64::from(left.subsec_nanoseconds() > 0);
        Some(StdDuration::from_secs(seconds.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn attempt_behind_the_limit_waits_for_the_rest_of_the_window() {
        let count = |attempts| Count { attempts, window_start: START };
        assert_eq!(count(PER_EMAIL).wait(PER_EMAIL, START), None);
        assert_eq!(count(PER_EMAIL + 1).wait(PER_EMAIL, START), Some(StdDuration::from_mins(15)));
        let almost = START + WINDOW - Duration::milliseconds(1_500);
        assert_eq!(count(PER_EMAIL + 1).wait(PER_EMAIL, almost), Some(StdDuration::from_secs(2)));
        assert_eq!(count(PER_EMAIL + 1).wait(PER_EMAIL, START + WINDOW), Some(StdDuration::from_secs(1)));
    }

    #[test]
    fn counters_of_an_email_and_of_a_client_are_apart() {
        assert_ne!(Counted::email("x").key, Counted::client("x").key);
    }
}
