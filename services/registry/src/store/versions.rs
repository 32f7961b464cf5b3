//! Rows of `registry.agent_version`, which are only ever added.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::{AgentId, Spec, Version, VersionRef};

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    agent_id: Uuid,
    version: i32,
    display_name: String,
    spec: Json<Spec>,
    publisher: Uuid,
    note: String,
    create_time: OffsetDateTime,
}

impl From<Row> for Version {
    fn from(row: Row) -> Self {
        Self {
            workspace: row.workspace_id,
            agent: AgentId::new(row.agent_id),
            number: row.version,
            display_name: row.display_name,
            spec: row.spec.0,
            publisher: row.publisher,
            note: row.note,
            create_time: row.create_time,
        }
    }
}

/// Adds a version and makes it its agent's latest. The caller holds the agent's lock.
pub(crate) async fn insert(tx: &mut PgConnection, version: &Version) -> Result<Version, sqlx::Error> {
    let row: Row = sqlx::query_as(
        "INSERT INTO registry.agent_version
             (workspace_id, agent_id, version, display_name, spec, publisher, note, create_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING *",
    )
    .bind(version.workspace)
    .bind(version.agent.uuid())
    .bind(version.number)
    .bind(&version.display_name)
    .bind(Json(&version.spec))
    .bind(version.publisher)
    .bind(&version.note)
    .bind(version.create_time)
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE registry.agent SET latest_version = $3, update_time = $4, revision = revision + 1
         WHERE workspace_id = $1 AND agent_id = $2",
    )
    .bind(version.workspace)
    .bind(version.agent.uuid())
    .bind(version.number)
    .bind(version.create_time)
    .execute(tx)
    .await?;
    Ok(row.into())
}

/// Reads a version; the latest only of an agent that is on the team.
pub(crate) async fn read(
    tx: &mut PgConnection,
    workspace: Uuid,
    agent: AgentId,
    version: VersionRef,
) -> Result<Option<Version>, sqlx::Error> {
    let number = match version {
        VersionRef::Latest => None,
        VersionRef::Number(number) => Some(number),
    };
    let row: Option<Row> = sqlx::query_as(include_str!("../../queries/read_version.sql"))
        .bind(workspace)
        .bind(agent.uuid())
        .bind(number)
        .fetch_optional(tx)
        .await?;
    Ok(row.map(Version::from))
}

/// Lists versions behind `after`, newest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    workspace: Uuid,
    agent: AgentId,
    after: Option<i32>,
    limit: i64,
) -> Result<Vec<Version>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(include_str!("../../queries/list_versions.sql"))
        .bind(workspace)
        .bind(agent.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(Version::from).collect())
}
