//! Failures as callers see them: one gRPC code, one reason, and details in the standard google.rpc messages.
//!
//! Services map their own error enums to [`Failure`] in one exhaustive match. Internal text never gets here.

mod violations;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use violations::{MAX_FACT, MAX_MESSAGE, cut, fitting};
pub use violations::{MAX_VIOLATIONS, Violations, both};

/// `google.rpc.ErrorInfo.domain` of every failure of ours.
pub const DOMAIN: &str = "missioncontrol";

/// Reasons that more than one service gives. A service's own reasons stand in its `error.rs`.
pub mod reason {
    /// A field of the request is wrong; the violations name it.
    pub const INVALID_FIELD: &str = "INVALID_FIELD";
    /// There is no such thing, or the caller may not know of it.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// There is such a thing already.
    pub const ALREADY_EXISTS: &str = "ALREADY_EXISTS";
    /// The resource has changed since the etag was read.
    pub const ETAG_MISMATCH: &str = "ETAG_MISMATCH";
    /// The request id was used for another request.
    pub const IDEMPOTENCY_KEY_REUSED: &str = "IDEMPOTENCY_KEY_REUSED";
    /// No acceptable token came with the call.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The caller is known and may not do this.
    pub const PERMISSION_DENIED: &str = "PERMISSION_DENIED";
    /// The service has more work than it can take.
    pub const OVERLOADED: &str = "OVERLOADED";
    /// The call took longer than its deadline.
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    /// The database cannot be reached.
    pub const DATABASE_UNAVAILABLE: &str = "DATABASE_UNAVAILABLE";
    /// A service that this one needs cannot be reached.
    pub const UPSTREAM_UNAVAILABLE: &str = "UPSTREAM_UNAVAILABLE";
    /// The service is stopping; another replica will answer.
    pub const DRAINING: &str = "DRAINING";
    /// A fault of ours; the log has it under the request id.
    pub const INTERNAL: &str = "INTERNAL";
}

/// Why a call failed, in the caller's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Content>);

/// Boxed, because a failure travels in every `Result` and is rare.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    code: Code,
    reason: String,
    message: String,
    violations: Vec<Violation>,
    metadata: HashMap<String, String>,
    resource: Option<String>,
    retry_after: Option<Duration>,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request: `agent.spec.tools[1].tool`.
    pub field: String,
    /// What is wrong and what is right.
    pub description: String,
}

impl Failure {
    /// A failure; the message says what happened and what to do.
    pub fn new(code: Code, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Content {
            code,
            reason: reason.into(),
            message: cut(message.into(), MAX_MESSAGE),
            violations: Vec::new(),
            metadata: HashMap::new(),
            resource: None,
            retry_after: None,
        }))
    }

    /// INVALID_ARGUMENT: a field is wrong.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::invalid_fields(vec![Violation { field: field.into(), description: description.into() }])
    }

    /// INVALID_ARGUMENT: fields are wrong; there must be at least one. Those beyond [`MAX_VIOLATIONS`], or beyond what a
    /// reply has room for, are dropped.
    pub fn invalid_fields(violations: Vec<Violation>) -> Self {
        debug_assert!(!violations.is_empty(), "a refusal names at least one field");
        let violations = fitting(violations);
        let message = violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description))
            .collect::<Vec<_>>()
            .join("; ");
        let mut failure = Self::new(Code::InvalidArgument, reason::INVALID_FIELD, message);
        failure.0.violations = violations;
        failure
    }

    /// NOT_FOUND: no such resource, or none that the caller may know of.
    pub fn not_found(name: impl Into<String>) -> Self {
        let name = name.into();
        let message = format!("{name} was not found");
        Self::new(Code::NotFound, reason::NOT_FOUND, message).about(name)
    }

    /// ALREADY_EXISTS: the name is taken.
    pub fn already_exists(name: impl Into<String>) -> Self {
        let name = name.into();
        let message = format!("{name} exists already");
        Self::new(Code::AlreadyExists, reason::ALREADY_EXISTS, message).about(name)
    }

    /// ABORTED: the resource has changed since the caller read it.
    pub fn etag_mismatch(name: impl Into<String>) -> Self {
        let name = name.into();
        let message = format!("{name} has changed since it was read; read it again and repeat the change");
        Self::new(Code::Aborted, reason::ETAG_MISMATCH, message).about(name)
    }

    /// UNAUTHENTICATED: no acceptable token.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, reason::UNAUTHENTICATED, message)
    }

    /// PERMISSION_DENIED: the caller lacks a permission, which is named.
    pub fn permission_denied(permission: &str) -> Self {
        Self::new(
            Code::PermissionDenied,
            reason::PERMISSION_DENIED,
            format!("the permission {permission} is needed; an admin of the workspace can grant it"),
        )
        .with("permission", permission)
    }

    /// UNAVAILABLE: something this service needs cannot be reached; worth trying again after a second.
    pub fn unavailable(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, reason, message).retry_after(Duration::from_secs(1))
    }

    /// INTERNAL: a fault of ours. Log the cause first: it does not travel.
    pub fn internal() -> Self {
        Self::new(
            Code::Internal,
            reason::INTERNAL,
            "something went wrong on our side; the log has it under this request id",
        )
    }

    /// Adds another field that is wrong.
    #[must_use]
    pub fn and_invalid(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        let mut violations = std::mem::take(&mut self.0.violations);
        violations.push(Violation { field: field.into(), description: description.into() });
        let mut failure = Self::invalid_fields(violations);
        failure.0.metadata = self.0.metadata;
        failure
    }

    /// Adds a fact for programs.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.to_owned(), cut(value.into(), MAX_FACT));
        self
    }

    /// Names the resource that it is about.
    #[must_use]
    pub fn about(mut self, name: impl Into<String>) -> Self {
        self.0.resource = Some(cut(name.into(), MAX_FACT));
        self
    }

    /// Says when trying again is worth it.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The reason, for programs.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Fields that are wrong.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Facts for programs.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.0.metadata
    }

    /// Name of the resource that it is about.
    pub fn resource(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// When trying again is worth it.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Reads a failure back from what came over the wire. A status that is not one of ours keeps its code and gets its
    /// code's name as reason.
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        Self(Box::new(Content {
            code: status.code(),
            reason: info.map_or_else(|| code_name(status.code()).to_owned(), |info| info.reason.clone()),
            message: status.message().to_owned(),
            violations: details.bad_request().map_or_else(Vec::new, |bad| {
                let violation = |it: &FieldViolation| Violation {
                    field: it.field.clone(),
                    description: it.description.clone(),
                };
                bad.field_violations.iter().map(violation).collect()
            }),
            metadata: info.map(|info| info.metadata.clone()).unwrap_or_default(),
            resource: details.resource_info().map(|resource| resource.resource_name.clone()),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }))
    }
}

/// A code's name in google.rpc.Code: `INVALID_ARGUMENT`.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.reason, self.0.message)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let failure = *failure.0;
        let mut details = ErrorDetails::new();
        details.set_error_info(failure.reason, DOMAIN, failure.metadata);
        if !failure.violations.is_empty() {
            let violation = |it: Violation| FieldViolation::new(it.field, it.description);
            details.set_bad_request(failure.violations.into_iter().map(violation).collect::<Vec<_>>());
        }
        if let Some(name) = failure.resource {
            let kind = name.rsplit('/').nth(1).unwrap_or_default().to_owned();
            details.set_resource_info(kind, name, "", failure.message.clone());
        }
        if failure.retry_after.is_some() {
            details.set_retry_info(failure.retry_after);
        }
        Status::with_error_details(failure.code, failure.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_said_survives_the_wire() {
        let failure = Failure::invalid("agent.spec.model", "must be {provider}/{model}")
            .and_invalid("agent.display_name", "must not be empty")
            .with("limit", "80")
            .retry_after(Duration::from_millis(1_500));
        assert_eq!(Failure::from_status(&Status::from(failure.clone())), failure);

        let missing = Failure::not_found("workspaces/w/agents/a");
        assert_eq!(Failure::from_status(&Status::from(missing.clone())), missing);
    }

    #[test]
    fn foreign_status_keeps_its_code() {
        let failure = Failure::from_status(&Status::unavailable("connection reset"));
        assert_eq!((failure.code(), failure.reason()), (Code::Unavailable, "UNAVAILABLE"));
    }
}
