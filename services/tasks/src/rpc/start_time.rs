//! When a run is to start, as StartTask takes it.

use mc_chassis::Failure;
use prost_types::Timestamp;
use time::{Duration, OffsetDateTime};

/// How far ahead a start may lie.
const MOST_AHEAD: Duration = Duration::days(365);

/// The time that is asked for, as exact as the database keeps it; none for at once, which a time that is past means too.
pub(super) fn start_time(
    asked: Option<Timestamp>,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, Failure> {
    const FIELD: &str = "start_time";
    let Some(Timestamp { seconds, nanos }) = asked else { return Ok(None) };
    let wrong = || Failure::invalid(FIELD, "must be a time");
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or_else(wrong)?;
    let at = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| wrong())?;
    let at = at.replace_nanosecond(nanos / 1_000 * 1_000).map_err(|_| wrong())?;
    if at - now > MOST_AHEAD {
        return Err(Failure::invalid(FIELD, "must be at most 365 days ahead"));
    }
    Ok(Some(at).filter(|at| *at > now))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 09:00 UTC);

    fn at(seconds: i64, nanos: i32) -> Result<Option<OffsetDateTime>, Failure> {
        start_time(Some(Timestamp { seconds, nanos }), NOW)
    }

    #[test]
    fn start_lies_ahead_by_a_microsecond_to_a_year_and_anything_earlier_is_now() {
        let now = NOW.unix_timestamp();
        assert_eq!(start_time(None, NOW).expect("at once"), None);
        for past in [i64::from(i32::MIN), 0, now - 1, now] {
            assert_eq!(at(past, 0).expect("at once"), None, "{past}");
        }
        assert_eq!(at(now, 999).expect("less than the database tells apart"), None);
        assert_eq!(at(now, 1_999).expect("ahead"), Some(NOW + Duration::microseconds(1)));
        let most = now + MOST_AHEAD.whole_seconds();
        assert_eq!(at(most, 0).expect("the last"), Some(NOW + MOST_AHEAD));
        for wrong in [
            at(most, 1_000),
            at(most + 1, 0),
            at(i64::MAX, 0),
            at(i64::MIN, 0),
            at(0, -1),
            at(0, 1_000_000_000),
        ] {
            assert_eq!(wrong.expect_err("no start").violations()[0].field, "start_time");
        }
    }
}
