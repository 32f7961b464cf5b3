//! Tests of the tables against a real PostgreSQL, as the roles that serve from them.

mod activity;
mod board;
mod channels;
mod claim;
mod escalation;
mod fair;
mod fence;
mod isolation;
mod letters;
mod liveness;
mod parks;
mod partitions;
mod plans;
mod races;
mod schedules;
mod snapshots;
mod times;
mod volume;

use std::sync::Arc;

use mc_chassis::db::Database;
use mc_chassis::testkit::{self, TestDatabase};
use sqlx::PgConnection;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use crate::SCHEMA;
use crate::domain::brief::{AgentSnapshot, RunBrief, RunLimits, TaskSnapshot, ToolGrant};
use crate::domain::event::QuestionAsked;
use crate::domain::event::{Event, ModelCallStarted, Queued};
use crate::domain::id::{
    AgentId, ApprovalRuleId, CommandId, InboxItemId, RunId, TaskId, UserId, WorkspaceId,
};
use crate::domain::order::{CommandKind, Decision, Details, LetterContent};
use crate::domain::rule::Pattern;
use crate::store::append::{Append, Besides, append_with};
use crate::store::inbox::{Ask, NewItem};
use crate::store::lease::{self, Caps, Claim, Lease};
use crate::store::mailbox::{self, Addressee, Locked, Posted};
use crate::store::rule::{NewRule, StoredRule};
use crate::store::{beat, rule, run, task};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-23 8:00 UTC);

/// See [`Tables::promote_at`].
pub(crate) async fn promote_at(engine: &mut PgConnection, at: OffsetDateTime) -> u64 {
    let statement = lease::PROMOTE.replace("now()", "$1");
    let woken = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(at).execute(engine).await;
    woken.expect("promote").rows_affected()
}

/// A fresh database and its serving roles.
pub(crate) struct Tables {
    pub(crate) kit: TestDatabase,
    pub(crate) api: Database,
    pub(crate) engine: Database,
    next: std::sync::atomic::AtomicU64,
}

impl Tables {
    pub(crate) async fn new() -> Self {
        let kit = testkit::database(&[&SCHEMA]).await;
        let (api, engine) = (kit.login("tasks", "api").await, kit.login("tasks", "engine").await);
        Self { kit, api, engine, next: 1.into() }
    }

    /// An id that rises, as UUIDv7 do.
    pub(crate) fn id(&self) -> Uuid {
        let next = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Uuid::from_u128((0x0193_a5f0 << 96) + u128::from(next))
    }

    /// A worker on the list.
    pub(crate) async fn worker(&self) -> Uuid {
        let worker = self.id();
        beat::register(self.engine.pool(), worker).await.expect("register");
        worker
    }

    /// A task with a run that is ready.
    pub(crate) async fn run(&self, workspace: WorkspaceId) -> RunId {
        let task = self.task(workspace).await;
        self.run_of(workspace, task).await
    }

    pub(crate) async fn task(&self, workspace: WorkspaceId) -> TaskId {
        let id = TaskId::new(self.id());
        let content = task::Content {
            title: "Write the report".into(),
            brief: String::new(),
            assignee: None,
            acceptance_checks: vec!["It exists".into()],
        };
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        task::insert(&mut tx, workspace, id, &content, UserId::new(self.id()), NOW)
            .await
            .expect("insert task");
        tx.commit().await.expect("commit");
        id
    }

    pub(crate) async fn run_of(&self, workspace: WorkspaceId, task: TaskId) -> RunId {
        self.run_by(workspace, task, writer()).await
    }

    /// A run that is to start then.
    pub(crate) async fn run_at(&self, workspace: WorkspaceId, start_at: OffsetDateTime) -> RunId {
        let task = self.task(workspace).await;
        self.insert_run(workspace, task, writer(), Some(start_at)).await
    }

    /// A run of this agent.
    pub(crate) async fn run_by(&self, workspace: WorkspaceId, task: TaskId, agent: AgentSnapshot) -> RunId {
        self.insert_run(workspace, task, agent, None).await
    }

    async fn insert_run(
        &self,
        workspace: WorkspaceId,
        task: TaskId,
        agent: AgentSnapshot,
        start_at: Option<OffsetDateTime>,
    ) -> RunId {
        let run = RunId::new(self.id());
        let queued = Queued { brief: Arc::new(brief(workspace, run, task, agent)), start_at };
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        run::insert(&mut tx, &queued, NOW).await.expect("insert run");
        task::begin_run(&mut tx, task, run, NOW).await.expect("begin run");
        tx.commit().await.expect("commit");
        run
    }

    /// As if the time of every park had come, and every run that went first were dead.
    pub(crate) async fn end_parks(&self) {
        sqlx::query(
            "UPDATE tasks.park SET until = now() - interval '1 second', due_at = now() - interval '1 second',
                 probe_until = CASE WHEN probe_run IS NOT NULL THEN now() - interval '1 second' END",
        )
        .execute(&self.kit.admin())
        .await
        .expect("end parks");
    }

    pub(crate) async fn claim(&self, worker: Uuid, limit: i64) -> Vec<Lease> {
        self.claim_after(worker, limit, WorkspaceId::new(Uuid::nil()), 1_000).await
    }

    pub(crate) async fn claim_after(
        &self,
        worker: Uuid,
        limit: i64,
        after: WorkspaceId,
        workspace_limit: i64,
    ) -> Vec<Lease> {
        self.claim_within(worker, limit, after, Caps { workspace: workspace_limit, ..Caps::NONE }).await
    }

    pub(crate) async fn claim_within(
        &self,
        worker: Uuid,
        limit: i64,
        after: WorkspaceId,
        caps: Caps,
    ) -> Vec<Lease> {
        let claim = Claim {
            worker,
            limit,
            after,
            caps,
            fold_version: run::FOLD_VERSION_COLUMN,
            capabilities: &[String::new()],
        };
        lease::claim(&self.engine, &claim).await.expect("claim")
    }

    /// Wakes what is due then, by the very statement, but for whose clock says what time it is.
    pub(crate) async fn promote_at(&self, at: OffsetDateTime) -> u64 {
        let mut engine = self.engine.pool().acquire().await.expect("acquire");
        promote_at(&mut engine, at).await
    }

    /// Puts a letter into the mailbox of a run that lives, as people do.
    pub(crate) async fn post(&self, workspace: WorkspaceId, run: RunId, letter: &LetterContent) -> Posted {
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        let to = live(mailbox::lock(&mut tx, run).await.expect("lock"));
        let posted = mailbox::post(&mut tx, to, PERSON, letter, NOW).await.expect("post");
        tx.commit().await.expect("commit");
        posted
    }

    /// An order with an id of its own.
    pub(crate) fn order(&self, kind: CommandKind) -> LetterContent {
        let (command, details) = (CommandId::new(self.id()), Details::default());
        LetterContent::Command { command, kind, reason: String::new(), details }
    }

    /// Has a run ask a question.
    pub(crate) async fn ask(&self, lease: &Lease, step: u32, choices: &[&str]) -> InboxItemId {
        let item = InboxItemId::new(self.id());
        let choices: Vec<String> = choices.iter().map(|&choice| choice.into()).collect();
        let (call_id, question) = (format!("call-{step}"), String::from("Which one?"));
        let asked = QuestionAsked {
            item,
            step,
            call_id: call_id.clone(),
            question: question.clone(),
            choices: choices.clone(),
        };
        let new = NewItem {
            item,
            step,
            call_id,
            ask: Ask::Question { question, choices },
            context: "Hm.".into(),
            turns: Vec::new(),
            hosts: Vec::new(),
        };
        let append = Append { events: vec![Event::QuestionAsked(asked)], ..intent(lease, step) };
        let besides = Besides { items: vec![new], ..Besides::default() };
        append_with(&self.engine, lease.workspace, &append, &besides).await.expect("ask");
        item
    }

    /// Makes it as if nobody had decided about an item, nor asked to under this request id.
    pub(crate) async fn undo_decision(&self, item: InboxItemId, request_id: &str) {
        sqlx::query(
            "WITH reopened AS (
                 UPDATE tasks.inbox_item SET state = 1, close_time = NULL, decider = NULL, decision = NULL
                 WHERE item_id = $1 RETURNING run_id
             ), unsent AS (DELETE FROM tasks.command USING reopened WHERE command_id = $1),
             waits AS (UPDATE tasks.run SET open_items = open_items + 1 FROM reopened WHERE run.run_id = reopened.run_id)
             DELETE FROM tasks.idempotency WHERE request_id = $2",
        )
        .bind(item.uuid())
        .bind(request_id)
        .execute(&self.kit.admin())
        .await
        .expect("undo the decision");
    }

    /// Tries to take the end off a run by a statement of its own, with the role of the API; answers how many rows changed.
    pub(crate) async fn reopen_behind(&self, workspace: WorkspaceId, run: RunId) -> u64 {
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        sqlx::query("UPDATE tasks.run SET status = 1, end_time = NULL WHERE run_id = $1")
            .bind(run.uuid())
            .execute(&mut *tx)
            .await
            .expect("update")
            .rows_affected()
    }

    /// The oldest fold that may carry a run on.
    pub(crate) async fn fold_version(&self, run: RunId) -> i16 {
        sqlx::query_scalar("SELECT fold_version FROM tasks.run WHERE run_id = $1")
            .bind(run.uuid())
            .fetch_one(&self.kit.admin())
            .await
            .expect("read the fold version")
    }

    /// Makes it as if a release with this fold had begun a run.
    pub(crate) async fn mark_fold_version(&self, run: RunId, version: i16) {
        sqlx::query("UPDATE tasks.run SET fold_version = $2 WHERE run_id = $1")
            .bind(run.uuid())
            .bind(version)
            .execute(&self.kit.admin())
            .await
            .expect("mark the fold version");
    }

    /// A rule of an agent for calls of `http_request` without arguments.
    pub(crate) async fn rule(&self, workspace: WorkspaceId, agent: AgentId) -> StoredRule {
        let new = NewRule {
            rule: ApprovalRuleId::new(self.id()),
            agent,
            tool: "http_request".into(),
            pattern: Pattern::of_arguments("{}").expect("a pattern"),
            note: "Why not?".into(),
            creator: PERSON,
            expire_time: None,
            item: None,
        };
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        let made = rule::insert(&mut tx, workspace, &new, NOW).await.expect("make a rule");
        tx.commit().await.expect("commit");
        made
    }

    /// A run as people see it.
    pub(crate) async fn seen(&self, workspace: WorkspaceId, run: RunId) -> run::Run {
        let mut tx = self.api.read(workspace.uuid()).await.expect("read");
        run::get(&mut tx, run).await.expect("get").expect("there")
    }

    /// Makes a worker look as if it had last beaten `seconds` ago.
    pub(crate) async fn silence(&self, worker: Uuid, seconds: f64) {
        sqlx::query("UPDATE tasks.worker SET beat_time = clock_timestamp() - make_interval(secs => $2) WHERE worker_id = $1")
            .bind(worker)
            .bind(seconds)
            .execute(&self.kit.admin())
            .await
            .expect("silence");
    }

    /// `(seq, epoch)` of a run's journal, past row-level security.
    pub(crate) async fn journal(&self, run: RunId) -> Vec<(i64, i64)> {
        sqlx::query_as("SELECT seq, epoch FROM tasks.journal WHERE run_id = $1 ORDER BY seq")
            .bind(run.uuid())
            .fetch_all(&self.kit.admin())
            .await
            .expect("read the journal")
    }
}

/// Who orders and decides.
pub(crate) const PERSON: UserId = UserId::new(Uuid::from_u128(0xfe));

pub(crate) fn live(locked: Locked) -> Addressee {
    match locked {
        Locked::Live(addressee) => addressee,
        other => panic!("the run does not live: {other:?}"),
    }
}

/// A decision on an item.
pub(crate) fn answer(item: InboxItemId, text: &str) -> LetterContent {
    LetterContent::Decision { item, decision: Decision::Answer { text: text.into() } }
}

pub(crate) const fn workspace(number: u128) -> WorkspaceId {
    WorkspaceId::new(Uuid::from_u128(number))
}

/// An agent that writes files by itself.
pub(crate) fn writer() -> AgentSnapshot {
    AgentSnapshot {
        agent: AgentId::new(Uuid::from_u128(0xa)),
        version: 1,
        display_name: "Writer".into(),
        instructions: "Write.".into(),
        model: "simulator/demo".into(),
        parameters: crate::domain::brief::ModelParameters::default(),
        tools: vec![ToolGrant::of("write_artifact")],
        limits: RunLimits::default(),
        context: crate::domain::brief::ContextPolicy::default(),
    }
}

fn brief(workspace: WorkspaceId, run: RunId, task: TaskId, agent: AgentSnapshot) -> RunBrief {
    let task = TaskSnapshot {
        task,
        title: "Write the report".into(),
        brief: String::new(),
        acceptance_checks: Vec::new(),
    };
    RunBrief::pin(workspace, run, UserId::new(Uuid::from_u128(0xf)), task, agent)
}

/// An append of one intent, which no other step has.
pub(crate) fn intent(lease: &Lease, step: u32) -> Append {
    Append {
        run: lease.run,
        epoch: lease.epoch,
        at: NOW,
        events: vec![Event::ModelCallStarted(ModelCallStarted {
            step,
            attempt: 1,
            model: "simulator/demo".into(),
            message_count: 1,
            compacts_through: None,
        })],
    }
}
