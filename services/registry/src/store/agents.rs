//! Rows of `registry.agent`.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::{Agent, AgentId, Profile, Spec};

const COLUMNS: &str = "workspace_id, agent_id, display_name, role, avatar, spec, latest_version, revision, \
     create_time, update_time";

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    agent_id: Uuid,
    display_name: String,
    role: String,
    avatar: String,
    spec: Json<Spec>,
    latest_version: i32,
    revision: i64,
    create_time: OffsetDateTime,
    update_time: OffsetDateTime,
}

impl From<Row> for Agent {
    fn from(row: Row) -> Self {
        Self {
            workspace: row.workspace_id,
            id: AgentId::new(row.agent_id),
            profile: Profile {
                display_name: row.display_name,
                role: row.role,
                avatar: row.avatar,
                spec: row.spec.0,
            },
            latest_version: row.latest_version,
            revision: row.revision,
            create_time: row.create_time,
            update_time: row.update_time,
        }
    }
}

/// Adds an agent.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    workspace: Uuid,
    id: AgentId,
    profile: &Profile,
    now: OffsetDateTime,
) -> Result<Agent, sqlx::Error> {
    let row: Row = sqlx::query_as(include_str!("../../queries/insert_agent.sql"))
        .bind(workspace)
        .bind(id.uuid())
        .bind(&profile.display_name)
        .bind(&profile.role)
        .bind(&profile.avatar)
        .bind(Json(&profile.spec))
        .bind(now)
        .fetch_one(tx)
        .await?;
    Ok(row.into())
}

/// Reads an agent that is on the team.
pub(crate) async fn read(
    tx: &mut PgConnection,
    workspace: Uuid,
    id: AgentId,
) -> Result<Option<Agent>, sqlx::Error> {
    one(tx, workspace, id, "").await
}

/// Reads it and keeps others from changing it until the transaction ends.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    workspace: Uuid,
    id: AgentId,
) -> Result<Option<Agent>, sqlx::Error> {
    one(tx, workspace, id, "FOR NO KEY UPDATE").await
}

async fn one(
    tx: &mut PgConnection,
    workspace: Uuid,
    id: AgentId,
    lock: &'static str,
) -> Result<Option<Agent>, sqlx::Error> {
    let statement = format!(
        "SELECT {COLUMNS} FROM registry.agent WHERE workspace_id = $1 AND agent_id = $2 AND delete_time IS NULL {lock}"
    );
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(workspace)
        .bind(id.uuid())
        .fetch_optional(tx)
        .await?;
    Ok(row.map(Agent::from))
}

/// Whether there is or was such an agent.
pub(crate) async fn exists(tx: &mut PgConnection, workspace: Uuid, id: AgentId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM registry.agent WHERE workspace_id = $1 AND agent_id = $2)")
        .bind(workspace)
        .bind(id.uuid())
        .fetch_one(tx)
        .await
}

/// Lists agents behind `after`, newest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    workspace: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Agent>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(include_str!("../../queries/list_agents.sql"))
        .bind(workspace)
        .bind(after)
        .bind(limit)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(Agent::from).collect())
}

/// Writes a new profile.
pub(crate) async fn update(
    tx: &mut PgConnection,
    agent: &Agent,
    profile: &Profile,
    now: OffsetDateTime,
) -> Result<Agent, sqlx::Error> {
    let row: Row = sqlx::query_as(include_str!("../../queries/update_agent.sql"))
        .bind(agent.workspace)
        .bind(agent.id.uuid())
        .bind(&profile.display_name)
        .bind(&profile.role)
        .bind(&profile.avatar)
        .bind(Json(&profile.spec))
        .bind(now)
        .fetch_one(tx)
        .await?;
    Ok(row.into())
}

/// Takes an agent off the team.
pub(crate) async fn delete(
    tx: &mut PgConnection,
    agent: &Agent,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE registry.agent SET delete_time = $3, update_time = $3, revision = revision + 1
         WHERE workspace_id = $1 AND agent_id = $2",
    )
    .bind(agent.workspace)
    .bind(agent.id.uuid())
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}
