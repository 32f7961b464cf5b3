//! What can go wrong in this service, and how each of it looks to a caller: the one table of codes and reasons.

use mc_chassis::{Failure, db, error::reason, idempotency};
use tonic::{Code, Status};

use crate::domain::fault::{Fault, Kind};

/// A provider that is built in cannot be removed.
pub const BUILT_IN_PROVIDER: &str = "BUILT_IN_PROVIDER";

/// Why a call to this service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request or its caller is at fault, and it says how.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// The provider gave no answer, or cut it.
    #[error(transparent)]
    Provider(#[from] Fault),
    /// The idempotency key stands for another request.
    #[error("the idempotency key {0:?} was used for another request; use a new one for a new request")]
    KeyReused(String),
    /// There is no such resource, or the caller may not know of it.
    #[error("{0} was not found")]
    NotFound(String),
    /// There is a provider of that id.
    #[error("{0} exists already")]
    Exists(String),
    /// The simulator cannot be removed.
    #[error("the simulator is built in and cannot be removed")]
    BuiltIn,
    /// The service is stopping and takes no new generation.
    #[error("the service is stopping; another replica will answer")]
    Draining,
    /// A request id could not be honoured.
    #[error(transparent)]
    Idempotency(#[from] idempotency::Error),
    /// The database failed.
    #[error("use the database")]
    Database(#[from] sqlx::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(failure) => failure,
            Error::Provider(fault) => provider(fault),
            Error::KeyReused(_) => {
                Self::new(Code::AlreadyExists, reason::IDEMPOTENCY_KEY_REUSED, error.to_string())
            }
            Error::NotFound(name) => Self::not_found(name),
            Error::Exists(name) => Self::already_exists(name),
            Error::BuiltIn => Self::new(Code::FailedPrecondition, BUILT_IN_PROVIDER, error.to_string()),
            Error::Draining => Self::unavailable(reason::DRAINING, error.to_string()),
            Error::Idempotency(error) => error.into(),
            Error::Database(error) => db::failure(error),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

/// A key that the provider does not take is not the caller's identity, so it is a failed precondition and never
/// UNAUTHENTICATED. An interruption is ABORTED: the same request may be made again, as a new one.
fn provider(fault: Fault) -> Failure {
    let code = match fault.kind {
        Kind::RateLimited => Code::ResourceExhausted,
        Kind::AuthFailed | Kind::Refused | Kind::ContextTooLong => Code::FailedPrecondition,
        Kind::Unavailable | Kind::Overloaded => Code::Unavailable,
        Kind::Interrupted => Code::Aborted,
    };
    let failure = Failure::new(code, fault.kind.reason(), fault.message);
    match fault.retry_after.or_else(|| default_wait(fault.kind)) {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

/// What to wait when the provider names no time.
fn default_wait(kind: Kind) -> Option<std::time::Duration> {
    let seconds = match kind {
        Kind::RateLimited => 5,
        Kind::Overloaded => 2,
        Kind::Unavailable => 1,
        Kind::AuthFailed | Kind::Refused | Kind::ContextTooLong | Kind::Interrupted => return None,
    };
    Some(std::time::Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_fault_has_its_code_and_reason_on_the_wire() {
        for (kind, code, reason, waits) in [
            (Kind::RateLimited, Code::ResourceExhausted, "PROVIDER_RATE_LIMITED", true),
            (Kind::AuthFailed, Code::FailedPrecondition, "PROVIDER_AUTH_FAILED", false),
            (Kind::Refused, Code::FailedPrecondition, "PROVIDER_REFUSED", false),
            (Kind::ContextTooLong, Code::FailedPrecondition, "CONTEXT_TOO_LONG", false),
            (Kind::Unavailable, Code::Unavailable, "PROVIDER_UNAVAILABLE", true),
            (Kind::Overloaded, Code::Unavailable, "PROVIDER_OVERLOADED", true),
            (Kind::Interrupted, Code::Aborted, "GENERATION_INTERRUPTED", false),
        ] {
            let status = Status::from(Error::from(Fault::new(kind, "why")));
            let failure = Failure::from_status(&status);
            assert_eq!((failure.code(), failure.reason()), (code, reason));
            assert_eq!(failure.retry_delay().is_some(), waits, "{reason}");
            assert_eq!(Kind::from_reason(reason), Some(kind));
        }
    }

    #[test]
    fn the_providers_own_wait_is_passed_on() {
        let fault = Fault::new(Kind::RateLimited, "slow down").after(Some(Duration::from_millis(1500)));
        let failure = Failure::from_status(&Status::from(Error::from(fault)));
        assert_eq!(failure.retry_delay(), Some(Duration::from_millis(1500)));
    }
}
