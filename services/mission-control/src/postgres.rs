//! PostgreSQL on this machine: its binaries, and private clusters run from them.

mod binaries;
mod cluster;

pub(crate) use binaries::Binaries;
pub(crate) use cluster::{Cluster, Durability, FAREWELL};
