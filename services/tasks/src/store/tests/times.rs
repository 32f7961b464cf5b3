//! Runs that wait for a time: shown as such, woken once at it or by a letter before it, and found by an index.

use time::Duration as Span;

use super::{NOW, PERSON, Tables, live, promote_at, workspace};
use crate::domain::fold::WaitReason;
use crate::domain::id::{RunId, WorkspaceId};
use crate::domain::order::CommandKind;
use crate::store::lease::{self, Lease, Rest, Suspended};
use crate::store::run::status;
use crate::store::{journal, mailbox};

const HOME: WorkspaceId = workspace(1);

async fn leased(tables: &Tables) -> Lease {
    tables.run(HOME).await;
    tables.claim(tables.worker().await, 1).await.remove(0)
}

/// A run that waits for a timer, an hour from now.
async fn waiting(tables: &Tables) -> Lease {
    let lease = leased(tables).await;
    rest(tables, &lease, Rest::WaitingUntil(WaitReason::Timer, NOW + Span::HOUR)).await;
    lease
}

async fn rest(tables: &Tables, lease: &Lease, rest: Rest) {
    let rested = lease::suspend(&tables.engine, lease.run, lease.epoch, rest).await.expect("suspend");
    assert_eq!(rested, Suspended::Done);
}

/// `(ready, delayed)`.
async fn rows(tables: &Tables) -> (i64, i64) {
    sqlx::query_as("SELECT (SELECT count(*) FROM tasks.ready), (SELECT count(*) FROM tasks.delayed)")
        .fetch_one(&tables.kit.admin())
        .await
        .expect("count")
}

async fn promote(tables: &Tables, at: time::OffsetDateTime) -> u64 {
    tables.promote_at(at).await
}

#[tokio::test]
async fn waiting_run_says_for_what_and_until_when_and_is_woken_at_that_time() {
    let tables = Tables::new().await;
    for (reason, number) in [(WaitReason::Timer, 4), (WaitReason::Quota, 5), (WaitReason::Input, 2)] {
        let lease = leased(&tables).await;
        let wake_at = NOW + Span::days(365);
        rest(&tables, &lease, Rest::WaitingUntil(reason, wake_at)).await;
        let seen = tables.seen(HOME, lease.run).await;
        assert_eq!((seen.status, seen.wait_reason), (status::WAITING, number));
        assert_eq!(seen.wake_time, Some(wake_at));

        assert_eq!(promote(&tables, wake_at - Span::MICROSECOND).await, 0, "not before");
        assert!(tables.claim(tables.worker().await, 9).await.is_empty());
        // Late, as after a night without a scheduler.
        assert_eq!(promote(&tables, wake_at + Span::days(1)).await, 1);
        assert_eq!(promote(&tables, wake_at + Span::days(1)).await, 0, "once");
        let seen = tables.seen(HOME, lease.run).await;
        assert_eq!((seen.status, seen.wait_reason, seen.wake_time), (status::QUEUED, 0, None));
        let again = tables.claim(tables.worker().await, 9).await.remove(0);
        assert_eq!((again.run, again.epoch, again.claims), (lease.run, lease.epoch + 1, 1));
    }
}

#[tokio::test]
async fn nobody_waits_for_a_timer_without_a_time() {
    let tables = Tables::new().await;
    let lease = leased(&tables).await;
    let refused =
        lease::suspend(&tables.engine, lease.run, lease.epoch, Rest::Waiting(WaitReason::Timer)).await;
    let error = refused.expect_err("nothing would ever wake it");
    assert!(mc_chassis::db::is_constraint(&error, "run_waits_for_a_time"), "{error}");
}

#[tokio::test]
async fn letter_wakes_a_run_before_its_time_and_leaves_no_second_wake_up() {
    let tables = Tables::new().await;
    let lease = waiting(&tables).await;
    assert!(tables.post(HOME, lease.run, &tables.order(CommandKind::Pause)).await.woken);
    let seen = tables.seen(HOME, lease.run).await;
    assert_eq!((seen.status, seen.wait_reason, seen.wake_time), (status::QUEUED, 0, None));
    assert_eq!(rows(&tables).await, (1, 0));
    assert_eq!(promote(&tables, NOW + Span::days(9)).await, 0);
    let again = tables.claim(tables.worker().await, 9).await;
    assert_eq!(again.len(), 1);
    let refused =
        lease::suspend(&tables.engine, lease.run, again[0].epoch, Rest::WaitingUntil(WaitReason::Timer, NOW))
            .await;
    assert_eq!(refused.expect("suspend"), Suspended::MailArrived, "the letter is to be read first");
    assert_eq!((rows(&tables).await, tables.seen(HOME, lease.run).await.wake_time), ((0, 0), None));
}

#[tokio::test]
async fn timer_and_person_at_once_wake_a_run_once() {
    let tables = Tables::new().await;
    let at = NOW + Span::HOUR;
    // The scheduler first: the letter waits for it, and finds the run ready.
    let lease = waiting(&tables).await;
    let mut tx = tables.engine.begin_open().await.expect("begin");
    assert_eq!(promote_at(&mut tx, at).await, 1);
    let order = tables.order(CommandKind::Cancel);
    let (posted, ()) = futures::join!(tables.post(HOME, lease.run, &order), async {
        tokio::task::yield_now().await;
        tx.commit().await.expect("commit");
    });
    assert!(!posted.woken);
    assert_eq!(tables.claim(tables.worker().await, 9).await.len(), 1);

    // The person first: the scheduler passes over a run that is being written to, and finds nothing afterwards.
    let lease = waiting(&tables).await;
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, lease.run).await.expect("lock"));
    assert_eq!(promote(&tables, at).await, 0, "passed over");
    assert!(mailbox::post(&mut tx, to, PERSON, &order, NOW).await.expect("post").woken);
    assert_eq!(promote(&tables, at).await, 0, "passed over");
    tx.commit().await.expect("commit");
    assert_eq!(promote(&tables, at).await, 0);
    assert_eq!(rows(&tables).await, (1, 0));
}

#[tokio::test]
async fn scheduled_run_is_queued_until_its_time_and_starts_once_with_many_schedulers() {
    let tables = Tables::new().await;
    let start_at = NOW + Span::days(2);
    let mut runs: Vec<RunId> = Vec::new();
    for _ in 0..30 {
        runs.push(tables.run_at(HOME, start_at).await);
    }
    let seen = tables.seen(HOME, runs[0]).await;
    assert_eq!((seen.status, seen.start_time), (status::QUEUED, None));
    assert_eq!((seen.scheduled_start_time, seen.wake_time), (Some(start_at), Some(start_at)));
    assert_eq!(rows(&tables).await, (0, 30));
    let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
    let first = journal::page(&mut tx, runs[0], 0, 9).await.expect("journal").remove(0);
    drop(tx);
    assert!(
        matches!(first.event, crate::domain::event::Event::Queued(queued) if queued.start_at == Some(start_at))
    );

    assert_eq!(promote(&tables, start_at - Span::SECOND).await, 0);
    let at_once = futures::future::join_all((0..5).map(|_| promote(&tables, start_at))).await;
    assert_eq!(at_once.iter().sum::<u64>() + promote(&tables, start_at).await, 30);
    let leases = tables.claim(tables.worker().await, 99).await;
    assert_eq!(leases.len(), 30);
    assert!(leases.iter().all(|lease| lease.epoch == 1), "each was started once");
    assert_eq!(
        tables.seen(HOME, runs[0]).await.scheduled_start_time,
        Some(start_at),
        "what was asked for stays"
    );
}

#[tokio::test]
async fn time_has_come_when_the_database_says_so() {
    let tables = Tables::new().await;
    let run = tables.run_at(HOME, NOW).await;
    let set = async |when: &str| {
        let statement = format!("UPDATE tasks.delayed SET wake_at = clock_timestamp() + interval '{when}'");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&tables.kit.admin()).await.expect("set");
    };
    set("1 minute").await;
    assert_eq!(
        lease::promote(&tables.engine).await.expect("promote"),
        0,
        "however fast a scheduler's clock is"
    );
    set("-1 ms").await;
    assert_eq!(lease::promote(&tables.engine).await.expect("promote"), 1);
    assert_eq!(tables.claim(tables.worker().await, 9).await[0].run, run);
}
