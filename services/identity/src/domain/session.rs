//! Sessions of people: an hour at a time, renewed by single-use tokens.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::bearer::{Bearer, Kind};

/// How long a session token works.
pub(crate) const SESSION_TTL: Duration = Duration::hours(1);
/// How long a refresh token works.
pub(crate) const REFRESH_TTL: Duration = Duration::days(30);

/// A pair of bearers, freshly issued.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) session_token: Bearer,
    pub(crate) expire_time: OffsetDateTime,
    pub(crate) refresh_token: Bearer,
    pub(crate) refresh_expire_time: OffsetDateTime,
}

impl Issued {
    /// Issues a pair at `now`.
    pub(crate) fn at(now: OffsetDateTime, ids: &mc_chassis::ids::Ids) -> Self {
        Self {
            session_token: Bearer::issue(Kind::Session, ids),
            expire_time: now + SESSION_TTL,
            refresh_token: Bearer::issue(Kind::Refresh, ids),
            refresh_expire_time: now + REFRESH_TTL,
        }
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    SignedOut,
    /// A refresh token came a second time: it, or the pair that it was traded for, is in the wrong hands.
    RefreshReused,
}

impl End {
    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::RefreshReused => "refresh_reused",
        }
    }
}

/// A stored bearer of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) session: Uuid,
    pub(crate) user: Uuid,
    pub(crate) expire_time: OffsetDateTime,
    /// When a refresh token was traded in.
    pub(crate) use_time: Option<OffsetDateTime>,
    /// When the session ended, if it did.
    pub(crate) end_time: Option<OffsetDateTime>,
}

/// What a presented bearer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// A refresh token that was traded in before.
    Reused,
    Revoked,
    Expired,
}

impl Token {
    /// What it is worth at `now`. An ended session outranks everything: whoever holds its tokens learns no more.
    pub(crate) fn standing(&self, now: OffsetDateTime) -> Standing {
        if self.end_time.is_some() {
            Standing::Revoked
        } else if self.use_time.is_some() {
            Standing::Reused
        } else if now >= self.expire_time {
            Standing::Expired
        } else {
            Standing::Good
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn token_works_until_the_instant_it_expires() {
        let token = |expire_time, use_time, end_time| Token {
            session: Uuid::nil(),
            user: Uuid::nil(),
            expire_time,
            use_time,
            end_time,
        };
        let later = NOW + Duration::nanoseconds(1);
        assert_eq!(token(later, None, None).standing(NOW), Standing::Good);
        assert_eq!(token(NOW, None, None).standing(NOW), Standing::Expired);
        assert_eq!(token(later, Some(NOW), None).standing(NOW), Standing::Reused);
        assert_eq!(
            token(NOW, Some(NOW), None).standing(NOW),
            Standing::Reused,
            "reuse counts after expiry too"
        );
        assert_eq!(token(later, Some(NOW), Some(NOW)).standing(NOW), Standing::Revoked);
    }
}
