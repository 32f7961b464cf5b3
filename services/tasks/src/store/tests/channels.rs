//! What tests of notifications put into the tables and find there, past row-level security; and what is due at volume.

use time::Duration;

use super::*;
use crate::store::dispatch;

impl Tables {
    /// Everything that is stored of channels, as text.
    pub(crate) async fn channels_as_text(&self) -> String {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT (s, c)::text FROM tasks.channel s JOIN tasks.channel_content c USING (channel_id)",
        )
        .fetch_all(&self.kit.admin())
        .await
        .expect("read the channels");
        rows.concat()
    }

    /// Closes an item as a decision does.
    pub(crate) async fn close(&self, item: InboxItemId) {
        sqlx::query(
            "UPDATE tasks.inbox_item SET state = 2, close_time = now(), decider = $2, decision = '{}' WHERE item_id = $1",
        )
        .bind(item.uuid())
        .bind(PERSON.uuid())
        .execute(&self.kit.admin())
        .await
        .expect("decide");
    }

    /// Deliveries of a channel that has no row of its own.
    async fn deliveries(&self, channel: u128, count: i32, state: i16, due: OffsetDateTime) {
        sqlx::query(
            "INSERT INTO tasks.delivery (workspace_id, channel_id, kind, state, due_time, create_time, settle_time)
             SELECT $1, $2, 5, $3, $4, $5, CASE WHEN $3 <> 1 THEN $5 END FROM generate_series(1, $6)",
        )
        .bind(workspace(1).uuid())
        .bind(Uuid::from_u128(channel))
        .bind(state)
        .bind(due)
        .bind(NOW)
        .bind(count)
        .execute(&self.kit.admin())
        .await
        .expect("deliveries");
    }
}

#[tokio::test]
async fn channels_with_something_due_are_found_by_a_probe_each_however_much_waits_or_was_sent() {
    let tables = Tables::new().await;
    tables.deliveries(1, 20_000, 1, NOW).await;
    tables.deliveries(2, 20_000, 1, NOW + Duration::HOUR).await;
    tables.deliveries(3, 1, 1, NOW - Duration::HOUR).await;
    tables.deliveries(4, 50_000, 2, NOW - Duration::HOUR).await;
    sqlx::query("ANALYZE tasks.delivery").execute(&tables.kit.admin()).await.expect("analyze");
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {}", dispatch::TAKE)))
        .bind(NOW)
        .bind(NOW)
        .bind(16_i64)
        .fetch_all(tables.engine.pool())
        .await
        .expect("a plan");
    let plan = plan.join("\n");
    assert!(plan.contains("delivery_pending") && !plan.contains("Seq Scan on delivery"), "{plan}");

    let until = NOW + Duration::MINUTE;
    let take = async |now, limit| {
        let turns = dispatch::take(tables.engine.pool(), now, until, limit).await.expect("take");
        turns.iter().map(|turn| turn.channel_id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(take(NOW, 1).await, [3], "who waits longest comes first");
    assert_eq!(take(NOW, 16).await, [1], "one turn at a time, and what is due later waits");
    assert_eq!(take(until, 16).await, [1, 3], "a turn that nobody ended is over by time");
}
