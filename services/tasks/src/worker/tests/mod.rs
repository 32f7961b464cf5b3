//! The worker against a real PostgreSQL and a scripted llm service, over the wire.

mod carry;
mod charges;
mod large;
mod llm;
mod on_paper;
mod people;
mod site;
mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use mc_chassis::auth::testing::TestAuth;
use mc_chassis::bus::Bus;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::clock::FixedClock;
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::egress::Egress;
use mc_chassis::server::{Listener, Readiness, Served, memory, serve};
use mc_chassis::sized;
use mc_chassis::{Ambient, Lifecycle};
use mc_proto::registry::v1::agent_service_server::AgentServiceServer;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::service::Routes;
use uuid::Uuid;

use super::bells::Bells;
use super::committer::Committer;
use super::hands::Hands;
use super::heartbeat::Pulse;
use super::live::LiveTexts;
use super::{Means, Worker, WorkerSettings, attempt};
use crate::domain::brief::{AgentSnapshot, ToolGrant};
use crate::domain::event::Event;
use crate::domain::id::{RunId, WorkspaceId};
use crate::rpc::tests::agents::Registry;
use crate::rpc::tests::service::started;
use crate::store::lease::Lease;
use crate::store::run::Run;
use crate::store::tests::{NOW, Tables, writer};
use crate::store::{journal, run};
use crate::tools::http_fetch::HttpFetch;
use crate::tools::http_request::HttpRequests;
use crate::topics;
use llm::Script;

/// A database, a scripted llm service and a clock that stands still.
pub(crate) struct Fleet {
    pub(crate) tables: Tables,
    pub(crate) script: Arc<Script>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) bus: Bus,
    /// Of bare workers.
    pub(crate) bells: Bells,
    clock: Arc<FixedClock>,
    auth: TestAuth,
    means: Means,
    lifecycle: Lifecycle,
    /// Keeps the pulse of bare workers alive.
    _beat: watch::Sender<Instant>,
    pulse: Pulse,
}

impl Fleet {
    pub(crate) async fn new() -> Self {
        mc_chassis::install_crypto();
        let tables = Tables::new().await;
        let (ambient, clock) = Ambient::fixed(NOW, 7);
        let auth = TestAuth::new(ambient.clock.clone());
        let lifecycle = Lifecycle::new();
        let script = Arc::<Script>::default();
        let (link, listener) = memory();
        let served = Served {
            name: "llm",
            routes: script.clone().routes(),
            verifier: auth.verifier("llm"),
            readiness: Readiness::new(true),
            ids: ambient.ids.clone(),
        };
        let ends = lifecycle.clone();
        lifecycle.spawn_background("llm double", async move {
            let settings = ServerSettings::default();
            serve(served, &settings, vec![Listener::Memory(listener)], &ends).await.expect("serve");
        });
        let registry = Arc::<Registry>::default();
        let served = Served {
            name: "registry",
            routes: Routes::new(sized!(AgentServiceServer::from_arc(registry.clone()))),
            verifier: auth.verifier("registry"),
            readiness: Readiness::new(true),
            ids: ambient.ids.clone(),
        };
        let team = started(served, &lifecycle);
        let bus = Bus::local();
        let means = Means {
            engine: tables.engine.clone(),
            llm: Upstream::new("llm", Target::Memory(link), &ClientSettings::default(), &lifecycle),
            identity: auth.service("tasks"),
            registry: Upstream::new("registry", Target::Memory(team), &ClientSettings::default(), &lifecycle),
            accounts: Upstream::new(
                "identity",
                Target::Memory(memory().0),
                &ClientSettings::default(),
                &lifecycle,
            ),
            egress: Egress::new("127.0.0.1".parse().expect("a policy")).expect("client"),
            mailer: None,
            bus: bus.clone(),
            ambient,
        };
        let (beat, last) = watch::channel(Instant::now());
        let pulse = Pulse::of(last, Duration::from_hours(1));
        let bells = Bells::default();
        Self { tables, script, registry, bus, bells, clock, auth, means, lifecycle, _beat: beat, pulse }
    }

    /// A worker program; it ends with the lifecycle that comes back.
    pub(crate) fn worker(&self) -> Lifecycle {
        self.worker_with(WorkerSettings { poll: Duration::from_millis(50), ..WorkerSettings::default() })
    }

    pub(crate) fn worker_with(&self, settings: WorkerSettings) -> Lifecycle {
        self.worker_on(self.bus.clone(), settings)
    }

    /// A worker program that listens to this bus.
    pub(crate) fn worker_on(&self, bus: Bus, settings: WorkerSettings) -> Lifecycle {
        let lifecycle = Lifecycle::new();
        let (means, ends) = (Means { bus, ..self.means.clone() }, lifecycle.clone());
        lifecycle.spawn("worker", async move {
            super::run(settings, means, &ends).await.expect("work");
        });
        lifecycle
    }

    /// Claims a run for a worker without heartbeat and without a loop of its own.
    pub(crate) async fn claim(&self) -> (Arc<Worker>, Lease) {
        let id = self.tables.worker().await;
        let lease = self.tables.claim(id, 1).await.pop().expect("a run is ready");
        let lifecycle = self.lifecycle.clone();
        let worker = Worker {
            id,
            settings: WorkerSettings::default(),
            committer: Committer::start(&self.means.engine, 1, &lifecycle),
            pulse: self.pulse.clone(),
            live: LiveTexts::new(self.bus.clone()),
            bells: self.bells.clone(),
            hands: Hands::default(),
            room: tokio::sync::Notify::new(),
            fetch: HttpFetch::new(self.means.egress.clone()),
            requests: HttpRequests::new(self.means.egress.clone()).impatient(),
            means: self.means.clone(),
            lifecycle,
        };
        (Arc::new(worker), lease)
    }

    /// Claims a run and carries it on until it is let go.
    pub(crate) async fn attempt(&self) -> Lease {
        let (worker, lease) = self.claim().await;
        attempt::attempt(worker, lease.clone()).await;
        lease
    }

    pub(crate) fn advance(&self, by: time::Duration) {
        self.clock.advance(by);
    }

    pub(crate) async fn run(&self, workspace: WorkspaceId, run: RunId) -> Run {
        let mut tx = self.tables.api.read(workspace.uuid()).await.expect("read");
        run::get(&mut tx, run).await.expect("get").expect("there")
    }

    /// The run once it has ended.
    pub(crate) async fn ended(&self, workspace: WorkspaceId, run: RunId) -> Run {
        self.once(workspace, run, |run| run.end_time.is_some()).await
    }

    /// The run once it is so.
    pub(crate) async fn once(&self, workspace: WorkspaceId, run: RunId, is_so: impl Fn(&Run) -> bool) -> Run {
        let mut signals = self.bus.subscribe(&topics::run(run)).await;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let now = self.run(workspace, run).await;
            if is_so(&now) {
                return now;
            }
            assert!(Instant::now() < deadline, "it does not come to that: {now:?}");
            let _ = tokio::time::timeout(Duration::from_millis(50), signals.next()).await;
        }
    }

    pub(crate) async fn events(&self, workspace: WorkspaceId, run: RunId) -> Vec<Event> {
        let mut tx = self.tables.api.read(workspace.uuid()).await.expect("read");
        let records = journal::page(&mut tx, run, 0, 1_000).await.expect("journal");
        records.into_iter().map(|record| record.event).collect()
    }

    pub(crate) async fn kinds(&self, workspace: WorkspaceId, run: RunId) -> Vec<&'static str> {
        self.events(workspace, run).await.iter().map(Event::kind).collect()
    }

    /// A run that is ready.
    pub(crate) async fn queued(&self, workspace: WorkspaceId) -> RunId {
        self.tables.run(workspace).await
    }

    /// A run that is ready, of an agent with these tools.
    pub(crate) async fn queued_with(&self, workspace: WorkspaceId, tools: Vec<ToolGrant>) -> RunId {
        self.queued_by(workspace, AgentSnapshot { tools, ..writer() }).await
    }

    pub(crate) async fn queued_by(&self, workspace: WorkspaceId, agent: AgentSnapshot) -> RunId {
        let task = self.tables.task(workspace).await;
        self.tables.run_by(workspace, task, agent).await
    }

    pub(crate) async fn is_ready(&self, run: RunId) -> bool {
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM tasks.ready WHERE run_id = $1)")
            .bind(run.uuid())
            .fetch_one(&self.tables.kit.admin())
            .await
            .expect("ready")
    }

    /// Wakes delayed runs, whatever their time.
    pub(crate) async fn wake_all(&self) {
        let far = NOW + time::Duration::days(365);
        self.tables.promote_at(far).await;
        self.tables.end_parks().await;
        crate::store::park::tend(&self.tables.engine).await.expect("see to the parks");
    }

    /// The worker is found dead.
    pub(crate) async fn reap(&self, worker: Uuid) {
        self.tables.silence(worker, 60.0).await;
        crate::store::lease::reap(&self.tables.engine, Duration::from_secs(6)).await.expect("reap");
    }
}
