//! What can be set, and what the service is built from.

use mc_chassis::auth::TrustList;
use mc_chassis::config::{Invalid, Validate};
use mc_chassis::db::Database;
use mc_chassis::{Ambient, Lifecycle};

use crate::KeyRing;

/// How this service behaves.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Passwords that are checked at the same time; each takes a core and 19 MiB for some 20 ms.
    #[arg(long, env = "MC_PASSWORDS_AT_ONCE", default_value_t = 4)]
    pub passwords_at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { passwords_at_once: 4 }
    }
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        if (1..=1_024).contains(&self.passwords_at_once) {
            Ok(())
        } else {
            Err(Invalid::new("MC_PASSWORDS_AT_ONCE", "must be 1 to 1024"))
        }
    }
}

/// What the service is built from.
#[derive(Debug)]
pub struct Dependencies {
    /// The database, as the login `api` of the schema `identity`.
    pub database: Database,
    /// The same, as the login `relay`.
    pub relay: Database,
    /// Keys that encrypt stored secrets.
    pub keys: KeyRing,
    /// Public keys of the services that may call. People are verified with the keys that this service signs with.
    pub trust: TrustList,
    /// Time, ids and randomness.
    pub ambient: Ambient,
    /// Runs the relay of the audit trail.
    pub lifecycle: Lifecycle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_at_once_is_held_at_its_edges() {
        let with = |passwords_at_once| Settings { passwords_at_once }.validate().is_ok();
        assert!(with(1) && with(1_024) && !with(0) && !with(1_025));
    }
}
