//! Runs that a living worker has on paper and does not carry on: nobody reaps them, so it gives them back itself.

use std::time::Duration;

use uuid::Uuid;

use super::Fleet;
use super::llm::Reply;
use crate::store::lease;
use crate::store::tests::workspace;
use crate::worker::WorkerSettings;

/// A worker that beats fast and reaps nobody.
fn quick() -> WorkerSettings {
    WorkerSettings {
        heartbeat: Duration::from_millis(50),
        ttl: Duration::from_millis(400),
        poll: Duration::from_millis(50),
        schedules: false,
        ..WorkerSettings::default()
    }
}

async fn only_worker(fleet: &Fleet) -> Uuid {
    loop {
        let ids: Vec<Uuid> = sqlx::query_scalar("SELECT worker_id FROM tasks.worker")
            .fetch_all(&fleet.tables.kit.admin())
            .await
            .expect("workers");
        if let [id] = ids[..] {
            return id;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn run_whose_claim_was_committed_and_never_heard_of_is_carried_on() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    let lost = fleet.tables.worker().await;
    assert_eq!(fleet.tables.claim(lost, 1).await.len(), 1);
    sqlx::query("DELETE FROM tasks.worker").execute(&fleet.tables.kit.admin()).await.expect("empty the list");
    let worker = fleet.worker_with(quick());
    let id = only_worker(&fleet).await;
    sqlx::query("UPDATE tasks.run SET worker_id = $1 WHERE run_id = $2")
        .bind(id)
        .bind(run.uuid())
        .execute(&fleet.tables.kit.admin())
        .await
        .expect("claim it for the worker behind its back");
    assert_eq!(fleet.ended(home, run).await.status, 3);
    assert!(worker.shutdown(Duration::from_secs(5)).await.is_clean());
}

#[tokio::test]
async fn run_that_was_dropped_while_no_beat_was_answered_is_carried_on_by_the_same_worker() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Stall("Half a thou", Vec::new()));
    let worker = fleet.worker_with(quick());
    fleet.script.was_asked.notified().await;
    let id = only_worker(&fleet).await;

    // As long as its row is locked, the worker's beats are not answered.
    let mut lock = fleet.tables.kit.admin().begin().await.expect("begin");
    sqlx::query("SELECT FROM tasks.worker WHERE worker_id = $1 FOR UPDATE")
        .bind(id)
        .execute(&mut *lock)
        .await
        .expect("lock");
    fleet.script.was_left.notified().await;
    fleet.script.go_on();
    assert_eq!(fleet.run(home, run).await.status, 2, "nobody else may take it");
    lock.rollback().await.expect("unlock");

    let ended = fleet.ended(home, run).await;
    assert_eq!(ended.status, 3);
    assert!(fleet.kinds(home, run).await.contains(&"taken_over"), "it was let go in between");
    assert!(worker.shutdown(Duration::from_secs(5)).await.is_clean());
}

#[tokio::test]
async fn what_is_in_hand_and_what_others_have_is_not_given_back() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    for _ in 0..3 {
        fleet.queued(home).await;
    }
    let (mine, other) = (fleet.tables.worker().await, fleet.tables.worker().await);
    let in_hand = fleet.tables.claim(mine, 1).await.remove(0);
    let on_paper = fleet.tables.claim(mine, 1).await.remove(0);
    let foreign = fleet.tables.claim(other, 1).await.remove(0);
    let engine = &fleet.tables.engine;
    assert_eq!(lease::give_back(engine, mine, &[in_hand.run.uuid()]).await.expect("give back"), 1);
    assert_eq!(lease::give_back(engine, mine, &[in_hand.run.uuid()]).await.expect("again"), 0);
    assert!(fleet.is_ready(on_paper.run).await);
    assert!(!fleet.is_ready(in_hand.run).await && !fleet.is_ready(foreign.run).await);
    let again = fleet.tables.claim(mine, 1).await.remove(0);
    assert_eq!((again.run, again.epoch, again.claims), (on_paper.run, 2, 1), "the run was not at fault");
}
