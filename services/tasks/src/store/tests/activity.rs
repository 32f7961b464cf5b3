//! The activity of workspaces: what is told, and that its numbers are contiguous and lose nothing, whoever commits when.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use sqlx::PgPool;
use uuid::Uuid;

use super::{NOW, Tables, answer, intent, live, workspace};
use crate::domain::event::{Event, Failed, Paused, Resumed, RunError};
use crate::domain::fold::WaitReason;
use crate::domain::id::{CommandId, RunId, TaskId, WorkspaceId};
use crate::domain::order::{CommandKind, Decision, LetterContent};
use crate::store::activity::{self, Change, kind};
use crate::store::append::{Append, Besides, append_with};
use crate::store::lease::{self, Lease, Release, Rest};
use crate::store::{inbox, mailbox};

const HOME: WorkspaceId = workspace(1);

impl Tables {
    /// Numbers all that there is, and answers what of it is new after `after`.
    async fn changes(&self, workspace: WorkspaceId, after: i64) -> Vec<Change> {
        while activity::relay(self.engine.pool(), 3).await.expect("relay").numbered > 0 {}
        let mut tx = self.api.read(workspace.uuid()).await.expect("read");
        activity::page(&mut tx, workspace, after, 1_000).await.expect("page")
    }
}

/// Takes a run through its life, and asks after every step what was told of it.
struct Life {
    tables: Tables,
    seen: i64,
}

impl Life {
    /// What was told since the last question: kind, state and detail.
    async fn told(&mut self) -> Vec<(i16, i16, i16)> {
        let changes = self.tables.changes(HOME, self.seen).await;
        let seqs: Vec<i64> = changes.iter().map(|change| change.seq).collect();
        let expected: Vec<i64> = (self.seen + 1..).take(seqs.len()).collect();
        assert_eq!(seqs, expected, "without a gap");
        self.seen += seqs.len() as i64;
        changes.iter().map(|change| (change.kind, change.state, change.detail)).collect()
    }

    async fn lease(&self) -> Lease {
        let worker = self.tables.worker().await;
        self.tables.claim(worker, 1).await.remove(0)
    }

    async fn journal(&self, lease: &Lease, event: Event, read_up_to: i64) {
        let append = Append { events: vec![event], ..intent(lease, 9) };
        let besides = Besides { read_up_to, ..Besides::default() };
        append_with(&self.tables.engine, HOME, &append, &besides).await.expect("append");
    }

    async fn order(&self, run: RunId, kind: CommandKind) -> CommandId {
        let order = self.tables.order(kind);
        self.tables.post(HOME, run, &order).await;
        match order {
            LetterContent::Command { command, .. } => command,
            LetterContent::Decision { .. } | LetterContent::ChildEnded(_) => unreachable!("an order"),
        }
    }
}

const QUEUED: i16 = 1;
const RUNNING: i16 = 2;
const FAILED: i16 = 4;
const WAITING: i16 = 5;
const PAUSED: i16 = 6;

fn run(state: i16) -> (i16, i16, i16) {
    (kind::RUN, state, 0)
}

#[tokio::test]
async fn every_turn_of_a_runs_life_is_told() {
    let mut life = Life { tables: Tables::new().await, seen: 0 };
    let task = (kind::TASK, 0, 0);
    let id = life.tables.task(HOME).await;
    assert_eq!(life.told().await, [task], "a task is made");
    let run_id = life.tables.run_of(HOME, id).await;
    assert_eq!(life.told().await, [run(QUEUED), task], "a run is made, and its task in progress");

    let lease = life.lease().await;
    assert_eq!(life.told().await, [run(RUNNING)], "claimed");
    let engine = &life.tables.engine;
    append_with(engine, HOME, &intent(&lease, 1), &Besides::default()).await.expect("append");
    assert_eq!(life.told().await, [], "an append is no coarse change");
    let engine = &life.tables.engine;
    lease::release(engine, run_id, lease.epoch, Release::HandBack).await.expect("release");
    assert_eq!(life.told().await, [run(QUEUED)], "handed back");
    let lease = life.lease().await;
    lease::delay(&life.tables.engine, run_id, lease.epoch, NOW, Release::HandBack).await.expect("delay");
    assert_eq!(life.told().await, [run(RUNNING), run(QUEUED)], "delayed");
    life.tables.promote_at(NOW).await;
    let lease = life.lease().await;
    life.tables.silence(lease_owner(&life.tables, run_id).await, 60.0).await;
    lease::reap(&life.tables.engine, Duration::from_secs(6)).await.expect("reap");
    assert_eq!(life.told().await, [run(QUEUED), run(RUNNING), run(QUEUED)], "woken, and taken from the dead");
    let lease = Lease { epoch: life.lease().await.epoch, ..lease };

    let item = life.tables.ask(&lease, 2, &[]).await;
    let question = |state| (kind::ITEM, state, 2);
    assert_eq!(life.told().await, [run(RUNNING), question(inbox::state::OPEN)], "asked");
    let rest = Rest::Waiting(WaitReason::Input);
    lease::suspend(&life.tables.engine, run_id, lease.epoch, rest).await.expect("suspend");
    let waiting = life.told().await;
    assert!(matches!(waiting[..], [(kind::RUN, WAITING, 1..=3)]), "waits: {waiting:?}");
    let mut tx = life.tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, run_id).await.expect("lock"));
    let decision = Decision::Answer { text: "this".into() };
    assert!(
        inbox::decide(&mut tx, to, item, inbox::Verdict::of(super::PERSON, &decision, NOW))
            .await
            .expect("decide")
    );
    mailbox::post(&mut tx, to, super::PERSON, &answer(item, "this"), NOW).await.expect("post");
    tx.commit().await.expect("commit");
    assert_eq!(life.told().await, [question(inbox::state::DECIDED), run(QUEUED)], "decided, and woken");

    let lease = Lease { epoch: life.lease().await.epoch, ..lease };
    let pause = life.order(run_id, CommandKind::Pause).await;
    assert_eq!(life.told().await, [run(RUNNING), run(RUNNING)], "an order is to be seen before it is so");
    life.journal(&lease, Event::Paused(Paused { command: pause }), 2).await;
    lease::suspend(&life.tables.engine, run_id, lease.epoch, Rest::Paused).await.expect("suspend");
    assert_eq!(life.told().await, [run(RUNNING), run(PAUSED)], "carried out, and at rest");
    let resume = life.order(run_id, CommandKind::Resume).await;
    let lease = Lease { epoch: life.lease().await.epoch, ..lease };
    life.journal(&lease, Event::Resumed(Resumed { command: resume }), 3).await;
    assert_eq!(
        life.told().await,
        [run(QUEUED), run(RUNNING), run(RUNNING)],
        "resumed, and no longer ordered"
    );

    life.tables.ask(&lease, 3, &[]).await;
    let error = RunError::new("STUCK_LOOP", "The end.");
    life.journal(&lease, Event::Failed(Failed { error }), 3).await;
    let end = [question(inbox::state::OPEN), question(inbox::state::VOID), run(FAILED), task];
    assert_eq!(life.told().await, end, "ended");
}

async fn lease_owner(tables: &Tables, run: RunId) -> Uuid {
    let owner = sqlx::query_scalar("SELECT worker_id FROM tasks.run WHERE run_id = $1");
    owner.bind(run.uuid()).fetch_one(&tables.kit.admin()).await.expect("an owner")
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told_and_what_commits_late_is_numbered_late() {
    let tables = Tables::new().await;
    let task = |number: u128| TaskId::new(Uuid::from_u128(number));
    let mut undone = tables.api.begin(HOME.uuid()).await.expect("begin");
    activity::tell_task(&mut undone, HOME, task(1)).await.expect("tell");
    undone.rollback().await.expect("roll back");
    let mut slow = tables.api.begin(HOME.uuid()).await.expect("begin");
    activity::tell_task(&mut slow, HOME, task(2)).await.expect("tell");
    let mut quick = tables.api.begin(HOME.uuid()).await.expect("begin");
    activity::tell_task(&mut quick, HOME, task(3)).await.expect("tell");
    quick.commit().await.expect("commit");

    let subjects = |changes: Vec<Change>| -> Vec<(i64, Uuid)> {
        changes.into_iter().map(|change| (change.seq, change.subject)).collect()
    };
    assert_eq!(subjects(tables.changes(HOME, 0).await), [(1, task(3).uuid())]);
    slow.commit().await.expect("commit");
    // Whoever has seen 1 is not to miss what began before it.
    assert_eq!(subjects(tables.changes(HOME, 1).await), [(2, task(2).uuid())]);
}

#[tokio::test]
async fn oldest_are_forgotten_first_so_many_at_a_time_and_the_head_stays() {
    let tables = Tables::new().await;
    for _ in 0..5 {
        tables.task(HOME).await;
    }
    assert_eq!(activity::relay(tables.engine.pool(), 5).await.expect("relay").heads, [(HOME, 5)]);
    tables.task(HOME).await;
    tables.changes(HOME, 0).await;
    let engine = tables.engine.pool();
    let hour = Duration::from_hours(1);
    assert_eq!(activity::prune(engine, hour, 10).await.expect("prune"), 0, "nothing is an hour old");
    age(&tables.kit.admin(), 5).await;
    assert_eq!(activity::prune(engine, hour, 2).await.expect("prune"), 2, "at most so many");
    let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
    assert_eq!(activity::oldest(&mut tx, HOME).await.expect("oldest"), Some(3));
    drop(tx);
    assert_eq!(activity::prune(engine, hour, 10).await.expect("prune"), 3, "the sixth is young");
    assert_eq!(activity::prune(engine, Duration::ZERO, 10).await.expect("prune"), 1);
    let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
    assert_eq!(activity::oldest(&mut tx, HOME).await.expect("oldest"), None);
    assert_eq!(activity::head(&mut tx, HOME).await.expect("head"), 6);
    drop(tx);
    tables.task(HOME).await;
    assert_eq!(tables.changes(HOME, 6).await.len(), 1, "and the numbers go on");
}

/// Makes the changes up to `seq` look two hours old.
async fn age(admin: &PgPool, seq: i64) {
    sqlx::query("UPDATE tasks.activity SET number_time = number_time - interval '2 hours' WHERE seq <= $1")
        .bind(seq)
        .execute(admin)
        .await
        .expect("age");
}

/// A statement that moves what people see and tells of nothing leaves lists stale until somebody reads them again.
#[test]
fn every_statement_that_moves_a_run_an_item_or_a_task_tells_of_it() {
    const QUIET: [&str; 1] = ["append.sql"];
    let moves = ["UPDATE tasks.run", "UPDATE tasks.task", "UPDATE tasks.inbox_item", "INTO tasks.inbox_item"];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/queries");
    let mut told = 0;
    for entry in std::fs::read_dir(folder).expect("the statements") {
        let path = entry.expect("an entry").path();
        let statement = std::fs::read_to_string(&path).expect("read");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if moves.iter().any(|it| statement.contains(it)) && !QUIET.contains(&name.as_str()) {
            assert!(statement.contains("INTO tasks.change"), "{name} tells of nothing; see docs/adr/0016");
            told += 1;
        }
    }
    assert!(told >= 10, "they were looked at: {told}");
}

/// A sequence that follows from a seed, for choices that need no quality.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One writer: transactions one after another, each with a few changes, some rolled back, some held open for a while. Each
/// change has the writer and its place among the writer's own, per workspace. Answers how many were committed where.
async fn write(tables: &Tables, writer: u64, mut choices: Choices) -> BTreeMap<u128, u64> {
    let mut committed: BTreeMap<u128, u64> = BTreeMap::new();
    for _ in 0..25 {
        let home = 1 + u128::from(choices.below(3));
        let so_far = committed.get(&home).copied().unwrap_or(0);
        let count = 1 + choices.below(4);
        let mut tx = tables.api.begin(workspace(home).uuid()).await.expect("begin");
        for place in so_far..so_far + count {
            let subject = TaskId::new(Uuid::from_u128(u128::from(writer) << 64 | u128::from(place)));
            activity::tell_task(&mut tx, workspace(home), subject).await.expect("tell");
            for _ in 0..choices.below(20) {
                tokio::task::yield_now().await;
            }
        }
        if choices.below(4) == 0 {
            tx.rollback().await.expect("roll back");
        } else {
            tx.commit().await.expect("commit");
            committed.insert(home, so_far + count);
        }
    }
    committed
}

/// One reader: pages of a workspace while it grows, until all are there. Refuses anything but the very next number.
async fn read(tables: &Tables, home: u128, total: &tokio::sync::watch::Receiver<Option<u64>>) -> Vec<Uuid> {
    let mut seen: Vec<Uuid> = Vec::new();
    loop {
        // Before the page: what is numbered by then is in it.
        let last = *total.borrow();
        let mut tx = tables.api.read(workspace(home).uuid()).await.expect("read");
        let page = activity::page(&mut tx, workspace(home), seen.len() as i64, 7).await.expect("page");
        drop(tx);
        if page.is_empty() && last.is_some() {
            return seen;
        }
        for change in page {
            assert_eq!(change.seq, seen.len() as i64 + 1, "the next number, workspace {home}");
            seen.push(change.subject);
        }
        tokio::task::yield_now().await;
    }
}

/// Whatever the interleaving of writers, relays and readers: every committed change is read once, by contiguous numbers, and
/// those of one writer in the order in which it made them.
async fn contiguous(seed: u64) {
    let tables = Tables::new().await;
    let (total, done) = tokio::sync::watch::channel(None);
    let work = async {
        let writers = join_all((0..4).map(|writer| write(&tables, writer, Choices(seed * 97 + writer))));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let relays = join_all((0..3).map(|relay| {
            let (tables, stopped) = (&tables, stopped.clone());
            async move {
                loop {
                    let was_over = *stopped.borrow();
                    let round = activity::relay(tables.engine.pool(), 2 + relay).await.expect("relay");
                    if was_over && round.numbered == 0 && waiting(tables).await == 0 {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }));
        let writing = async {
            let committed = writers.await;
            stop.send_replace(true);
            committed
        };
        let (committed, _) = futures::join!(writing, relays);
        total.send_replace(Some(committed.iter().flat_map(BTreeMap::values).sum()));
        committed
    };
    let readers = join_all((1..=3).map(|home| read(&tables, home, &done)));
    let (committed, seen) = futures::join!(work, readers);
    for (home, seen) in (1..).zip(seen) {
        for (writer, committed) in (0_u128..).zip(&committed) {
            let of_writer: Vec<u128> =
                seen.iter().map(Uuid::as_u128).filter(|it| it >> 64 == writer).collect();
            let expected: Vec<u128> = (0..u128::from(committed.get(&home).copied().unwrap_or(0)))
                .map(|it| writer << 64 | it)
                .collect();
            assert_eq!(of_writer, expected, "seed {seed}, writer {writer}, workspace {home}");
        }
    }
    let all: usize = committed.iter().flat_map(BTreeMap::values).sum::<u64>() as usize;
    assert!(all > 50, "seed {seed}: something was tried: {all}");
}

async fn waiting(tables: &Tables) -> i64 {
    let waiting = sqlx::query_scalar("SELECT count(*) FROM tasks.change");
    waiting.fetch_one(tables.engine.pool()).await.expect("count")
}

#[tokio::test]
async fn numbers_are_contiguous_and_nothing_is_lost_whoever_commits_when() {
    for seed in 0..4 {
        tokio::time::timeout(Duration::from_mins(1), contiguous(seed)).await.expect("it ends");
    }
}
