//! Rows of `identity.api_token`.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::scope;
use crate::domain::api_token::ApiToken;
use crate::domain::bearer::Bearer;

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    token_id: Uuid,
    user_id: Uuid,
    display_name: String,
    scopes: Vec<String>,
    hint: String,
    create_time: OffsetDateTime,
    expire_time: OffsetDateTime,
    revoke_time: Option<OffsetDateTime>,
}

impl From<Row> for ApiToken {
    fn from(row: Row) -> Self {
        Self {
            workspace: row.workspace_id,
            id: row.token_id,
            user: row.user_id,
            display_name: row.display_name,
            scopes: row.scopes,
            hint: row.hint,
            create_time: row.create_time,
            expire_time: row.expire_time,
            revoke_time: row.revoke_time,
        }
    }
}

/// Adds a token.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    token: &ApiToken,
    bearer: &Bearer,
) -> Result<ApiToken, sqlx::Error> {
    let row: Row = sqlx::query_as(include_str!("../../queries/insert_api_token.sql"))
        .bind(token.workspace)
        .bind(token.id)
        .bind(token.user)
        .bind(&token.display_name)
        .bind(&token.scopes)
        .bind(bearer.hash().as_slice())
        .bind(&token.hint)
        .bind(token.create_time)
        .bind(token.expire_time)
        .fetch_one(tx)
        .await?;
    Ok(row.into())
}

/// Finds the token behind a bearer.
pub(crate) async fn find(tx: &mut PgConnection, bearer: &Bearer) -> Result<Option<ApiToken>, sqlx::Error> {
    scope::bearer(tx, bearer).await?;
    let row: Option<Row> = sqlx::query_as("SELECT * FROM identity.api_token WHERE token_hash = $1")
        .bind(bearer.hash().as_slice())
        .fetch_optional(tx)
        .await?;
    Ok(row.map(ApiToken::from))
}

/// Lists a person's tokens behind `after`, newest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    workspace: Uuid,
    user: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ApiToken>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT * FROM identity.api_token
         WHERE workspace_id = $1 AND user_id = $2 AND ($3::uuid IS NULL OR token_id < $3)
         ORDER BY token_id DESC LIMIT $4",
    )
    .bind(workspace)
    .bind(user)
    .bind(after)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(ApiToken::from).collect())
}

/// Revokes a person's token, unless it was revoked before; absent if they have no such token.
pub(crate) async fn revoke(
    tx: &mut PgConnection,
    workspace: Uuid,
    user: Uuid,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<ApiToken>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "UPDATE identity.api_token SET revoke_time = coalesce(revoke_time, $4)
         WHERE workspace_id = $1 AND user_id = $2 AND token_id = $3 RETURNING *",
    )
    .bind(workspace)
    .bind(user)
    .bind(id)
    .bind(now)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(ApiToken::from))
}
