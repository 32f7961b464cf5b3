//! A provider that takes no calls: who waits, who goes first, and how the others are let go.

use std::time::Duration;

use futures::future::join_all;

use super::{NOW, Tables, workspace, writer};
use crate::domain::brief::AgentSnapshot;
use crate::domain::fold::WaitReason;
use crate::domain::id::{RunId, WorkspaceId};
use crate::domain::order::{CommandKind, Details, LetterContent};
use crate::store::lease::{self, Lease, Rest, Suspended};
use crate::store::park::{self, Entry, Line, Park};

const HOME: WorkspaceId = workspace(1);
const LINE: Line<'static> = Line { workspace: HOME, provider: "simulator" };

impl Tables {
    async fn in_line(&self, count: usize) -> Vec<RunId> {
        let mut runs = Vec::new();
        for _ in 0..count {
            runs.push(self.run(HOME).await);
        }
        runs
    }

    async fn refuse(&self, run: RunId, seconds: u64) -> Duration {
        let asked = Duration::from_secs(seconds);
        park::close(&self.engine, LINE, run, asked, "Slow down.").await.expect("close")
    }

    async fn enter(&self, run: RunId) -> Entry {
        park::enter(&self.engine, LINE, run).await.expect("enter")
    }

    async fn tend(&self) -> u64 {
        park::tend(&self.engine).await.expect("tend")
    }

    async fn park(&self) -> Option<Park> {
        let mut tx = self.api.read(HOME.uuid()).await.expect("read");
        let mut parks = park::list(&mut tx, HOME).await.expect("list");
        assert!(parks.len() < 2, "{parks:?}");
        parks.pop()
    }

    async fn set_park(&self, what: &str) {
        let statement = format!("UPDATE tasks.park SET {what}");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&self.kit.admin()).await.expect("set");
    }

    /// As if the next look were due.
    async fn due(&self) {
        self.set_park("due_at = now() - interval '1 ms'").await;
    }

    async fn claimed(&self, limit: i64) -> Vec<RunId> {
        self.claim(self.worker().await, limit).await.iter().map(|lease| lease.run).collect()
    }

    /// Rests as a run does that its provider refused.
    async fn sleep(&self, lease: &Lease) {
        let rest = Rest::WaitingUntil(WaitReason::Quota, NOW + time::Duration::days(300));
        let rested = lease::suspend(&self.engine, lease.run, lease.epoch, rest).await.expect("suspend");
        assert_eq!(rested, Suspended::Done);
    }
}

fn about(wait: Duration, seconds: u64) -> bool {
    let seconds = Duration::from_secs(seconds);
    wait <= seconds && wait + Duration::from_secs(2) > seconds
}

#[tokio::test]
async fn claim_passes_over_runs_that_would_call_and_over_nobody_else() {
    let tables = Tables::new().await;
    let waiting = tables.in_line(5).await;
    let other_model = AgentSnapshot { model: "other/demo".into(), ..writer() };
    let other = tables.run_by(HOME, tables.task(HOME).await, other_model).await;
    let neighbour = tables.run(workspace(2)).await;
    tables.refuse(waiting[0], 60).await;

    let mut free = tables.claimed(9).await;
    free.sort_unstable();
    assert_eq!(free, [other, neighbour]);
    // Who is spoken to is heard, whatever its provider says.
    assert!(!tables.post(HOME, waiting[3], &tables.order(CommandKind::Cancel)).await.woken, "it is in line");
    let text = "Mind the gap.".to_owned();
    let LetterContent::Command { command, .. } = tables.order(CommandKind::Steer) else { unreachable!() };
    let details = Details { text, interrupt: false };
    let said = LetterContent::Command { command, kind: CommandKind::Steer, reason: String::new(), details };
    tables.post(HOME, waiting[2], &said).await;
    assert_eq!(tables.claimed(9).await, [waiting[3]], "a message waits for the model anyway");
    let park = tables.park().await.expect("parked");
    assert_eq!((park.waiting, park.refusals, park.opening, park.probe_run), (4, 1, false, None));
    assert_eq!(park.message, "Slow down.");
}

#[tokio::test]
async fn of_many_that_ask_at_its_time_one_goes_first() {
    let tables = Tables::new().await;
    let runs = tables.in_line(20).await;
    tables.refuse(runs[0], 60).await;
    let parked = join_all(runs.iter().map(|run| tables.enter(*run))).await;
    assert!(
        parked.iter().all(|entry| matches!(entry, Entry::Parked(wait) if about(*wait, 60))),
        "{parked:?}"
    );

    tables.end_parks().await;
    let asked = join_all(runs.iter().map(|run| tables.enter(*run))).await;
    let first: Vec<usize> = (0..20).filter(|at| asked[*at] == Entry::First).collect();
    assert_eq!(first.len(), 1, "{asked:?}");
    let first = runs[first[0]];
    assert_eq!(tables.enter(first).await, Entry::First, "it asks again");
    assert!(park::renew(&tables.engine, LINE, first).await.expect("renew"));
    let other = *runs.iter().find(|run| **run != first).expect("another");
    assert!(!park::renew(&tables.engine, LINE, other).await.expect("renew"));
    assert!(!park::open(&tables.engine, LINE, other).await.expect("open"), "it has not asked");
    assert!(matches!(tables.enter(other).await, Entry::Parked(wait) if about(wait, 60)));
}

#[tokio::test]
async fn of_resets_that_are_told_at_once_the_latest_counts_and_all_are_one_refusal() {
    for order in [[10, 90, 30], [90, 30, 10], [30, 10, 90]] {
        let tables = Tables::new().await;
        let runs = tables.in_line(3).await;
        join_all(runs.iter().zip(order).map(|(run, seconds)| tables.refuse(*run, seconds))).await;
        let again = tables.refuse(runs[0], 5).await;
        assert!(about(again, 90), "{order:?}: {again:?}");
        assert_eq!(tables.park().await.expect("parked").refusals, 1);
    }
}

#[tokio::test]
async fn refused_again_it_is_left_alone_for_twice_as_long_and_never_for_less_than_it_asks() {
    let tables = Tables::new().await;
    let runs = tables.in_line(2).await;
    assert!(about(tables.refuse(runs[0], 5).await, 5));
    for expected in [10, 20, 40, 80, 160, 320, 640, 900, 900] {
        tables.end_parks().await;
        assert_eq!(tables.enter(runs[0]).await, Entry::First);
        let wait = tables.refuse(runs[0], 5).await;
        assert!(about(wait, expected), "{expected}: {wait:?}");
        assert!(about(tables.refuse(runs[0], 5).await, expected), "said twice it counts once");
    }
    tables.end_parks().await;
    assert_eq!(tables.enter(runs[1]).await, Entry::First);
    assert!(about(tables.refuse(runs[1], 7_200).await, 7_200), "it knows best");
}

#[tokio::test]
async fn late_refusal_of_a_call_from_before_neither_ends_the_probe_nor_counts() {
    let tables = Tables::new().await;
    let runs = tables.in_line(2).await;
    tables.refuse(runs[0], 5).await;
    tables.end_parks().await;
    assert_eq!(tables.enter(runs[0]).await, Entry::First);
    assert!(about(tables.refuse(runs[1], 30).await, 30));
    let park = tables.park().await.expect("parked");
    assert_eq!((park.refusals, park.probe_run), (1, Some(runs[0].uuid())));
    assert!(park::open(&tables.engine, LINE, runs[0]).await.expect("open"));
    assert_eq!(tables.enter(runs[1]).await, Entry::Open);
}

#[tokio::test]
async fn scheduler_has_the_first_in_line_go_first_and_another_when_that_is_dead() {
    let tables = Tables::new().await;
    let runs = tables.in_line(3).await;
    tables.refuse(runs[2], 60).await;
    tables.due().await;
    assert_eq!(tables.tend().await, 0, "its time has not come");
    assert!(tables.claimed(9).await.is_empty());

    tables.end_parks().await;
    let freed: u64 = join_all((0..4).map(|_| tables.tend())).await.into_iter().sum();
    assert_eq!(freed, 1, "four schedulers");
    assert_eq!(tables.claimed(9).await, [runs[0]]);
    assert_eq!(tables.enter(runs[0]).await, Entry::First);
    assert!(matches!(tables.enter(runs[1]).await, Entry::Parked(_)));
    tables.due().await;
    assert_eq!(tables.tend().await, 0, "it lives");

    tables.end_parks().await;
    assert_eq!(tables.tend().await, 1, "it is silent");
    assert_eq!(tables.claimed(9).await, [runs[1]]);
    assert_eq!(tables.enter(runs[1]).await, Entry::First);
    assert!(!park::open(&tables.engine, LINE, runs[0]).await.expect("open"), "the dead say nothing");
}

#[tokio::test]
async fn once_calls_are_taken_all_are_let_go_a_few_at_a_time_and_the_park_ends() {
    let tables = Tables::new().await;
    let asleep = tables.claim_runs(3).await;
    for lease in &asleep {
        tables.sleep(lease).await;
    }
    let runs = tables.in_line(40).await;
    tables.refuse(runs[0], 60).await;
    assert_eq!(tables.park().await.expect("parked").waiting, 43);
    tables.end_parks().await;
    assert_eq!(tables.tend().await, 1);
    assert_eq!(tables.claimed(99).await, [runs[0]]);
    assert_eq!(tables.enter(runs[0]).await, Entry::First);
    assert!(park::open(&tables.engine, LINE, runs[0]).await.expect("open"));

    let mut let_go = Vec::new();
    let mut claimed = Vec::new();
    while tables.park().await.is_some() {
        tables.due().await;
        let_go.push(tables.tend().await);
        lease::promote(&tables.engine).await.expect("promote");
        claimed.extend(tables.claimed(99).await);
        assert!(let_go.len() < 20, "{let_go:?}");
    }
    assert_eq!(let_go[..4], [2, 4, 8, 16], "{let_go:?}");
    assert_eq!(let_go.iter().sum::<u64>(), 42, "{let_go:?}");
    claimed.sort_unstable();
    let mut expected: Vec<RunId> = runs[1..].iter().copied().chain(asleep.iter().map(|it| it.run)).collect();
    expected.sort_unstable();
    assert_eq!(claimed, expected);
}

#[tokio::test]
async fn refusal_while_it_opens_closes_it_for_longer() {
    let tables = Tables::new().await;
    let runs = tables.in_line(10).await;
    tables.refuse(runs[0], 5).await;
    tables.end_parks().await;
    tables.tend().await;
    assert_eq!(tables.enter(runs[0]).await, Entry::First);
    assert!(park::open(&tables.engine, LINE, runs[0]).await.expect("open"));
    assert_eq!(tables.tend().await, 2);
    assert!(about(tables.refuse(runs[1], 5).await, 10));
    tables.due().await;
    assert_eq!(tables.tend().await, 0);
    assert!(matches!(tables.enter(runs[2]).await, Entry::Parked(_)), "it was let go, and comes too late");
    assert_eq!(tables.claimed(9).await.len(), 3, "those that were let go, and no others");
}

#[tokio::test]
async fn park_that_nobody_waits_for_is_forgotten_at_its_time() {
    let tables = Tables::new().await;
    let lease = tables.claim_runs(1).await.remove(0);
    tables.refuse(lease.run, 60).await;
    tables.due().await;
    tables.tend().await;
    assert!(tables.park().await.is_some(), "others would be refused as well");
    tables.end_parks().await;
    tables.tend().await;
    assert_eq!(tables.park().await, None);
}

#[tokio::test]
async fn probe_that_heard_nothing_of_the_limit_has_another_go_first() {
    let tables = Tables::new().await;
    let runs = tables.in_line(2).await;
    tables.refuse(runs[0], 5).await;
    tables.end_parks().await;
    assert_eq!(tables.enter(runs[0]).await, Entry::First);
    assert!(park::pass_on(&tables.engine, LINE, runs[0], Duration::ZERO).await.expect("pass on"));
    assert_eq!(tables.enter(runs[1]).await, Entry::First);
    assert!(park::pass_on(&tables.engine, LINE, runs[1], Duration::from_secs(30)).await.expect("pass on"));
    assert!(matches!(tables.enter(runs[0]).await, Entry::Parked(wait) if about(wait, 30)));
    assert!(!park::pass_on(&tables.engine, LINE, runs[1], Duration::ZERO).await.expect("not first"));
}

impl Tables {
    async fn claim_runs(&self, count: usize) -> Vec<Lease> {
        self.in_line(count).await;
        self.claim(self.worker().await, count as i64).await
    }
}

/// The server's clock was an hour ahead when this was told: ten seconds were to be waited.
const TOLD_AHEAD: &str = "told_at = now() + interval '1 hour', until = now() + interval '1 hour 10 seconds',
    due_at = now() + interval '1 hour 10 seconds'";

#[tokio::test]
async fn clock_that_is_set_back_lengthens_no_wait_whoever_comes_first() {
    let tables = Tables::new().await;
    let runs = tables.in_line(2).await;
    tables.refuse(runs[0], 10).await;
    tables.set_park(TOLD_AHEAD).await;
    assert_eq!(tables.tend().await, 0);
    assert!(matches!(tables.enter(runs[0]).await, Entry::Parked(wait) if about(wait, 10)), "a scheduler");

    tables.set_park(TOLD_AHEAD).await;
    assert!(about(tables.refuse(runs[1], 5).await, 10), "another refusal");

    tables.end_parks().await;
    assert_eq!(tables.enter(runs[0]).await, Entry::First);
    tables.set_park(TOLD_AHEAD).await;
    assert!(park::renew(&tables.engine, LINE, runs[0]).await.expect("renew"));
    assert!(park::pass_on(&tables.engine, LINE, runs[0], Duration::ZERO).await.expect("pass on"));
    assert!(
        matches!(tables.enter(runs[1]).await, Entry::Parked(wait) if about(wait, 10)),
        "the one that went first"
    );
}
