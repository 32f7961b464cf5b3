//! Sessions of people: an hour at a time, renewed by single-use tokens.

use mc_chassis::ids::Ids;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::bearer::{Bearer, Kind};

/// How long a session token works.
pub(crate) const SESSION_TTL: Duration = Duration::hours(1);
/// How long a refresh token works.
pub(crate) const REFRESH_TTL: Duration = Duration::days(30);
/// How long a refresh token that was traded in answers the same again: two tabs that renew at once, and a reply that was lost,
/// are no theft.
pub(crate) const REFRESH_GRACE: Duration = Duration::seconds(10);

/// What makes the pair that follows on a refresh token one that its holder cannot foresee.
pub(crate) type Seed = [u8; 32];

/// A pair of bearers, freshly issued.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) session_token: Bearer,
    pub(crate) expire_time: OffsetDateTime,
    pub(crate) refresh_token: Bearer,
    pub(crate) refresh_expire_time: OffsetDateTime,
}

impl Issued {
    /// Issues a pair at `now` for a session that is over at `last`, if it has an end.
    pub(crate) fn at(now: OffsetDateTime, last: Option<OffsetDateTime>, ids: &Ids) -> Self {
        Self::with(now, last, Bearer::issue(Kind::Session, ids), Bearer::issue(Kind::Refresh, ids))
    }

    /// The pair that a refresh token was traded for at `then`: the same each time.
    pub(crate) fn following(
        refresh: &Bearer,
        seed: &Seed,
        then: OffsetDateTime,
        last: Option<OffsetDateTime>,
    ) -> Self {
        Self::with(then, last, refresh.derive(Kind::Session, seed), refresh.derive(Kind::Refresh, seed))
    }

    fn with(
        now: OffsetDateTime,
        last: Option<OffsetDateTime>,
        session_token: Bearer,
        refresh_token: Bearer,
    ) -> Self {
        let until = |ttl| last.map_or(now + ttl, |last| last.min(now + ttl));
        let (expire_time, refresh_expire_time) = (until(SESSION_TTL), until(REFRESH_TTL));
        Self { session_token, expire_time, refresh_token, refresh_expire_time }
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    SignedOut,
    /// A refresh token came a second time: it, or the pair that it was traded for, is in the wrong hands.
    RefreshReused,
    /// The API token that it was opened with was revoked.
    TokenRevoked,
}

impl End {
    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::RefreshReused => "refresh_reused",
            Self::TokenRevoked => "token_revoked",
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
    /// What the pair that it was traded for follows from, as long as nobody traded that one.
    pub(crate) successor: Option<Seed>,
    /// When the session ended, if it did.
    pub(crate) end_time: Option<OffsetDateTime>,
    /// When the session is over at the latest, if that is known.
    pub(crate) last_time: Option<OffsetDateTime>,
}

/// What a presented bearer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// A refresh token that was traded in a moment ago, for a pair that nobody has traded since.
    Again {
        then: OffsetDateTime,
        seed: Seed,
    },
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
        } else if let Some(then) = self.use_time {
            match self.successor {
                Some(seed) if now < then + REFRESH_GRACE => Standing::Again { then, seed },
                _ => Standing::Reused,
            }
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
            successor: None,
            end_time,
            last_time: None,
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

    #[test]
    fn traded_token_answers_again_until_the_instant_its_grace_ends() {
        let seed = [7; 32];
        let token = |successor, end_time| Token {
            session: Uuid::nil(),
            user: Uuid::nil(),
            expire_time: NOW + REFRESH_TTL,
            use_time: Some(NOW),
            successor,
            end_time,
            last_time: None,
        };
        let last = NOW + REFRESH_GRACE - Duration::nanoseconds(1);
        let again = Standing::Again { then: NOW, seed };
        assert_eq!(token(Some(seed), None).standing(NOW), again);
        assert_eq!(token(Some(seed), None).standing(last), again);
        assert_eq!(token(Some(seed), None).standing(NOW + REFRESH_GRACE), Standing::Reused);
        assert_eq!(token(None, None).standing(NOW), Standing::Reused, "its pair was traded in turn");
        assert_eq!(token(Some(seed), Some(NOW)).standing(NOW), Standing::Revoked);
    }

    #[test]
    fn pair_follows_from_token_and_seed_and_from_nothing_less() {
        let (ambient, _) = mc_chassis::Ambient::fixed(NOW, 1);
        let refresh = Bearer::issue(Kind::Refresh, &ambient.ids);
        let pair = |refresh: &Bearer, seed: u8| {
            let issued = Issued::following(refresh, &[seed; 32], NOW, None);
            (issued.session_token.reveal().to_owned(), issued.refresh_token.reveal().to_owned())
        };
        let one = pair(&refresh, 1);
        assert_eq!(one, pair(&refresh, 1));
        assert!(one.0.starts_with("mc_ses_") && one.1.starts_with("mc_ref_"));
        assert_ne!(one.0[7..], one.1[7..]);
        assert_ne!(one, pair(&refresh, 2));
        assert_ne!(one, pair(&Bearer::issue(Kind::Refresh, &ambient.ids), 1));
    }

    #[test]
    fn no_bearer_outlives_what_its_session_goes_back_to() {
        let refresh = Bearer::parse(&format!("mc_ref_{}", "a".repeat(43))).expect("a refresh token");
        let ends = |last| {
            let issued = Issued::following(&refresh, &[1; 32], NOW, last);
            (issued.expire_time, issued.refresh_expire_time)
        };
        let soon = NOW + Duration::minutes(1);
        assert_eq!(ends(Some(soon)), (soon, soon));
        let later = NOW + SESSION_TTL + Duration::SECOND;
        assert_eq!(ends(Some(later)), (NOW + SESSION_TTL, later));
        assert_eq!(ends(Some(NOW + REFRESH_TTL + Duration::SECOND)), ends(None));
    }
}
