//! A service to call: runs that do what their name says, on as many replicas as a test likes.
#![allow(dead_code, reason = "each of the programs that include it uses a part")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};
use mc_chassis::auth::Role;
use mc_chassis::auth::testing::TestAuth;
use mc_chassis::client::{Channel, Target, Upstream};
use mc_chassis::clock::SystemClock;
use mc_chassis::config::{ClientSettings, ListenAddress, ServerSettings};
use mc_chassis::ids::Ids;
use mc_chassis::lifecycle::Lifecycle;
use mc_chassis::server::{Listener, Readiness, Served, serve};
use mc_chassis::sized;
use mc_proto::google::api::HttpBody;
use mc_proto::tasks::v1 as pb;
use pb::run_service_client::RunServiceClient;
use pb::run_service_server::{RunService, RunServiceServer};
use pb::watch_run_response::Update;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Runs that do what their name says: `runs/panic`, `runs/gate` (waits to be let through), `runs/never`; any other
/// answers at once. The answer's summary has the request id, and its steps how many bytes the name had.
#[derive(Debug)]
pub(crate) struct Runs {
    /// One permit for each call or stream that has reached the gate.
    pub(crate) reached: Semaphore,
    /// Takes one permit from each call or stream at the gate.
    pub(crate) gate: Semaphore,
    /// Unary calls that were answered, and watches that were opened.
    pub(crate) answered: AtomicUsize,
    pub(crate) watches: AtomicUsize,
}

impl Runs {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            reached: Semaphore::new(0),
            gate: Semaphore::new(0),
            answered: AtomicUsize::new(0),
            watches: AtomicUsize::new(0),
        })
    }

    /// Waits until a call has reached the gate.
    pub(crate) async fn reached(&self) {
        self.reached.acquire().await.expect("never closed").forget();
    }

    /// Lets a call through the gate.
    pub(crate) fn let_through(&self) {
        self.gate.add_permits(1);
    }

    async fn pass(&self) {
        self.reached.add_permits(1);
        self.gate.acquire().await.expect("never closed").forget();
    }
}

struct Handler(Arc<Runs>);

#[tonic::async_trait]
impl RunService for Handler {
    type WatchRunStream = Pin<Box<dyn Stream<Item = Result<pb::WatchRunResponse, Status>> + Send>>;

    async fn get_run(
        &self,
        request: Request<pb::GetRunRequest>,
    ) -> Result<Response<pb::GetRunResponse>, Status> {
        let id = request.metadata().get("x-request-id").and_then(|id| id.to_str().ok());
        let summary = id.unwrap_or_default().to_owned();
        let name = request.into_inner().name;
        match name.as_str() {
            "runs/panic" => panic!("on purpose, with a secret in it"),
            "runs/gate" => self.0.pass().await,
            "runs/never" => std::future::pending().await,
            _ => {}
        }
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        let steps = i32::try_from(name.len()).expect("small");
        let run = pb::Run { summary, steps, ..pb::Run::default() };
        Ok(Response::new(pb::GetRunResponse { run: Some(run) }))
    }

    async fn list_runs(
        &self,
        _: Request<pb::ListRunsRequest>,
    ) -> Result<Response<pb::ListRunsResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    async fn list_run_events(
        &self,
        _: Request<pb::ListRunEventsRequest>,
    ) -> Result<Response<pb::ListRunEventsResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    type ExportRunStream = Pin<Box<dyn Stream<Item = Result<HttpBody, Status>> + Send>>;

    async fn export_run(
        &self,
        _: Request<pb::ExportRunRequest>,
    ) -> Result<Response<Self::ExportRunStream>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    async fn pause_run(
        &self,
        _: Request<pb::PauseRunRequest>,
    ) -> Result<Response<pb::PauseRunResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    async fn resume_run(
        &self,
        _: Request<pb::ResumeRunRequest>,
    ) -> Result<Response<pb::ResumeRunResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    async fn cancel_run(
        &self,
        _: Request<pb::CancelRunRequest>,
    ) -> Result<Response<pb::CancelRunResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    async fn steer_run(
        &self,
        _: Request<pb::SteerRunRequest>,
    ) -> Result<Response<pb::SteerRunResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    async fn retry_run(
        &self,
        _: Request<pb::RetryRunRequest>,
    ) -> Result<Response<pb::RetryRunResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    async fn list_run_commands(
        &self,
        _: Request<pb::ListRunCommandsRequest>,
    ) -> Result<Response<pb::ListRunCommandsResponse>, Status> {
        Err(Status::unimplemented("not of use here"))
    }

    /// Says at once that it has caught up, after the gate once more, and goes on for ever; `runs/flood` sends as much as
    /// it may.
    async fn watch_run(
        &self,
        request: Request<pb::WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        self.0.watches.fetch_add(1, Ordering::Relaxed);
        let (runs, name) = (self.0.clone(), request.into_inner().name);
        if name == "runs/flood" {
            let text = "x".repeat(16 * 1024);
            let delta = pb::LiveDelta { text, ..pb::LiveDelta::default() };
            let update = pb::WatchRunResponse { update: Some(Update::Delta(delta)) };
            return Ok(Response::new(futures::stream::repeat(update).map(Ok).boxed()));
        }
        let caught_up = |seq| pb::WatchRunResponse { update: Some(Update::CaughtUp(pb::CaughtUp { seq })) };
        let gated = async move {
            runs.pass().await;
            assert_ne!(name, "runs/panic", "on purpose, with a secret in it");
            Ok(caught_up(2))
        };
        let head = futures::stream::iter([Ok(caught_up(1))]).chain(gated.into_stream());
        Ok(Response::new(head.chain(futures::stream::pending()).boxed()))
    }
}

/// One replica of the service, on loopback.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    pub(crate) runs: Arc<Runs>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) readiness: Readiness,
    pub(crate) serving: JoinHandle<anyhow::Result<()>>,
}

impl Replica {
    pub(crate) async fn start(settings: ServerSettings) -> Self {
        let any: ListenAddress = "127.0.0.1:0".parse().expect("address");
        let listener = Listener::bind(&any).await.expect("bind");
        let address = listener.tcp_address().expect("TCP");
        Self::start_on(listener, address, settings)
    }

    pub(crate) fn start_on(listener: Listener, address: SocketAddr, settings: ServerSettings) -> Self {
        let (runs, lifecycle, readiness) = (Runs::new(), Lifecycle::new(), Readiness::default());
        let served = Served {
            name: "tasks",
            routes: Routes::new(sized!(RunServiceServer::new(Handler(runs.clone())))),
            verifier: auth().verifier("tasks"),
            readiness: readiness.clone(),
            ids: Ids::random(Arc::new(SystemClock)),
        };
        let life = lifecycle.clone();
        let serving =
            lifecycle.spawn("serve", async move { serve(served, &settings, vec![listener], &life).await });
        Self { address, runs, lifecycle, readiness, serving }
    }

    /// A client of this replica alone.
    pub(crate) fn upstream(&self, settings: &ClientSettings, lifecycle: &Lifecycle) -> Upstream {
        Upstream::new("tasks", format!("http://{}", self.address).parse().expect("URL"), settings, lifecycle)
    }

    /// A plain tonic channel with one connection.
    pub(crate) async fn plain(&self) -> tonic::transport::Channel {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", self.address));
        endpoint.expect("URL").connect().await.expect("connect")
    }

    /// Drains and ends it.
    pub(crate) async fn stop(self) {
        self.lifecycle.shutdown(Duration::from_secs(10)).await;
        self.serving.await.expect("no panic").expect("served");
    }
}

/// A name whose addresses a test sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Name(Arc<Mutex<Vec<SocketAddr>>>);

impl Name {
    pub(crate) fn of(replicas: &[&Replica]) -> Self {
        let name = Self::default();
        name.set(replicas.iter().map(|replica| replica.address).collect());
        name
    }

    pub(crate) fn set(&self, addresses: Vec<SocketAddr>) {
        *self.0.lock().expect("lock") = addresses;
    }

    pub(crate) fn target(&self) -> Target {
        let addresses = self.0.clone();
        Target::Resolved(Arc::new(move || {
            let found = addresses.lock().expect("lock").clone();
            futures::future::ready(Ok(found)).boxed()
        }))
    }

    pub(crate) fn upstream(&self, settings: &ClientSettings, lifecycle: &Lifecycle) -> Upstream {
        Upstream::new("tasks", self.target(), settings, lifecycle)
    }
}

pub(crate) fn auth() -> TestAuth {
    TestAuth::new(Arc::new(SystemClock))
}

/// A request of somebody who may read runs.
pub(crate) fn request<M>(message: M) -> Request<M> {
    auth().request(Uuid::from_u128(1), Uuid::from_u128(2), Role::Viewer, message)
}

pub(crate) fn get(name: &str) -> Request<pb::GetRunRequest> {
    request(pb::GetRunRequest { name: name.to_owned() })
}

pub(crate) fn watch(name: &str) -> Request<pb::WatchRunRequest> {
    request(pb::WatchRunRequest { name: name.to_owned(), ..pb::WatchRunRequest::default() })
}

pub(crate) fn unary(upstream: &Upstream) -> RunServiceClient<Channel> {
    sized!(RunServiceClient::new(upstream.unary()))
}

pub(crate) fn streams(upstream: &Upstream) -> RunServiceClient<Channel> {
    sized!(RunServiceClient::new(upstream.streams()))
}

/// Opens a watch and reads its first message.
pub(crate) async fn open_watch(
    client: &mut RunServiceClient<Channel>,
) -> tonic::Streaming<pb::WatchRunResponse> {
    let mut stream = client.watch_run(watch("runs/1")).await.expect("watch").into_inner();
    stream.message().await.expect("message").expect("caught up");
    stream
}
