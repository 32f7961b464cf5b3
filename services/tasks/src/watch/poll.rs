//! One poll for all watches of the process: how far each watched journal, and each watched workspace's activity, has come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_chassis::bus::Bus;
use mc_chassis::db::Database;
use tokio::sync::{Notify, watch};

use crate::domain::id::{RunId, WorkspaceId};
use crate::store::{activity, run};
use crate::watch::Cadence;

/// What grows in a workspace and is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Watched {
    /// The journal of a run.
    Run(RunId),
    /// The workspace's activity.
    Activity,
}

/// What is watched, and the heads that the poll saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Poll(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    watched: Mutex<HashMap<(WorkspaceId, Watched), watch::Sender<i64>>>,
    /// The first watch came: there is something to poll for.
    begun: Notify,
}

impl Poll {
    pub(super) fn start(database: Database, bus: Bus, cadence: Cadence, lifecycle: &Lifecycle) -> Self {
        let poll = Self::default();
        let shared = poll.0.clone();
        lifecycle.spawn_background("poll what is watched", async move {
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

    /// A head as the poll sees it: 0 until it looked.
    pub(super) fn watch(&self, workspace: WorkspaceId, what: Watched) -> watch::Receiver<i64> {
        let mut watched = lock(&self.0.watched);
        let head = watched.entry((workspace, what)).or_insert_with(|| watch::channel(0).0).subscribe();
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
        for (workspace, what) in self.by_workspace() {
            match heads(database, workspace, &what).await {
                Ok(heads) => self.tell(workspace, heads),
                // The next round tries again; a watch that must read meets the same error itself and says so.
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "poll what is watched");
                    return;
                }
            }
        }
    }

    /// What somebody still watches.
    fn by_workspace(&self) -> HashMap<WorkspaceId, Vec<Watched>> {
        let mut watched = lock(&self.watched);
        watched.retain(|_, head| head.receiver_count() > 0);
        let mut all: HashMap<WorkspaceId, Vec<Watched>> = HashMap::new();
        for (workspace, what) in watched.keys() {
            all.entry(*workspace).or_default().push(*what);
        }
        all
    }

    fn tell(&self, workspace: WorkspaceId, heads: Vec<(Watched, i64)>) {
        let watched = lock(&self.watched);
        for (what, seq) in heads {
            if let Some(head) = watched.get(&(workspace, what)) {
                head.send_if_modified(|seen| std::mem::replace(seen, seq) != seq);
            }
        }
    }
}

async fn heads(
    database: &Database,
    workspace: WorkspaceId,
    what: &[Watched],
) -> Result<Vec<(Watched, i64)>, sqlx::Error> {
    let mut tx = database.read(workspace.uuid()).await?;
    let mut heads = Vec::with_capacity(what.len());
    let mut runs = Vec::new();
    for what in what {
        match what {
            Watched::Run(run) => runs.push(run.uuid()),
            Watched::Activity => heads.push((*what, activity::head(&mut tx, workspace).await?)),
        }
    }
    if !runs.is_empty() {
        let of_runs = run::heads(&mut tx, &runs).await?;
        heads.extend(of_runs.into_iter().map(|(run, seq)| (Watched::Run(RunId::new(run)), seq)));
    }
    Ok(heads)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
