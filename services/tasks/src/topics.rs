//! Topics of the live bus, and what is said on them. All of it is hints and live text: whoever misses a message finds the
//! truth in the journal.

use mc_chassis::bus::Bus;
use serde::{Deserialize, Serialize};

use crate::domain::id::{RunId, WorkspaceId};

/// Runs may have become ready; no payload.
pub const READY: &str = "tasks.ready";
/// Somebody came late to a run's live text and asks its worker for what came before: a [`SyncRequest`].
pub const SYNC: &str = "tasks.sync";

/// A letter was put into a run's mailbox, for the worker that has the run: a [`Mail`].
pub const MAIL: &str = "tasks.mail";

/// What happens in one run: [`Live`].
pub fn run(run: RunId) -> String {
    format!("tasks.run.{run}")
}

/// A workspace's activity has grown: [`Grown`].
pub fn workspace(workspace: WorkspaceId) -> String {
    format!("tasks.workspace.{workspace}")
}

/// How far a workspace's activity has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// The newest change.
    pub seq: i64,
}

/// Asks for the live text of a run from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// The run.
    pub run: RunId,
}

/// Tells the worker of a run that there is mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The run.
    pub run: RunId,
    /// Number of the newest letter in its mailbox.
    pub number: i64,
}

/// What is said on a run's topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Live {
    /// The journal has grown to this `seq`.
    Head {
        /// The newest event.
        seq: i64,
    },
    /// Live text.
    Delta(Delta),
}

/// A piece of live text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Step of the model call.
    pub step: u32,
    /// Attempt at it.
    pub attempt: u32,
    /// What kind of text.
    pub kind: TextKind,
    /// UTF-8 bytes of this kind that came before.
    pub offset: u64,
    /// The text.
    pub text: String,
}

/// Kinds of live text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// What the model says.
    Text,
    /// What it thinks aloud.
    Thinking,
}

/// Says something on the bus. What cannot be said is logged: nothing depends on it.
pub fn publish(bus: &Bus, topic: &str, message: &impl Serialize) {
    let said = serde_json::to_string(message)
        .map_err(|error| error.to_string())
        .and_then(|text| bus.publish(topic, &text).map_err(|error| error.to_string()));
    if let Err(error) = said {
        tracing::warn!(topic, error, "say something on the bus");
    }
}
