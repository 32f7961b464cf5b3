//! What the edge is told at its start.

use std::time::Duration;

use crate::auth::STREAM_RECHECK;
use crate::http::Origins;
use crate::ws::Limits;

/// Settings of the edge, with defaults that fit a desktop and a fleet alike.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Pages that may call it.
    pub origins: Origins,
    /// How long a unary call may take.
    pub call_deadline: Duration,
    /// How often a silent stream or socket shows a sign of life.
    pub heartbeat: Duration,
    /// How often a stream or a socket asks whether its caller may still watch.
    pub recheck: Duration,
    /// Limits of a WebSocket.
    pub ws: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            origins: Origins::default(),
            call_deadline: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            recheck: STREAM_RECHECK.unsigned_abs(),
            ws: Limits::default(),
        }
    }
}
