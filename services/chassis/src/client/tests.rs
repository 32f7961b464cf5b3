//! Channels against a real server in the same process.

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use mc_proto::google::api::HttpBody;
use mc_proto::tasks::v1 as pb;
use pb::run_service_client::RunServiceClient;
use pb::run_service_server::{RunService, RunServiceServer};
use time::macros::datetime;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::{Target, Upstream};
use crate::auth::Role;
use crate::auth::testing::TestAuth;
use crate::clock::FixedClock;
use crate::config::{ClientSettings, ServerSettings};
use crate::error::reason;
use crate::server::{Listener, MemoryLink, Readiness, Served, memory, serve};
use crate::{Failure, Lifecycle, sized};

const USER: Uuid = Uuid::from_u128(1);
const WORKSPACE: Uuid = Uuid::from_u128(2);

/// Runs that can be read and watched for ever.
struct Runs;

#[tonic::async_trait]
impl RunService for Runs {
    type WatchRunStream = Pin<Box<dyn Stream<Item = Result<pb::WatchRunResponse, Status>> + Send>>;

    async fn get_run(
        &self,
        request: Request<pb::GetRunRequest>,
    ) -> Result<Response<pb::GetRunResponse>, Status> {
        let run = pb::Run { name: request.into_inner().name, ..pb::Run::default() };
        Ok(Response::new(pb::GetRunResponse { run: Some(run) }))
    }

    async fn list_runs(
        &self,
        _: Request<pb::ListRunsRequest>,
    ) -> Result<Response<pb::ListRunsResponse>, Status> {
        std::future::pending().await
    }

    async fn list_run_events(
        &self,
        _: Request<pb::ListRunEventsRequest>,
    ) -> Result<Response<pb::ListRunEventsResponse>, Status> {
        Err(Failure::not_found("runs/none").into())
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

    async fn watch_run(
        &self,
        _: Request<pb::WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        Ok(Response::new(Box::pin(futures::stream::pending())))
    }
}

struct Fixture {
    auth: TestAuth,
    lifecycle: Lifecycle,
    upstream: Upstream,
}

fn start(client: ClientSettings) -> Fixture {
    let clock = FixedClock::at(datetime!(2026-01-01 0:00 UTC));
    let auth = TestAuth::new(clock.clone());
    let lifecycle = Lifecycle::new();
    let (link, listener) = memory();
    let served = Served {
        name: "tasks",
        routes: Routes::new(sized!(RunServiceServer::new(Runs))),
        verifier: auth.verifier("tasks"),
        readiness: Readiness::default(),
        ids: crate::ids::Ids::seeded(clock, 1),
    };
    let (settings, life) = (ServerSettings::default(), lifecycle.clone());
    lifecycle.spawn("server", async move {
        serve(served, &settings, vec![Listener::Memory(listener)], &life).await
    });
    let upstream = upstream(link, client, &lifecycle);
    Fixture { auth, lifecycle, upstream }
}

fn upstream(link: MemoryLink, settings: ClientSettings, lifecycle: &Lifecycle) -> Upstream {
    Upstream::new("tasks", Target::Memory(link), &settings, lifecycle)
}

impl Fixture {
    fn request<M>(&self, message: M) -> Request<M> {
        self.auth.request(USER, WORKSPACE, Role::Viewer, message)
    }
}

#[tokio::test]
async fn unary_call_answers_while_more_watches_are_open_than_a_connection_takes() {
    let fixture = start(ClientSettings { streams_per_connection: 10, ..ClientSettings::default() });
    let mut watches = Vec::new();
    for _ in 0..95 {
        let mut client = RunServiceClient::new(fixture.upstream.streams());
        watches.push(client.watch_run(fixture.request(pb::WatchRunRequest::default())).await.expect("watch"));
    }
    let mut client = RunServiceClient::new(fixture.upstream.unary());
    let request = fixture.request(pb::GetRunRequest { name: "runs/1".to_owned() });
    let reply = client.get_run(request).await.expect("answers").into_inner();
    assert_eq!(reply.run.expect("run").name, "runs/1");
}

#[tokio::test]
async fn places_are_limited_and_given_back() {
    let settings =
        ClientSettings { streams_per_connection: 2, connections_per_address: 2, ..ClientSettings::default() };
    let fixture = start(settings);
    let mut client = RunServiceClient::new(fixture.upstream.streams());
    let mut watches = Vec::new();
    for _ in 0..4 {
        watches.push(client.watch_run(fixture.request(pb::WatchRunRequest::default())).await.expect("watch"));
    }
    let refused = client.watch_run(fixture.request(pb::WatchRunRequest::default())).await.expect_err("full");
    assert_eq!(Failure::from_status(&refused).reason(), reason::OVERLOADED);
    watches.pop();
    client.watch_run(fixture.request(pb::WatchRunRequest::default())).await.expect("a place was given back");
}

#[tokio::test]
async fn failures_arrive_with_their_details() {
    let fixture = start(ClientSettings::default());
    let mut client = RunServiceClient::new(fixture.upstream.unary());
    let status =
        client.list_run_events(fixture.request(pb::ListRunEventsRequest::default())).await.expect_err("none");
    assert_eq!(Failure::from_status(&status), Failure::not_found("runs/none"));
}

#[tokio::test]
async fn unary_call_without_an_answer_ends_at_its_deadline() {
    let fixture =
        start(ClientSettings { call_deadline: Duration::from_millis(50), ..ClientSettings::default() });
    let mut client = RunServiceClient::new(fixture.upstream.unary());
    let status =
        client.list_runs(fixture.request(pb::ListRunsRequest::default())).await.expect_err("no answer");
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn service_that_is_not_there_is_unavailable_with_its_name() {
    let lifecycle = Lifecycle::new();
    let (link, listener) = memory();
    drop(listener);
    let settings =
        ClientSettings { connect_patience: Duration::from_millis(100), ..ClientSettings::default() };
    let mut client = RunServiceClient::new(upstream(link, settings, &lifecycle).unary());
    let failure =
        Failure::from_status(&client.get_run(pb::GetRunRequest::default()).await.expect_err("nobody there"));
    assert_eq!((failure.code(), failure.reason()), (Code::Unavailable, reason::UPSTREAM_UNAVAILABLE));
    assert!(failure.message().contains("tasks") && failure.retry_delay().is_some(), "{failure}");
}

#[tokio::test]
async fn calls_go_on_over_a_new_connection_when_the_old_one_is_too_old() {
    let fixture =
        start(ClientSettings { connection_age: Duration::from_millis(1), ..ClientSettings::default() });
    let mut streams = RunServiceClient::new(fixture.upstream.streams());
    let watch = streams.watch_run(fixture.request(pb::WatchRunRequest::default())).await.expect("watch");
    let mut unary = RunServiceClient::new(fixture.upstream.unary());
    for _ in 0..20 {
        unary.get_run(fixture.request(pb::GetRunRequest::default())).await.expect("answers");
    }
    drop(watch);
    assert!(fixture.lifecycle.shutdown(Duration::from_secs(5)).await.is_clean());
}
