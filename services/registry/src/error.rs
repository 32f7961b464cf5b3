//! Every way in which a call to the registry fails, and what the caller is told.

use mc_chassis::error::Violation;
use mc_chassis::{Failure, db, idempotency};
use tonic::{Code, Status};

/// There is no published version to answer with.
pub(crate) const NOT_PUBLISHED: &str = "AGENT_NOT_PUBLISHED";

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Found at the edge, already in the caller's terms.
    #[error(transparent)]
    Edge(#[from] Failure),
    /// Fields break their rules.
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<Violation>),
    /// No such agent or version in the caller's workspace.
    #[error("{0} was not found")]
    NotFound(String),
    /// The agent has changed since the caller read it.
    #[error("{0} has changed")]
    EtagMismatch(String),
    /// The agent has no version yet.
    #[error("{0} has no published version")]
    NotPublished(String),
    /// The request id could not be honoured.
    #[error(transparent)]
    RequestId(#[from] idempotency::Error),
    /// The database refused or was out of reach.
    #[error("use the database")]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// The broken rules, if that is all that is wrong.
    fn violations(&self) -> Option<&[Violation]> {
        match self {
            Self::Edge(failure) if !failure.violations().is_empty() => Some(failure.violations()),
            Self::Invalid(violations) => Some(violations),
            _ => None,
        }
    }
}

/// Both outcomes, or all that is wrong with either: a caller learns of every broken rule at once.
pub(crate) fn both<A, B>(first: Result<A, Error>, second: Result<B, Error>) -> Result<(A, B), Error> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(first), Err(second)) => match (first.violations(), second.violations()) {
            (Some(some), Some(more)) => Err(Error::Invalid([some, more].concat())),
            _ => Err(first),
        },
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

impl From<Vec<Violation>> for Error {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Invalid(violations)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Edge(failure) => failure,
            Error::Invalid(violations) => Self::invalid_fields(violations),
            Error::NotFound(name) => Self::not_found(name),
            Error::EtagMismatch(name) => Self::etag_mismatch(name),
            Error::NotPublished(name) => Self::new(
                Code::NotFound,
                NOT_PUBLISHED,
                format!("{name} has no published version yet; publish it first"),
            ),
            Error::RequestId(error) => error.into(),
            Error::Database(error) => db::failure(error),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}
