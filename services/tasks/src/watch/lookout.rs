//! What every watch waits for: the bus, the poll, a sign of life that is due, the caller's access, and the end of the process.

use mc_chassis::bus::{Signal, Subscription};
use tokio::sync::watch as latest;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use crate::domain::id::WorkspaceId;
use crate::error::Error;
use crate::watch::poll::Watched;
use crate::watch::{Access, Watcher, draining, every};

/// One watch's ears.
pub(super) struct Lookout {
    subscription: Subscription,
    /// The head as the poll sees it.
    polled: latest::Receiver<i64>,
    caught_up: Interval,
    access: Interval,
    may_watch: Access,
    draining: CancellationToken,
}

/// Why a watch woke.
pub(super) enum Woken {
    /// The bus says something.
    Heard(Signal),
    /// What is watched has grown up to this seq.
    Grown(i64),
    /// Nothing was sent for so long that a sign of life is due.
    Quiet,
}

impl Lookout {
    /// Subscribes to `topic`, and has the poll look after `watched`.
    pub(super) async fn new(
        watcher: &Watcher,
        workspace: WorkspaceId,
        watched: Watched,
        topic: &str,
        may_watch: Access,
    ) -> Self {
        Self {
            subscription: watcher.bus.subscribe(topic).await,
            polled: watcher.poll.watch(workspace, watched),
            caught_up: every(watcher.cadence.caught_up),
            access: every(watcher.cadence.access),
            may_watch,
            draining: watcher.lifecycle.draining(),
        }
    }

    /// Waits for whatever comes first.
    ///
    /// # Errors
    /// The caller may no longer watch, or the process ends.
    pub(super) async fn wait(&mut self) -> Result<Woken, Error> {
        loop {
            tokio::select! {
                signal = self.subscription.next() => return Ok(Woken::Heard(signal)),
                // An error means that the poll is gone, as it is when the process ends.
                changed = self.polled.changed() => {
                    changed.map_err(|_| draining())?;
                    return Ok(Woken::Grown(*self.polled.borrow_and_update()));
                }
                _ = self.caught_up.tick() => return Ok(Woken::Quiet),
                _ = self.access.tick() => (self.may_watch)().await?,
                () = self.draining.cancelled() => return Err(draining().into()),
            }
        }
    }

    /// Something was sent, so the next sign of life is a whole period away.
    pub(super) fn has_sent(&mut self) {
        self.caught_up.reset();
    }
}
