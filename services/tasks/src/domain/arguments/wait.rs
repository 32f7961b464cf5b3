//! The arguments of `wait`: for how long, or until when, and what for.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::fields::Fields;
use super::{check_text, unprintable};

/// Longest wait, in seconds: 365 days.
pub const MAX_WAIT_SECONDS: i64 = 365 * 24 * 60 * 60;
/// Longest reason of a wait, in characters.
pub const MAX_WAIT_REASON_CHARS: usize = 500;

/// What an agent waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// For how long, or until when.
    pub span: WaitSpan,
    /// What for, in the agent's words; not blank, at most [`MAX_WAIT_REASON_CHARS`].
    pub reason: String,
}

/// For how long, or until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitSpan {
    /// So many seconds from when the call is seen to, 1 to [`MAX_WAIT_SECONDS`].
    Seconds(i64),
    /// This time, as exact as the database keeps it.
    Until(OffsetDateTime),
}

impl Wait {
    /// When it is over if it begins now. The error tells the model what to mend.
    pub fn wake_at(&self, now: OffsetDateTime) -> Result<OffsetDateTime, String> {
        match self.span {
            WaitSpan::Seconds(seconds) => {
                now.checked_add(Duration::seconds(seconds)).ok_or_else(|| "seconds: is too far ahead".into())
            }
            // One that is past is due at once.
            WaitSpan::Until(at) if at - now <= Duration::seconds(MAX_WAIT_SECONDS) => Ok(at),
            WaitSpan::Until(_) => {
                let now = now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default();
                Err(format!("until: is more than 365 days ahead; it is {now} now"))
            }
        }
    }
}

impl Fields {
    pub(super) fn wait(&mut self) -> Result<Wait, String> {
        let span = match (self.take("seconds"), self.text("until")?) {
            (Some(_), Some(_)) => return Err("until: is given besides seconds; leave one of them out".into()),
            (None, None) => return Err("seconds: is missing, and so is until; give one of them".into()),
            (Some(value), None) => value
                .as_i64()
                .filter(|seconds| (1..=MAX_WAIT_SECONDS).contains(seconds))
                .map(WaitSpan::Seconds)
                .ok_or_else(|| {
                    let value: String = value.to_string().chars().take(40).collect();
                    format!("seconds: must be a whole number from 1 to {MAX_WAIT_SECONDS}, not {value}")
                })?,
            (None, Some(text)) => WaitSpan::Until(until(&text)?),
        };
        let reason = self.required_text("reason")?;
        check_text("reason", &reason, MAX_WAIT_REASON_CHARS)?;
        if reason.chars().any(unprintable) {
            return Err("reason: must not hold control characters".into());
        }
        Ok(Wait { span, reason })
    }
}

fn until(text: &str) -> Result<OffsetDateTime, String> {
    let wrong = || {
        let text: String = text.chars().take(40).collect();
        format!("until: must be a time with its offset, for example `2026-01-31T09:00:00Z`, not `{text}`")
    };
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
    // What the calendar holds at that offset, it may not hold at another.
    let at = at.checked_to_offset(time::UtcOffset::UTC).ok_or_else(wrong)?;
    at.replace_nanosecond(at.nanosecond() / 1_000 * 1_000).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::arguments::Arguments;
    use crate::domain::tool::Tool;

    const NOW: OffsetDateTime = datetime!(2026-11-23 09:00 UTC);

    fn read(text: &str) -> Result<Wait, String> {
        match Arguments::parse(Tool::Wait, text)? {
            Arguments::Wait(wait) => Ok(wait),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn seconds_are_held_at_their_edges() {
        for (seconds, wake_at) in
            [(1, datetime!(2026-11-23 09:00:01 UTC)), (MAX_WAIT_SECONDS, datetime!(2027-11-23 09:00 UTC))]
        {
            let wait = read(&format!(r#"{{"seconds": {seconds}, "reason": "The build."}}"#)).expect("a wait");
            assert_eq!(wait, Wait { span: WaitSpan::Seconds(seconds), reason: "The build.".into() });
            assert_eq!(wait.wake_at(NOW), Ok(wake_at));
        }
        for wrong in ["0", "-1", "31536001", "1.5", "\"60\"", "1e3", "9223372036854775808", "[]"] {
            let why = read(&format!(r#"{{"seconds": {wrong}, "reason": "r"}}"#)).expect_err(wrong);
            assert!(why.starts_with("seconds: must be a whole number from 1 to 31536000, not"), "{why}");
        }
    }

    #[test]
    fn time_is_taken_with_any_offset_as_exact_as_the_database_keeps_it_and_at_most_a_year_ahead() {
        for (text, at) in [
            ("2026-11-23T10:00:00Z", datetime!(2026-11-23 10:00 UTC)),
            ("2026-11-23t11:00:00.1234567+01:00", datetime!(2026-11-23 10:00:00.123456 UTC)),
            ("2027-11-23T09:00:00Z", datetime!(2027-11-23 09:00 UTC)),
            ("1999-01-01T00:00:00Z", datetime!(1999-01-01 00:00 UTC)),
        ] {
            let wait = read(&format!(r#"{{"until": "{text}", "reason": "r"}}"#)).expect(text);
            assert_eq!(wait.wake_at(NOW), Ok(at));
        }
        let far = read(r#"{"until": "2027-11-23T09:00:01Z", "reason": "r"}"#).expect("a time");
        assert_eq!(
            far.wake_at(NOW),
            Err("until: is more than 365 days ahead; it is 2026-11-23T09:00:00Z now".into())
        );
        for wrong in [
            "",
            "tomorrow",
            "2026-11-23",
            "2026-11-23T10:00:00",
            "2026-02-30T10:00:00Z",
            "0000-01-01T00:00:00+23:59",
        ] {
            let text = format!(r#"{{"until": "{wrong}", "reason": "r"}}"#);
            // The last one may be before the calendar, or far in the past: it is no panic.
            if let Ok(wait) = read(&text) {
                assert!(wait.wake_at(NOW).is_ok_and(|at| at < NOW), "{wrong}");
            }
        }
        assert!(
            read(r#"{"until": "tomorrow", "reason": "r"}"#).expect_err("no time").contains("not `tomorrow`")
        );
    }

    #[test]
    fn one_of_the_two_is_given_and_a_reason() {
        for (text, why) in [
            ("{}", "seconds: is missing, and so is until"),
            (r#"{"seconds": 1, "until": "2026-11-23T10:00:00Z", "reason": "r"}"#, "until: is given besides"),
            (r#"{"seconds": 1}"#, "reason: is missing"),
            (r#"{"seconds": 1, "reason": " "}"#, "reason: is empty"),
            (r#"{"seconds": 1, "reason": "a\u0000b"}"#, "reason: must not hold control"),
            (r#"{"seconds": 1, "reason": "r", "minutes": 2}"#, "minutes: `wait` has no such argument"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(why), "{error}");
        }
        let reason = |chars: usize| read(&format!(r#"{{"seconds": 1, "reason": "{}"}}"#, "é".repeat(chars)));
        assert!(reason(MAX_WAIT_REASON_CHARS).is_ok() && reason(MAX_WAIT_REASON_CHARS + 1).is_err());
    }
}
