//! The audit trail: events leave with the transaction that they tell of, and are chained by the relay.

use mc_chassis::db::Tx;
use mc_chassis::ids::Ids;
use mc_chassis::outbox;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::scope;
use crate::SCHEMA;
use crate::domain::audit::{Event, GENESIS, chain};

/// The outbox topic that identity's relay takes.
pub(crate) const TOPIC: &str = "audit";

/// Notes an event in the transaction that it tells of.
pub(crate) async fn note(tx: &mut Tx, workspace: Uuid, event: &Event) -> Result<(), sqlx::Error> {
    let body = serde_json::to_vec(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
    outbox::append(tx, &SCHEMA, Some(workspace), TOPIC, &body, event.time).await
}

/// Notes what concerns a person wherever they are a member: what they sign in to. The transaction is about the person; it
/// becomes one about their last workspace.
pub(crate) async fn note_of_person(
    tx: &mut Tx,
    user: Uuid,
    event: &Event,
    ids: &Ids,
) -> Result<(), sqlx::Error> {
    let workspaces: Vec<Uuid> = sqlx::query_scalar(
        "SELECT workspace_id FROM identity.membership WHERE user_id = $1 ORDER BY workspace_id",
    )
    .bind(user)
    .fetch_all(&mut **tx)
    .await?;
    for workspace in workspaces {
        scope::workspace(tx, Some(workspace)).await?;
        note(tx, workspace, &Event { id: ids.uuid(), ..event.clone() }).await?;
    }
    Ok(())
}

/// Adds an event to its workspace's chain, unless it is there. The transaction is about the workspace.
pub(crate) async fn ingest(
    tx: &mut PgConnection,
    workspace: Uuid,
    event: &Event,
    body: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    // A chain grows at one end: whoever adds to it waits here for the one before. Ends with the transaction.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("audit {workspace}"))
        .execute(&mut *tx)
        .await?;
    let known: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM identity.audit_event WHERE workspace_id = $1 AND event_id = $2)",
    )
    .bind(workspace)
    .bind(event.id)
    .fetch_one(&mut *tx)
    .await?;
    if known {
        return Ok(());
    }
    let last: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT seq, hash FROM identity.audit_event WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1",
    )
    .bind(workspace)
    .fetch_optional(&mut *tx)
    .await?;
    let (seq, previous) = last.map_or((1, GENESIS.to_vec()), |(seq, hash)| (seq + 1, hash));
    sqlx::query(
        "INSERT INTO identity.audit_event (workspace_id, seq, event_id, body, hash, ingest_time)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(workspace)
    .bind(seq)
    .bind(event.id)
    .bind(body)
    .bind(chain(&previous, workspace, seq, body).as_slice())
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}
