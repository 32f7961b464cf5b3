//! Services behind the edge that answer in memory and remember what they were asked.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::Stream;
use mc_chassis::auth::testing::TestAuth;
use mc_chassis::{Failure, sized};
use mc_gateway::upstream::{Channel, Upstream, Upstreams};
use mc_proto::google::api::HttpBody;
use mc_proto::registry::v1::*;
use mc_proto::tasks::v1::watch_run_response::Update;
use mc_proto::tasks::v1::*;
use tokio::sync::watch;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use tower::util::BoxCloneSyncService;

/// All services, and what the test tells them.
#[derive(Debug, Clone)]
pub(crate) struct Fake(pub(crate) Arc<State>);

#[derive(Debug)]
pub(crate) struct State {
    /// Caller tokens that were handed out.
    pub(crate) exchanges: AtomicUsize,
    /// True when bearers are refused.
    pub(crate) revoked: AtomicBool,
    /// Requests as they came: RPC, metadata, and the message as text.
    pub(crate) seen: Mutex<Vec<(&'static str, MetadataMap, String)>>,
    /// What the next call fails with.
    pub(crate) failure: Mutex<Option<Status>>,
    /// What watches say, per run.
    pub(crate) scripts: Mutex<HashMap<String, watch::Sender<Script>>>,
    /// `after_seq` of every watch that was opened.
    pub(crate) watches: Mutex<Vec<i64>>,
    /// What watches of workspaces say.
    pub(crate) activity: crate::fake_activity::State,
    /// Makes caller tokens that real servers accept; without it they are made up.
    pub(crate) tokens: Mutex<Option<TestAuth>>,
    /// Watches break after this many messages; 0 for never.
    pub(crate) break_after: AtomicUsize,
}

/// What a watch says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) updates: Vec<Update>,
    pub(crate) ended: bool,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self(Arc::new(State {
            exchanges: AtomicUsize::new(0),
            revoked: AtomicBool::new(false),
            seen: Mutex::default(),
            failure: Mutex::default(),
            scripts: Mutex::default(),
            watches: Mutex::default(),
            activity: crate::fake_activity::State::default(),
            tokens: Mutex::default(),
            break_after: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn upstreams(&self) -> Upstreams {
        let [identity, registry, tasks] = self.routes();
        Upstreams::default()
            .with("identity", upstream(identity))
            .with("registry", upstream(registry))
            .with("tasks", upstream(tasks))
            .with("llm", upstream(Routes::default()))
    }

    /// What identity, registry and tasks serve.
    pub(crate) fn routes(&self) -> [Routes; 3] {
        use mc_proto::identity::v1::auth_service_server::AuthServiceServer;
        use mc_proto::registry::v1::agent_service_server::AgentServiceServer;
        use mc_proto::tasks::v1::activity_service_server::ActivityServiceServer;
        use mc_proto::tasks::v1::artifact_service_server::ArtifactServiceServer;
        use mc_proto::tasks::v1::run_service_server::RunServiceServer;
        let identity = Routes::new(sized!(AuthServiceServer::new(self.clone())));
        let registry = Routes::new(sized!(AgentServiceServer::new(self.clone())));
        let tasks = Routes::new(sized!(RunServiceServer::new(self.clone())))
            .add_service(sized!(ActivityServiceServer::new(self.clone())))
            .add_service(sized!(ArtifactServiceServer::new(self.clone())));
        [identity, registry, tasks]
    }

    pub(crate) fn fail_next(&self, failure: impl Into<Status>) {
        *self.0.failure.lock().expect("lock") = Some(failure.into());
    }

    pub(crate) fn last_seen(&self) -> (&'static str, MetadataMap, String) {
        self.0.seen.lock().expect("lock").last().expect("a call").clone()
    }

    pub(crate) fn script(&self, run: &str) -> watch::Sender<Script> {
        self.0.scripts.lock().expect("lock").entry(run.to_owned()).or_default().clone()
    }

    pub(crate) fn take<M: std::fmt::Debug>(
        &self,
        rpc: &'static str,
        request: Request<M>,
    ) -> Result<M, Status> {
        let (metadata, _, message) = request.into_parts();
        self.0.seen.lock().expect("lock").push((rpc, metadata, format!("{message:?}")));
        match self.0.failure.lock().expect("lock").take() {
            Some(status) => Err(status),
            None => Ok(message),
        }
    }
}

fn upstream(routes: Routes) -> Upstream {
    let service =
        tower::ServiceExt::<http::Request<tonic::body::Body>>::map_err(
            routes.prepare(),
            |never| match never {},
        );
    let channel: Channel = BoxCloneSyncService::new(service);
    Upstream { unary: channel.clone(), streams: channel }
}

/// An event of a run that ends it or not.
pub(crate) fn event(seq: i64) -> Update {
    let note = EngineNote { step: 1, reason: "NOTE".to_owned(), text: format!("event {seq}") };
    Update::Event(RunEvent { seq, kind: Some(run_event::Kind::EngineNote(note)), ..RunEvent::default() })
}

/// Live text.
pub(crate) fn delta(step: i32, attempt: i32, offset: i64, text: &str) -> Update {
    Update::Delta(LiveDelta { step, attempt, kind: LiveKind::Text as i32, offset, text: text.to_owned() })
}

#[tonic::async_trait]
impl agent_service_server::AgentService for Fake {
    async fn create_agent(
        &self,
        request: Request<CreateAgentRequest>,
    ) -> Result<Response<CreateAgentResponse>, Status> {
        let message = self.take("CreateAgent", request)?;
        let agent = message.agent.map(|agent| Agent {
            name: format!("{}/agents/new", message.parent),
            etag: "e1".to_owned(),
            ..agent
        });
        Ok(Response::new(CreateAgentResponse { agent }))
    }

    async fn get_agent(
        &self,
        request: Request<GetAgentRequest>,
    ) -> Result<Response<GetAgentResponse>, Status> {
        let message = self.take("GetAgent", request)?;
        let agent = Agent { name: message.name, etag: "e1".to_owned(), ..Agent::default() };
        Ok(Response::new(GetAgentResponse { agent: Some(agent) }))
    }

    async fn list_agents(
        &self,
        request: Request<ListAgentsRequest>,
    ) -> Result<Response<ListAgentsResponse>, Status> {
        self.take("ListAgents", request)?;
        Ok(Response::new(ListAgentsResponse::default()))
    }

    async fn update_agent(
        &self,
        request: Request<UpdateAgentRequest>,
    ) -> Result<Response<UpdateAgentResponse>, Status> {
        let message = self.take("UpdateAgent", request)?;
        if message.agent.as_ref().is_some_and(|agent| !agent.etag.is_empty() && agent.etag != "e1") {
            return Err(Failure::etag_mismatch("workspaces/w/agents/a").into());
        }
        Ok(Response::new(UpdateAgentResponse { agent: message.agent }))
    }

    async fn delete_agent(
        &self,
        request: Request<DeleteAgentRequest>,
    ) -> Result<Response<DeleteAgentResponse>, Status> {
        self.take("DeleteAgent", request)?;
        Ok(Response::new(DeleteAgentResponse {}))
    }

    async fn publish_agent(
        &self,
        request: Request<PublishAgentRequest>,
    ) -> Result<Response<PublishAgentResponse>, Status> {
        self.take("PublishAgent", request)?;
        Err(Failure::new(
            Code::FailedPrecondition,
            "IDEMPOTENCY_KEY_REUSED",
            "the key was used for another request",
        )
        .into())
    }

    async fn get_agent_version(
        &self,
        _: Request<GetAgentVersionRequest>,
    ) -> Result<Response<GetAgentVersionResponse>, Status> {
        Err(Status::unavailable("tcp connect error: 10.1.2.3:7102 refused"))
    }

    async fn resolve_teammate(
        &self,
        _: Request<ResolveTeammateRequest>,
    ) -> Result<Response<ResolveTeammateResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn list_agent_versions(
        &self,
        _: Request<ListAgentVersionsRequest>,
    ) -> Result<Response<ListAgentVersionsResponse>, Status> {
        Err(Status::internal("a secret of the inside"))
    }
}

#[tonic::async_trait]
impl artifact_service_server::ArtifactService for Fake {
    async fn get_artifact(
        &self,
        _: Request<GetArtifactRequest>,
    ) -> Result<Response<GetArtifactResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn list_artifacts(
        &self,
        _: Request<ListArtifactsRequest>,
    ) -> Result<Response<ListArtifactsResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn download_artifact(
        &self,
        request: Request<DownloadArtifactRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        self.take("DownloadArtifact", request)?;
        let body = HttpBody {
            content_type: "text/html".to_owned(),
            data: vec![b'x'; 4 * 1024 * 1024],
            extensions: vec![],
        };
        Ok(Response::new(body))
    }
}

#[tonic::async_trait]
impl run_service_server::RunService for Fake {
    async fn get_run(&self, request: Request<GetRunRequest>) -> Result<Response<GetRunResponse>, Status> {
        let message = self.take("GetRun", request)?;
        let run = Run { name: message.name, head_seq: 9_007_199_254_740_993, ..Run::default() };
        Ok(Response::new(GetRunResponse { run: Some(run) }))
    }

    async fn list_runs(
        &self,
        request: Request<ListRunsRequest>,
    ) -> Result<Response<ListRunsResponse>, Status> {
        self.take("ListRuns", request)?;
        Ok(Response::new(ListRunsResponse::default()))
    }

    async fn list_run_events(
        &self,
        _: Request<ListRunEventsRequest>,
    ) -> Result<Response<ListRunEventsResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    type WatchRunStream = Pin<Box<dyn Stream<Item = Result<WatchRunResponse, Status>> + Send>>;

    async fn watch_run(
        &self,
        request: Request<WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let message = self.take("WatchRun", request)?;
        self.0.watches.lock().expect("lock").push(message.after_seq);
        let script = self.script(&message.name).subscribe();
        let place =
            Place { script, next: 0, after: message.after_seq, said: 0, caught_up: false, over: false };
        let state = self.0.clone();
        let stream = futures::stream::unfold((place, state), |(mut place, state)| async move {
            place.next(&state).await.map(|item| (item, (place, state)))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    type ExportRunStream = Pin<Box<dyn Stream<Item = Result<HttpBody, Status>> + Send>>;

    /// A run `cut` breaks off behind its second piece.
    async fn export_run(
        &self,
        request: Request<ExportRunRequest>,
    ) -> Result<Response<Self::ExportRunStream>, Status> {
        let message = self.take("ExportRun", request)?;
        let piece = |text: &str| {
            Ok(HttpBody {
                content_type: "application/json".into(),
                data: text.as_bytes().to_vec(),
                extensions: vec![],
            })
        };
        let cut = message.name.ends_with("/cut").then(|| Err(Status::unavailable("the database is gone")));
        let pieces =
            [piece("{\"format\": "), piece("\"missioncontrol.run/1\""), cut.unwrap_or_else(|| piece("}"))];
        Ok(Response::new(Box::pin(futures::stream::iter(pieces))))
    }

    async fn pause_run(&self, _: Request<PauseRunRequest>) -> Result<Response<PauseRunResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn resume_run(&self, _: Request<ResumeRunRequest>) -> Result<Response<ResumeRunResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn cancel_run(&self, _: Request<CancelRunRequest>) -> Result<Response<CancelRunResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn steer_run(&self, _: Request<SteerRunRequest>) -> Result<Response<SteerRunResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn retry_run(&self, _: Request<RetryRunRequest>) -> Result<Response<RetryRunResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn list_run_commands(
        &self,
        _: Request<ListRunCommandsRequest>,
    ) -> Result<Response<ListRunCommandsResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
}

/// How far one watch has come in its script.
struct Place {
    script: watch::Receiver<Script>,
    next: usize,
    after: i64,
    said: usize,
    caught_up: bool,
    over: bool,
}

impl Place {
    async fn next(&mut self, state: &State) -> Option<Result<WatchRunResponse, Status>> {
        loop {
            if self.over {
                return None;
            }
            let limit = state.break_after.load(Ordering::SeqCst);
            if limit > 0 && self.said == limit {
                self.over = true;
                return Some(Err(Status::unavailable("the replica has died")));
            }
            let (update, ended) = {
                let script = self.script.borrow_and_update();
                (script.updates.get(self.next).cloned(), script.ended)
            };
            if let Some(update) = update {
                self.next += 1;
                if matches!(&update, Update::Event(event) if event.seq <= self.after) {
                    continue;
                }
                self.said += 1;
                return Some(Ok(WatchRunResponse { update: Some(update) }));
            }
            if ended {
                return None;
            }
            if !self.caught_up {
                self.caught_up = true;
                return Some(Ok(WatchRunResponse { update: Some(Update::CaughtUp(CaughtUp { seq: 0 })) }));
            }
            if self.script.changed().await.is_err() {
                return None;
            }
        }
    }
}
