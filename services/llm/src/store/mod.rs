//! The schema `llm`: sqlx and nothing else. Every function works in the transaction that its caller opened.

pub mod cancel;
pub mod generation;
pub mod heartbeat;
pub mod provider;
pub mod usage;

/// What is stored does not read as what was written. A fault of ours, never of the caller.
fn corrupt(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} in the database is not one that this program writes").into())
}
