//! When a call is given up: the caller's `grpc-timeout`, or a default for unary calls. A stream's body has no deadline.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Code;

use super::grpc_timeout;
use super::method::Kind;
use crate::Failure;
use crate::error::reason;

/// The deadline of a call that came at `now`. A broken `grpc-timeout` counts as none.
pub(super) fn of(headers: &HeaderMap, kind: Kind, default: Duration, now: Instant) -> Option<Instant> {
    let asked = headers.get("grpc-timeout").and_then(|value| grpc_timeout::parse(value.to_str().ok()?));
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

#[cfg(test)]
mod tests {
    use super::*;

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
