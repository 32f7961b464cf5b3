//! Times that people write, as exact as the database keeps them.

use mc_chassis::Failure;
use prost_types::Timestamp;
use time::OffsetDateTime;

/// A time from 1970 to 9999; none where none is written.
pub(super) fn parse(field: &str, written: Option<Timestamp>) -> Result<Option<OffsetDateTime>, Failure> {
    let Some(Timestamp { seconds, nanos }) = written else { return Ok(None) };
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let at = OffsetDateTime::from_unix_timestamp(seconds.max(-1)).ok().filter(|at| at.unix_timestamp() >= 0);
    at.zip(nanos)
        .and_then(|(at, nanos)| at.replace_nanosecond(nanos / 1_000 * 1_000).ok())
        .map(Some)
        .ok_or_else(|| Failure::invalid(field, "must be a time from 1970 to 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_from_1970_to_9999_and_lose_what_the_database_does_not_keep() {
        let parse = |seconds, nanos| parse("task.due_time", Some(Timestamp { seconds, nanos }));
        let last = 253_402_300_799;
        assert_eq!(parse(0, 999).expect("the first"), Some(OffsetDateTime::UNIX_EPOCH));
        assert_eq!(
            parse(last, 999_999_999).expect("the last").map(OffsetDateTime::nanosecond),
            Some(999_999_000)
        );
        for (seconds, nanos) in
            [(-1, 0), (last + 1, 0), (i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)]
        {
            assert_eq!(parse(seconds, nanos).expect_err("no time").violations()[0].field, "task.due_time");
        }
        assert_eq!(super::parse("task.due_time", None).expect("none"), None);
    }
}
