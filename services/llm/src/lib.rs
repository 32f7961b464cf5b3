//! The LLM gateway: providers, generations that outlive their callers, and the ledger of what they cost.

pub mod connect;
pub mod domain;
pub mod error;
pub mod generation;
pub mod provider;
pub mod store;
mod telemetry;
pub mod wire;
