//! The LLM gateway: providers, generations that outlive their callers, and the ledger of what they cost.

pub mod domain;
pub mod provider;
pub mod wire;
