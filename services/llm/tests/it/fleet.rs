//! One database, any number of instances of the service on it, and the vault that they ask.

use std::sync::Arc;
use std::time::Duration;

use mc_chassis::auth::testing::TestAuth;
use mc_chassis::auth::{Role, RunAssertion};
use mc_chassis::client::{Channel, Target, Upstream};
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::server::{Listener, Readiness, memory, serve};
use mc_chassis::testkit::{self, TestDatabase};
use mc_chassis::{Ambient, Failure, Lifecycle, sized};
use mc_llm::{Dependencies, Settings};
use mc_proto::llm::v1::generate_response::Event;
use mc_proto::llm::v1::generation_service_client::GenerationServiceClient;
use mc_proto::llm::v1::model_service_client::ModelServiceClient;
use mc_proto::llm::v1::part::Kind;
use mc_proto::llm::v1::provider_service_client::ProviderServiceClient;
use mc_proto::llm::v1::usage_service_client::UsageServiceClient;
use mc_proto::llm::v1::{
    Attribution, CreateProviderRequest, GenerateRequest, GenerateResponse, Generation, GenerationFinished,
    GetGenerationRequest, ListUsageRequest, Message, MessageRole, Part, Provider, ProviderKind, UsageTotal,
};
use uuid::Uuid;

use crate::vault::{self, Vault};

/// Whatever these tests wait for comes well within this, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A fleet of this one service. Clones are the same.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) database: Arc<TestDatabase>,
    pub(crate) ambient: Ambient,
    pub(crate) auth: TestAuth,
    pub(crate) vault: Vault,
    pub(crate) workspace: Uuid,
    pub(crate) run: RunAssertion,
    identity: Upstream,
    background: Lifecycle,
}

/// One instance of the service, with a lifecycle of its own.
pub(crate) struct Instance {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) readiness: Readiness,
    upstream: Upstream,
    auth: TestAuth,
    workspace: Uuid,
    run: RunAssertion,
}

/// The settings of tests: no pace, and a dead owner is noticed soon.
pub(crate) fn settings() -> Settings {
    Settings {
        simulator_pace_percent: 0,
        heartbeat: Duration::from_millis(300),
        lease: Duration::from_millis(1500),
        poll: Duration::from_millis(30),
        ..Settings::default()
    }
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        mc_chassis::install_crypto();
        let database = Arc::new(testkit::database(&[&mc_llm::SCHEMA]).await);
        let ambient = Ambient::system();
        let auth = TestAuth::new(ambient.clock.clone());
        let background = Lifecycle::new();
        let workspace = ambient.ids.uuid();
        let run = TestAuth::run(workspace, ambient.ids.uuid(), ambient.ids.uuid());
        let (vault, identity) = vault::start(&auth, &ambient, &background);
        Self { database, ambient, auth, vault, workspace, run, identity, background }
    }

    /// An instance with the settings of tests.
    pub(crate) async fn instance(&self) -> Instance {
        self.instance_with(settings()).await
    }

    pub(crate) async fn instance_with(&self, settings: Settings) -> Instance {
        self.instance_on(&self.background, settings).await
    }

    /// An instance whose server is one of the tasks of `serving`, on the runtime that this is called on.
    async fn instance_on(&self, on: &Lifecycle, settings: Settings) -> Instance {
        let lifecycle = Lifecycle::new();
        let served = mc_llm::build(
            &settings,
            Dependencies {
                database: self.database.login("llm", "api").await,
                identity: self.identity.clone(),
                service: self.auth.service("llm"),
                verifier: self.auth.verifier("llm"),
                egress: egress(),
                ambient: self.ambient.clone(),
                lifecycle: lifecycle.clone(),
            },
        );
        let readiness = served.readiness.clone();
        let (link, listener) = memory();
        let serving = lifecycle.clone();
        // Like a program's main: it is not one of the tasks that a shutdown waits for.
        on.spawn_background("serve llm", async move {
            let server = ServerSettings::default();
            serve(served, &server, vec![Listener::Memory(listener)], &serving).await.expect("serve");
        });
        let target = Target::Memory(link);
        let upstream = Upstream::new("llm", target, &ClientSettings::default(), &self.background);
        let (auth, workspace, run) = (self.auth.clone(), self.workspace, self.run.clone());
        Instance { lifecycle, readiness, upstream, auth, workspace, run }
    }

    /// What an administrator of the database finds.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.database.admin()).await.expect("count")
    }

    /// Waits until an administrator of the database counts something. Nobody could tell when: who does it is dead, or is
    /// not asked.
    pub(crate) async fn until(&self, sql: &'static str) {
        let counted = async {
            while self.count(sql).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, counted).await.expect(sql);
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.database.admin()).await.expect("execute");
    }

    pub(crate) fn parent(&self) -> String {
        format!("workspaces/{}", self.workspace)
    }

    /// Runs a task of a test until the test ends.
    pub(crate) fn background(&self) -> &Lifecycle {
        &self.background
    }
}

/// An instance on a runtime of its own, which can die as by SIGKILL: between two instructions, with no last words.
pub(crate) struct Doomed {
    instance: Instance,
    runtime: tokio::runtime::Runtime,
}

impl Doomed {
    pub(crate) async fn start(fleet: &Fleet, settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let fleet = fleet.clone();
        let started = runtime.spawn(async move { fleet.instance_on(&Lifecycle::new(), settings).await });
        let instance = started.await.expect("it starts");
        Self { instance, runtime }
    }

    /// Drops every task of it where it stands. The database sees connections that break off.
    pub(crate) fn kill(self) {
        self.runtime.shutdown_background();
    }
}

impl std::ops::Deref for Doomed {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

/// Reaches the servers of these tests, which are on loopback.
fn egress() -> Egress {
    let rule = "127.0.0.0/8".parse().expect("a rule");
    Egress::new(EgressPolicy { allow_private: vec![rule] }).expect("a client")
}

/// A request of one user turn, under a key.
pub(crate) fn request(workspace: Uuid, key: &str, model: &str) -> GenerateRequest {
    GenerateRequest {
        parent: format!("workspaces/{workspace}"),
        idempotency_key: key.into(),
        model: model.into(),
        messages: vec![user("# Task: Count the apples\n\nAll of them.")],
        ..GenerateRequest::default()
    }
}

pub(crate) fn user(text: &str) -> Message {
    Message { role: MessageRole::User.into(), parts: vec![Part { kind: Some(Kind::Text(text.into())) }] }
}

/// What came of a stream: its events, and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) generation: String,
    pub(crate) attached: bool,
    pub(crate) text: String,
    pub(crate) thinking: String,
    /// Id, tool and arguments of each call.
    pub(crate) calls: Vec<(String, String, String)>,
    pub(crate) deltas: usize,
    pub(crate) end: Result<GenerationFinished, Failure>,
}

impl Told {
    pub(crate) fn finished(self) -> GenerationFinished {
        self.end.expect("a good stream")
    }

    /// `OK`, or why not.
    pub(crate) fn reason_or_ok(&self) -> &str {
        self.end.as_ref().err().map_or("OK", Failure::reason)
    }

    pub(crate) fn reason(&self) -> &str {
        self.end.as_ref().expect_err("a bad stream").reason()
    }
}

/// A stream that is being listened to; it checks the order of events as they come.
pub(crate) struct Listening {
    stream: tonic::Streaming<GenerateResponse>,
    told: Told,
}

impl Listening {
    /// Takes the next event; false at the end.
    pub(crate) async fn next(&mut self) -> bool {
        let next = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("an event in time");
        let told = &mut self.told;
        match next {
            Ok(None) => return false,
            Err(status) => {
                told.end = Err(Failure::from_status(&status));
                return false;
            }
            Ok(Some(response)) => match response.event.expect("every event has a kind") {
                Event::Started(started) => {
                    assert!(told.generation.is_empty(), "it starts once");
                    told.generation = started.generation;
                    told.attached = started.attached;
                }
                Event::TextDelta(delta) => {
                    assert_eq!(delta.offset, told.text.len() as i64, "neither gap nor overlap");
                    told.text.push_str(&delta.text);
                    told.deltas += 1;
                }
                Event::ThinkingDelta(delta) => {
                    assert_eq!(delta.offset, told.thinking.len() as i64, "neither gap nor overlap");
                    told.thinking.push_str(&delta.text);
                    told.deltas += 1;
                }
                Event::ToolCallDelta(delta) => {
                    let index = delta.index as usize;
                    if !delta.id.is_empty() {
                        assert_eq!(index, told.calls.len(), "calls start in order, once");
                        told.calls.push((delta.id, delta.tool, String::new()));
                    }
                    told.calls[index].2.push_str(&delta.arguments_delta);
                    told.deltas += 1;
                }
                Event::Finished(finished) => {
                    assert!(told.end.is_err(), "it ends once");
                    assert_eq!(finished.generation, told.generation);
                    told.end = Ok(finished);
                }
            },
        }
        assert!(!self.told.generation.is_empty(), "started comes first");
        true
    }

    /// The generation's name.
    pub(crate) fn generation(&self) -> &str {
        &self.told.generation
    }

    /// Waits until some text has come.
    pub(crate) async fn some_text(&mut self) {
        while self.told.text.is_empty() {
            assert!(self.next().await, "text comes before the end: {:?}", self.told);
        }
    }

    /// Listens to the end.
    pub(crate) async fn told(mut self) -> Told {
        while self.next().await {}
        self.told
    }
}

impl Instance {
    pub(crate) fn generations(&self) -> GenerationServiceClient<Channel> {
        sized!(GenerationServiceClient::new(self.upstream.streams()))
    }

    pub(crate) fn providers(&self) -> ProviderServiceClient<Channel> {
        ProviderServiceClient::new(self.upstream.unary())
    }

    pub(crate) fn models(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.upstream.unary())
    }

    pub(crate) fn usage(&self) -> UsageServiceClient<Channel> {
        UsageServiceClient::new(self.upstream.unary())
    }

    /// A request of an admin of the fleet's workspace.
    pub(crate) fn admin<M>(&self, message: M) -> tonic::Request<M> {
        self.auth.request(self.run.started_by, self.workspace, Role::Admin, message)
    }

    /// A request of a worker for the fleet's run.
    pub(crate) fn worker<M>(&self, message: M) -> tonic::Request<M> {
        self.auth.service("tasks").request_for_run("llm", &self.run, message)
    }

    pub(crate) fn request(&self, key: &str, model: &str) -> GenerateRequest {
        GenerateRequest {
            attribution: Some(Attribution {
                task: format!("workspaces/{0}/tasks/{0}", self.workspace),
                ..Attribution::default()
            }),
            ..request(self.workspace, key, model)
        }
    }

    /// Opens a stream as a worker.
    pub(crate) async fn listen(&self, request: GenerateRequest) -> Result<Listening, Failure> {
        let opened = self.generations().generate(self.worker(request)).await;
        let stream = opened.map_err(|status| Failure::from_status(&status))?.into_inner();
        let told = Told {
            generation: String::new(),
            attached: false,
            text: String::new(),
            thinking: String::new(),
            calls: Vec::new(),
            deltas: 0,
            end: Err(Failure::new(tonic::Code::Unknown, "NO_END", "the stream just ended")),
        };
        Ok(Listening { stream, told })
    }

    /// Asks a model as a worker and listens to the end.
    pub(crate) async fn ask(&self, key: &str, model: &str) -> Told {
        self.listen(self.request(key, model)).await.expect("a stream").told().await
    }

    pub(crate) async fn generation(&self, name: &str) -> Generation {
        let request = self.admin(GetGenerationRequest { name: name.into() });
        let reply = self.generations().get_generation(request).await.expect("a generation");
        reply.into_inner().generation.expect("is set")
    }

    pub(crate) async fn total(&self) -> UsageTotal {
        let parent = format!("workspaces/{}", self.workspace);
        let request = self.admin(ListUsageRequest { parent, ..ListUsageRequest::default() });
        self.usage().list_usage(request).await.expect("a list").into_inner().total.expect("is set")
    }

    /// Adds a provider at this address.
    pub(crate) async fn add_provider(&self, id: &str, base_url: &str, credential: &str) {
        let provider = Provider {
            kind: ProviderKind::OpenaiCompatible.into(),
            base_url: base_url.into(),
            credential: credential.into(),
            ..Provider::default()
        };
        let parent = format!("workspaces/{}", self.workspace);
        let request = CreateProviderRequest {
            parent,
            provider: Some(provider),
            provider_id: id.into(),
            request_id: String::new(),
        };
        self.providers().create_provider(self.admin(request)).await.expect("added");
    }
}
