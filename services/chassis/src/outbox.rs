//! Messages that leave with a transaction: written in it, delivered after it by a relay, at least once and in no promised order.
//!
//! A receiver must take the same message twice without harm: a relay that dies between delivery and deletion leaves the
//! message to be delivered again. No delivery happens inside a database transaction.

mod relay;

use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

pub use relay::{Message, Pace, Relay, Undelivered, Wake};

use crate::db::{Schema, Tx};

/// Size of a message at most, in bytes. Larger news is stored, and its name sent.
pub const BODY_MAX: usize = 1 << 20;

/// Writes a message in the transaction whose news it carries. `workspace` must be the transaction's own.
///
/// After the commit, [`Wake::wake`] the topic's relay if it runs in this process; polling finds the message otherwise.
pub async fn append(
    tx: &mut Tx,
    schema: &'static Schema,
    workspace: Option<Uuid>,
    topic: &'static str,
    body: &[u8],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    if body.len() > BODY_MAX {
        let message = format!("an outbox message has {} bytes; {BODY_MAX} is the most", body.len());
        return Err(sqlx::Error::InvalidArgument(message));
    }
    let insert = format!(
        "INSERT INTO {}.outbox (workspace_id, topic, body, due_at) VALUES ($1, $2, $3, $4)",
        schema.name()
    );
    sqlx::query(AssertSqlSafe(insert))
        .bind(workspace)
        .bind(topic)
        .bind(body)
        .bind(now)
        .execute(&mut **tx)
        .await
        .map(drop)
}
