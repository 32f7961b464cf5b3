//! What tests of every service need: a fresh database per test, in-memory transport, keys and tokens.

mod database;
mod isolation;

pub use database::{TestDatabase, database};
pub use isolation::{Exempt, Verb, assert_isolation, isolation_findings};
