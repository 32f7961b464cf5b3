//! The fence: who lost the lease commits nothing, and this is the statement's doing and nobody else's.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{NOW, Tables, intent, workspace};
use crate::domain::event::{Event, Failed, RunError, Succeeded};
use crate::domain::id::ArtifactId;
use crate::store::append::{
    APPEND, Append, Besides, Refusal, append_by, append_many, append_one, append_with,
};
use crate::store::artifact::NewArtifact;
use crate::store::lease::{self, Lease, Release};
use crate::store::{run, task};

/// What the append would be without its fence.
fn mutant() -> String {
    let mutant = APPEND.replace("AND run.lease_epoch = a.epoch ", "");
    assert_ne!(mutant, APPEND, "the fence is where it was");
    mutant
}

/// One worker appends as fast as it can while its lease is reaped and another one appends too. True if the epochs of the
/// journal never fall and no append of a lost lease is in it.
async fn fence_holds(statement: &str, seed: u32) -> bool {
    let tables = Tables::new().await;
    let run = tables.run(workspace(1)).await;
    let (first, second) = (tables.worker().await, tables.worker().await);
    let old = tables.claim(first, 1).await.remove(0);

    let append_all = |lease: Lease, steps: std::ops::Range<u32>| {
        let (engine, statement) = (tables.engine.clone(), statement.to_owned());
        async move {
            let mut committed = 0;
            for step in steps {
                let mut connection = engine.pool().acquire().await.expect("acquire");
                let statement = AssertSqlSafe(statement.clone());
                let done =
                    append_by(&mut connection, statement, &[intent(&lease, step)]).await.expect("append");
                committed += done.len();
            }
            committed
        }
    };
    let take_over = async {
        // The old worker gets a few steps in; how many differs with the seed.
        for _ in 0..seed {
            sqlx::query("SELECT 1").execute(tables.engine.pool()).await.expect("a round trip");
        }
        tables.silence(first, 60.0).await;
        // A look passes over a row that an append holds at that instant; the next one finds it.
        while lease::reap(&tables.engine, Duration::from_secs(6)).await.expect("reap") == 0 {}
        let new = tables.claim(second, 1).await.remove(0);
        assert_eq!(new.epoch, old.epoch + 1);
        append_all(new, 1_000..1_040).await
    };
    let (_, new_committed) = futures::join!(append_all(old.clone(), 1..200), take_over);
    assert_eq!(new_committed, 40, "the lease holder commits everything");

    let journal = tables.journal(run).await;
    let gapless = journal.iter().zip(1..).all(|((seq, _), expected)| *seq == expected);
    let epochs_rise = journal.windows(2).all(|pair| pair[0].1 <= pair[1].1);
    // A mutant stamps the row's epoch on what a zombie wrote: count it instead.
    let of_new = journal.iter().filter(|(_, epoch)| *epoch == old.epoch + 1).count();
    gapless && epochs_rise && of_new == 40
}

#[tokio::test]
async fn zombie_commits_nothing_however_the_take_over_falls() {
    for seed in 0..6 {
        assert!(fence_holds(APPEND, seed).await, "seed {seed}");
    }
}

#[tokio::test]
async fn without_the_fence_the_same_test_fails() {
    let mutant = mutant();
    let mut caught = 0;
    for seed in 0..3 {
        caught += u32::from(!fence_holds(&mutant, seed).await);
    }
    assert!(caught > 0, "the test above would not notice a missing fence");
}

#[tokio::test]
async fn stale_epoch_is_refused_and_leaves_no_trace() {
    let tables = Tables::new().await;
    let run = tables.run(workspace(1)).await;
    let worker = tables.worker().await;
    let lease = tables.claim(worker, 1).await.remove(0);
    let mut connection = tables.engine.pool().acquire().await.expect("acquire");

    for epoch in [lease.epoch - 1, lease.epoch + 1] {
        let stale = Append { epoch, ..intent(&lease, 1) };
        assert!(matches!(append_one(&mut connection, &stale).await, Err(Refusal::Fenced)), "epoch {epoch}");
    }
    assert_eq!(tables.journal(run).await, [(1, 0)]);

    // A lease that was given back fences its former holder as well.
    assert!(lease::release(&tables.engine, run, lease.epoch, Release::HandBack).await.expect("release"));
    assert!(matches!(append_one(&mut connection, &intent(&lease, 1)).await, Err(Refusal::Fenced)));
    assert!(!lease::release(&tables.engine, run, lease.epoch, Release::HandBack).await.expect("again"));
}

#[tokio::test]
async fn one_statement_appends_for_many_runs_and_fences_each_alone() {
    let tables = Tables::new().await;
    for number in 1..=3 {
        tables.run(workspace(number)).await;
    }
    let worker = tables.worker().await;
    let leases = tables.claim(worker, 10).await;
    assert_eq!(leases.len(), 3);
    let stale = leases[1].run;
    let appends: Vec<Append> = leases
        .iter()
        .map(|lease| {
            let epoch = if lease.run == stale { lease.epoch - 1 } else { lease.epoch };
            Append { epoch, ..intent(lease, 1) }
        })
        .collect();
    let mut connection = tables.engine.pool().acquire().await.expect("acquire");
    let committed = append_many(&mut connection, &appends).await.expect("append");
    assert_eq!(committed.len(), 2);
    assert!(!committed.contains_key(&stale));
    assert_eq!(tables.journal(stale).await.len(), 1);
    assert!(committed.values().all(|appended| appended.head_seq == 2));
}

#[tokio::test]
async fn same_step_is_committed_once() {
    let tables = Tables::new().await;
    tables.run(workspace(1)).await;
    let worker = tables.worker().await;
    let lease = tables.claim(worker, 1).await.remove(0);
    let mut connection = tables.engine.pool().acquire().await.expect("acquire");
    append_one(&mut connection, &intent(&lease, 1)).await.expect("first");
    assert!(matches!(append_one(&mut connection, &intent(&lease, 1)).await, Err(Refusal::Duplicate)));
    assert_eq!(tables.journal(lease.run).await.len(), 2);
}

#[tokio::test]
async fn end_closes_the_run_and_moves_its_task_in_the_same_transaction() {
    let tables = Tables::new().await;
    let home = workspace(1);
    let ends = [
        (Event::Succeeded(Succeeded { summary: "done\0".into(), evidence: Vec::new() }), 3),
        (Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "It went round in circles.") }), 4),
    ];
    for (end, state) in ends {
        let task = tables.task(home).await;
        let run = tables.run_of(home, task).await;
        let worker = tables.worker().await;
        let lease = tables.claim(worker, 1).await.remove(0);
        let artifact = NewArtifact {
            artifact: ArtifactId::new(tables.id()),
            path: "report.md".into(),
            media_type: "text/markdown".into(),
            content: b"# Report".to_vec(),
        };
        let append = Append { run, epoch: lease.epoch, at: NOW, events: vec![end] };
        append_with(&tables.engine, home, &append, &Besides::artifacts(vec![artifact]))
            .await
            .expect("append");

        let mut tx = tables.api.read(home.uuid()).await.expect("read");
        let stored = run::get(&mut tx, run).await.expect("get").expect("there");
        assert_eq!((stored.status, stored.end_time), (state, Some(NOW)));
        assert!(!stored.summary.contains('\0'));
        assert_eq!(task::get(&mut tx, task).await.expect("get").expect("there").state, state);
        assert!(crate::store::artifact::newest(&mut tx, run, "report.md").await.expect("get").is_some());
        // And nothing can follow.
        assert!(matches!(
            append_with(&tables.engine, home, &append, &Besides::default()).await,
            Err(Refusal::Fenced)
        ));
    }
}

#[tokio::test]
async fn revisions_of_a_path_count_up_and_a_fenced_write_leaves_none() {
    let tables = Tables::new().await;
    let home = workspace(1);
    let run = tables.run(home).await;
    let worker = tables.worker().await;
    let lease = tables.claim(worker, 1).await.remove(0);
    let write = |content: &str| NewArtifact {
        artifact: ArtifactId::new(tables.id()),
        path: "a.txt".into(),
        media_type: "text/plain".into(),
        content: content.as_bytes().to_vec(),
    };
    for (step, content) in [(1, "one"), (2, "two")] {
        append_with(&tables.engine, home, &intent(&lease, step), &Besides::artifacts(vec![write(content)]))
            .await
            .expect("append");
    }
    let stale = Append { epoch: lease.epoch - 1, ..intent(&lease, 3) };
    assert!(
        append_with(&tables.engine, home, &stale, &Besides::artifacts(vec![write("three")])).await.is_err()
    );
    let mut tx = tables.api.read(home.uuid()).await.expect("read");
    let artifacts = crate::store::artifact::list(&mut tx, home, Some(run), None, 10).await.expect("list");
    assert_eq!(artifacts.iter().map(|artifact| artifact.revision).collect::<Vec<_>>(), [2, 1]);
}
