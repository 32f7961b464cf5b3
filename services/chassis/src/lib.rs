//! What every service needs and no domain word: clock, ids, errors, names, callers, transport, storage, the live bus.
//!
//! It knows the contract's options (permissions) and nothing of what any service does.

pub mod auth;
pub mod bus;
pub mod client;
pub mod clock;
pub mod config;
pub mod db;
pub mod egress;
pub mod error;
pub mod idempotency;
pub mod ids;
pub mod lifecycle;
pub mod names;
pub mod outbox;
pub mod page;
pub mod server;
pub mod telemetry;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;

pub use error::Failure;
pub use ids::Ambient;
pub use lifecycle::Lifecycle;

/// Installs the process-wide TLS provider (ring). Calling it again changes nothing.
pub fn install_crypto() {
    // An error means that one is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
