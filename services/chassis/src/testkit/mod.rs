//! What tests of every service need: a fresh database per test, in-memory transport, keys and tokens.

mod database;

pub use database::{TestDatabase, database};
