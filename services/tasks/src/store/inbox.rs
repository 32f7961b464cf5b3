//! The inbox: what runs ask of people. A run asks in the transaction of the event that says so; a person decides in the
//! transaction that puts the letter into the run's mailbox; the end of the run voids what is open.

use mc_chassis::db::{Database, Tx};
use sqlx::{PgConnection, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::{Doubt, DoubtCause, EffectClass};
use crate::domain::glance::Turn;
use crate::domain::id::{AgentId, ApprovalRuleId, InboxItemId, RunId, UserId, WorkspaceId};
use crate::domain::order::Decision;
use crate::store::append::storable;
use crate::store::mailbox::{Addressee, decision_to_json};

/// Characters of [`NewItem::context`] that are kept.
pub const CONTEXT_MAX: usize = 2_000;
/// Open items are counted up to this many.
pub const COUNT_MAX: i64 = 1_000;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// May this tool call be carried out?
    Approval {
        /// The tool.
        tool: String,
        /// Arguments as the model wrote them.
        arguments_json: String,
        /// JSON Schema of the tool's arguments.
        parameters_json_schema: String,
        /// What may be done if the outcome gets lost.
        effect_class: EffectClass,
        /// Seconds for which it may stay open before it is escalated.
        expiry_s: Option<u32>,
    },
    /// A question of the agent.
    Question {
        /// The question.
        question: String,
        /// Answers to choose from; free text when empty.
        choices: Vec<String>,
    },
    /// What became of this tool call?
    Outcome {
        /// The tool.
        tool: String,
        /// Arguments that it was carried out with.
        arguments_json: String,
        /// What may be done about it.
        effect_class: EffectClass,
        /// The attempt that is in doubt.
        attempt: u32,
        /// What went wrong.
        doubt: Doubt,
        /// When the attempt was begun.
        since: Option<OffsetDateTime>,
    },
}

/// An item to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Its id, as the event that asks has it.
    pub item: InboxItemId,
    /// Step whose answer led to this.
    pub step: u32,
    /// Id of the call in that answer.
    pub call_id: String,
    /// What is asked.
    pub ask: Ask,
    /// What the agent said in the same answer; [`CONTEXT_MAX`] characters of it are kept.
    pub context: String,
    /// The end of the conversation.
    pub turns: Vec<Turn>,
    /// Hosts that the call reaches.
    pub hosts: Vec<String>,
}

impl NewItem {
    fn kind(&self) -> i16 {
        match &self.ask {
            Ask::Approval { .. } => kind::APPROVAL,
            Ask::Question { .. } => kind::QUESTION,
            Ask::Outcome { .. } => kind::OUTCOME,
        }
    }
}

/// Numbers of `InboxItemKind`.
pub mod kind {
    /// May this tool call be carried out?
    pub const APPROVAL: i16 = 1;
    /// A question of the agent.
    pub const QUESTION: i16 = 2;
    /// What became of this tool call?
    pub const OUTCOME: i16 = 3;
}

/// Numbers of `InboxItemState`.
pub mod state {
    /// Nobody has decided.
    pub const OPEN: i16 = 1;
    /// Somebody has.
    pub const DECIDED: i16 = 2;
    /// The run ended before anybody did.
    pub const VOID: i16 = 3;
}

/// Opens an item. The transaction must hold the run's row, whose counter is the caller's to raise.
pub(super) async fn open(
    tx: &mut Tx,
    run: RunId,
    item: &NewItem,
    at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let none: &[String] = &[];
    let (mut doubt, mut since, mut expiry) = (None, None, None);
    match &item.ask {
        Ask::Approval { expiry_s, .. } => expiry = expiry_s.and_then(|seconds| i32::try_from(seconds).ok()),
        Ask::Outcome { doubt: why, since: begun, .. } => (doubt, since) = (Some(why), *begun),
        Ask::Question { .. } => {}
    }
    let (tool, arguments, schema, class, attempt, question, choices) = match &item.ask {
        Ask::Approval { tool, arguments_json, parameters_json_schema, effect_class, .. } => (
            tool.as_str(),
            arguments_json.as_str(),
            parameters_json_schema.as_str(),
            Some(*effect_class),
            0,
            "",
            none,
        ),
        Ask::Question { question, choices } => ("", "", "", None, 0, question.as_str(), choices.as_slice()),
        Ask::Outcome { tool, arguments_json, effect_class, attempt, .. } => {
            (tool.as_str(), arguments_json.as_str(), "", Some(*effect_class), *attempt, "", none)
        }
    };
    sqlx::query(include_str!("../../queries/insert_inbox_item.sql"))
        .bind(item.item.uuid())
        .bind(run.uuid())
        .bind(item.kind())
        .bind(i32::try_from(item.step).unwrap_or(i32::MAX))
        .bind(storable(&item.call_id))
        .bind(storable(tool))
        .bind(storable(arguments))
        .bind(schema)
        .bind(class.map_or(0, class_number))
        .bind(i32::try_from(attempt).unwrap_or(i32::MAX))
        .bind(storable(question))
        .bind(choices.iter().map(|choice| storable(choice)).collect::<Vec<_>>())
        .bind(storable(&item.context.chars().take(CONTEXT_MAX).collect::<String>()))
        .bind(at)
        .bind(storable(&turns_to_json(&item.turns)))
        .bind(class == Some(EffectClass::Pure))
        .bind(&item.hosts)
        .bind(doubt.map_or(0, |doubt| cause_number(doubt.cause)))
        .bind(storable(doubt.map_or("", |doubt| &doubt.detail)))
        .bind(since)
        .bind(expiry)
        .execute(&mut **tx)
        .await
        .map(drop)
}

fn turns_to_json(turns: &[Turn]) -> String {
    serde_json::to_string(turns).expect("turns have string keys alone")
}

/// Number of `DoubtCause`.
const fn cause_number(cause: DoubtCause) -> i16 {
    match cause {
        DoubtCause::Unknown => 0,
        DoubtCause::WorkerLost => 1,
        DoubtCause::AnswerLost => 2,
        DoubtCause::TimedOut => 3,
        DoubtCause::QueryUnclear => 4,
        DoubtCause::NotSentAgain => 5,
    }
}

/// Number of `EffectClass`.
const fn class_number(class: EffectClass) -> i16 {
    match class {
        EffectClass::Pure => 1,
        EffectClass::Idempotent => 2,
        EffectClass::Queryable => 3,
        EffectClass::AtMostOnce => 4,
    }
}

/// An item as people see it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Item {
    /// Its id.
    pub item_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// The run that asks.
    pub run_id: Uuid,
    /// Number of `InboxItemKind`.
    pub kind: i16,
    /// Number of `InboxItemState`.
    pub state: i16,
    /// Step whose answer led to this.
    pub step: i32,
    /// Id of the call in that answer.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments_json: String,
    /// JSON Schema of the arguments.
    pub parameters_json_schema: String,
    /// Number of `EffectClass`.
    pub effect_class: i16,
    /// The attempt that is in doubt.
    pub attempt: i32,
    /// The question.
    pub question: String,
    /// Answers to choose from.
    pub choices: Vec<String>,
    /// What the agent said beside it.
    pub context: String,
    /// What the run had cost when it asked.
    pub run_cost_nano_usd: i64,
    /// When it was asked.
    pub create_time: OffsetDateTime,
    /// When it was decided or became void.
    pub close_time: Option<OffsetDateTime>,
    /// Who decided.
    pub decider: Option<Uuid>,
    /// What was decided.
    #[sqlx(json(nullable))]
    pub decision: Option<Decision>,
    /// The end of the conversation; none in items from before it was kept.
    #[sqlx(json(nullable))]
    pub turns: Option<Vec<Turn>>,
    /// True when the tool declares that the call changes nothing.
    pub read_only: bool,
    /// Hosts that the call reaches.
    pub hosts: Vec<String>,
    /// Number of `DoubtCause`.
    pub doubt_cause: i16,
    /// What was seen.
    pub doubt_detail: String,
    /// When the attempt in doubt was begun.
    pub begin_time: Option<OffsetDateTime>,
    /// When it is next to be escalated.
    pub due_time: Option<OffsetDateTime>,
    /// How often it was.
    pub escalations: i16,
    /// The rule that the decision made.
    pub rule_id: Option<Uuid>,
    /// The run's task.
    pub task_id: Uuid,
    /// Its title when the run was made.
    pub title: String,
    /// The agent that asks.
    pub agent_id: Uuid,
    /// Its version.
    pub agent_version: i32,
    /// Its name when the run was made.
    pub agent_display_name: String,
    /// The run that handed its task to the run.
    pub parent_run: Option<Uuid>,
    /// The title of that one's task.
    pub parent_title: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT i.item_id, i.workspace_id, i.run_id, i.kind, i.state, i.step, i.call_id, i.tool, i.arguments_json, ",
            "i.parameters_json_schema, i.effect_class, i.attempt, i.question, i.choices, i.context, ",
            "i.run_cost_nano_usd, i.create_time, i.close_time, i.decider, i.decision, i.turns, i.read_only, i.hosts, ",
            "i.doubt_cause, i.doubt_detail, i.begin_time, i.due_time, i.escalations, i.rule_id, ",
            "r.task_id, r.title, r.agent_id, r.agent_version, r.agent_display_name, ",
            "r.parent_run, p.title AS parent_title ",
            "FROM tasks.inbox_item i JOIN tasks.run r ON r.run_id = i.run_id ",
            "LEFT JOIN tasks.run p ON p.run_id = r.parent_run ",
            $rest
        )
    };
}

/// An item of the transaction's workspace.
pub async fn get(connection: &mut PgConnection, item: InboxItemId) -> Result<Option<Item>, sqlx::Error> {
    sqlx::query_as(select!("WHERE i.item_id = $1")).bind(item.uuid()).fetch_optional(connection).await
}

/// Which items are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<i16>,
    /// Only of this run.
    pub run: Option<RunId>,
    /// Only of this kind.
    pub kind: Option<i16>,
    /// Only of this agent.
    pub agent: Option<AgentId>,
}

/// Items of the transaction's workspace, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: Filter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Item>, sqlx::Error> {
    let mut query = QueryBuilder::new(select!("WHERE i.workspace_id = "));
    query.push_bind(workspace.uuid());
    if let Some(run) = filter.run {
        query.push(" AND i.run_id = ").push_bind(run.uuid());
    }
    if let Some(kind) = filter.kind {
        query.push(" AND i.kind = ").push_bind(kind);
    }
    if let Some(agent) = filter.agent {
        query.push(" AND i.agent_id = ").push_bind(agent.uuid());
    }
    match filter.state {
        // As a literal, so that the index of open items is seen to fit whatever the plan is made for.
        Some(state::OPEN) => drop(query.push(" AND i.state = 1")),
        Some(state) => drop(query.push(" AND i.state = ").push_bind(state)),
        None => {}
    }
    if let Some(after) = after {
        query.push(" AND i.item_id < ").push_bind(after);
    }
    query.push(" ORDER BY i.item_id DESC LIMIT ").push_bind(limit);
    query.build_query_as().fetch_all(connection).await
}

/// Open items of a workspace, counted up to [`COUNT_MAX`].
pub async fn count_open(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM (
             SELECT FROM tasks.inbox_item WHERE workspace_id = $1 AND state = 1 LIMIT $2
         ) open",
    )
    .bind(workspace.uuid())
    .bind(COUNT_MAX)
    .fetch_one(connection)
    .await
}

/// A decision, as it closes an item.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// Who decides.
    pub decider: UserId,
    /// What.
    pub decision: &'a Decision,
    /// The rule that the decision makes.
    pub rule: Option<ApprovalRuleId>,
    /// When.
    pub at: OffsetDateTime,
}

impl<'a> Verdict<'a> {
    /// One that makes no rule.
    pub fn of(decider: UserId, decision: &'a Decision, at: OffsetDateTime) -> Self {
        Self { decider, decision, rule: None, at }
    }
}

/// Closes an open item of the run that the transaction has locked. False if it is not open any more. The letter that tells
/// the run is the caller's to post.
pub async fn decide(
    tx: &mut Tx,
    of: Addressee,
    item: InboxItemId,
    verdict: Verdict<'_>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/decide_inbox_item.sql"))
        .bind(item.uuid())
        .bind(of.run.uuid())
        .bind(verdict.decider.uuid())
        .bind(verdict.at)
        .bind(decision_to_json(verdict.decision))
        .bind(verdict.rule.map(ApprovalRuleId::uuid))
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) const ESCALATE: &str = include_str!("../../queries/escalate_inbox_items.sql");

/// Escalates items of all workspaces that have stayed open past their time: each once, however many do so at once. Answers
/// how many. Nothing is decided by it.
pub async fn escalate(database: &Database, now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(ESCALATE).bind(now).execute(database.pool()).await?;
    Ok(done.rows_affected())
}
