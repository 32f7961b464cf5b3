//! Providers that people added. The simulator is not among them.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use super::corrupt;
use crate::domain::provider::{Kind, Provider};

/// Name of the constraint that a second provider of the same id breaks.
pub const KEY: &str = "provider_key";

const COLUMNS: &str = "provider_id, display_name, base_url, credential_id, models, created_at";

#[derive(FromRow)]
struct Row {
    provider_id: String,
    display_name: String,
    base_url: String,
    credential_id: Option<Uuid>,
    models: Vec<String>,
    created_at: OffsetDateTime,
}

/// Adds a provider; the simulator cannot be added.
pub async fn insert(
    connection: &mut PgConnection,
    workspace: Uuid,
    provider: &Provider,
) -> Result<(), sqlx::Error> {
    let Kind::OpenAiCompatible { base_url, credential } = &provider.kind else {
        return Err(sqlx::Error::Encode("the simulator is built in and has no row".into()));
    };
    sqlx::query(
        "INSERT INTO llm.provider (workspace_id, provider_id, display_name, kind, base_url, credential_id, models, created_at) \
         VALUES ($1, $2, $3, 'openai_compatible', $4, $5, $6, $7)",
    )
    .bind(workspace)
    .bind(&provider.id)
    .bind(&provider.display_name)
    .bind(base_url.as_str())
    .bind(credential)
    .bind(&provider.models)
    .bind(provider.created_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads one.
pub async fn get(
    connection: &mut PgConnection,
    workspace: Uuid,
    id: &str,
) -> Result<Option<Provider>, sqlx::Error> {
    let sql = format!("SELECT {COLUMNS} FROM llm.provider WHERE workspace_id = $1 AND provider_id = $2");
    let row: Option<Row> =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(id).fetch_optional(connection).await?;
    row.map(Provider::try_from).transpose()
}

/// Lists those whose id comes after `after`, by id, at most `limit`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: Uuid,
    after: &str,
    limit: i64,
) -> Result<Vec<Provider>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM llm.provider WHERE workspace_id = $1 AND provider_id COLLATE \"C\" > $2 \
         ORDER BY provider_id COLLATE \"C\" LIMIT $3"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(workspace)
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Provider::try_from).collect()
}

/// Removes one; false when there is none.
pub async fn delete(connection: &mut PgConnection, workspace: Uuid, id: &str) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM llm.provider WHERE workspace_id = $1 AND provider_id = $2")
        .bind(workspace)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

impl TryFrom<Row> for Provider {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let base_url = Url::parse(&row.base_url).map_err(|_| corrupt("a base URL"))?;
        Ok(Self {
            id: row.provider_id,
            display_name: row.display_name,
            kind: Kind::OpenAiCompatible { base_url, credential: row.credential_id },
            models: row.models,
            created_at: Some(row.created_at),
        })
    }
}
