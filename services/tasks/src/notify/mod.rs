//! The dispatcher, part of every scheduler: sends what is due over the channels of all workspaces. Any number may be at it at
//! once.
//!
//! Deliveries are made by the statements that write what they tell of, so none is missed and none is of what never
//! was. Over one channel one process sends at a time, one delivery after the other; a channel that fails is left in peace for a
//! while, so what hangs holds up nothing but itself. What can wait waits for the end of quiet hours or for others, and goes out
//! with them as one. Whoever dies in mid-sending has its turn end by time, and the delivery is
//! sent again under the same id.

mod mail;
mod owner;
mod piece;
mod send;
mod turn;

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mc_chassis::auth::ServiceIdentity;
use mc_chassis::client::Upstream;
use mc_chassis::db::Database;
use mc_chassis::egress::Egress;
use mc_chassis::{Ambient, Lifecycle};
use tokio::time::{Instant, MissedTickBehavior};

use crate::domain::notice::message::Links;
use crate::store::dispatch::{self, Turn};

pub use mail::{MailSettings, Mailer, Password, SmtpTls};

/// Time between two looks at what is due.
const INTERVAL: Duration = Duration::from_millis(500);
/// Channels that one process sends over at once.
const AT_ONCE: usize = 16;
/// A turn ends by itself after this: longer than a process may be at it.
const TURN: time::Duration = time::Duration::minutes(2);
/// How long settled deliveries are kept, and how often is looked for older ones.
const KEPT: time::Duration = time::Duration::days(30);
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);

/// What is sent with.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    /// The database, as `mc_tasks_engine`.
    pub(crate) engine: Database,
    /// The vault.
    pub(crate) identity: Upstream,
    /// Who this is to the vault.
    pub(crate) service: ServiceIdentity,
    /// Reaches only what the operator's policy allows.
    pub(crate) egress: Egress,
    /// Sends mail; none where no server is set.
    pub(crate) mailer: Option<Mailer>,
    /// Where people look.
    pub(crate) links: Links,
    pub(crate) ambient: Ambient,
}

/// Sends again and again, until the lifecycle drains; what is under way then is brought to its end.
pub(crate) async fn run(notifier: &Notifier, lifecycle: &Lifecycle) {
    let draining = lifecycle.draining();
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turns = FuturesUnordered::new();
    let mut prune_at = Instant::now();
    loop {
        tokio::select! {
            () = draining.cancelled() => break,
            Some(()) = turns.next() => continue,
            _ = tick.tick() => {}
        }
        for turn in notifier.take(AT_ONCE - turns.len()).await {
            turns.push(notifier.take_turn(turn, || draining.is_cancelled()));
        }
        if Instant::now() >= prune_at && !notifier.prune().await {
            prune_at = Instant::now() + PRUNE_INTERVAL;
        }
    }
    while turns.next().await.is_some() {}
}

impl Notifier {
    /// Takes the turn of channels with something to send.
    async fn take(&self, limit: usize) -> Vec<Turn> {
        if limit == 0 {
            return Vec::new();
        }
        let now = self.ambient.clock.now();
        dispatch::take(self.engine.pool(), now, now + TURN, limit as i64).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "look for notifications to send");
            Vec::new()
        })
    }

    /// Sends what is due now, once.
    #[cfg(test)]
    pub(crate) async fn round(&self) {
        let turns = self.take(AT_ONCE).await;
        futures::future::join_all(turns.into_iter().map(|turn| self.take_turn(turn, || false))).await;
    }

    /// Forgets old deliveries; true where there may be more.
    async fn prune(&self) -> bool {
        let before = self.ambient.clock.now() - KEPT;
        match dispatch::prune(self.engine.pool(), before, dispatch::PRUNED).await {
            Ok(forgotten) => forgotten >= dispatch::PRUNED as u64,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "forget old deliveries");
                false
            }
        }
    }
}
