//! What can go wrong in this service, and how each of it looks to a caller: the one table of codes and reasons.

use mc_chassis::{Failure, db, error::reason, idempotency};
use tonic::{Code, Status};

use crate::domain::fault::Kind;
use crate::domain::generation::Unanswered;

/// A provider that is built in cannot be removed.
pub const BUILT_IN_PROVIDER: &str = "BUILT_IN_PROVIDER";

/// Why a call to this service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request or its caller is at fault, and it says how.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// The provider gave no answer, or it was cut.
    #[error(transparent)]
    Unanswered(#[from] Box<Unanswered>),
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
            Error::Unanswered(unanswered) => without_answer(*unanswered),
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
/// UNAUTHENTICATED. An interruption is ABORTED: the same request may be made again, as a new one. What is booked is said
/// with it, so that whoever keeps account of the call need not ask.
fn without_answer(unanswered: Unanswered) -> Failure {
    let Unanswered { name, fault, settled } = unanswered;
    let code = match fault.kind {
        Kind::RateLimited => Code::ResourceExhausted,
        Kind::AuthFailed | Kind::Refused | Kind::ContextTooLong | Kind::Cancelled => Code::FailedPrecondition,
        Kind::Unavailable | Kind::Overloaded => Code::Unavailable,
        Kind::Interrupted => Code::Aborted,
    };
    let mut failure = Failure::new(code, fault.kind.reason(), fault.message).with("generation", name);
    if let Some(settled) = settled {
        failure = failure
            .with("total_tokens", settled.usage.total().to_string())
            .with("cost_estimated", settled.usage.estimated.to_string());
        if let Some(cost) = settled.cost_nano_usd {
            failure = failure.with("cost_nano_usd", cost.to_string());
        }
    }
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
        Kind::AuthFailed | Kind::Refused | Kind::ContextTooLong | Kind::Interrupted | Kind::Cancelled => {
            return None;
        }
    };
    Some(std::time::Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::fault::Fault;
    use crate::domain::generation::Settled;
    use crate::domain::usage::Usage;

    fn told(fault: Fault, settled: Option<Settled>) -> Failure {
        let unanswered = Unanswered { name: "workspaces/w/generations/g".into(), fault, settled };
        Failure::from_status(&Status::from(Error::from(Box::new(unanswered))))
    }

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
            (Kind::Cancelled, Code::FailedPrecondition, "GENERATION_CANCELLED", false),
        ] {
            let failure = told(Fault::new(kind, "why"), None);
            assert_eq!((failure.code(), failure.reason()), (code, reason));
            assert_eq!(failure.retry_delay().is_some(), waits, "{reason}");
            assert_eq!(Kind::from_reason(reason), Some(kind));
        }
    }

    #[test]
    fn the_providers_own_wait_is_passed_on() {
        let fault = Fault::new(Kind::RateLimited, "slow down").after(Some(Duration::from_millis(1500)));
        assert_eq!(told(fault, None).retry_delay(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_is_booked_is_said_and_an_unknown_price_is_left_out() {
        let cut = || Fault::new(Kind::Interrupted, "cut");
        let usage = Usage { cache_read: 4, ..Usage::estimate(30, 6) };
        let said = |settled| {
            let failure = told(cut(), settled);
            let of = |key: &str| failure.metadata().get(key).cloned();
            assert_eq!(of("generation").as_deref(), Some("workspaces/w/generations/g"));
            [of("total_tokens"), of("cost_estimated"), of("cost_nano_usd")]
        };
        let text = |text: &str| Some(text.to_owned());
        let priced = Settled { usage, cost_nano_usd: Some(700) };
        assert_eq!(said(Some(priced)), [text("40"), text("true"), text("700")]);
        let exact = Settled { usage: Usage { estimated: false, ..usage }, cost_nano_usd: None };
        assert_eq!(said(Some(exact)), [text("40"), text("false"), None]);
        assert_eq!(said(None), [None, None, None]);
    }
}
