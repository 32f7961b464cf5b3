//! Escalation at volume: found by the index of what is due, whatever else is open, and once however many look.

use uuid::Uuid;

use super::{NOW, Tables, workspace};
use crate::store::inbox;

/// Open items that are due later, and decided ones, beside a few that are due.
async fn many(tables: &Tables) {
    let run = tables.run(workspace(1)).await;
    sqlx::query(
        "INSERT INTO tasks.inbox_item (item_id, workspace_id, run_id, kind, state, step, call_id, create_time, close_time,
             decider, decision, expiry_s, due_time)
         SELECT gen_random_uuid(), $1, $2, 1, state, 1, 'call', $3, CASE WHEN state = 2 THEN $3 END,
             CASE WHEN state = 2 THEN $2 END, CASE WHEN state = 2 THEN '{}'::json END, 60, $3 + age
         FROM (VALUES (20000, 1, interval '1 day'), (20000, 2, interval '-1 day'), (500, 1, interval '-1 minute'))
                 AS of (count, state, age), generate_series(1, count)",
    )
    .bind(workspace(1).uuid())
    .bind(run.uuid())
    .bind(NOW)
    .execute(&tables.kit.admin())
    .await
    .expect("items");
    sqlx::query("ANALYZE tasks.inbox_item").execute(&tables.kit.admin()).await.expect("analyze");
}

#[tokio::test]
async fn what_is_due_is_found_by_its_index_and_escalated_once_by_all_schedulers_together() {
    let tables = Tables::new().await;
    many(&tables).await;
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {}", inbox::ESCALATE)))
        .bind(NOW)
        .fetch_all(tables.engine.pool())
        .await
        .expect("a plan");
    let plan = plan.join("\n");
    assert!(plan.contains("inbox_item_due") && !plan.contains("Seq Scan on inbox_item"), "{plan}");

    let mut escalated = 0;
    loop {
        let looks = (0..4).map(|_| inbox::escalate(&tables.engine, NOW));
        let done: u64 =
            futures::future::join_all(looks).await.into_iter().map(|it| it.expect("escalate")).sum();
        if done == 0 {
            break;
        }
        escalated += done;
    }
    assert_eq!(escalated, 500);
    let (items, most): (i64, i16) =
        sqlx::query_as("SELECT count(*), max(escalations) FROM tasks.inbox_item WHERE escalations > 0")
            .fetch_one(&tables.kit.admin())
            .await
            .expect("count");
    assert_eq!((items, most), (500, 1));
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks.change WHERE kind = 3 AND state = 1")
        .fetch_one(&tables.kit.admin())
        .await
        .expect("count");
    assert_eq!(told, 500, "each is told of once");
}

#[tokio::test]
async fn engine_sees_of_other_workspaces_no_item_that_is_not_to_be_escalated() {
    let tables = Tables::new().await;
    many(&tables).await;
    let visible = "SELECT count(item_id) FROM tasks.inbox_item";
    let mut tx = tables.engine.begin(Uuid::from_u128(2)).await.expect("begin");
    let seen: i64 = sqlx::query_scalar(visible).fetch_one(&mut *tx).await.expect("count");
    assert_eq!(seen, 20_500, "open, with an expiry; by ids and times alone");
    let voided =
        sqlx::query("UPDATE tasks.inbox_item SET state = 3, close_time = now()").execute(&mut *tx).await;
    assert!(voided.is_err(), "and voids none of them");
}
