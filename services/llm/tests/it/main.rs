//! The service over its wire, in process, on a real PostgreSQL, against servers that speak as real providers do.

mod asking;
mod cancel_generation;
mod cancelling;
mod dying;
mod fleet;
mod generations;
mod isolation;
mod llama;
mod provider_server;
mod providers;
mod readiness;
mod streaming;
mod usage;
mod vault;
