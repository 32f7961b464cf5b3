//! Watching a run (its journal from any place, then as it grows, with live text in between) and a workspace (its activity).
//!
//! What is stored is the truth and `seq` the only cursor. The bus merely says when to look; while it is well, one poll for all
//! watches of the process looks every ten seconds all the same, and every second while it is not. A watch subscribes before
//! it reads, so nothing that is committed in between goes unseen.

mod activity;
mod live;
mod lookout;
mod poll;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use mc_chassis::bus::Bus;
use mc_chassis::db::Database;
use mc_chassis::error::reason;
use mc_chassis::{Failure, Lifecycle};
use mc_proto::tasks::v1::{WatchRunResponse, WatchWorkspaceResponse};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::domain::id::{RunId, WorkspaceId};
use crate::error::Error;
use poll::Poll;

/// How often things are looked at without being asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cadence {
    /// The poll while the bus is well.
    pub(crate) poll_healthy: Duration,
    /// The poll while it is not.
    pub(crate) poll_unhealthy: Duration,
    /// Sign of life to the client.
    pub(crate) caught_up: Duration,
    /// Whether the caller may still watch.
    pub(crate) access: Duration,
    /// Least time between two requests for the text so far.
    pub(crate) sync: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Self {
            poll_healthy: Duration::from_secs(10),
            poll_unhealthy: Duration::from_secs(1),
            caught_up: Duration::from_secs(15),
            access: Duration::from_secs(30),
            sync: Duration::from_millis(500),
        }
    }
}

/// Asks whether the caller may still watch. Asked every [`Cadence::access`].
pub(crate) type Access = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// What every watch of this process shares.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    database: Database,
    bus: Bus,
    poll: Poll,
    cadence: Cadence,
    lifecycle: Lifecycle,
}

/// Which run is watched, and from where.
pub(crate) struct Request {
    pub(crate) workspace: WorkspaceId,
    pub(crate) run: RunId,
    pub(crate) after_seq: i64,
    pub(crate) events_only: bool,
    pub(crate) access: Access,
}

/// Which workspace is watched, and from where.
pub(crate) struct ActivityRequest {
    pub(crate) workspace: WorkspaceId,
    /// Where it begins; a place that exists.
    pub(crate) after_seq: i64,
    pub(crate) access: Access,
}

impl Watcher {
    /// A watcher; its poll runs in the background.
    pub(crate) fn new(database: Database, bus: Bus, cadence: Cadence, lifecycle: &Lifecycle) -> Self {
        let poll = Poll::start(database.clone(), bus.clone(), cadence, lifecycle);
        Self { database, bus, poll, cadence, lifecycle: lifecycle.clone() }
    }

    /// Watches a run that exists. The stream ends after the run's last event, with an error where it cannot go on.
    pub(crate) async fn watch(
        &self,
        request: Request,
    ) -> BoxStream<'static, Result<WatchRunResponse, Error>> {
        stream::watch(self, request).await
    }

    /// Watches the activity of a workspace. The stream ends with an error alone.
    pub(crate) async fn watch_activity(
        &self,
        request: ActivityRequest,
    ) -> BoxStream<'static, Result<WatchWorkspaceResponse, Error>> {
        activity::watch(self, request).await
    }
}

/// Ticks of which the first comes after one period.
fn every(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn draining() -> Failure {
    Failure::unavailable(reason::DRAINING, "this replica is stopping; watch again after the last seq you saw")
}
