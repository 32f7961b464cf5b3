//! Events as JSON, and which release reads which.

use serde::{Deserialize, Serialize};

use super::{Event, first};

/// Version of the JSON that [`Event::to_json`] writes. It rises only when an older reader would misread an event;
/// a new optional field does not raise it, since unknown fields are passed over.
pub const EVENT_VERSION: u32 = 1;

/// Why a journalled event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer release wrote it; leave the run to a worker of that release.
    #[error("the event has version {found}, and this release reads up to {EVENT_VERSION}")]
    Newer {
        /// Version of the event.
        found: u32,
    },
    /// It is not an event.
    #[error("the event cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl Event {
    /// The event as the journal keeps it: one JSON object with `v` and `kind`.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Versioned<'a> {
            v: u32,
            #[serde(flatten)]
            event: &'a Event,
        }
        serde_json::to_string(&Versioned { v: EVENT_VERSION, event: self })
            .expect("events have string keys and finite numbers, so JSON can hold them")
    }

    /// Reads what [`Event::to_json`] of this or an older release wrote.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Header {
            #[serde(default = "first")]
            v: u32,
        }
        let Header { v } = serde_json::from_str(text)?;
        if v > EVENT_VERSION {
            return Err(DecodeError::Newer { found: v });
        }
        Ok(serde_json::from_str(text)?)
    }
}
