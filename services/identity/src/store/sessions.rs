//! Rows of `identity.session` and `identity.session_token`.

use mc_chassis::auth::Role;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::scope;
use crate::domain::bearer::{Bearer, Kind};
use crate::domain::session::{End, Issued, Seed, Token};
use crate::domain::sign_in_code::Root;
use crate::domain::workspace::role;
use crate::error::Error;

/// Adds a session and what it goes back to. The transaction is about its person.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    session: Uuid,
    user: Uuid,
    root: Root,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO identity.session (session_id, user_id, api_token_id, last_time, create_time)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(session)
    .bind(user)
    .bind(root.api_token)
    .bind(root.last_time)
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Adds a pair of bearers to a session.
pub(crate) async fn insert_tokens(
    tx: &mut PgConnection,
    session: Uuid,
    user: Uuid,
    issued: &Issued,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO identity.session_token (token_hash, session_id, user_id, kind, create_time, expire_time)
         VALUES ($1, $3, $4, 'session', $5, $6), ($2, $3, $4, 'refresh', $5, $7)",
    )
    .bind(issued.session_token.hash().as_slice())
    .bind(issued.refresh_token.hash().as_slice())
    .bind(session)
    .bind(user)
    .bind(now)
    .bind(issued.expire_time)
    .bind(issued.refresh_expire_time)
    .execute(tx)
    .await
    .map(drop)
}

#[derive(sqlx::FromRow)]
struct Found {
    session_id: Uuid,
    user_id: Uuid,
    expire_time: OffsetDateTime,
    use_time: Option<OffsetDateTime>,
    successor_seed: Option<Vec<u8>>,
}

/// Finds the row of a bearer, and makes the transaction one about its person.
async fn present(tx: &mut PgConnection, bearer: &Bearer) -> Result<Option<Found>, sqlx::Error> {
    scope::bearer(tx, bearer).await?;
    let kind = if bearer.kind() == Kind::Refresh { "refresh" } else { "session" };
    let found: Option<Found> = sqlx::query_as(
        "SELECT session_id, user_id, expire_time, use_time, successor_seed FROM identity.session_token
         WHERE token_hash = $1 AND kind = $2",
    )
    .bind(bearer.hash().as_slice())
    .bind(kind)
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(found) = &found {
        scope::user(tx, found.user_id).await?;
    }
    Ok(found)
}

/// A session token with the person's role in a workspace, if one is asked for and they are a member.
pub(crate) async fn find(
    tx: &mut PgConnection,
    bearer: &Bearer,
    workspace: Option<Uuid>,
) -> Result<Option<(Token, Option<Role>)>, Error> {
    let Some(found) = present(tx, bearer).await? else { return Ok(None) };
    let (end_time, last_time, role_text): (Option<OffsetDateTime>, Option<OffsetDateTime>, Option<String>) =
        sqlx::query_as(
            "SELECT s.end_time, s.last_time, m.role FROM identity.session s
         LEFT JOIN identity.membership m ON m.user_id = s.user_id AND m.workspace_id = $2
         WHERE s.session_id = $1",
        )
        .bind(found.session_id)
        .bind(workspace)
        .fetch_one(tx)
        .await?;
    let role = role_text.map(|text| role(&text).ok_or(Error::Stored("role"))).transpose()?;
    Ok(Some((token(found, end_time, last_time)?, role)))
}

/// A refresh token. Its session is locked until the transaction ends, so that of two trades one comes second.
pub(crate) async fn lock_refresh(tx: &mut PgConnection, bearer: &Bearer) -> Result<Option<Token>, Error> {
    let Some(found) = present(tx, bearer).await? else { return Ok(None) };
    let (end_time, last_time) =
        sqlx::query_as("SELECT end_time, last_time FROM identity.session WHERE session_id = $1 FOR UPDATE")
            .bind(found.session_id)
            .fetch_one(&mut *tx)
            .await?;
    // Read again behind the lock: what was read before it may be from before another trade.
    let (use_time, successor_seed) =
        sqlx::query_as("SELECT use_time, successor_seed FROM identity.session_token WHERE token_hash = $1")
            .bind(bearer.hash().as_slice())
            .fetch_one(tx)
            .await?;
    token(Found { use_time, successor_seed, ..found }, end_time, last_time).map(Some)
}

fn token(
    found: Found,
    end_time: Option<OffsetDateTime>,
    last_time: Option<OffsetDateTime>,
) -> Result<Token, Error> {
    let seed = |bytes: Vec<u8>| bytes.try_into().map_err(|_| Error::Stored("seed"));
    Ok(Token {
        session: found.session_id,
        user: found.user_id,
        expire_time: found.expire_time,
        use_time: found.use_time,
        successor: found.successor_seed.map(seed).transpose()?,
        end_time,
        last_time,
    })
}

/// Notes that a refresh token was traded in, and what its pair follows from. The pairs of earlier tokens can no longer be
/// told: this one was traded by whoever had the last of them.
pub(crate) async fn use_refresh(
    tx: &mut PgConnection,
    session: Uuid,
    bearer: &Bearer,
    seed: &Seed,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE identity.session_token
         SET use_time = coalesce(use_time, $3), successor_seed = CASE WHEN token_hash = $2 THEN $4::bytea END
         WHERE session_id = $1 AND (token_hash = $2 OR successor_seed IS NOT NULL)",
    )
    .bind(session)
    .bind(bearer.hash().as_slice())
    .bind(now)
    .bind(seed.as_slice())
    .execute(tx)
    .await
    .map(drop)
}

/// Ends a session with all its bearers, unless it has ended. False if there is no such session.
pub(crate) async fn end(
    tx: &mut PgConnection,
    session: Uuid,
    why: End,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let touched = sqlx::query(
        "UPDATE identity.session SET end_time = coalesce(end_time, $2), end_reason = coalesce(end_reason, $3)
         WHERE session_id = $1",
    )
    .bind(session)
    .bind(now)
    .bind(why.as_str())
    .execute(tx)
    .await?;
    Ok(touched.rows_affected() == 1)
}

/// Ends every session that was opened with an API token. The transaction is about its person.
pub(crate) async fn end_of_token(
    tx: &mut PgConnection,
    api_token: Uuid,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE identity.session SET end_time = $2, end_reason = $3 WHERE api_token_id = $1 AND end_time IS NULL",
    )
    .bind(api_token)
    .bind(now)
    .bind(End::TokenRevoked.as_str())
    .execute(tx)
    .await
    .map(drop)
}

/// Removes bearers that stopped working long ago. Sessions stay, as the record of who signed in when.
pub(crate) async fn sweep(pool: &PgPool, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM identity.session_token WHERE expire_time < $1")
        .bind(now - time::Duration::days(1))
        .execute(pool)
        .await
        .map(drop)
}
