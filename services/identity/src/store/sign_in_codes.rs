//! Rows of `identity.sign_in_code`.

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::scope;
use crate::domain::bearer::Bearer;
use crate::domain::sign_in_code::{Code, Maker, Root};

#[derive(sqlx::FromRow)]
struct Row {
    user_id: Uuid,
    maker_id: Uuid,
    maker_workspace: Option<Uuid>,
    expire_time: OffsetDateTime,
    use_time: Option<OffsetDateTime>,
    reuse_time: Option<OffsetDateTime>,
}

impl From<Row> for Code {
    fn from(row: Row) -> Self {
        Self {
            user: row.user_id,
            maker: Maker { id: row.maker_id, workspace: row.maker_workspace },
            expire_time: row.expire_time,
            use_time: row.use_time,
            reuse_time: row.reuse_time,
        }
    }
}

/// Adds a code. The transaction is about its person.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    bearer: &Bearer,
    code: &Code,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO identity.sign_in_code (code_hash, user_id, maker_id, maker_workspace, create_time, expire_time)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(bearer.hash().as_slice())
    .bind(code.user)
    .bind(code.maker.id)
    .bind(code.maker.workspace)
    .bind(now)
    .bind(code.expire_time)
    .execute(tx)
    .await
    .map(drop)
}

/// Finds a code and makes the transaction one about its person. It is locked, so that of two trades one comes second.
pub(crate) async fn lock(tx: &mut PgConnection, bearer: &Bearer) -> Result<Option<Code>, sqlx::Error> {
    scope::bearer(tx, bearer).await?;
    let user = sqlx::query_scalar("SELECT user_id FROM identity.sign_in_code WHERE code_hash = $1")
        .bind(bearer.hash().as_slice())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(user) = user else { return Ok(None) };
    // To lock a row is to be allowed to change it, which only its person is.
    scope::user(tx, user).await?;
    let row: Option<Row> =
        sqlx::query_as("SELECT * FROM identity.sign_in_code WHERE code_hash = $1 FOR UPDATE")
            .bind(bearer.hash().as_slice())
            .fetch_optional(tx)
            .await?;
    Ok(row.map(Code::from))
}

/// Notes that a code was traded in, or that it came again.
pub(crate) async fn note_use(
    tx: &mut PgConnection,
    bearer: &Bearer,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE identity.sign_in_code
         SET use_time = coalesce(use_time, $2), reuse_time = CASE WHEN use_time IS NOT NULL THEN $2 END
         WHERE code_hash = $1",
    )
    .bind(bearer.hash().as_slice())
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// What stands behind the bearer that makes or made a code, if that still works. It cannot be taken back until the
/// transaction ends. The transaction is about the person; it becomes one about the bearer's workspace as well.
pub(crate) async fn lock_maker(
    tx: &mut PgConnection,
    maker: Maker,
    now: OffsetDateTime,
) -> Result<Option<Root>, sqlx::Error> {
    scope::workspace(tx, maker.workspace).await?;
    let session: Option<(Option<Uuid>, Option<OffsetDateTime>)> = sqlx::query_as(
        "SELECT api_token_id, last_time FROM identity.session
         WHERE session_id = $1 AND end_time IS NULL AND (last_time IS NULL OR last_time > $2) FOR SHARE",
    )
    .bind(maker.id)
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    if let Some((api_token, last_time)) = session {
        return Ok(Some(Root { api_token, last_time }));
    }
    let api_token: Option<(Uuid, OffsetDateTime)> = sqlx::query_as(
        "SELECT token_id, expire_time FROM identity.api_token
         WHERE workspace_id = $2 AND token_id = $1 AND revoke_time IS NULL AND expire_time > $3 FOR SHARE",
    )
    .bind(maker.id)
    .bind(maker.workspace)
    .bind(now)
    .fetch_optional(tx)
    .await?;
    Ok(api_token.map(|(token, expiry)| Root { api_token: Some(token), last_time: Some(expiry) }))
}

/// Removes codes that stopped working long ago.
pub(crate) async fn sweep(pool: &PgPool, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM identity.sign_in_code WHERE expire_time < $1")
        .bind(now - time::Duration::days(1))
        .execute(pool)
        .await
        .map(drop)
}
