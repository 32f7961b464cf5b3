//! Failures as HTTP says them: RFC 9457 problem details that carry the reason of `google.rpc.ErrorInfo`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use mc_chassis::Failure;
use mc_chassis::error::{DOMAIN, code_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Reasons that the edge gives itself, or gives a status of its own.
pub mod reason {
    /// No RPC stands at the path.
    pub const ROUTE_NOT_FOUND: &str = "ROUTE_NOT_FOUND";
    /// One does, but not by that method; `Allow` lists those that it takes.
    pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
    /// The body is not `application/json`.
    pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
    /// The body is larger than the edge takes.
    pub const BODY_TOO_LARGE: &str = "BODY_TOO_LARGE";
    /// Path and query are longer than the edge takes.
    pub const TARGET_TOO_LONG: &str = "TARGET_TOO_LONG";
    /// The headers are more, or larger, than the edge takes.
    pub const HEADERS_TOO_LARGE: &str = "HEADERS_TOO_LARGE";
    /// The body took too long to arrive.
    pub const BODY_TIMEOUT: &str = "BODY_TIMEOUT";
    /// The body is not JSON; the metadata has line and column.
    pub const MALFORMED_JSON: &str = "MALFORMED_JSON";
    /// The path or its escapes cannot be read.
    pub const MALFORMED_PATH: &str = "MALFORMED_PATH";
    /// A page of an origin that is not on the allow-list.
    pub const ORIGIN_NOT_ALLOWED: &str = "ORIGIN_NOT_ALLOWED";
    /// A watch is to go on where what comes next is no longer kept. It is the tasks service that says so.
    pub const CURSOR_EXPIRED: &str = "CURSOR_EXPIRED";
    /// The web app was asked for under a host that is not known as the edge's.
    pub const HOST_NOT_ALLOWED: &str = "HOST_NOT_ALLOWED";
}

/// An RFC 9457 problem. Switch on `reason`, show `detail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:missioncontrol:problem:{reason}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do, for people.
    pub detail: String,
    /// What happened, for programs: `ETAG_MISMATCH`.
    pub reason: String,
    /// Id of the request, as in the header `X-Request-Id` and in the logs.
    pub instance: String,
    /// Fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<FieldProblem>,
    /// Facts for programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When trying again is worth it, in seconds; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldProblem {
    /// Path of the field in the request, in the contract's names: `agent.spec.tools[1].tool`.
    pub field: String,
    /// What is wrong and what is right.
    pub description: String,
}

impl Problem {
    /// The problem that a failure is, for one request.
    pub fn new(failure: &Failure, request_id: &str) -> Self {
        let status = status(failure.code(), failure.reason());
        let violations = failure
            .violations()
            .iter()
            .map(|it| FieldProblem { field: it.field.clone(), description: it.description.clone() });
        let retry = failure
            .retry_delay()
            .or((status == StatusCode::SERVICE_UNAVAILABLE).then_some(Duration::from_secs(1)));
        Self {
            kind: format!("urn:missioncontrol:problem:{}", failure.reason()),
            title: status.canonical_reason().unwrap_or("Client Closed Request").to_owned(),
            status: status.as_u16(),
            detail: failure.message().to_owned(),
            reason: failure.reason().to_owned(),
            instance: request_id.to_owned(),
            violations: violations.collect(),
            metadata: failure.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            retry_after_seconds: retry.map(|delay| delay.as_millis().div_ceil(1_000).max(1) as u64),
        }
    }

    /// The problem as a response.
    pub fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self).expect("strings and numbers are JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"missioncontrol\", error=\"invalid_token\""),
            );
        }
        response
    }
}

/// The failure that an upstream's status is. Only text of our own services goes on: that of a status which is none of
/// theirs (a broken connection, a proxy in between) may tell of the inside, and so it goes to the log.
pub fn from_upstream(status: &Status) -> Failure {
    let ours = status.get_details_error_info().is_some_and(|info| info.domain == DOMAIN);
    let hidden = matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss);
    if ours && !hidden {
        return Failure::from_status(status);
    }
    if ours {
        return Failure::internal();
    }
    tracing::warn!(
        code = code_name(status.code()),
        message = status.message(),
        "upstream answered with a foreign status"
    );
    // A connection that breaks under a call reaches us as UNKNOWN, with the transport's error as its source.
    let broken = status.code() == Code::Unknown && std::error::Error::source(status).is_some();
    let code = if broken { Code::Unavailable } else { status.code() };
    match code {
        Code::Internal | Code::Unknown | Code::DataLoss | Code::Ok => Failure::internal(),
        Code::Unavailable => Failure::unavailable(
            mc_chassis::error::reason::UPSTREAM_UNAVAILABLE,
            "the service behind this call cannot be reached at the moment; try again",
        ),
        code => Failure::new(code, code_name(code), foreign_text(code)),
    }
}

fn foreign_text(code: Code) -> &'static str {
    match code {
        Code::Cancelled => "the call was cancelled",
        Code::DeadlineExceeded => "the call took longer than it may; try again",
        Code::NotFound => "there is no such thing",
        Code::AlreadyExists => "there is such a thing already",
        Code::PermissionDenied => "this is not allowed",
        Code::ResourceExhausted => "too much at once, or too large; try again later or send less",
        Code::FailedPrecondition => "this cannot be done in the present state",
        Code::Aborted => "this collided with another change; try again",
        Code::OutOfRange => "a value is out of range",
        Code::Unimplemented => "this deployment does not offer this call",
        Code::Unauthenticated => "no acceptable token came with the call",
        _ => "the request was refused",
    }
}

/// The one table from (code, reason) to HTTP status. A reason that has a status of its own wins over its code.
pub fn status(code: Code, reason: &str) -> StatusCode {
    use mc_chassis::error::reason as common;
    match reason {
        common::ETAG_MISMATCH => return StatusCode::PRECONDITION_FAILED,
        common::IDEMPOTENCY_KEY_REUSED => return StatusCode::UNPROCESSABLE_ENTITY,
        reason::METHOD_NOT_ALLOWED => return StatusCode::METHOD_NOT_ALLOWED,
        reason::UNSUPPORTED_MEDIA_TYPE => return StatusCode::UNSUPPORTED_MEDIA_TYPE,
        reason::BODY_TIMEOUT => return StatusCode::REQUEST_TIMEOUT,
        reason::BODY_TOO_LARGE => return StatusCode::PAYLOAD_TOO_LARGE,
        reason::CURSOR_EXPIRED => return StatusCode::GONE,
        reason::TARGET_TOO_LONG => return StatusCode::URI_TOO_LONG,
        reason::HEADERS_TOO_LARGE => return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        reason::HOST_NOT_ALLOWED => return StatusCode::MISDIRECTED_REQUEST,
        _ => {}
    }
    match code {
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        // nginx's "client closed request"; nobody is left to read it.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_status() {
        let table = [
            (Code::Ok, 500),
            (Code::Cancelled, 499),
            (Code::Unknown, 500),
            (Code::InvalidArgument, 400),
            (Code::DeadlineExceeded, 504),
            (Code::NotFound, 404),
            (Code::AlreadyExists, 409),
            (Code::PermissionDenied, 403),
            (Code::ResourceExhausted, 429),
            (Code::FailedPrecondition, 409),
            (Code::Aborted, 409),
            (Code::OutOfRange, 400),
            (Code::Unimplemented, 501),
            (Code::Internal, 500),
            (Code::Unavailable, 503),
            (Code::DataLoss, 500),
            (Code::Unauthenticated, 401),
        ];
        for (code, expected) in table {
            assert_eq!(status(code, "ANY").as_u16(), expected, "{code:?}");
        }
        for code in [Code::Aborted, Code::FailedPrecondition] {
            assert_eq!(status(code, "ETAG_MISMATCH"), 412);
        }
        assert_eq!(status(Code::FailedPrecondition, "IDEMPOTENCY_KEY_REUSED"), 422);
        assert_eq!(status(Code::InvalidArgument, "BODY_TOO_LARGE"), 413);
        assert_eq!(status(Code::OutOfRange, "CURSOR_EXPIRED"), 410);
    }

    #[test]
    fn details_reach_the_client() {
        let failure = Failure::invalid("task.title", "must not be empty")
            .with("limit", "200")
            .retry_after(Duration::from_millis(1_001));
        let problem = Problem::new(&from_upstream(&Status::from(failure)), "req-1");
        let json = serde_json::to_value(&problem).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:missioncontrol:problem:INVALID_FIELD", "title": "Bad Request", "status": 400,
                "detail": "task.title: must not be empty", "reason": "INVALID_FIELD", "instance": "req-1",
                "violations": [{"field": "task.title", "description": "must not be empty"}],
                "metadata": {"limit": "200"}, "retryAfterSeconds": 2,
            })
        );
        let response = problem.into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (400, &HeaderValue::from_static("2"))
        );
    }

    #[test]
    fn foreign_text_stays_inside() {
        for status in [
            Status::unavailable("tcp connect error: 10.0.0.7:5432"),
            Status::unknown("h2 protocol error: 10.0.0.7"),
            Status::internal("panicked at 10.0.0.7"),
            Status::deadline_exceeded("10.0.0.7"),
            Failure::new(Code::Internal, "INTERNAL", "10.0.0.7").into(),
            Status::from_error(Box::new(std::io::Error::other("10.0.0.7 reset"))),
        ] {
            let problem = Problem::new(&from_upstream(&status), "r");
            assert!(!serde_json::to_string(&problem).expect("JSON").contains("10.0.0.7"), "{problem:?}");
        }
        let reset = Status::from_error(Box::new(std::io::Error::other("reset")));
        let problem = Problem::new(&from_upstream(&reset), "r");
        assert_eq!((problem.status, problem.retry_after_seconds), (503, Some(1)), "{reset:?}");
    }
}
