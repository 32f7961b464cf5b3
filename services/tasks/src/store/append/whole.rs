//! Events that are too large for the journal.

use crate::domain::event::bound::{self, MAX_EVENT_BYTES, Whole};
use crate::domain::id::ArtifactId;

/// An event that is too large for the journal, which has it cut; the whole becomes an artifact of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeEvent {
    /// Place among the events of the append, from 0.
    pub place: usize,
    /// The artifact.
    pub artifact: ArtifactId,
    /// The event's JSON, at most [`bound::MAX_WHOLE_BYTES`].
    pub json: String,
}

impl WholeEvent {
    pub(super) fn cut(&self) -> Result<String, sqlx::Error> {
        let whole = Whole { artifact: self.artifact, size_bytes: self.json.len() as u64 };
        bound::cut(&self.json, whole).map_err(|error| sqlx::Error::Encode(error.into()))
    }
}

/// An event that nobody cut.
#[derive(Debug, thiserror::Error)]
#[error("a `{kind}` of {bytes} bytes is more than the journal takes ({MAX_EVENT_BYTES})")]
pub(super) struct TooLarge {
    pub(super) kind: &'static str,
    pub(super) bytes: usize,
}
