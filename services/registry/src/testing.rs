//! The service on a fresh database, called over its wire within the process.

use std::sync::Arc;

use mc_chassis::auth::Role;
use mc_chassis::auth::testing::TestAuth;
use mc_chassis::client::{Channel, Target, Upstream};
use mc_chassis::clock::FixedClock;
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::server::{Listener, memory, serve};
use mc_chassis::testkit::{self, TestDatabase};
use mc_chassis::{Ambient, Failure, Lifecycle};
use mc_proto::registry::v1 as pb;
use pb::agent_service_client::AgentServiceClient;
use time::macros::datetime;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{Dependencies, SCHEMA, Settings, build};

pub(crate) const USER: Uuid = Uuid::from_u128(0xa1);
pub(crate) const WORKSPACE: Uuid = Uuid::from_u128(0xb1);
pub(crate) const OTHER_WORKSPACE: Uuid = Uuid::from_u128(0xb2);

pub(crate) struct Fixture {
    pub(crate) auth: TestAuth,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) kit: TestDatabase,
    channel: Channel,
    _lifecycle: Lifecycle,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let (ambient, clock) = Ambient::fixed(datetime!(2026-01-01 12:00 UTC), 1);
        let auth = TestAuth::new(clock.clone());
        let kit = testkit::database(&[&SCHEMA]).await;
        let lifecycle = Lifecycle::new();
        let parts = Dependencies {
            database: kit.login("registry", "api").await,
            verifier: auth.verifier("registry"),
            ambient,
            lifecycle: lifecycle.clone(),
        };
        let served = build(&Settings {}, parts).await.expect("build");
        let (link, listener) = memory();
        let life = lifecycle.clone();
        lifecycle.spawn("server", async move {
            serve(served, &ServerSettings::default(), vec![Listener::Memory(listener)], &life).await
        });
        let settings = ClientSettings::default();
        let channel = Upstream::new("registry", Target::Memory(link), &settings, &lifecycle).unary();
        Self { auth, clock, kit, channel, _lifecycle: lifecycle }
    }

    pub(crate) fn client(&self) -> AgentServiceClient<Channel> {
        AgentServiceClient::new(self.channel.clone())
    }

    /// A request of an owner of the workspace.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        self.request_as(Role::Owner, message)
    }

    pub(crate) fn request_as<M>(&self, role: Role, message: M) -> Request<M> {
        self.auth.request(USER, WORKSPACE, role, message)
    }

    /// A request of an owner of the other workspace.
    pub(crate) fn foreign<M>(&self, message: M) -> Request<M> {
        self.auth.request(USER, OTHER_WORKSPACE, Role::Owner, message)
    }

    /// Makes an agent, a second later than the one before.
    pub(crate) async fn create(&self, agent: pb::Agent) -> pb::Agent {
        self.clock.advance(time::Duration::SECOND);
        let request = pb::CreateAgentRequest { parent: parent(), agent: Some(agent), ..Default::default() };
        let reply = self.client().create_agent(self.request(request)).await.expect("create");
        reply.into_inner().agent.expect("agent")
    }

    pub(crate) async fn update(&self, agent: pb::Agent, paths: &[&str]) -> Result<pb::Agent, Failure> {
        let paths = paths.iter().map(ToString::to_string).collect();
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = self.request(pb::UpdateAgentRequest { agent: Some(agent), update_mask });
        outcome(self.client().update_agent(request).await).map(|reply| reply.agent.expect("agent"))
    }

    pub(crate) async fn publish(&self, name: &str) -> Result<pb::AgentVersion, Failure> {
        let request = pb::PublishAgentRequest { name: name.into(), ..Default::default() };
        outcome(self.client().publish_agent(self.request(request)).await)
            .map(|reply| reply.agent_version.expect("version"))
    }
}

pub(crate) fn parent() -> String {
    format!("workspaces/{WORKSPACE}")
}

/// An agent that breaks no rule.
pub(crate) fn ada() -> pb::Agent {
    pb::Agent {
        display_name: "Ada".into(),
        role: "Release engineer".into(),
        avatar: "🚀".into(),
        spec: Some(pb::AgentSpec {
            instructions: "Be brief.".into(),
            model: "simulator/demo".into(),
            parameters: Some(pb::ModelParameters { temperature: Some(0.2), ..Default::default() }),
            tools: vec![
                pb::ToolGrant {
                    tool: "http_fetch".into(),
                    allowed_hosts: vec!["*.example.com".into()],
                    policy: pb::ToolPolicy::Allow as i32,
                    ..Default::default()
                },
                pb::ToolGrant {
                    tool: "http_request".into(),
                    allowed_hosts: vec!["api.example.com".into()],
                    policy: pb::ToolPolicy::Ask as i32,
                    effect: pb::RequestEffect::Queryable as i32,
                    query_url: "https://api.example.com/orders/{key}".into(),
                    approval_expiry: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
                    ..Default::default()
                },
            ],
            limits: Some(pb::RunLimits {
                max_duration: Some(prost_types::Duration { seconds: 90, nanos: 500_000_000 }),
                ..Default::default()
            }),
            context: Some(pb::ContextPolicy { window_tokens: Some(64_000), compact_at_percent: Some(60) }),
        }),
        ..Default::default()
    }
}

/// A reply, or the failure that came over the wire.
pub(crate) fn outcome<M>(reply: Result<Response<M>, Status>) -> Result<M, Failure> {
    reply.map(Response::into_inner).map_err(|status| Failure::from_status(&status))
}

/// The fields that a failure names.
pub(crate) fn fields(failure: &Failure) -> Vec<&str> {
    failure.violations().iter().map(|violation| violation.field.as_str()).collect()
}
