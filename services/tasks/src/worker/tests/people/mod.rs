//! Runs that people are part of: they decide and order by RPC, and the worker hears of it.

mod approvals;
mod cancels;
mod children;
mod contexts;
mod cut_off;
mod orders;
mod outcomes;
mod questions;
mod quota;
mod retries;
mod rules;
mod slow_steps;
mod steers;
mod unknown;
mod waits;

use mc_chassis::Failure;
use mc_chassis::auth::Role;
use mc_chassis::bus::Bus;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::server::{Listener, memory, serve};
use mc_proto::tasks::v1::decision::Kind;
use mc_proto::tasks::v1::inbox_service_client::InboxServiceClient;
use mc_proto::tasks::v1::run_service_client::RunServiceClient;
use mc_proto::tasks::v1::{
    ApproveDecision, CancelRunRequest, Command, CommandKind, CommandState, DecideInboxItemRequest, Decision,
    GetRunRequest, InboxItem, InboxItemState, ListInboxItemsRequest, ListRunCommandsRequest, PauseRunRequest,
    ResumeRunRequest, RetryRunRequest, RunState, SteerRunRequest,
};
use tonic::Request;
use uuid::Uuid;

use super::Fleet;
use super::llm::Reply;
use super::site::Site;
use crate::Parts;
use crate::domain::brief::{RequestEffect, ToolGrant, ToolPolicy};
use crate::domain::event::Event;
use crate::domain::id::{RunId, WorkspaceId};
use crate::store::run::Run;
use crate::store::tests::workspace;

const HOME: WorkspaceId = workspace(1);
const USER: Uuid = Uuid::from_u128(0xf);

/// A fleet, a server outside, and the RPCs by which people take part.
struct World {
    fleet: Fleet,
    site: Site,
    upstream: Upstream,
}

impl World {
    async fn new() -> Self {
        let fleet = Fleet::new().await;
        let bus = fleet.bus.clone();
        Self::with_bus(fleet, bus).await
    }

    /// The RPCs speak on a bus of their own, which no worker hears.
    async fn without_bus() -> Self {
        Self::with_bus(Fleet::new().await, Bus::local()).await
    }

    async fn with_bus(fleet: Fleet, bus: Bus) -> Self {
        let ((nobody, _), (no_prices, _)) = (memory(), memory());
        let client = ClientSettings::default();
        let parts = Parts {
            database: fleet.tables.api.clone(),
            registry: Upstream::new("registry", Target::Memory(nobody), &client, &fleet.lifecycle),
            llm: Upstream::new("llm", Target::Memory(no_prices), &client, &fleet.lifecycle),
            identity: fleet.means.accounts.clone(),
            mails: false,
            bus,
            verifier: fleet.auth.verifier("tasks"),
            ambient: fleet.means.ambient.clone(),
        };
        let served = crate::build(parts, &fleet.lifecycle);
        let (link, listener) = memory();
        let ends = fleet.lifecycle.clone();
        fleet.lifecycle.spawn_background("tasks", async move {
            let settings = ServerSettings::default();
            serve(served, &settings, vec![Listener::Memory(listener)], &ends).await.expect("serve");
        });
        let upstream = Upstream::new("tasks", Target::Memory(link), &client, &fleet.lifecycle);
        Self { fleet, site: Site::new().await, upstream }
    }

    /// As somebody who may also make rules.
    fn ask_as_admin<M>(&self, message: M) -> Request<M> {
        self.fleet.auth.request(USER, HOME.uuid(), Role::Admin, message)
    }

    /// Leave to send requests to the site.
    fn may_request(&self, policy: ToolPolicy, effect: RequestEffect) -> ToolGrant {
        ToolGrant {
            allowed_hosts: vec!["127.0.0.1".into()],
            policy,
            effect,
            query_url: self.site.url("/outcomes/{key}"),
            ..ToolGrant::of("http_request")
        }
    }

    /// A call that orders something of the site.
    fn order(&self, body: &str) -> (&'static str, String) {
        let url = self.site.url("/orders");
        ("http_request", serde_json::json!({"method": "POST", "url": url, "body": body}).to_string())
    }

    /// A run with these tools whose model makes these calls and then finishes.
    async fn queued(&self, tools: Vec<ToolGrant>, calls: Vec<(&'static str, String)>) -> RunId {
        self.fleet.script.then(Reply::Answer("Let me see.", calls));
        self.fleet.queued_with(HOME, tools).await
    }

    fn ask<M>(&self, message: M) -> Request<M> {
        self.fleet.auth.request(USER, HOME.uuid(), Role::Operator, message)
    }

    /// What the run asks, the oldest first.
    async fn open(&self, run: RunId) -> Vec<InboxItem> {
        let mut items = self.items(run).await;
        items.retain(|item| item.state() == InboxItemState::Open);
        items
    }

    async fn items(&self, run: RunId) -> Vec<InboxItem> {
        let request = ListInboxItemsRequest {
            parent: format!("workspaces/{HOME}"),
            run: name(run),
            ..Default::default()
        };
        let mut inbox = InboxServiceClient::new(self.upstream.unary());
        let reply = inbox.list_inbox_items(self.ask(request)).await.expect("list the inbox");
        let mut items = reply.into_inner().inbox_items;
        items.reverse();
        items
    }

    async fn decide(&self, item: &InboxItem, kind: Kind) -> Result<InboxItem, Failure> {
        let request = DecideInboxItemRequest {
            name: item.name.clone(),
            decision: Some(Decision { kind: Some(kind) }),
            ..Default::default()
        };
        let mut inbox = InboxServiceClient::new(self.upstream.unary());
        let reply = inbox.decide_inbox_item(self.ask(request)).await;
        reply.map(|it| it.into_inner().inbox_item.expect("an item")).map_err(|it| Failure::from_status(&it))
    }

    async fn pause(&self, run: RunId) -> Command {
        let request = PauseRunRequest { name: name(run), ..Default::default() };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        runs.pause_run(self.ask(request)).await.expect("pause").into_inner().command.expect("a receipt")
    }

    /// Pauses without waiting for the model.
    async fn pause_at_once(&self, run: RunId) -> Command {
        let request = PauseRunRequest { name: name(run), interrupt: true, ..Default::default() };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        runs.pause_run(self.ask(request)).await.expect("pause").into_inner().command.expect("a receipt")
    }

    async fn steer(&self, run: RunId, text: &str, interrupt: bool) -> Command {
        let request = SteerRunRequest { name: name(run), text: text.into(), interrupt, ..Default::default() };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        runs.steer_run(self.ask(request)).await.expect("steer").into_inner().command.expect("a receipt")
    }

    async fn retry(&self, run: RunId) -> Command {
        let request = RetryRunRequest { name: name(run), reason: "Mended".into(), ..Default::default() };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        runs.retry_run(self.ask(request)).await.expect("retry").into_inner().command.expect("a receipt")
    }

    async fn resume(&self, run: RunId) -> Command {
        let request = ResumeRunRequest { name: name(run), ..Default::default() };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        runs.resume_run(self.ask(request)).await.expect("resume").into_inner().command.expect("a receipt")
    }

    async fn cancel(&self, run: RunId) -> Command {
        let request = CancelRunRequest { name: name(run), reason: "Enough".into(), ..Default::default() };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        runs.cancel_run(self.ask(request)).await.expect("cancel").into_inner().command.expect("a receipt")
    }

    /// Each order with how far it has come, the oldest first.
    async fn receipts(&self, run: RunId) -> Vec<(CommandKind, CommandState)> {
        let request = ListRunCommandsRequest { parent: name(run), ..Default::default() };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        let reply = runs.list_run_commands(self.ask(request)).await.expect("list the orders");
        let commands = reply.into_inner().commands;
        commands.iter().rev().map(|command| (command.kind(), command.state())).collect()
    }

    /// The run as people get it.
    async fn shown(&self, run: RunId) -> mc_proto::tasks::v1::Run {
        let request = GetRunRequest { name: name(run) };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        runs.get_run(self.ask(request)).await.expect("get").into_inner().run.expect("a run")
    }

    async fn once(&self, run: RunId, state: RunState) -> Run {
        self.fleet.once(HOME, run, |run| i32::from(run.status) == state as i32).await
    }

    async fn run(&self, run: RunId) -> Run {
        self.fleet.run(HOME, run).await
    }

    async fn events(&self, run: RunId) -> Vec<Event> {
        self.fleet.events(HOME, run).await
    }

    async fn kinds(&self, run: RunId) -> Vec<&'static str> {
        self.fleet.kinds(HOME, run).await
    }

    /// Carries the run on until it rests or ends.
    async fn attempt(&self) {
        self.fleet.attempt().await;
    }

    /// Carries the run on and kills the worker when `at` comes, with all that is under way.
    async fn killed(&self, at: impl Future<Output = ()>) {
        let (worker, lease) = self.fleet.claim().await;
        let id = worker.id;
        tokio::select! {
            biased;
            () = at => {}
            () = super::attempt::attempt(worker, lease) => panic!("it was to be killed"),
        }
        self.fleet.reap(id).await;
    }
}

fn name(run: RunId) -> String {
    format!("workspaces/{HOME}/runs/{run}")
}

fn approve(arguments_json: Option<String>) -> Kind {
    Kind::Approve(ApproveDecision { arguments_json, always_allow: None })
}
