//! Carrying out the built-in tools. What the model is told of them and what it may ask for is in [`crate::domain`].

pub mod artifacts;
pub mod bound;
mod http;
pub mod http_fetch;
pub mod http_request;

pub(crate) use http::told;
use mc_chassis::ids::Ids;

use crate::domain::arguments::Arguments;
use crate::domain::brief::AgentSnapshot;
use crate::domain::decide::ToolUse;
use crate::domain::event::{ArtifactRef, Doubt, Event};
use crate::domain::id::ArtifactId;
use artifacts::ReadArtifacts;
use http_fetch::HttpFetch;
use http_request::{HttpRequests, Terms};

/// What a tool works with.
#[derive(Debug)]
pub struct ToolContext<'a, R> {
    /// Who uses it, and with what leave.
    pub agent: &'a AgentSnapshot,
    /// Makes the ids of artifacts.
    pub ids: &'a Ids,
    /// What the run has written.
    pub artifacts: &'a R,
    /// The way out for reading.
    pub fetch: &'a HttpFetch,
    /// The way out for changing something.
    pub requests: &'a HttpRequests,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is known, well or badly.
    Known(ToolAnswer),
    /// It may have taken effect, and nobody can tell: a person has to. With what went wrong.
    Unknown(Doubt),
}

/// What a tool has to say, and what is to be stored with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAnswer {
    /// What the model reads.
    pub content: String,
    /// True when the tool failed and `content` says how.
    pub is_error: bool,
    /// A file to be stored in the transaction that commits the answer, so that neither is there without the other.
    pub written: Option<Written>,
}

/// A file that a call writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its id.
    pub artifact: ArtifactId,
    /// Its path within the run.
    pub path: String,
    /// `type/subtype`.
    pub media_type: String,
    /// The whole text.
    pub content: String,
}

/// Our own means are out of order: the call has no answer, its intent stays open, and it is to be made again later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

impl ToolAnswer {
    /// A good answer.
    pub fn said(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: false, written: None }
    }

    /// An answer that says what went wrong.
    pub fn failed(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: true, written: None }
    }

    /// The record of it, and the file that goes into the same transaction.
    pub fn into_record(self, used: &ToolUse, duration_ms: u64) -> (Event, Option<Written>) {
        let artifact = self
            .written
            .as_ref()
            .map(|written| ArtifactRef { artifact: written.artifact, path: written.path.clone() });
        (used.completed(self.content, self.is_error, artifact, duration_ms), self.written)
    }
}

/// Carries a call out. Whatever goes wrong outside our house is an answer; an error says that we could not try.
pub async fn run<R: ReadArtifacts>(
    used: &ToolUse,
    context: &ToolContext<'_, R>,
) -> Result<Outcome, Unavailable> {
    let grant = context.agent.grant(used.tool);
    let answer = match (&used.arguments, grant) {
        (Arguments::WriteArtifact { path, content, media_type }, _) => {
            artifacts::write(ArtifactId::new(context.ids.uuid()), path, content, media_type)
        }
        (Arguments::ReadArtifact { path, offset }, _) => {
            artifacts::read(context.artifacts, path, *offset).await?
        }
        (Arguments::HttpFetch { url }, Some(grant)) => context.fetch.fetch(url, grant).await,
        (Arguments::HttpRequest(request), Some(grant)) => {
            let terms = Terms {
                grant,
                effect_class: used.effect_class,
                key: &used.idempotency_key,
                query_first: used.query_first,
                maybe_done: used.maybe_done,
            };
            return Ok(context.requests.carry_out(request, terms).await);
        }
        (Arguments::HttpFetch { .. } | Arguments::HttpRequest(_), None) => {
            ToolAnswer::failed(format!("You may not use `{}`.", used.tool.name()))
        }
        (Arguments::AskHuman(_) | Arguments::Wait(_) | Arguments::Delegate(_) | Arguments::Finish(_), _) => {
            ToolAnswer::failed(format!("The engine itself sees to `{}`.", used.tool.name()))
        }
    };
    Ok(Outcome::Known(answer))
}
