//! Leases that end otherwise than by a result: the dead are found out, the delayed are woken.

use std::time::Duration;

use time::Duration as Span;

use super::{NOW, Tables, workspace};
use crate::store::lease::Release;
use crate::store::{beat, lease};

const TTL: Duration = Duration::from_secs(6);

#[tokio::test]
async fn silent_worker_loses_its_runs_and_a_beating_one_keeps_them() {
    let tables = Tables::new().await;
    for _ in 0..2 {
        tables.run(workspace(1)).await;
    }
    let (silent, alive) = (tables.worker().await, tables.worker().await);
    let lost = tables.claim(silent, 1).await.remove(0);
    let kept = tables.claim(alive, 1).await.remove(0);

    tables.silence(silent, 5.5).await;
    assert_eq!(lease::reap(&tables.engine, TTL).await.expect("reap"), 0, "not yet");
    tables.silence(silent, 6.5).await;
    assert_eq!(lease::reap(&tables.engine, TTL).await.expect("reap"), 1);
    assert_eq!(lease::reap(&tables.engine, TTL).await.expect("reap"), 0, "once");

    let taken_over = tables.claim(alive, 10).await;
    assert_eq!(taken_over.len(), 1);
    assert_eq!((taken_over[0].run, taken_over[0].epoch), (lost.run, lost.epoch + 1));
    assert_ne!(taken_over[0].run, kept.run);
    assert_eq!(taken_over[0].claims, 2, "an attempt that died counts");
}

#[tokio::test]
async fn run_of_a_worker_that_left_the_list_is_reaped() {
    let tables = Tables::new().await;
    tables.run(workspace(1)).await;
    let worker = tables.worker().await;
    tables.claim(worker, 1).await;
    beat::deregister(tables.engine.pool(), worker).await.expect("deregister");
    assert_eq!(lease::reap(&tables.engine, TTL).await.expect("reap"), 1);
}

#[tokio::test]
async fn two_reapers_at_once_make_a_run_ready_once() {
    let tables = Tables::new().await;
    for _ in 0..20 {
        tables.run(workspace(1)).await;
    }
    let worker = tables.worker().await;
    assert_eq!(tables.claim(worker, 20).await.len(), 20);
    tables.silence(worker, 60.0).await;
    let reap = || async { lease::reap(&tables.engine, TTL).await.expect("reap") };
    let (a, b, c) = futures::join!(reap(), reap(), reap());
    assert_eq!(a + b + c + reap().await, 20);
    let ready: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks.ready")
        .fetch_one(&tables.kit.admin())
        .await
        .expect("count");
    assert_eq!(ready, 20);
}

#[tokio::test]
async fn delayed_run_is_ready_at_its_time_and_not_before() {
    let tables = Tables::new().await;
    let run = tables.run(workspace(1)).await;
    let worker = tables.worker().await;
    let lease = tables.claim(worker, 1).await.remove(0);
    let wake_at = NOW + Span::seconds(30);
    assert!(lease::delay(&tables.engine, run, lease.epoch, wake_at, Release::HandBack).await.expect("delay"));
    assert!(
        !lease::delay(&tables.engine, run, lease.epoch, wake_at, Release::HandBack).await.expect("again"),
        "the lease is gone"
    );

    assert_eq!(tables.promote_at(wake_at - Span::SECOND).await, 0);
    assert!(tables.claim(worker, 1).await.is_empty());
    assert_eq!(tables.promote_at(wake_at).await, 1);
    let again = tables.claim(worker, 1).await.remove(0);
    assert_eq!((again.run, again.claims), (run, 1), "waiting is no failure");
}

#[tokio::test]
async fn clock_that_is_set_back_hides_the_dead_for_one_limit_and_takes_nothing_from_the_living() {
    let tables = Tables::new().await;
    tables.run(workspace(1)).await;
    let worker = tables.worker().await;
    tables.claim(worker, 1).await;
    // Its last beat was an hour from now: the server's clock was set back by that since.
    tables.silence(worker, -3_600.0).await;
    assert_eq!(lease::reap(&tables.engine, TTL).await.expect("reap"), 0, "it may be alive");
    let to_come: bool = sqlx::query_scalar("SELECT beat_time > clock_timestamp() FROM tasks.worker")
        .fetch_one(&tables.kit.admin())
        .await
        .expect("beat");
    assert!(!to_come, "from now on its beat is as old as this look");
    sqlx::query("UPDATE tasks.worker SET beat_time = beat_time - interval '6.5 s'")
        .execute(&tables.kit.admin())
        .await
        .expect("a limit later");
    assert_eq!(lease::reap(&tables.engine, TTL).await.expect("reap"), 1);
}

#[tokio::test]
async fn dead_worker_is_forgotten_after_ten_limits() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    tables.silence(worker, 59.0).await;
    assert_eq!(beat::forget_dead(tables.engine.pool(), TTL).await.expect("forget"), 0);
    tables.silence(worker, 61.0).await;
    assert_eq!(beat::forget_dead(tables.engine.pool(), TTL).await.expect("forget"), 1);
}
