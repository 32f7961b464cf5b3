//! Fairness, counted in claims and in pages that a claim touches: never in time.

use std::collections::HashSet;

use uuid::Uuid;

use super::plans::explain;
use super::{Tables, workspace};
use crate::domain::id::{RunId, WorkspaceId};
use crate::store::lease::{self, CLAIM, Caps, Lease, Release};
use crate::store::run::FOLD_VERSION_COLUMN;

const NIL: WorkspaceId = WorkspaceId::new(Uuid::nil());
const LARGE: WorkspaceId = workspace(1);
const SMALL: WorkspaceId = workspace(2);

/// Runs that stand in line, a millisecond behind each other.
#[derive(Debug, Clone, Copy)]
struct Line {
    workspace: WorkspaceId,
    agent: u128,
    provider: &'static str,
    runs: i32,
    priority: i16,
    /// What the agent's version allows.
    agent_runs: Option<i32>,
    capability: &'static str,
    /// How long ago the first one joined.
    minutes: f64,
}

const LINE: Line = Line {
    workspace: LARGE,
    agent: 1,
    provider: "one",
    runs: 1,
    priority: 0,
    agent_runs: None,
    capability: "",
    minutes: 60.0,
};

impl Tables {
    /// Puts runs into the line, all at once.
    async fn line(&self, line: Line) -> Vec<RunId> {
        let runs: Vec<Uuid> = sqlx::query_scalar(
            "WITH made AS (
                 INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, head_seq, starter, fold_version,
                     create_time, model, priority, agent_runs, capability, queue_time)
                 SELECT gen_random_uuid(), $1, gen_random_uuid(), $2, 1, 1, $2, 1, now(), $3 || '/m', $5, $6, $7,
                     now() - $8 * interval '1 minute' + n * interval '1 ms'
                 FROM generate_series(1, $4) n
                 RETURNING *
             )
             INSERT INTO tasks.ready
                 (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn)
             SELECT run_id, workspace_id, now(), fold_version, capability, agent_id, provider, agent_runs, turn FROM made
             RETURNING run_id",
        )
        .bind(line.workspace.uuid())
        .bind(Uuid::from_u128(line.agent))
        .bind(line.provider)
        .bind(line.runs)
        .bind(line.priority)
        .bind(line.agent_runs)
        .bind(line.capability)
        .bind(line.minutes)
        .fetch_all(&self.kit.admin())
        .await
        .expect("queue");
        sqlx::raw_sql("ANALYZE tasks.run; ANALYZE tasks.ready")
            .execute(&self.kit.admin())
            .await
            .expect("analyze");
        runs.into_iter().map(RunId::new).collect()
    }

    /// Pages that a claim touches, the writes of what it takes included. It is undone.
    async fn pages_of_a_claim(&self, limit: i64, caps: Caps) -> i64 {
        let mut tx = self.engine.begin_open().await.expect("begin");
        let plan = explain(&mut tx, CLAIM, |query| {
            query
                .bind(limit)
                .bind(Uuid::from_u128(77))
                .bind(Uuid::nil())
                .bind(caps.workspace)
                .bind(caps.here)
                .bind(caps.agent)
                .bind(caps.provider)
                .bind(FOLD_VERSION_COLUMN)
                .bind(vec![String::new()])
        })
        .await;
        // Now, not some time after the drop: what is locked would be passed over.
        tx.rollback().await.expect("roll back");
        plan.pages
    }
}

fn runs(leases: &[Lease]) -> HashSet<RunId> {
    leases.iter().map(|lease| lease.run).collect()
}

fn of(leases: &[Lease], workspace: WorkspaceId) -> usize {
    leases.iter().filter(|lease| lease.workspace == workspace).count()
}

#[tokio::test]
async fn ten_thousand_queued_runs_hold_up_nobody_else() {
    let tables = Tables::new().await;
    tables.line(Line { runs: 10_000, priority: 2, ..LINE }).await;
    let late = tables.line(Line { workspace: SMALL, minutes: 0.0, priority: -1, ..LINE }).await[0];
    let worker = tables.worker().await;
    // One slot is free, as in a fleet that has much to do: the turn goes round.
    let first = tables.claim_within(worker, 1, NIL, Caps::NONE).await;
    assert_eq!(of(&first, LARGE), 1);
    let second = tables.claim_within(worker, 1, LARGE, Caps::NONE).await;
    assert_eq!(runs(&second), [late].into(), "the second claim has it");

    // Many are: each has its share of the very first batch.
    let late = tables.line(Line { workspace: SMALL, minutes: 0.0, priority: -1, ..LINE }).await[0];
    let batch = tables.claim_within(worker, 64, NIL, Caps::NONE).await;
    assert!(runs(&batch).contains(&late));
    assert_eq!((of(&batch, LARGE), of(&batch, SMALL)), (32, 1));
}

#[tokio::test]
async fn workspace_that_has_nearly_all_of_a_worker_leaves_the_rest_to_others() {
    let tables = Tables::new().await;
    tables.line(Line { runs: 1_000, ..LINE }).await;
    let worker = tables.worker().await;
    let caps = Caps { here: 7, ..Caps::NONE };
    assert_eq!(tables.claim_within(worker, 8, NIL, caps).await.len(), 7);
    assert!(tables.claim_within(worker, 1, NIL, caps).await.is_empty(), "the eighth slot stays free");
    let late = tables.line(Line { workspace: SMALL, ..LINE }).await[0];
    assert_eq!(runs(&tables.claim_within(worker, 1, NIL, caps).await), [late].into());
    let other = tables.worker().await;
    assert_eq!(
        tables.claim_within(other, 8, NIL, caps).await.len(),
        7,
        "what one worker has is not another's matter"
    );
}

#[tokio::test]
async fn agent_at_its_cap_holds_up_none_behind_it_and_nobody_reads_its_backlog() {
    let tables = Tables::new().await;
    let caps = Caps { agent: 2, ..Caps::NONE };
    let worker = tables.worker().await;
    tables.line(Line { runs: 100, ..LINE }).await;
    let other = tables.line(Line { agent: 2, minutes: 1.0, ..LINE }).await[0];
    let short = tables.pages_of_a_claim(64, caps).await;
    tables.line(Line { runs: 9_900, ..LINE }).await;
    let long = tables.pages_of_a_claim(64, caps).await;
    assert!(long <= short + short / 2, "{long} pages behind 10,000 runs, {short} behind 100");

    let batch = tables.claim_within(worker, 64, NIL, caps).await;
    assert_eq!(batch.len(), 3);
    assert!(runs(&batch).contains(&other), "the last in line is of another agent");
    assert!(tables.claim_within(worker, 64, NIL, caps).await.is_empty());
    let full = tables.pages_of_a_claim(64, caps).await;
    assert!(full <= 100, "{full} pages to find that nothing of 9,998 may run");
    lease::delay(&tables.engine, batch[0].run, batch[0].epoch, super::NOW, Release::HandBack)
        .await
        .expect("delay");
    let freed = usize::from(batch[0].run != other);
    assert_eq!(tables.claim_within(worker, 64, NIL, caps).await.len(), freed);
}

#[tokio::test]
async fn version_names_its_own_number_and_two_strands_of_an_agent_share_it() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    let own = Line { runs: 5, agent_runs: Some(2), ..LINE };
    tables.line(own).await;
    // The version before asked another provider.
    tables.line(Line { provider: "two", minutes: 30.0, ..own }).await;
    assert_eq!(
        tables.claim_within(worker, 64, NIL, Caps::NONE).await.len(),
        2,
        "fewer than the fleet allows"
    );
    assert!(tables.claim_within(worker, 64, NIL, Caps::NONE).await.is_empty());

    let tables = Tables::new().await;
    let worker = tables.worker().await;
    tables.line(Line { runs: 9, agent_runs: Some(6), ..LINE }).await;
    let caps = Caps { agent: 3, ..Caps::NONE };
    assert_eq!(
        tables.claim_within(worker, 64, NIL, caps).await.len(),
        6,
        "and more than it allows by default"
    );
}

#[tokio::test]
async fn limit_of_the_pinned_version_reaches_the_line() {
    let tables = Tables::new().await;
    let mut agent = super::writer();
    agent.limits.max_concurrent_runs = Some(1);
    for _ in 0..3 {
        let task = tables.task(LARGE).await;
        tables.run_by(LARGE, task, agent.clone()).await;
    }
    let worker = tables.worker().await;
    let first = tables.claim_within(worker, 64, NIL, Caps::NONE).await;
    assert_eq!(first.len(), 1);
    lease::release(&tables.engine, first[0].run, first[0].epoch, Release::HandBack).await.expect("release");
    let again = tables.claim_within(worker, 64, NIL, Caps::NONE).await;
    assert_eq!(runs(&again), runs(&first), "it is still the first in line");
}

#[tokio::test]
async fn agents_share_the_cap_of_their_provider_and_another_provider_goes_past() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    for agent in 1..=3 {
        tables.line(Line { agent, runs: 500, ..LINE }).await;
    }
    let other = tables.line(Line { agent: 3, provider: "two", minutes: 1.0, ..LINE }).await[0];
    let elsewhere = tables.line(Line { workspace: SMALL, ..LINE }).await[0];
    let caps = Caps { provider: 4, ..Caps::NONE };
    let batch = tables.claim_within(worker, 64, NIL, caps).await;
    assert_eq!(batch.len(), 4 + 1 + 1);
    assert!(runs(&batch).is_superset(&[other, elsewhere].into()), "a provider's name is its workspace's own");
    assert!(tables.claim_within(worker, 64, NIL, caps).await.is_empty());
}

#[tokio::test]
async fn within_a_workspace_the_oldest_is_first_whoever_does_it() {
    let tables = Tables::new().await;
    let mut expected = Vec::new();
    for at in 0..12_u32 {
        let (agent, provider) = (u128::from(at % 3) + 1, if at % 2 == 0 { "one" } else { "two" });
        expected.extend(tables.line(Line { agent, provider, minutes: 60.0 - f64::from(at), ..LINE }).await);
    }
    let worker = tables.worker().await;
    let mut claimed = Vec::new();
    for _ in 0..4 {
        let mut batch = tables.claim_within(worker, 3, NIL, Caps::NONE).await;
        batch.sort_by_key(|lease| expected.iter().position(|run| *run == lease.run));
        claimed.extend(batch.into_iter().map(|lease| lease.run));
    }
    assert_eq!(claimed, expected);
}

#[tokio::test]
async fn run_of_low_priority_is_late_and_does_not_starve() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    let low = tables.line(Line { priority: -1, minutes: 300.0, ..LINE }).await[0];
    let mut ahead = 0;
    // Each minute an urgent one joins and one run is taken, for ever.
    for minute in 1..100 {
        tables.line(Line { agent: 2, priority: 2, minutes: 300.0 - f64::from(minute), ..LINE }).await;
        let taken = tables.claim_within(worker, 1, NIL, Caps::NONE).await;
        if taken[0].run == low {
            break;
        }
        ahead += 1;
    }
    assert_eq!(ahead, 29, "three levels are worth thirty minutes: who joined within them, and nobody later");
}

#[tokio::test]
async fn what_was_under_way_comes_before_what_is_new() {
    let tables = Tables::new().await;
    let (dead, alive) = (tables.worker().await, tables.worker().await);
    let old = tables.line(Line { minutes: 61.0, ..LINE }).await[0];
    assert_eq!(tables.claim_within(dead, 1, NIL, Caps::NONE).await[0].run, old);
    tables.line(Line { runs: 1_000, ..LINE }).await;
    tables.silence(dead, 60.0).await;
    lease::reap(&tables.engine, std::time::Duration::from_secs(6)).await.expect("reap");
    let first = tables.claim_within(alive, 1, NIL, Caps::NONE).await.remove(0);
    assert_eq!(first.run, old, "taken from the dead, it does not queue again behind a thousand");
    // A person who answers after a while, too.
    let rest = lease::Rest::Until(super::NOW);
    lease::suspend(&tables.engine, old, first.epoch, rest).await.expect("suspend");
    assert_eq!(tables.promote_at(super::NOW).await, 1);
    assert_eq!(tables.claim_within(alive, 1, NIL, Caps::NONE).await[0].run, old);
}

#[tokio::test]
async fn of_more_agents_than_are_looked_at_none_is_left_out() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    for agent in 1..=150 {
        tables.line(Line { agent, ..LINE }).await;
    }
    let mut claimed = HashSet::new();
    for _ in 0..150 {
        claimed.extend(runs(&tables.claim_within(worker, 1, NIL, Caps::NONE).await));
    }
    assert_eq!(claimed.len(), 150);
}

#[tokio::test]
async fn what_a_worker_cannot_take_is_passed_over_whole() {
    let tables = Tables::new().await;
    let plain = tables.line(Line { minutes: 1.0, ..LINE }).await[0];
    let alone = tables.pages_of_a_claim(8, Caps::NONE).await;
    tables.line(Line { capability: "exec", runs: 10_000, ..LINE }).await;
    let beside = tables.pages_of_a_claim(8, Caps::NONE).await;
    assert!(beside <= alone * 2, "{beside} pages beside 10,000 runs for others, {alone} alone");
    let worker = tables.worker().await;
    assert_eq!(runs(&tables.claim_within(worker, 8, NIL, Caps::NONE).await), [plain].into());
}

#[tokio::test]
async fn claim_touches_as_many_pages_behind_ten_thousand_as_behind_a_hundred() {
    let tables = Tables::new().await;
    for agent in 1..=5 {
        tables.line(Line { agent, runs: 20, ..LINE }).await;
    }
    tables.line(Line { workspace: SMALL, ..LINE }).await;
    let few = [tables.pages_of_a_claim(1, Caps::NONE).await, tables.pages_of_a_claim(64, Caps::NONE).await];
    for agent in 1..=5 {
        tables.line(Line { agent, runs: 1_980, ..LINE }).await;
    }
    let many = [tables.pages_of_a_claim(1, Caps::NONE).await, tables.pages_of_a_claim(64, Caps::NONE).await];
    // The trees are a level or so higher: each probe and each write takes a page more.
    for (few, many) in few.into_iter().zip(many) {
        assert!(many <= few * 2, "{many} pages behind 10,000 runs, {few} behind 100");
    }
}
