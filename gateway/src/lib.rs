//! The edge: REST, SSE, WebSocket and OpenAPI over the contract's descriptors. It knows no domain word but those in a proto.

pub mod contract;
pub mod problem;
pub mod transcode;
