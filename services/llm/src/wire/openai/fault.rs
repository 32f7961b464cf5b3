//! What the dialect's errors mean: by HTTP status and body, and inside a stream that had begun with 200.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::domain::fault::{Fault, Kind};

/// Longest wait that is believed, so that a strange header cannot park a caller for days.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The failure that a reply other than 200 is. `retry_after` is the header of that name, read at `now`.
pub fn from_reply(status: u16, body: &[u8], retry_after: Option<&str>, now: OffsetDateTime) -> Fault {
    let error = Described::of(&serde_json::from_slice(body).unwrap_or(Value::Null));
    let said = if error.message.is_empty() { String::new() } else { format!(": {}", error.message) };
    let message = format!("the provider answered {status}{said}");
    Fault::new(error.kind(status), message).after(retry_after.and_then(|text| parse_retry_after(text, now)))
}

/// The failure that an `error` object inside a stream is.
pub fn from_stream(error: &Value) -> Fault {
    let error = Described::of(&serde_json::json!({ "error": error }));
    let status = error.code.parse().unwrap_or(0);
    let said = if error.message.is_empty() { String::new() } else { format!(": {}", error.message) };
    let message = format!("the provider reported an error in its stream{said}");
    Fault::new(error.kind(status), message)
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110 section 10.2.3), at most an hour.
pub fn parse_retry_after(text: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = text.trim();
    let wait = if let Ok(seconds) = text.parse::<f64>() {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        Duration::try_from(date - now).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The words of an error body, wherever its server puts them.
struct Described {
    message: String,
    kind: String,
    code: String,
}

impl Described {
    fn of(body: &Value) -> Self {
        // {"error": {...}} (OpenAI, llama.cpp), {"error": "..."} (Ollama), {"message": ...} (vLLM), {"detail": ...} (FastAPI).
        let error = body.get("error").unwrap_or(body);
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = if let Value::String(text) = error {
            text.clone()
        } else {
            Some(text("message")).filter(|text| !text.is_empty()).unwrap_or_else(|| text("detail"))
        };
        Self { message, kind: text("type"), code: text("code") }
    }

    fn kind(&self, status: u16) -> Kind {
        let words = [&self.kind, &self.code, &self.message].map(|word| word.to_ascii_lowercase());
        let says =
            |needles: &[&str]| needles.iter().any(|needle| words.iter().any(|word| word.contains(needle)));
        let is_request_error = matches!(status, 0 | 400..=499) && status != 429;
        if is_request_error
            && says(&[
                "context_length",
                "exceed_context",
                "context length",
                "context window",
                "context size",
                "prompt is too long",
            ])
        {
            return Kind::ContextTooLong;
        }
        match status {
            401 | 403 => Kind::AuthFailed,
            // An empty account is answered with 429 too, and no waiting fills it.
            429 if says(&["insufficient_quota", "billing"]) => Kind::Refused,
            429 => Kind::RateLimited,
            529 => Kind::Overloaded,
            500..=599 if says(&["overloaded", "slow_down", "over capacity"]) => Kind::Overloaded,
            408 | 425 | 500..=599 => Kind::Unavailable,
            400..=499 => Kind::Refused,
            _ if says(&["overloaded"]) => Kind::Overloaded,
            _ if says(&["insufficient_quota"]) => Kind::Refused,
            _ if says(&["rate_limit", "rate limit"]) => Kind::RateLimited,
            _ if says(&["authentication", "invalid_api_key", "permission"]) => Kind::AuthFailed,
            _ if says(&["invalid_request"]) => Kind::Refused,
            _ => Kind::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 07:00:00 UTC);

    #[test]
    fn statuses_and_bodies_of_real_servers_are_told_apart() {
        for (status, body, kind) in [
            (400, r#"{"error":{"message":"bad","type":"invalid_request_error","code":null}}"#, Kind::Refused),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#,
                Kind::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
                Kind::ContextTooLong,
            ),
            (
                400,
                r#"{"object":"error","message":"This model's maximum context length is 10","type":"BadRequestError","code":400}"#,
                Kind::ContextTooLong,
            ),
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#,
                Kind::AuthFailed,
            ),
            (402, r#"{"error":{"message":"Insufficient credits","code":402}}"#, Kind::Refused),
            (403, "", Kind::AuthFailed),
            (404, r#"{"error":"model \"x\" not found, try pulling it first"}"#, Kind::Refused),
            (408, "", Kind::Unavailable),
            (422, r#"{"detail":"field required"}"#, Kind::Refused),
            (
                429,
                r#"{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}"#,
                Kind::RateLimited,
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota"}}"#,
                Kind::Refused,
            ),
            (500, "<html>oops", Kind::Unavailable),
            (503, r#"{"error":{"message":"The engine is currently overloaded"}}"#, Kind::Overloaded),
            (
                503,
                r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
                Kind::Unavailable,
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Kind::Overloaded,
            ),
        ] {
            assert_eq!(from_reply(status, body.as_bytes(), None, NOW).kind, kind, "{status} {body}");
        }
    }

    #[test]
    fn errors_inside_a_stream_are_told_apart() {
        for (error, kind) in [
            (r#"{"message":"Provider returned error","code":429}"#, Kind::RateLimited),
            (r#"{"type":"overloaded_error","message":"Overloaded"}"#, Kind::Overloaded),
            (r#"{"message":"boom","type":"server_error"}"#, Kind::Unavailable),
            (
                r#"{"message":"maximum context length","code":"context_length_exceeded"}"#,
                Kind::ContextTooLong,
            ),
            (r#"{"message":"no","code":"invalid_api_key"}"#, Kind::AuthFailed),
            (r#""just words""#, Kind::Unavailable),
        ] {
            assert_eq!(from_stream(&serde_json::from_str(error).expect("JSON")).kind, kind, "{error}");
        }
    }

    #[test]
    fn messages_quote_the_provider() {
        let body = br#"{"error":{"message":"Incorrect API key provided"}}"#;
        let fault = from_reply(401, body, None, NOW);
        assert_eq!(fault.message, "the provider answered 401: Incorrect API key provided");
        assert_eq!(from_reply(502, b"", None, NOW).message, "the provider answered 502");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        for (text, seconds) in [
            ("20", Some(20.0)),
            ("1.5", Some(1.5)),
            (" 0 ", Some(0.0)),
            ("Mon, 23 Nov 2026 07:00:30 GMT", Some(30.0)),
            ("Mon, 23 Nov 2026 06:59:00 GMT", Some(0.0)),
            ("999999", Some(3600.0)),
            ("-5", None),
            ("soon", None),
        ] {
            assert_eq!(parse_retry_after(text, NOW).map(|wait| wait.as_secs_f64()), seconds, "{text}");
        }
    }
}
