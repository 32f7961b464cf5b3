//! What the descriptors say about HTTP: which RPC stands at which path, and how its fields behave.
//!
//! The transcoder and the OpenAPI document both read it here, so that they cannot disagree.

pub mod behavior;
pub mod binding;
pub mod template;
