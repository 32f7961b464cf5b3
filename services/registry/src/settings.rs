//! What can be set, and what the service is built from.

use std::sync::Arc;

use mc_chassis::auth::Verifier;
use mc_chassis::config::{Invalid, Validate};
use mc_chassis::db::Database;
use mc_chassis::{Ambient, Lifecycle};

/// How this service behaves. Its limits are the contract's, so there is nothing to set yet.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Settings {}

impl Validate for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// What the service is built from.
#[derive(Debug)]
pub struct Dependencies {
    /// The database, as the login `api` of the schema `registry`.
    pub database: Database,
    /// Knows its callers.
    pub verifier: Arc<Verifier>,
    /// Time and ids.
    pub ambient: Ambient,
    /// Runs what stands behind the service.
    pub lifecycle: Lifecycle,
}
