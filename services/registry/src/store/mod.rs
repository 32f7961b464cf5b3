//! Agents and versions in PostgreSQL. Every function runs in the transaction that the operation opened.

mod agents;
mod versions;

pub(crate) use agents::{delete, exists, insert, list, lock, read, update};
pub(crate) use versions::{insert as insert_version, list as list_versions, read as read_version};
