//! People and workers at the same moment: each pair is brought to its meeting point and let go in both orders.

use std::future::Future;
use std::time::Duration;

use mc_chassis::db::Tx;
use time::Duration as Span;
use uuid::Uuid;

use super::{NOW, PERSON, Tables, answer, intent, live, promote_at, workspace};
use crate::domain::event::{Event, Failed, RunError};
use crate::domain::fold::WaitReason;
use crate::domain::id::{InboxItemId, RunId, WorkspaceId};
use crate::domain::order::{CommandKind, Decision};
use crate::store::append::{Append, Besides, append_with};
use crate::store::inbox;
use crate::store::lease::{self, Caps, Claim, Lease, Release, Rest, Suspended, claim_by, suspend};
use crate::store::mailbox::{self, Locked};
use crate::store::run::{FOLD_VERSION_COLUMN, status};

const HOME: WorkspaceId = workspace(1);

async fn leased(tables: &Tables) -> Lease {
    tables.run(HOME).await;
    let worker = tables.worker().await;
    tables.claim(worker, 1).await.remove(0)
}

/// Comes back once a statement in this database waits for a lock.
async fn somebody_waits(tables: &Tables) {
    let admin = tables.kit.admin();
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&admin)
        .await
        .expect("look");
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Lets `late` run into what `first` has locked, then commits `first`.
async fn meet<T>(tables: &Tables, first: Tx, late: impl Future<Output = T>) -> T {
    let commit = async {
        somebody_waits(tables).await;
        first.commit().await.expect("commit");
    };
    tokio::time::timeout(Duration::from_secs(20), async { futures::join!(late, commit).0 })
        .await
        .expect("nobody waits for ever")
}

#[tokio::test]
async fn letter_before_the_rest_refuses_it_and_one_behind_it_wakes_the_run() {
    let tables = Tables::new().await;
    let lease = leased(&tables).await;
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, lease.run).await.expect("lock"));
    let order = tables.order(CommandKind::Cancel);
    assert!(!mailbox::post(&mut tx, to, PERSON, &order, NOW).await.expect("post").woken);
    // The worker's last look saw an empty mailbox; its suspend begins before the letter is committed.
    let rested = suspend(&tables.engine, lease.run, lease.epoch, Rest::Waiting(WaitReason::Input));
    assert_eq!(meet(&tables, tx, rested).await.expect("suspend"), Suspended::MailArrived);

    let lease = leased(&tables).await;
    let mut tx = tables.engine.begin(HOME.uuid()).await.expect("begin");
    sqlx::query(lease::SUSPEND)
        .bind(lease.run.uuid())
        .bind(lease.epoch)
        .bind(status::WAITING)
        .bind(2_i16)
        .bind(None::<time::OffsetDateTime>)
        .execute(&mut *tx)
        .await
        .expect("suspend");
    let order = tables.order(CommandKind::Pause);
    let posted = meet(&tables, tx, tables.post(HOME, lease.run, &order)).await;
    assert!(posted.woken, "the letter waited, saw the rest and ended it");
    assert_eq!(tables.claim(tables.worker().await, 9).await.len(), 1);
}

#[tokio::test]
async fn letter_and_claim_at_once_leave_one_lease_and_the_mail() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    let labels = [String::new()];
    let claim = Claim {
        worker,
        limit: 1,
        after: WorkspaceId::new(Uuid::nil()),
        caps: Caps::all(10),
        fold_version: FOLD_VERSION_COLUMN,
        capabilities: &labels,
    };
    // The claim first: the letter finds a running run.
    let run = tables.run(HOME).await;
    let mut tx = tables.engine.begin_open().await.expect("begin");
    assert_eq!(claim_by(&mut *tx, &claim).await.expect("claim").len(), 1);
    let order = tables.order(CommandKind::Cancel);
    assert!(!meet(&tables, tx, tables.post(HOME, run, &order)).await.woken);
    assert_eq!(tables.seen(HOME, run).await.status, status::RUNNING);

    // The letter first, to a run that a claim would pass over as long as its provider is parked: the claim passes over it at
    // this moment, and brings the letter along at the next.
    let run = tables.run(HOME).await;
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, run).await.expect("lock"));
    mailbox::post(&mut tx, to, PERSON, &tables.order(CommandKind::Pause), NOW).await.expect("post");
    assert!(lease::claim(&tables.engine, &claim).await.expect("claim").is_empty());
    tx.commit().await.expect("commit");
    let leases = lease::claim(&tables.engine, &claim).await.expect("claim");
    assert_eq!((leases[0].run, leases[0].mail), (run, true));

    // To any other one: the claim waits for it and brings it along.
    let lease = leased(&tables).await;
    let run = lease.run;
    lease::release(&tables.engine, run, lease.epoch, Release::HandBack).await.expect("release");
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, run).await.expect("lock"));
    mailbox::post(&mut tx, to, PERSON, &tables.order(CommandKind::Cancel), NOW).await.expect("post");
    let leases = meet(&tables, tx, lease::claim(&tables.engine, &claim)).await.expect("claim");
    assert_eq!((leases[0].run, leases[0].mail), (run, true));
    assert!(tables.claim(worker, 9).await.is_empty(), "it was ready once");
}

#[tokio::test]
async fn delayed_run_is_made_ready_once_whether_its_time_or_a_person_comes_first() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    let wake_at = NOW + Span::hours(1);
    let delayed = async || {
        let lease = leased(&tables).await;
        let rested = suspend(&tables.engine, lease.run, lease.epoch, Rest::Until(wake_at)).await;
        assert_eq!(rested.expect("suspend"), Suspended::Done);
        lease.run
    };
    let run = delayed().await;
    let mut tx = tables.engine.begin_open().await.expect("begin");
    assert_eq!(promote_at(&mut tx, wake_at).await, 1);
    let order = tables.order(CommandKind::Pause);
    assert!(!meet(&tables, tx, tables.post(HOME, run, &order)).await.woken, "its time had come");
    assert_eq!(tables.claim(worker, 9).await.len(), 1);

    let run = delayed().await;
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, run).await.expect("lock"));
    let order = tables.order(CommandKind::Pause);
    assert!(mailbox::post(&mut tx, to, PERSON, &order, NOW).await.expect("post").woken);
    assert_eq!(tables.promote_at(wake_at).await, 0, "passed over");
    tx.commit().await.expect("commit");
    assert_eq!(tables.promote_at(wake_at).await, 0, "gone");
    assert_eq!(tables.claim(worker, 9).await.len(), 1);
}

/// Decides as the RPC does: the run first, then the item. None if the run has ended.
async fn decide(tx: &mut Tx, run: RunId, item: InboxItemId, text: &str) -> Option<bool> {
    match mailbox::lock(tx, run).await.expect("lock") {
        Locked::Live(to) => {
            let decision = Decision::Answer { text: text.into() };
            let first = inbox::decide(tx, to, item, inbox::Verdict::of(PERSON, &decision, NOW))
                .await
                .expect("decide");
            if first {
                mailbox::post(tx, to, PERSON, &answer(item, text), NOW).await.expect("post");
            }
            Some(first)
        }
        _ => None,
    }
}

async fn decide_whole(tables: &Tables, run: RunId, item: InboxItemId, text: &str) -> Option<bool> {
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let decided = decide(&mut tx, run, item, text).await;
    tx.commit().await.expect("commit");
    decided
}

#[tokio::test]
async fn of_two_deciders_at_once_the_first_one_decides() {
    let tables = Tables::new().await;
    let lease = leased(&tables).await;
    let item = tables.ask(&lease, 1, &[]).await;
    suspend(&tables.engine, lease.run, lease.epoch, Rest::Waiting(WaitReason::Input)).await.expect("suspend");
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    assert_eq!(decide(&mut tx, lease.run, item, "first").await, Some(true));
    let second = meet(&tables, tx, decide_whole(&tables, lease.run, item, "second")).await;
    assert_eq!(second, Some(false));
    let mut tx = tables.engine.read(HOME.uuid()).await.expect("read");
    let letters = mailbox::unread(&mut tx, lease.run).await.expect("unread");
    assert_eq!(letters.iter().map(|it| it.content.clone()).collect::<Vec<_>>(), [answer(item, "first")]);
    assert_eq!(tables.seen(HOME, lease.run).await.open_items, 0);
    assert_eq!(tables.claim(tables.worker().await, 9).await.len(), 1, "woken once");
}

#[tokio::test]
async fn decision_and_end_of_the_run_fall_one_after_the_other() {
    let tables = Tables::new().await;
    let end = |lease: &Lease| Append {
        events: vec![Event::Failed(Failed { error: RunError::new("X", "x") })],
        ..intent(lease, 9)
    };
    // The end first: the decision finds the run ended and the item void.
    let lease = leased(&tables).await;
    let item = tables.ask(&lease, 1, &[]).await;
    let mut hold = tables.api.begin(HOME.uuid()).await.expect("begin");
    live(mailbox::lock(&mut hold, lease.run).await.expect("lock"));
    let append = end(&lease);
    let nothing = Besides::default();
    // Both wait for the row; PostgreSQL serves them as they came.
    let ended = async {
        append_with(&tables.engine, HOME, &append, &nothing).await.expect("end");
    };
    meet(&tables, hold, ended).await;
    assert_eq!(decide_whole(&tables, lease.run, item, "late").await, None);
    let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
    assert_eq!(inbox::get(&mut tx, item).await.expect("get").expect("there").state, inbox::state::VOID);
    drop(tx);

    // The decision first: the end waits for it, and leaves the decided item as it is.
    let lease = leased(&tables).await;
    let item = tables.ask(&lease, 1, &[]).await;
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    assert_eq!(decide(&mut tx, lease.run, item, "in time").await, Some(true));
    let append = end(&lease);
    meet(&tables, tx, append_with(&tables.engine, HOME, &append, &nothing)).await.expect("end");
    let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
    let item = inbox::get(&mut tx, item).await.expect("get").expect("there");
    assert_eq!((item.state, item.decider), (inbox::state::DECIDED, Some(PERSON.uuid())));
    drop(tx);
    assert_eq!(tables.seen(HOME, lease.run).await.open_items, 0);

    // A cancel and a decision: both letters are there, in the order of their commits.
    let lease = leased(&tables).await;
    let item = tables.ask(&lease, 1, &[]).await;
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, lease.run).await.expect("lock"));
    let cancel = tables.order(CommandKind::Cancel);
    mailbox::post(&mut tx, to, PERSON, &cancel, NOW).await.expect("post");
    assert_eq!(meet(&tables, tx, decide_whole(&tables, lease.run, item, "still")).await, Some(true));
    let mut tx = tables.engine.read(HOME.uuid()).await.expect("read");
    let letters = mailbox::unread(&mut tx, lease.run).await.expect("unread");
    let contents: Vec<_> = letters.into_iter().map(|it| it.content).collect();
    assert_eq!(contents, [cancel, answer(item, "still")]);
}
