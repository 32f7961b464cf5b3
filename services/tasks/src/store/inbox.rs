//! The inbox: what runs ask of people. A run asks in the transaction of the event that says so; a person decides in the
//! transaction that puts the letter into the run's mailbox; the end of the run voids what is open.

use mc_chassis::db::Tx;
use sqlx::{PgConnection, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::EffectClass;
use crate::domain::id::{InboxItemId, RunId, UserId, WorkspaceId};
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
    let (tool, arguments, schema, class, attempt, question, choices) = match &item.ask {
        Ask::Approval { tool, arguments_json, parameters_json_schema, effect_class } => (
            tool.as_str(),
            arguments_json.as_str(),
            parameters_json_schema.as_str(),
            Some(*effect_class),
            0,
            "",
            none,
        ),
        Ask::Question { question, choices } => ("", "", "", None, 0, question.as_str(), choices.as_slice()),
        Ask::Outcome { tool, arguments_json, effect_class, attempt } => {
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
        .execute(&mut **tx)
        .await
        .map(drop)
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
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT i.item_id, i.workspace_id, i.run_id, i.kind, i.state, i.step, i.call_id, i.tool, i.arguments_json, ",
            "i.parameters_json_schema, i.effect_class, i.attempt, i.question, i.choices, i.context, ",
            "i.run_cost_nano_usd, i.create_time, i.close_time, i.decider, i.decision, ",
            "r.task_id, r.title, r.agent_id, r.agent_version, r.agent_display_name ",
            "FROM tasks.inbox_item i JOIN tasks.run r ON r.run_id = i.run_id ",
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

/// Closes an open item of the run that the transaction has locked, by a decision. False if it is not open any more. The
/// letter that tells the run is the caller's to post.
pub async fn decide(
    tx: &mut Tx,
    of: Addressee,
    item: InboxItemId,
    decider: UserId,
    decision: &Decision,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/decide_inbox_item.sql"))
        .bind(item.uuid())
        .bind(of.run.uuid())
        .bind(decider.uuid())
        .bind(now)
        .bind(decision_to_json(decision))
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
