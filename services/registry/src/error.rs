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

impl From<Vec<Violation>> for Error {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Edge(violations.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Edge(failure) => failure,
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
