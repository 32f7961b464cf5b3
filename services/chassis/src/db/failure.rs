//! Database errors in the caller's terms, and the questions a store asks of them.

use sqlx::Error;

use crate::error::{Failure, reason};

/// The failure to tell the caller: UNAVAILABLE (DATABASE_UNAVAILABLE, with a delay) where trying again can help, INTERNAL
/// otherwise. Logs the cause, once: call it where the error is handled.
pub fn failure(error: Error) -> Failure {
    if is_unavailable(&error) {
        tracing::warn!(error = &error as &dyn std::error::Error, "database unavailable");
        Failure::unavailable(
            reason::DATABASE_UNAVAILABLE,
            "the database cannot be reached right now; try again in a moment",
        )
    } else {
        tracing::error!(error = &error as &dyn std::error::Error, "database refused a statement");
        Failure::internal()
    }
}

/// Whether the database could not be reached or could not serve, as opposed to the statement being at fault.
pub fn is_unavailable(error: &Error) -> bool {
    match error {
        Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed | Error::Io(_) | Error::Tls(_) => true,
        Error::Database(database) => {
            // https://www.postgresql.org/docs/current/errcodes-appendix.html
            let state = database.code();
            let state = state.as_deref().unwrap_or_default();
            // Connection exceptions; insufficient resources (too many connections, out of memory or disk).
            state.starts_with("08") || state.starts_with("53")
                // Serialization failure and deadlock: the same statement may well pass the next time.
                || state == "40001" || state == "40P01"
                // Lock or statement timeout, a standby that says no, the server on its way down or up.
                || matches!(state, "55P03" | "57014" | "25006" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
        }
        _ => false,
    }
}

/// Whether the statement broke the constraint or unique index of that name.
pub fn is_constraint(error: &Error, name: &str) -> bool {
    constraint(error) == Some(name)
}

/// The constraint or unique index that the statement broke.
pub fn constraint(error: &Error) -> Option<&str> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint)
}
