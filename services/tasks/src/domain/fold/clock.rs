//! The time for which a run has worked: what it spends waiting or paused is not its own.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// Adds up the time between the records at which a run begins to work and those at which it rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct WorkingTime {
    /// Of the stretches that are over.
    before: Duration,
    /// When the present stretch began; none while the run rests.
    since: Option<OffsetDateTime>,
}

impl WorkingTime {
    /// Takes in whether the run works from this record on.
    pub(super) fn observe(&mut self, works: bool, at: OffsetDateTime) {
        match (self.since, works) {
            (None, true) => self.since = Some(at),
            (Some(since), false) => {
                // A clock that stepped back takes nothing off.
                self.before = self.before.saturating_add((at - since).max(Duration::ZERO));
                self.since = None;
            }
            _ => {}
        }
    }

    /// When it will have worked for `limit` if it goes on; none while it rests, and none where the calendar ends first.
    pub(super) fn deadline(&self, limit: Duration) -> Option<OffsetDateTime> {
        self.since?.checked_add(limit.saturating_sub(self.before))
    }

    /// How long it has worked by then.
    pub(super) fn until(&self, now: OffsetDateTime) -> Duration {
        let present = self.since.map_or(Duration::ZERO, |since| (now - since).max(Duration::ZERO));
        self.before.saturating_add(present)
    }
}
