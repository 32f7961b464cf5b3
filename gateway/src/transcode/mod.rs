//! REST to gRPC by the contract's own annotations: one mechanism, no handler per RPC.

pub mod body;
pub mod call;
pub mod query;
pub mod reply;
pub mod request;
pub mod routes;
pub mod scalar;
pub mod shape;
