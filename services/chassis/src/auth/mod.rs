//! Who calls, what they may do, and how one service tells another.
//!
//! Walk of a call: the gateway exchanges a person's bearer at identity for a caller token (EdDSA JWT, five minutes) and
//! sends it as `authorization`; the [`layer`] of the service that is called verifies it against identity's public keys,
//! looks up the RPC's permission in the contract, asks [`Caller::may`], and puts the [`Caller`] into the request. A
//! service that calls on its own account sends a token signed with its own key as `x-mc-service` instead; for a run it
//! adds the run's assertion. No address is trusted, loopback included.

mod caller;
mod key;
pub mod layer;
mod outbound;
mod remote;
mod roles;
mod service;
mod token;
mod verifier;

#[cfg(any(test, feature = "testkit"))]
pub mod testing;

pub use caller::{Caller, Person, Role, RunAssertion, Service};
pub use key::{PublicKey, SigningKey};
pub use outbound::forward;
pub use remote::keys_of;
pub use roles::{role_grants, service_grants};
pub use service::{ServiceIdentity, TrustList};
pub use token::{CALLER_TOKEN_TTL, CallerToken};
pub use verifier::{CallerKeySource, Verifier};

/// Header (gRPC metadata key) that carries a service's own token.
pub const SERVICE_HEADER: &str = "x-mc-service";
