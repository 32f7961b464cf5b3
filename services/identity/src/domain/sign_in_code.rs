//! Codes that sign a person in once, by a link.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long a code works.
pub(crate) const TTL: Duration = Duration::minutes(10);

/// The bearer that a code was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maker {
    /// The session or API token.
    pub(crate) id: Uuid,
    /// The API token's workspace.
    pub(crate) workspace: Option<Uuid>,
}

/// What a bearer goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Root {
    /// The API token, itself or through the sessions that were opened with it; none if it was a password.
    pub(crate) api_token: Option<Uuid>,
    /// When the API token expires, and with it what goes back to it.
    pub(crate) last_time: Option<OffsetDateTime>,
}

impl Root {
    /// A password, which does not expire.
    pub(crate) const PASSWORD: Self = Self { api_token: None, last_time: None };
}

/// A stored code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) user: Uuid,
    pub(crate) maker: Maker,
    pub(crate) expire_time: OffsetDateTime,
    /// When it was traded for a session.
    pub(crate) use_time: Option<OffsetDateTime>,
    /// When it first came again.
    pub(crate) reuse_time: Option<OffsetDateTime>,
}

/// What a presented code is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// It came again, for the first time: somebody else has it, or the person tried their link twice.
    Reused,
    /// It came again and again, or too late.
    Over,
}

impl Code {
    /// What it is worth at `now`, its maker apart.
    pub(crate) fn standing(&self, now: OffsetDateTime) -> Standing {
        match (self.use_time, self.reuse_time) {
            (Some(_), None) => Standing::Reused,
            (Some(_), Some(_)) => Standing::Over,
            (None, _) if now >= self.expire_time => Standing::Over,
            (None, _) => Standing::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn code_works_once_until_the_instant_it_expires() {
        let code = |expire_time, use_time, reuse_time| Code {
            user: Uuid::nil(),
            maker: Maker { id: Uuid::nil(), workspace: None },
            expire_time,
            use_time,
            reuse_time,
        };
        let later = NOW + Duration::nanoseconds(1);
        assert_eq!(code(later, None, None).standing(NOW), Standing::Good);
        assert_eq!(code(NOW, None, None).standing(NOW), Standing::Over);
        assert_eq!(code(later, Some(NOW), None).standing(NOW), Standing::Reused);
        assert_eq!(code(NOW, Some(NOW), None).standing(NOW), Standing::Reused, "late as well");
        assert_eq!(code(later, Some(NOW), Some(NOW)).standing(NOW), Standing::Over);
    }
}
