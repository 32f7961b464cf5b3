//! When a call is given up: the caller's `grpc-timeout`, or a default for unary calls. A stream's body has no deadline.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Code;

use super::method::Kind;
use crate::Failure;
use crate::error::reason;

/// The deadline of a call that came at `now`. A broken `grpc-timeout` counts as none.
pub(super) fn of(headers: &HeaderMap, kind: Kind, default: Duration, now: Instant) -> Option<Instant> {
    let asked = headers.get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
    match (asked, kind) {
        // A timeout beyond what the clock can show is none.
        (Some(timeout), _) => now.checked_add(timeout),
        (None, Kind::Unary) => Some(now + default),
        (None, Kind::Stream | Kind::Watch) => None,
    }
}

/// Gives `work` up at the deadline: it is dropped where it stands.
pub(super) async fn within<F: Future>(deadline: Option<Instant>, work: F) -> Result<F::Output, Failure> {
    let Some(deadline) = deadline else { return Ok(work.await) };
    tokio::time::timeout_at(deadline, work).await.map_err(|_| {
        Failure::new(
            Code::DeadlineExceeded,
            reason::DEADLINE_EXCEEDED,
            "the call took longer than its deadline; what it did until then may have taken effect",
        )
    })
}

/// `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn parse(value: &str) -> Option<Duration> {
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

    #[tokio::test]
    async fn default_is_for_unary_calls_alone() {
        let now = Instant::now();
        let default = Duration::from_secs(30);
        let mut headers = HeaderMap::new();
        assert_eq!(of(&headers, Kind::Unary, default, now), Some(now + default));
        assert_eq!(of(&headers, Kind::Watch, default, now), None);
        headers.insert("grpc-timeout", "5S".parse().expect("ascii"));
        assert_eq!(of(&headers, Kind::Unary, default, now), Some(now + Duration::from_secs(5)));
        headers.insert("grpc-timeout", "soon".parse().expect("ascii"));
        assert_eq!(of(&headers, Kind::Unary, default, now), Some(now + default));
    }
}
