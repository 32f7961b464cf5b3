//! Orders to stop: a mark on a generation that runs, or a key that is kept before anybody used it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::fault::Kind;

/// What whoever asks for a cancelled generation is told.
pub const MESSAGE: &str = "the generation was cancelled";

/// Marks a generation, if it still runs; its owner reads the mark with its next heartbeat.
pub async fn request(connection: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE llm.generation SET cancel_requested_at = clock_timestamp() \
         WHERE generation_id = $1 AND state = 'running' AND cancel_requested_at IS NULL",
    )
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a key that nobody has used as cancelled; false when somebody has used it.
pub async fn keep_key(
    connection: &mut PgConnection,
    id: Uuid,
    workspace: Uuid,
    key: &str,
    owner: Uuid,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/insert_cancelled_key.sql"))
        .bind(id)
        .bind(workspace)
        .bind(key)
        .bind(owner)
        .bind(Kind::Cancelled.reason())
        .bind("the key was cancelled before it was used")
        .bind(now)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}
