//! The edge: REST, SSE, WebSocket and OpenAPI over the contract's descriptors. It knows no domain word but those in a proto.

pub mod auth;
pub mod contract;
pub mod http;
pub mod openapi;
pub mod problem;
pub mod settings;
pub mod transcode;
pub mod upstream;
pub mod ws;

pub use crate::http::{Edge, serve};
pub use settings::Settings;
pub use upstream::{Upstream, Upstreams};
