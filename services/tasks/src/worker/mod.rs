//! The worker: takes runs that are ready and carries each on, from its journal, until it ends, waits or is let go.
//!
//! A worker never waits for another one and holds no state that the journal does not have. It may be killed at any instant:
//! its leases run out with its heartbeat, and whoever takes a run over folds the journal and goes on from the last event.

mod asks;
mod attempt;
mod bells;
mod children;
pub mod committer;
mod hands;
mod heartbeat;
mod journal;
mod live;
mod mail;
mod model;
mod park;
mod poison;
mod stop;
#[cfg(test)]
mod tests;
mod tool;

use std::sync::Arc;
use std::time::Duration;

use mc_chassis::auth::ServiceIdentity;
use mc_chassis::bus::Bus;
use mc_chassis::client::Upstream;
use mc_chassis::db::Database;
use mc_chassis::egress::Egress;
use mc_chassis::{Ambient, Lifecycle};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::MissedTickBehavior;
use url::Url;
use uuid::Uuid;

use crate::domain::id::WorkspaceId;
use crate::faults::{self, Point};
use crate::notify::Mailer;
use crate::scheduler::{self, SchedulerSettings};
use crate::store::lease::{self, Caps, Claim, Lease};
use crate::store::run::FOLD_VERSION_COLUMN;
use crate::tools::http_fetch::HttpFetch;
use crate::tools::http_request::HttpRequests;
use crate::topics;
use bells::Bells;
use committer::Committer;
use hands::Hands;
use heartbeat::{Heart, Pulse};
use live::LiveTexts;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Runs carried on at once.
    pub slots: usize,
    /// Runs that one workspace may have leased at once, over all workers.
    pub workspace_runs: i64,
    /// Runs that one agent may have leased at once, over all workers, where its version names no number of its own.
    pub agent_runs: i64,
    /// Runs that one provider of a workspace, with its one credential, may have leased at once, over all workers.
    pub provider_runs: i64,
    /// Time between heartbeats; at most a third of `ttl`.
    pub heartbeat: Duration,
    /// A worker that has not beaten for this long is taken for dead. Workers and scheduler must agree on it.
    pub ttl: Duration,
    /// How often it looks for runs without a hint; at most a second keeps the promise of a quick start without the bus.
    pub poll: Duration,
    /// Claims without a result after which a run is ended as `POISON_RUN`.
    pub max_claims: i16,
    /// Appends that are on their way to the database at once; each carries as many runs' events as have come together.
    pub lanes: usize,
    /// Whether it schedules besides, so that a fleet cannot have workers and no scheduler. Any number may.
    pub schedules: bool,
    /// As a scheduler: how long numbered changes of a workspace are kept.
    pub activity_kept: Duration,
    /// As a scheduler: how much time one partition of the journal spans.
    pub journal_partition: Duration,
    /// As a scheduler: where the web app is.
    pub public_url: Option<Url>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            slots: 64,
            workspace_runs: 256,
            agent_runs: 64,
            provider_runs: 128,
            heartbeat: Duration::from_secs(2),
            ttl: Duration::from_secs(6),
            poll: Duration::from_secs(1),
            max_claims: 5,
            lanes: 4,
            schedules: true,
            activity_kept: SchedulerSettings::default().activity_kept,
            journal_partition: SchedulerSettings::default().journal_partition,
            public_url: None,
        }
    }
}

impl WorkerSettings {
    /// What may be leased. An eighth of the slots is never given to the workspace that has all others: who comes late with
    /// one run does not wait until a run of somebody else has ended.
    fn caps(&self) -> Caps {
        Caps {
            workspace: self.workspace_runs,
            here: (self.slots - self.slots / 8) as i64,
            agent: self.agent_runs,
            provider: self.provider_runs,
        }
    }
}

/// What a worker works with.
#[derive(Debug, Clone)]
pub struct Means {
    /// The database, as `mc_tasks_engine`.
    pub engine: Database,
    /// The llm service.
    pub llm: Upstream,
    /// Who the worker is to it, and to the others.
    pub identity: ServiceIdentity,
    /// The registry, which has the agents that work is handed to and, as a scheduler, those that schedules start.
    pub registry: Upstream,
    /// As a scheduler: the identity service.
    pub accounts: Upstream,
    /// The way out for `http_fetch` and `http_request`, and as a scheduler for notifications.
    pub egress: Egress,
    /// As a scheduler: sends mail; none where no server is set.
    pub mailer: Option<Mailer>,
    /// Hints and live text.
    pub bus: Bus,
    /// Time and ids.
    pub ambient: Ambient,
}

/// One worker, shared by its runs.
#[derive(Debug)]
pub(crate) struct Worker {
    id: Uuid,
    settings: WorkerSettings,
    means: Means,
    committer: Committer,
    pulse: Pulse,
    live: LiveTexts,
    bells: Bells,
    hands: Hands,
    /// Told when a run is let go: another one may be within its caps now.
    room: Notify,
    fetch: HttpFetch,
    requests: HttpRequests,
    lifecycle: Lifecycle,
}

/// Works until the lifecycle drains, then hands back what it holds.
///
/// # Errors
/// The worker could not put itself on the list.
pub async fn run(settings: WorkerSettings, means: Means, lifecycle: &Lifecycle) -> anyhow::Result<()> {
    let id = means.ambient.ids.uuid();
    let bells = Bells::default();
    let heart = Heart::start(&means.engine, id, &settings, bells.clone()).await?;
    let committer = Committer::start(&means.engine, settings.lanes, lifecycle);
    let live = LiveTexts::new(means.bus.clone());
    let slots = Arc::new(Semaphore::new(settings.slots));
    let pulse = heart.pulse();
    let requests = HttpRequests::new(means.egress.clone()).by_leave({
        let pulse = pulse.clone();
        move || {
            let pulse = pulse.clone();
            async move { pulse.fresh().await }
        }
    });
    let worker = Arc::new(Worker {
        id,
        committer,
        pulse,
        live,
        bells,
        hands: Hands::default(),
        room: Notify::new(),
        fetch: HttpFetch::new(means.egress.clone()),
        requests,
        lifecycle: lifecycle.clone(),
        settings,
        means,
    });
    tracing::info!(worker = %id, slots = worker.settings.slots, "working");
    if worker.settings.schedules {
        worker.clone().schedule();
    }
    lifecycle.spawn_background("answer late watchers", worker.live.clone().answer_late_watchers());
    lifecycle.spawn_background("listen for mail", worker.bells.clone().listen(worker.means.bus.clone()));
    let look = worker.bells.clone().look(worker.means.bus.clone(), worker.means.engine.clone(), id);
    lifecycle.spawn_background("look for mail without the bus", look);

    worker.clone().take_runs(&slots).await;

    // Every slot is free when every run has been let go.
    let all = u32::try_from(worker.settings.slots).unwrap_or(u32::MAX);
    let _all = slots.acquire_many(all).await;
    heart.stop().await;
    tracing::info!(worker = %id, "stopped working");
    Ok(())
}

impl Worker {
    fn schedule(self: Arc<Self>) {
        let lifecycle = self.lifecycle.clone();
        lifecycle.spawn("scheduler", async move {
            let settings = SchedulerSettings {
                ttl: self.settings.ttl,
                activity_kept: self.settings.activity_kept,
                journal_partition: self.settings.journal_partition,
                public_url: self.settings.public_url.clone(),
                ..SchedulerSettings::default()
            };
            let Means { engine, llm, registry, accounts, identity, egress, mailer, bus, ambient } =
                self.means.clone();
            let means = scheduler::Means {
                engine,
                registry,
                llm,
                identity: accounts,
                service: identity,
                egress,
                mailer,
                bus,
                ambient,
            };
            scheduler::run(settings, means, &self.lifecycle).await;
        });
    }

    async fn take_runs(self: Arc<Self>, slots: &Arc<Semaphore>) {
        let draining = self.lifecycle.draining();
        let mut hints = self.means.bus.subscribe(topics::READY).await;
        let capabilities = [String::new()];
        let nil = WorkspaceId::new(Uuid::nil());
        let mut after = nil;
        let mut count = tokio::time::interval(self.settings.heartbeat);
        count.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A slot first: what is claimed is begun at once.
            let slot = tokio::select! {
                biased;
                () = draining.cancelled() => return,
                _ = count.tick() => {
                    self.give_back().await;
                    continue;
                }
                slot = slots.clone().acquire_owned() => slot.ok(),
            };
            let Some(slot) = slot else { return };
            if draining.run_until_cancelled(self.pulse.fresh()).await.is_none() {
                return;
            }
            let claim = Claim {
                worker: self.id,
                limit: 1 + slots.available_permits() as i64,
                after,
                caps: self.settings.caps(),
                fold_version: FOLD_VERSION_COLUMN,
                capabilities: &capabilities,
            };
            faults::pass(Point::BeforeClaim);
            match lease::claim(&self.means.engine, &claim).await {
                Ok(leases) if !leases.is_empty() => {
                    faults::pass(Point::AfterClaim);
                    after = leases.iter().map(|lease| lease.workspace).max().unwrap_or(nil);
                    self.begin(leases, slot, slots);
                    continue;
                }
                // Nobody behind the workspace that was served last: begin the next turn with the first.
                Ok(_) if after != nil => {
                    after = nil;
                    continue;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "claim runs");
                }
            }
            drop(slot);
            tokio::select! {
                () = draining.cancelled() => return,
                _ = hints.next() => {}
                () = self.room.notified() => {}
                () = tokio::time::sleep(self.settings.poll) => {}
            }
        }
    }

    /// Gives back what this worker has on paper alone. Only the loop that claims may do so: between a claim and the
    /// beginning of its attempts, all that it took would look like that.
    async fn give_back(&self) {
        match lease::give_back(&self.means.engine, self.id, &self.hands.runs()).await {
            Ok(0) => {}
            Ok(runs) => {
                tracing::warn!(runs, "gave back runs that nobody here carried on");
                topics::publish(&self.means.bus, topics::READY, &"");
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "look for runs that nobody here carries on"
                );
            }
        }
    }

    /// Begins an attempt for each lease. There are slots enough: only this loop takes any.
    fn begin(self: &Arc<Self>, leases: Vec<Lease>, first: OwnedSemaphorePermit, slots: &Arc<Semaphore>) {
        let mut first = Some(first);
        for lease in leases {
            let slot = first.take().or_else(|| slots.clone().try_acquire_owned().ok());
            let worker = self.clone();
            let held = self.hands.take(lease.run, lease.epoch);
            self.lifecycle.spawn("run", async move {
                attempt::attempt(worker.clone(), lease).await;
                drop((slot, held));
                worker.room.notify_one();
            });
        }
    }
}
