//! Where the other services are.

use super::Invalid;
use crate::client::Target;

/// One address for each service; a service needs those that it calls.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct UpstreamSettings {
    /// The identity service: `http://host:port`, `https://host`, `unix:///path`, or several `http://` with commas.
    #[arg(long, env = "MC_IDENTITY_URL")]
    pub identity_url: Option<Target>,
    /// The registry service.
    #[arg(long, env = "MC_REGISTRY_URL")]
    pub registry_url: Option<Target>,
    /// The llm service.
    #[arg(long, env = "MC_LLM_URL")]
    pub llm_url: Option<Target>,
    /// The tasks service.
    #[arg(long, env = "MC_TASKS_URL")]
    pub tasks_url: Option<Target>,
}

impl UpstreamSettings {
    /// Where identity is.
    ///
    /// # Errors
    /// It is not set.
    pub fn identity(&self) -> Result<Target, Invalid> {
        needed("MC_IDENTITY_URL", self.identity_url.as_ref())
    }

    /// Where registry is.
    ///
    /// # Errors
    /// It is not set.
    pub fn registry(&self) -> Result<Target, Invalid> {
        needed("MC_REGISTRY_URL", self.registry_url.as_ref())
    }

    /// Where llm is.
    ///
    /// # Errors
    /// It is not set.
    pub fn llm(&self) -> Result<Target, Invalid> {
        needed("MC_LLM_URL", self.llm_url.as_ref())
    }

    /// Where tasks is.
    ///
    /// # Errors
    /// It is not set.
    pub fn tasks(&self) -> Result<Target, Invalid> {
        needed("MC_TASKS_URL", self.tasks_url.as_ref())
    }
}

fn needed(setting: &'static str, target: Option<&Target>) -> Result<Target, Invalid> {
    target.cloned().ok_or_else(|| Invalid::new(setting, "must be set, as in http://127.0.0.1:7101"))
}
