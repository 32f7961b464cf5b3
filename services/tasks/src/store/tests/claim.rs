//! The claim: each run once, every workspace in its turn, none beyond its share.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Tables, workspace};
use crate::domain::id::WorkspaceId;
use crate::store::lease::{self, Caps, Claim, Release};
use crate::store::run::FOLD_VERSION_COLUMN;

#[tokio::test]
async fn workers_that_claim_at_once_share_the_runs_without_overlap() {
    let tables = Tables::new().await;
    for number in 0..40 {
        tables.run(workspace(number % 3 + 1)).await;
    }
    let workers = futures::future::join_all((0..4).map(|_| tables.worker())).await;
    let claims = workers.iter().map(|worker| async {
        let mut mine = Vec::new();
        loop {
            let batch = tables.claim(*worker, 7).await;
            // Rows that others are claiming are passed over, so an empty batch is no proof.
            if batch.is_empty() && left(&tables).await == 0 {
                return mine;
            }
            mine.extend(batch);
        }
    });
    let all: Vec<_> = futures::future::join_all(claims).await.into_iter().flatten().collect();
    let distinct: HashSet<_> = all.iter().map(|lease| lease.run).collect();
    assert_eq!((all.len(), distinct.len()), (40, 40));
    assert!(all.iter().all(|lease| lease.epoch == 1 && lease.claims == 1));
}

async fn left(tables: &Tables) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM tasks.ready")
        .fetch_one(&tables.kit.admin())
        .await
        .expect("count")
}

#[tokio::test]
async fn small_workspace_is_served_beside_a_backlog() {
    let tables = Tables::new().await;
    let (large, small) = (workspace(1), workspace(2));
    for _ in 0..60 {
        tables.run(large).await;
    }
    let run = tables.run(small).await;
    let worker = tables.worker().await;
    let batch = tables.claim(worker, 8).await;
    assert!(batch.iter().any(|lease| lease.run == run), "in the first batch, behind 60 older runs");
    assert!(batch.len() <= 8 && batch.len() > 1);
}

#[tokio::test]
async fn turn_goes_round_over_more_workspaces_than_a_batch_holds() {
    let tables = Tables::new().await;
    for number in 1..=5 {
        for _ in 0..4 {
            tables.run(workspace(number)).await;
        }
    }
    let worker = tables.worker().await;
    let mut after = WorkspaceId::new(Uuid::nil());
    let mut served: HashMap<WorkspaceId, u32> = HashMap::new();
    // Two at a time: without the turn, the first workspaces would be served until they are empty.
    for _ in 0..5 {
        let mut batch = tables.claim_after(worker, 2, after, 100).await;
        if batch.is_empty() {
            batch = tables.claim(worker, 2).await;
        }
        after = batch.iter().map(|lease| lease.workspace).max().expect("some");
        for lease in batch {
            *served.entry(lease.workspace).or_default() += 1;
        }
    }
    assert_eq!(served.len(), 5, "{served:?}");
    assert!(served.values().all(|runs| *runs <= 3), "{served:?}");
}

#[tokio::test]
async fn workspace_at_its_limit_is_passed_over_until_a_run_of_it_is_let_go() {
    let tables = Tables::new().await;
    for _ in 0..5 {
        tables.run(workspace(1)).await;
    }
    let worker = tables.worker().await;
    let nil = WorkspaceId::new(Uuid::nil());
    let first = tables.claim_after(worker, 10, nil, 3).await;
    assert_eq!(first.len(), 3);
    assert!(tables.claim_after(worker, 10, nil, 3).await.is_empty());
    lease::delay(&tables.engine, first[0].run, first[0].epoch, super::NOW, Release::HandBack)
        .await
        .expect("delay");
    assert_eq!(tables.claim_after(worker, 10, nil, 3).await.len(), 1);
}

#[tokio::test]
async fn worker_takes_only_what_it_can_carry_on() {
    let tables = Tables::new().await;
    let (newer, exec) = (tables.run(workspace(1)).await, tables.run(workspace(1)).await);
    for (statement, run) in [
        ("UPDATE tasks.ready SET fold_version = fold_version + 1 WHERE run_id = $1", newer),
        ("UPDATE tasks.ready SET capability = 'exec' WHERE run_id = $1", exec),
    ] {
        sqlx::query(statement).bind(run.uuid()).execute(&tables.kit.admin()).await.expect("mark");
    }
    let worker = tables.worker().await;
    assert!(tables.claim(worker, 10).await.is_empty());
    let able = |fold_version, labels: &[&str]| {
        let capabilities: Vec<String> = labels.iter().map(|&label| label.into()).collect();
        let engine = tables.engine.clone();
        async move {
            let claim = Claim {
                worker,
                limit: 10,
                after: WorkspaceId::new(Uuid::nil()),
                caps: Caps::NONE,
                fold_version,
                capabilities: &capabilities,
            };
            lease::claim(&engine, &claim).await.expect("claim")
        }
    };
    assert_eq!(able(FOLD_VERSION_COLUMN, &["", "exec"]).await[0].run, exec);
    assert_eq!(able(FOLD_VERSION_COLUMN + 1, &[""]).await[0].run, newer);
}

#[tokio::test]
async fn claims_count_up_until_a_run_makes_progress_or_is_handed_back() {
    let tables = Tables::new().await;
    let run = tables.run(workspace(1)).await;
    let worker = tables.worker().await;
    let mut seen = Vec::new();
    for why in [Release::Broken, Release::Broken, Release::HandBack, Release::HandBack] {
        let lease = tables.claim(worker, 1).await.remove(0);
        seen.push(lease.claims);
        assert!(lease::release(&tables.engine, run, lease.epoch, why).await.expect("release"));
    }
    assert_eq!(seen, [1, 2, 3, 3], "a handed back claim does not count");
}
