//! Approval rules: made and revoked by people, used by workers in the transaction that journals what they allow.

use mc_chassis::db::Tx;
use sqlx::{PgConnection, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{AgentId, ApprovalRuleId, InboxItemId, UserId, WorkspaceId};
use crate::domain::rule::{Pattern, Rule};

/// Rules of one agent that hold at the same time.
pub const MAX_RULES: i64 = 200;

/// A rule as people see it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredRule {
    /// Its id.
    pub rule_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// The agent whose calls it is about.
    pub agent_id: Uuid,
    /// The tool.
    pub tool: String,
    /// The pattern, as [`Pattern`] is written.
    pub conditions_json: String,
    /// Why.
    pub note: String,
    /// Who made it.
    pub creator: Uuid,
    /// When.
    pub create_time: OffsetDateTime,
    /// Until when it holds.
    pub expire_time: Option<OffsetDateTime>,
    /// The item whose decision made it.
    pub item_id: Option<Uuid>,
    /// Calls that it has allowed.
    pub use_count: i64,
    /// When it last allowed one.
    pub last_use_time: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoke_time: Option<OffsetDateTime>,
    /// Who revoked it.
    pub revoker: Option<Uuid>,
}

/// A rule to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRule {
    /// Its id.
    pub rule: ApprovalRuleId,
    /// Its agent.
    pub agent: AgentId,
    /// The tool.
    pub tool: String,
    /// What the arguments must be.
    pub pattern: Pattern,
    /// Why.
    pub note: String,
    /// Who makes it.
    pub creator: UserId,
    /// Until when it holds.
    pub expire_time: Option<OffsetDateTime>,
    /// The item whose decision makes it.
    pub item: Option<InboxItemId>,
}

/// A pattern as columns keep it: the same for the same pattern.
fn pattern_to_json(pattern: &Pattern) -> String {
    serde_json::to_string(pattern).expect("patterns have string keys alone")
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " rule_id, workspace_id, agent_id, tool, conditions_json, note, creator, create_time, expire_time, item_id, ",
            "use_count, last_use_time, revoke_time, revoker ",
            $after
        )
    };
}

/// Lets nobody else make rules of an agent until the transaction ends, so that their number can be told. Taken after the lock
/// of a run, and never before one.
pub async fn lock_agent(tx: &mut Tx, workspace: WorkspaceId, agent: AgentId) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("tasks.approval_rule/{workspace}/{agent}"))
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// Rules of an agent that hold; at most [`MAX_RULES`] when they were all made under [`lock_agent`].
pub async fn count_in_force(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM tasks.approval_rule
         WHERE workspace_id = $1 AND agent_id = $2 AND revoke_time IS NULL AND (expire_time IS NULL OR expire_time > $3)",
    )
    .bind(workspace.uuid())
    .bind(agent.uuid())
    .bind(now)
    .fetch_one(connection)
    .await
}

/// A rule of the same pattern that holds for at least as long, if there is one.
pub async fn same(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    wanted: &NewRule,
    now: OffsetDateTime,
) -> Result<Option<ApprovalRuleId>, sqlx::Error> {
    let same: Option<Uuid> = sqlx::query_scalar(
        "SELECT rule_id FROM tasks.approval_rule
         WHERE workspace_id = $1 AND agent_id = $2 AND tool = $3 AND conditions_json = $4 AND revoke_time IS NULL
             AND (expire_time IS NULL OR (expire_time > $5 AND expire_time >= $6))
         ORDER BY rule_id LIMIT 1",
    )
    .bind(workspace.uuid())
    .bind(wanted.agent.uuid())
    .bind(&wanted.tool)
    .bind(pattern_to_json(&wanted.pattern))
    .bind(now)
    .bind(wanted.expire_time)
    .fetch_optional(connection)
    .await?;
    Ok(same.map(ApprovalRuleId::new))
}

/// Makes a rule.
pub async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    new: &NewRule,
    now: OffsetDateTime,
) -> Result<StoredRule, sqlx::Error> {
    sqlx::query_as(columns!(
        "INSERT INTO tasks.approval_rule
             (rule_id, workspace_id, agent_id, tool, conditions_json, note, creator, create_time, expire_time, item_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING",
        ""
    ))
    .bind(new.rule.uuid())
    .bind(workspace.uuid())
    .bind(new.agent.uuid())
    .bind(&new.tool)
    .bind(pattern_to_json(&new.pattern))
    .bind(&new.note)
    .bind(new.creator.uuid())
    .bind(now)
    .bind(new.expire_time)
    .bind(new.item.map(InboxItemId::uuid))
    .fetch_one(connection)
    .await
}

/// A rule of the transaction's workspace.
pub async fn get(
    connection: &mut PgConnection,
    rule: ApprovalRuleId,
) -> Result<Option<StoredRule>, sqlx::Error> {
    sqlx::query_as(columns!("SELECT", "FROM tasks.approval_rule WHERE rule_id = $1"))
        .bind(rule.uuid())
        .fetch_optional(connection)
        .await
}

/// Which rules are listed.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Only of this agent.
    pub agent: Option<AgentId>,
    /// Only those that hold at this time.
    pub in_force_at: Option<OffsetDateTime>,
}

/// Rules of the transaction's workspace, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: Filter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<StoredRule>, sqlx::Error> {
    let mut query = QueryBuilder::new(columns!("SELECT", "FROM tasks.approval_rule WHERE workspace_id = "));
    query.push_bind(workspace.uuid());
    if let Some(agent) = filter.agent {
        query.push(" AND agent_id = ").push_bind(agent.uuid());
    }
    if let Some(now) = filter.in_force_at {
        query
            .push(" AND revoke_time IS NULL AND (expire_time IS NULL OR expire_time > ")
            .push_bind(now)
            .push(")");
    }
    if let Some(after) = after {
        query.push(" AND rule_id < ").push_bind(after);
    }
    query.push(" ORDER BY rule_id DESC LIMIT ").push_bind(limit);
    query.build_query_as().fetch_all(connection).await
}

/// Revokes a rule that nobody has revoked. It waits for a worker that is using the rule, so that it holds once it is done.
pub async fn revoke(
    tx: &mut Tx,
    rule: ApprovalRuleId,
    revoker: UserId,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.approval_rule SET revoke_time = $3, revoker = $2 WHERE rule_id = $1 AND revoke_time IS NULL",
    )
    .bind(rule.uuid())
    .bind(revoker.uuid())
    .bind(now)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Rules of an agent about these tools that hold, the oldest first. One that this release cannot read allows nothing.
pub async fn in_force(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: AgentId,
    tools: &[&str],
    now: OffsetDateTime,
) -> Result<Vec<Rule>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid, String, String)> = sqlx::query_as(
        "SELECT rule_id, creator, tool, conditions_json FROM tasks.approval_rule
         WHERE workspace_id = $1 AND agent_id = $2 AND tool = ANY ($3) AND revoke_time IS NULL
             AND (expire_time IS NULL OR expire_time > $4)
         ORDER BY rule_id LIMIT $5",
    )
    .bind(workspace.uuid())
    .bind(agent.uuid())
    .bind(tools)
    .bind(now)
    .bind(MAX_RULES)
    .fetch_all(connection)
    .await?;
    let read = |(rule, creator, tool, json): (Uuid, Uuid, String, String)| match serde_json::from_str(&json) {
        Ok(pattern) => {
            Some(Rule { rule: ApprovalRuleId::new(rule), creator: UserId::new(creator), tool, pattern })
        }
        Err(error) => {
            tracing::warn!(%rule, error = &error as &dyn std::error::Error, "read an approval rule");
            None
        }
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Counts the use of rules, once for each time they are named; false if one of them holds no longer. This is the look that
/// counts: it locks each rule, so a revocation comes wholly before or wholly after the transaction.
pub(super) async fn use_all(
    tx: &mut Tx,
    rules: &[ApprovalRuleId],
    at: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let mut rules: Vec<Uuid> = rules.iter().map(|rule| rule.uuid()).collect();
    // Two workers that use the same two rules lock them in the same order.
    rules.sort_unstable();
    for uses in rules.chunk_by(|one, next| one == next) {
        let used = sqlx::query(
            "UPDATE tasks.approval_rule SET use_count = use_count + $2, last_use_time = greatest(last_use_time, $3)
             WHERE rule_id = $1 AND revoke_time IS NULL AND (expire_time IS NULL OR expire_time > $3)",
        )
        .bind(uses[0])
        .bind(uses.len() as i64)
        .bind(at)
        .execute(&mut **tx)
        .await?;
        if used.rows_affected() != 1 {
            return Ok(false);
        }
    }
    Ok(true)
}
