//! One poll for all watches of the process: how far each watched run's journal has come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_chassis::bus::Bus;
use mc_chassis::db::Database;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::domain::id::{RunId, WorkspaceId};
use crate::store::run;
use crate::watch::Cadence;

/// The runs that are watched, and the heads that the poll saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Poll(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    watched: Mutex<HashMap<(WorkspaceId, RunId), watch::Sender<i64>>>,
    /// The first watch came: there is something to poll for.
    begun: Notify,
}

impl Poll {
    pub(super) fn start(database: Database, bus: Bus, cadence: Cadence, lifecycle: &Lifecycle) -> Self {
        let poll = Self::default();
        let shared = poll.0.clone();
        lifecycle.spawn_background("poll watched runs", async move {
            loop {
                if lock(&shared.watched).is_empty() {
                    shared.begun.notified().await;
                }
                pause(&bus, cadence).await;
                shared.look(&database).await;
            }
        });
        poll
    }

    /// The head of a run as the poll sees it: 0 until it looked.
    pub(super) fn watch(&self, workspace: WorkspaceId, run: RunId) -> watch::Receiver<i64> {
        let mut watched = lock(&self.0.watched);
        let head = watched.entry((workspace, run)).or_insert_with(|| watch::channel(0).0).subscribe();
        drop(watched);
        self.0.begun.notify_one();
        head
    }
}

/// Waits for the long interval, in short ones, so that a bus that turns bad is noticed after a short one.
async fn pause(bus: &Bus, cadence: Cadence) {
    let mut waited = Duration::ZERO;
    loop {
        tokio::time::sleep(cadence.poll_unhealthy).await;
        waited += cadence.poll_unhealthy;
        if waited >= cadence.poll_healthy || !bus.healthy() {
            return;
        }
    }
}

impl Shared {
    async fn look(&self, database: &Database) {
        for (workspace, runs) in self.by_workspace() {
            match heads(database, workspace, &runs).await {
                Ok(heads) => self.tell(workspace, heads),
                // The next round tries again; a watch that must read meets the same error itself and says so.
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "poll watched runs");
                    return;
                }
            }
        }
    }

    /// The runs that somebody still watches.
    fn by_workspace(&self) -> HashMap<WorkspaceId, Vec<Uuid>> {
        let mut watched = lock(&self.watched);
        watched.retain(|_, head| head.receiver_count() > 0);
        let mut runs: HashMap<WorkspaceId, Vec<Uuid>> = HashMap::new();
        for (workspace, run) in watched.keys() {
            runs.entry(*workspace).or_default().push(run.uuid());
        }
        runs
    }

    fn tell(&self, workspace: WorkspaceId, heads: Vec<(Uuid, i64)>) {
        let watched = lock(&self.watched);
        for (run, seq) in heads {
            if let Some(head) = watched.get(&(workspace, RunId::new(run))) {
                head.send_if_modified(|seen| std::mem::replace(seen, seq) != seq);
            }
        }
    }
}

async fn heads(
    database: &Database,
    workspace: WorkspaceId,
    runs: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    let mut tx = database.read(workspace.uuid()).await?;
    run::heads(&mut tx, runs).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
