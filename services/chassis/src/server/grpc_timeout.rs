//! The header `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").

use std::time::Duration;

use http::HeaderValue;

/// What the header says; none if it is broken.
pub(crate) fn parse(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Writes a timeout in the finest unit that has room for it, microseconds at the finest; at least one.
pub(crate) fn format(timeout: Duration) -> HeaderValue {
    const MAX: u128 = 99_999_999;
    let text = match timeout.as_micros().max(1) {
        micros if micros <= MAX => format!("{micros}u"),
        micros if micros / 1_000 <= MAX => format!("{}m", micros / 1_000),
        micros => format!("{}S", (micros / 1_000_000).min(MAX)),
    };
    HeaderValue::try_from(text).expect("digits and a letter are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(parse("1H"), Some(Duration::from_hours(1)));
        assert_eq!(parse("2M"), Some(Duration::from_mins(2)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("7u"), Some(Duration::from_micros(7)));
        assert_eq!(parse("9n"), Some(Duration::from_nanos(9)));
        for broken in ["", "S", "100000000S", "-1S", "+1S", "1.5S", "1h", "1é"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn timeouts_keep_their_length_where_the_header_has_room() {
        for timeout in [Duration::from_micros(1), Duration::from_secs(30), Duration::from_hours(20)] {
            assert_eq!(parse(format(timeout).to_str().expect("ascii")), Some(timeout));
        }
        assert_eq!(format(Duration::ZERO), "1u");
        assert_eq!(format(Duration::MAX), "99999999S");
    }
}
