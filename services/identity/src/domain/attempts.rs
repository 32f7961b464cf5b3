//! How often a sign-in may be tried: so many times in a window, counted before the password is looked at.

use std::net::IpAddr;
use std::time::Duration as StdDuration;

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// How long attempts are counted together.
pub(crate) const WINDOW: Duration = Duration::minutes(15);
/// Attempts for one address from one place in a window, successful ones not counted; from anywhere where no place is known.
pub(crate) const PER_EMAIL: i32 = 10;
/// Attempts for one address from all places together. Higher than for one place, so that nobody locks an account that is not
/// theirs from there; a limit, so that many places together guess no faster than ten.
pub(crate) const PER_EMAIL_ANYWHERE: i32 = 100;
/// Attempts from one network address in a window, successful ones not counted. Higher: offices share one.
pub(crate) const PER_CLIENT: i32 = 100;

/// Whose attempts are counted, as a hash: the counters name nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) key: [u8; 32],
    pub(crate) limit: i32,
}

impl Counted {
    /// What an attempt counts towards, in this order: an attempt that one of them stops does not count towards the next, so
    /// that a place that hammers on uses up no more of an account than its share.
    pub(crate) fn of(email: &str, client: Option<IpAddr>) -> Vec<Self> {
        let Some(client) = client else {
            return vec![Self { key: key("email", email), limit: PER_EMAIL }];
        };
        let place = place(client);
        vec![
            Self { key: key("client", &place), limit: PER_CLIENT },
            Self { key: key("email from", &format!("{place}|{email}")), limit: PER_EMAIL },
            Self { key: key("email", email), limit: PER_EMAIL_ANYWHERE },
        ]
    }
}

/// An address of IPv4, or the 64 bits of IPv6 that one customer is given: the others are theirs to choose.
fn place(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
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

    fn keys(email: &str, client: Option<&str>) -> Vec<[u8; 32]> {
        let client = client.map(|text| text.parse().expect("address"));
        Counted::of(email, client).into_iter().map(|counted| counted.key).collect()
    }

    #[test]
    fn places_share_what_an_address_has_and_nothing_else() {
        let (here, there) = (keys("x", Some("192.0.2.7")), keys("x", Some("192.0.2.8")));
        assert!(here[0] != there[0] && here[1] != there[1] && here[2] == there[2]);
        assert_eq!(keys("x", None), [here[2]]);
        let other = keys("y", Some("192.0.2.7"));
        assert!(other[0] == here[0] && other[1] != here[1] && other[2] != here[2]);
    }

    #[test]
    fn customer_of_ipv6_is_one_place() {
        assert_eq!(keys("x", Some("2001:db8:1:2::1")), keys("x", Some("2001:db8:1:2:ffff::2")));
        assert_ne!(keys("x", Some("2001:db8:1:2::1"))[0], keys("x", Some("2001:db8:1:3::1"))[0]);
        assert_eq!(keys("x", Some("::ffff:192.0.2.7")), keys("x", Some("192.0.2.7")));
    }
}
