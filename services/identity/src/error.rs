//! Every way in which a call to identity fails, and what the caller is told. No variant holds a secret.

use std::time::Duration;

use mc_chassis::error::{Violation, reason};
use mc_chassis::{Failure, db, idempotency};
use tonic::{Code, Status};

use crate::passwords;
use crate::vault::OpenError;

/// The address or the password is wrong; which of them is not told.
pub(crate) const INVALID_CREDENTIALS: &str = "INVALID_CREDENTIALS";
/// Too many sign-ins were tried, for this address or from this place.
pub(crate) const TOO_MANY_ATTEMPTS: &str = "TOO_MANY_ATTEMPTS";
/// No bearer of ours.
pub(crate) const TOKEN_INVALID: &str = "TOKEN_INVALID";
/// A bearer whose time is over.
pub(crate) const TOKEN_EXPIRED: &str = "TOKEN_EXPIRED";
/// A bearer that was revoked, or whose session ended.
pub(crate) const TOKEN_REVOKED: &str = "TOKEN_REVOKED";
/// A refresh token that was traded in before.
pub(crate) const REFRESH_TOKEN_REUSED: &str = "REFRESH_TOKEN_REUSED";
/// A sign-in code that is unknown, used, expired, or made with a bearer that works no more; which of them is not told.
pub(crate) const SIGN_IN_CODE_INVALID: &str = "SIGN_IN_CODE_INVALID";
/// What would widen a narrowed API token.
pub(crate) const TOKEN_NARROWED: &str = "TOKEN_NARROWED";
/// There is no such workspace, or the person is not a member.
pub(crate) const WORKSPACE_NOT_FOUND: &str = "WORKSPACE_NOT_FOUND";
/// What only a session can do was tried with an API token.
pub(crate) const SESSION_NEEDED: &str = "SESSION_NEEDED";

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Found at the edge, already in the caller's terms.
    #[error(transparent)]
    Edge(#[from] Failure),
    /// No such resource in the caller's workspace.
    #[error("{0} was not found")]
    NotFound(String),
    /// The resource has changed since the caller read it.
    #[error("{0} has changed")]
    EtagMismatch(String),
    /// No such workspace, or the person is not a member.
    #[error("{0} was not found")]
    WorkspaceNotFound(String),
    /// The address or the password is wrong.
    #[error("the address or the password is wrong")]
    InvalidCredentials,
    /// The next attempt has to wait.
    #[error("too many attempts")]
    TooManyAttempts(Duration),
    /// A password could not be checked.
    #[error(transparent)]
    Password(#[from] passwords::Error),
    /// The bearer is none of ours.
    #[error("the bearer is not valid")]
    TokenInvalid,
    /// The bearer's time is over.
    #[error("the bearer has expired")]
    TokenExpired,
    /// The bearer was revoked, or its session ended.
    #[error("the bearer was revoked")]
    TokenRevoked,
    /// The refresh token was traded in before; its session has been ended.
    #[error("the refresh token was used before")]
    RefreshTokenReused,
    /// The sign-in code opens nothing.
    #[error("the sign-in code is not valid")]
    SignInCodeInvalid,
    /// A token with scopes asks for what has none.
    #[error("the token is narrowed by scopes")]
    TokenNarrowed,
    /// What only a session can do was tried with an API token.
    #[error("a session is needed")]
    SessionNeeded,
    /// Only a person may do this.
    #[error("only a person may do this")]
    PersonNeeded,
    /// Only a service may do this.
    #[error("only a service may do this")]
    ServiceNeeded,
    /// The request id could not be honoured.
    #[error(transparent)]
    RequestId(#[from] idempotency::Error),
    /// A stored secret does not open.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// A stored row breaks a rule that it once kept.
    #[error("a stored {0} cannot be read")]
    Stored(&'static str),
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
        let unauthenticated = |reason, message| Self::new(Code::Unauthenticated, reason, message);
        let denied = |message| Self::new(Code::PermissionDenied, reason::PERMISSION_DENIED, message);
        match error {
            Error::Edge(failure) => failure,
            Error::NotFound(name) => Self::not_found(name),
            Error::EtagMismatch(name) => Self::etag_mismatch(name),
            Error::WorkspaceNotFound(name) => Self::new(
                Code::NotFound,
                WORKSPACE_NOT_FOUND,
                format!("{name} was not found among your workspaces"),
            ),
            Error::InvalidCredentials => {
                unauthenticated(INVALID_CREDENTIALS, "the address or the password is wrong")
            }
            Error::TooManyAttempts(wait) => Self::new(
                Code::ResourceExhausted,
                TOO_MANY_ATTEMPTS,
                format!("too many attempts to sign in; try again in {} seconds", wait.as_secs()),
            )
            .retry_after(wait),
            Error::Password(passwords::Error::Busy) => Self::new(
                Code::ResourceExhausted,
                reason::OVERLOADED,
                "many people are signing in right now; try again in a few seconds",
            )
            .retry_after(Duration::from_secs(2)),
            Error::TokenInvalid => {
                unauthenticated(TOKEN_INVALID, "the token is not valid; sign in, or make a new one")
            }
            Error::TokenExpired => {
                unauthenticated(TOKEN_EXPIRED, "the token has expired; sign in, or make a new one")
            }
            Error::TokenRevoked => {
                unauthenticated(TOKEN_REVOKED, "the token was revoked; sign in, or make a new one")
            }
            Error::RefreshTokenReused => unauthenticated(
                REFRESH_TOKEN_REUSED,
                "the refresh token was used before, so its session was ended; sign in again",
            ),
            Error::SignInCodeInvalid => unauthenticated(
                SIGN_IN_CODE_INVALID,
                "the sign-in code is not valid: it works once, for 10 minutes; run `./mc link` for a new one",
            ),
            Error::TokenNarrowed => Self::new(
                Code::PermissionDenied,
                TOKEN_NARROWED,
                "a session would be wider than this token, which has scopes; use a token without scopes, or sign in",
            ),
            Error::SessionNeeded => Self::new(
                Code::FailedPrecondition,
                SESSION_NEEDED,
                "an API token cannot do this; sign in and try again",
            ),
            Error::PersonNeeded => denied("only a person may do this"),
            Error::ServiceNeeded => denied("only a service may do this"),
            Error::RequestId(error) => error.into(),
            Error::Sealed(_) | Error::Password(passwords::Error::Broken) | Error::Stored(_) => {
                tracing::error!(%error, "stored data cannot be used");
                Self::internal()
            }
            Error::Database(error) => db::failure(error),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}
