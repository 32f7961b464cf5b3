//! Providers as a workspace knows them.

use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use super::price::SIMULATOR_PLACE;

/// Id of the built-in provider.
pub const SIMULATOR_ID: &str = "simulator";

/// How a provider is spoken to, with what that takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The built-in simulator.
    Simulator,
    /// A server that speaks `OpenAI`'s chat completions.
    OpenAiCompatible {
        /// Root of its API.
        base_url: Url,
        /// Id of the credential with its key.
        credential: Option<Uuid>,
    },
}

/// A place that serves models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// First half of its models' names.
    pub id: String,
    /// Name shown to people.
    pub display_name: String,
    /// How it is spoken to.
    pub kind: Kind,
    /// Models it offers; when empty it is asked for them.
    pub models: Vec<String>,
    /// When it was added; `None` for the built-in simulator.
    pub created_at: Option<OffsetDateTime>,
}

impl Provider {
    /// The simulator that every workspace has.
    pub fn simulator() -> Self {
        Self {
            id: SIMULATOR_ID.to_owned(),
            display_name: "Simulator (scripted, no model)".to_owned(),
            kind: Kind::Simulator,
            models: Vec::new(),
            created_at: None,
        }
    }

    /// Where the price book looks its models up.
    pub fn price_place(&self) -> &str {
        match &self.kind {
            Kind::Simulator => SIMULATOR_PLACE,
            Kind::OpenAiCompatible { base_url, .. } => base_url.host_str().unwrap_or_default(),
        }
    }
}
