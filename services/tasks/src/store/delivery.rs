//! Deliveries as people see them: tests, what became of each, replays. How they are sent is in [`super::dispatch`].

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{ChannelId, DeliveryId, UserId, WorkspaceId};
use crate::domain::notice::NoticeKind;

/// Tests of a channel that are not settled, at most.
pub const PENDING_TESTS: i64 = 10;

/// Numbers of `DeliveryState`.
pub mod state {
    /// To be sent.
    pub const PENDING: i16 = 1;
    /// The receiver has it.
    pub const DELIVERED: i16 = 2;
    /// Given up.
    pub const DEAD: i16 = 3;
    /// No longer needed.
    pub const SKIPPED: i16 = 4;
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: Uuid,
    /// Its place among all, nearly in the order in which they were made.
    pub number: i64,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Its channel.
    pub channel_id: Uuid,
    /// Number of what it is about.
    pub kind: i16,
    /// The run.
    pub run_id: Option<Uuid>,
    /// What is to be decided.
    pub item_id: Option<Uuid>,
    /// One of [`state`].
    pub state: i16,
    /// Attempts that were begun.
    pub attempts: i16,
    /// Replays.
    pub replays: i32,
    /// When it is tried next.
    pub due_time: OffsetDateTime,
    /// HTTP status of the last answer; 0 for none.
    pub status_code: i16,
    /// Why the last attempt failed.
    pub error: String,
    /// When what it is about happened.
    pub create_time: OffsetDateTime,
    /// When it was settled.
    pub settle_time: Option<OffsetDateTime>,
    /// It waits, or has waited, for the end of quiet hours or for others.
    pub held: bool,
    /// Under which id it goes out with others.
    pub digest_id: Option<Uuid>,
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those of this channel.
    pub channel: Option<ChannelId>,
    /// Those in this state.
    pub state: Option<i16>,
}

/// Deliveries over channels of the transaction's workspace and over the person's own, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    person: UserId,
    wanted: Wanted,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM tasks.delivery
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR channel_id = $2) AND ($3::smallint IS NULL OR state = $3)
             AND ($4::bigint IS NULL OR number < $4)
             AND EXISTS (SELECT FROM tasks.channel c
                 WHERE c.channel_id = delivery.channel_id AND (c.owner IS NULL OR c.owner = $6))
         ORDER BY number DESC LIMIT $5",
    )
    .bind(workspace.uuid())
    .bind(wanted.channel.map(ChannelId::uuid))
    .bind(wanted.state)
    .bind(after)
    .bind(limit)
    .bind(person.uuid())
    .fetch_all(connection)
    .await
}

/// Makes a test of a channel that the transaction has locked; none if as many wait as may.
pub async fn test(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    channel: ChannelId,
    delivery: DeliveryId,
    now: OffsetDateTime,
) -> Result<Option<Delivery>, sqlx::Error> {
    sqlx::query_as(
        "INSERT INTO tasks.delivery (delivery_id, workspace_id, channel_id, kind, create_time, due_time)
         SELECT $1, $2, $3, $4, $5, $5
         WHERE (SELECT count(*) FROM tasks.delivery WHERE channel_id = $3 AND kind = $4 AND state = 1) < $6
         RETURNING *",
    )
    .bind(delivery.uuid())
    .bind(workspace.uuid())
    .bind(channel.uuid())
    .bind(NoticeKind::Test.number())
    .bind(now)
    .bind(PENDING_TESTS)
    .fetch_optional(connection)
    .await
}

/// Over whose own channel a delivery of the transaction's workspace goes, if over somebody's; none if there is none.
pub async fn owner(
    connection: &mut PgConnection,
    delivery: DeliveryId,
) -> Result<Option<Option<Uuid>>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT c.owner FROM tasks.delivery d JOIN tasks.channel c USING (channel_id) WHERE d.delivery_id = $1",
    )
    .bind(delivery.uuid())
    .fetch_optional(connection)
    .await
}

/// Has a delivery of the transaction's workspace sent again, at once and alone, with all its attempts before it; none if there
/// is none. Who is at an attempt of it meanwhile settles nothing any more.
pub async fn replay(
    connection: &mut PgConnection,
    delivery: DeliveryId,
    now: OffsetDateTime,
) -> Result<Option<Delivery>, sqlx::Error> {
    sqlx::query_as(
        "UPDATE tasks.delivery
         SET state = 1, attempts = 0, replays = replays + 1, due_time = $2, settle_time = NULL, held = false,
             digest_id = NULL
         WHERE delivery_id = $1 RETURNING *",
    )
    .bind(delivery.uuid())
    .bind(now)
    .fetch_optional(connection)
    .await
}
